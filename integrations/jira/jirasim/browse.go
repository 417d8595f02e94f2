package jirasim

import (
	"html/template"
	"net/http"
)

// browsePage is what a person sees of an issue.
var browsePage = template.Must(template.New("issue").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Issue.Key}} {{.Issue.Summary}}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#172b4d}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#5e6c84}dd{margin:0}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}small{color:#5e6c84}</style>
<p><small>Simulated Jira · {{.Issue.Project}}</small></p>
<h1>{{.Issue.Key}} {{.Issue.Summary}}</h1>
<dl><dt>Type</dt><dd>{{.Issue.Type}}</dd><dt>Status</dt><dd>{{.Issue.Status}}</dd><dt>Assignee</dt><dd>{{with .Assignee}}{{.}}{{else}}nobody{{end}}</dd>
{{- with .Issue.Due}}<dt>Due</dt><dd>{{.}}</dd>{{end}}{{with .Issue.Priority}}<dt>Priority</dt><dd>{{.}}</dd>{{end}}
{{- if .Issue.Labels}}<dt>Labels</dt><dd>{{range .Issue.Labels}}{{.}} {{end}}</dd>{{end}}
{{- range .Issue.Links}}<dt>Link</dt><dd><a href="{{.URL}}">{{.Title}}</a></dd>{{end}}</dl>
<pre>{{.Issue.Description}}</pre>
{{range .Issue.Comments}}<hr><pre>{{.Body}}</pre>{{end}}
`))

// getBrowse shows an issue to a person in a browser, who need not log in: the
// simulator is for one machine. It can only be looked at.
func (s *Server) getBrowse(w http.ResponseWriter, r *http.Request) {
	issue, ok := s.Issue(r.PathValue("key"))
	if !ok {
		http.Error(w, noIssue, http.StatusNotFound)
		return
	}
	s.mu.Lock()
	assignee := ""
	if u := s.user(issue.Assignee); u != nil {
		assignee = u.FullName
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	_ = browsePage.Execute(w, map[string]any{"Issue": issue, "Assignee": assignee}) // the caller may be gone
}
