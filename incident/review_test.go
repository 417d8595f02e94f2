package incident

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRCADraft(t *testing.T) {
	w := in(t, down, Resolved)
	w.do(by(dewi, WriteRCA, Args{RCA: map[string]string{"summary": " a\r\nb ", "five_whys": "one\n\n  two \n"}}))
	pm := w.inc.Postmortem
	if pm.State != PostmortemDraft || pm.By != dewi || !pm.At.Equal(clock) || pm.RCA.Summary != "a\nb" {
		t.Errorf("postmortem = %+v", pm)
	}
	if d := cmp.Diff([]string{"one", "two"}, pm.RCA.FiveWhys); d != "" {
		t.Errorf("five whys (-want +got):\n%s", d)
	}
	if w.events[0].Data["fields"] != "five_whys,summary" {
		t.Errorf("fields = %q", w.events[0].Data["fields"])
	}
	w.do(by(dewi, WriteRCA, Args{RCA: map[string]string{"summary": "a\nb", "five_whys": "one\ntwo"}})).silent()
	// Absent fields stay; an empty one is emptied.
	w.do(by(dewi, WriteRCA, Args{RCA: map[string]string{"summary": "", "impact": "i"}}))
	if r := w.inc.Postmortem.RCA; r.Summary != "" || r.Impact != "i" || len(r.FiveWhys) != 2 {
		t.Errorf("RCA = %+v", r)
	}
	w.do(by(dewi, WriteRCA, Args{})).silent()
}

func TestRCARefused(t *testing.T) {
	tests := []struct {
		rca  map[string]string
		want string
	}{
		{map[string]string{"nonsense": "x"}, "unknown_field"},
		{map[string]string{"category": "weather"}, "bad_category"},
		{map[string]string{"summary": strings.Repeat("x", MaxText+1)}, "too_long"},
		{map[string]string{"five_whys": strings.Repeat("x", MaxText+1)}, "too_long"},
	}
	for _, tt := range tests {
		w := in(t, down, Resolved)
		wantProblem(t, w.try(by(ani, WriteRCA, Args{RCA: tt.rca})), ErrInvalid, tt.want)
		if !w.inc.Postmortem.RCA.IsZero() {
			t.Errorf("%s left something: %+v", tt.want, w.inc.Postmortem.RCA)
		}
	}
	w := in(t, down, Resolved).do(by(dewi, WriteRCA, Args{RCA: map[string]string{"summary": strings.Repeat("é", MaxText)}}))
	for _, c := range Categories {
		w.do(by(dewi, WriteRCA, Args{RCA: map[string]string{"category": c}}))
	}
	w.do(by(dewi, WriteRCA, Args{RCA: map[string]string{"category": ""}}))
}

// TestRCAMissing finds every required field.
func TestRCAMissing(t *testing.T) {
	for _, f := range RequiredRCA {
		w := in(t, down, Resolved)
		rca := maps.Clone(fullRCA)
		rca[f] = "  "
		err := w.try(by(ani, WriteRCA, Args{RCA: rca, Complete: true}))
		wantProblem(t, err, ErrInvalid, "rca_missing")
		if p, ok := err.(*Problem); ok && p.Field != f {
			t.Errorf("without %s the field at fault is %q", f, p.Field)
		}
		delete(rca, f)
		w.do(by(ani, WriteRCA, Args{RCA: rca}))
		wantProblem(t, w.try(by(ani, Close, Args{})), ErrConflict, "rca_owed")
	}
}

