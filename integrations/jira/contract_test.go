package jira_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

// contracts returns the folder of vendors' published contracts, or skips.
func contracts(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("IMBOT_CONTRACTS"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "..", "shared", "contracts")
		if _, err := os.Stat(found); err == nil {
			return found
		}
	}
	t.Skip("no contract files: set IMBOT_CONTRACTS to their folder")
	return ""
}

// contract checks every exchange against Atlassian's OpenAPI description, on
// its way between client and simulator. The description is of version 3 of the
// API. Version 2, which the client speaks, differs in the path, and in texts
// being strings of wiki markup instead of documents; the description leaves
// texts open.
type contract struct {
	router routers.Router

	mu      sync.Mutex
	covered map[string]bool // "GET /rest/api/3/myself"
	faults  []string
}

func newContract(t *testing.T) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(contracts(t), "jira", "platform-v3.trim.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "/"}}
	// An issue's fields are described as {}, anything: to the validation that is
	// anything but null.
	for _, s := range doc.Components.Schemas {
		for _, p := range s.Value.Properties {
			if any := p.Value.AdditionalProperties.Schema; any != nil && any.Value.IsEmpty() {
				any.Value.Nullable = true
			}
		}
	}
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation())
	if err != nil {
		t.Fatal(err)
	}
	return &contract{router: router, covered: map[string]bool{}}
}

// RoundTrip implements http.RoundTripper.
func (c *contract) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	if problem := c.check(r, body, resp, got); problem != nil {
		c.mu.Lock()
		c.faults = append(c.faults, fmt.Sprintf("%s %s %s -> %d: %v", r.Method, r.URL.RequestURI(), body, resp.StatusCode, problem))
		c.mu.Unlock()
	}
	return resp, nil
}

func readAll(r io.ReadCloser) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (c *contract) check(r *http.Request, body []byte, resp *http.Response, got []byte) error {
	path, ok := strings.CutPrefix(r.URL.Path, "/rest/api/2/")
	if !ok {
		return fmt.Errorf("the path is not of version 2")
	}
	req := r.Clone(context.Background())
	req.URL = &url.URL{Path: "/rest/api/3/" + path, RawQuery: r.URL.RawQuery}
	req.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		req.Body = nil
		if r.Header.Get("Content-Type") != "" {
			return fmt.Errorf("a media type without a body")
		}
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.covered[r.Method+" "+route.Path] = true
	c.mu.Unlock()
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true},
	}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if err := onlyDescribed(route, r.URL.Query(), body); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if resp.StatusCode == http.StatusNoContent && len(got) == 0 {
		return nil // described with a media type all the same
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: in.Options}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		out.Header = resp.Header.Clone() // the description knows the plain media type only
		out.Header.Set("Content-Type", "application/json")
	}
	// Jira writes time zones without the colon that the description asks for.
	got = bytes.ReplaceAll(got, []byte(`+0000"`), []byte(`+00:00"`))
	if err := openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(got)); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if ok := route.Operation.Responses.Status(resp.StatusCode); ok != nil && len(got) > 0 && resp.StatusCode/100 == 2 {
		media := ok.Value.Content["application/json"]
		var value any
		if err := json.Unmarshal(got, &value); err != nil {
			return err
		}
		if media != nil && media.Schema != nil {
			if err := described(media.Schema.Value, value, "answer", false); err != nil {
				return err
			}
		}
	}
	return nil
}

// onlyDescribed finds query parameters and members of the body that the
// description does not have, or that only Jira sets: the validation lets those
// through.
func onlyDescribed(route *routers.Route, query url.Values, body []byte) error {
	for name := range query {
		if !slices.ContainsFunc(route.Operation.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.In == "query" && p.Value.Name == name }) {
			return fmt.Errorf("query parameter %q is not described", name)
		}
	}
	if len(body) == 0 {
		return nil
	}
	if route.Operation.RequestBody == nil {
		return fmt.Errorf("a body is not described")
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return described(route.Operation.RequestBody.Value.Content["application/json"].Schema.Value, value, "body", true)
}

