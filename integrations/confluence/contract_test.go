package confluence_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
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
// its way between client and simulator.
type contract struct {
	router routers.Router

	mu      sync.Mutex
	covered map[string]bool // "GET /pages/{id}"
	faults  []string
}

func newContract(t *testing.T) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(contracts(t), "confluence", "rest-v2.trim.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "/"}}
	// That these can be null is described in words only.
	for _, page := range []string{"PageBulk", "PageSingle"} {
		for _, name := range []string{"parentId", "lastOwnerId"} {
			doc.Components.Schemas[page].Value.Properties[name].Value.Nullable = true
		}
	}
	parent := doc.Components.Schemas["ParentContentType"].Value
	parent.Nullable, parent.Enum = true, append(parent.Enum, nil)
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
	path, ok := strings.CutPrefix(r.URL.Path, "/wiki/api/v2/")
	if !ok {
		return fmt.Errorf("the path is not of version 2")
	}
	req := r.Clone(context.Background())
	req.URL = &url.URL{Path: "/" + path, RawQuery: r.URL.RawQuery}
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
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: in.Options}
	if err := openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(got)); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return nil // bodies of refusals are not described
	}
	media := route.Operation.Responses.Status(resp.StatusCode).Value.Content["application/json"]
	var value any
	if err := json.Unmarshal(got, &value); err != nil {
		return err
	}
	return described([]*openapi3.Schema{media.Schema.Value}, value, "answer", false)
}

// onlyDescribed finds query parameters and members of the body that the
// description does not have, or that only Confluence sets: the validation lets
// those through.
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
	return described([]*openapi3.Schema{route.Operation.RequestBody.Value.Content["application/json"].Schema.Value}, value, "body", true)
}

