package incident

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// roomStep records a step of the room, as imbot does; what makes no event is kept,
// too.
func (w *world) roomStep(c RoomChange) *world {
	w.t.Helper()
	next := w.inc.Clone()
	cmd := Command{Verb: RoomStep, Actor: System, Source: SourceSystem, Args: Args{Room: &c}}
	events, effects, err := Apply(next, cmd, factsFor(w.cat, next, &cmd, w.details), w.now)
	if err != nil {
		w.t.Fatalf("step %s: %v", c.Step, err)
	}
	w.inc, w.events, w.effects = next, events, effects
	w.all = append(w.all, events...)
	return w
}

// roomEffects lists what follows for the room, without the incident's id.
func (w *world) roomEffects() string {
	var out []string
	for _, e := range w.effects {
		if strings.HasPrefix(e.Kind, KindRoom) {
			out = append(out, strings.TrimPrefix(e.Key, w.inc.ID.String()+"/"))
		}
	}
	return strings.Join(out, " ")
}

const roomChat = "19:room@thread.v2"

// inRoom is a world whose incident has an open room with these people in it.
func inRoom(t testing.TB, people ...Actor) *world {
	t.Helper()
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin})
	var in []RoomPerson
	for _, p := range people {
		in = append(in, RoomPerson{Person: p, Part: PartResponder, State: PersonIn})
	}
	w.roomStep(RoomChange{Step: RoomTried, Topic: "INC-1", Tried: w.now}).roomStep(RoomChange{Step: RoomMade, Chat: roomChat, URL: "https://teams.example.com/room", Topic: "INC-1", People: in})
	return w.roomStep(RoomChange{Step: RoomReady}).roomStep(RoomChange{Step: RoomCall}).roomStep(RoomChange{Step: RoomOpened})
}

func (w *world) state(who Actor) string {
	i := slices.IndexFunc(w.inc.Room.People, func(p RoomPerson) bool { return p.Person.Is(who) })
	if i < 0 {
		return ""
	}
	return w.inc.Room.People[i].State
}

// TestRoomSteps: each step is recorded once, and the card comes into the room at
// the end.
func TestRoomSteps(t *testing.T) {
	w := inRoom(t, ani)
	r := w.inc.Room
	if r.State != RoomOpen || !r.Ready || !r.Call || r.Chats != 1 || !r.TriedAt.IsZero() || r.OpenAt.IsZero() || w.kinds() != "room_open" {
		t.Fatalf("the room is %+v after %s", r, w.kinds())
	}
	if w.targets(KindCard) != "19:payments 19:all "+roomChat || w.roomEffects() != "room.sync" {
		t.Errorf("cards go to %s; for the room follows %s", w.targets(KindCard), w.roomEffects())
	}
	if i := slices.IndexFunc(w.inc.Refs, func(r Ref) bool { return r.ID == roomChat }); i < 0 || w.inc.Refs[i].Key() != "ref/teams/"+roomChat {
		t.Errorf("it is not found by its chat: %+v", w.inc.Refs)
	}
	for _, step := range []RoomChange{{Step: RoomBegin}, {Step: RoomMade, Chat: roomChat, Topic: "INC-1"}, {Step: RoomOpened}, {Step: RoomPeople, People: []RoomPerson{{Person: ani, Part: PartResponder, State: PersonIn}}}} {
		if w.roomStep(step); len(w.events)+len(w.effects) != 0 || w.inc.Room.Chats != 1 {
			t.Errorf("%s again made %s %s", step.Step, w.kinds(), w.roomEffects())
		}
	}
	for _, bad := range []*RoomChange{nil, {Step: "dance"}} {
		if err := w.try(Command{Verb: RoomStep, Actor: System, Args: Args{Room: bad}}); err == nil {
			t.Errorf("the step %+v is none", bad)
		}
	}
	if err := w.try(by(ani, RoomStep, Args{Room: &RoomChange{Step: RoomOpened}})); err == nil {
		t.Error("a person does a step")
	}
}

