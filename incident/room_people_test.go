package incident

import (
	"slices"
	"strings"
	"testing"
)

// TestComeAndGo: what Teams tells of who is in the room counts, and whoever has
// left is not pulled back by anything but a person's wish.
func TestComeAndGo(t *testing.T) {
	w := inRoom(t, ani, budi)
	came := func(step string, who ...Actor) *world {
		c := RoomChange{Step: step}
		for _, p := range who {
			c.People = append(c.People, RoomPerson{Person: p})
		}
		return w.roomStep(c)
	}
	if came(RoomCame, ani, citra); w.kinds() != "room_came" || w.state(citra) != PersonIn || w.targets(KindCard) == "" {
		t.Errorf("Citra is %q after %s", w.state(citra), w.kinds())
	}
	if came(RoomCame, citra); len(w.events)+len(w.effects) != 0 {
		t.Errorf("told twice: %s", w.kinds())
	}
	if came(RoomLeft, ani, dewi); w.kinds() != "room_left" || w.state(ani) != PersonLeft || w.state(dewi) != "" {
		t.Errorf("Ani is %q after %s", w.state(ani), w.kinds())
	}
	if _, left := w.inc.Room.In(ani); !left {
		t.Error("it is not known that she has left")
	}
	wanted := []RoomPerson{{Person: ani, Part: PartOwner, State: PersonWanted}}
	w.roomStep(RoomChange{Step: RoomLend, With: 7, People: wanted}).roomStep(RoomChange{Step: RoomPeople, People: wanted})
	w.finds("dba", 0, Actor{}, ani)
	w.do(by(dewi, Assign, Args{Person: &ani})).do(by(dewi, Resolve, Args{})).do(by(dewi, Reopen, Args{}))
	if w.state(ani) != PersonLeft {
		t.Fatalf("Ani has left, and is %q", w.state(ani))
	}
	if w.do(by(dewi, OpenRoom, Args{Op: RoomOpAdd, Person: &ani})); w.state(ani) != PersonWanted {
		t.Errorf("Ani is asked for, and %q", w.state(ani))
	}
	came(RoomCame, ani).do(pageStep(PageChange{Step: PageNo, Who: ani}))
	if came(RoomLeft, ani).do(by(dewi, Page, Args{Person: &ani})); w.state(ani) != PersonWanted {
		t.Errorf("Ani is woken by a person, and %q", w.state(ani))
	}
}

// TestStranger: somebody who was added by hand to the room of a private incident,
// and is no member, makes imbot silent there, and its members hear of it.
func TestStranger(t *testing.T) {
	w := declared(t, Args{Title: "x", Service: "checkout", Level: ServiceDown, Private: true}).roomStep(RoomChange{Step: RoomBegin})
	w.roomStep(RoomChange{Step: RoomMade, Chat: roomChat, Topic: "INC-1", People: []RoomPerson{{Person: dewi, State: PersonIn}, {Person: budi, State: PersonIn}}})
	w.roomStep(RoomChange{Step: RoomReady}).roomStep(RoomChange{Step: RoomOpened})
	w.roomStep(RoomChange{Step: RoomCame, People: []RoomPerson{{Person: citra}}})
	if w.inc.Room.For(w.inc, roomChat) || len(w.inc.Room.Strangers(w.inc)) != 1 {
		t.Errorf("Citra is in it: %+v", w.inc.Room.People)
	}
	if got := w.replies(); !strings.Contains(got, "user:dewi@example.com stranger") || strings.Contains(got, roomChat) {
		t.Errorf("replies: %s", got)
	}
	if w.do(by(dewi, Member, Args{Person: &citra})); !w.inc.Room.For(w.inc, roomChat) || len(w.inc.Room.Strangers(w.inc)) != 0 {
		t.Error("Citra is a member now")
	}
	w.do(by(dewi, Member, Args{Person: &citra, Remove: true})).roomStep(RoomChange{Step: RoomLeft, People: []RoomPerson{{Person: citra}}})
	if !w.inc.Room.For(w.inc, roomChat) {
		t.Error("Citra was taken out of the chat")
	}
}

