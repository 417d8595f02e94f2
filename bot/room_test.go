package bot_test

import (
	"slices"
	"strings"
	"testing"

	"imbot/bot"
	"imbot/incident"
)

func human(name string) incident.Actor {
	return incident.Actor{Kind: incident.KindUser, ID: strings.ToLower(name) + "@example.com", Name: name}
}

// openRoom gives an incident a war room with these people in it, as the effects
// do.
func (r *rig) openRoom(id incident.ID, users []string, people ...incident.Actor) string {
	r.t.Helper()
	chat := r.teams.AddGroupChat("", "room", users...)
	must(r.t, r.teams.SetInstalled(chat, true))
	var in []incident.RoomPerson
	for _, p := range people {
		in = append(in, incident.RoomPerson{Person: p, Part: incident.PartResponder, State: incident.PersonIn})
	}
	_, err := r.svc.Do(r.t.Context(), incident.Command{Verb: incident.OpenRoom, Incident: id, Actor: people[0], Role: incident.RoleAdmin})
	must(r.t, err)
	for _, c := range []incident.RoomChange{
		{Step: incident.RoomBegin},
		{Step: incident.RoomMade, Chat: chat, URL: "https://teams.example.com/room", Topic: "x", People: in},
		{Step: incident.RoomReady},
		{Step: incident.RoomCall},
		{Step: incident.RoomOpened},
	} {
		_, err := r.svc.Do(r.t.Context(), incident.Command{Verb: incident.RoomStep, Incident: id, Actor: incident.System, Args: incident.Args{Room: &c}})
		must(r.t, err)
	}
	must(r.t, r.book.Joined(r.t.Context(), chat, "room"))
	r.settle()
	return chat
}

// TestRoom: in a war room the id may be left out; others' is said.
func TestRoom(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi, r.eko)
	r.say(r.ani, r.payments, "declare checkout is down")
	r.say(r.ani, r.payments, "declare search is slow")
	r.answered(r.ani, r.payments, "room 1", "INC-1", "being opened")
	room := r.openRoom(1, []string{r.ani, r.budi}, human("Ani"), human("Budi"))
	r.say(r.budi, room, "ack")
	r.say(r.budi, room, "ack 2")
	for id := incident.ID(1); id <= 2; id++ {
		if inc := r.get(id).Incident; inc.AcknowledgedBy.ID != "budi@example.com" {
			t.Errorf("%s is acknowledged by %+v", id, inc.AcknowledgedBy)
		}
	}
	r.answered(r.ani, room, "room", "INC-1", "https://teams.example.com/room")
	r.answered(r.ani, room, "room add eko@example.com", "eko@example.com")
	r.answered(r.ani, room, "room add eko@example.com, fitri@example.com", "eko@example.com, fitri@example.com")
	r.answered(r.ani, room, "room rename "+strings.Repeat("x", 2000), "120")
	r.answered(r.ani, room, "room rename the checkout fire", "the checkout fire")
	r.answered(r.ani, room, "room split", "INC-1")
	r.answered(r.eko, r.payments, "room join INC-1", "you will be added")
	if got := r.get(1).Incident.Room; got.Name != "the checkout fire" || !slices.ContainsFunc(got.People, func(p incident.RoomPerson) bool {
		return p.Person.ID == human("Eko").ID && p.State == incident.PersonWanted
	}) {
		t.Errorf("the room is %+v", got)
	}
	if card := r.card(1, room, room); !card.Contains("Who is here") {
		t.Errorf("the room's card is %s", card.Card())
	}
}

// TestRoomWelcomesNobody: Teams tells of the installation that imbot has made; in
// a war room that is no reason to say hello.
func TestRoomWelcomesNobody(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi, r.eko)
	r.say(r.ani, r.payments, "declare checkout is down")
	room := r.openRoom(1, []string{r.ani}, human("Ani"))
	before := r.teams.PostCount(room)
	must(t, r.teams.Install(t.Context(), r.ani, room))
	r.settle()
	if n := r.teams.PostCount(room) - before; n != 0 {
		t.Errorf("%d posts: %s", n, texts(r.teams.Posts(room)))
	}
}

// TestRoomOfPrivate: in the room of a private incident it may be spoken of, and
// of no other one; as soon as somebody else is in it, of none.
func TestRoomOfPrivate(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.eko)
	r.say(r.ani, r.teams.Personal(r.ani), "declare private:yes title:canary")
	r.say(r.ani, r.teams.Personal(r.ani), "declare private:yes title:sparrow")
	must(t, second(r.svc.Do(t.Context(), incident.Command{Verb: incident.Member, Incident: 1, Actor: human("Ani"), Role: incident.RoleAdmin, Args: incident.Args{Person: ptr(human("Eko"))}})))
	room := r.openRoom(1, []string{r.ani, r.eko, r.budi}, human("Ani"), human("Eko"))
	r.answered(r.eko, room, "show", "canary")
	r.answered(r.ani, room, "note the disk is full", "INC-1")
	if posts := r.say(r.ani, room, "show 2"); strings.Contains(texts(posts), "sparrow") {
		t.Errorf("another private incident is shown: %s", texts(posts))
	}
	if posts := r.say(r.budi, room, "show"); strings.Contains(texts(posts), "canary") {
		t.Errorf("somebody who is no member is told: %s", texts(posts))
	}
	must(t, second(r.svc.Do(t.Context(), incident.Command{Verb: incident.Member, Incident: 1, Actor: human("Ani"), Role: incident.RoleAdmin, Args: incident.Args{Person: ptr(human("Eko")), Remove: true}})))
	if posts := r.say(r.ani, room, "show"); strings.Contains(texts(posts), "canary") {
		t.Errorf("a former member reads: %s", texts(posts))
	}
}

