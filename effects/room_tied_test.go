package effects_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// hide makes an incident private, as a level does.
func (w *walk) hide(id incident.ID) {
	w.order(incident.Command{Verb: incident.SetLevel, Incident: id, Args: incident.Args{Level: "secret"}})
	w.pass(5 * time.Minute)
}

// TestSharedBecomesPrivate: an incident that becomes private has another's room no
// more, nor do others have its own.
func TestSharedBecomesPrivate(t *testing.T) {
	for _, hidden := range []incident.ID{1, 2} {
		w := newWalk(t, roomConfig{})
		w.down("db")
		w.down("cart")
		w.order(incident.Command{Verb: incident.SetLink, Incident: 2, Args: incident.Args{Parent: 1, LinkKind: incident.LinkCascade}})
		w.pass(5 * time.Minute)
		if r := w.room(2); r.State != incident.RoomShared || r.With != 1 {
			t.Fatalf("the room is %+v", r)
		}
		w.hide(hidden)
		if a, b := w.room(1), w.room(2); a.State != incident.RoomOpen || b.State != incident.RoomOpen || a.Chat == b.Chat {
			t.Errorf("INC-%d is private; the rooms are\n%+v\n%+v", hidden, a, b)
		}
		for _, inc := range w.town() {
			w.checkState(inc)
		}
		if len(w.wrong) > 0 {
			t.Errorf("INC-%d is private: %q", hidden, w.wrong)
		}
	}
}

// TestTiedCards: cards follow what becomes of the incidents that they name, and
// name none that has become private.
func TestTiedCards(t *testing.T) {
	w := newWalk(t, roomConfig{})
	w.down("db")
	child := w.declareOther("stock")
	w.order(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: 1, LinkKind: incident.LinkCascade}})
	w.pass(time.Minute)
	says := func(text string) bool {
		for _, p := range w.cards(w.payments) {
			if p.Contains("INC-2") && p.Contains("Caused by") && p.Contains(text) {
				return true
			}
		}
		return false
	}
	if !says("Go to the room") || !says("OPEN") {
		t.Error("the card does not lead to the room that was opened later")
	}
	w.order(incident.Command{Verb: incident.Resolve, Incident: 1})
	w.pass(time.Minute)
	if !says("RESOLVED") {
		t.Error("the card does not say that the cause is over")
	}
	w.order(incident.Command{Verb: incident.Reopen, Incident: 1})
	w.hide(1)
	if says("db is down") {
		t.Error("the card names an incident that is private")
	}
}

// TestSimilarCards: no card names an earlier incident as a similar one once that
// has become private.
func TestSimilarCards(t *testing.T) {
	w := newWalk(t, roomConfig{})
	declare := func(title string) incident.ID {
		return w.order(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: title, Service: "stock", Level: incident.Other}}).ID
	}
	first := declare("stock counts wrong eggs today")
	w.order(incident.Command{Verb: incident.Resolve, Incident: first})
	second := declare("stock counts wrong eggs")
	w.pass(time.Minute)
	names := func() bool {
		return slices.ContainsFunc(w.cards(w.payments), func(p botframeworksim.Post) bool {
			return p.Contains(second.String()) && p.Contains("eggs today")
		})
	}
	if !names() {
		t.Fatal("no card names the earlier incident: the test proves nothing")
	}
	w.hide(first)
	if names() {
		t.Error("the card names an incident that is private")
	}
}

// TestMemberMeanwhile: whoever became a member of a private incident while it was
// over is in its room when it is open again.
func TestMemberMeanwhile(t *testing.T) {
	w := newWalk(t, roomConfig{})
	w.begin(0, stride{op: "trigger"})
	w.hide(1)
	inc := w.town()[0]
	w.pagerSays(inc, incident.Resolve)
	w.order(incident.Command{Verb: incident.Member, Incident: 1, Args: incident.Args{Person: who(4)}})
	w.pagerSays(inc, incident.Trigger)
	w.pass(5 * time.Minute)
	inc = w.town()[0]
	w.checkBelongs(inc, inc)
	if len(w.wrong) > 0 || !inc.Active() || !inc.Room.Usable() {
		t.Errorf("%s %+v: %q", inc.Status, inc.Room, w.wrong)
	}
}

func (w *walk) declareOther(service string) incident.ID {
	return w.order(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: service + " is odd", Service: service, Level: incident.Other}}).ID
}

// TestPageEndsLater: what was made in PagerDuty to wake somebody ends with the
// incident, also if it was open again before PagerDuty could be told at first.
func TestPageEndsLater(t *testing.T) {
	r := newPageRig(t)
	id := r.declare("Odd things happen")
	r.page(id, &aniActor, "")
	r.settle(time.Minute)
	r.pd.Inject(pagerdutysim.Fault{Method: http.MethodPut, Path: "/incidents", Status: 500})
	for _, verb := range []incident.Verb{incident.Resolve, incident.Reopen} {
		r.do(incident.Command{Verb: verb, Incident: id})
		r.settle(2 * time.Second)
	}
	r.settle(10 * time.Minute)
	r.pd.ClearFaults()
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.settle(10 * time.Minute)
	if st := r.pd.Snapshot(); len(st) != 1 || st[0].Status != pagerduty.StatusResolved {
		t.Errorf("PagerDuty has %+v", st)
	}
}