// TestSharedPeople: an incident knows who of its people has joined in the room
// that it shares, and wants them all again for one of its own.
func TestSharedPeople(t *testing.T) {
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin})
	share := RoomChange{Step: RoomShare, With: 7, URL: "https://x", People: []RoomPerson{{Person: budi, Part: PartStakeholder, State: PersonIn}, {Person: dewi, State: PersonIn}}}
	if w.roomStep(share); w.state(budi) != PersonIn || w.state(dewi) != "" || w.inc.Room.People[0].Part != PartOwner {
		t.Fatalf("people: %+v", w.inc.Room.People)
	}
	if w.roomStep(share); len(w.events)+len(w.effects) != 0 {
		t.Errorf("told twice: %s", w.kinds())
	}
	share.People[0].State, share.People[0].Reason, share.URL = PersonMissing, "blocked", ""
	if w.roomStep(share); w.state(budi) != PersonMissing || w.inc.Room.URL != "https://x" || w.targets(KindCard) == "" {
		t.Errorf("people: %+v", w.inc.Room)
	}
	if w.do(by(ani, OpenRoom, Args{Op: RoomOpSplit})); w.state(budi) != PersonWanted || w.inc.Room.People[0].Reason != "" {
		t.Errorf("after the split: %+v", w.inc.Room.People)
	}
}

// TestHandover: old and new commander and scribe are told, and the room is; who
// does it themselves need not be.
func TestHandover(t *testing.T) {
	w := inRoom(t, ani, budi)
	told := func() (out []string) {
		for _, e := range w.effects {
			switch e.Kind {
			case KindDirect:
				out = append(out, strings.Join(strings.Split(e.Key, "/")[2:4], " "))
			case KindRoomSay:
				out = append(out, strings.Split(e.Key, "/")[2])
			}
		}
		slices.Sort(out)
		return out
	}
	for _, tt := range []struct {
		by   Actor
		args Args
		want []string
	}{
		{ani, Args{Person: &ani}, []string{"commander"}},
		{dewi, Args{Person: &budi}, []string{"ani@example.com relieved", "budi@example.com commander", "commander"}},
		{citra, Args{Person: &citra}, []string{"budi@example.com relieved", "commander"}},
		{dewi, Args{Person: &ani, Role: "scribe"}, []string{"ani@example.com scribe"}},
		{dewi, Args{Person: &budi, Role: "scribe"}, []string{"ani@example.com replaced", "budi@example.com scribe"}},
		{dewi, Args{Person: &budi, Role: "scribe"}, nil},
	} {
		w.do(by(tt.by, Assign, tt.args))
		if got := told(); !slices.Equal(got, tt.want) {
			t.Errorf("%s makes %s %s: %v are told, want %v", tt.by.Name, tt.args.Person.Name, tt.args.Role, got, tt.want)
		}
		if len(tt.want) > 0 && (w.kinds() != "assigned" || w.targets(KindCard) == "") {
			t.Errorf("%s makes %s %s: %s, cards %s", tt.by.Name, tt.args.Person.Name, tt.args.Role, w.kinds(), w.targets(KindCard))
		}
	}
	for _, e := range w.all {
		if e.Kind == EvAssigned && e.Data["person"] == "Citra" && e.Data["from"] != "Budi" {
			t.Errorf("the handover is %+v", e)
		}
	}
}

// TestAddSeveral: several people are added at once, or none.
func TestAddSeveral(t *testing.T) {
	w := inRoom(t, ani)
	w.do(by(ani, OpenRoom, Args{Op: RoomOpAdd, Person: &citra, People: []Actor{dewi, citra, ani}}))
	if w.state(citra) != PersonWanted || w.state(dewi) != PersonWanted || w.kinds() != "room_joined room_joined room_joined" || w.roomEffects() != "room.sync" {
		t.Errorf("%s, %s: %+v", w.kinds(), w.roomEffects(), w.inc.Room.People)
	}
	wantProblem(t, w.try(by(ani, OpenRoom, Args{Op: RoomOpAdd, Person: &citra, People: []Actor{{}}})), ErrInvalid, "person_missing")
	w.do(by(ani, OpenRoom, Args{Op: RoomOpAdd, Person: &citra})).silent()
}

