package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/store/boltstore"
	"imbot/webhook"
)

// importer is one for a pair.
func (p *pair) importer() *webhook.Importer {
	return &webhook.Importer{
		API: p.rec.API.(*pagerduty.Client), Store: p.store, Service: p.svc, Details: summary, Raw: 100 * 24 * time.Hour, Now: p.clock.Now,
		Logger: slog.New(slog.NewTextHandler(&p.log, nil)),
	}
}

// TestImportAnyStory: whatever has happened in PagerDuty, an import makes the
// same of it, webhooks that were under way meanwhile change nothing, and there
// is nothing left for the reconciler to do.
func TestImportAnyStory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPair(t)
		defer p.sim.Close()
		var ids []string
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			p.clock.advance(time.Duration(rapid.IntRange(1000, 400_000).Draw(rt, "wait")) * time.Millisecond)
			ids = step(rt, p, i, ids)
		}
		for _, id := range ids {
			p.clock.advance(time.Second)
			_ = p.sim.Resolve(id, "PU1") // it may be over
		}
		p.clock.advance(time.Second)
		got, err := p.importer().Run(ctx, t0.Add(-time.Minute), p.clock.Now(), false)
		if err != nil || got.Imported != len(ids) || len(got.Skipped) != 0 {
			rt.Fatalf("%+v, %v", got, err)
		}
		if d := p.diff(); d != "" {
			rt.Fatalf("the tables differ (-PagerDuty +imbot):\n%s", d)
		}
		before := p.all()
		p.clock.advance(10 * time.Minute)
		p.deliver()
		if d := cmp.Diff(before, p.all()); d != "" {
			rt.Fatalf("late webhooks changed something:\n%s", d)
		}
		p.must(p.store.Update(ctx, func(tx incident.Tx) error {
			return tx.PutKey("pagerduty/reconciled", t0.Format(time.RFC3339Nano), true)
		}))
		if s := p.unquiet(); s != "" {
			rt.Fatal(s)
		}
		p.silent()
	})
}

// TestImportThenLive: an incident that PagerDuty opens again is an ordinary one.
func TestImportThenLive(t *testing.T) {
	p := newPair(t)
	id := p.trigger("checkout is down")
	p.clock.advance(time.Minute)
	p.must(p.sim.Resolve(id, "PU1"))
	p.clock.advance(time.Hour)
	if got, err := p.importer().Run(ctx, t0.Add(-time.Minute), p.clock.Now(), false); err != nil || got.Imported != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	p.deliver()
	p.silent()
	p.must(p.sim.Reopen(id, "PU1"))
	p.deliver()
	inc := p.of(id)
	if inc.Imported || !inc.Active() || inc.Episode != 2 || len(inc.Cards) == 0 || p.cards() == 0 {
		t.Errorf("reopened: imported %v, episode %d, cards %v", inc.Imported, inc.Episode, inc.Cards)
	}
	// By the reconciler it is the same.
	p = newPair(t)
	id = p.trigger("checkout is down")
	p.must(p.sim.Resolve(id, "PU1"))
	p.clock.advance(time.Hour)
	if _, err := p.importer().Run(ctx, t0.Add(-time.Minute), p.clock.Now(), false); err != nil {
		t.Fatal(err)
	}
	p.away(func() { p.must(p.sim.Reopen(id, "PU1")) })
	p.run()
	if inc := p.of(id); inc.Imported || !inc.Active() || p.cards() == 0 {
		t.Errorf("reconciled: imported %v, active %v", inc.Imported, inc.Active())
	}
}

// cards counts the cards that are to be shown.
func (h *house) cards() (n int) {
	for _, inc := range h.all() {
		h.view(func(tx incident.Tx) error {
			effects, err := tx.Effects(inc.ID)
			for _, e := range effects {
				if e.Kind == incident.KindCard {
					n++
				}
			}
			return err
		})
	}
	return n
}

