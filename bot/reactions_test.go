package bot_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
)

// chatReader reads messages as Microsoft Graph tells them.
type chatReader struct {
	teams *botframeworksim.Server
	fails atomic.Int64
	asked atomic.Int64
}

func (c *chatReader) Message(_ context.Context, chat, id string) (*botframework.Message, error) {
	c.asked.Add(1)
	if c.fails.Add(-1) >= 0 {
		return nil, errors.New("Graph has no time")
	}
	raw, err := c.teams.ChatMessage(chat, id)
	if err != nil {
		return nil, err
	}
	return botframework.ReadMessage(raw)
}

// roomRig is a rig with an incident and its war room, of which imbot reads all.
func roomRig(t *testing.T, profile bool) (*rig, *chatReader, string) {
	t.Helper()
	reader := &chatReader{}
	r := newRig(t, func(c *bot.Config) {
		if profile {
			c.Messages = reader
		}
	})
	reader.teams = r.teams
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	room := r.teams.AddGroupChat("", "INC-1", r.ani, r.budi, r.vera)
	must(t, r.teams.Install(t.Context(), r.ani, room))
	must(t, r.teams.SetReads(room, profile))
	_, err := r.svc.Do(t.Context(), incident.Command{Verb: incident.Attach, Incident: 1, Actor: incident.System, Args: incident.Args{
		Ref: &incident.Ref{System: "teams", Role: incident.RoleRoom, ID: room},
	}})
	must(t, err)
	r.settle()
	return r, reader, room
}

func (r *rig) notes(id incident.ID) []incident.Event {
	var out []incident.Event
	for _, e := range r.get(id).Timeline {
		if e.Kind == incident.EvNote {
			out = append(out, e)
		}
	}
	return out
}

// react marks a message, and runs what follows.
func (r *rig) react(user, conv, message, reaction string) botframeworksim.Delivery {
	r.t.Helper()
	d, err := r.teams.React(r.t.Context(), user, conv, message, reaction)
	must(r.t, err)
	r.settle()
	return d
}

const pin = "1f4cc_pushpin"

// TestPin: a pinned message of the room is read and goes onto the timeline, once.
func TestPin(t *testing.T) {
	r, reader, room := roomRig(t, true)
	r.advance(time.Minute)
	written := r.Now()
	msg := r.post(r.budi, room, "restarted the <b>pods</b>", botframeworksim.SayOptions{})
	r.advance(time.Minute)
	for _, other := range []string{"like", "1f4cb_clipboard", ""} {
		if r.react(r.ani, room, msg, other); len(r.notes(1)) != 0 {
			t.Errorf("the reaction %q counts as a pin", other)
		}
	}
	if r.react(r.vera, room, msg, pin); len(r.notes(1)) != 0 || reader.asked.Load() != 0 {
		t.Error("a viewer's pin counts")
	}
	reader.fails.Store(2) // Graph answers later
	d := r.react(r.ani, room, msg, pin)
	notes := r.notes(1)
	if len(notes) != 1 {
		t.Fatalf("%d notes", len(notes))
	}
	e := notes[0]
	if e.Text != "restarted the pods" || e.Actor.ID != "ani@example.com" || e.Data["author"] != "Budi" || e.Data["message"] != msg || e.Data["url"] == "" || !e.At.Equal(written) {
		t.Errorf("the note is %+v", e)
	}
	_, err := r.teams.Redeliver(t.Context(), d)
	must(t, err)
	r.settle()
	r.react(r.budi, room, msg, "📌")
	if n := len(r.notes(1)); n != 1 {
		t.Errorf("%d notes of one message", n)
	}
	if r.teams.PostCount(room) != 1 { // the welcome
		t.Errorf("a pin is answered: %d posts", r.teams.PostCount(room))
	}
	// The same message by the message's own menu is the same note.
	if out := r.onMessage(r.budi, room, msg, bot.CommandTimeline); out.Task != "message" || len(r.notes(1)) != 1 {
		t.Errorf("by the menu: %s", out.Body)
	}
}

// TestPinElsewhere: only rooms count, and nothing without the profile.
func TestPinElsewhere(t *testing.T) {
	r, reader, _ := roomRig(t, true)
	card := r.card(1, r.payments, r.payments)
	r.react(r.ani, r.payments, card.ID, pin)
	other := r.teams.AddGroupChat("", "Lunch", r.ani)
	must(t, r.teams.Install(t.Context(), r.ani, other))
	must(t, r.teams.SetReads(other, true))
	r.react(r.ani, other, r.post(r.ani, other, "soup", botframeworksim.SayOptions{}), pin)
	if reader.asked.Load() != 0 || len(r.notes(1)) != 0 {
		t.Errorf("%d messages were read outside rooms", reader.asked.Load())
	}
	r, reader, room := roomRig(t, false)
	msg := r.post(r.ani, room, "x", botframeworksim.SayOptions{Mention: true})
	r.react(r.ani, room, msg, pin)
	if reader.asked.Load() != 0 || len(r.notes(1)) != 0 {
		t.Error("without the profile a pin counts")
	}
}

// TestMessageFollowed: what becomes of a message that stands on the timeline is
// told there, and what stood stays.
func TestMessageFollowed(t *testing.T) {
	r, _, room := roomRig(t, true)
	ctx := t.Context()
	msg := r.post(r.budi, room, "restarted the pods", botframeworksim.SayOptions{})
	other := r.post(r.budi, room, "soup?", botframeworksim.SayOptions{})
	r.react(r.ani, room, msg, pin)
	edit := func(id, text string) botframeworksim.Delivery {
		t.Helper()
		r.advance(time.Second)
		d, err := r.teams.Edit(ctx, r.budi, room, id, text)
		must(t, err)
		return d
	}
	edit(other, "salad?") // is on no timeline
	d := edit(msg, "restarted &lt;two&gt; pods")
	_, err := r.teams.Redeliver(ctx, d)
	must(t, err)
	edit(msg, "restarted &lt;two&gt; pods") // such as when only a reaction came
	edit(msg, "restarted the pods")         // and back
	r.advance(time.Second)
	_, err = r.teams.Unsend(ctx, r.budi, room, msg)
	must(t, err)
	r.advance(time.Second)
	_, err = r.teams.Restore(ctx, r.budi, room, msg)
	must(t, err)
	var got []string
	for _, e := range r.notes(1) {
		got = append(got, e.Data["change"]+": "+e.Text)
		if e.Data["message"] != msg || e.Data["author"] != "Budi" {
			t.Errorf("the entry %+v", e)
		}
	}
	want := ": restarted the pods|edited: restarted <two> pods|edited: restarted the pods|deleted: |restored: restarted the pods"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("the timeline says\n%s, want\n%s", s, want)
	}
	for _, e := range r.get(1).Trouble {
		if e.Kind == bot.KindPin {
			t.Errorf("not carried out: %+v", e)
		}
	}
}

// TestRoomKnowsItsIncident: in its room the number may be left out.
func TestRoomKnowsItsIncident(t *testing.T) {
	r, _, room := roomRig(t, false)
	r.answered(r.ani, room, "ack", "INC-1")
	if r.get(1).Incident.AcknowledgedBy.ID != "ani@example.com" {
		t.Error("it is not acknowledged")
	}
}
