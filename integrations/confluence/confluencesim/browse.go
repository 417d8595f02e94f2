package confluencesim

import (
	"html/template"
	"net/http"
)

// browsePage is what a person sees of a page. Its body is shown as it is kept:
// the markup that Confluence adds to HTML has no looks here, but its words.
var browsePage = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#172b4d;overflow-wrap:anywhere}table{border-collapse:collapse}td,th{border:1px solid #c1c7d0;padding:.3rem .6rem;text-align:left;vertical-align:top}small{color:#5e6c84}ac\:parameter{font-weight:bold;margin-right:.5rem}</style>
<p><small>Simulated Confluence · version {{.Version}}</small></p>
<h1>{{.Title}}</h1>
{{.Body}}
`))

// getBrowse shows a page to a person in a browser, who need not log in: the
// simulator is for one machine. It can only be looked at. What is kept has no
// scripts, forms or handlers: see checkStorage.
func (s *Server) getBrowse(w http.ResponseWriter, r *http.Request) {
	p, ok := s.Page(r.PathValue("id"))
	if !ok || p.Hidden || p.Status == "trashed" {
		http.Error(w, "Page not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = browsePage.Execute(w, map[string]any{ // the caller may be gone
		"Title": p.Title, "Version": p.Version, "Body": template.HTML(p.Body), //nolint:gosec // checked when it was stored
	})
}

// PageURL is where a browser shows a page; "" if there is none of that id.
func (s *Server) PageURL(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.page(id)
	if p == nil {
		return ""
	}
	sp := s.space(func(sp *Space) bool { return sp.ID == p.SpaceID })
	return s.URL() + "/wiki/spaces/" + sp.Key + "/pages/" + p.ID
}
