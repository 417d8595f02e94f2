package jira_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/integrations/internal/contract"
	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

// newContract checks exchanges against Atlassian's OpenAPI description. It is of
// version 3 of the API. Version 2, which the client speaks, differs in the path,
// and in texts being strings of wiki markup instead of documents; the description
// leaves texts open.
func newContract(t *testing.T) *contract.Contract {
	t.Helper()
	doc := contract.Read(t, "jira/platform-v3.trim.json")
	// An issue's fields are described as {}, anything: to the validation that is
	// anything but null.
	for _, s := range doc.Components.Schemas {
		for _, p := range s.Value.Properties {
			if any := p.Value.AdditionalProperties.Schema; any != nil && any.Value.IsEmpty() {
				any.Value.Nullable = true
			}
		}
	}
	k := &contract.Contract{
		Open: true, // an issue's fields are Jira's configuration
		Path: func(path string) (string, error) {
			rest, ok := strings.CutPrefix(path, "/rest/api/2/")
			if !ok {
				return "", errors.New("the path is not of version 2")
			}
			return "/rest/api/3/" + rest, nil
		},
		// Jira writes time zones without the colon that the description asks for.
		Answer: func(body []byte) []byte { return bytes.ReplaceAll(body, []byte(`+0000"`), []byte(`+00:00"`)) },
	}
	return k.Of(t, doc)
}

// All that the client says, and all that the simulator answers, is what
// Atlassian describes.
func TestContract(t *testing.T) {
	k := newContract(t)
	sim, c, ck := start(t, jirasim.Options{PageSize: 2}, jira.Config{HTTP: &http.Client{Transport: k}})
	ctx := t.Context()
	sim.AddProject(jirasim.Project{Key: "ASK", Workflow: jirasim.Workflow{
		Statuses: []jirasim.Status{{Name: "New", Category: "new"}, {Name: "Closed", Category: "done"}},
		Steps:    []jirasim.Step{{Name: "Close", To: "Closed", Fields: []jirasim.Field{jirasim.ResolutionField()}}},
	}, Types: []jirasim.IssueType{{Name: "Task", Fields: append(jirasim.StandardFields(), jirasim.Field{ID: "customfield_10010", Name: "Team", Type: "option", Allowed: []string{"Red"}})}}})
	_, err := c.Check(ctx)
	must(t, "check", err)
	who, err := c.UserByEmail(ctx, "budi+ops@example.com")
	must(t, "user", err)
	for _, p := range []string{"OPS", "ASK", "OPS"} {
		key := create(t, c, jira.NewIssue{
			Project: p, Summary: "x", Description: "h1. y", Priority: "High", Due: "2026-03-31", Assignee: who.Ref(), Labels: []string{"a"}, Marker: "m" + p,
		}).Key
		must(t, "update", c.Update(ctx, key, jira.Update{Summary: ptr("z"), Due: ptr(""), Assignee: ptr(""), AddLabels: []string{"b"}}))
		must(t, "link", c.SetLink(ctx, key, jira.Link{GlobalID: "g", URL: "https://x.example/", Title: "t", Summary: "s", Relation: "r", Resolved: true}))
		_, err = c.Transition(ctx, key, jira.CategoryDone)
		must(t, "move", err)
	}
	m, err := c.CreateMeta(ctx, "ASK", "Task")
	must(t, "meta", err)
	if m.Field("customfield_10010") == nil {
		t.Errorf("fields %+v", m.Fields)
	}
	ck.Pass(time.Hour)
	if got := search(t, c, jira.Query{Labels: []string{"a"}, UpdatedSince: ck.Now().Add(-2 * time.Hour)}); len(got) != 3 {
		t.Errorf("found %v", got)
	}
	_, _, err = c.FindByMarker(ctx, "mOPS", time.Time{})
	must(t, "marker", err)

	// Refusals are described, too.
	_, err = c.Issue(ctx, "OPS-99")
	wantError(t, "unknown", err, 404, true)
	_, err = c.Create(ctx, jira.NewIssue{Type: "Epos", Summary: "x"})
	wantError(t, "unknown type", err, 400, true)

	k.Kept(t,
		"GET /rest/api/3/serverInfo", "GET /rest/api/3/myself", "GET /rest/api/3/user/search", "POST /rest/api/3/issue",
		"GET /rest/api/3/issue/{issueIdOrKey}", "PUT /rest/api/3/issue/{issueIdOrKey}",
		"GET /rest/api/3/issue/{issueIdOrKey}/transitions", "POST /rest/api/3/issue/{issueIdOrKey}/transitions",
		"POST /rest/api/3/issue/{issueIdOrKey}/remotelink",
		"GET /rest/api/3/search/jql",
		"GET /rest/api/3/issue/createmeta/{projectIdOrKey}/issuetypes",
		"GET /rest/api/3/issue/createmeta/{projectIdOrKey}/issuetypes/{issueTypeId}")
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	k := newContract(t)
	post := contract.Exchange{Method: "POST", Target: "/rest/api/2/issue", Body: `{"fields":{"summary":"x"}}`, Status: 201, Answer: `{"id":"1","key":"OPS-1","self":"https://x.example/1"}`}
	k.Finds(t, post, map[string]contract.Case{
		"version 3":       {Change: func(e *contract.Exchange) { e.Target = "/rest/api/3/issue" }},
		"wrong method":    {Change: func(e *contract.Exchange) { e.Method = "DELETE" }},
		"wrong path":      {Change: func(e *contract.Exchange) { e.Target = "/rest/api/2/issues" }},
		"unknown query":   {Change: func(e *contract.Exchange) { e.Target += "?force=1" }},
		"unknown member":  {Change: func(e *contract.Exchange) { e.Body = `{"field":{"summary":"x"}}` }},
		"nested member":   {Change: func(e *contract.Exchange) { e.Body = `{"fields":{},"transition":{"ident":"1"}}` }},
		"for Jira to set": {Change: func(e *contract.Exchange) { e.Body = `{"fields":{},"transition":{"name":"Done"}}` }},
		"wrong type":      {Change: func(e *contract.Exchange) { e.Body = `{"fields":"x"}` }},
		"no JSON":         {Change: func(e *contract.Exchange) { e.Body = `{` }},
		"wrong answer":    {Change: func(e *contract.Exchange) { e.Answer = `{"id":1}` }},
		"unknown answer":  {Change: func(e *contract.Exchange) { e.Answer = `{"id":"1","number":2}` }},
		"removed search":  {Change: func(e *contract.Exchange) { e.Method, e.Target, e.Body = "GET", "/rest/api/2/search?jql=x", "" }},
		"library comment": {Change: func(e *contract.Exchange) {
			e.Target, e.Body = "/rest/api/2/issue/OPS-1/comment", `{"author":{"avatarUrls":{}},"body":"x"}`
			e.Answer = `{}`
		}},
	})
}
