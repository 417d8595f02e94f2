package query_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/outbox"
	"imbot/query"
)

// TestPrivate: a private incident is not found by those who are no members, and
// nothing about a list tells that there is one.
func TestPrivate(t *testing.T) {
	l := newLibrary(t)
	l.put(
		incident.Incident{Title: "breach one", Life: opened(at(1))},
		incident.Incident{Title: "breach two", Life: opened(at(2)), Private: true, Members: []incident.Actor{dewi}},
		incident.Incident{Title: "breach three", Life: opened(at(3))},
		incident.Incident{Title: "breach four", Life: opened(at(4)), Private: true, Members: []incident.Actor{dewi, ani}},
	)
	viewers := []struct {
		name string
		v    query.Viewer
		want string
	}{
		{"member", member(dewi), "INC-4 INC-3 INC-2 INC-1"},
		{"member of one", member(ani), "INC-4 INC-3 INC-1"},
		{"room of both", query.Viewer{Group: []incident.Actor{dewi, ani}}, "INC-4 INC-3 INC-1"},
		{"room of others, too", query.Viewer{Group: []incident.Actor{dewi, {Kind: incident.KindUser, ID: "eko@example.com"}}, Role: incident.RoleAdmin}, "INC-3 INC-1"},
		{"imbot itself", query.Self, "INC-4 INC-3 INC-2 INC-1"},
		{"everybody", query.Everybody, "INC-3 INC-1"},
		{"admin", query.Viewer{Actor: incident.Actor{Kind: incident.KindUser, ID: "eko@example.com"}, Role: incident.RoleAdmin}, "INC-3 INC-1"},
		{"token with a member's id", query.Viewer{Actor: incident.Actor{Kind: incident.KindToken, ID: dewi.ID}, Role: incident.RoleAdmin}, "INC-3 INC-1"},
	}
	for _, tt := range viewers {
		t.Run(tt.name, func(t *testing.T) {
			visible := strings.Fields(tt.want)
			if got := ids(l.list(tt.v, query.Filter{Q: "breach"})); got != tt.want {
				t.Errorf("list = %s, want %s", got, tt.want)
			}
			// In pages of any size there are as many pages as what is visible needs, and
			// the cursors name nothing else.
			for limit := 1; limit <= 4; limit++ {
				var got []string
				pages := 0
				for f := (query.Filter{Q: "breach", Limit: limit}); ; pages++ {
					p := l.list(tt.v, f)
					got = append(got, strings.Fields(ids(p))...)
					if f.Cursor = p.Next; f.Cursor == "" {
						break
					}
					c, err := query.ParseCursor(f.Cursor)
					if err != nil || len(p.Incidents) == 0 || c.ID != p.Incidents[len(p.Incidents)-1].Incident.ID {
						t.Errorf("pages of %d: the cursor after %s is at %s (%v)", limit, ids(p), c.ID, err)
					}
				}
				if d := cmp.Diff(visible, got); d != "" || pages+1 != (len(visible)+limit-1)/limit {
					t.Errorf("pages of %d: %d pages (-want +got):\n%s", limit, pages+1, d)
				}
			}
			for id := incident.ID(1); id <= 5; id++ {
				sees := strings.Contains(tt.want, id.String())
				v, err := l.Get(ctx, tt.v, id, true)
				if sees != (err == nil) || (err == nil && v.Incident.ID != id) {
					t.Errorf("Get(%s) = %v, want it found: %v", id, err, sees)
				}
				if err != nil && (!errors.Is(err, incident.ErrNotFound) || err.Error() != fmt.Sprintf(incident.NoIncident, id)) {
					t.Errorf("Get(%s) = %v, want the same words as for one that is not there", id, err)
				}
			}
		})
	}
}

