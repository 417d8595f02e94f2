package pagerdutysim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
)

func client1(t *testing.T, s *Server) *pagerduty.Client {
	t.Helper()
	c, err := pagerduty.New(pagerduty.Config{Token: s.Token(), BaseURL: s.URL(), From: "ani@example.com"})
	must(t, err)
	return c
}

// call makes a REST call with the token and a sender.
func call(t *testing.T, s *Server, method, path, body string, change ...func(http.Header)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	must(t, err)
	req.Header.Set("Authorization", "Token token="+s.Token())
	req.Header.Set("From", "ani@example.com")
	for _, f := range change {
		f(req.Header)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp, string(got)
}

func TestRESTRefusals(t *testing.T) {
	s := stepped(t, Options{})
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	s.Trigger(Spec{ID: "Q2", Title: "b"})
	must(t, s.Resolve("Q2", ""))
	put := func(item string) string { return `{"incidents":[` + item + `]}` }
	ack := put(`{"id":"Q1","type":"incident","status":"acknowledged"}`)
	many := put(strings.TrimSuffix(strings.Repeat(`{"id":"Q1","type":"incident","status":"acknowledged"},`, 251), ","))
	without := func(name string) func(http.Header) { return func(h http.Header) { h.Del(name) } }
	with := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	same := func(http.Header) {}

	for name, tt := range map[string]struct {
		method, path, body string
		change             func(http.Header)
		status, code       int
		text               string
	}{
		"no token":          {"GET", "/incidents", "", without("Authorization"), 401, 2006, "Authentication"},
		"wrong token":       {"GET", "/incidents", "", with("Authorization", "Token token=x"), 401, 2006, "Authentication"},
		"bearer":            {"GET", "/incidents", "", with("Authorization", "Bearer "+s.Token()), 401, 2006, "Authentication"},
		"no sender":         {"PUT", "/incidents", ack, without("From"), 400, 2001, "From"},
		"unknown sender":    {"PUT", "/incidents", ack, with("From", "x@example.com"), 400, 1008, "Requester"},
		"unknown route":     {"GET", "/teapots", "", same, 404, 2100, "Not Found"},
		"unknown incident":  {"GET", "/incidents/QNONE", "", same, 404, 2100, "Not Found"},
		"one unknown":       {"PUT", "/incidents", put(`{"id":"Q1","type":"incident","status":"resolved"},{"id":"QNONE","type":"incident"}`), same, 404, 2100, "Not Found"},
		"no type":           {"PUT", "/incidents", put(`{"id":"Q1","status":"resolved"}`), same, 400, 2001, "Type"},
		"unknown status":    {"PUT", "/incidents", put(`{"id":"Q1","type":"incident","status":"closed"}`), same, 400, 2001, "Status must be"},
		"ack of resolved":   {"PUT", "/incidents", put(`{"id":"Q2","type":"incident","status":"acknowledged"}`), same, 400, 2001, "Already Resolved"},
		"reopen":            {"PUT", "/incidents", put(`{"id":"Q2","type":"incident","status":"triggered"}`), same, 400, 2001, "Already Resolved"},
		"too many":          {"PUT", "/incidents", many, same, 413, 2001, "Too Large"},
		"no JSON":           {"PUT", "/incidents", "x", same, 400, 2001, "JSON"},
		"empty note":        {"POST", "/incidents/Q1/notes", `{"note":{"content":" "}}`, same, 400, 2001, "Content"},
		"note on nothing":   {"POST", "/incidents/QNONE/notes", `{"note":{"content":"x"}}`, same, 404, 2100, "Not Found"},
		"too deep":          {"GET", "/incidents?offset=9950&limit=100", "", same, 400, 2001, "10000"},
		"too wide":          {"GET", "/incidents?since=2025-01-01T00:00:00Z&until=2026-01-01T00:00:00Z", "", same, 400, 2005, "six months"},
		"no date":           {"GET", "/incidents?since=yesterday", "", same, 400, 2005, "Since"},
		"unknown order":     {"GET", "/incidents?sort_by=mood", "", same, 400, 2001, "Sort"},
		"unknown direction": {"GET", "/incidents?sort_by=created_at:up", "", same, 400, 2001, "Sort"},
		"me of an account":  {"GET", "/users/me", "", same, 400, 2001, "user-level"},
		"unknown user":      {"GET", "/users/PNONE", "", same, 404, 2100, "Not Found"},
		"unknown sub":       {"POST", "/webhook_subscriptions/PNONE/enable", "", same, 404, 2100, "Not Found"},
		"sub of nothing":    {"POST", "/webhook_subscriptions", `{"webhook_subscription":{}}`, same, 400, 2001, "required"},
	} {
		resp, body := call(t, s, tt.method, tt.path, tt.body, tt.change)
		var got refusal
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Errorf("%s: %v in %s", name, err, body)
		}
		if resp.StatusCode != tt.status || got.Error.Code != tt.code || !strings.Contains(body, tt.text) {
			t.Errorf("%s: %d %s, want %d, code %d, %q", name, resp.StatusCode, body, tt.status, tt.code, tt.text)
		}
	}
	if st, err := s.State("Q1"); err != nil || st.Status != pagerduty.StatusTriggered || st.Notes != nil {
		t.Errorf("refused changes were made: %+v, %v", st, err)
	}
}

