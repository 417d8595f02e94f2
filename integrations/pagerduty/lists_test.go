package pagerduty_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// list reads all incidents from since until until.
func list(t *testing.T, c *pagerduty.Client, since, until time.Time) []string {
	t.Helper()
	var ids []string
	for i, err := range c.Incidents(t.Context(), since, until) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, i.ID)
	}
	return ids
}

// fill triggers n incidents, each step after the one before.
func fill(sim *pagerdutysim.Server, n int, from time.Time, step time.Duration) []string {
	ids := make([]string, n)
	for k := range n {
		ids[k] = sim.Trigger(pagerdutysim.Spec{
			ID: fmt.Sprintf("Q%05d", k), Title: fmt.Sprintf("trouble %d", k), Service: "PCHECK", At: from.Add(time.Duration(k) * step),
		}).ID
	}
	return ids
}

func TestIncidentHasAllFields(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	sim.AddService(pagerdutysim.Service{ID: "PCART", Name: "Cart", TeamID: "PTEAM"})
	target := trigger(sim, "root")
	id := sim.Trigger(pagerdutysim.Spec{Title: "cart is slow", Service: "PCART", Key: "k", Urgency: "low", Priority: "P2", Assignee: "PANI", At: at}).ID
	for _, err := range []error{
		sim.ChangeType(id, "PANI", "major"), sim.SetConferenceBridge(id, "PANI", "+62", "https://meet.example"),
		sim.Merge(id, target, "PANI", at.Add(time.Hour)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Incident(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got.MergedInto() != target {
		t.Errorf("MergedInto = %q, want %q", got.MergedInto(), target)
	}
	if got.Number != 2 || got.Title != "cart is slow" || got.IncidentKey != "k" || got.Urgency != "low" || got.Priority.Summary != "P2" ||
		got.Service.Summary != "Cart" || got.Assignees[0].Summary != "Ani" || got.Teams[0].ID != "PTEAM" || got.IncidentType != "major" ||
		got.ConferenceBridge.URL != "https://meet.example" || !got.CreatedAt.Equal(at) || !got.ResolvedAt.Equal(at.Add(time.Hour)) ||
		!got.LastStatusChangeAt.Equal(at.Add(time.Hour)) || got.HTMLURL == "" || got.EscalationPolicy == nil {
		t.Errorf("Incident = %+v", got)
	}
	_, err = c.Incident(t.Context(), "QNONE")
	if e := wantError(t, "unknown", err, http.StatusNotFound, true); !e.NotFound() || e.Code != pagerduty.CodeNotFound {
		t.Errorf("error %v", e)
	}
}

func TestIncidentsPagesAndBounds(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	from := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	ids := fill(sim, 251, from, time.Minute)
	if err := sim.Resolve(ids[5], "PANI"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids, list(t, c, from, from.Add(251*time.Minute))); diff != "" {
		t.Errorf("all of them (-want +got):\n%s", diff)
	}
	// since is inclusive, until exclusive.
	if diff := cmp.Diff(ids[10:20], list(t, c, from.Add(10*time.Minute), from.Add(20*time.Minute))); diff != "" {
		t.Errorf("a part of them (-want +got):\n%s", diff)
	}
	if got := list(t, c, from.Add(time.Minute), from.Add(time.Minute)); got != nil {
		t.Errorf("an empty range has %v", got)
	}
	before := len(sim.Requests())
	for range c.Incidents(t.Context(), from, from.Add(251*time.Minute)) {
		break // reads no further page
	}
	if n := len(sim.Requests()) - before; n != 1 {
		t.Errorf("%d requests for the first incident, want 1", n)
	}
}

func TestIncidentsOfYears(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	from := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	ids := fill(sim, 60, from, 30*24*time.Hour) // PagerDuty searches six months at once
	if diff := cmp.Diff(ids, list(t, c, from, from.AddDate(6, 0, 0))); diff != "" {
		t.Errorf("Incidents (-want +got):\n%s", diff)
	}
}

// PagerDuty shows the first 10,000 of a list.
func TestIncidentsBeyondTheOffsetLimit(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{RatePerMinute: 1e6}, pagerduty.Config{RatePerMinute: 1e6})
	from := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	ids := fill(sim, 10_300, from, 500*time.Millisecond) // two in each second
	if diff := cmp.Diff(ids, list(t, c, from, from.Add(3*time.Hour))); diff != "" {
		t.Errorf("Incidents (-want +got):\n%.2000s", diff)
	}
	open, err := c.OpenIncidents(t.Context())
	if err != nil || len(open) != len(ids) {
		t.Errorf("%d open incidents, %v; want %d", len(open), err, len(ids))
	}
}

func TestIncidentsOfOneSecond(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{RatePerMinute: 1e6}, pagerduty.Config{RatePerMinute: 1e6})
	from := time.Now().Add(-time.Hour).Truncate(time.Second)
	fill(sim, 10_050, from, 0)
	var last error
	for _, err := range c.Incidents(t.Context(), from, from.Add(time.Minute)) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "10,000") {
		t.Errorf("Incidents ended with %v, want an error instead of a loop or a gap", last)
	}
}