// TestImportRace: a webhook that makes the incident while its history is read
// wins, and is an ordinary one.
func TestImportRace(t *testing.T) {
	a := newArchive(t, 1<<20, func(sim *pagerdutysim.Server) { stories(t, sim, 3) })
	a.before = func(_ int, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/Q00001/alerts") {
			body := strings.ReplaceAll(string(event("e1", "incident.reopened", t0, "it is back")), `"Q1"`, `"Q00001"`)
			if w := a.deliver("d1", []byte(body)); w.Code != http.StatusAccepted {
				t.Errorf("the webhook is answered %d", w.Code)
			}
		}
	}
	if p := a.run(); p.Imported != 2 || p.Known != 1 || p.Done != 3 {
		t.Errorf("progress %+v", p)
	}
	for _, inc := range a.all() {
		if ref, _ := inc.AlertRef(); inc.Imported != (ref.ID != "Q00001") || inc.Active() == inc.Imported {
			t.Errorf("%s: imported %v, active %v", ref.ID, inc.Imported, inc.Active())
		}
	}
}

func TestImportDryRun(t *testing.T) {
	a := newArchive(t, 1<<20, func(sim *pagerdutysim.Server) { stories(t, sim, 10) })
	a.sim.Trigger(pagerdutysim.Spec{Title: "search is down", Service: "PABC123", At: t0.Add(-48 * time.Hour)})
	p, err := a.imp.Run(ctx, year, t0, true)
	if err != nil || p.Imported != 10 || p.Open != 1 || p.Done != 11 || a.requests > 12 || len(a.all()) != 0 {
		t.Errorf("%+v, %v; %d requests, %d incidents", p, err, a.requests, len(a.all()))
	}
	// Bounds: from the first one on, and before the last.
	if p, err = a.imp.Run(ctx, year.Add(a.step(10, 2)), year.Add(a.step(10, 8)), false); err != nil || p.Imported != 6 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = a.imp.Run(ctx, year, t0, true); err != nil || p.Imported != 4 || p.Known != 6 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestImportedBodies: what is kept of an import can be replayed as if it had been
// delivered, with the same outcome; what is too old is not kept.
func TestImportedBodies(t *testing.T) {
	const n, young = 40, 16 // story 24 begins a merge
	a := newArchive(t, 1<<20, func(sim *pagerdutysim.Server) { stories(t, sim, n) })
	a.imp.Raw = t0.Sub(year.Add(a.step(n, n-young))) + time.Minute
	a.run()
	again := newHouse(t, boltstore.Options{})
	again.clock.set(t0)
	byID := map[string]bool{}
	a.view(func(tx incident.Tx) error {
		return tx.Raw(time.Time{}, func(in incident.Inbound) bool {
			body, err := webhook.Body(in)
			a.must(err)
			if in.Source == incident.SourceAlerts {
				var al incident.Alert
				a.must(json.Unmarshal(body, &al))
				_, err := again.svc.Do(ctx, incident.Command{
					Verb: incident.Enrich, Ref: &incident.Ref{System: incident.SourcePagerDuty, ID: in.ID}, Actor: incident.System, At: in.At, Args: incident.Args{Alert: &al},
				})
				a.must(err)
				return true
			}
			if !strings.HasPrefix(in.ID, webhook.ImportPrefix) || in.Source != incident.SourcePagerDuty || byID[in.ID] {
				t.Errorf("body %s of %s", in.ID, in.Source)
			}
			byID[in.ID] = true
			ev, err := pagerduty.ParseWebhook(body)
			a.must(err)
			cmd, ok := webhook.Map(ev, in.At)
			if !ok || !cmd.At.Equal(in.At) {
				t.Errorf("%s: mapped %v, at %s, kept at %s", in.ID, ok, cmd.At, in.At)
			}
			_, err = again.svc.Do(ctx, cmd)
			a.must(err)
			return true
		})
	})
	type fate struct {
		Life      incident.Life
		Level     string
		Priority  string
		Condition string
	}
	fates := func(h *house) map[string]fate {
		out := map[string]fate{}
		for _, inc := range h.newest(young) {
			ref, _ := inc.AlertRef()
			out[ref.ID] = fate{inc.OwnLife(), inc.Level, inc.Alert.Priority, inc.Alert.Condition}
		}
		return out
	}
	if got := len(again.all()); got != young {
		t.Errorf("%d incidents by replay, want %d", got, young)
	}
	if d := cmp.Diff(fates(a.house), fates(again)); d != "" {
		t.Errorf("the replay differs (-import +replay):\n%s", d)
	}
}

// TestPast is the story of one incident, told from what PagerDuty keeps of it.
func TestPast(t *testing.T) {
	ref := func(kind, id string) *pagerduty.Reference {
		return &pagerduty.Reference{ID: id, Type: kind, Summary: id}
	}
	entry := func(minute int, kind string) pagerduty.LogEntry {
		return pagerduty.LogEntry{Type: kind + "_log_entry", CreatedAt: at(minute), Agent: ref("user_reference", "PU1")}
	}
	p1 := &pagerduty.Reference{ID: "PP1", Summary: "P1"}
	base := pagerduty.Incident{ID: "Q1", Title: "checkout is down", Status: "resolved", CreatedAt: t0, ResolvedAt: at(30), Priority: p1}
	merge := &pagerduty.ResolveReason{Type: pagerduty.MergeResolveReason, Incident: ref("incident_reference", "Q2")}
	for _, tt := range []struct {
		name    string
		change  func(*pagerduty.Incident)
		entries []pagerduty.LogEntry
		notes   []pagerduty.Note
		want    string
	}{
		{"nothing but the end", nil, nil, nil, "triggered/0s/P1 resolved/30m0s/P1"},
		{"by the last change of status", func(i *pagerduty.Incident) { i.ResolvedAt, i.LastStatusChangeAt = time.Time{}, at(20) }, nil, nil, "triggered/0s/P1 resolved/20m0s/P1"},
		{"no end", func(i *pagerduty.Incident) { i.ResolvedAt = time.Time{} }, nil, nil, "PagerDuty does not say when it ended"},
		{"end before the beginning", func(i *pagerduty.Incident) { i.ResolvedAt = at(-1) }, nil, nil, "PagerDuty does not say when it ended"},
		{"no beginning", func(i *pagerduty.Incident) { i.CreatedAt = time.Time{} }, nil, nil, "PagerDuty does not say when it began"},
		{"one second", nil, []pagerduty.LogEntry{entry(0, "trigger"), entry(0, "acknowledge"), entry(0, "resolve")}, nil, "triggered/0s/P1 acknowledged/1ms/P1 resolved/2ms/P1"},
		{
			"twice", nil,
			[]pagerduty.LogEntry{entry(0, "trigger"), entry(1, "notify"), entry(2, "resolve"), entry(3, "trigger"), entry(4, "acknowledge"), entry(5, "unacknowledge"), entry(9, "resolve")},
			nil,
			"triggered/0s/P1 resolved/2m0s/P1 reopened/3m0s/P1 acknowledged/4m0s/P1 unacknowledged/5m0s/P1 resolved/9m0s/P1",
		},
		{"opened again and no end in the history", nil, []pagerduty.LogEntry{entry(2, "resolve"), entry(3, "trigger")}, nil, "triggered/0s/P1 resolved/2m0s/P1 reopened/3m0s/P1 resolved/30m0s/P1"},
		{
			"notes, one of them later", nil,
			[]pagerduty.LogEntry{entry(1, "annotate"), entry(2, "resolve"), entry(7, "annotate")},
			[]pagerduty.Note{{ID: "N1", Content: "first", CreatedAt: at(1)}, {ID: "N0", CreatedAt: at(2)}, {ID: "N2", Content: "second", CreatedAt: at(7)}},
			"triggered/0s/P1 annotated/1m0s/first resolved/2m0s/P1 annotated/7m0s/second",
		},
		{
			"priorities", nil, []pagerduty.LogEntry{
				{CreatedAt: at(1), Priority: &pagerduty.PriorityChange{From: &pagerduty.Reference{ID: "PP3"}, To: &pagerduty.Reference{ID: "PP9"}}},
				{CreatedAt: at(2), Priority: &pagerduty.PriorityChange{To: &pagerduty.Reference{ID: "PP1"}}},
				entry(3, "resolve"),
			}, nil, "triggered/0s/P3 priority_updated/1m0s/- priority_updated/2m0s/P1 resolved/3m0s/P1",
		},
		{"merged", func(i *pagerduty.Incident) { i.ResolveReason = merge }, []pagerduty.LogEntry{entry(1, "resolve"), entry(2, "trigger"), entry(3, "resolve")}, nil, "triggered/0s/P1 resolved/1m0s/P1 reopened/2m0s/P1 resolved/3m0s/P1/Q2"},
		{"times from nowhere", nil, []pagerduty.LogEntry{{Type: "acknowledge_log_entry"}, entry(3, "resolve")}, []pagerduty.Note{{Content: "x"}}, "triggered/0s/P1 resolved/3m0s/P1"},
	} {
		in := base
		if tt.change != nil {
			tt.change(&in)
		}
		events, err := webhook.Past(&in, tt.entries, tt.notes, func(id string) string { return map[string]string{"PP3": "P3"}[id] })
		var got []string
		for _, e := range events {
			what := "-"
			switch {
			case e.Note != nil:
				what = e.Note.Content
			case e.Incident.Priority != nil:
				what = e.Incident.Priority.Summary
			}
			if e.Incident != nil && e.Incident.MergedInto() != "" {
				what += "/" + e.Incident.MergedInto()
			}
			got = append(got, fmt.Sprintf("%s/%s/%s", strings.TrimPrefix(e.Type, "incident."), e.OccurredAt.Sub(in.CreatedAt), what))
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, text, tt.want)
		}
	}
}

