package incident

import (
	"slices"
	"testing"
)

// stateIn is the state of a person, or of a role by its part, in the war room.
func stateIn(r *Room, who Actor, part string) string {
	i := slices.IndexFunc(r.People, RoomPerson{Person: who, Part: part}.Is)
	if i < 0 {
		return ""
	}
	return r.People[i].State
}

// TestIdentified: whom the pager has assigned is known by its own id first. The
// room has one entry for them when it is known who that is, whichever comes first.
func TestIdentified(t *testing.T) {
	unknown := Actor{Kind: KindUser, ID: "pd:P9", Name: "Eko"}
	eko := Actor{Kind: KindUser, ID: "eko@example.com", Name: "Eko"}
	missing := RoomChange{Step: RoomPeople, People: []RoomPerson{{Person: unknown, Part: PartResponder, State: PersonMissing, Reason: "not known"}}}
	enrich := told(Enrich, t0, &Alert{Assignees: []Actor{eko}})
	for name, order := range map[string]func(w *world){
		"missing, then known": func(w *world) { w.roomStep(missing).do(enrich) },
		"known, then missing": func(w *world) { w.do(enrich).roomStep(missing) },
	} {
		al := alert(down)
		al.Assignees = []Actor{unknown}
		w := newWorld(t).do(told(Trigger, t0, al)).roomStep(RoomChange{Step: RoomBegin})
		order(w)
		if r := w.inc.Room; stateIn(r, unknown, "") != "" || stateIn(r, eko, "") != PersonWanted {
			t.Errorf("%s: %+v", name, r.People)
		}
	}
	// Who is in the room already is one person with whom the pager names.
	al := alert(down)
	al.Assignees = []Actor{unknown}
	w := newWorld(t).do(told(Trigger, t0, al)).roomStep(RoomChange{Step: RoomBegin})
	w.roomStep(missing).roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{{Person: eko, Part: PartOwner, State: PersonIn}}}).do(enrich)
	if r := w.inc.Room; stateIn(r, unknown, "") != "" || stateIn(r, eko, "") != PersonIn {
		t.Errorf("in already: %+v", r.People)
	}
}

// TestHolds: who is found on standby after all comes into the room, and the role
// is not missing any more.
func TestHolds(t *testing.T) {
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin})
	w.roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{{Part: "dba", State: PersonMissing, Reason: "no answer"}}})
	w.do(pageStep(PageChange{Step: PageFound, Found: []Paged{{Role: "dba", Detail: "unreachable"}}}))
	if len(w.inc.Pages) != 1 || w.inc.Pages[0].State != PageFailed {
		t.Fatalf("pages %+v", w.inc.Pages)
	}
	w.do(pageStep(PageChange{Step: PageFound, Found: []Paged{{Role: "dba", Person: dewi}}}))
	if len(w.inc.Pages) != 1 || !w.inc.Pages[0].Person.Is(dewi) || w.inc.Pages[0].State != PageWaiting {
		t.Errorf("pages %+v", w.inc.Pages)
	}
	if r := w.inc.Room; stateIn(r, Actor{}, "dba") != "" || stateIn(r, dewi, "") != PersonWanted {
		t.Errorf("in the room: %+v", r.People)
	}
}

// TestHoldsAgain: who is found once more is followed by nobody still: that is said
// on. Of a role that nobody was known for before, the cards show who holds it now.
func TestHoldsAgain(t *testing.T) {
	w := triggered(t, down).do(found("dba", dewi)).do(pageStep(PageChange{Step: PageDone, Who: dewi})).do(pageStep(PageChange{Step: PageNo, Who: dewi}))
	w.do(pageStep(PageChange{Step: PageFound, After: true, Found: []Paged{{Role: "dba", Detail: WhyNobodyNext}}}))
	if w.keep(found("dba", dewi)).silent(); len(w.inc.Pages) != 2 {
		t.Errorf("pages %+v", w.inc.Pages)
	}
	w = triggered(t, down).do(by(ani, Ack, Args{})).do(found("dba", ani))
	w.do(pageStep(PageChange{Step: PageFound, Found: []Paged{{Role: "devops", Detail: "unreachable"}}}))
	if w.keep(found("devops", ani)); len(w.inc.Pages) != 1 || kindsOf(w)[KindCard] == 0 {
		t.Errorf("pages %+v, effects %v", w.inc.Pages, kindsOf(w))
	}
}
