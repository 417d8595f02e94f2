package pagerduty_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/internal/rig"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

const (
	ani  = "ani@example.com"
	imbo = "imbot@example.com"
)

// start returns a simulator with two users and a service, and a client for it.
func start(t *testing.T, o pagerdutysim.Options, c pagerduty.Config) (*pagerdutysim.Server, *pagerduty.Client) {
	t.Helper()
	sim := pagerdutysim.New(o)
	t.Cleanup(sim.Close)
	sim.AddUser(pagerdutysim.User{ID: "PANI", Name: "Ani", Email: ani})
	sim.AddUser(pagerdutysim.User{ID: "PIMBOT", Name: "imbot", Email: imbo})
	sim.AddService(pagerdutysim.Service{ID: "PCHECK", Name: "Checkout"})
	c.BaseURL, c.Token = sim.URL(), sim.Token()
	if c.From == "" {
		c.From = imbo
	}
	client, err := pagerduty.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return sim, client
}

func trigger(sim *pagerdutysim.Server, title string) string {
	return sim.Trigger(pagerdutysim.Spec{Title: title, Service: "PCHECK", Assignee: "PANI"}).ID
}

func TestNewChecksItsConfig(t *testing.T) {
	for _, tt := range []struct {
		token, base string
		ok          bool
	}{
		{"t", "", true},
		{"t", "https://api.eu.pagerduty.com", true},
		{"t", "http://127.0.0.1:80/", true},
		{"t", "http://localhost:1", true},
		{"t", "http://[::1]:1", true},
		{"", "", false},
		{"t", "http://api.pagerduty.com", false},
		{"t", "http://127.0.0.1.evil.example", false},
		{"t", "ftp://127.0.0.1", false},
		{"t", "https://user:secret@api.pagerduty.com", false},
		{"t", "api.pagerduty.com", false},
		{"t", "https://api.pagerduty.com?x=1", false},
	} {
		_, err := pagerduty.New(pagerduty.Config{Token: tt.token, BaseURL: tt.base})
		if (err == nil) != tt.ok {
			t.Errorf("New(%q, %q) = %v, want ok %v", tt.token, tt.base, err, tt.ok)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v shows the secret", err)
		}
	}
}