// TestImportOddities: what makes no sense is left out and named, and keeps no
// other from coming in.
func TestImportOddities(t *testing.T) {
	a := newArchive(t, 1<<20, func(sim *pagerdutysim.Server) { stories(t, sim, 8) })
	a.after = func(r *http.Request, resp *http.Response) {
		var old, now string
		switch {
		case r.URL.Path == "/incidents" && r.URL.Query().Get("total") == "":
			old, now = `"created_at":"`+year.Add(a.step(8, 1)).Format(time.RFC3339), `"created_at":"yesterday`
		case strings.HasSuffix(r.URL.Path, "/Q00003/log_entries"):
			old, now = `{`, `[`
		case strings.HasSuffix(r.URL.Path, "/Q00004/alerts"):
			resp.StatusCode = http.StatusNotFound
			return
		default:
			return
		}
		var b bytes.Buffer
		_, err := b.ReadFrom(resp.Body)
		a.must(err, resp.Body.Close())
		body := strings.ReplaceAll(b.String(), old, now)
		resp.Body, resp.ContentLength = readCloser{strings.NewReader(body)}, int64(len(body))
		resp.Header.Del("Content-Length")
	}
	p := a.run()
	var names []string
	for _, s := range p.Skipped {
		names = append(names, s.ID+": "+s.Why)
	}
	slices.Sort(names)
	if len(names) != 3 || !strings.HasPrefix(names[0], "Q00001: PagerDuty does not say when it began") || !strings.HasPrefix(names[1], "Q00003: ") ||
		!strings.Contains(names[1], "not understood") || !strings.HasPrefix(names[2], "Q00004: ") || p.Imported != 5 || p.Done != 8 {
		t.Errorf("progress %+v", p)
	}
	// As soon as PagerDuty tells it, they come.
	a.after = nil
	if p = a.run(); p.Imported != 3 || p.Known != 5 || len(p.Skipped) != 0 {
		t.Errorf("afterwards %+v", p)
	}
	a.agree()
}

// step is when story i of n begins, counted from the beginning of the year.
func (a *archive) step(n, i int) time.Duration {
	return year.Add(time.Duration(i+1) * (t0.Sub(year) / time.Duration(n+1))).Truncate(time.Second).Sub(year)
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