func TestView(t *testing.T) {
	l := newLibrary(t)
	pager := incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}
	do := func(cmd incident.Command) {
		t.Helper()
		if _, err := l.svc.Do(ctx, cmd); err != nil {
			t.Fatal(err)
		}
	}
	ref := &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: "Q1", URL: "https://acme.example.com/Q1"}
	do(incident.Command{Verb: incident.Trigger, Actor: pager, Ref: ref, At: at(1), Source: incident.SourcePagerDuty, Args: incident.Args{Alert: &incident.Alert{
		Title: "checkout is down", ServiceID: "PABC123", Links: []incident.LinkURL{{Title: "Grafana", URL: "https://g.example.com"}}, Assignees: []incident.Actor{dewi, {Kind: incident.KindUser}},
	}}})
	do(incident.Command{Verb: incident.Ack, Actor: pager, Ref: ref, At: at(5), Source: incident.SourcePagerDuty})
	do(incident.Command{Verb: incident.AddNote, Actor: pager, Ref: ref, At: at(3), Source: incident.SourcePagerDuty, Args: incident.Args{Text: "late"}})

	v, err := l.Get(ctx, query.Everybody, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	if v.Level.Key != incident.ServiceDown || v.Service.Name != "Checkout" || v.Squad.Lead != ani.ID || v.URL != "https://imbot.example.com/incidents/INC-1" || len(v.Levels) != 4 {
		t.Errorf("view = %+v", v)
	}
	links := []incident.LinkURL{{Title: "Runbook", URL: "https://wiki.example.com/checkout"}, {Title: "Grafana", URL: "https://g.example.com"}, {Title: "PagerDuty", URL: "https://acme.example.com/Q1"}}
	if d := cmp.Diff(links, v.Links); d != "" {
		t.Errorf("links (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{dewi.ID}, v.Mention); d != "" {
		t.Errorf("mentioned: only those on call (-want +got):\n%s", d)
	}
	var kinds []string
	for _, e := range v.Timeline {
		kinds = append(kinds, string(e.Kind))
	}
	if d := cmp.Diff([]string{"triggered", "note", "acknowledged"}, kinds); d != "" {
		t.Errorf("timeline by event time (-want +got):\n%s", d)
	}
	if v, err := l.Get(ctx, query.Everybody, 1, false); err != nil || v.Timeline != nil {
		t.Errorf("a view without a timeline has %d events, %v", len(v.Timeline), err)
	}
	if id, err := l.ByKey(ctx, ref.Key()); id != 1 || err != nil {
		t.Errorf("ByKey = %s, %v", id, err)
	}
	if id, err := l.ByKey(ctx, "ref/pagerduty/none"); id != 0 || err != nil {
		t.Errorf("ByKey of nothing = %s, %v", id, err)
	}
}

// TestViewOfWhatIsLost: service, squad and level may be gone from the
// configuration by now.
func TestViewOfWhatIsLost(t *testing.T) {
	l := newLibrary(t)
	l.PublicURL = ""
	l.put(incident.Incident{Title: "x", Service: "gone", ServiceName: "Gone Service", Squad: "gone", Level: "sev1"})
	v, err := l.Get(ctx, query.Everybody, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	if v.Service.Key != "gone" || v.Service.Name != "Gone Service" || v.Service.Known || v.Squad.Known || v.Level.Title != "sev1" || v.URL != "" || len(v.Links) != 0 {
		t.Errorf("view = %+v", v)
	}
}

// TestTrouble shows what failed for good or was skipped, and nothing else.
func TestTrouble(t *testing.T) {
	l := newLibrary(t)
	l.put(incident.Incident{Title: "x"})
	var effects []incident.Effect
	for _, k := range []string{"a", "b", "c"} {
		effects = append(effects, incident.Effect{Key: "INC-1/card/" + k, Kind: incident.KindCard, Mode: incident.Latest, Incident: 1, Lane: "INC-1/teams/" + k, Target: k})
	}
	if err := l.svc.Enqueue(ctx, effects...); err != nil {
		t.Fatal(err)
	}
	v, err := l.Get(ctx, query.Self, 1, false)
	if err != nil || len(v.Trouble) != 0 {
		t.Fatalf("what waits is no trouble: %+v, %v", v.Trouble, err)
	}
	finish(t, l, map[string]string{"a": incident.EffectDone, "b": incident.EffectDead, "c": incident.EffectSkipped})
	if v, err = l.Get(ctx, query.Self, 1, false); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range v.Trouble {
		got = append(got, e.Target+" "+e.State+" "+e.Error)
	}
	if d := cmp.Diff([]string{"b dead why", "c skipped why"}, got); d != "" {
		t.Errorf("trouble (-want +got):\n%s", d)
	}
}

// finish runs the waiting effects to the given ends, by target.
func finish(t *testing.T, l *library, states map[string]string) {
	t.Helper()
	jobs, err := l.store.Lease(ctx, at(600), at(601), 10)
	if err != nil || len(jobs) != len(states) {
		t.Fatalf("leased %d jobs, %v", len(jobs), err)
	}
	for _, j := range jobs {
		if err := l.store.Finish(ctx, j, outbox.Outcome{State: states[j.Target], Error: "why", At: at(600)}); err != nil {
			t.Fatal(err)
		}
	}
}
