package incident_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imbot/incident"
)

func (w *town) by(who incident.Actor, verb incident.Verb, pd string, args incident.Args) error {
	w.t.Helper()
	_, err := w.Do(ctx, incident.Command{Verb: verb, Incident: w.pd(pd).ID, Actor: who, Role: incident.RoleResponder, Args: args})
	return err
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) labels() (out []incident.Label) {
	w.t.Helper()
	w.view(func(tx incident.Tx) (err error) {
		out, err = incident.Labels(tx)
		return err
	})
	return out
}

func (w *town) stats(rule string) incident.RuleStats {
	w.t.Helper()
	var out incident.RuleStats
	w.view(func(tx incident.Tx) error {
		all, err := incident.LinkStats(tx, time.Time{})
		for _, r := range all {
			if r.Rule == rule {
				out = r
			}
		}
		return err
	})
	return out
}

// TestNotRelated: a person takes a link away; the rules never bring it back, the
// label says what they had decided, and undo restores exactly.
func TestNotRelated(t *testing.T) {
	w := newTown(t, shop)
	w.tell(opens("T", "payments", at(0), "payments down"), opens("S", "checkout", at(3), "error rate"))
	before, parent := w.pd("S"), w.pd("T")
	if err := w.by(dewi, incident.Unlink, "S", incident.Args{}); !errors.Is(err, incident.ErrForbidden) {
		t.Errorf("somebody of another squad: %v", err)
	}
	w.must(w.by(ani, incident.Unlink, "S", incident.Args{Reason: "own deploy"}))
	s := w.pd("S")
	if s.Link != nil || !s.LinkFixed || len(w.pd("T").Children) != 0 {
		t.Fatalf("link %+v, fixed %t, children %v", s.Link, s.LinkFixed, w.pd("T").Children)
	}
	// What comes later does not change a person's mind.
	w.tell(ends("T", "payments", at(4), "payments down"), opens("T2", "payments", at(5), "payments down"))
	w.later(at(700))
	if s := w.pd("S"); s.Link != nil {
		t.Errorf("the rules brought it back: %+v", s.Link)
	}
	l := w.labels()
	if len(l) != 1 || l[0].Verdict != incident.LabelWrong || l[0].Rule != incident.RuleCalls || l[0].By != ani || l[0].Incident != s.ID || l[0].Other != parent.ID || !strings.Contains(l[0].Inputs, `"path"`) {
		t.Errorf("labels %+v", l)
	}
	if got := w.stats(incident.RuleCalls); got.Made != 1 || got.Wrong != 1 || got.Precision() != 0 {
		t.Errorf("stats %+v", got)
	}
	w.must(w.by(ani, incident.Undo, "S", incident.Args{}))
	after := w.pd("S")
	if d := cmp.Diff(before, after, cmpopts.IgnoreFields(incident.Incident{}, "UpdatedAt", "Events", "Cards", "Mailed"), cmpopts.IgnoreFields(incident.Postmortem{}, "Ticket"), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("undo leaves a difference (-before +after):\n%s", d)
	}
	if got := w.stats(incident.RuleCalls); got.Wrong != 0 || !w.labels()[0].Undone {
		t.Errorf("stats after undo %+v", got)
	}
	if len(w.pd("T").Children) != 2 {
		t.Errorf("children after undo %v", w.pd("T").Children)
	}
	if err := w.by(ani, incident.Undo, "S", incident.Args{}); !errors.Is(err, incident.ErrConflict) {
		t.Errorf("undo twice: %v", err)
	}
}

