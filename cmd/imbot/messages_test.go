package main

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphsim"
	"imbot/manifest"
	"imbot/query"
)

const pushpin = "1f4cc_pushpin"

// pinnedRoom is an incident with its war room, and a message of Budi's there,
// which is in Teams and in Graph.
func pinnedRoom(t *testing.T, profile manifest.Profile) (r *rig, graph *graphsim.Server, room, message string) {
	t.Helper()
	r, graph = newProfileRig(t, profile)
	r.trigger("Checkout is down")
	r.settle(time.Minute)
	chats := graph.Chats()
	if len(chats) != 1 {
		t.Fatalf("%d chats", len(chats))
	}
	room = chats[0].ID
	d, err := r.teams.Say(t.Context(), r.budi, room, "restarted the pods", botframeworksim.SayOptions{})
	must(t, err)
	r.known(graph, room, d.ActivityID)
	r.advance(time.Minute)
	return r, graph, room, d.ActivityID
}

// known tells Graph of a message in Teams.
func (r *rig) known(graph *graphsim.Server, room, message string) {
	r.t.Helper()
	raw, err := r.teams.ChatMessage(room, message)
	must(r.t, err)
	var m struct {
		Created time.Time `json:"createdDateTime"`
		From    struct {
			User struct {
				ID string `json:"id"`
			} `json:"user"`
		} `json:"from"`
		Body struct {
			Content string `json:"content"`
		} `json:"body"`
	}
	must(r.t, json.Unmarshal(raw, &m))
	if !graph.PutMessage(room, graphsim.Message{ID: message, UserID: m.From.User.ID, HTML: m.Body.Content, At: m.Created}) {
		r.t.Fatalf("Graph has no chat %s", room)
	}
}

// pin marks a message, and lets what follows happen.
func (r *rig) pin(room, message string) {
	r.t.Helper()
	_, err := r.teams.React(r.t.Context(), r.ani, room, message, pushpin)
	must(r.t, err)
	r.settle(time.Minute)
}

// notes are the notes on the timeline of INC-1.
func (r *rig) notes() []incident.Event {
	r.t.Helper()
	v, err := r.app.reader.Get(r.t.Context(), query.Self, 1, true)
	must(r.t, err)
	var out []incident.Event
	for _, e := range v.Timeline {
		if e.Kind == incident.EvNote {
			out = append(out, e)
		}
	}
	return out
}

// TestPinnedMessage: a message of the war room that is marked with a pin is read
// from Graph and stands on the timeline, and so does what becomes of it.
func TestPinnedMessage(t *testing.T) {
	r, graph, room, message := pinnedRoom(t, manifest.Timeline)
	written := r.Now().Add(-time.Minute)
	r.pin(room, message)
	notes := r.notes()
	if len(notes) != 1 {
		t.Fatalf("%d notes", len(notes))
	}
	link := "https://teams.microsoft.com/l/message/" + url.PathEscape(room) + "/" + message + "?context=" + url.QueryEscape(`{"contextType":"chat"}`)
	e := notes[0]
	if e.Text != "restarted the pods" || e.Actor.ID != "ani@example.com" || !e.At.Equal(written) {
		t.Errorf("the note %q by %s is of %s, want %s", e.Text, e.Actor.ID, e.At, written)
	}
	if d := cmp.Diff(map[string]string{"message": message, "author": "Budi", "url": link}, e.Data); d != "" {
		t.Error(d)
	}

	_, err := r.teams.Edit(t.Context(), r.budi, room, message, "restarted two pods")
	must(t, err)
	r.advance(time.Second)
	_, err = r.teams.Unsend(t.Context(), r.budi, room, message)
	must(t, err)
	r.settle(time.Minute)
	var got []string
	for _, e := range r.notes()[1:] {
		got = append(got, e.Data["change"]+" "+e.Data["author"]+" "+e.Data["message"]+" "+e.Text)
	}
	if d := cmp.Diff([]string{"edited Budi " + message + " restarted two pods", "deleted Budi " + message + " "}, got); d != "" {
		t.Error(d)
	}

	// What is taken back before it was read is not kept.
	d, err := r.teams.Say(t.Context(), r.budi, room, "a slip", botframeworksim.SayOptions{})
	must(t, err)
	graph.PutMessage(room, graphsim.Message{ID: d.ActivityID, Deleted: true})
	r.pin(room, d.ActivityID)
	if n := len(r.notes()); n != 3 {
		t.Errorf("%d notes, want 3", n)
	}
}

// TestPinWithoutProfile: an app package that does not ask to read messages hears
// of no pin, and would not read if it did.
func TestPinWithoutProfile(t *testing.T) {
	r, graph, room, message := pinnedRoom(t, manifest.Rooms)
	must(t, r.teams.SetReads(room, true)) // as if an older app package were still there
	before := len(graph.Requests())
	r.pin(room, message)
	if n := len(r.notes()); n != 0 || len(graph.Requests()) != before {
		t.Errorf("%d notes, %d requests", n, len(graph.Requests())-before)
	}
	if r.app.messageReader() != nil {
		t.Error("messages can be read")
	}
}