// TestRCARevisions: completing makes a revision; a reopening makes the complete
// RCA a draft again, whose revision is kept.
func TestRCARevisions(t *testing.T) {
	w := in(t, down, Resolved)
	w.do(by(ani, WriteRCA, Args{RCA: fullRCA, Complete: true}))
	complete := by(ani, WriteRCA, Args{Complete: true})
	w.do(complete).silent()
	if pm := w.inc.Postmortem; pm.State != PostmortemComplete || pm.Revision != 1 || w.inc.Status != Closed || !w.inc.ClosedAt.Equal(clock) {
		t.Errorf("postmortem %+v, status %s, closed at %s", pm, w.inc.Status, w.inc.ClosedAt)
	}
	w.do(by(ani, WriteRCA, Args{RCA: map[string]string{"lessons": "l"}, Complete: true}))
	if pm := w.inc.Postmortem; pm.Revision != 2 || len(pm.Revisions) != 2 || pm.Revisions[0].RCA.Lessons != "" || pm.Revisions[1].RCA.Lessons != "l" {
		t.Errorf("revisions = %+v", pm.Revisions)
	}
	// Somebody who may not complete it has changed it since: completing it again
	// is not what was done before.
	w.do(by(dewi, WriteRCA, Args{RCA: map[string]string{"lessons": "m"}}))
	w.do(complete)
	if pm := w.inc.Postmortem; pm.Revision != 3 || pm.Revisions[2].RCA.Lessons != "m" {
		t.Errorf("a changed draft is completed: %+v", pm.Revisions)
	}
	w.do(complete).silent()
	w.do(by(dewi, Reopen, Args{}))
	if pm := w.inc.Postmortem; pm.State != PostmortemDraft || pm.Revision != 3 || pm.RCA.Summary != "s" || w.inc.reviewed() {
		t.Errorf("reopened: postmortem %+v", pm)
	}
	w.do(by(dewi, Resolve, Args{}))
	if w.inc.Status != Resolved {
		t.Errorf("status = %s, want resolved: the new episode's RCA is a draft", w.inc.Status)
	}
	w.do(by(ani, Close, Args{}))
	if pm := w.inc.Postmortem; pm.State != PostmortemComplete || pm.Revision != 4 || w.inc.Status != Closed || w.kinds() != "rca_complete closed" {
		t.Errorf("close with a complete text: %+v, %s, events %q", pm, w.inc.Status, w.kinds())
	}
	for i := range maxRevisions + 5 {
		w.do(by(ani, WriteRCA, Args{RCA: map[string]string{"lessons": fmt.Sprint(i)}, Complete: true}))
	}
	if pm := w.inc.Postmortem; len(pm.Revisions) != maxRevisions || pm.Revision != maxRevisions+9 || pm.Revisions[maxRevisions-1].N != pm.Revision {
		t.Errorf("%d revisions, the last is %d of %d", len(pm.Revisions), pm.Revisions[len(pm.Revisions)-1].N, pm.Revision)
	}
}

func TestWaive(t *testing.T) {
	w := in(t, down, Resolved)
	wantProblem(t, w.try(by(ani, Close, Args{Waive: strings.Repeat("x", MaxText+1)})), ErrInvalid, "too_long")
	wantProblem(t, w.try(by(ani, Close, Args{Waive: " "})), ErrConflict, "rca_owed")
	w.do(by(ani, Close, Args{Waive: " a test "}))
	if pm := w.inc.Postmortem; pm.State != PostmortemWaived || pm.Reason != "a test" || w.events[1].Data["why"] != PostmortemWaived || w.events[1].Actor != System {
		t.Errorf("postmortem %+v, events %+v", pm, w.events)
	}
	// An RCA after all.
	w.do(by(ani, WriteRCA, Args{RCA: fullRCA, Complete: true}))
	if pm := w.inc.Postmortem; pm.State != PostmortemComplete || pm.Reason != "" || w.inc.Status != Closed {
		t.Errorf("postmortem %+v, status %s", pm, w.inc.Status)
	}
	w = in(t, down, Closed).do(by(dewi, Reopen, Args{}))
	if w.inc.Postmortem.State != PostmortemDraft || !w.inc.ClosedAt.IsZero() {
		t.Errorf("reopened: %+v, closed at %s", w.inc.Postmortem, w.inc.ClosedAt)
	}
	if w.do(by(dewi, Resolve, Args{})); w.inc.Status != Resolved {
		t.Errorf("a waiver of the first episode closed the second: %s", w.inc.Status)
	}
}

func TestActions(t *testing.T) {
	w := triggered(t, down)
	act := func(a *ActionArgs) Command { return by(dewi, DoAction, Args{Action: a}) }
	w.do(act(&ActionArgs{Op: "add", Title: " fix\nit ", Owner: &pdUser, Due: "2026-12-31"}))
	got := w.inc.Actions[0]
	want := Action{N: 1, Title: "fix it", Owner: ani, Due: "2026-12-31", By: dewi, At: clock, Ticket: &Ticket{State: TicketAsked, Asked: 1}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("action (-want +got):\n%s", d)
	}
	w.do(act(&ActionArgs{Op: "add", Title: "second"}))
	w.do(act(&ActionArgs{Op: "done", N: 1}))
	if open := w.inc.OpenActions(); len(open) != 1 || open[0].N != 2 || w.inc.Actions[0].DoneBy != dewi || w.kinds() != "action_done" {
		t.Errorf("open = %+v, events %q", open, w.kinds())
	}
	w.do(act(&ActionArgs{Op: "done", N: 1})).silent()
	w.do(act(&ActionArgs{Op: "reopen", N: 1}))
	if w.inc.Actions[0].Done() || !w.inc.Actions[0].DoneBy.IsZero() || w.kinds() != "action_reopened" {
		t.Errorf("action = %+v, events %q", w.inc.Actions[0], w.kinds())
	}
	w.do(act(&ActionArgs{Op: "reopen", N: 2})).silent()
	for _, tt := range []struct {
		args *ActionArgs
		kind error
		key  string
	}{
		{nil, ErrInvalid, "action_missing"},
		{&ActionArgs{Op: "dance", N: 1}, ErrInvalid, "action_missing"},
		{&ActionArgs{Op: "done", N: 3}, ErrInvalid, "no_action"},
		{&ActionArgs{Op: "done", N: -1}, ErrInvalid, "no_action"},
		{&ActionArgs{Op: "add", Title: "\t"}, ErrInvalid, "action_title"},
		{&ActionArgs{Op: "add", Title: strings.Repeat("x", MaxTitle+1)}, ErrInvalid, "too_long"},
		{&ActionArgs{Op: "add", Title: "x", Due: "tomorrow"}, ErrInvalid, "bad_date"},
		{&ActionArgs{Op: "add", Title: "x", Due: "2026-02-30"}, ErrInvalid, "bad_date"},
	} {
		wantProblem(t, w.try(act(tt.args)), tt.kind, tt.key)
	}
	for len(w.inc.Actions) < maxActions {
		w.do(act(&ActionArgs{Op: "add", Title: "x"}))
	}
	wantProblem(t, w.try(act(&ActionArgs{Op: "add", Title: "x"})), ErrConflict, "too_many_actions")
}

