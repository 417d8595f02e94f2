package incident

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// joins lists who is brought into another's room, with why.
func joins(t *testing.T, w *world) (out []string) {
	t.Helper()
	for _, e := range w.effects {
		if e.Kind != KindRoomSync || len(e.Data) == 0 {
			continue
		}
		var d JoinData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimSpace(d.Person.ID+" "+d.Part))
	}
	return out
}

// TestAckComesIn: whoever acknowledges it comes into the war room, however far that
// is, whosever it is, and whatever number of people is in it.
func TestAckComesIn(t *testing.T) {
	opening := triggered(t, down).roomStep(RoomChange{Step: RoomBegin})
	invited := inRoom(t, ani).roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{{Person: citra, Part: PartStakeholder, State: PersonInvited}}})
	before := triggered(t, down)
	for name, w := range map[string]*world{"asked for": before, "being opened": opening, "open": inRoom(t, ani), "full": invited} {
		w.do(by(citra, Ack, Args{}))
		if name == "asked for" {
			w.roomStep(RoomChange{Step: RoomBegin})
		} else if w.inc.Room.Chat != "" && !strings.Contains(w.roomEffects(), "room.sync") {
			t.Errorf("%s: nobody adds Citra: %s", name, w.roomEffects())
		}
		i := slices.IndexFunc(w.inc.Room.People, RoomPerson{Person: citra}.Is)
		if i < 0 || w.inc.Room.People[i].State != PersonWanted || !w.inc.Room.People[i].Asked {
			t.Errorf("%s: people are %+v", name, w.inc.Room.People)
		}
	}
	guest := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomShare, With: 7}).do(by(citra, Ack, Args{}))
	if got := joins(t, guest); !slices.Equal(got, []string{"citra@example.com responder"}) {
		t.Errorf("in another's room: %v", got)
	}
}

// TestAckStaysOut: nobody is pulled back into the room by acknowledging, nothing
// but people is added to it, and nobody to that of a private incident who may not
// know of it.
func TestAckStaysOut(t *testing.T) {
	w := inRoom(t, ani, citra).roomStep(RoomChange{Step: RoomLeft, People: []RoomPerson{{Person: citra}}})
	if w.do(by(citra, Ack, Args{})); w.state(citra) != PersonLeft {
		t.Errorf("Citra has left, and is %q", w.state(citra))
	}
	w = inRoom(t, ani)
	if w.do(by(ani, Ack, Args{})); len(w.inc.Room.People) == 0 || w.roomEffects() != "" || w.state(ani) != PersonIn {
		t.Errorf("Ani is in it already: %s, %+v", w.roomEffects(), w.inc.Room.People)
	}
	w = inRoom(t, ani)
	n := len(w.inc.Room.People)
	if w.do(by(robot, Ack, Args{})); w.inc.AcknowledgedBy.Is(ani) || len(w.inc.Room.People) != n {
		t.Errorf("a token is added: %+v", w.inc.Room.People)
	}
	w = inRoom(t, ani)
	w.do(by(citra, Ack, Args{})).do(by(dewi, Resolve, Args{}))
	if w.do(by(dewi, Reopen, Args{})); w.state(dewi) != "" {
		t.Errorf("Dewi is %q", w.state(dewi))
	}
	private := declared(t, Args{Title: "x", Service: "checkout", Level: ServiceDown, Private: true}).roomStep(RoomChange{Step: RoomBegin})
	private.roomStep(RoomChange{Step: RoomMade, Chat: roomChat, Topic: "INC-1"}).roomStep(RoomChange{Step: RoomReady}).roomStep(RoomChange{Step: RoomOpened})
	ack := told(Ack, clock, nil)
	ack.Actor = citra
	if private.do(ack); private.state(citra) != "" || !private.inc.AcknowledgedBy.Is(citra) {
		t.Errorf("Citra, who is no member, is %q", private.state(citra))
	}
}

// TestPagerCallsAnother: whom the pager calls later comes into the room, too. Who
// is known by the pager's own id only is one person with whom it has told of.
func TestPagerCallsAnother(t *testing.T) {
	w := inRoom(t, ani)
	al := alert(down)
	al.Assignees = []Actor{dewi}
	if w.do(told(Update, clock, al)); w.state(dewi) != PersonWanted || !strings.Contains(w.roomEffects(), "room.sync") {
		t.Errorf("Dewi is %q: %s", w.state(dewi), w.roomEffects())
	}
	unknown := Actor{Kind: KindUser, ID: "pd:P9", Name: "Eko"}
	eko := Actor{Kind: KindUser, ID: "eko@example.com", Name: "Eko"}
	for _, early := range []bool{false, true} {
		al.Assignees = []Actor{unknown}
		w := newWorld(t).do(told(Trigger, t0, al)).do(told(Enrich, t0, &Alert{Assignees: []Actor{eko}}))
		ack := told(Ack, clock, al)
		ack.Actor = unknown
		if early {
			w.do(ack).roomStep(RoomChange{Step: RoomBegin})
		} else {
			w.roomStep(RoomChange{Step: RoomBegin}).do(ack)
		}
		if got := stateIn(w.inc.Room, unknown, ""); got != "" || stateIn(w.inc.Room, eko, "") != PersonWanted {
			t.Errorf("acknowledged before the room %v: Eko is in it twice: %+v", early, w.inc.Room.People)
		}
	}
}

// TestWokenInSharedRoom: whom a person wakes comes back into the room that the
// incident shares, each time, and whoever found it full comes into it when woken.
func TestWokenInSharedRoom(t *testing.T) {
	w := triggered(t, down)
	w.cat.service.Stakeholders = []string{citra.ID}
	w.roomStep(RoomChange{Step: RoomBegin})
	theirs := func(state string) RoomChange {
		return RoomChange{Step: RoomShare, With: 7, URL: "https://x", People: []RoomPerson{{Person: citra, Part: PartStakeholder, State: state}}}
	}
	w.roomStep(theirs(PersonInvited)).finds("dba", 0, Actor{}, citra)
	if got := joins(t, w); !slices.Equal(got, []string{"citra@example.com dba"}) {
		t.Errorf("found it full, and is woken: %v", got)
	}
	first := w.roomEffects()
	w.do(pageStep(PageChange{Step: PageDone, Who: citra})).do(pageStep(PageChange{Step: PageNo, Who: citra}))
	w.roomStep(theirs(PersonLeft)).do(by(dewi, Page, Args{Person: &citra}))
	if got := joins(t, w); !slices.Equal(got, []string{"citra@example.com"}) || w.roomEffects() == first {
		t.Errorf("has left, and is woken by a person: %v by %s, after %s", got, w.roomEffects(), first)
	}
}
