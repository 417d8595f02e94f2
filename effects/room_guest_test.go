package effects_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphsim"
	"imbot/outbox"
	"imbot/query"
)

// TestRoomGuest: what becomes of an incident that uses another's room is said in
// that room, short, and in its turn where nobody asked; and whoever joins there
// joins that room.
func TestRoomGuest(t *testing.T) {
	r := newRooms(t, roomConfig{})
	root, child := r.down("db"), r.down("cart")
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	r.settle(time.Minute)
	chat := r.room(root).Chat
	if !slices.ContainsFunc(r.cards(r.payments), func(p botframeworksim.Post) bool {
		return p.Contains("War room of INC-1: 3 of 3 joined") && p.Contains("Join room")
	}) {
		t.Error("no card offers to join")
	}
	eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
	r.do(incident.Command{Verb: incident.OpenRoom, Incident: child, Actor: eko, Role: incident.RoleResponder, Args: incident.Args{Op: incident.RoomOpJoin}})
	r.settle(time.Minute)
	if got := r.inChat(chat); got != "ani budi dewi eko fitri" {
		t.Errorf("in the chat: %s", got)
	}
	said := func(text string) (n int) {
		for _, p := range r.teams.Posts(chat) {
			if p.Contains(text) {
				n++
			}
		}
		return n
	}
	r.do(incident.Command{Verb: incident.Report, Incident: child, Args: incident.Args{Text: "draining the queue"}})
	r.do(incident.Command{Verb: incident.Resolve, Incident: child, Args: incident.Args{Text: "drained"}})
	r.settle(time.Minute)
	r.wantPost(chat, "INC-2 resolved by Budi after", "cart is down", "drained")
	if said("draining the queue") != 1 {
		t.Error("the update is not said")
	}
	// Two that nobody has asked for: the second waits for its turn.
	r.do(incident.Command{Verb: incident.Reopen, Incident: child})
	r.settle(time.Minute)
	if said("INC-2 is open again") != 1 || r.room(root).SaidAt.IsZero() || !r.room(child).SaidAt.IsZero() {
		t.Errorf("reopened: %d posts, the host's room is %+v", said("INC-2 is open again"), r.room(root))
	}
	r.do(incident.Command{Verb: incident.Resolve, Incident: root})
	r.do(incident.Command{Verb: incident.Reopen, Incident: root})
	r.settle(time.Minute)
	if said("INC-1 is open again") != 0 {
		t.Error("the host's own post does not wait")
	}
	r.settle(11 * time.Minute)
	if said("INC-1 is open again") != 1 {
		t.Error("the host's own post does not come")
	}
}

// privately shows one incident as if it had become private.
type privately struct {
	effects.Viewer
	id incident.ID
}

func (p privately) Get(ctx context.Context, who query.Viewer, id incident.ID, timeline bool) (*query.View, error) {
	v, err := p.Viewer.Get(ctx, query.Self, id, timeline)
	if err == nil && id == p.id {
		v.Incident = v.Incident.Clone()
		v.Incident.Private = true
	}
	return v, err
}

// TestRoomGuestSilent: what is old is no news in another's room, and what is
// private is none of it.
func TestRoomGuestSilent(t *testing.T) {
	r := newRooms(t, roomConfig{})
	root, child := r.down("db"), r.down("cart")
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	r.settle(time.Minute)
	chat := r.room(root).Chat
	public := r.say.View
	for _, tt := range []struct {
		name    string
		age     time.Duration
		asked   bool
		private incident.ID
		want    int // posts
	}{
		{"new", time.Minute, false, 0, 1},
		{"old", 31 * time.Minute, false, 0, 0},
		{"old, by a person", 31 * time.Minute, true, 0, 1},
		{"private", time.Minute, true, child, 0},
		{"in a private room", time.Minute, true, root, 0},
	} {
		r.advance(11 * time.Minute) // the room was quiet
		data, err := json.Marshal(incident.SayData{Reason: incident.SayReopened, Asked: tt.asked})
		must(t, err)
		r.say.View = privately{public, tt.private}
		before := len(r.teams.Posts(chat))
		err = r.say.RoomSay(t.Context(), outbox.Job{Effect: incident.Effect{Kind: incident.KindRoomSay, Incident: child, Data: data}, Attempt: 1, FirstDue: r.Now().Add(-tt.age)})
		if n := len(r.teams.Posts(chat)) - before; err != nil || n != tt.want {
			t.Errorf("%s: %d posts, %v; want %d", tt.name, n, err, tt.want)
		}
	}
}

