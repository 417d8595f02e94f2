package pagerduty_test

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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// contract checks every exchange against PagerDuty's OpenAPI description, on
// its way between client and simulator.
type contract struct {
	router routers.Router

	mu      sync.Mutex
	covered map[string]bool // "GET /incidents"
	faults  []string
}

func newContract(t *testing.T) *contract {
	t.Helper()
	path := filepath.Join(pagerduty.ContractsDir(t), "pagerduty", "rest-openapi.trim.json")
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "/"}}
	// An acknowledge_log_entry can't be valid, for the description demands two
	// different types of it; and one entry fits several of the alternatives.
	for _, media := range doc.Paths.Value("/incidents/{id}/log_entries").Get.Responses.Value("200").Value.Content {
		for _, part := range media.Schema.Value.AllOf {
			if list := part.Value.Properties["log_entries"]; list != nil {
				list.Value.Items = doc.Components.Schemas["LogEntry"]
			}
		}
	}
	mendRequests(doc)
	doc.Components.Schemas["Channel"].Value.OneOf = nil // every channel fits several of them
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
		c.faults = append(c.faults, fmt.Sprintf("%s %s -> %d: %v", r.Method, r.URL.RequestURI(), resp.StatusCode, problem))
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
	req := r.Clone(context.Background())
	req.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	req.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		req.Body = nil
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
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		// The description knows the plain media type only.
		out.Header = resp.Header.Clone()
		out.Header.Set("Content-Type", "application/json")
	}
	if err := openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(got)); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// All that the client says, and all that the simulator answers, is what