// TestAlsoRelated: a person ties what the rules had not.
func TestAlsoRelated(t *testing.T) {
	w := newTown(t, shop)
	w.tell(opens("A", "lonely", at(0), "lonely is down"), opens("B", "search", at(3), "error rate"), opens("C", "search", at(4), "search is slow"))
	b := w.pd("B")
	link := func(pd, parent, kind string) error {
		args := incident.Args{LinkKind: kind}
		if parent != "" {
			args.Parent = w.pd(parent).ID
		}
		return w.by(ani, incident.SetLink, pd, args)
	}
	for _, tt := range []struct{ pd, parent, kind, want string }{
		{"B", "", incident.LinkCascade, "parent_missing"}, {"B", "B", incident.LinkCascade, "own_parent"}, {"B", "A", "twin", "bad_link_kind"},
	} {
		var p *incident.Problem
		if err := link(tt.pd, tt.parent, tt.kind); !errors.As(err, &p) || p.Key != tt.want {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	w.must(link("B", "A", incident.LinkCascade))
	w.must(link("B", "A", incident.LinkCascade))
	if err := link("A", "B", incident.LinkDuplicate); !errors.Is(err, incident.ErrConflict) {
		t.Errorf("a circle by hand: %v", err)
	}
	w.must(link("C", "B", incident.LinkDuplicate))
	if got := w.pd("B"); got.Link == nil || got.Link.Parent != w.pd("A").ID || got.Link.By != ani || len(got.Children) != 1 {
		t.Errorf("B: %+v, children %v", got.Link, got.Children)
	}
	if c := w.pd("C"); c.Link == nil || c.Link.Kind != incident.LinkDuplicate || c.Link.Parent != b.ID {
		t.Errorf("C: %+v", c.Link)
	}
	if got := w.stats(incident.RuleCalls); got.Missed != 1 || got.Made != 0 {
		t.Errorf("stats %+v", got)
	}
	w.must(w.by(ani, incident.Undo, "B", incident.Args{}))
	if got := w.pd("B"); got.Link != nil || got.LinkFixed || got.LinkWas != nil {
		t.Errorf("B after undo: %+v", got.Link)
	}
	if got := w.labels(); len(got) != 2 || !got[0].Undone || got[1].Undone {
		t.Errorf("labels %+v", got)
	}
}

func TestLevelIsALabel(t *testing.T) {
	w := newTown(t, shop)
	w.tell(opens("A", "search", at(0), "search is down"))
	w.must(w.by(ani, incident.SetLevel, "A", incident.Args{Level: incident.Other}))
	w.must(w.by(ani, incident.SetLevel, "A", incident.Args{Level: incident.ServiceDown}))
	l := w.labels()
	if len(l) != 1 || l[0].Verdict != incident.LabelLevel || l[0].From != incident.ServiceDown || l[0].To != incident.Other || l[0].Rule != "is down" {
		t.Errorf("labels %+v", l)
	}
}

func TestMuted(t *testing.T) {
	w := newTown(t, shop)
	w.now = at(0)
	for _, tt := range []struct {
		by     incident.Actor
		target string
		d      time.Duration
		want   error
	}{
		{dewi, "checkout", time.Hour, incident.ErrForbidden},
		{ani, "nothing", time.Hour, incident.ErrInvalid},
		{ani, "checkout", 0, incident.ErrInvalid},
		{ani, "checkout", 40 * 24 * time.Hour, incident.ErrInvalid},
	} {
		if _, err := w.Mute(ctx, tt.by, incident.RoleResponder, tt.target, tt.d, ""); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	m, err := w.Mute(ctx, ani, incident.RoleResponder, "Checkout", 2*time.Hour, "new database")
	if err != nil || m.Service != "checkout" || !m.Until.Equal(at(120)) {
		t.Fatalf("%+v, %v", m, err)
	}
	w.now = at(600)
	w.tell(opens("A", "checkout", at(60), "checkout is down"), opens("B", "checkout", at(121), "error rate"), opens("C", "lonely", at(60), "lonely is down"))
	a := w.pd("A")
	if !a.Quiet || a.NoticeGap != incident.GapMaintenance || a.Maintenance != "Ani: new database" && a.Maintenance != "ani@example.com: new database" || w.cards(a.ID) != nil {
		t.Errorf("A: quiet %t, gap %q, maintenance %q, cards %v", a.Quiet, a.NoticeGap, a.Maintenance, w.cards(a.ID))
	}
	if b, c := w.pd("B"), w.pd("C"); b.Quiet || c.Quiet {
		t.Error("quiet outside the window, or for another service")
	}
	w.now = at(25)
	if _, err := w.Mute(ctx, ani, incident.RoleResponder, "checkout", time.Hour, "again"); err != nil {
		t.Fatal(err)
	}
	w.tell(opens("LATE", "checkout", at(10), "cpu"))
	if late := w.pd("LATE"); !late.Quiet || !strings.Contains(late.Maintenance, "new database") {
		t.Errorf("what comes late is judged by the window of its time: quiet %t, %q", late.Quiet, late.Maintenance)
	}
	w.now = at(30)
	if _, err := w.Unmute(ctx, ani, incident.RoleResponder, "checkout"); err != nil {
		t.Fatal(err)
	}
	w.view(func(tx incident.Tx) error {
		left, err := incident.Mutes(tx, w.now)
		if len(left) != 0 {
			t.Errorf("mutes left: %+v", left)
		}
		return err
	})
	if _, err := w.Unmute(ctx, ani, incident.RoleResponder, "checkout"); !errors.Is(err, incident.ErrConflict) {
		t.Errorf("ended twice: %v", err)
	}
}

// TestAutoPause: an alert that has resolved itself again and again waits before
// it is shown; one that opens a room never does, and one that a person cares for
// no longer does.
func TestAutoPause(t *testing.T) {
	story := func(t *testing.T, title string) *town {
		w := newTown(t, shop)
		for i := range 5 {
			from := at(100 * i)
			w.now = from
			w.tell(opens(fmt.Sprintf("Q%d", i), "checkout", from, title))
			w.now = from.Add(150 * time.Second)
			w.tell(ends(fmt.Sprintf("Q%d", i), "checkout", w.now, title))
		}
		w.now = at(1000)
		w.tell(opens("NEW", "checkout", at(1000), title))
		return w
	}
	w := story(t, "Queue of job 7 is long")
	inc := w.pd("NEW")
	if !inc.PausedUntil.Equal(at(1003)) || inc.NoticeGap != incident.GapPaused || w.cards(inc.ID) != nil || inc.Recurrences != 5 {
		t.Fatalf("paused until %s, gap %q, cards %v, %d before", inc.PausedUntil, inc.NoticeGap, w.cards(inc.ID), inc.Recurrences)
	}
	w.later(at(1004))
	if inc = w.pd("NEW"); !inc.PausedUntil.IsZero() || len(w.cards(inc.ID)) == 0 || inc.NoticeGap != "" {
		t.Errorf("after the pause: until %s, gap %q, cards %v", inc.PausedUntil, inc.NoticeGap, w.cards(inc.ID))
	}

	w = story(t, "Queue of job 7 is long")
	w.now = at(1001)
	w.must(w.by(ani, incident.Ack, "NEW", incident.Args{}))
	if inc = w.pd("NEW"); len(w.cards(inc.ID)) == 0 {
		t.Error("a person has acknowledged it, and it is still not shown")
	}

	w = story(t, "Queue of job 7 is long")
	w.tell(ends("NEW", "checkout", at(1001), "Queue of job 7 is long"))
	w.later(at(1004))
	if inc = w.pd("NEW"); w.cards(inc.ID) != nil || inc.Status != incident.Closed {
		t.Errorf("it has resolved itself, and is shown: %v, %s", w.cards(inc.ID), inc.Status)
	}

	if inc = story(t, "checkout is down").pd("NEW"); !inc.PausedUntil.IsZero() || len(w.cards(inc.ID)) != 0 && inc.NoticeGap != "" {
		t.Error("what opens a room waits")
	}
}