// TestRoomTriedTwice: a try of which nothing is known counts as a chat.
func TestRoomTriedTwice(t *testing.T) {
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin})
	try := RoomChange{Step: RoomTried, Topic: "INC-1", Tried: w.now}
	if w.roomStep(try).roomStep(try); w.inc.Room.Chats != 1 {
		t.Errorf("after two tries %d chats are counted", w.inc.Room.Chats)
	}
	w.roomStep(RoomChange{Step: RoomTried, Topic: "INC-1"}).roomStep(try).roomStep(RoomChange{Step: RoomMade, Chat: roomChat, Topic: "INC-1"})
	if w.inc.Room.Chats != 2 {
		t.Errorf("%d chats are counted, want the lost one and this", w.inc.Room.Chats)
	}
}

// TestRoomBegin: by the time that a room is opened it may not be wanted any more.
// When it is wanted again it is.
func TestRoomBegin(t *testing.T) {
	over := triggered(t, down).do(by(ani, Resolve, Args{})).roomStep(RoomChange{Step: RoomBegin})
	if over.inc.Room.State != RoomNone {
		t.Fatalf("resolved: the room is %s", over.inc.Room.State)
	}
	if over.do(by(ani, Reopen, Args{})); !strings.HasPrefix(over.roomEffects(), "room/again/") || over.inc.Room.State != RoomAsked {
		t.Errorf("reopened: %s, the room is %s", over.roomEffects(), over.inc.Room.State)
	}
	less := triggered(t, down)
	less.do(by(ani, SetLevel, Args{Level: Other})).roomStep(RoomChange{Step: RoomBegin})
	if less.inc.Room.State != RoomNone {
		t.Errorf("demoted: the room is %s", less.inc.Room.State)
	}
	if less.do(by(ani, OpenRoom, Args{})).roomStep(RoomChange{Step: RoomBegin}); less.inc.Room.State != RoomOpening {
		t.Errorf("a person wants it all the same: the room is %s", less.inc.Room.State)
	}
	// Once a chat may exist it is seen through.
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomTried, Tried: clock})
	if w.do(by(ani, Resolve, Args{})).roomStep(RoomChange{Step: RoomBegin}); w.inc.Room.State != RoomOpening {
		t.Errorf("tried: the room is %s", w.inc.Room.State)
	}
}

// TestRoomPeople: roles become their holders, who is missing is named once, and
// whoever is in stays so.
func TestRoomPeople(t *testing.T) {
	w := triggered(t, down)
	w.cat.service.Standby, w.cat.squad.OnCall = []string{"dba"}, true
	w.roomStep(RoomChange{Step: RoomBegin})
	var parts []string
	for _, p := range w.inc.Room.People {
		parts = append(parts, p.Part)
	}
	if got := strings.Join(parts, " "); got != "owner dba squad:payments" {
		t.Fatalf("wanted: %s", got)
	}
	dba := RoomPerson{Person: dewi, Part: "dba", State: PersonWanted, Until: clock.Add(time.Hour)}
	gap := RoomPerson{Part: "squad:payments", State: PersonMissing, Reason: "nobody"}
	w.roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{dba, gap}})
	if w.kinds() != "room_missing" || w.events[0].Data["person"] != "squad:payments" || w.events[0].Text != "nobody" {
		t.Errorf("it made %s %+v", w.kinds(), w.events)
	}
	if w.roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{gap}}); len(w.events) != 0 {
		t.Errorf("the same again made %s", w.kinds())
	}
	if w.state(dewi) != PersonWanted || w.inc.Room.Count(PersonMissing) != 1 || len(w.inc.Room.People) != 3 {
		t.Errorf("people: %+v", w.inc.Room.People)
	}
	dba.State = PersonIn
	w.roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{dba}})
	dba.State = PersonWanted
	if w.roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{dba}}); w.state(dewi) != PersonIn {
		t.Error("whoever is in is added again")
	}
}

