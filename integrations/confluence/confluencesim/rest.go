package confluencesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"imbot/integrations/internal/fault"
)

const api = "/wiki/api/v2"

// maxRequest is the most that Confluence takes for a page.
// https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/#api-pages-post
const maxRequest = 5 << 20

// handler is the REST API: faults, then the rules for all calls, then routes.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, params []string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if s.loggedIn(w, r) && onlyParams(w, r.URL.Query(), params) {
				s.mu.Lock()
				defer s.mu.Unlock()
				h(w, r)
			}
		})
	}
	route("GET "+api+"/spaces", []string{"keys", "limit", "cursor"}, s.getSpaces)
	route("GET "+api+"/spaces/{id}", []string{"include-operations"}, s.getSpace)
	route("GET "+api+"/pages", []string{"space-id", "title", "status", "sort", "body-format", "limit", "cursor"}, s.getPages)
	route("GET "+api+"/pages/{id}", []string{"body-format"}, s.getPage)
	route("POST "+api+"/pages", nil, s.postPage)
	route("PUT "+api+"/pages/{id}", nil, s.putPage)
	mux.HandleFunc("GET /wiki/spaces/{space}/pages/{id}", s.getBrowse)
	mux.HandleFunc("GET /wiki/spaces/{space}/pages/{id}/{title}", s.getBrowse)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<html><head><title>Page not found</title></head></html>") // the caller may be gone
	})
	return fault.Logged(&s.Log, s.opt.Now, maxRequest+1, fault.Handler(&s.Injector, faults, mux))
}

func (s *Server) loggedIn(w http.ResponseWriter, r *http.Request) bool {
	email, token, ok := r.BasicAuth()
	if ok && email == s.opt.Email && token == s.opt.Token {
		return true
	}
	if ok {
		w.Header().Set("X-Seraph-LoginReason", "AUTHENTICATED_FAILED")
	}
	refuse(w, http.StatusUnauthorized, "Unauthorized")
	return false
}

// onlyParams refuses parameters that the route does not have: Confluence
// ignores them, which hides mistakes.
func onlyParams(w http.ResponseWriter, query url.Values, known []string) bool {
	for name, values := range query {
		if !slices.Contains(known, name) || len(values) != 1 {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("Provided value for '%s' is not correct.", name))
			return false
		}
	}
	return true
}

// decode reads a body of JSON, and refuses what the API does not describe.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return false
	case len(body) > maxRequest:
		refuse(w, http.StatusRequestEntityTooLarge, "The request is too large in size (over 5 MB).")
		return false
	case r.Header.Get("Content-Type") != "application/json":
		refuse(w, http.StatusUnsupportedMediaType, "Unsupported Media Type")
		return false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err = d.Decode(into); err == nil {
		if _, err = d.Token(); err == io.EOF {
			return true
		}
		err = fmt.Errorf("more than one value")
	}
	refuse(w, http.StatusBadRequest, "Invalid message: "+err.Error())
	return false
}

type object = map[string]any

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone
}

// refuse answers with the form that errors have in version 2 of the API.
func refuse(w http.ResponseWriter, status int, title string) {
	code := strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))
	answer(w, status, object{"errors": []object{{"status": status, "code": code, "title": title, "detail": nil}}})
}
