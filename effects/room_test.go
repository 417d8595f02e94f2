package effects_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

// TestRoom: a service is down. Who belongs into the room is in it, imbot too,
// and the card stands there.
func TestRoom(t *testing.T) {
	r := newRooms(t, roomConfig{})
	id := r.down("checkout")
	r.settle(time.Minute)
	room := r.room(id)
	if room.State != incident.RoomOpen || !room.Ready || !room.Call || room.Chats != 1 {
		t.Fatalf("the room is %+v", room)
	}
	if got := r.inChat(room.Chat); got != "ani budi dewi fitri" {
		t.Errorf("in the chat: %s", got)
	}
	if got := names(room, incident.PersonIn); got != "ani budi fitri dewi" && got != "ani dewi budi fitri" && got != "ani budi dewi fitri" {
		t.Errorf("as imbot sees it: %s", got)
	}
	c, _ := r.graph.Chat(room.Chat)
	if want := "INC-1 Checkout · DOWN · open"; c.Topic != want || len(c.Apps) != 1 || len(c.Apps[0].Permissions) != len(consent) {
		t.Errorf("the chat is %+v, want the topic %q", c, want)
	}
	if room.Meeting != "https://meet.example.com/payments" {
		t.Errorf("the call is %s", room.Meeting)
	}
	post := r.one(room.Chat)
	for _, want := range []string{"Who is here", "Take command", "I am the scribe", "meet.example.com"} {
		if !post.Contains(want) {
			t.Errorf("the card in the room lacks %q:\n%s", want, post.Card())
		}
	}
	card := r.one(r.payments)
	for _, want := range []string{"4 of 4 joined", "Go to the room", "Join room"} {
		if !card.Contains(want) {
			t.Errorf("the card in the channel lacks %q:\n%s", want, card.Card())
		}
	}
	if post.Activity.Summary == "" || post.Activity.Text != "" {
		t.Errorf("the post has the text %q and the summary %q", post.Activity.Text, post.Activity.Summary)
	}
	for _, req := range r.graph.Requests() { // all first members come in one call, and the name is right at once
		if req.Method == http.MethodPatch || req.Method == http.MethodPost && strings.HasSuffix(req.Path, "/members") {
			t.Errorf("%s %s", req.Method, req.Path)
		}
	}
	before := len(r.graph.Requests())
	r.settle(24 * time.Hour)
	if n := len(r.graph.Requests()) - before; n != 0 {
		t.Errorf("%d more requests to Graph", n)
	}
}

// TestRoomMissing: who can't be added is named with the reason, and stops nobody.
func TestRoomMissing(t *testing.T) {
	r := newRooms(t, roomConfig{})
	id := r.down("stock")
	r.settle(time.Minute)
	room := r.room(id)
	if room.State != incident.RoomOpen || names(room, incident.PersonMissing) != "nobody gita hana nobody" && names(room, incident.PersonMissing) != "gita hana nobody nobody" {
		t.Fatalf("missing: %s; the room is %+v", names(room, incident.PersonMissing), room)
	}
	why := map[string]string{}
	for _, p := range room.People {
		if p.State == incident.PersonMissing {
			why[p.Person.ID+p.Part] = p.Reason
		}
	}
	for who, want := range map[string]string{
		"nobody": "nobody is on standby in dba-oncall", "gita@example.comowner": "blocked", "hana@partner.examplestakeholder": "another tenant", "nobody@example.comstakeholder": "not found in Entra",
	} {
		if !strings.Contains(why[who], want) {
			t.Errorf("%s: %q, want %q", who, why[who], want)
		}
	}
	if n := r.count(id, incident.EvRoomMissing); n != 4 {
		t.Errorf("%d entries on the timeline", n)
	}
	if card := r.one(r.payments); !card.Contains("not found in Entra") && !card.Contains("and 1 more") {
		t.Errorf("the card does not say who is missing:\n%s", card.Card())
	}
}

// TestRoomTeamsRefusesSomebody: of people whom Teams will not take, without
// saying whom, the others are added.
func TestRoomTeamsRefusesSomebody(t *testing.T) {
	r := newRooms(t, roomConfig{})
	// Dewi was found, and is gone a moment later.
	dewi, err := r.fx.Chats.User(t.Context(), "dewi@example.com")
	must(t, err)
	id := r.down("checkout")
	r.die = func(step string, before bool) bool {
		if step == incident.RoomTried && before {
			r.graph.RemoveUser(dewi.ID)
		}
		return false
	}
	r.settle(time.Minute)
	room := r.room(id)
	if room.State != incident.RoomOpen || names(room, incident.PersonMissing) != "dewi" || len(r.graph.Chats()) != 1 {
		t.Fatalf("missing: %s, %d chats; the room is %+v", names(room, incident.PersonMissing), len(r.graph.Chats()), room)
	}
}