// TestRoomAsk: what people may say about the room.
func TestRoomAsk(t *testing.T) {
	w := triggered(t, slow)
	wantProblem(t, w.try(by(ani, OpenRoom, Args{Op: RoomOpAdd, Person: &dewi})), ErrConflict, "no_room")
	wantProblem(t, w.try(by(ani, OpenRoom, Args{Op: "dance"})), ErrInvalid, "unknown_op")
	if w.do(by(ani, OpenRoom, Args{})); w.kinds() != "room_asked" || !strings.HasPrefix(w.roomEffects(), "room/asked/") {
		t.Errorf("asked: %s %s", w.kinds(), w.roomEffects())
	}
	w = inRoom(t, ani)
	w.do(by(ani, OpenRoom, Args{})).silent()
	w.do(by(ani, OpenRoom, Args{Op: RoomOpAdd, Person: &citra}))
	if w.state(citra) != PersonWanted || w.kinds() != "room_joined" || w.roomEffects() != "room.sync" {
		t.Errorf("%s is %s: %s %s", citra.Name, w.state(citra), w.kinds(), w.roomEffects())
	}
	w.do(by(ani, OpenRoom, Args{Op: RoomOpAdd, Person: &citra})).silent()
	if w.do(by(ani, OpenRoom, Args{Op: RoomOpJoin})); w.state(ani) != PersonWanted {
		t.Error("whoever left can not come back")
	}
	w.roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{{Person: budi, Part: PartStakeholder, State: PersonInvited}}})
	if w.do(by(budi, OpenRoom, Args{Op: RoomOpJoin})); w.state(budi) != PersonWanted {
		t.Error("who is invited can not come")
	}
	wantProblem(t, w.try(by(ani, OpenRoom, Args{Op: RoomOpAdd})), ErrInvalid, "person_missing")
	wantProblem(t, w.try(by(ani, OpenRoom, Args{Op: RoomOpRename, Name: " \n"})), ErrInvalid, "name_missing")
	wantProblem(t, w.try(by(ani, OpenRoom, Args{Op: RoomOpRename, Name: strings.Repeat("x", maxRoomName+1)})), ErrInvalid, "too_long")
	w.roomStep(RoomChange{Step: RoomTopic, Reason: "not allowed"})
	if w.kinds() != "failed" || !w.inc.Room.Fixed {
		t.Errorf("a name that stays made %s", w.kinds())
	}
	if w.roomStep(RoomChange{Step: RoomTopic, Reason: "not allowed"}); len(w.events) != 0 {
		t.Error("it is noted twice")
	}
	if w.do(by(ani, OpenRoom, Args{Op: RoomOpRename, Name: "fire"})); w.inc.Room.Name != "fire" || w.inc.Room.Fixed || w.roomEffects() != "room.sync" {
		t.Errorf("renamed: %+v", w.inc.Room)
	}
	w.do(by(ani, OpenRoom, Args{Op: RoomOpRename, Name: "fire"})).silent()
	w = in(t, slow, Resolved)
	wantProblem(t, w.try(by(ani, OpenRoom, Args{})), ErrConflict, "room_over")
}

// TestRoomThread: for want of a room, for good or for now, people are called into
// the thread of a card, once.
func TestRoomThread(t *testing.T) {
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomLate, Reason: "Teams is silent"})
	if w.inc.Room.State != RoomOpening || w.kinds() != "room_late" || w.replies() != "19:payments thread" {
		t.Fatalf("late: %s %s, the room is %+v", w.kinds(), w.replies(), w.inc.Room)
	}
	if w.roomStep(RoomChange{Step: RoomLate, Reason: "Teams is silent still"}); len(w.events) != 0 {
		t.Error("it is said twice")
	}
	if w.roomStep(RoomChange{Step: RoomRefused, Reason: "no permission"}); w.inc.Room.State != RoomThread || w.kinds() != "room_thread" || w.replies() != "19:payments thread" {
		t.Errorf("refused: %s %s", w.kinds(), w.replies())
	}
	if w.roomStep(RoomChange{Step: RoomRefused, Reason: "no permission"}); len(w.events) != 0 {
		t.Error("it is refused twice")
	}
	if w.do(by(ani, OpenRoom, Args{})); w.inc.Room.State != RoomAsked || w.inc.Room.Reason != "" {
		t.Errorf("asked for again: %+v", w.inc.Room)
	}
	secret := declared(t, Args{Title: "x", Service: "checkout", Level: ServiceDown, Private: true}).roomStep(RoomChange{Step: RoomBegin})
	if secret.roomStep(RoomChange{Step: RoomRefused, Reason: "no"}); secret.replies() != "" {
		t.Errorf("a private incident says it in %s", secret.replies())
	}
}

