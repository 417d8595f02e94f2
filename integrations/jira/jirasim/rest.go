package jirasim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"imbot/integrations/internal/fault"
)

// handler is the REST API: faults, then the rules for all calls, then routes.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, anonymous bool, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if s.loggedIn(w, r, anonymous) && !s.limited(w, r) {
				s.mu.Lock()
				defer s.mu.Unlock()
				h(w, r)
			}
		})
	}
	const api = "/rest/api/2"
	route("GET "+api+"/serverInfo", true, s.getServerInfo)
	route("GET "+api+"/myself", false, s.getMyself)
	route("GET "+api+"/user/search", false, s.getUsers)
	route("GET "+api+"/issue/createmeta/{project}/issuetypes", false, s.getIssueTypes)
	route("GET "+api+"/issue/createmeta/{project}/issuetypes/{type}", false, s.getTypeFields)
	route("POST "+api+"/issue", false, s.postIssue)
	route("GET "+api+"/issue/{key}", false, s.getIssue)
	route("PUT "+api+"/issue/{key}", false, s.putIssue)
	route("GET "+api+"/issue/{key}/transitions", false, s.getTransitions)
	route("POST "+api+"/issue/{key}/transitions", false, s.postTransition)
	route("POST "+api+"/issue/{key}/remotelink", false, s.postLink)
	if s.opt.DataCenter {
		route("GET "+api+"/search", false, s.getSearch)
	} else {
		route("GET "+api+"/search/jql", true, s.getSearchJQL)
		mux.HandleFunc(api+"/search", gone)
	}
	mux.HandleFunc("GET /browse/{key}", s.getBrowse)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html><head><title>Oops, you've found a dead link.</title></head></html>", http.StatusNotFound)
	})
	return http.StripPrefix(s.opt.ContextPath, fault.Logged(&s.Log, s.Now, 4<<20, fault.Handler(&s.Injector, s.faults(), mux)))
}

// gone is Jira Cloud's answer to the searches of old.
// https://developer.atlassian.com/changelog/#CHANGE-2046
func gone(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusGone, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046")
}

// loggedIn checks the credentials. Jira Cloud takes callers with wrong ones for
// visitors: some calls answer them with nothing instead of an error.
func (s *Server) loggedIn(w http.ResponseWriter, r *http.Request, anonymous bool) bool {
	if s.opt.DataCenter {
		if r.Header.Get("Authorization") == "Bearer "+s.opt.Token {
			return true
		}
		if anonymous {
			return true
		}
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "<html><head><title>Unauthorized (401)</title></head></html>")
		return false
	}
	email, token, ok := r.BasicAuth()
	if ok && email == s.opt.Email && token == s.opt.Token {
		return true
	}
	if ok {
		w.Header().Set("X-Seraph-LoginReason", "AUTHENTICATED_FAILED")
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/serverInfo"):
		return true
	case anonymous:
		answer(w, http.StatusOK, object{"issues": []object{}, "isLast": true})
	case r.Method == http.MethodGet && r.PathValue("key") != "":
		refuse(w, http.StatusNotFound, noIssue)
	default:
		answer(w, http.StatusUnauthorized, object{"message": "Client must be authenticated to access this resource.", "status-code": 401})
	}
	return false
}

const noIssue = "Issue does not exist or you do not have permission to see it."

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone
}

// refuse answers with Jira's form of an error.
func refuse(w http.ResponseWriter, status int, messages ...string) {
	answer(w, status, object{"errorMessages": messages, "errors": object{}})
}

// refuseFields says what is wrong with single fields.
func refuseFields(w http.ResponseWriter, fields map[string]string) {
	answer(w, http.StatusBadRequest, object{"errorMessages": []string{}, "errors": fields})
}

// decode reads a JSON object that has no members but those known.
func decode(w http.ResponseWriter, r *http.Request, known ...string) (object, bool) {
	var body object
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body == nil {
		refuse(w, http.StatusBadRequest, "Invalid request payload. Refer to the REST API documentation and try again.")
		return nil, false
	}
	for name := range body {
		if !contains(known, name) {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("Unrecognized field %q, not marked as ignorable", name))
			return nil, false
		}
	}
	return body, true
}