func TestIncidentsEndWithAnError(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	from := time.Now().Add(-24 * time.Hour)
	fill(sim, 150, from, time.Second) // the first in the middle of the range's first second
	n := 0
	for i, err := range c.Incidents(t.Context(), from, time.Now()) {
		if err != nil {
			wantError(t, "second page", err, 503, false)
			break
		}
		if n++; n == 100 {
			sim.Inject(pagerdutysim.Fault{Status: 503})
		}
		if i == nil || n > 100 {
			t.Fatalf("incident %d: %v", n, i)
		}
	}
	if _, err := c.OpenIncidents(t.Context()); err == nil {
		t.Error("OpenIncidents hides an error")
	}
}

// during calls do after the nth answer, or after each if n is negative.
type during struct {
	n  int
	do func()
}

func (d *during) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if d.n < 0 {
		d.do()
	} else if d.n > 0 {
		if d.n--; d.n == 0 {
			d.do()
		}
	}
	return resp, err
}

// Incidents that are resolved while the open ones are read move the later ones
// forward: none may be missed.
func TestOpenIncidentsWhileSomeAreResolved(t *testing.T) {
	for _, gone := range [][2]int{{0, 1}, {3, 40}, {99, 100}, {98, 99}, {100, 101}, {0, 100}} {
		d := &during{n: 1}
		sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{HTTP: &http.Client{Transport: d}})
		from := time.Now().AddDate(-2, 0, 0) // of any age
		ids := fill(sim, 250, from, time.Second)
		d.do = func() {
			for _, id := range ids[gone[0]:gone[1]] {
				if err := sim.Resolve(id, "PANI"); err != nil {
					t.Error(err)
				}
			}
		}
		open, err := c.OpenIncidents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, i := range open {
			if got[i.ID] {
				t.Errorf("%v: %s twice", gone, i.ID)
			}
			got[i.ID] = true
		}
		for _, s := range sim.Snapshot() {
			if s.Status != pagerduty.StatusResolved && !got[s.ID] {
				t.Errorf("%v: open incident %s is missing", gone, s.ID)
			}
		}
	}
}

// A list that never holds still is an error, not a list with gaps.
func TestOpenIncidentsWhileAllIsInMotion(t *testing.T) {
	d := &during{n: -1}
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{HTTP: &http.Client{Transport: d}})
	ids := fill(sim, 900, time.Now().Add(-time.Hour), time.Second)
	d.do = func() {
		for range pagerduty.Overlap + 1 {
			if err := sim.Resolve(ids[0], "PANI"); err != nil {
				t.Error(err)
			}
			ids = ids[1:]
		}
	}
	open, err := c.OpenIncidents(t.Context())
	wantError(t, fmt.Sprintf("%d open incidents", len(open)), err, 0, false)
}