// TestRoomLend: another's people come into the room, which is opened if need be.
func TestRoomLend(t *testing.T) {
	guests := []RoomPerson{{Person: dewi, Part: PartOwner, State: PersonWanted}}
	w := triggered(t, slow).roomStep(RoomChange{Step: RoomLend, With: 7, People: guests})
	if w.inc.Room.State != RoomAsked || w.roomEffects() != "room/for/INC-7/1" || !slices.Equal(w.inc.Room.Sharers, []ID{7}) {
		t.Fatalf("%s, the room is %+v", w.roomEffects(), w.inc.Room)
	}
	if w.roomStep(RoomChange{Step: RoomLend, With: 7, People: guests}); len(w.effects) != 0 {
		t.Errorf("the same again made %s", w.roomEffects())
	}
	if w.roomStep(RoomChange{Step: RoomBegin}); w.inc.Room.State != RoomOpening {
		t.Errorf("the room is %s, though another needs it", w.inc.Room.State)
	}
	w = inRoom(t, ani).roomStep(RoomChange{Step: RoomLend, With: 7, People: guests})
	if w.roomEffects() != "room.sync" || w.state(dewi) != PersonWanted {
		t.Errorf("an open room: %s, Dewi is %s", w.roomEffects(), w.state(dewi))
	}
	over := in(t, slow, Resolved).roomStep(RoomChange{Step: RoomLend, With: 7})
	if over.inc.Room.State != RoomNone || over.roomEffects() != "" {
		t.Errorf("what is over opens a room: %+v", over.inc.Room)
	}
}

// TestRoomShare: an incident uses another's room until it is given its own.
func TestRoomShare(t *testing.T) {
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomShare, With: 7})
	if w.inc.Room.State != RoomShared || w.kinds() != "room_shared" {
		t.Fatalf("%s, the room is %+v", w.kinds(), w.inc.Room)
	}
	if w.roomStep(RoomChange{Step: RoomShare, With: 7, URL: "https://x"}); w.inc.Room.URL != "https://x" || len(w.events) != 0 || w.targets(KindCard) == "" {
		t.Errorf("its link: %+v, cards to %q", w.inc.Room, w.targets(KindCard))
	}
	wantProblem(t, w.try(by(ani, OpenRoom, Args{Op: RoomOpRename, Name: "x"})), ErrConflict, "shared_room")
	if w.do(by(dewi, OpenRoom, Args{Op: RoomOpJoin})); w.kinds() != "room_joined" || w.roomEffects() != "room.sync/join/"+itoa(w.inc.Events) || !strings.Contains(string(w.effects[slices.IndexFunc(w.effects, func(e Effect) bool { return e.Kind == KindRoomSync })].Data), dewi.ID) {
		t.Errorf("join: %s, %s", w.kinds(), w.roomEffects())
	}
	if w.state(dewi) != "" {
		t.Errorf("who joins the other's room counts here: %+v", w.inc.Room.People)
	}
	if w.do(by(ani, OpenRoom, Args{Op: RoomOpSplit})); w.inc.Room.State != RoomAsked || !w.inc.Room.Own || w.inc.Room.URL != "" || w.kinds() != "room_split room_asked" {
		t.Errorf("split: %s, %+v", w.kinds(), w.inc.Room)
	}
	if w.roomStep(RoomChange{Step: RoomShare, With: 7, URL: "https://x"}); w.inc.Room.State != RoomAsked {
		t.Error("the other's room takes it back")
	}
	inRoom(t, ani).do(by(ani, OpenRoom, Args{Op: RoomOpSplit})).silent()
}

