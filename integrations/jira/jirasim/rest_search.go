package jirasim

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
)

// search returns what the index has for a query, in order. Issues whose ids are
// in current are seen as they are now.
func (s *Server) search(q query, current []string) []Issue {
	var out []Issue
	for _, i := range s.issues {
		seen, ok := s.indexed(i)
		if contains(current, i.ID) {
			seen, ok = i.Issue, i.deleted.IsZero()
		}
		if ok && s.matches(q, &seen) {
			out = append(out, seen)
		}
	}
	q.sort(out)
	return out
}

// refuseJQL answers as each kind of Jira does.
func (s *Server) refuseJQL(w http.ResponseWriter, err error) {
	if s.opt.DataCenter {
		answer(w, http.StatusBadRequest, object{"errorMessages": []string{err.Error()}, "warningMessages": []string{}})
		return
	}
	refuse(w, http.StatusBadRequest, err.Error())
}

// getSearch is Data Center's search: by position, with a total.
func (s *Server) getSearch(w http.ResponseWriter, r *http.Request) {
	p := r.URL.Query()
	q, err := parseJQL(p.Get("jql"))
	if err == nil {
		err = s.check(q)
	}
	if err != nil {
		s.refuseJQL(w, err)
		return
	}
	var all []object
	for _, i := range s.search(q, nil) {
		all = append(all, s.wireIssue(&i, names(p, "fields")))
	}
	page, entries := s.page(p, all, 50)
	page["issues"], page["expand"] = entries, "schema,names"
	answer(w, http.StatusOK, page)
}

// getSearchJQL is Cloud's search: by tokens, without a total, bounded, and with
// no fields but those asked for.
// https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-search/
func (s *Server) getSearchJQL(w http.ResponseWriter, r *http.Request) {
	p := r.URL.Query()
	for name := range p {
		if !contains([]string{"jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "failFast", "reconcileIssues"}, name) {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("unknown parameter %s", name))
			return
		}
	}
	q, err := parseJQL(p.Get("jql"))
	size := number(p, "maxResults", 50)
	reconcile := names(p, "reconcileIssues")
	switch {
	case size < 1 || size > 5000:
		refuse(w, http.StatusBadRequest, "The max results parameter has to be between 1 and 5,000.")
		return
	case err == nil && len(q.tests) == 0:
		err = saying("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
	case err == nil && len(reconcile) > 50:
		err = saying("The number of issues to reconcile must not exceed 50.")
	case err == nil:
		err = s.check(q)
	}
	if err != nil {
		s.refuseJQL(w, err)
		return
	}
	rest, ok := s.cursors[p.Get("nextPageToken")]
	switch token := p.Get("nextPageToken"); {
	case token == "":
		for _, i := range s.search(q, reconcile) {
			rest = append(rest, i.ID)
		}
	case !ok || !strings.HasSuffix(token, tokenEnd(p.Get("jql"))):
		refuse(w, http.StatusBadRequest, "The provided next page token is invalid.")
		return
	}
	s.answerPage(w, r, rest, min(size, s.opt.PageSize))
}

func (s *Server) answerPage(w http.ResponseWriter, r *http.Request, rest []string, size int) {
	p := r.URL.Query()
	fields := names(p, "fields")
	issues := []object{}
	n := min(size, len(rest))
	for _, id := range rest[:n] {
		i, ok := s.indexed(s.byKey[id])
		if contains(names(p, "reconcileIssues"), id) || !ok {
			i = s.byKey[id].Issue
		}
		if len(fields) == 0 {
			issues = append(issues, object{"id": id})
			continue
		}
		issues = append(issues, s.wireIssue(&i, fields))
	}
	out := object{"issues": issues, "isLast": n == len(rest)}
	if n < len(rest) {
		token := "t" + strconv.Itoa(s.newID()) + tokenEnd(p.Get("jql"))
		s.cursors[token] = rest[n:]
		out["nextPageToken"] = token
	}
	answer(w, http.StatusOK, out)
}

// tokenEnd ties a token to its query.
func tokenEnd(jql string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(jql)) // never fails
	return fmt.Sprintf(".%08x", h.Sum32())
}
