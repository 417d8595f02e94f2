package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// judge is the command about a change, as an edge completes it.
func judge(who Actor, id string, was bool) Command {
	return by(who, Judge, Args{Change: "api/" + id, Was: was, Cause: &Cause{
		Source: "api", ID: id, Title: "Deploy " + id, URL: "https://ci.example.com/" + id, Service: "checkout", At: t0.Add(-time.Hour),
		Was: !was, By: pager, // it is the command that says so, not the edge
	}})
}

func TestJudge(t *testing.T) {
	w := triggered(t, down).do(judge(dewi, "a", true))
	want := Cause{
		Source: "api", ID: "a", Title: "Deploy a", URL: "https://ci.example.com/a", Service: "checkout", At: t0.Add(-time.Hour),
		Was: true, By: dewi, DecidedAt: clock,
	}
	if d := cmp.Diff([]Cause{want}, w.inc.Causes); d != "" {
		t.Errorf("causes (-want +got):\n%s", d)
	}
	e := w.events[0]
	if len(w.events) != 1 || e.Kind != EvCause || e.Text != "Deploy a" || e.Actor != dewi || e.Data["change"] != "api/a" || e.Data["service"] != "checkout" || e.Data["url"] == "" {
		t.Errorf("event = %+v", w.events)
	}
	if len(w.effects) == 0 || w.effects[0].Kind != KindCard {
		t.Errorf("effects = %+v, want that the cards show it", w.effects)
	}
	// To say the same again changes nothing, whoever says it.
	if w.do(judge(ani, "a", true)); len(w.events) != 0 || len(w.effects) != 0 || w.inc.Causes[0].By != dewi {
		t.Errorf("the same again: %+v %+v", w.events, w.inc.Causes)
	}
	// Undoing is saying the other; it keeps its place.
	w.do(judge(ani, "b", false)).do(judge(ani, "a", false))
	if w.events[0].Kind != EvNotCause || len(w.inc.Causes) != 2 || w.inc.Causes[0].Was || w.inc.Causes[0].By != ani || len(w.inc.Confirmed()) != 0 {
		t.Errorf("undone: %+v %+v", w.events, w.inc.Causes)
	}
	if got := w.do(judge(dewi, "b", true)).inc.Confirmed(); len(got) != 1 || got[0].Key() != "api/b" {
		t.Errorf("confirmed = %+v", got)
	}
	// The same id of another source is another change.
	other := judge(dewi, "a", true)
	other.Args.Cause.Source = "newrelic"
	if w.do(other); len(w.inc.Causes) != 3 {
		t.Errorf("causes = %+v", w.inc.Causes)
	}
	// A copy shares nothing.
	c := w.inc.Clone()
	c.Causes[0].Title = "x"
	if w.inc.Causes[0].Title != "Deploy a" {
		t.Error("a clone shares its causes")
	}
}

// TestJudgeInEveryStatus: the cause is often found when all is over.
func TestJudgeInEveryStatus(t *testing.T) {
	for _, s := range []Status{Open, Resolved, Closed} {
		w := in(t, down, s).do(judge(dewi, "a", true))
		if len(w.inc.Confirmed()) != 1 || w.inc.Status != s {
			t.Errorf("%s: %+v, now %s", s, w.inc.Causes, w.inc.Status)
		}
	}
}

func TestJudgeRefused(t *testing.T) {
	w := triggered(t, down)
	wantProblem(t, w.try(by(dewi, Judge, Args{Was: true})), ErrInvalid, "change_missing")
	wantProblem(t, w.try(by(dewi, Judge, Args{Change: "api/a", Was: true})), ErrInvalid, "no_change") // no edge has found it
	wantProblem(t, w.try(by(dewi, Judge, Args{Change: "a", Cause: &Cause{ID: "a"}})), ErrInvalid, "no_change")
	viewer := judge(dewi, "a", true)
	viewer.Role = RoleViewer
	wantProblem(t, w.try(viewer), ErrForbidden, "forbidden_viewer")
	for i := range maxCauses {
		w.do(judge(dewi, fmt.Sprint(i), i%2 == 0))
	}
	wantProblem(t, w.try(judge(dewi, "one more", true)), ErrConflict, "too_many_causes")
	if w.do(judge(dewi, "1", true)); len(w.inc.Causes) != maxCauses {
		t.Errorf("%d causes", len(w.inc.Causes))
	}
}

func TestCardEffects(t *testing.T) {
	w := triggered(t, down)
	got := w.inc.CardEffects()
	if d := cmp.Diff(w.inc.Cards, targets(got)); d != "" || len(got) == 0 {
		t.Errorf("targets (-want +got):\n%s", d)
	}
	for _, e := range got {
		if e.Kind != KindCard || e.Mode != Latest || e.Key != "INC-1/card/"+e.Target || e.Lane != "INC-1/teams/"+e.Target {
			t.Errorf("effect = %+v", e)
		}
	}
}

func targets(effects []Effect) []string {
	var out []string
	for _, e := range effects {
		out = append(out, e.Target)
	}
	return out
}