// TestRoomSays: the room hears how it went on.
func TestRoomSays(t *testing.T) {
	w := inRoom(t, ani)
	for _, step := range []struct {
		verb Verb
		args Args
		want string
		lane string
	}{
		{Resolve, Args{}, "room.say/resolved/1", "INC-1/room.say"},
		{Close, Args{Waive: "drill"}, "room.say/closed/1", "INC-1/room.say"},
		{Reopen, Args{}, "room.say/reopened/2", "INC-1/room.say/unasked"},
	} {
		w.do(by(ani, step.verb, step.args))
		if !strings.Contains(w.roomEffects(), step.want) || !strings.Contains(w.roomEffects(), "room.sync") {
			t.Errorf("%s: %s", step.verb, w.roomEffects())
		}
		for _, e := range w.effects {
			if e.Kind == KindRoomSay && e.Lane != step.lane {
				t.Errorf("%s has the lane %s", e.Key, e.Lane)
			}
		}
		if strings.Contains(w.replies(), roomChat) {
			t.Errorf("%s: a reply in the room: %s", step.verb, w.replies())
		}
	}
	if w.do(by(ani, Assign, Args{Person: &dewi})); w.state(dewi) != PersonWanted || w.roomEffects() != "room.sync room.say/commander/"+itoa(w.inc.Events) {
		t.Errorf("the commander is %s: %s", w.state(dewi), w.roomEffects())
	}
}

// TestRoomSaysElsewhere: an incident that uses another's room is heard there; what
// nobody has done waits for its turn.
func TestRoomSaysElsewhere(t *testing.T) {
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomShare, With: 7})
	for _, step := range []struct {
		cmd  Command
		want string // the post and its lane; "" for none
	}{
		{by(ani, Report, Args{Text: "rolling back"}), "update/3 room.say"},
		{by(ani, Resolve, Args{}), "resolved/1 room.say"},
		{by(ani, Reopen, Args{}), "reopened/2 room.say/unasked"},
		{told(Resolve, clock.Add(time.Minute), alert(down)), "resolved/2 room.say/unasked"},
		{by(ani, Close, Args{Waive: "drill"}), "closed/2 room.say"},
		{by(ani, AddNote, Args{Text: "x"}), ""},
	} {
		w.do(step.cmd)
		got := ""
		for _, e := range w.effects {
			if e.Kind == KindRoomSay {
				got = strings.TrimPrefix(e.Key, "INC-1/room.say/") + " " + strings.TrimPrefix(e.Lane, "INC-1/")
			}
		}
		if got != step.want {
			t.Errorf("%s: %q, want %q", step.cmd.Verb, got, step.want)
		}
	}
}

// TestRoomSaysNothingElsewhere: what is private, or of the past, is not heard in
// another's room.
func TestRoomSaysNothingElsewhere(t *testing.T) {
	for name, change := range map[string]func(*Incident){
		"private":  func(i *Incident) { i.Private = true },
		"imported": func(i *Incident) { i.Imported = true },
	} {
		w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomShare, With: 7})
		change(w.inc)
		if w.do(by(ani, Resolve, Args{})); strings.Contains(w.roomEffects(), "room.say") {
			t.Errorf("%s: %s", name, w.roomEffects())
		}
	}
}

// TestRoomRenamed: another title or service may be another name of the room.
func TestRoomRenamed(t *testing.T) {
	w := inRoom(t, ani)
	if w.do(by(ani, AddNote, Args{Text: "x"})); w.roomEffects() != "" {
		t.Errorf("a note: %s", w.roomEffects())
	}
	al := alert("Checkout is on fire")
	cmd := told(Update, clock.Add(time.Minute), al)
	if w.do(cmd); w.inc.Title != al.Title || w.roomEffects() != "room.sync" {
		t.Errorf("%q: %s", w.inc.Title, w.roomEffects())
	}
}

// TestRoomFor: a private room stays one as long as its members only are in it.
func TestRoomFor(t *testing.T) {
	inc := &Incident{Private: true, Members: []Actor{ani, budi}, Room: &Room{
		Chat: roomChat, Private: true, People: []RoomPerson{{Person: ani, State: PersonIn}, {Person: dewi, State: PersonMissing}},
	}}
	if !inc.Room.For(inc, roomChat) || inc.Room.For(inc, "19:x") || (*Room)(nil).For(inc, "") {
		t.Error("it is the room of its members, and of that chat only")
	}
	inc.Room.People[1].State = PersonIn
	if inc.Room.For(inc, roomChat) {
		t.Error("Dewi is in it, and is no member")
	}
	inc.Room.People, inc.Room.Private = nil, false
	if inc.Room.For(inc, roomChat) {
		t.Error("it was made while the incident was public")
	}
}