// TestRoomRenamed: a room is called by what the pager says now, where the
// incident is of no known service.
func TestRoomRenamed(t *testing.T) {
	r := newRooms(t, roomConfig{})
	ref := incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: "Q77"}
	told := func(verb incident.Verb, title string) *incident.Incident {
		r.advance(time.Minute)
		al := &incident.Alert{Title: title, Urgency: "high", CreatedAt: r.Now()}
		return r.do(incident.Command{
			Verb: verb, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, Source: incident.SourcePagerDuty,
			At: r.Now(), Ref: &ref, Args: incident.Args{Alert: al},
		})
	}
	id := told(incident.Trigger, "something is down").ID
	for _, who := range []string{"ani@example.com", "budi@example.com"} {
		r.ask(id, incident.Args{Op: incident.RoomOpAdd, Person: &incident.Actor{Kind: incident.KindUser, ID: who}})
	}
	r.settle(time.Minute)
	topic := func() string {
		c, _ := r.graph.Chat(r.room(id).Chat)
		return c.Topic
	}
	if before := topic(); !strings.Contains(before, "something is down") {
		t.Fatalf("the topic is %q; the room is %+v", before, r.room(id))
	}
	told(incident.Update, "the till is down")
	r.settle(time.Minute)
	if got := topic(); !strings.Contains(got, "the till is down") {
		t.Errorf("the topic is %q", got)
	}
}

// TestSharedRoomPeople: the card of an incident that uses another's room says who
// of its own people has joined there, and who has not and why, also later ones.
func TestSharedRoomPeople(t *testing.T) {
	r := newRooms(t, roomConfig{})
	root, child := r.down("db"), r.down("stock")
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	r.settle(time.Minute)
	room := r.room(child)
	if in, missing := names(room, incident.PersonIn), names(room, incident.PersonMissing); in != "budi dewi" || room.State != incident.RoomShared {
		t.Errorf("in: %s, missing: %s; %+v", in, missing, room)
	}
	if !slices.ContainsFunc(r.cards(r.payments), func(p botframeworksim.Post) bool {
		return p.Contains("War room of INC-1: 2 of 6 joined") && p.Contains("the account is blocked") && p.Contains("Join room")
	}) {
		for _, p := range r.cards(r.payments) {
			t.Log(string(p.Card()))
		}
		t.Error("no card says so")
	}
	eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
	r.do(incident.Command{Verb: incident.Page, Incident: child, Args: incident.Args{Person: &eko}})
	r.settle(time.Minute)
	if in := names(r.room(child), incident.PersonIn); in != "budi dewi eko" || r.inChat(r.room(root).Chat) != "ani budi dewi eko" {
		t.Errorf("after a page in: %s, in the chat: %s", in, r.inChat(r.room(root).Chat))
	}
}

// TestNobodyIsPulledBack: whoever has left the room stays out of it, whatever
// happens, until somebody asks for them.
func TestNobodyIsPulledBack(t *testing.T) {
	r := newRooms(t, roomConfig{})
	id := r.down("cart")
	r.settle(time.Minute)
	chat := r.room(id).Chat
	c, _ := r.graph.Chat(chat)
	for _, m := range c.Members {
		if r.mailOf(m.UserID) == "dewi@example.com" {
			r.graph.Leave(chat, m.UserID)
		}
	}
	dewi := incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com"}
	r.do(incident.Command{Verb: incident.Assign, Incident: id, Args: incident.Args{Person: &dewi}})
	r.ask(id, incident.Args{Op: incident.RoomOpAdd, Person: &incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}})
	r.do(incident.Command{Verb: incident.SetLevel, Incident: id, Args: incident.Args{Level: incident.HighErrorRate}})
	child := r.down("db")
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: id, LinkKind: incident.LinkCascade}})
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.settle(time.Minute)
	r.do(incident.Command{Verb: incident.Reopen, Incident: id})
	r.settle(time.Hour)
	if got := r.inChat(chat); got != "ani budi eko fitri" {
		t.Errorf("in the chat: %s", got)
	}
	r.ask(id, incident.Args{Op: incident.RoomOpAdd, Person: &dewi})
	r.settle(time.Minute)
	if got := r.inChat(chat); got != "ani budi dewi eko fitri" {
		t.Errorf("asked for, in the chat: %s", got)
	}
}

// TestGuestCommander: the commander of an incident that uses another's room comes
// into that room, unless they have left it.
func TestGuestCommander(t *testing.T) {
	r := newRooms(t, roomConfig{})
	root, child := r.down("db"), r.down("cart")
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	r.settle(time.Minute)
	chat := r.room(root).Chat
	eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
	r.do(incident.Command{Verb: incident.Assign, Incident: child, Args: incident.Args{Person: &eko}})
	r.settle(time.Minute)
	if got := r.inChat(chat); got != "ani budi dewi eko fitri" {
		t.Errorf("in the chat: %s", got)
	}
	c, _ := r.graph.Chat(chat)
	for _, m := range c.Members {
		if r.mailOf(m.UserID) == "eko@example.com" {
			r.graph.Leave(chat, m.UserID)
		}
	}
	left := incident.RoomChange{Step: incident.RoomLeft, People: []incident.RoomPerson{{Person: eko}}}
	r.do(incident.Command{Verb: incident.RoomStep, Incident: root, Actor: incident.System, Args: incident.Args{Room: &left}})
	r.do(incident.Command{Verb: incident.Assign, Incident: child, Args: incident.Args{Person: &eko, Role: "scribe"}})
	r.settle(time.Minute)
	if got := r.inChat(chat); got != "ani budi dewi fitri" {
		t.Errorf("after Eko has left, in the chat: %s", got)
	}
}