// described walks a value with its schema. Objects without any properties, such
// as an issue's fields, are open: their content is Jira's configuration.
func described(s *openapi3.Schema, value any, at string, request bool) error {
	for _, part := range s.AllOf {
		if len(s.AllOf) == 1 && len(s.Properties) == 0 {
			s = part.Value
		}
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if s.Items == nil {
				return fmt.Errorf("%s is not described as a list", at)
			}
			if err := described(s.Items.Value, item, at+"[]", request); err != nil {
				return err
			}
		}
	case map[string]any:
		if len(s.Properties) == 0 {
			return nil
		}
		for name, member := range v {
			p := s.Properties[name]
			switch {
			case p == nil:
				return fmt.Errorf("%s.%s is not described", at, name)
			case request && p.Value.ReadOnly:
				return fmt.Errorf("%s.%s is for Jira to set", at, name)
			}
			if err := described(p.Value, member, at+"."+name, request); err != nil {
				return err
			}
		}
	}
	return nil
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
	ck.pass(time.Hour)
	if got := search(t, c, jira.Query{Labels: []string{"a"}, UpdatedSince: ck.now().Add(-2 * time.Hour)}); len(got) != 3 {
		t.Errorf("found %v", got)
	}
	_, _, err = c.FindByMarker(ctx, "mOPS", time.Time{})
	must(t, "marker", err)

	// Refusals are described, too.
	_, err = c.Issue(ctx, "OPS-99")
	wantError(t, "unknown", err, 404, true)
	_, err = c.Create(ctx, jira.NewIssue{Type: "Epos", Summary: "x"})
	wantError(t, "unknown type", err, 400, true)

	for _, f := range k.faults {
		t.Error(f)
	}
	for _, want := range []string{
		"GET /rest/api/3/serverInfo", "GET /rest/api/3/myself", "GET /rest/api/3/user/search", "POST /rest/api/3/issue",
		"GET /rest/api/3/issue/{issueIdOrKey}", "PUT /rest/api/3/issue/{issueIdOrKey}",
		"GET /rest/api/3/issue/{issueIdOrKey}/transitions", "POST /rest/api/3/issue/{issueIdOrKey}/transitions",
		"POST /rest/api/3/issue/{issueIdOrKey}/remotelink",
		"GET /rest/api/3/search/jql",
		"GET /rest/api/3/issue/createmeta/{projectIdOrKey}/issuetypes",
		"GET /rest/api/3/issue/createmeta/{projectIdOrKey}/issuetypes/{issueTypeId}",
	} {
		if !k.covered[want] {
			t.Errorf("%s was not called", want)
		}
	}
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	k := newContract(t)
	type exchange struct{ method, target, body, answer string }
	post := exchange{"POST", "/rest/api/2/issue", `{"fields":{"summary":"x"}}`, `{"id":"1","key":"OPS-1","self":"https://x.example/1"}`}
	for name, tt := range map[string]struct {
		change func(*exchange)
		fine   bool
	}{
		"good":            {func(*exchange) {}, true},
		"version 3":       {func(e *exchange) { e.target = "/rest/api/3/issue" }, false},
		"wrong method":    {func(e *exchange) { e.method = "DELETE" }, false},
		"wrong path":      {func(e *exchange) { e.target = "/rest/api/2/issues" }, false},
		"unknown query":   {func(e *exchange) { e.target += "?force=1" }, false},
		"unknown member":  {func(e *exchange) { e.body = `{"field":{"summary":"x"}}` }, false},
		"nested member":   {func(e *exchange) { e.body = `{"fields":{},"transition":{"ident":"1"}}` }, false},
		"for Jira to set": {func(e *exchange) { e.body = `{"fields":{},"transition":{"name":"Done"}}` }, false},
		"wrong type":      {func(e *exchange) { e.body = `{"fields":"x"}` }, false},
		"no JSON":         {func(e *exchange) { e.body = `{` }, false},
		"wrong answer":    {func(e *exchange) { e.answer = `{"id":1}` }, false},
		"unknown answer":  {func(e *exchange) { e.answer = `{"id":"1","number":2}` }, false},
		"removed search":  {func(e *exchange) { e.method, e.target, e.body = "GET", "/rest/api/2/search?jql=x", "" }, false},
		"library comment": {func(e *exchange) {
			e.target, e.body = "/rest/api/2/issue/OPS-1/comment", `{"author":{"avatarUrls":{}},"body":"x"}`
			e.answer = `{}`
		}, false},
	} {
		e := post
		tt.change(&e)
		r, err := http.NewRequestWithContext(t.Context(), e.method, "http://127.0.0.1"+e.target, nil)
		must(t, name, err)
		if e.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		ok := &http.Response{StatusCode: 201, Header: http.Header{"Content-Type": {"application/json"}}}
		if err := k.check(r, []byte(e.body), ok, []byte(e.answer)); (err == nil) != tt.fine {
			t.Errorf("%s: check = %v, want fine %v", name, err, tt.fine)
		}
	}
}
