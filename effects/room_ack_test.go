package effects_test

import (
	"testing"
	"time"

	"imbot/incident"
)

// TestAckJoins: whoever acknowledges an incident comes into its war room, also a
// full one and another's, and reads all that was said before. Whoever has left it
// stays out.
func TestAckJoins(t *testing.T) {
	eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
	for name, shared := range map[string]bool{"its own": false, "another's": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRooms(t, roomConfig{size: 2})
			host := r.down("cart")
			id := host
			if shared {
				id = r.down("db")
				r.do(incident.Command{Verb: incident.SetLink, Incident: id, Args: incident.Args{Parent: host, LinkKind: incident.LinkCascade}})
			}
			r.settle(time.Minute)
			chat := r.room(host).Chat
			ack := incident.Command{Verb: incident.Ack, Incident: id, Actor: eko, Role: incident.RoleResponder}
			r.do(ack)
			r.settle(time.Minute)
			c, _ := r.graph.Chat(chat)
			there := false
			for _, m := range c.Members {
				if r.mailOf(m.UserID) != eko.ID {
					continue
				}
				there = true
				if m.History.Year() > 1 {
					t.Errorf("Eko reads what was said since %s", m.History)
				}
				r.graph.Leave(chat, m.UserID)
			}
			if !there || len(c.Members) < 3 {
				t.Fatalf("in the chat: %s", r.inChat(chat))
			}
			left := incident.RoomChange{Step: incident.RoomLeft, People: []incident.RoomPerson{{Person: eko}}}
			r.do(incident.Command{Verb: incident.RoomStep, Incident: host, Actor: incident.System, Args: incident.Args{Room: &left}})
			r.do(incident.Command{Verb: incident.Unack, Incident: id})
			r.do(ack)
			r.settle(time.Minute)
			if c, _ := r.graph.Chat(chat); len(c.Members) != 2 {
				t.Errorf("Eko has left, and in the chat are: %s", r.inChat(chat))
			}
		})
	}
}

// TestWokenBackInSharedRoom: whoever has left the room that an incident shares, and
// is woken for it by a person, comes back into it, each time.
func TestWokenBackInSharedRoom(t *testing.T) {
	r := newRooms(t, roomConfig{})
	host, id := r.down("cart"), r.down("db")
	r.do(incident.Command{Verb: incident.SetLink, Incident: id, Args: incident.Args{Parent: host, LinkKind: incident.LinkCascade}})
	r.settle(time.Minute)
	chat := r.room(host).Chat
	eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
	for range 3 {
		r.do(incident.Command{Verb: incident.Page, Incident: id, Args: incident.Args{Person: &eko}})
		r.settle(time.Minute)
		if got := r.inChat(chat); got != "ani budi dewi eko fitri" {
			t.Errorf("woken, and in the chat: %s", got)
		}
		r.answer(id, eko, incident.PageNo)
		c, _ := r.graph.Chat(chat)
		for _, m := range c.Members {
			if r.mailOf(m.UserID) == eko.ID {
				r.graph.Leave(chat, m.UserID)
			}
		}
		left := incident.RoomChange{Step: incident.RoomLeft, People: []incident.RoomPerson{{Person: eko}}}
		r.do(incident.Command{Verb: incident.RoomStep, Incident: host, Actor: incident.System, Args: incident.Args{Room: &left}})
		r.settle(time.Minute)
	}
}
