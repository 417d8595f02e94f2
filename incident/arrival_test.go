package incident_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"imbot/incident"
	"imbot/outbox"
	"imbot/store/boltstore"
)

func TestFoundByRef(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.do(told(incident.Trigger, "Q1", t0, "checkout is down"))
	h.do(incident.Command{Verb: incident.Attach, Incident: 1, Actor: incident.System, Args: incident.Args{Ref: &incident.Ref{System: "teams", Role: incident.RoleCard, Target: "19:x", ID: "m1"}}})
	inc := h.do(incident.Command{Verb: incident.AddNote, Ref: &incident.Ref{System: "teams", ID: "m1"}, Actor: dewi, Role: incident.RoleResponder, Args: incident.Args{Text: "x"}})
	if inc.ID != 1 || h.timeline(1) != "triggered attached note" {
		t.Errorf("%s, timeline %q", inc.ID, h.timeline(1))
	}
	// Another id in the pager is another incident.
	if inc := h.do(told(incident.Trigger, "Q2", at(1), "checkout is slow")); inc.ID != 2 {
		t.Errorf("incident %s", inc.ID)
	}
}

// TestLateEvents: the pager's later word makes the incident too, with the time at
// which it began.
func TestLateEvents(t *testing.T) {
	for _, verb := range []incident.Verb{incident.Ack, incident.Unack, incident.Resolve, incident.Reopen, incident.Update} {
		h := newHouse(t, boltstore.Options{})
		inc := h.do(told(verb, "Q1", at(5), "checkout is down"))
		if inc.ID != 1 || !inc.OpenedAt.Equal(t0) || inc.Title != "checkout is down" || inc.Squad != "payments" {
			t.Errorf("%s first: %+v", verb, inc)
		}
		if got, want := inc.Active(), verb != incident.Resolve; got != want {
			t.Errorf("%s first: active %v", verb, got)
		}
		before := h.get(1)
		h.do(told(incident.Trigger, "Q1", t0, "checkout is down"))
		if d := cmp.Diff(before.Life, h.get(1).Life); d != "" || len(h.all()) != 1 || len(h.bodies()) != 2 {
			t.Errorf("%s first, then the trigger: %d incidents\n%s", verb, len(h.all()), d)
		}
	}
}

// TestEarlyEvents: what says nothing of the incident itself waits for it.
func TestEarlyEvents(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	early := []incident.Command{
		about(told(incident.AddNote, "Q1", at(2), "n"), "a note"),
		about(told(incident.Log, "Q1", at(3), "l"), "somebody joined"),
		about(told(incident.AddNote, "Q1", at(4), "e"), " "), // nothing can be made of it
		about(told(incident.AddNote, "Q9", at(4), "o"), "of another one"),
	}
	for _, cmd := range early {
		for range 2 {
			if inc := h.do(cmd); inc.ID != 0 {
				t.Fatalf("an early %s made %s", cmd.Verb, inc.ID)
			}
		}
	}
	if len(h.all()) != 0 || len(h.bodies()) != 4 {
		t.Fatalf("incidents %v, %d bodies", h.all(), len(h.bodies()))
	}
	h.do(told(incident.Trigger, "Q1", t0, "checkout is down"))
	if got := h.timeline(1); got != "triggered note pager" {
		t.Errorf("timeline %q", got)
	}
	h.view(func(tx incident.Tx) error {
		events, err := tx.Timeline(1, 1, 0)
		if len(events) != 2 || events[0].Text != "a note" || !events[0].At.Equal(at(2)) || events[1].Text != "somebody joined" || events[0].Actor != pager {
			t.Errorf("events %+v", events)
		}
		return err
	})
	// They are carried out once.
	h.do(told(incident.Resolve, "Q1", at(9), "checkout is down"))
	if got := h.timeline(1); got != "triggered note pager resolved" {
		t.Errorf("timeline %q", got)
	}
	// Even what was sent without the incident is no reason to lose one later.
	if inc := h.do(told(incident.Resolve, "Q9", at(9), "checkout is slow")); inc.ID != 2 || h.timeline(2) != "triggered note resolved" {
		t.Errorf("%s, timeline %q", inc.ID, h.timeline(2))
	}
}