// TestCalledByPart: whoever becomes commander or scribe belongs into the room,
// however far it is, and whosever it is.
func TestCalledByPart(t *testing.T) {
	for _, role := range []string{PartCommander, PartScribe} {
		assign := by(dewi, Assign, Args{Person: &citra, Role: role})
		asked := triggered(t, down).do(assign).roomStep(RoomChange{Step: RoomBegin})
		opening := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).do(assign)
		open := inRoom(t, ani).do(assign)
		for name, w := range map[string]*world{"asked for": asked, "being opened": opening, "open": open} {
			i := slices.IndexFunc(w.inc.Room.People, RoomPerson{Person: citra}.Is)
			if i < 0 || w.inc.Room.People[i].State != PersonWanted || w.inc.Room.People[i].Part != role {
				t.Errorf("%s, a room %s: people are %+v", role, name, w.inc.Room.People)
			}
		}
		if !strings.Contains(open.roomEffects(), "room.sync") {
			t.Errorf("%s: %s", role, open.roomEffects())
		}
		guest := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomShare, With: 7}).do(assign)
		i := slices.IndexFunc(guest.effects, func(e Effect) bool { return e.Kind == KindRoomSync })
		if i < 0 || !strings.Contains(string(guest.effects[i].Data), citra.ID) || !strings.Contains(string(guest.effects[i].Data), `"part":"`+role+`"`) {
			t.Errorf("%s of an incident that shares a room: %v", role, guest.effects)
		}
	}
}

// TestInvitedLater: whoever finds no place in an open room any more hears once
// that they may join.
func TestInvitedLater(t *testing.T) {
	w := inRoom(t, ani).roomStep(RoomChange{Step: RoomLend, With: 7, People: []RoomPerson{{Person: citra, Part: PartStakeholder, State: PersonWanted}}})
	full := RoomChange{Step: RoomPeople, People: []RoomPerson{{Person: citra, Part: PartStakeholder, State: PersonInvited}}}
	told := func() bool {
		return slices.ContainsFunc(w.effects, func(e Effect) bool {
			return e.Kind == KindDirect && strings.Contains(e.Key, citra.ID+"/"+DirectInvited)
		})
	}
	if w.roomStep(full); !told() || w.state(citra) != PersonInvited {
		t.Errorf("Citra is %q: %v", w.state(citra), w.effects)
	}
	if w.roomStep(full); told() {
		t.Error("she is told twice")
	}
	w.do(by(ani, Report, Args{Text: "rolling back"}))
	if !slices.ContainsFunc(w.effects, func(e Effect) bool { return e.Kind == KindDirect && strings.Contains(e.Key, citra.ID+"/"+DirectUpdate) }) {
		t.Errorf("she gets no updates: %v", w.effects)
	}
}

// TestRoomBecomesPublic: everybody else comes into the room of a private incident
// that is private no more, it gets its whole name, and those on standby are woken.
func TestRoomBecomesPublic(t *testing.T) {
	w := declared(t, Args{Title: "x", Service: "checkout", Level: ServiceDown, Private: true}).roomStep(RoomChange{Step: RoomBegin})
	w.roomStep(RoomChange{Step: RoomMade, Chat: roomChat, Topic: "INC-1", People: []RoomPerson{{Person: dewi, State: PersonIn}, {Person: budi, State: PersonIn}}})
	w.roomStep(RoomChange{Step: RoomReady}).roomStep(RoomChange{Step: RoomOpened})
	if w.do(by(dewi, Member, Args{Person: &ani})); w.state(ani) != PersonWanted || !strings.Contains(w.roomEffects(), "room.sync") {
		t.Errorf("a new member is %q: %s", w.state(ani), w.roomEffects())
	}
	w.cat.service.Standby, w.cat.service.Stakeholders = []string{"dba"}, []string{citra.ID}
	public := by(dewi, Publicise, Args{Reason: "it is fixed"})
	public.Role = RoleAdmin
	w.do(public)
	if w.state(citra) != PersonWanted || w.state(dewi) != PersonIn || !slices.ContainsFunc(w.inc.Room.People, RoomPerson{Part: "dba"}.Is) || w.inc.Room.Private {
		t.Errorf("the room is %+v", w.inc.Room)
	}
	if !strings.Contains(w.roomEffects(), "room.sync") || kindsOf(w)[KindPage] != 1 {
		t.Errorf("what follows: %v", w.effects)
	}
}

