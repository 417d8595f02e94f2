package incident

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPagesBack: an incident that is open again wakes whom it was to wake before
// it was over; whom a person wanted is named, and may be asked for again; and who
// had not answered in time is followed by the next one.
func TestPagesBack(t *testing.T) {
	again := func(w *world) *world {
		w.do(by(ani, Resolve, Args{}))
		w.now = w.now.Add(time.Hour)
		return w.do(by(ani, Reopen, Args{}))
	}
	w := again(inRoom(t, ani).finds("dba", 0, Actor{}, budi))
	if len(w.inc.Pages) != 0 || !slices.ContainsFunc(w.effects, func(e Effect) bool { return e.Key == "INC-1/page/standby/episode/2" }) {
		t.Errorf("the level asks for nobody: %v, %v", pagesOf(w), kindsOf(w))
	}
	wantWakes(t, "open again", w.finds("dba", 0, Actor{}, budi), "Budi 0")
	if key := w.effects[0].Key; key != "INC-1/page.wake/budi@example.com/standby/2" {
		t.Errorf("%s happened before", key)
	}

	w = again(inRoom(t, ani).do(by(dewi, Page, Args{Person: &budi})))
	if p := w.inc.Pages[0]; p.State != PageFailed || p.Detail != whyOver || w.inc.Waking(budi, 0) {
		t.Errorf("a person's wish is %v", pagesOf(w))
	}
	wantWakes(t, "for the level", w.finds("dba", 0, Actor{}, budi), "Budi 1")

	w = again(inRoom(t, ani).finds("dba", 0, Actor{}, budi).do(pageStep(PageChange{Step: PageDone, Who: budi})))
	if p := w.inc.Pages[0]; p.State != PageSilent || !strings.Contains(w.kinds(), string(EvPageSilent)) || kindsOf(w)[KindPage] != 2 {
		t.Errorf("nobody comes next: %v, %v", pagesOf(w), kindsOf(w))
	}
}

// TestRoomlessWakesAgain: an incident that was over before its room was opened, and
// before those on standby were woken, wakes them when it is open again.
func TestRoomlessWakesAgain(t *testing.T) {
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).finds("dba", 0, Actor{}, budi)
	w.do(by(ani, Resolve, Args{})).roomStep(RoomChange{Step: RoomBegin})
	if w.inc.Room.State != RoomNone {
		t.Fatalf("the room is %+v", w.inc.Room)
	}
	w.now = w.now.Add(time.Hour)
	w.do(by(ani, Reopen, Args{})).roomStep(RoomChange{Step: RoomBegin})
	if !slices.ContainsFunc(w.effects, func(e Effect) bool { return e.Key == "INC-1/page/standby/episode/2" }) {
		t.Errorf("nobody is asked for that was not asked for before: %v", w.effects)
	}
	wantWakes(t, "open again", w.finds("dba", 0, Actor{}, budi), "Budi 0")
}

// keep carries out a command, and keeps what makes no event, as Service does.
func (w *world) keep(cmd Command) *world {
	w.t.Helper()
	events, effects, err := Apply(w.inc, cmd, factsFor(w.cat, w.inc, &cmd, w.details), w.now)
	if err != nil {
		w.t.Fatalf("%s: %v", cmd.Verb, err)
	}
	w.events, w.effects = events, effects
	return w
}

// found is that the level asks who is on standby.
func found(role string, who Actor) Command {
	return pageStep(PageChange{Step: PageFound, Found: []Paged{{Role: role, Person: who}}})
}

// TestNamedHoldsRole: whoever was woken by name, and is on standby, is followed by
// the next one if they do not answer.
func TestNamedHoldsRole(t *testing.T) {
	w := inRoom(t, ani).do(by(dewi, Page, Args{Person: &budi})).do(pageStep(PageChange{Step: PageDone, Who: budi}))
	wantWakes(t, "twice", w.keep(found("dba", budi)))
	if w.do(pageStep(PageChange{Step: PageWaited, Who: budi})); kindsOf(w)[KindPage] != 1 {
		t.Errorf("nobody comes next: %v", pagesOf(w))
	}
	w = inRoom(t, ani).do(by(dewi, Page, Args{Person: &budi})).do(pageStep(PageChange{Step: PageNo, Who: budi}))
	if w.finds("dba", 0, Actor{}, budi); kindsOf(w)[KindPage] != 1 {
		t.Errorf("nobody comes next, though he has declined: %v", pagesOf(w))
	}
}

// TestRaisedWhenOver: an incident whose level was raised when it was over has a
// room when it is open again.
func TestRaisedWhenOver(t *testing.T) {
	w := triggered(t, slow).do(by(ani, Resolve, Args{})).do(by(ani, SetLevel, Args{Level: ServiceDown}))
	if w.do(by(ani, Reopen, Args{})); w.inc.Room == nil || w.inc.Room.State != RoomAsked || w.roomEffects() != "room" {
		t.Errorf("the room is %+v", w.inc.Room)
	}
}

// TestWokenBeforeRoom: who was woken before there was a room comes into it; the
// scribe of a private incident only if they are a member.
func TestWokenBeforeRoom(t *testing.T) {
	w := triggered(t, slow).do(by(dewi, Page, Args{Person: &citra})).do(by(dewi, OpenRoom, Args{})).roomStep(RoomChange{Step: RoomBegin})
	if w.state(citra) != PersonWanted {
		t.Errorf("Citra is woken, and %q in the room", w.state(citra))
	}
	w = declared(t, Args{Title: "x", Service: "checkout", Level: ServiceDown, Private: true}).do(by(dewi, Assign, Args{Person: &citra, Role: "scribe"}))
	if w.roomStep(RoomChange{Step: RoomBegin}); w.state(citra) != "" {
		t.Errorf("Citra is no member, and %q in the room", w.state(citra))
	}
}

// TestAskedStays: nobody whom a person wants in the room is kept out by the number
// of people, whatever they were added for first.
func TestAskedStays(t *testing.T) {
	w := inRoom(t, ani).roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{{Person: citra, Part: PartStakeholder, State: PersonIn}}})
	w.roomStep(RoomChange{Step: RoomLeft, People: []RoomPerson{{Person: citra}}}).do(by(dewi, OpenRoom, Args{Op: RoomOpAdd, Person: &citra}))
	w.roomStep(RoomChange{Step: RoomLend, With: 7, People: []RoomPerson{{Person: citra, Part: PartOwner, State: PersonWanted}}})
	i := slices.IndexFunc(w.inc.Room.People, RoomPerson{Person: citra}.Is)
	if p := w.inc.Room.People[i]; !p.Asked || p.Part != PartStakeholder || p.State != PersonWanted {
		t.Errorf("Citra is %+v", p)
	}
}

// TestAwakeComes: who is on standby, and awake since they have acknowledged it,
// comes into the room though nobody wakes them.
func TestAwakeComes(t *testing.T) {
	w := inRoom(t, ani).do(by(citra, Ack, Args{}))
	if w.keep(found("dba", citra)); w.state(citra) != PersonWanted {
		t.Errorf("Citra is %q in the room", w.state(citra))
	}
}