// PagerDuty describes.
func TestContractREST(t *testing.T) {
	k := newContract(t)
	hc := &http.Client{Transport: k}
	sim, c := start(t, pagerdutysim.Options{TokenUser: "PANI"}, pagerduty.Config{HTTP: hc})
	_, account := start(t, pagerdutysim.Options{}, pagerduty.Config{HTTP: hc})
	ctx := t.Context()
	sim.AddService(pagerdutysim.Service{ID: "PCART", Name: "Cart", TeamID: "PTEAM"})
	id := sim.Trigger(pagerdutysim.Spec{Title: "checkout is down", Service: "PCART", Assignee: "PANI", Priority: "P1", Alert: pagerdutysim.Alert{
		Link: "https://one.newrelic.com/x", Client: "New Relic", Details: json.RawMessage(`{"condition_id":7}`),
	}}).ID
	root, plain := trigger(sim, "root"), trigger(sim, "plain")

	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	must("ack", c.Acknowledge(ctx, ani, id))
	must("note", c.AddNote(ctx, ani, id, "text"))
	must("type", sim.ChangeType(id, "PANI", "major"))
	must("bridge", sim.SetConferenceBridge(id, "PANI", "+62", "https://meet.example"))
	must("urgency", sim.ChangeUrgency(id, "PANI", "low"))
	must("priority", sim.ChangePriority(id, "PANI", "P2"))
	must("reassign", sim.Reassign(id, "PANI", "PIMBOT"))
	must("unack", sim.Unacknowledge(id))
	must("ack", c.Acknowledge(ctx, ani, id))
	must("merge", sim.Merge(id, root, "PANI"))
	must("resolve", c.Resolve(ctx, ani, plain, "fixed"))
	for _, each := range []string{id, root, plain} {
		_, err := c.Incident(ctx, each)
		must("incident", err)
		_, err = c.Alerts(ctx, each)
		must("alerts", err)
		_, err = c.Notes(ctx, each)
		must("notes", err)
		_, err = c.LogEntries(ctx, each, time.Now().Add(-time.Hour))
		must("log entries", err)
	}
	if got := list(t, c, time.Now().Add(-time.Hour), time.Now().Add(time.Minute)); len(got) != 3 {
		t.Errorf("incidents %v", got)
	}
	if n, err := c.CountIncidents(ctx, time.Now().Add(-time.Hour), time.Now().Add(time.Minute)); n != 3 || err != nil {
		t.Errorf("CountIncidents = %d, %v", n, err)
	}
	_, err := c.Priorities(ctx)
	must("priorities", err)
	_, err = c.OpenIncidents(ctx)
	must("open incidents", err)
	_, err = c.User(ctx, "PANI")
	must("user", err)
	for _, each := range []*pagerduty.Client{c, account} {
		_, err = each.Check(ctx)
		must("check", err)
	}
	sim.AddDependency("PCART", "PSTOCK")
	sim.AddBusinessDependency("PSHOP", "PCART")
	_, err = c.Services(ctx)
	must("services", err)
	deps, err := c.Dependencies(ctx, "PCART")
	must("dependencies", err)
	if len(deps) != 1 || deps[0] != (pagerduty.Dependency{Dependent: "PCART", Supporting: "PSTOCK"}) {
		t.Errorf("dependencies %v", deps)
	}
	_, err = c.Dependencies(ctx, "PNONE")
	wantError(t, "dependencies of nothing", err, 404, true)
	made, _, err := c.CreateSubscription(ctx, pagerduty.Subscription{URL: "https://x.example/", Events: []string{"incident.triggered"}})
	must("create subscription", err)
	_, err = c.Subscriptions(ctx)
	must("subscriptions", err)
	must("enable", c.EnableSubscription(ctx, made.ID))
	must("ping", c.TestSubscription(ctx, made.ID))

	everyoneOnCall(sim)
	_, err = c.OnCalls(ctx, pagerduty.OnCallQuery{Policies: []string{"PPOLICY"}, Earliest: true})
	must("on calls", err)
	_, err = c.OnCalls(ctx, pagerduty.OnCallQuery{Schedules: []string{"PDBA", "PDEV"}, Since: time.Now(), Until: time.Now().Add(time.Hour)})
	must("on calls of schedules", err)
	asked, err := c.CreateIncident(ctx, ani, pagerduty.NewIncident{
		Title: "help", ServiceID: "PCART", PolicyID: "PPOLICY", Urgency: "high", IncidentKey: "imbot-1", Details: "text",
	})
	must("create", err)
	_, err = c.CreateIncident(ctx, ani, pagerduty.NewIncident{Title: "help", ServiceID: "PCART", Assignees: []string{"PANI"}, IncidentKey: "imbot-1"})
	must("create again", err)
	_, err = c.CreateIncident(ctx, ani, pagerduty.NewIncident{Title: "help", ServiceID: "PCART", Assignees: []string{"PANI"}})
	must("create for one", err)
	must("ask", c.RequestResponders(ctx, asked.ID, ani, "please help", []string{"PANI", "PIMBOT"}))
	must("reply", sim.ReplyResponder(asked.ID, "PANI", pagerduty.ResponderJoined))
	_, err = c.Responders(ctx, asked.ID)
	must("responders", err)
	must("status update", c.PostStatusUpdate(ctx, asked.ID, ani, "we are looking"))

	// Refusals are described, too.
	_, err = c.CreateIncident(ctx, "nobody@example.com", pagerduty.NewIncident{Title: "x", ServiceID: "PCART"})
	wantError(t, "nobody creates", err, 400, true)
	wantError(t, "update on nothing", c.PostStatusUpdate(ctx, "QNONE", ani, "x"), 404, true)
	wantError(t, "ask on nothing", c.RequestResponders(ctx, "QNONE", ani, "x", []string{"PANI"}), 404, true)
	wantError(t, "resolved", c.Acknowledge(ctx, ani, plain), 400, true)
	wantError(t, "unknown", c.AddNote(ctx, ani, "QNONE", "x"), 404, true)

	for _, f := range k.faults {
		t.Error(f)
	}
	for _, want := range []string{
		"GET /abilities", "GET /incidents", "PUT /incidents", "GET /incidents/{id}", "GET /incidents/{id}/notes",
		"POST /incidents/{id}/notes", "GET /incidents/{id}/alerts", "GET /incidents/{id}/log_entries", "GET /users", "GET /users/{id}",
		"GET /users/me", "GET /webhook_subscriptions", "POST /webhook_subscriptions", "POST /webhook_subscriptions/{id}/enable",
		"POST /webhook_subscriptions/{id}/ping", "GET /services", "GET /priorities", "GET /service_dependencies/technical_services/{id}",
		"GET /oncalls", "POST /incidents", "POST /incidents/{id}/responder_requests", "POST /incidents/{id}/status_updates",
	} {
		if !k.covered[want] {
			t.Errorf("%s was not called", want)
		}
	}
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	k := newContract(t)
	good := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://127.0.0.1/incidents", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Accept": {"application/vnd.pagerduty+json;version=2"}, "Content-Type": {"application/json"}, "From": {ani}}
		return r
	}
	ok := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}}
	const goodBody, goodAnswer = `{"incidents":[{"id":"Q1","type":"incident","status":"resolved"}]}`, `{"incidents":[]}`
	for name, tt := range map[string]struct {
		change       func(*http.Request)
		body, answer string
		fine         bool
	}{
		"good":           {func(*http.Request) {}, goodBody, goodAnswer, true},
		"no From":        {func(r *http.Request) { r.Header.Del("From") }, goodBody, goodAnswer, false},
		"no Accept":      {func(r *http.Request) { r.Header.Del("Accept") }, goodBody, goodAnswer, false},
		"wrong method":   {func(r *http.Request) { r.Method = "DELETE" }, goodBody, goodAnswer, false},
		"wrong path":     {func(r *http.Request) { r.URL.Path = "/incident" }, goodBody, goodAnswer, false},
		"unknown query":  {func(r *http.Request) { r.URL.RawQuery = "force=1" }, goodBody, goodAnswer, false},
		"wrong status":   {func(*http.Request) {}, strings.Replace(goodBody, "resolved", "closed", 1), goodAnswer, false},
		"unknown member": {func(*http.Request) {}, strings.Replace(goodBody, "status", "state", 1), goodAnswer, false},
		"no type":        {func(*http.Request) {}, `{"incidents":[{"id":"Q1"}]}`, goodAnswer, false},
		"wrong answer":   {func(*http.Request) {}, goodBody, `{"incidents":[{"status":"closed"}]}`, false},
		"empty answer":   {func(*http.Request) {}, goodBody, `{}`, false},
	} {
		r := good()
		tt.change(r)
		if err := k.check(r, []byte(tt.body), ok, []byte(tt.answer)); (err == nil) != tt.fine {
			t.Errorf("%s: check = %v, want fine %v", name, err, tt.fine)
		}
	}
}

