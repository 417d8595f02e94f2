package pagerduty_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imbot/integrations/internal/contract"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// newContract checks exchanges against PagerDuty's OpenAPI description.
func newContract(t *testing.T) *contract.Contract {
	t.Helper()
	doc := contract.Read(t, "pagerduty/rest-openapi.trim.json")
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
	return (&contract.Contract{Untidy: true, Brief: true}).Of(t, doc)
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
	_, err = c.IncidentByKey(ctx, "PCART", "imbot-1")
	must("by key", err)
	_, err = c.UserByEmail(ctx, ani)
	must("by mail", err)
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

	k.Kept(t,
		"GET /abilities", "GET /incidents", "PUT /incidents", "GET /incidents/{id}", "GET /incidents/{id}/notes",
		"POST /incidents/{id}/notes", "GET /incidents/{id}/alerts", "GET /incidents/{id}/log_entries", "GET /users", "GET /users/{id}",
		"GET /users/me", "GET /webhook_subscriptions", "POST /webhook_subscriptions", "POST /webhook_subscriptions/{id}/enable",
		"POST /webhook_subscriptions/{id}/ping", "GET /services", "GET /priorities", "GET /service_dependencies/technical_services/{id}",
		"GET /oncalls", "POST /incidents", "POST /incidents/{id}/responder_requests", "POST /incidents/{id}/status_updates")
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	k := newContract(t)
	good := contract.Exchange{
		Method: http.MethodPut, Target: "/incidents", Body: `{"incidents":[{"id":"Q1","type":"incident","status":"resolved"}]}`, Answer: `{"incidents":[]}`,
		Header: http.Header{"Accept": {"application/vnd.pagerduty+json;version=2"}, "Content-Type": {"application/json"}, "From": {ani}},
	}
	replace := func(old, with string) contract.Case {
		return contract.Case{Change: func(e *contract.Exchange) { e.Body = strings.Replace(e.Body, old, with, 1) }}
	}
	k.Finds(t, good, map[string]contract.Case{
		"no From":        {Change: func(e *contract.Exchange) { e.Header.Del("From") }},
		"no Accept":      {Change: func(e *contract.Exchange) { e.Header.Del("Accept") }},
		"wrong method":   {Change: func(e *contract.Exchange) { e.Method = http.MethodDelete }},
		"wrong path":     {Change: func(e *contract.Exchange) { e.Target = "/incident" }},
		"unknown query":  {Change: func(e *contract.Exchange) { e.Target += "?force=1" }},
		"wrong status":   replace("resolved", "closed"),
		"unknown member": replace("status", "state"),
		"no type":        {Change: func(e *contract.Exchange) { e.Body = `{"incidents":[{"id":"Q1"}]}` }},
		"wrong answer":   {Change: func(e *contract.Exchange) { e.Answer = `{"incidents":[{"status":"closed"}]}` }},
		"empty answer":   {Change: func(e *contract.Exchange) { e.Answer = `{}` }},
	})
}

// What the simulator sends has the members of PagerDuty's own examples, no more
// and no fewer.
func TestContractSimulatedWebhooks(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(contract.Dir(t), "pagerduty", "webhook-v3-examples.json"))
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
