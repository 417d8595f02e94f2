package effects_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/jira/jirasim"
	"imbot/webhook"
)

// town has people on both sides change the same tickets at the same time.
type town struct {
	*desk
	rnd        *rand.Rand
	hook       *webhook.Jira
	reconciler *webhook.JiraReconciler
	ids        []incident.ID
	deleted    map[string]bool // markers of issues that somebody deleted
	here       int             // edits made in imbot
	there      int             // and in Jira
}

const hookSecret = "the-secret-of-the-webhook"

func newTown(t *testing.T, o jirasim.Options, seed uint64) *town {
	t.Helper()
	w := &town{desk: newDesk(t, o), rnd: rand.New(rand.NewPCG(seed, 2)), deleted: map[string]bool{}}
	log := slog.New(slog.DiscardHandler)
	w.hook = &webhook.Jira{
		Secrets: []string{hookSecret}, Label: "imbot", Store: w.store, Service: w.svc, Now: w.Now, Logger: log,
		Self: func() string {
			if o.DataCenter {
				return "bot"
			}
			return "712020:bot"
		},
	}
	srv := httptest.NewServer(w.hook)
	t.Cleanup(srv.Close)
	w.sim.SetWebhook(srv.URL, hookSecret)
	w.reconciler = &webhook.JiraReconciler{API: w.api, Store: w.store, Service: w.svc, Label: "imbot", Fields: effects.TicketFieldsOf, Now: w.Now, Logger: log}
	for n := range 5 {
		inc := w.do(incident.Declare, 0, incident.Args{Title: fmt.Sprintf("Checkout trouble %c", 'a'+n), Service: "checkout", Level: incident.HighErrorRate})
		w.ids = append(w.ids, inc.ID)
		for range 3 {
			w.act(inc.ID, incident.ActionArgs{Op: "add", Title: w.title()})
		}
	}
	w.settle(time.Hour)
	return w
}

func (w *town) title() string { return fmt.Sprint("do the thing ", w.rnd.IntN(1000)) }
func (w *town) day() string   { return fmt.Sprintf("2026-04-%02d", 1+w.rnd.IntN(28)) }
func (w *town) dice(n int) bool {
	return w.rnd.IntN(n) == 0
}

func pick[T any](w *town, of ...T) T { return of[w.rnd.IntN(len(of))] }

func (w *town) editHere() {
	id := pick(w, w.ids...)
	n := 1 + w.rnd.IntN(3)
	w.here++
	switch w.rnd.IntN(7) {
	case 0:
		w.act(id, incident.ActionArgs{Op: "done", N: n})
	case 1:
		w.act(id, incident.ActionArgs{Op: "reopen", N: n})
	case 2:
		w.act(id, incident.ActionArgs{Op: "due", N: n, Due: pick(w, "", w.day())})
	case 3:
		w.act(id, incident.ActionArgs{Op: "assign", N: n, Owner: pick(w, nil, user("ani@example.com"), user("budi@example.com"), user("citra@example.com"))})
	case 4:
		w.act(id, incident.ActionArgs{Op: "edit", N: n, Title: w.title()})
	case 5:
		if w.get(id).Incident.Active() {
			w.do(incident.Resolve, id, incident.Args{})
			w.writeRCA(id)
		}
	case 6:
		w.do(incident.Reopen, id, incident.Args{})
	}
}

func (w *town) editThere() {
	marker := incident.TicketMarker("imbot", pick(w, w.ids...), 1+w.rnd.IntN(3))
	i := slices.IndexFunc(w.sim.Issues(), func(i jirasim.Issue) bool { return slices.Contains(i.Labels, marker) })
	if i < 0 {
		return
	}
	key := w.sim.Issues()[i].Key
	w.there++
	by := pick(w, w.ani, w.budi)
	var err error
	switch w.rnd.IntN(8) {
	case 0, 1:
		err = w.sim.Move(by, key, pick(w, "To Do", "In Progress", "Done"))
	case 2, 3:
		err = w.sim.Assign(by, key, pick(w, "", w.ani, w.budi, w.citra, w.other))
	case 4, 5:
		err = w.sim.Edit(by, key, func(i *jirasim.Issue) { i.Due = pick(w, "", w.day()) })
	case 6:
		err = w.sim.Edit(by, key, func(i *jirasim.Issue) { i.Summary = w.title() })
	case 7:
		switch {
		case w.dice(20):
			w.deleted[marker] = true
			err = w.sim.Delete(by, key)
		case w.dice(3):
			err = w.sim.Relocate(by, key, pick(w, "OPS", "PAY"))
		default:
			err = w.sim.Say(by, key, "no news")
		}
	}
	must(w.t, err)
}