// TestRoomSize: beyond the number of people with whom calls work, those who only
// want to know are invited, and may come in by the button.
func TestRoomSize(t *testing.T) {
	r := newRooms(t, roomConfig{size: 2})
	id := r.down("checkout")
	r.settle(time.Minute)
	room := r.room(id)
	if names(room, incident.PersonIn) == "" || room.Count(incident.PersonIn) != 2 || room.Count(incident.PersonInvited) != 2 || !strings.Contains(names(room, incident.PersonInvited), "fitri") {
		t.Fatalf("in: %s, invited: %s", names(room, incident.PersonIn), names(room, incident.PersonInvited))
	}
	fitri := incident.Actor{Kind: incident.KindUser, ID: "fitri@example.com", Name: "Fitri"}
	r.do(incident.Command{Verb: incident.OpenRoom, Incident: id, Actor: fitri, Role: incident.RoleResponder, Args: incident.Args{Op: incident.RoomOpJoin}})
	r.settle(time.Minute)
	if got := r.inChat(room.Chat); !strings.Contains(got, "fitri") {
		t.Errorf("in the chat: %s", got)
	}
}

// TestRoomChanges: people, name and state follow the incident; whoever left is
// not added again.
func TestRoomChanges(t *testing.T) {
	r := newRooms(t, roomConfig{})
	id := r.down("cart")
	r.settle(time.Minute)
	room := r.room(id)
	eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
	r.ask(id, incident.Args{Op: incident.RoomOpAdd, Person: &eko})
	r.ask(id, incident.Args{Op: incident.RoomOpRename, Name: "Cart: fire!"})
	r.do(incident.Command{Verb: incident.Assign, Incident: id, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}}})
	r.settle(time.Minute)
	if got := r.inChat(room.Chat); got != "ani budi dewi eko fitri" {
		t.Errorf("in the chat: %s", got)
	}
	c, _ := r.graph.Chat(room.Chat)
	if want := "INC-1 Cart- fire! · DOWN · open"; c.Topic != want {
		t.Errorf("the topic is %q, want %q", c.Topic, want)
	}
	r.do(incident.Command{Verb: incident.Resolve, Incident: id, Args: incident.Args{Text: "rolled back 2.3"}})
	r.settle(time.Minute)
	if c, _ = r.graph.Chat(room.Chat); !strings.HasSuffix(c.Topic, "· resolved") {
		t.Errorf("the topic is %q", c.Topic)
	}
	r.wantPost(room.Chat, "INC-1 resolved by Budi after", "rolled back 2.3", "fitri@example.com", "Write")
	r.do(incident.Command{Verb: incident.Close, Incident: id, Args: incident.Args{Waive: "a drill"}})
	r.settle(time.Minute)
	r.wantPost(room.Chat, "INC-1 is closed", "a drill")
	before := len(r.graph.Chats())
	r.do(incident.Command{Verb: incident.Reopen, Incident: id, Args: incident.Args{Reason: "it is back"}})
	r.settle(time.Hour)
	r.wantPost(room.Chat, "INC-1 is open again", "it is back")
	if now := r.room(id); now.Chat != room.Chat || now.State != incident.RoomOpen || len(r.graph.Chats()) != before {
		t.Errorf("after reopening the room is %+v", now)
	}
	if e := r.find(id, "room.say/resolved"); e.State != done {
		t.Errorf("the post is %s: %s", e.State, e.Error)
	}
}

// wantPost wants one post that has all of these texts.
func (r *rooms) wantPost(chat string, texts ...string) {
	r.t.Helper()
	for _, p := range r.teams.Posts(chat) {
		if !slices.ContainsFunc(texts, func(s string) bool { return !p.Contains(s) }) && p.Activity.Summary != "" {
			return
		}
	}
	for _, p := range r.teams.Posts(chat) {
		r.t.Logf("%s %s", p.Activity.Summary, p.Card())
	}
	r.t.Errorf("nothing in the room says all of %q", texts)
}

