package bot_test

import (
	"strings"
	"testing"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

// TestNoteInReply: a note in answer to a message brings that message along, and
// the names of files; without words of its own, it is that message, once.
func TestNoteInReply(t *testing.T) {
	r, _, room := roomRig(t, false)
	msg := r.post(r.budi, room, "restarted the pods", botframeworksim.SayOptions{})
	note := func(text string, o botframeworksim.SayOptions) []incident.Event {
		t.Helper()
		o.Mention = true
		r.post(r.ani, room, text, o)
		r.settle()
		return r.notes(1)
	}
	notes := note("note", botframeworksim.SayOptions{Quotes: msg})
	if len(notes) != 1 || notes[0].Text != "restarted the pods" || notes[0].Data["author"] != "Budi" || notes[0].Data["message"] != msg || notes[0].Actor.ID != "ani@example.com" {
		t.Fatalf("the answered message: %+v", notes)
	}
	if posts := r.teams.Posts(room); !posts[len(posts)-1].Contains("INC-1") {
		t.Errorf("it is answered with %s", texts(posts[len(posts)-1:]))
	}
	notes = note("note", botframeworksim.SayOptions{Quotes: msg})
	if out := r.onMessage(r.budi, room, msg, bot.CommandTimeline); out.Task != "message" || len(notes) != 1 || len(r.notes(1)) != 1 {
		t.Errorf("twice: %+v", r.notes(1))
	}
	notes = note("note that did not help", botframeworksim.SayOptions{Quotes: msg, Files: []string{"graph.png", "log.txt"}})
	if want := "that did not help\n“restarted the pods” — Budi\nAttached there: graph.png, log.txt"; len(notes) != 2 || notes[1].Text != want {
		t.Errorf("with words: %+v, want %q", notes[len(notes)-1], want)
	}
	notes = note("note", botframeworksim.SayOptions{Files: []string{"graph.png"}})
	if len(notes) != 3 || notes[2].Text != "Attached there: graph.png" {
		t.Errorf("a file alone: %+v", notes[len(notes)-1])
	}
	long := note("note "+strings.Repeat("x", 3900), botframeworksim.SayOptions{Quotes: msg})
	if len(long) != 4 || !strings.HasPrefix(long[3].Text, "xxx") {
		t.Errorf("a long one: %d notes", len(long))
	}
	// Of a private incident nothing is told, and nothing is done, where others read.
	r.say(r.ani, r.teams.Personal(r.ani), "declare Leaked keys service:checkout private:yes")
	r.post(r.ani, room, "note 2", botframeworksim.SayOptions{Mention: true, Quotes: msg})
	r.settle()
	if posts := r.teams.Posts(room); len(r.notes(2)) != 0 || posts[len(posts)-1].Contains("Leaked") {
		t.Errorf("a private incident: %+v", r.notes(2))
	}
}