func TestNotesAndReasonsAreBounded(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	w := triggered(t, down)
	for _, cmd := range []Command{
		by(dewi, AddNote, Args{Text: long}), by(dewi, Resolve, Args{Text: long}), by(dewi, Reopen, Args{Reason: long}),
		by(ani, SetLevel, Args{Level: Other, Reason: long}), by(ani, SetTime, Args{Time: "detected", Value: t0, Reason: long}),
	} {
		wantProblem(t, w.try(cmd), ErrInvalid, "too_long")
	}
	wantProblem(t, w.try(by(dewi, AddNote, Args{Text: " \n"})), ErrInvalid, "text_missing")
	// What the pager sends is cut instead.
	cmd := told(AddNote, at(1), nil)
	cmd.Args.Text = strings.Repeat("é", MaxText+1)
	if w.do(cmd); len([]rune(w.events[0].Text)) != MaxText {
		t.Errorf("a vendor's note has %d runes", len([]rune(w.events[0].Text)))
	}
	cmd = told(Update, at(2), nil)
	cmd.Args.Text = long + "\nx"
	if w.do(cmd); w.kinds() != "pager" || len([]rune(w.events[0].Text)) != MaxText {
		t.Errorf("events %q", w.kinds())
	}
}

// TestRCAChangedMeanwhile: who says what they saw overwrites nothing else; who
// does not say so does.
func TestRCAChangedMeanwhile(t *testing.T) {
	write := func(rca, was map[string]string) Command { return by(ani, WriteRCA, Args{RCA: rca, RCAWas: was}) }
	w := in(t, down, Resolved).do(write(map[string]string{"summary": "one\r\ntwo", "impact": "i", "five_whys": "a\n\n b"}, nil))
	for name, tt := range map[string]struct {
		rca, was map[string]string
		stale    string // the fields that are named; "": it is saved
	}{
		"as seen":              {map[string]string{"summary": "x"}, map[string]string{"summary": " one\ntwo\n"}, ""},
		"whys as seen":         {map[string]string{"five_whys": "x"}, map[string]string{"five_whys": "a\nb"}, ""},
		"another text":         {map[string]string{"summary": "x"}, map[string]string{"summary": "one"}, "summary"},
		"other whys":           {map[string]string{"five_whys": "x"}, map[string]string{"five_whys": "a"}, "five_whys"},
		"empty when seen":      {map[string]string{"impact": "x", "lessons": "y"}, map[string]string{"impact": "", "lessons": ""}, "impact"},
		"two":                  {map[string]string{"impact": "x", "summary": "y"}, map[string]string{"impact": "", "summary": ""}, "summary, impact"},
		"the same is written":  {map[string]string{"summary": "one\ntwo", "lessons": "x"}, map[string]string{"summary": "one"}, ""},
		"not written":          {map[string]string{"lessons": "x"}, map[string]string{"summary": "one"}, ""},
		"nothing said":         {map[string]string{"summary": "x"}, nil, ""},
		"said of another only": {map[string]string{"summary": "x"}, map[string]string{"impact": "?"}, ""},
	} {
		c := &world{t: t, cat: w.cat, now: w.now, inc: w.inc.Clone()}
		err := c.try(write(tt.rca, tt.was))
		if tt.stale == "" {
			if err != nil || c.kinds() != "rca_saved" {
				t.Errorf("%s: %v, %s", name, err, c.kinds())
			}
			continue
		}
		wantProblem(t, err, ErrConflict, "rca_changed")
		if !strings.Contains(err.Error(), "has changed "+tt.stale+" meanwhile") {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(w.inc.Postmortem, c.inc.Postmortem); d != "" {
			t.Errorf("%s: something was saved: %s", name, d)
		}
	}
}
