package effects_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/integrations/jira/jirasim"
	"imbot/webhook"
)

// drifts compares, lets follow what follows, and returns what was found.
func (w *town) drifts() (out []string, report webhook.JiraReport) {
	w.t.Helper()
	w.advance(2 * time.Minute)
	report, err := w.reconciler.Run(w.t.Context())
	must(w.t, err)
	w.settle(time.Hour)
	for _, d := range report.Drifts {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %d %s %s", d.Incident, d.N, d.What, strings.Join(d.Fields, ","))))
	}
	return out, report
}

// TestJiraDrift: each way in which both sides can differ is found, named and
// mended, without any webhook; and then found no more.
func TestJiraDrift(t *testing.T) {
	w := newTown(t, jirasim.Options{Unlimited: true}, 1)
	w.sim.SetWebhook("", "")
	if got, report := w.drifts(); len(got) != 0 || report.Tickets != 20 || report.Issues != 20 {
		t.Fatalf("at the beginning: %q, %+v", got, report)
	}
	id := w.ids[0]
	must(t, w.sim.Edit(w.ani, w.issue(id, 1).Key, func(i *jirasim.Issue) { i.Due, i.Summary = "2026-09-09", "something else" }))
	must(t, w.sim.Relocate(w.ani, w.issue(id, 2).Key, "OPS"))
	must(t, w.sim.Delete(w.ani, w.issue(id, 3).Key))
	w.sim.Create(jirasim.Spec{Project: "PAY", Summary: "a copy", Labels: w.issue(w.ids[1], 1).Labels, By: w.ani})
	// A change that Jira forbade, and nobody pressed the button.
	w.sim.Inject(jirasim.Fault{Method: http.MethodPut, Status: 403})
	w.act(w.ids[2], incident.ActionArgs{Op: "due", N: 1, Due: "2026-08-08"})
	w.settle(time.Hour)
	w.sim.ClearFaults()
	// One that was made, with an answer that got lost for good.
	w.sim.Inject(jirasim.Fault{Method: http.MethodPost, Path: "/rest/api/2/issue", Times: 1, After: true, Drop: true})
	w.sim.Inject(jirasim.Fault{Path: "/rest/api/2/search", Status: 401})
	w.sim.Inject(jirasim.Fault{Path: "/rest/api/3/search", Status: 401})
	w.act(w.ids[3], incident.ActionArgs{Op: "add", Title: "lost"})
	w.settle(time.Hour)
	w.sim.ClearFaults()
	if len(w.dead) != 2 {
		t.Fatalf("dead: %q", w.dead)
	}
	got, _ := w.drifts()
	want := []string{
		"INC-4 4 unrecorded", "INC-3 1 untold due", "INC-1 1 edited title,due", "INC-1 2 moved key", "INC-1 3 missing", "INC-2 0 copy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("drifts (-want +got):\n%s", diff)
	}
	w.deleted[incident.TicketMarker("imbot", id, 3)] = true
	got, _ = w.drifts()
	if diff := cmp.Diff([]string{"INC-2 0 copy"}, got); diff != "" {
		t.Errorf("what remains (-want +got):\n%s", diff)
	}
	last, ok, err := webhook.LastJiraReport(t.Context(), w.store)
	if err != nil || !ok || len(last.Drifts) != 1 || last.Issues != 21 {
		t.Errorf("the last report is %+v, %v", last, err)
	}
	if n := w.reconciler.Counts(); n[webhook.DriftCopy] != 2 || n[webhook.DriftMoved] != 1 {
		t.Errorf("counts %v", n)
	}
	for _, i := range w.sim.Issues() {
		if i.Summary == "a copy" {
			must(t, w.sim.Delete(w.ani, i.Key))
		}
	}
	w.wantEqual()
}