// TestRoomUnasked: posts that nobody has asked for keep ten minutes apart.
func TestRoomUnasked(t *testing.T) {
	r := newRooms(t, roomConfig{})
	id := r.down("cart")
	r.settle(time.Minute)
	chat := r.room(id).Chat
	for range 2 {
		r.do(incident.Command{Verb: incident.Resolve, Incident: id})
		r.do(incident.Command{Verb: incident.Reopen, Incident: id})
		r.settle(5 * time.Second)
	}
	count := func() (n int) {
		for _, p := range r.teams.Posts(chat) {
			if p.Contains("is open again") {
				n++
			}
		}
		return n
	}
	if n := count(); n != 1 {
		t.Errorf("%d posts at once", n)
	}
	r.settle(11 * time.Minute)
	if n := count(); n != 2 {
		t.Errorf("%d posts after ten minutes", n)
	}
}

// TestRoomOff: without rooms the thread of the card calls those who would be in
// it.
func TestRoomOff(t *testing.T) {
	r := newRooms(t, roomConfig{off: true})
	id := r.down("checkout")
	r.settle(time.Minute)
	room := r.room(id)
	if room.State != incident.RoomThread || !strings.Contains(room.Reason, "teams.rooms") {
		t.Fatalf("the room is %+v", room)
	}
	card := r.one(r.payments)
	if !card.Contains("No war room") || !card.Contains("Open war room") || !card.Contains("https://meet.example.com/payments") {
		t.Errorf("the card does not say so:\n%s", card.Card())
	}
	var reply string
	for _, p := range r.teams.Posts(r.payments) {
		if p.Card() == nil {
			reply = p.Activity.Text
			if len(p.Activity.Entities) != 2 { // Ani owns it, Budi is on call; imbot has not met Dewi
				t.Errorf("mentions: %+v", p.Activity.Entities)
			}
		}
	}
	if !strings.Contains(reply, "<at>Ani</at>") || !strings.Contains(reply, "<at>Budi</at>") || !strings.Contains(reply, "talk in this thread") {
		t.Errorf("the reply is %q", reply)
	}
	if n := len(r.graph.Requests()); n != 0 {
		t.Errorf("%d requests to Graph", n)
	}
}

// TestRoomShared: a consequence uses the room of its cause, with its own people;
// a person can give it a room of its own.
func TestRoomShared(t *testing.T) {
	r := newRooms(t, roomConfig{})
	root := r.down("db")
	child := r.down("cart")
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	r.settle(time.Minute)
	a, b := r.room(root), r.room(child)
	if a.State != incident.RoomOpen || b.State != incident.RoomShared || b.With != root || b.URL != a.URL || len(r.graph.Chats()) != 1 {
		t.Fatalf("%d chats, the cause's room is %+v, the other %+v", len(r.graph.Chats()), a, b)
	}
	if got := r.inChat(a.Chat); got != "ani budi dewi fitri" {
		t.Errorf("in the chat: %s", got)
	}
	if !slices.ContainsFunc(r.cards(r.payments), func(p botframeworksim.Post) bool {
		return p.Contains("War room of INC-1: 3 of 3 joined") && p.Contains("Go to the room")
	}) {
		t.Error("no card says so")
	}
	if posts := r.teams.Posts(a.Chat); len(posts) == 0 || !posts[0].Contains("owns Database") || !posts[0].Contains("owns Cart") {
		t.Error("the card in the room does not say who owns which service")
	}
	r.ask(child, incident.Args{Op: incident.RoomOpSplit})
	r.settle(time.Minute)
	if b = r.room(child); b.State != incident.RoomOpen || b.Chat == a.Chat || len(r.graph.Chats()) != 2 {
		t.Errorf("after the split: %+v", b)
	}
}

// TestRoomOfRootWithout: a cause that would have no room gets one, since its
// consequence needs it.
func TestRoomOfRootWithout(t *testing.T) {
	r := newRooms(t, roomConfig{})
	root := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "disk is slow", Service: "db", Level: "other"}}).ID
	child := r.down("cart")
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	r.settle(time.Minute)
	a, b := r.room(root), r.room(child)
	if a.State != incident.RoomOpen || b.With != root || b.URL == "" || !strings.Contains(r.inChat(a.Chat), "fitri") {
		t.Errorf("the cause's room is %+v, the other %+v", a, b)
	}
}

// TestRoomOfMajor: the fourth of many at a time uses the room of the first.
func TestRoomOfMajor(t *testing.T) {
	r := newRooms(t, roomConfig{})
	var ids []incident.ID
	for _, s := range []string{"checkout", "cart", "db", "stock"} {
		ids = append(ids, r.down(s))
	}
	r.settle(time.Minute)
	if n := len(r.graph.Chats()); n != 1 {
		t.Errorf("%d chats", n)
	}
	for _, id := range ids[1:] {
		if room := r.room(id); room.State != incident.RoomShared || room.With != ids[0] || room.URL == "" {
			t.Errorf("the room of %s is %+v", id, room)
		}
	}
}