func TestRESTLimitsTheRate(t *testing.T) {
	s := stepped(t, Options{})
	var resp *http.Response
	var body string
	for range 960 {
		if resp, body = call(t, s, "GET", "/abilities", ""); resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
	}
	if got := resp.Header.Get("ratelimit-remaining"); got != "0" {
		t.Errorf("ratelimit-remaining = %s", got)
	}
	s.Advance(t.Context(), 20*time.Second)
	resp, body = call(t, s, "GET", "/abilities", "")
	if resp.StatusCode != 429 || strings.TrimSpace(body) != `{"error":{"message":"Rate Limit Exceeded","code":2020}}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	h := resp.Header
	if h.Get("ratelimit-limit") != "960" || h.Get("ratelimit-reset") != "40" || h.Get("Retry-After") != "" {
		t.Errorf("headers %v", h)
	}
	s.Advance(t.Context(), 40*time.Second)
	if resp, body = call(t, s, "GET", "/abilities", ""); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestRESTListsIncidents(t *testing.T) {
	s := stepped(t, Options{})
	for n := range 130 {
		urgency := "high"
		if n%2 == 1 {
			urgency = "low"
		}
		s.Trigger(Spec{ID: fmt.Sprintf("Q%03d", n), Title: "a", Key: fmt.Sprintf("k%d", n), Urgency: urgency, Service: fmt.Sprintf("PS%d", n%3), At: day0.Add(-time.Duration(n) * 24 * time.Hour)})
	}
	must(t, s.Resolve("Q000", ""))
	for query, want := range map[string]string{
		"":                                                      "25 Q029 more", // the default is a month, oldest first: day 28 and earlier are out
		"date_range=all":                                        "25 Q129 more",
		"date_range=all&limit=1000":                             "100 Q129 more",
		"date_range=all&offset=100&limit=100":                   "30 Q029",
		"date_range=all&offset=200":                             "0",
		"date_range=all&sort_by=created_at:desc":                "25 Q000 more",
		"date_range=all&sort_by=incident_number:desc":           "25 Q129 more",
		"date_range=all&incident_key=k7":                        "1 Q007",
		"date_range=all&statuses[]=resolved":                    "1 Q000",
		"date_range=all&urgencies[]=low&limit=100":              "65 Q129",
		"date_range=all&service_ids[]=PS0&limit=100":            "44 Q129",
		"since=2026-02-27T00:00:00Z&until=2026-03-02T00:00:00Z": "3 Q002",
	} {
		resp, body := call(t, s, "GET", "/incidents?"+query, "")
		var got struct {
			More      bool
			Total     *int
			Incidents []struct{ ID string }
		}
		must(t, json.Unmarshal([]byte(body), &got))
		text := strconv.Itoa(len(got.Incidents))
		if len(got.Incidents) > 0 {
			text += " " + got.Incidents[0].ID
		}
		if got.More {
			text += " more"
		}
		if query == "" {
			text, want = text[:2], want[:2] // the length of a month varies
		}
		if resp.StatusCode != 200 || text != want || got.Total != nil {
			t.Errorf("%s: %d %s, want %s", query, resp.StatusCode, text, want)
		}
	}
	_, body := call(t, s, "GET", "/incidents?date_range=all&total=true&limit=1", "")
	if !strings.Contains(body, `"total":130`) {
		t.Errorf("no total in %s", body)
	}
}

func TestNotesAreBounded(t *testing.T) {
	s := stepped(t, Options{})
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	for n := range maxNotes {
		must(t, s.AddNote("Q1", "PANI", strconv.Itoa(n)))
	}
	if resp, body := call(t, s, "POST", "/incidents/Q1/notes", `{"note":{"content":"x"}}`); resp.StatusCode != 400 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestFaultsFitTheirCalls(t *testing.T) {
	s := stepped(t, Options{})
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	s.Inject(Fault{Method: "GET", Path: "/incidents/Q1", Times: 2, Status: 503})
	for n, want := range []int{503, 503, 200} {
		if resp, _ := call(t, s, "GET", "/incidents/Q1", ""); resp.StatusCode != want {
			t.Errorf("call %d: %d, want %d", n, resp.StatusCode, want)
		}
		if resp, _ := call(t, s, "GET", "/abilities", ""); resp.StatusCode != 200 {
			t.Errorf("another path: %d", resp.StatusCode)
		}
	}
	s.Inject(Fault{Status: 500})
	for range 3 {
		if resp, _ := call(t, s, "GET", "/abilities", ""); resp.StatusCode != 500 {
			t.Errorf("%d, want 500", resp.StatusCode)
		}
	}
	s.ClearFaults()
	if resp, _ := call(t, s, "GET", "/abilities", ""); resp.StatusCode != 200 {
		t.Errorf("%d after ClearFaults", resp.StatusCode)
	}
	s.Inject(Fault{Status: 429, RetryAfter: 9 * time.Second, Times: 1})
	if resp, body := call(t, s, "GET", "/abilities", ""); resp.Header.Get("ratelimit-reset") != "9" || !strings.Contains(body, "2020") {
		t.Errorf("%v %s", resp.Header, body)
	}
	s.Inject(Fault{Status: 500, After: true, Times: 1})
	call(t, s, "POST", "/incidents/Q1/notes", `{"note":{"content":"done"}}`)
	if st, err := s.State("Q1"); err != nil || len(st.Notes) != 1 {
		t.Errorf("After did nothing: %+v, %v", st, err)
	}
}

func TestDumpHasEveryByte(t *testing.T) {
	s := stepped(t, Options{})
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	call(t, s, "POST", "/incidents/Q1/notes?trace=canary-1", `{"note":{"content":"canary-2"}}`, func(h http.Header) { h.Set("X-Extra", "canary-3") })
	s.Inject(Fault{Status: 500, Times: 1})
	call(t, s, "GET", "/canary-4", "")
	for n := 1; n <= 4; n++ {
		if !strings.Contains(string(s.Dump()), fmt.Sprintf("canary-%d", n)) {
			t.Errorf("canary-%d is missing in %s", n, s.Dump())
		}
	}
	if r := s.Requests(); len(r) != 2 || r[0].Method != "POST" || !r[0].At.Equal(day0) {
		t.Errorf("Requests = %+v", r)
	}
}

func TestStateRules(t *testing.T) {
	s := stepped(t, Options{})
	first := s.Trigger(Spec{Title: "a", Service: "PA", Key: "k"})
	if again := s.Trigger(Spec{Title: "b", Service: "PA", Key: "k", Alert: Alert{Key: "k2"}}); again.ID != first.ID || again.Alerts != 2 || again.Title != "a" {
		t.Errorf("an open incident with the key got a twin: %+v", again)
	}
	other := s.Trigger(Spec{Title: "a", Service: "PB", Key: "k"})
	if other.ID == first.ID {
		t.Error("the key of another service counted")
	}
	must(t, s.Resolve(first.ID, ""))
	if next := s.Trigger(Spec{Title: "c", Service: "PA", Key: "k"}); next.ID == first.ID || next.Number != 3 {
		t.Errorf("a resolved incident was triggered again: %+v", next)
	}
	for name, tt := range map[string]struct {
		err, want error
	}{
		"ack of resolved":       {s.Acknowledge(first.ID, "PANI"), ErrAlreadyResolved},
		"resolve of resolved":   {s.Resolve(first.ID, "PANI"), ErrAlreadyResolved},
		"ack of nothing":        {s.Acknowledge("QNONE", "PANI"), ErrNotFound},
		"unack of triggered":    {s.Unacknowledge(other.ID), ErrInvalid},
		"reopen of open":        {s.Reopen(other.ID, "PANI"), ErrInvalid},
		"merge into itself":     {s.Merge(other.ID, other.ID, "PANI"), ErrInvalid},
		"merge into resolved":   {s.Merge(other.ID, first.ID, "PANI"), ErrInvalid},
		"merge into nothing":    {s.Merge(other.ID, "QNONE", "PANI"), ErrNotFound},
		"assign to nobody":      {s.Reassign(other.ID, "PANI", "PNONE"), ErrNotFound},
		"unknown urgency":       {s.ChangeUrgency(other.ID, "PANI", "mild"), ErrInvalid},
		"unknown event":         {s.Emit(other.ID, "PANI", "incident.exploded"), ErrInvalid},
		"unknown service event": {s.EmitService("PA", "PANI", "service.exploded"), ErrInvalid},
		"note of nobody":        {s.AddNote(other.ID, "PNONE", "x"), ErrNotFound},
		"unknown subscription":  {s.Ping("PNONE", ""), ErrNotFound},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
		}
	}
}

func TestSnapshotFollowsTheStory(t *testing.T) {
	s := stepped(t, Options{})
	at := func(m int) time.Time { return day0.Add(time.Duration(m) * time.Minute) }
	s.Trigger(Spec{ID: "Q1", Title: "root", Service: "PA", Key: "k1", Priority: "P1", At: at(0)})
	s.Trigger(Spec{ID: "Q2", Title: "twin", Service: "PB", Key: "k2", Urgency: "low", At: at(1)})
	must(t,
		s.Acknowledge("Q1", "PANI", at(2)), s.AddNote("Q1", "PANI", "looking", at(3)), s.Merge("Q2", "Q1", "PANI", at(4)),
		s.ChangePriority("Q1", "PANI", "P2", at(5)), s.Resolve("Q1", "PANI", at(6)), s.Reopen("Q1", "PANI", at(7)),
		s.MoveToService("Q1", "PANI", "PC", at(8)),
	)
	want := []State{
		{ID: "Q1", Number: 1, Title: "root", Key: "k1", Service: "PC", Status: "triggered", Urgency: "high", Priority: "P2", CreatedAt: at(0), Alerts: 2, Notes: []string{"looking"}},
		{ID: "Q2", Number: 2, Title: "twin", Key: "k2", Service: "PB", Status: "resolved", Urgency: "low", MergedInto: "Q1", CreatedAt: at(1), ResolvedAt: at(4)},
	}
	if diff := cmp.Diff(want, s.Snapshot()); diff != "" {
		t.Errorf("Snapshot (-want +got):\n%s", diff)
	}
}

func TestMergeIsBounded(t *testing.T) {
	s := stepped(t, Options{})
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	s.Trigger(Spec{ID: "Q2", Title: "b"})
	for range maxAlerts - 1 {
		must(t, s.AddAlert("Q1", Alert{}))
	}
	if err := s.Merge("Q2", "Q1", "PANI"); !errors.Is(err, ErrInvalid) {
		t.Errorf("Merge to 1001 alerts = %v", err)
	}
	if st, err := s.State("Q2"); err != nil || st.Status != "triggered" || st.MergedInto != "" || st.Alerts != 1 {
		t.Errorf("a refused merge changed %+v, %v", st, err)
	}
}

func TestWebhookBuilder(t *testing.T) {
	spec := WebhookSpec{ID: "Q1", Number: 7, Title: "checkout is down", Service: Service{ID: "PA", Name: "A"}, Priority: "P1", At: day0}
	body, h := Webhook(spec, "one", "two")
	again, h2 := Webhook(spec, "one", "two")
	if string(body) != string(again) || cmp.Diff(h, h2) != "" {
		t.Error("the same spec gave another webhook")
	}
	if len(body) < 5500 || len(body) > 6500 {
		t.Errorf("%d bytes, want about 6 KB", len(body))
	}
	for _, secret := range []string{"one", "two"} {
		must(t, pagerduty.VerifySignature(h, body, []string{secret}))
	}
	e, err := pagerduty.ParseWebhook(body)
	must(t, err)
	if e.Type != "incident.triggered" || !e.OccurredAt.Equal(day0) || e.Incident.ID != "Q1" || e.Incident.Number != 7 || e.Incident.Title != spec.Title ||
		e.Incident.Service.ID != "PA" || e.Incident.Status != "triggered" || e.Incident.Priority.Summary != "P1" || !e.Incident.CreatedAt.Equal(day0) {
		t.Errorf("event %+v", e)
	}
	ids := map[string]bool{h.Get(pagerduty.WebhookIDHeader): true, e.ID: true}
	for n, change := range []func(*WebhookSpec){
		func(s *WebhookSpec) { s.Type = "incident.resolved" }, func(s *WebhookSpec) { s.ID = "Q2" }, func(s *WebhookSpec) { s.At = day0.Add(time.Millisecond) },
	} {
		other := spec
		change(&other)
		body, h := Webhook(other)
		e, err := pagerduty.ParseWebhook(body)
		must(t, err)
		if ids[e.ID] || ids[h.Get(pagerduty.WebhookIDHeader)] {
			t.Errorf("change %d: an id is used twice", n)
		}
		ids[e.ID], ids[h.Get(pagerduty.WebhookIDHeader)] = true, true
		if n == 0 && e.Incident.Status != "resolved" {
			t.Errorf("status %s", e.Incident.Status)
		}
	}
}

// Two simulators never use the same ids, for a receiver may outlive one.
func TestIdsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		s := New(Options{})
		id := s.Trigger(Spec{Title: "a"}).ID
		s.Close()
		if seen[id] {
			t.Errorf("id %s twice", id)
		}
		seen[id] = true
	}
}

func BenchmarkWebhook(b *testing.B) {
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		Webhook(WebhookSpec{ID: strconv.Itoa(n), Title: "checkout is down", At: day0}, "secret")
	}
}