// TestJiraDriftFresh: what searches do not know yet is no drift.
func TestJiraDriftFresh(t *testing.T) {
	w := newTown(t, jirasim.Options{Unlimited: true, IndexDelay: 40 * time.Second}, 1)
	w.act(w.ids[0], incident.ActionArgs{Op: "add", Title: "new"})
	w.act(w.ids[0], incident.ActionArgs{Op: "done", N: 1})
	w.settle(time.Second)
	w.issue(w.ids[0], 4)
	report, err := w.reconciler.Run(t.Context())
	must(t, err)
	if len(report.Drifts) != 0 {
		t.Errorf("drifts %+v", report.Drifts)
	}
	w.rest()
	w.wantEqual()
}

// TestJiraDriftBack: an issue that was hidden for a while is linked again.
func TestJiraDriftBack(t *testing.T) {
	w := newTown(t, jirasim.Options{Unlimited: true}, 1)
	w.sim.SetWebhook("", "")
	id, key := w.ids[0], w.issue(w.ids[0], 1).ID
	w.sim.Inject(jirasim.Fault{Path: "/rest/api/2/issue/" + key, Status: 404})
	w.seen(id, 1)
	w.sim.ClearFaults()
	if got := w.get(id).Incident.Actions[0].Ticket.State; got != incident.TicketGone {
		t.Fatalf("state %s", got)
	}
	w.act(id, incident.ActionArgs{Op: "done", N: 1})
	got, _ := w.drifts()
	if diff := cmp.Diff([]string{"INC-1 1 back"}, got); diff != "" {
		t.Errorf("drifts (-want +got):\n%s", diff)
	}
	w.wantEqual()
}

// TestJiraDriftOld: what belongs to incidents from before the window is found
// where it was changed within it.
func TestJiraDriftOld(t *testing.T) {
	w := newTown(t, jirasim.Options{Unlimited: true}, 1)
	w.sim.SetWebhook("", "")
	w.advance(200 * 24 * time.Hour)
	if got, report := w.drifts(); len(got) != 0 || report.Tickets != 0 {
		t.Fatalf("%q, %+v", got, report)
	}
	must(t, w.sim.Move(w.ani, w.issue(w.ids[0], 1).Key, "Done"))
	if got, _ := w.drifts(); cmp.Diff([]string{"INC-1 1 edited done"}, got) != "" {
		t.Errorf("drifts %q", got)
	}
	w.wantEqual()
}

// TestJiraDriftPrivate: the report tells nothing of private incidents.
func TestJiraDriftPrivate(t *testing.T) {
	w := newTown(t, jirasim.Options{Unlimited: true}, 1)
	w.sim.SetWebhook("", "")
	w.config.PrivateProject, w.reconciler.PrivateProject = "SEC", "SEC"
	w.wire(w.api, w.svc)
	id := w.do(incident.Declare, 0, incident.Args{Title: "Secret breach", Service: "checkout", Level: incident.Other, Private: true}).ID
	w.act(id, incident.ActionArgs{Op: "add", Title: "Secret change"})
	w.settle(time.Hour)
	must(t, w.sim.Move(w.ani, w.issue(id, 1).Key, "Done"))
	got, report := w.drifts()
	if len(got) != 0 || report.Private != 1 {
		t.Errorf("drifts %q, %d private", got, report.Private)
	}
	if !w.get(id).Incident.Actions[0].Done() {
		t.Error("the private follow-up was not brought in line")
	}
}

// TestJiraDriftFails: a search that fails brings no report, and loses none.
func TestJiraDriftFails(t *testing.T) {
	w := newTown(t, jirasim.Options{Unlimited: true}, 1)
	w.drifts()
	w.sim.Inject(jirasim.Fault{Path: "/rest/api/2/search", Status: 502, Body: "<html>"})
	if _, err := w.reconciler.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "search for imbot's tickets") {
		t.Errorf("Run = %v", err)
	}
	if _, ok, err := webhook.LastJiraReport(t.Context(), w.store); !ok || err != nil {
		t.Errorf("the last report is gone: %v", err)
	}
}
