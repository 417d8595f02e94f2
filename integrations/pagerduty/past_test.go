package pagerduty_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/internal/contract"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

func TestCountIncidents(t *testing.T) {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	sim, c := start(t, pagerdutysim.Options{Now: func() time.Time { return now }}, pagerduty.Config{})
	fill(sim, 120, now.AddDate(-2, 0, 0).Add(time.Hour), 6*24*time.Hour)
	for _, tt := range []struct {
		since time.Time
		want  int
	}{{now.AddDate(-2, 0, 0), 120}, {now.AddDate(-1, 0, 0), 59}, {now.AddDate(0, 0, -27), 2}, {now, 0}} {
		n, err := c.CountIncidents(t.Context(), tt.since, now)
		if err != nil || n != tt.want {
			t.Errorf("CountIncidents since %s = %d, %v; want %d", tt.since, n, err, tt.want)
		}
	}
	if n := len(sim.Requests()); n != 5+3+1 {
		t.Errorf("%d requests", n)
	}
	sim.Inject(pagerdutysim.Fault{Status: http.StatusTooManyRequests, Times: 1})
	if _, err := c.CountIncidents(t.Context(), now.AddDate(0, -1, 0), now); err == nil {
		t.Error("a refusal is no error")
	}
}

// TestPriorityChanges reads what PagerDuty writes of them in its two ways.
func TestPriorityChanges(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	id := sim.Trigger(pagerdutysim.Spec{Title: "cpu", Service: "PCHECK", Priority: "P3"}).ID
	for _, p := range []string{"P1", ""} {
		if err := sim.ChangePriority(id, "PANI", p); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := c.LogEntries(t.Context(), id, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ref := func(name string) *pagerduty.Reference {
		return &pagerduty.Reference{ID: "PPRIO" + name, Type: "priority_reference"}
	}
	want := []*pagerduty.PriorityChange{nil, {From: ref("P3"), To: ref("P1")}, {From: ref("P1")}}
	var got []*pagerduty.PriorityChange
	for _, e := range entries {
		got = append(got, e.Priority)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("priorities (-want +got):\n%s", d)
	}
	list, err := c.Priorities(t.Context())
	if err != nil || len(list) != 5 || list[0].ID != "PPRIOP1" || list[0].Summary != "P1" {
		t.Errorf("Priorities = %v, %v", list, err)
	}

	// The other way has the priorities themselves.
	const other = `{"log_entries":[{"id":"R1","type":"priority_change_log_entry","created_at":"2026-03-01T10:00:00Z",
		"channel":{"type":"website","old_priority":null,"new_priority":{"id":"PX","name":"Sev 1"}}},
		{"id":"R2","type":"notify_log_entry","created_at":"2026-03-01T10:00:00Z","channel":{"type":"auto","changeset":{"application_fields":[{"name":"service","value":7}]}}}],"more":false}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, other) }))
	defer srv.Close()
	c, err = pagerduty.New(pagerduty.Config{Token: "x", BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	entries, err = c.LogEntries(t.Context(), id, time.Time{})
	if err != nil || len(entries) != 2 {
		t.Fatalf("LogEntries = %v, %v", entries, err)
	}
	if d := cmp.Diff(&pagerduty.PriorityChange{To: &pagerduty.Reference{ID: "PX", Summary: "Sev 1"}}, entries[1].Priority); d != "" || entries[0].Priority != nil {
		t.Errorf("priority (-want +got):\n%s; of another field: %v", d, entries[0].Priority)
	}
}

// TestIncidentWithoutATime: it is listed, so that somebody can be told of it, and
// hides no other.
func TestIncidentWithoutATime(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"incidents":[{"id":"Q1","created_at":"2026-03-01T10:00:00Z"},{"id":"Q2","created_at":null},{"id":"Q3","created_at":"2025-01-01T00:00:00Z"}],"more":false}`)
	}))
	defer srv.Close()
	c, err := pagerduty.New(pagerduty.Config{Token: "x", BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if d := cmp.Diff([]string{"Q1", "Q2"}, list(t, c, at, at.AddDate(0, 0, 2))); d != "" {
		t.Errorf("Incidents (-want +got):\n%s", d)
	}
}

// recompose composes a webhook of a parsed one, and parses that.
func recompose(t *testing.T, e *pagerduty.Event) *pagerduty.Event {
	t.Helper()
	body, err := pagerduty.ComposeWebhook(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := pagerduty.ParseWebhook(body)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return back
}

// composable reports whether an event is of a kind that ComposeWebhook knows.
func composable(e *pagerduty.Event) bool {
	return e.Incident != nil || (e.Note != nil && e.IncidentRef != nil)
}

// same compares events, but for the bytes that they came in and the application
// they were made with.
func same(want, got *pagerduty.Event) string {
	w, g := *want, *got
	w.Raw, g.Raw, w.Client, g.Client = nil, nil, "", ""
	return cmp.Diff(w, g)
}

// TestComposeWebhook: each of PagerDuty's own examples, and of the simulator's,
// survives the way back.
func TestComposeWebhook(t *testing.T) {
	bodies := everyEvent(t)
	raw, err := os.ReadFile(filepath.Join(contract.Dir(t), "pagerduty", "webhook-v3-examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Events map[string]json.RawMessage }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for name, body := range file.Events {
		bodies["example "+name] = body
	}
	n := 0
	for name, body := range bodies {
		e, err := pagerduty.ParseWebhook(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !composable(e) {
			if _, err := pagerduty.ComposeWebhook(e); err == nil {
				t.Errorf("%s is composed, though something is lost", name)
			}
			continue
		}
		n++
		if d := same(e, recompose(t, e)); d != "" {
			t.Errorf("%s (-first +back):\n%s", name, d)
		}
	}
	if n < 20 {
		t.Errorf("%d events were composed", n)
	}
	body, err := pagerduty.ComposeWebhook(&pagerduty.Event{ID: "e", Type: "incident.triggered", Incident: &pagerduty.Incident{ID: "Q1"}})
	if err != nil || strings.Contains(string(body), "0001") {
		t.Errorf("%s, %v", body, err)
	}
}

func FuzzComposeWebhook(f *testing.F) {
	f.Add([]byte(`{"event":{"event_type":"incident.triggered","occurred_at":"2026-03-01T10:00:00.5Z","data":{"type":"incident","id":"Q1","title":"a\u2028b","priority":{"id":"P","summary":"P1"},"created_at":"2026-03-01T10:00:00Z"}}}`))
	f.Add([]byte(`{"event":{"event_type":"incident.annotated","data":{"type":"incident_note","id":"N","content":"<b>","trimmed":true,"incident":{"id":"Q1"}}}}`))
	f.Add([]byte(`{"event":{"event_type":"x","agent":{"id":"","summary":"s"},"data":{"type":"incident","resolve_reason":{"type":"merge_resolve_reason","incident":{"id":"Q2"}},"conference_bridge":{"conference_number":7},"assignees":[{"id":"U"},{}]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := pagerduty.ParseWebhook(body)
		if err != nil || !composable(e) {
			return
		}
		// What PagerDuty can't send survives in a form that stays as it is.
		once := recompose(t, e)
		if d := same(once, recompose(t, once)); d != "" {
			t.Errorf("the second time (-once +twice):\n%s", d)
		}
		if once.IncidentID() != strings.ToValidUTF8(e.IncidentID(), "\uFFFD") && len(e.IncidentID()) < 100 {
			t.Errorf("incident %q became %q", e.IncidentID(), once.IncidentID())
		}
	})
}