func contains(all []string, s string) bool {
	for _, one := range all {
		if one == s {
			return true
		}
	}
	return false
}

// number returns a number of the query, or otherwise.
func number(q url.Values, name string, otherwise int) int {
	if n, err := strconv.Atoi(q.Get(name)); err == nil {
		return n
	}
	return otherwise
}

// page returns the part of all that was asked for, with the members that Jira's
// pages have.
func (s *Server) page(q url.Values, all []object, size int) (object, []object) {
	start := max(number(q, "startAt", 0), 0)
	size = min(max(number(q, "maxResults", size), 1), s.opt.PageSize)
	first := min(start, len(all))
	last := min(first+size, len(all))
	return object{"startAt": start, "maxResults": size, "total": len(all)}, append([]object{}, all[first:last]...)
}

func (s *Server) getServerInfo(w http.ResponseWriter, _ *http.Request) {
	kind, version, numbers := "Cloud", "1001.0.0-SNAPSHOT", []int{1001, 0, 0}
	if s.opt.DataCenter {
		kind, version, numbers = "Server", "10.3.2", []int{10, 3, 2}
	}
	answer(w, http.StatusOK, object{
		"baseUrl": s.URL(), "version": version, "versionNumbers": numbers, "deploymentType": kind, "buildNumber": 100_295,
		"buildDate": "2026-01-02T00:00:00.000+0000", "serverTime": stamp(s.now()), "scmInfo": "0", "serverTitle": "Jira",
	})
}

func (s *Server) getMyself(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.wireUser(s.bot()))
}

// getUsers finds users by the beginning of name or address: by query on Cloud,
// by username on Data Center.
func (s *Server) getUsers(w http.ResponseWriter, r *http.Request) {
	param := "query"
	if s.opt.DataCenter {
		param = "username"
	}
	q := strings.ToLower(r.URL.Query().Get(param))
	if q == "" {
		refuse(w, http.StatusBadRequest, "The "+param+" query parameter was not provided")
		return
	}
	found := []any{}
	for _, u := range s.users {
		match := strings.HasPrefix(strings.ToLower(u.Email), q) || strings.HasPrefix(strings.ToLower(u.FullName), q)
		if match || (s.opt.DataCenter && strings.HasPrefix(strings.ToLower(u.Name), q)) {
			found = append(found, s.wireUser(u))
		}
	}
	answer(w, http.StatusOK, found[:min(len(found), s.opt.PageSize)])
}

func (s *Server) getIssueTypes(w http.ResponseWriter, r *http.Request) {
	p := s.project(r.PathValue("project"))
	if p == nil {
		refuse(w, http.StatusBadRequest, "No project could be found with key or id '"+r.PathValue("project")+"'.")
		return
	}
	var all []object
	for _, t := range p.Types {
		all = append(all, object{"self": s.self("issuetype", t.id), "id": t.id, "name": t.Name, "description": "", "subtask": t.Subtask, "iconUrl": s.URL() + "/images/icons/type.png"})
	}
	s.answerMeta(w, r, "issueTypes", all)
}

func (s *Server) getTypeFields(w http.ResponseWriter, r *http.Request) {
	p := s.project(r.PathValue("project"))
	var t *IssueType
	if p != nil {
		t = p.issueType(r.PathValue("type"))
	}
	if t == nil {
		refuse(w, http.StatusBadRequest, "The issue type or project does not exist.")
		return
	}
	var all []object
	for _, f := range t.Fields {
		all = append(all, s.wireField(f))
	}
	s.answerMeta(w, r, "fields", all)
}

// answerMeta answers with a page of metadata, whose entries Data Center calls
// values.
func (s *Server) answerMeta(w http.ResponseWriter, r *http.Request, name string, all []object) {
	p, entries := s.page(r.URL.Query(), all, 50)
	if s.opt.DataCenter {
		name = "values"
		p["isLast"] = p["startAt"].(int)+len(entries) >= len(all)
		for _, e := range entries {
			delete(e, "key")
		}
	}
	p[name] = entries
	answer(w, http.StatusOK, p)
}
