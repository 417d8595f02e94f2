package pagerduty_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

func changeIDs(list []pagerduty.ChangeEvent) string {
	var out []string
	for i := range list {
		out = append(out, list[i].ID)
	}
	return strings.Join(out, " ")
}

func TestChangeEvents(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	ctx := t.Context()
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	sim.AddChangeEvent(pagerdutysim.ChangeEvent{
		ID: "C1", Summary: "Build Success: v2.3", Source: "ci", Services: []string{"PCART", "PSHOP"}, Link: "https://ci.example.com/1", Details: `{"build": 2}`, At: at,
	})
	sim.AddChangeEvent(pagerdutysim.ChangeEvent{ID: "C2", Summary: strings.Repeat("é", 1025), Services: []string{"PCART"}, Link: "javascript:x", At: at.Add(time.Minute)})
	sim.AddChangeEvent(pagerdutysim.ChangeEvent{ID: "C3", Summary: "nobody's", At: at.Add(2 * time.Minute)})
	for _, tt := range []struct {
		since, until time.Time
		limit        int
		want         string
	}{
		{time.Time{}, time.Time{}, 10, "C3 C2 C1"},
		{time.Time{}, time.Time{}, 2, "C3 C2"},
		{at.Add(time.Minute), time.Time{}, 10, "C3 C2"},
		{time.Time{}, at.Add(time.Minute), 10, "C1"},
		{at.Add(time.Minute + 999*time.Millisecond).In(time.FixedZone("WIB", 7*3600)), at.Add(2 * time.Minute), 10, "C2"},
		{at.Add(time.Hour), time.Time{}, 10, ""},
	} {
		got, err := c.ChangeEvents(ctx, tt.since, tt.until, tt.limit)
		if err != nil || changeIDs(got) != tt.want {
			t.Errorf("ChangeEvents(%v, %v, %d) = %s, %v; want %s", tt.since, tt.until, tt.limit, changeIDs(got), err, tt.want)
		}
	}
	got, err := c.ServiceChangeEvents(ctx, "PSHOP", time.Time{}, time.Time{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []pagerduty.ChangeEvent{{
		ID: "C1", Summary: "Build Success: v2.3", Source: "ci", At: at, Details: []byte(`{"build":2}`),
		Services: []pagerduty.Reference{{ID: "PCART", Type: "service_reference"}, {ID: "PSHOP", Type: "service_reference"}},
		Links:    []pagerduty.ChangeLink{{Href: "https://ci.example.com/1", Text: "View more details"}},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ServiceChangeEvents (-want +got):\n%s", d)
	}
	got, err = c.ServiceChangeEvents(ctx, "PCART", time.Time{}, time.Time{}, 1)
	if err != nil || changeIDs(got) != "C2" || len([]rune(got[0].Summary)) != 1024 || len(got[0].Links) != 0 {
		t.Errorf("ServiceChangeEvents = %+v, %v", got, err)
	}
	_, err = c.ServiceChangeEvents(ctx, "PNONE", time.Time{}, time.Time{}, 1)
	wantError(t, "unknown service", err, http.StatusNotFound, true)
	for _, bad := range []string{"", "a/b", "PX?x=y"} {
		before := len(sim.Requests())
		if _, err := c.ServiceChangeEvents(ctx, bad, time.Time{}, time.Time{}, 1); err == nil || len(sim.Requests()) != before {
			t.Errorf("ServiceChangeEvents(%q) = %v", bad, err)
		}
		if _, err := c.RelatedChangeEvents(ctx, bad, 1); err == nil || len(sim.Requests()) != before {
			t.Errorf("RelatedChangeEvents(%q) = %v", bad, err)
		}
	}
}

func TestRelatedChangeEvents(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	id := sim.Trigger(pagerdutysim.Spec{Title: "down", Service: "PCART", At: at}).ID
	for i, d := range []time.Duration{-time.Hour, -time.Minute, time.Minute, -25 * time.Hour} {
		sim.AddChangeEvent(pagerdutysim.ChangeEvent{ID: fmt.Sprint("C", i), Summary: "x", Services: []string{"PCART"}, At: at.Add(d)})
	}
	sim.AddChangeEvent(pagerdutysim.ChangeEvent{ID: "other", Summary: "x", Services: []string{"PSHOP"}, At: at})
	got, err := c.RelatedChangeEvents(t.Context(), id, 10)
	if err != nil || changeIDs(got) != "C1 C0" || got[0].Reason != "most_recent" || got[1].Reason != "related_service" {
		t.Errorf("RelatedChangeEvents = %+v, %v", got, err)
	}
	if got, err := c.RelatedChangeEvents(t.Context(), id, 1); err != nil || changeIDs(got) != "C1" {
		t.Errorf("RelatedChangeEvents = %+v, %v", got, err)
	}
	_, err = c.RelatedChangeEvents(t.Context(), "QNONE", 1)
	wantError(t, "unknown incident", err, http.StatusNotFound, true)
}

// A list of many pages is read to its end or to the limit, and what comes twice
// because the list grew meanwhile is there once.
func TestChangeEventsOfManyPages(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for i := range 250 {
		sim.AddChangeEvent(pagerdutysim.ChangeEvent{ID: fmt.Sprint("C", i), Summary: "x", At: at.Add(time.Duration(i) * time.Second)})
	}
	for limit, requests := range map[int]int{1000: 3, 250: 3, 120: 2, 100: 1, 1: 1, 0: 0} {
		before := len(sim.Requests())
		got, err := c.ChangeEvents(t.Context(), time.Time{}, time.Time{}, limit)
		if err != nil || len(got) != min(limit, 250) || len(sim.Requests())-before != requests {
			t.Errorf("limit %d: %d of %d requests, %v", limit, len(got), len(sim.Requests())-before, err)
		}
		for i := range got {
			if want := fmt.Sprint("C", 249-i); got[i].ID != want {
				t.Fatalf("limit %d: entry %d is %s, want %s", limit, i, got[i].ID, want)
			}
		}
	}
	sim.Inject(pagerdutysim.Fault{Path: "/change_events", Status: http.StatusInternalServerError})
	_, err := c.ChangeEvents(t.Context(), time.Time{}, time.Time{}, 10)
	wantError(t, "server error", err, http.StatusInternalServerError, false)
}

// The simulator refuses times that are not in UTC, as PagerDuty does.
func TestChangeEventsInUTC(t *testing.T) {
	sim, _ := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	for since, want := range map[string]int{"2026-03-01T10:00:00Z": 200, "2026-03-01T10:00:00%2B07:00": 400, "yesterday": 400} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sim.URL()+"/change_events?since="+since, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Token token="+sim.Token())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("since %s = %d, want %d", since, resp.StatusCode, want)
		}
	}
}