func TestOpenIncidents(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	ids := fill(sim, 3, time.Now().AddDate(-1, 0, 0), time.Second)
	for _, err := range []error{sim.Acknowledge(ids[1], "PANI"), sim.Resolve(ids[2], "PANI")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	open, err := c.OpenIncidents(t.Context())
	if err != nil || len(open) != 2 || open[0].Status != pagerduty.StatusTriggered || open[1].Status != pagerduty.StatusAcknowledged {
		t.Errorf("OpenIncidents = %+v, %v", open, err)
	}
}

func TestUsers(t *testing.T) {
	now := time.Now()
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{Now: func() time.Time { return now }})
	for n := range 150 { // the wanted one is on the second page of those that contain its address
		sim.AddUser(pagerdutysim.User{Name: "x", Email: fmt.Sprintf("%dbudi@example.com", n)})
	}
	sim.AddUser(pagerdutysim.User{ID: "PBUDI", Name: "Budi", Email: "Budi@Example.com"})
	want := pagerduty.User{ID: "PBUDI", Name: "Budi", Email: "Budi@Example.com"}

	calls := func(fn func()) int {
		before := len(sim.Requests())
		fn()
		return len(sim.Requests()) - before
	}
	byMail := func() {
		got, err := c.UserByEmail(t.Context(), " BUDI@example.com ")
		if err != nil || got.ID != want.ID || got.Name != want.Name || got.Email != want.Email || got.TimeZone == "" {
			t.Errorf("UserByEmail = %+v, %v", got, err)
		}
	}
	byID := func() {
		got, err := c.User(t.Context(), "PBUDI")
		if err != nil || got.Email != want.Email {
			t.Errorf("User = %+v, %v", got, err)
		}
	}
	nobody := func() {
		_, err := c.UserByEmail(t.Context(), "nobody@example.com")
		if e := wantError(t, "nobody", err, 404, true); !e.NotFound() || strings.Contains(e.Error(), "nobody@") {
			t.Errorf("error %v", e)
		}
	}
	for _, tt := range []struct {
		name  string
		fn    func()
		calls int
	}{
		{"by mail", byMail, 2},
		{"by mail, remembered", byMail, 0},
		{"by id", byID, 1},
		{"by id, remembered", byID, 0},
		{"nobody", nobody, 1},
		{"nobody, remembered", nobody, 0},
	} {
		if n := calls(tt.fn); n != tt.calls {
			t.Errorf("%s: %d requests, want %d", tt.name, n, tt.calls)
		}
	}
	now = now.Add(2 * time.Minute)
	if n := calls(nobody); n != 1 {
		t.Errorf("nobody is remembered for more than a minute")
	}
	now = now.Add(9 * time.Minute)
	if n := calls(byMail); n != 2 {
		t.Errorf("a user is remembered for more than ten minutes")
	}
	sim.Inject(pagerdutysim.Fault{Status: 500, Times: 1})
	_, err := c.User(t.Context(), "POTHER")
	wantError(t, "failure", err, 500, false)
	_, err = c.User(t.Context(), "POTHER") // a failure is not remembered
	wantError(t, "unknown", err, 404, true)
	_, err = c.UserByEmail(t.Context(), "no address")
	wantError(t, "no address", err, 404, true)
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name, tokenUser, from, who, problem string
	}{
		{"account key", "", imbo, "an account key, acting as imbot <imbot@example.com>", ""},
		{"user key", "PANI", imbo, "the key of Ani <ani@example.com>, acting as imbot <imbot@example.com>", ""},
		{"unknown sender", "", "gone@example.com", "an account key", "gone@example.com is no PagerDuty user"},
	} {
		_, c := start(t, pagerdutysim.Options{TokenUser: tt.tokenUser}, pagerduty.Config{From: tt.from})
		who, err := c.Check(t.Context())
		if who != tt.who || (err == nil) != (tt.problem == "") || (err != nil && !strings.Contains(err.Error(), tt.problem)) {
			t.Errorf("%s: Check = %q, %v; want %q, %q", tt.name, who, err, tt.who, tt.problem)
		}
	}
	sim, _ := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	c, err := pagerduty.New(pagerduty.Config{Token: "wrong-token", BaseURL: sim.URL()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Check(t.Context())
	if e := wantError(t, "wrong token", err, 401, true); !strings.Contains(e.Error(), "check the API token") || strings.Contains(e.Error(), "wrong-token") {
		t.Errorf("Check = %v", err)
	}
}

func TestSubscriptions(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	ctx := t.Context()
	made, secret, err := c.CreateSubscription(ctx, pagerduty.Subscription{
		URL: "https://imbot.example.com/webhooks/pagerduty", Description: "imbot", Events: []string{"incident.triggered", "incident.resolved"},
		FilterType: "service_reference", FilterID: "PCHECK",
	})
	if err != nil || secret == "" {
		t.Fatalf("CreateSubscription = %+v, %q, %v", made, secret, err)
	}
	for range 120 {
		sim.Subscribe("https://example.com")
	}
	all, err := c.Subscriptions(ctx)
	if err != nil || len(all) != 121 {
		t.Fatalf("%d subscriptions, %v", len(all), err)
	}
	want := pagerduty.Subscription{
		ID: made.ID, URL: "https://imbot.example.com/webhooks/pagerduty", Description: "imbot", Active: true,
		Events: []string{"incident.triggered", "incident.resolved"}, FilterType: "service_reference", FilterID: "PCHECK",
	}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Errorf("Subscriptions[0] (-want +got):\n%s", diff)
	}
	if err := sim.SetActive(made.ID, false); err != nil {
		t.Fatal(err)
	}
	if all, err = c.Subscriptions(ctx); err != nil || all[0].Active {
		t.Errorf("Subscriptions[0] = %+v, %v; want it inactive", all[0], err)
	}
	_, _, err = c.CreateSubscription(ctx, pagerduty.Subscription{URL: "/relative", Events: []string{"incident.triggered"}})
	wantError(t, "relative URL", err, 400, true)
	_, _, err = c.CreateSubscription(ctx, pagerduty.Subscription{URL: "https://x.example", Events: []string{"incident.exploded"}})
	wantError(t, "unknown event", err, 400, true)
	wantError(t, "unknown", c.EnableSubscription(ctx, "PNONE"), 404, true)
}

func TestBackgroundLeavesRoom(t *testing.T) {
	now := time.Now()
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{RatePerMinute: 64, MaxWait: time.Nanosecond, Now: func() time.Time { return now }})
	id, bg := trigger(sim, "checkout is down"), c.Background()
	var e *pagerduty.Error
	n := 0
	for {
		if _, err := bg.Incident(t.Context(), id); err != nil {
			if !errors.As(err, &e) || e.Permanent() || e.RetryAfter() <= 0 {
				t.Fatalf("background: %v", err)
			}
			break
		}
		n++
	}
	if n != 12 {
		t.Errorf("%d background requests, want 12 of the burst of 16", n)
	}
	for range 4 {
		if err := c.Acknowledge(t.Context(), ani, id); err != nil {
			t.Fatalf("urgent: %v", err)
		}
	}
}