// TestEarlyIsBounded keeps all bodies, and of one incident as many early events
// as are worth waiting.
func TestEarlyIsBounded(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	for i := range 30 {
		h.do(about(told(incident.AddNote, "Q1", at(i), "n"), "x"))
	}
	h.do(told(incident.Trigger, "Q1", t0, "checkout is down"))
	if n := strings.Count(h.timeline(1), "note"); n != 20 || len(h.bodies()) != 31 {
		t.Errorf("%d notes, %d bodies", n, len(h.bodies()))
	}
}

// TestNothingNewIsStillNewer: the pager's word that changes nothing is the newest
// all the same, and an older one that comes later does not count.
func TestNothingNewIsStillNewer(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.do(told(incident.Trigger, "Q1", t0, "checkout is slow"))
	h.do(told(incident.Update, "Q1", at(5), "checkout is slow"))
	h.do(told(incident.Update, "Q1", at(2), "checkout is down"))
	if inc := h.get(1); inc.Title != "checkout is slow" || inc.Level != incident.HighResponseTime {
		t.Errorf("title %q, level %s", inc.Title, inc.Level)
	}
}

// TestAdoptedChildIsShown: when the parent comes at last, the child's card is
// brought up to date, for it names the parent.
func TestAdoptedChildIsShown(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.do(told(incident.Trigger, "QC", at(1), "checkout is slow"))
	h.do(merged(told(incident.Resolve, "QC", at(2), "checkout is slow"), "QP"))
	jobs, err := h.store.Lease(ctx, at(60), at(61), 10)
	jobs = slices.DeleteFunc(jobs, func(j outbox.Job) bool { return j.Kind != incident.KindCard })
	if err != nil || len(jobs) != 1 {
		t.Fatalf("leased %v, %v; want the child's card", jobs, err)
	}
	if err := h.store.Finish(ctx, jobs[0], outbox.Outcome{State: incident.EffectDone, At: at(60)}); err != nil {
		t.Fatal(err)
	}
	h.do(told(incident.Trigger, "QP", t0, "checkout is down"))
	for _, e := range h.effects(1) {
		if e.Kind == incident.KindCard && e.State != incident.EffectWaiting {
			t.Errorf("the child's card is %s, want it waiting again", e.State)
		}
	}
}

// TestMerged: the child is tied to its parent whichever of them is known first.
func TestMerged(t *testing.T) {
	parent := told(incident.Trigger, "QP", t0, "checkout is down")
	child := told(incident.Trigger, "QC", at(1), "checkout is slow")
	merge := merged(told(incident.Resolve, "QC", at(2), "checkout is slow"), "QP")
	orders := map[string][]incident.Command{
		"parent, child, merge":    {parent, child, merge},
		"child, parent, merge":    {child, parent, merge},
		"child, merge, parent":    {child, merge, parent},
		"merge, child, parent":    {merge, child, parent},
		"merge, parent, child":    {merge, parent, child},
		"parent, merge, child":    {parent, merge, child},
		"parent by a later event": {child, merge, told(incident.Ack, "QP", at(3), "checkout is down")},
	}
	for name, cmds := range orders {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, boltstore.Options{})
			for _, cmd := range cmds {
				h.do(cmd)
				h.do(cmd)
			}
			byRef := map[string]*incident.Incident{}
			for _, id := range h.all() {
				inc := h.get(id)
				ref, _ := inc.AlertRef()
				byRef[ref.ID] = inc
			}
			p, c := byRef["QP"], byRef["QC"]
			if len(byRef) != 2 || p == nil || c == nil {
				t.Fatalf("incidents %v", byRef)
			}
			if c.Link == nil || c.Link.Parent != p.ID || c.Link.ParentRef != nil || c.Link.Kind != incident.LinkDuplicate || c.Status != incident.Closed {
				t.Errorf("child: %s, link %+v", c.Status, c.Link)
			}
			if d := cmp.Diff([]incident.Child{{ID: c.ID, Kind: incident.LinkDuplicate}}, p.Children); d != "" {
				t.Errorf("children (-want +got):\n%s", d)
			}
			if tl := h.timeline(p.ID); strings.Count(tl, "child") != 1 || p.Status != incident.Open {
				t.Errorf("parent: %s, timeline %q", p.Status, tl)
			}
			if tl := h.timeline(c.ID); strings.Count(tl, "linked") != 1 || strings.Count(tl, "closed") != 1 {
				t.Errorf("child's timeline %q", tl)
			}
		})
	}
}