// TestRoomOver: what is over by the time opens no room; it does when it is back.
func TestRoomOver(t *testing.T) {
	r := newRooms(t, roomConfig{})
	id := r.down("cart")
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.settle(time.Minute)
	if room := r.room(id); room.State != incident.RoomNone || len(r.graph.Chats()) != 0 {
		t.Fatalf("%d chats, the room is %+v", len(r.graph.Chats()), room)
	}
	r.do(incident.Command{Verb: incident.Reopen, Incident: id})
	r.settle(time.Minute)
	if room := r.room(id); room.State != incident.RoomOpen {
		t.Errorf("after reopening the room is %+v", room)
	}
}

// TestRoomPrivate: the room of a private incident has its members only, says
// nothing in its name, and shows the card; who is no member is not let in.
func TestRoomPrivate(t *testing.T) {
	r := newRooms(t, roomConfig{})
	id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "canary words", Service: "checkout", Level: incident.ServiceDown, Private: true}}).ID
	r.settle(time.Minute)
	room := r.room(id)
	if room.State != incident.RoomOpen || !room.Private || r.inChat(room.Chat) != "ani budi" {
		t.Fatalf("in the chat: %s; the room is %+v", r.inChat(room.Chat), room)
	}
	if room.Meeting != "" {
		t.Error("a private incident uses the squad's call")
	}
	if post := r.one(room.Chat); !post.Contains("canary") || strings.Contains(post.Activity.Summary, "canary") {
		t.Errorf("the card in its room: %q %s", post.Activity.Summary, post.Card())
	}
	eko := &incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
	if _, err := r.svc.Do(t.Context(), incident.Command{Verb: incident.OpenRoom, Incident: id, Actor: person, Role: incident.RoleAdmin, Args: incident.Args{Op: incident.RoomOpAdd, Person: eko}}); err == nil {
		t.Error("somebody who is no member was added")
	}
	r.do(incident.Command{Verb: incident.Resolve, Incident: id, Args: incident.Args{Text: "more canary"}})
	r.settle(time.Minute)
	r.wantPost(room.Chat, "INC-1", "more canary")
	if strings.Contains(string(r.graph.Dump()), "canary") || r.teams.PostCount(r.payments) != 0 {
		t.Error("its words got out")
	}
	// Whoever is a member no more still reads that chat: nothing more is said there.
	r.do(incident.Command{Verb: incident.Member, Incident: id, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "ani@example.com"}, Remove: true}})
	r.do(incident.Command{Verb: incident.Close, Incident: id, Args: incident.Args{Waive: "secret reason"}})
	r.settle(time.Minute)
	posts := r.cards(room.Chat)
	if posts[0].Contains("canary") || slices.ContainsFunc(posts, func(p botframeworksim.Post) bool { return p.Contains("secret reason") }) {
		t.Errorf("a former member reads %s", posts[0].Card())
	}
}

// TestRoomMinimal: without permissions in the chat it is opened all the same; its
// name stays, and who comes later is named.
func TestRoomMinimal(t *testing.T) {
	r := newRooms(t, roomConfig{minimal: true})
	id := r.down("cart")
	r.settle(time.Minute)
	r.ask(id, incident.Args{Op: incident.RoomOpAdd, Person: &incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}})
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.settle(time.Hour)
	room := r.room(id)
	if room.State != incident.RoomOpen || room.Count(incident.PersonIn) != 3 || names(room, incident.PersonMissing) != "eko" || !room.Fixed {
		t.Errorf("in: %s, missing: %s; %+v", names(room, incident.PersonIn), names(room, incident.PersonMissing), room)
	}
	if n := r.count(id, incident.EvFailed); n != 1 {
		t.Errorf("%d entries about the name", n)
	}
}

// TestRoomMeeting: a call is made where that is configured, once.
func TestRoomMeeting(t *testing.T) {
	r := newRooms(t, roomConfig{organizer: "ani@example.com"})
	id := r.down("cart")
	r.settle(time.Minute)
	m := r.graph.Meetings()
	if len(m) != 1 || r.room(id).Meeting != m[0].JoinURL {
		t.Errorf("meetings %+v, the room has %s", m, r.room(id).Meeting)
	}
}
