package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/manifest"
)

// newRoomRig is the whole app with a simulated Graph, whose chats are there in
// Teams, too.
func newRoomRig(t *testing.T) (*rig, *graphsim.Server) {
	t.Helper()
	return newProfileRig(t, manifest.Rooms)
}

// newProfileRig is newRoomRig with this app package.
func newProfileRig(t *testing.T, profile manifest.Profile) (*rig, *graphsim.Server) {
	t.Helper()
	var r *rig
	ids := map[string]string{} // object id in Entra -> id in Teams
	graph := graphsim.New(graphsim.Options{
		TenantID: rigTenant, AppID: rigApp,
		Verify: func(authorization string) error {
			if !strings.HasPrefix(authorization, "Bearer ey") {
				return errors.New("no token")
			}
			return nil
		},
		Changed: func(c graphsim.Chat) {
			var in []string
			for _, m := range c.Members {
				in = append(in, ids[m.UserID])
			}
			if r.teams.SetMembers(c.ID, in...) != nil {
				r.teams.AddGroupChat(c.ID, c.Topic, in...)
			}
			if len(c.Apps) > 0 {
				_ = r.teams.SetInstalled(c.ID, true) // it is there: see above
				_ = r.teams.SetReads(c.ID, profile == manifest.Timeline)
			}
		},
	})
	t.Cleanup(graph.Close)
	app := graphsim.App{ExternalID: manifest.ID(rigApp), Name: "imbot", Version: "1.0.0"}
	for _, p := range manifest.ConsentedPermissionSet(profile) {
		app.Permissions = append(app.Permissions, graphsim.Permission{Name: p.Value})
	}
	graph.PutApp(app)
	r = newRig(t, fmt.Sprintf("  rooms: true\n  profile: %s\n  graph_url: %q\n", profile, graph.URL()))
	for _, mail := range []string{"ani@example.com", "budi@example.com", "eko@example.com"} {
		p, err := r.app.store.Person(t.Context(), mail)
		must(t, err)
		graph.AddUser(graphsim.User{ID: p.AADObjectID, Name: p.Name, Mail: p.Mail})
		ids[p.AADObjectID] = p.TeamsID
	}
	return r, graph
}

// TestRoom: a service is down. A room is opened by the real client of Graph, and
// what is said there is about its incident.
func TestRoom(t *testing.T) {
	r, graph := newRoomRig(t)
	r.trigger("Checkout is down")
	r.settle(time.Minute)
	chats := graph.Chats()
	if len(chats) != 1 || len(chats[0].Members) != 2 || len(chats[0].Apps) != 1 || chats[0].Topic != "INC-1 Checkout · DOWN · open" {
		t.Fatalf("chats: %+v", chats)
	}
	room := chats[0].ID
	posts := r.teams.Posts(room)
	if len(posts) != 1 || !posts[0].Contains("Who is here") {
		t.Fatalf("%d posts in the room", len(posts))
	}
	r.say(r.budi, room, "ack")
	r.say(r.budi, room, "room add eko@example.com")
	r.say(r.budi, room, "room rename payments fire")
	r.settle(time.Minute)
	if _, body := r.get("/api/v1/incidents/INC-1"); !strings.Contains(body, `"acknowledged_by":{"kind":"user","id":"budi@example.com"`) {
		t.Errorf("in the room, ack without an id is for its incident: %s", body)
	}
	if c := graph.Chats()[0]; len(c.Members) != 3 || c.Topic != "INC-1 payments fire · DOWN · open" {
		t.Errorf("the chat is %+v", c)
	}
	// The buttons of the card in the room work, and its answer is the card.
	if _, err := r.teams.Click(t.Context(), r.ani, room, posts[0].ID, botframeworksim.Press{Title: "Take command"}); err != nil {
		t.Error(err)
	}
	r.say(r.ani, room, "resolve rolled back")
	r.settle(time.Minute)
	posts = r.teams.Posts(room)
	if last := posts[len(posts)-1]; !last.Contains("INC-1 resolved by Ani") && !posts[len(posts)-2].Contains("INC-1 resolved by Ani") {
		t.Errorf("the last post is %q", last.Activity.Summary)
	}
}

// TestRoomDoctor: what stands in the way of war rooms is named, and what to do.
func TestRoomDoctor(t *testing.T) {
	r, graph := newRoomRig(t)
	states := func() map[string]check {
		d := &doctor{cfg: r.app.cfg}
		d.rooms(t.Context())
		out := map[string]check{}
		for _, c := range d.checks {
			out[c.Name] = c
		}
		return out
	}
	for name, c := range states() {
		if c.State != checkOK {
			t.Errorf("%s is %s: %s", name, c.State, c.Detail)
		}
	}
	graph.Revoke("Chat.Create", "Chat.ReadBasic.All")
	got := states()
	if c := got["war rooms: make a chat"]; c.State != checkFail || !strings.Contains(c.Mend, "Chat.Create") {
		t.Errorf("without the permission: %+v", c)
	}
	if c := got["war rooms: find a chat again"]; c.State != checkWarn || !strings.Contains(c.Mend, "Chat.ReadBasic.All") {
		t.Errorf("without the permission to look: %+v", c)
	}
	if n := len(graph.Chats()); n != 0 {
		t.Errorf("the doctor has made %d chats", n)
	}
}

func TestConsent(t *testing.T) {
	c := &TeamsConfig{AppID: rigApp, Profile: "minimal"}
	if got := c.consent(); len(got) != 0 {
		t.Errorf("minimal asks for %+v", got)
	}
	c.Profile = "rooms"
	if got := c.consent(); len(got) != 3 || got[0] != (graphrest.RSC{Name: "Chat.Manage.Chat"}) {
		t.Errorf("rooms asks for %+v", got)
	}
	if c.manifestID() != manifest.ID(rigApp) || c.manifestID() == "" {
		t.Errorf("the manifest id is %q", c.manifestID())
	}
}