// TestRoomBecomesPrivate: nobody comes into the room any more who is no member,
// and its name says no more than the id.
func TestRoomBecomesPrivate(t *testing.T) {
	w := triggered(t, down)
	w.cat.service.Stakeholders = []string{citra.ID}
	w.roomStep(RoomChange{Step: RoomBegin}).do(by(ani, SetLevel, Args{Level: security}))
	for _, p := range w.inc.Room.People {
		if !w.inc.Visible(p.Person) {
			t.Errorf("%s %s is to be added", p.Part, p.Person.ID)
		}
	}
	w = inRoom(t, ani, dewi)
	w.inc.Room.People = append(w.inc.Room.People, RoomPerson{Person: citra, Part: PartStakeholder, State: PersonInvited})
	if w.do(by(ani, SetLevel, Args{Level: security})); w.state(citra) != "" || w.state(dewi) != PersonIn || !strings.Contains(w.roomEffects(), "room.sync") {
		t.Errorf("people %+v, %s", w.inc.Room.People, w.roomEffects())
	}
}

// TestRoomFull: a Teams chat takes 250 people.
func TestRoomFull(t *testing.T) {
	w := triggered(t, down)
	for i := range 300 {
		w.cat.service.Stakeholders = append(w.cat.service.Stakeholders, "s"+itoa(i)+"@example.com")
	}
	if w.roomStep(RoomChange{Step: RoomBegin}); len(w.inc.Room.People) != 250 {
		t.Errorf("%d people are wanted", len(w.inc.Room.People))
	}
	wantProblem(t, w.try(by(ani, OpenRoom, Args{Op: RoomOpAdd, Person: &Actor{Kind: KindUser, ID: "one.more@example.com"}})), ErrConflict, "room_full")
}

// TestRoomRaised: a room that a person has opened is joined by those whom a more
// urgent level calls, and they are woken.
func TestRoomRaised(t *testing.T) {
	w := triggered(t, slow).do(by(ani, OpenRoom, Args{})).roomStep(RoomChange{Step: RoomBegin})
	w.roomStep(RoomChange{Step: RoomMade, Chat: roomChat, Topic: "INC-1"}).roomStep(RoomChange{Step: RoomReady}).roomStep(RoomChange{Step: RoomOpened})
	if slices.ContainsFunc(w.inc.Room.People, RoomPerson{Part: "dba"}.Is) {
		t.Fatalf("people: %+v", w.inc.Room.People)
	}
	w.do(by(ani, SetLevel, Args{Level: ServiceDown}))
	if !slices.ContainsFunc(w.inc.Room.People, RoomPerson{Part: "dba"}.Is) || !slices.ContainsFunc(w.inc.Room.People, RoomPerson{Part: "devops"}.Is) {
		t.Errorf("people: %+v", w.inc.Room.People)
	}
	if kindsOf(w)[KindPage] != 1 || !strings.Contains(w.roomEffects(), "room.sync") {
		t.Errorf("what follows: %v", w.effects)
	}
	w.do(by(ani, SetLevel, Args{Level: HighErrorRate}))
	if n := kindsOf(w)[KindPage]; n != 0 {
		t.Errorf("lowered: %d pages", n)
	}
}