// live lets what is on its way arrive, more or less.
func (w *town) live() {
	if w.dice(3) {
		w.sim.Deliver(w.t.Context())
	}
	if w.dice(2) {
		w.settle(time.Duration(w.rnd.IntN(10)) * time.Second)
	}
	if w.dice(50) {
		w.advance(time.Minute)
		_, err := w.reconciler.Run(w.t.Context())
		must(w.t, err)
	}
}

// rest lets everything arrive that ever will.
func (w *town) rest() webhook.JiraReport {
	w.t.Helper()
	var report webhook.JiraReport
	for range 2 {
		w.sim.Deliver(w.t.Context())
		w.settle(time.Hour)
		w.advance(2 * time.Minute) // searches lag behind
		var err error
		report, err = w.reconciler.Run(w.t.Context())
		must(w.t, err)
		w.settle(time.Hour)
	}
	w.sim.Deliver(w.t.Context())
	w.settle(time.Hour)
	return report
}

func (w *town) wantEqual() {
	w.t.Helper()
	accounts := map[string]string{"": "", "ani@example.com": w.ani, "budi@example.com": w.budi, "citra@example.com": w.citra, "jira:" + w.other: w.other}
	if w.sim.Issues()[0].Reporter == "bot" {
		w.t.Fatal("the simulator names people in another way")
	}
	for _, id := range w.ids {
		inc := w.get(id).Incident
		for n, t := range inc.Tickets() {
			if w.deleted[incident.TicketMarker("imbot", id, n)] {
				if t.State != incident.TicketGone {
					w.t.Errorf("%s %d was deleted, and is %s", id, n, t.State)
				}
				continue
			}
			i, f := w.issue(id, n), inc.TicketFields(n)
			if (f.Done == incident.TicketDone) != (i.Category == "done") || t.Key != i.Key {
				w.t.Errorf("%s %d is %s here, and %s there (%s, %s)", id, n, f.Done, i.Status, t.Key, i.Key)
			}
			if n > 0 && (f.Title != i.Summary || f.Due != i.Due || accounts[f.Owner] != i.Assignee) {
				w.t.Errorf("%s %d is %+v here, and %q, %s, %s there", id, n, f, i.Summary, i.Due, i.Assignee)
			}
		}
	}
}

// TestTicketsConverge: whatever people change on both sides, with webhooks that
// get lost, come twice or out of order, both sides end the same, and then
// nothing more is written.
func TestTicketsConverge(t *testing.T) {
	for seed, edits := range []int{1000, 1000, 250, 250} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newTown(t, jirasim.Options{Unlimited: true}, uint64(seed))
			made := w.writes()
			w.sim.SetMischief(jirasim.Mischief{Lose: 0.2, Duplicate: 0.2, Reorder: 0.3})
			for w.here+w.there < edits {
				if w.dice(2) {
					w.editHere()
				} else {
					w.editThere()
				}
				w.live()
			}
			w.rest()
			w.wantEqual()
			if n := w.writes() - made; n > 2*w.here {
				t.Errorf("%d edits here made %d writes to Jira", w.here, n)
			}
			moved := 0
			for _, id := range w.ids {
				moved += len(w.said(id, incident.EvTicketMoved))
			}
			if moved > w.there {
				t.Errorf("%d edits in Jira made %d entries on timelines", w.there, moved)
			}
			if len(w.dead) > 0 {
				t.Errorf("dead: %v", w.dead)
			}
			if stats := w.sim.Stats(); stats.Lost == 0 || w.hook.Accepted.Load() == 0 || w.hook.Own.Load() == 0 || moved == 0 {
				t.Errorf("nothing was put to the test: %+v", stats)
			}
			w.wantQuiet()
			stats := w.sim.Stats()
			t.Logf("%d edits here and %d in Jira, %d writes to Jira, %d changes taken over; webhooks: %+v", w.here, w.there, w.writes()-made, moved, stats)
		})
	}
}

// wantQuiet: once both sides are the same, nobody writes.
func (w *town) wantQuiet() {
	w.t.Helper()
	writes, events := w.writes(), 0
	for _, id := range w.ids {
		events += w.get(id).Incident.Events
	}
	report := w.rest()
	for _, id := range w.ids {
		events -= w.get(id).Incident.Events
	}
	if w.writes() != writes || events != 0 || len(report.Drifts) != 0 {
		w.t.Errorf("at rest there were %d writes, %d events and the drifts %+v", w.writes()-writes, -events, report.Drifts)
	}
}