// TestNoPlaceForCommander: no number of people keeps the commander out, whatever
// else they are.
func TestNoPlaceForCommander(t *testing.T) {
	r := newRooms(t, roomConfig{size: 2})
	id := r.down("checkout")
	r.settle(time.Minute)
	if got := names(r.room(id), incident.PersonInvited); !strings.Contains(got, "fitri") {
		t.Fatalf("invited: %s", got)
	}
	r.do(incident.Command{Verb: incident.Assign, Incident: id, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "fitri@example.com", Name: "Fitri"}}})
	r.settle(time.Minute)
	if got := r.inChat(r.room(id).Chat); !strings.Contains(got, "fitri") {
		t.Errorf("in the chat: %s", got)
	}
}

// TestTwentyPeople: of many, twenty are added and the others may join, unless it
// is configured otherwise; and never more than a chat takes.
func TestTwentyPeople(t *testing.T) {
	for _, tt := range []struct{ size, people, in int }{{0, 25, 20}, {250, 260, 250}} {
		r := newRooms(t, roomConfig{size: tt.size})
		id := r.down("checkout")
		many := incident.RoomChange{Step: incident.RoomPeople}
		for i := range tt.people {
			u := r.teams.AddUser(botframeworksim.User{Name: fmt.Sprint("Many ", i), Mail: fmt.Sprintf("many%d@example.com", i)})
			r.graph.AddUser(graphsim.User{ID: u.AADObjectID, Name: u.Name, Mail: u.Mail})
			r.ids[u.AADObjectID] = u.ID
			many.People = append(many.People, incident.RoomPerson{Person: incident.Actor{Kind: incident.KindUser, ID: u.Mail}, Part: incident.PartStakeholder, State: incident.PersonWanted})
		}
		r.do(incident.Command{Verb: incident.RoomStep, Incident: id, Actor: incident.System, Args: incident.Args{Room: &many}})
		r.settle(time.Minute)
		room := r.room(id)
		c, _ := r.graph.Chat(room.Chat)
		if len(c.Members) != tt.in || room.Count(incident.PersonIn) != tt.in || room.Count(incident.PersonInvited) != tt.people+4-tt.in {
			t.Errorf("%d in the chat, %d in, %d invited of %d", len(c.Members), room.Count(incident.PersonIn), room.Count(incident.PersonInvited), tt.people+4)
		}
		if in := names(room, incident.PersonIn); !strings.Contains(in, "ani") || !strings.Contains(in, "budi") || !strings.Contains(in, "dewi") {
			t.Errorf("those who can mend it come first: %s", in)
		}
	}
}

// TestRoomsLeadToEachOther: incidents that had a room each before they were tied
// keep them, and their cards lead from one to the other.
func TestRoomsLeadToEachOther(t *testing.T) {
	r := newRooms(t, roomConfig{})
	root, child := r.down("db"), r.down("cart")
	r.settle(time.Minute)
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	r.settle(time.Minute)
	a, b := r.room(root), r.room(child)
	if a.Chat == b.Chat || a.State != incident.RoomOpen || b.State != incident.RoomOpen {
		t.Fatalf("rooms: %+v, %+v", a, b)
	}
	for _, tt := range []struct{ in, other string }{{a.Chat, b.URL}, {b.Chat, a.URL}} {
		if posts := r.teams.Posts(tt.in); len(posts) == 0 || !posts[0].Contains(tt.other) {
			t.Errorf("the card in %s does not lead to %s", tt.in, tt.other)
		}
	}
}

// TestHostIsOver: an incident that waits for another's room gets one of its own
// where that was over before its room was opened.
func TestHostIsOver(t *testing.T) {
	r := newRooms(t, roomConfig{})
	r.graph.Inject(graphsim.Fault{Path: "/chats", Status: 429})
	root, child, over := r.down("db"), r.down("cart"), r.down("checkout")
	for _, id := range []incident.ID{child, over} {
		r.do(incident.Command{Verb: incident.SetLink, Incident: id, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	}
	r.settle(time.Minute)
	if room := r.room(child); room.State != incident.RoomShared || room.URL != "" {
		t.Fatalf("the room is %+v", room)
	}
	r.do(incident.Command{Verb: incident.Resolve, Incident: root})
	r.do(incident.Command{Verb: incident.Resolve, Incident: over})
	r.settle(time.Minute)
	r.graph.ClearFaults()
	r.settle(time.Minute)
	room := r.room(child)
	if room.State != incident.RoomOpen || len(r.graph.Chats()) != 1 || !strings.Contains(names(room, incident.PersonIn), "dewi") {
		t.Errorf("the room is %+v", room)
	}
	if a, b := r.room(root).State, r.room(over).State; a != incident.RoomNone || b != incident.RoomNone {
		t.Errorf("what is over has rooms: %s, %s", a, b)
	}
}