// TestMergedParentNeverComes leaves a child whose parent is not known here.
func TestMergedParentNeverComes(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.do(merged(told(incident.Resolve, "QC", at(2), "checkout is slow"), "QX"))
	inc := h.get(1)
	if inc.Link == nil || inc.Link.Parent != 0 || inc.Link.ParentRef.ID != "QX" || inc.Status != incident.Closed {
		t.Errorf("%s, link %+v", inc.Status, inc.Link)
	}
	h.do(told(incident.Reopen, "QC", at(4), "checkout is slow"))
	for i := range 3 { // several wait for the same parent
		h.do(merged(told(incident.Resolve, "QD"+string(rune('0'+i)), at(5), "checkout is slow"), "QX"))
	}
	h.do(told(incident.Trigger, "QX", at(6), "checkout is down"))
	if p := h.get(5); len(p.Children) != 4 {
		t.Errorf("children %v", p.Children)
	}
}

// TestStoredInAnyOrder tells a short story in any order, with repetitions, to a
// real store: what is stored is the same.
func TestStoredInAnyOrder(t *testing.T) {
	story := []incident.Command{
		told(incident.Trigger, "Q1", t0, "checkout is slow"),
		told(incident.Ack, "Q1", at(1), "checkout is slow"),
		told(incident.Update, "Q1", at(2), "checkout is down"),
		about(told(incident.AddNote, "Q1", at(3), "n"), "a note"),
		told(incident.Update, "Q1", at(4), "checkout is slow"),
		told(incident.Update, "Q1", at(5), "checkout is slow"), // nothing new, but the newest
		told(incident.Resolve, "Q1", at(6), "checkout is slow"),
		told(incident.Reopen, "Q1", at(8), "checkout is slow"),
		told(incident.Ack, "Q1", at(9), "checkout is slow"),
		told(incident.Resolve, "Q1", at(10), "checkout is slow"),
	}
	type outcome struct {
		Life   incident.Life
		Status incident.Status
		Title  string
		Level  string
		Notes  int
	}
	look := func(h *house) outcome {
		inc := h.get(1)
		return outcome{inc.Life, inc.Status, inc.Title, inc.Level, strings.Count(h.timeline(1), "note")}
	}
	ordered := newHouse(t, boltstore.Options{})
	for _, cmd := range story {
		ordered.do(cmd)
	}
	want := look(ordered)
	if want.Life.Episode != 2 || want.Life.Duration(at(60)) != 8*time.Minute || want.Level != incident.HighResponseTime || want.Notes != 1 {
		t.Fatalf("in order: %+v", want)
	}
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t, boltstore.Options{})
		defer h.store.Close()
		for _, cmd := range rapid.Permutation(append(story, story[:5]...)).Draw(rt, "arrival") {
			if _, err := h.Do(ctx, cmd); err != nil {
				rt.Fatalf("Do(%s): %v", cmd.Verb, err)
			}
		}
		if d := cmp.Diff(want, look(h)); d != "" {
			rt.Fatalf("another order of arrival made another incident (-in order +as arrived):\n%s", d)
		}
		if len(h.bodies()) != len(story) || len(h.all()) != 1 {
			rt.Fatalf("%d bodies, incidents %v", len(h.bodies()), h.all())
		}
	})
}

// TestAlreadySoIsNotStored: what changes nothing makes no entry, no effect, and
// wakes nobody.
func TestAlreadySoIsNotStored(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.do(told(incident.Trigger, "Q1", t0, "checkout is down"))
	cmd := incident.Command{Verb: incident.Ack, Incident: 1, Actor: dewi, Role: incident.RoleResponder}
	h.do(cmd)
	before, effects, wakes := h.get(1), len(h.effects(1)), h.wakes
	h.do(cmd)
	if d := cmp.Diff(before, h.get(1)); d != "" || len(h.effects(1)) != effects || h.wakes != wakes {
		t.Errorf("%d effects (were %d), %d wakes (were %d)\n%s", len(h.effects(1)), effects, h.wakes, wakes, d)
	}
	if _, err := h.Do(ctx, incident.Command{Verb: incident.Ack, Incident: 1, Actor: dewi, Role: incident.RoleViewer}); !errors.Is(err, incident.ErrForbidden) {
		t.Errorf("a viewer's ack: %v", err)
	}
}