// What the simulator sends has the members of PagerDuty's own examples, no more
// and no fewer.
func TestContractSimulatedWebhooks(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(pagerduty.ContractsDir(t), "pagerduty", "webhook-v3-examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Events map[string]any }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	sent := everyEvent(t)
	for name, example := range file.Events {
		body, ok := sent[name]
		if !ok {
			t.Errorf("the simulator sent no %s", name)
			continue
		}
		var got any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		for _, d := range differences(example, got, "") {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// differences names members that only one side has, and values of other types.
// null fits everything, and an empty list every list.
func differences(want, got any, at string) []string {
	var out []string
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			if got != nil {
				return []string{fmt.Sprintf("%s is no object", at)}
			}
			return nil
		}
		for name := range w {
			if name == "value" { // of a custom field: anything
				continue
			}
			if _, ok := g[name]; !ok {
				out = append(out, at+"."+name+" is missing")
				continue
			}
			out = append(out, differences(w[name], g[name], at+"."+name)...)
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				out = append(out, at+"."+name+" is too much")
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is no list", at)}
		}
		if len(w) > 0 && len(g) > 0 {
			return differences(w[0], g[0], at+"[0]")
		}
	default:
		if want != nil && got != nil && fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			out = append(out, fmt.Sprintf("%s is a %T, want %T", at, got, want))
		}
	}
	return out
}