func TestAcknowledgeResolveNote(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	ctx, id := t.Context(), trigger(sim, "checkout is down")

	if err := c.Acknowledge(ctx, ani, id); err != nil {
		t.Fatal(err)
	}
	if err := c.Acknowledge(ctx, "", id); err != nil { // again, and by the default sender
		t.Fatal(err)
	}
	i, err := c.Incident(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var by []string
	for _, a := range i.Acknowledgements {
		by = append(by, a.By.ID)
	}
	if diff := cmp.Diff([]string{"PANI", "PIMBOT"}, by); diff != "" || i.Status != pagerduty.StatusAcknowledged {
		t.Errorf("status %s, acknowledged by (-want +got):\n%s", i.Status, diff)
	}
	if err := c.AddNote(ctx, ani, id, "looking <at> it"); err != nil {
		t.Fatal(err)
	}
	if err := c.Resolve(ctx, ani, id, "restarted"); err != nil {
		t.Fatal(err)
	}
	if err := c.Resolve(ctx, ani, id, "restarted"); err != nil {
		t.Errorf("resolving again: %v", err)
	}
	err = c.Acknowledge(ctx, ani, id)
	var e *pagerduty.Error
	if !errors.As(err, &e) || !e.AlreadyResolved() || !e.Permanent() || e.Status != http.StatusBadRequest {
		t.Errorf("acknowledging a resolved incident: %v", err)
	}
	if err := c.AddNote(ctx, ani, id, "afterwards"); err != nil {
		t.Errorf("a note on a resolved incident: %v", err)
	}
	notes, err := c.Notes(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, n := range notes {
		texts = append(texts, n.User.Summary+": "+n.Content)
		if n.CreatedAt.IsZero() || n.ID == "" {
			t.Errorf("note %+v", n)
		}
	}
	if diff := cmp.Diff([]string{"Ani: looking <at> it", "Ani: Resolution Note: restarted", "Ani: afterwards"}, texts); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestRefusedChanges(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	ctx, id := t.Context(), trigger(sim, "checkout is down")
	before := len(sim.Requests())
	for _, bad := range []string{"", "../users", "Q1/notes", "Q1?x=1", "Q 1", strings.Repeat("Q", 65)} {
		for op, err := range map[string]error{
			"ack": c.Acknowledge(ctx, ani, bad), "resolve": c.Resolve(ctx, ani, bad, ""), "note": c.AddNote(ctx, ani, bad, "x"),
			"enable": c.EnableSubscription(ctx, bad), "test": c.TestSubscription(ctx, bad),
		} {
			wantError(t, op+" "+bad, err, http.StatusNotFound, true)
		}
	}
	wantError(t, "empty note", c.AddNote(ctx, ani, id, " \n"), http.StatusBadRequest, true)
	wantError(t, "header injection", c.Acknowledge(ctx, "a@b.c\r\nX: y", id), http.StatusBadRequest, true)
	if n := len(sim.Requests()); n != before {
		t.Errorf("%d requests were made for what can't work", n-before)
	}
	wantError(t, "unknown incident", c.Acknowledge(ctx, ani, "QNONE"), http.StatusNotFound, true)
	wantError(t, "unknown sender", c.Acknowledge(ctx, "nobody@example.com", id), http.StatusBadRequest, true)
	if s, err := sim.State(id); err != nil || s.Status != pagerduty.StatusTriggered {
		t.Errorf("state %+v, %v", s, err)
	}
}

func wantError(t *testing.T, what string, err error, status int, permanent bool) *pagerduty.Error {
	t.Helper()
	return rig.Failed(t, what, err, func(e *pagerduty.Error) int { return e.Status }, status, permanent)
}

func TestRateLimitHoldsEverythingBack(t *testing.T) {
	now := time.Now()
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{Now: func() time.Time { return now }})
	id := trigger(sim, "checkout is down")
	sim.Inject(pagerdutysim.Fault{Times: 1, Status: 429, RetryAfter: 17 * time.Second})
	e := wantError(t, "429", c.Acknowledge(t.Context(), ani, id), 429, false)
	if e.RetryAfter() != 17*time.Second || e.Code != pagerduty.CodeRateLimited {
		t.Errorf("%v: RetryAfter = %v", e, e.RetryAfter())
	}
	before := len(sim.Requests())
	e = wantError(t, "held back", c.Acknowledge(t.Context(), ani, id), 0, false)
	if e.RetryAfter() != 17*time.Second || len(sim.Requests()) != before {
		t.Errorf("%v: RetryAfter = %v", e, e.RetryAfter())
	}
	now = now.Add(18 * time.Second)
	if err := c.Acknowledge(t.Context(), ani, id); err != nil {
		t.Error(err)
	}
	sim.Inject(pagerdutysim.Fault{Times: 1, Status: 429}) // without headers
	if e := wantError(t, "429 without headers", c.Acknowledge(t.Context(), ani, id), 429, false); e.RetryAfter() != 0 {
		t.Errorf("RetryAfter = %v, want 0", e.RetryAfter())
	}
}

// A whole burst of a client never meets the server's own limit.
func TestClientStaysBelowTheServersLimit(t *testing.T) {
	now := time.Now()
	sim, c := start(t, pagerdutysim.Options{Now: func() time.Time { return now }}, pagerduty.Config{Now: func() time.Time { return now }, MaxWait: time.Nanosecond})
	id := trigger(sim, "checkout is down")
	sent := 0
	for range 60 {
		for {
			_, err := c.Incident(t.Context(), id)
			var e *pagerduty.Error
			if errors.As(err, &e) && e.Status == 0 && e.RetryAfter() > 0 {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			sent++
		}
		now = now.Add(time.Second)
	}
	if sent < 900 || sent > 960 {
		t.Errorf("%d requests in a minute, want 900 to 960", sent)
	}
}

// After a lost answer the caller can find out what happened.
func TestLostAnswers(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	ctx, id := t.Context(), trigger(sim, "checkout is down")

	sim.Inject(pagerdutysim.Fault{Method: "POST", Path: "/incidents/" + id + "/notes", Times: 1, After: true, Drop: true})
	wantError(t, "note", c.AddNote(ctx, ani, id, "marker-1"), 0, false)
	notes, err := c.Notes(ctx, id)
	if err != nil || len(notes) != 1 || notes[0].Content != "marker-1" {
		t.Errorf("Notes = %+v, %v", notes, err)
	}
	sim.Inject(pagerdutysim.Fault{Method: "PUT", Times: 1, After: true, Status: 503})
	wantError(t, "resolve", c.Resolve(ctx, ani, id, ""), 503, false)
	if err := c.Resolve(ctx, ani, id, ""); err != nil {
		t.Errorf("resolving again after a lost answer: %v", err)
	}
	i, err := c.Incident(ctx, id)
	if err != nil || i.Open() || i.ResolvedAt.IsZero() || i.LastStatusChangeBy.ID != "PANI" {
		t.Errorf("Incident = %+v, %v", i, err)
	}
}

func TestAlerts(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	big, err := json.Marshal(strings.Repeat("x", pagerduty.MaxDetails))
	if err != nil {
		t.Fatal(err)
	}
	id := sim.Trigger(pagerdutysim.Spec{Title: "cpu", Service: "PCHECK", Key: "k1", At: at, Alert: pagerdutysim.Alert{
		ID: "PA1", Summary: "CPU 99%", Severity: "error", Client: "New Relic", Link: "https://one.newrelic.com/x?y=1", Details: json.RawMessage(`{ "condition_id": 7 }`),
	}}).ID
	for _, a := range []pagerdutysim.Alert{
		{Key: "k2", Details: big, Link: "javascript:alert(1)", At: at.Add(time.Minute)},
		{Key: "k3", Details: json.RawMessage(`"text"`), At: at.Add(-time.Minute)},
	} {
		if err := sim.AddAlert(id, a); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Alerts(t.Context(), id)
	if err != nil || len(got) != 3 {
		t.Fatalf("Alerts = %+v, %v", got, err)
	}
	if got[0].Key != "k3" || string(got[0].Details) != `"text"` || got[2].Key != "k2" || got[2].Details != nil || !got[2].DetailsOmitted || got[2].Link != "" {
		t.Errorf("Alerts = %+v", got)
	}
	a := got[1]
	if a.ID != "PA1" || a.Key != "k1" || a.Summary != "CPU 99%" || a.Severity != "error" || a.Client != "New Relic" || a.Status != "triggered" ||
		a.Link != "https://one.newrelic.com/x?y=1" || string(a.Details) != `{"condition_id":7}` || !a.CreatedAt.Equal(at) || a.Service.ID != "PCHECK" {
		t.Errorf("Alert = %+v", a)
	}
	_, err = c.Alerts(t.Context(), "QNONE")
	wantError(t, "unknown", err, 404, true)
}

func TestAlertsOfManyPages(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	id := trigger(sim, "storm")
	for range 249 {
		if err := sim.AddAlert(id, pagerdutysim.Alert{}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Alerts(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range got {
		seen[a.ID] = true
	}
	if len(got) != 250 || len(seen) != 250 {
		t.Errorf("%d alerts, %d of them different, want 250", len(got), len(seen))
	}
}

func TestLogEntriesHaveTheEventsTimes(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	id := sim.Trigger(pagerdutysim.Spec{Title: "cpu", Service: "PCHECK", At: at}).ID
	for _, err := range []error{
		sim.Acknowledge(id, "PANI", at.Add(time.Minute)),
		sim.Unacknowledge(id, at.Add(31*time.Minute)),
		sim.Acknowledge(id, "PANI", at.Add(32*time.Minute)),
		sim.Resolve(id, "", at.Add(40*time.Minute)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(since time.Time) []string {
		entries, err := c.LogEntries(t.Context(), id, since)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range entries {
			who := "-"
			if e.Agent != nil {
				who = e.Agent.ID
			}
			out = append(out, fmt.Sprint(e.CreatedAt.Sub(at), " ", e.Type, " ", who))
		}
		return out
	}
	want := []string{
		"0s trigger_log_entry PCHECK", "1m0s acknowledge_log_entry PANI", "31m0s unacknowledge_log_entry -",
		"32m0s acknowledge_log_entry PANI", "40m0s resolve_log_entry -",
	}
	if diff := cmp.Diff(want, read(time.Time{})); diff != "" {
		t.Errorf("LogEntries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[3:], read(at.Add(32*time.Minute))); diff != "" {
		t.Errorf("LogEntries since (-want +got):\n%s", diff)
	}
}