// described walks a value with the schemas that describe it together.
func described(schemas []*openapi3.Schema, value any, at string, request bool) error {
	for i := 0; i < len(schemas); i++ { // grows
		for _, part := range schemas[i].AllOf {
			schemas = append(schemas, part.Value)
		}
	}
	for _, s := range schemas {
		if len(s.AnyOf) == 0 {
			continue
		}
		var problems []error
		for _, branch := range s.AnyOf {
			// The validation takes a value that only the other branch describes.
			err := errors.Join(branch.Value.VisitJSON(value), described([]*openapi3.Schema{branch.Value}, value, at, request))
			if err == nil {
				return nil
			}
			problems = append(problems, err)
		}
		return errors.Join(problems...)
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if schemas[0].Items == nil {
				return fmt.Errorf("%s is not described as a list", at)
			}
			if err := described([]*openapi3.Schema{schemas[0].Items.Value}, item, at+"[]", request); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, member := range v {
			var found []*openapi3.Schema
			for _, s := range schemas {
				if p := s.Properties[name]; p != nil {
					found = append(found, p.Value)
				}
			}
			switch {
			case len(found) == 0:
				return fmt.Errorf("%s.%s is not described", at, name)
			case request && found[0].ReadOnly:
				return fmt.Errorf("%s.%s is for Confluence to set", at, name)
			}
			if err := described(found, member, at+"."+name, request); err != nil {
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
	sim, c, ck := start(t, confluencesim.Options{PageSize: 1}, confluence.Config{HTTP: &http.Client{Transport: k}})
	must(t, "check", c.Check(t.Context()))
	parent := sim.AddPage("OPS", "Incidents", "")
	sim.AddPage("OPS", "Checkout is down", "")
	under := connect(t, sim, confluence.Config{ParentID: parent, HTTP: &http.Client{Transport: k}}, ck)
	must(t, "check parent", under.Check(t.Context()))
	for n, c := range []*confluence.Client{c, under} {
		p := page()
		p.Key += fmt.Sprint(n)
		p.Body += everything(`"hostile" <text> ]]>`)
		made := put(t, c, p, "")
		sim.Edit(made.ID, func(*confluencesim.Page) {})
		p.Body += "<p>new</p>"
		put(t, c, p, "")
		p.Title += "!"
		sim.Inject(confluencesim.Fault{Method: http.MethodPut, Times: 1, Meanwhile: func() { sim.Edit(made.ID, func(*confluencesim.Page) {}) }})
		put(t, c, p, made.ID)
		sim.Purge(made.ID)
		put(t, c, p, made.ID)
	}
	// Refusals are described, too.
	sim.ChangeSpace("OPS", func(s *confluencesim.Space) { s.Readers = true })
	_, err := c.Put(t.Context(), confluence.Page{Key: "imbot-INC-9", Title: "x"}, "")
	wantError(t, "may not", err, 404, true)
	bad := connect(t, sim, confluence.Config{Email: "x", APIToken: "x", HTTP: &http.Client{Transport: k}}, ck)
	wantError(t, "login", bad.Check(t.Context()), 401, true)

	for _, f := range k.faults {
		t.Error(f)
	}
	for _, want := range []string{"GET /spaces", "GET /spaces/{id}", "GET /pages", "POST /pages", "GET /pages/{id}", "PUT /pages/{id}"} {
		if !k.covered[want] {
			t.Errorf("%s was not called", want)
		}
	}
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	k := newContract(t)
	type exchange struct{ method, target, body, answer string }
	post := exchange{"POST", "/wiki/api/v2/pages", `{"spaceId":"1","title":"x","body":{"representation":"storage","value":""}}`, `{"id":"1"}`}
	for name, tt := range map[string]struct {
		change func(*exchange)
		fine   bool
	}{
		"good": {func(*exchange) {}, true},
		"nested body": {func(e *exchange) {
			e.body = `{"spaceId":"1","body":{"storage":{"representation":"storage","value":""}}}`
		}, true},
		"base":           {func(e *exchange) { e.answer = `{"_links":{"base":"x","webui":"y"}}` }, true},
		"version 1":      {func(e *exchange) { e.target = "/wiki/rest/api/content" }, false},
		"wrong method":   {func(e *exchange) { e.method = "PATCH" }, false},
		"wrong path":     {func(e *exchange) { e.target = "/wiki/api/v2/page" }, false},
		"unknown query":  {func(e *exchange) { e.target += "?force=1" }, false},
		"wrong query":    {func(e *exchange) { e.target += "?private=perhaps" }, false},
		"no space":       {func(e *exchange) { e.body = `{"title":"x"}` }, false},
		"number":         {func(e *exchange) { e.body = `{"spaceId":1}` }, false},
		"unknown member": {func(e *exchange) { e.body = `{"spaceId":"1","spaceKey":"OPS"}` }, false},
		"unknown nested": {func(e *exchange) { e.body = `{"spaceId":"1","body":{"representation":"storage","values":""}}` }, false},
		"both bodies":    {func(e *exchange) { e.body = `{"spaceId":"1","body":{"representation":"storage","wiki":{}}}` }, false},
		"wrong enum":     {func(e *exchange) { e.body = `{"spaceId":"1","body":{"representation":"html","value":""}}` }, false},
		"wrong status":   {func(e *exchange) { e.body = `{"spaceId":"1","status":"published"}` }, false},
		"no JSON":        {func(e *exchange) { e.body = `{` }, false},
		"wrong answer":   {func(e *exchange) { e.answer = `{"id":1}` }, false},
		"unknown answer": {func(e *exchange) { e.answer = `{"id":"1","space":{"key":"OPS"}}` }, false},
		"unknown link":   {func(e *exchange) { e.answer = `{"_links":{"self":"x"}}` }, false},
	} {
		e := post
		tt.change(&e)
		r, err := http.NewRequestWithContext(t.Context(), e.method, "http://127.0.0.1"+e.target, nil)
		must(t, name, err)
		r.Header.Set("Content-Type", "application/json")
		ok := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}}
		if err := k.check(r, []byte(e.body), ok, []byte(e.answer)); (err == nil) != tt.fine {
			t.Errorf("%s: check = %v, want fine %v", name, err, tt.fine)
		}
	}
}