func second[T any](_ T, err error) error { return err }

func ptr[T any](v T) *T { return &v }

// TestJoined: a chat that Graph has made is reached by the tenant's service URL;
// where none is known, what to do is said.
func TestJoined(t *testing.T) {
	r := newRig(t)
	must(t, r.book.Joined(t.Context(), "19:made@thread.v2", "INC-1"))
	ref, place, _, err := r.book.Address(t.Context(), "19:made@thread.v2")
	if err != nil || place != bot.GroupChat || ref.ServiceURL == "" || ref.TenantID != tenant || r.conversation("19:made@thread.v2").Name != "INC-1" {
		t.Errorf("the address is %+v, %s, %v", ref, place, err)
	}
	must(t, r.book.Gone(t.Context(), "19:made@thread.v2", "x"))
	must(t, r.book.Joined(t.Context(), "19:made@thread.v2", "INC-1"))
	if c := r.conversation("19:made@thread.v2"); c.Gone != "" {
		t.Errorf("it is gone still: %+v", c)
	}
	lost := bot.Directory{Store: r.store, Catalog: r.book.Catalog, Tenant: tenant}
	if _, _, _, err := lost.Address(t.Context(), "19:x@thread.v2"); err == nil && lost.ServiceURL == "" {
		if err := lost.Joined(t.Context(), "19:x@thread.v2", ""); err != nil && !strings.Contains(err.Error(), "default_service_url") {
			t.Errorf("it says %v", err)
		}
	}
}

// TestObjectID: what is known of somebody's account in Entra.
func TestObjectID(t *testing.T) {
	r := newRig(t)
	must(t, r.store.SavePerson(t.Context(), bot.Person{ID: "hana@partner.example", Mail: "hana@partner.example", TeamsID: "29:h", AADObjectID: "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", TenantID: other, Guest: true}))
	for id, want := range map[string]struct {
		oid             string
		guest, external bool
	}{
		"hana@partner.example":                     {"aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", true, true},
		"aad:bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb": {"bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb", false, false},
		"nobody@example.com":                       {},
	} {
		if oid, guest, external := r.book.ObjectID(t.Context(), id); oid != want.oid || guest != want.guest || external != want.external {
			t.Errorf("%s: %s %v %v", id, oid, guest, external)
		}
	}
}

// TestRoomPeopleComeAndGo: Teams tells who was added to the room by hand, and who
// has left it.
func TestRoomPeopleComeAndGo(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi, r.eko)
	r.say(r.ani, r.payments, "declare checkout is down")
	room := r.openRoom(1, []string{r.ani, r.budi}, human("Ani"), human("Budi"))
	must(t, r.teams.AddMember(t.Context(), r.eko, room))
	must(t, r.teams.RemoveMember(t.Context(), r.budi, room))
	r.settle()
	have := r.get(1).Incident.Room
	for who, want := range map[string][2]bool{"Ani": {true, false}, "Eko": {true, false}, "Budi": {false, true}} {
		if in, left := have.In(human(who)); in != want[0] || left != want[1] {
			t.Errorf("%s: in %v, left %v", who, in, left)
		}
	}
	if card := r.card(1, room, room); !card.Contains("was added in Teams") || card.Contains("Budi") {
		t.Errorf("the room's card is %s", card.Card())
	}
	must(t, r.teams.AddMember(t.Context(), r.eko, r.payments)) // no room
}

// TestRoomStranger: somebody who is added by hand to a private incident's room,
// and is no member, is read to no more; as a member they are again.
func TestRoomStranger(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi, r.eko)
	r.say(r.ani, r.teams.Personal(r.ani), "declare private:yes title:canary")
	must(t, second(r.svc.Do(t.Context(), incident.Command{Verb: incident.Member, Incident: 1, Actor: human("Ani"), Role: incident.RoleAdmin, Args: incident.Args{Person: ptr(human("Eko"))}})))
	room := r.openRoom(1, []string{r.ani, r.eko}, human("Ani"), human("Eko"))
	if card := r.card(1, room, room); !card.Contains("canary") {
		t.Fatalf("the room's card is %s", card.Card())
	}
	must(t, r.teams.AddMember(t.Context(), r.budi, room))
	r.settle()
	if card := r.card(1, room, room); card.Contains("canary") {
		t.Errorf("a stranger reads %s", card.Card())
	}
	if posts := r.say(r.ani, room, "show"); strings.Contains(texts(posts), "canary") {
		t.Errorf("a stranger reads %s", texts(posts))
	}
	own := r.teams.Personal(r.ani)
	if got := texts(r.teams.Posts(own)); !strings.Contains(got, "Budi was added to its room") || !strings.Contains(got, "member INC-1 add budi@example.com") {
		t.Errorf("Ani is told %s", got)
	}
	if card := r.card(1, "user:ani@example.com", own); !card.Contains("Budi is in the room but is not a member") {
		t.Errorf("Ani's card is %s", card.Card())
	}
	r.answered(r.ani, own, "member INC-1 add budi@example.com", "INC-1")
	r.settle()
	if card := r.card(1, room, room); !card.Contains("canary") {
		t.Errorf("the members' room is %s", card.Card())
	}
}
