package bot_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/integrations/botframework/botframeworksim"
)

// TestTargeted: in a channel, only the asker sees what only they need; what has
// changed is said to all.
func TestTargeted(t *testing.T) {
	r := newRig(t, func(c *bot.Config) { c.Targeted = true })
	r.install(r.ani, r.budi)
	for text, alone := range map[string]bool{
		"help": true, "list": true, "declare": true, "explode": true, "mute": true, "stats links": true, "show 99": true,
		"declare Checkout is down service:checkout": false, "show 1": false, "ack 1": false,
	} {
		if strings.HasSuffix(text, " 1") {
			continue // below, when there is one
		}
		r.wantAlone(r.ani, r.payments, text, alone)
	}
	r.wantAlone(r.ani, r.payments, "show 1", false)
	r.wantAlone(r.budi, r.payments, "note 1", true) // a form
	r.wantAlone(r.budi, r.payments, "ack 1", false)
	for _, p := range r.say(r.ani, r.teams.Personal(r.ani), "help") {
		if p.TargetedTo != "" {
			t.Error("an answer in the 1:1 chat is targeted")
		}
	}
	off := newRig(t)
	off.install(off.ani)
	off.wantAlone(off.ani, off.payments, "help", false)
}

func (r *rig) wantAlone(user, conv, text string, alone bool) {
	r.t.Helper()
	for _, p := range r.say(user, conv, text) {
		if !p.ByBot || p.Contains("DOWN") && alone {
			continue
		}
		want := ""
		if alone {
			want = user
		}
		if p.TargetedTo != want {
			r.t.Errorf("%q: the answer is for %q, want %q: %s", text, p.TargetedTo, want, texts([]botframeworksim.Post{p}))
		}
	}
}

// TestTargetedRefused: where Teams does not let something be said to one person,
// it is said in their 1:1 chat.
func TestTargetedRefused(t *testing.T) {
	r := newRig(t, func(c *bot.Config) { c.Targeted = true })
	r.install(r.ani)
	r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
		if strings.Contains(c.Path, "isTargetedActivity=true") {
			return botframeworksim.Answer(http.StatusBadRequest)
		}
		return botframeworksim.Pass()
	})
	own := r.teams.Personal(r.ani)
	before := len(r.teams.Posts(own))
	if posts := r.say(r.ani, r.payments, "help"); len(posts) != 0 {
		t.Errorf("said in the channel: %s", texts(posts))
	}
	if posts := r.teams.Posts(own)[before:]; len(posts) != 1 || !posts[0].Contains("ack") || posts[0].TargetedTo != "" {
		t.Errorf("said in the 1:1 chat: %s", texts(posts))
	}
}

// TestSlash: hints show what works, and imbot's own name may stand before a verb.
func TestSlashHints(t *testing.T) {
	r := newRig(t, func(c *bot.Config) { c.Slash = true })
	r.install(r.ani)
	r.answered(r.ani, r.payments, "help", "/incident ack INC-42")
	r.answered(r.ani, r.payments, "explode", "/incident help")
	if posts := r.say(r.ani, r.teams.Personal(r.ani), "help"); len(posts) != 1 || posts[0].Contains("/incident") || posts[0].Contains("@imbot") {
		t.Errorf("in the 1:1 chat: %s", texts(posts))
	}
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	for i, text := range []string{"/imbot ack 1", "imbot note 1 hello", "/incident note 1 hello again", "note 1 and again"} {
		before := len(r.teams.Posts(r.payments))
		d := r.send(r.activity("message", r.payments, map[string]any{
			"id": "slash-" + text, "text": text, "recipient": map[string]any{"id": r.teams.BotID(), "isTargeted": true},
			"conversation": map[string]any{"id": r.payments, "conversationType": "channel", "tenantId": tenant},
		}))
		r.settle()
		posts := r.teams.Posts(r.payments)[before:]
		if d.Status != 200 || len(posts) == 0 || posts[len(posts)-1].TargetedTo != r.ani {
			t.Errorf("%q: %d, %s", text, d.Status, texts(posts))
		}
		if n := len(r.notes(1)); n != i {
			t.Errorf("after %q there are %d notes, want %d", text, n, i)
		}
	}
	if r.get(1).Incident.AcknowledgedBy.IsZero() {
		t.Error("/imbot ack did nothing")
	}
}

// TestHelpButtons: what is done most often is one press away.
func TestHelpButtons(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	help := r.answered(r.ani, r.payments, "help", "Declare an incident", "Open incidents")
	if help.Contains(`"verb":"ack"`) {
		t.Error("outside an incident's thread the help has its buttons")
	}
	press := func(conv, post string, p botframeworksim.Press) *botframeworksim.InvokeResponse {
		t.Helper()
		out, err := r.teams.Click(t.Context(), r.ani, conv, post, p)
		must(t, err)
		r.settle()
		return out
	}
	before := len(r.teams.Posts(r.payments))
	if out := press(r.payments, help.ID, botframeworksim.Press{Verb: "form"}); out.Type != isText {
		t.Errorf("declare: %s", out.Body)
	}
	if posts := r.teams.Posts(r.payments)[before:]; len(posts) != 1 || !posts[0].Contains("Input.Text") {
		t.Errorf("the form is %s", texts(posts))
	}
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	before = len(r.teams.Posts(r.payments))
	if out := press(r.payments, help.ID, botframeworksim.Press{Verb: "list"}); out.Type != isText {
		t.Errorf("list: %s", out.Body)
	}
	if posts := r.teams.Posts(r.payments)[before:]; len(posts) != 1 || !posts[0].Contains("Checkout is down") {
		t.Errorf("the list is %s", texts(posts))
	}
	card := r.card(1, r.payments, r.payments)
	thread := r.payments + ";messageid=" + card.ID
	help = r.answered(r.ani, thread, "help", "INC-1")
	if out := press(thread, help.ID, botframeworksim.Press{Verb: "ack"}); out.Type != isCard || r.get(1).Incident.AcknowledgedBy.IsZero() {
		t.Errorf("ack: %s", out.Body)
	}
}

// TestTimesForm: the verb without more asks for the times of the impact, and a
// mistake stands at its field.
func TestTimesForm(t *testing.T) {
	r := newRig(t, func(c *bot.Config) { c.Dialogs = true })
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	form := r.answered(r.ani, r.payments, "time 1", "impact_started_at", "mitigated_at")
	past := r.Now().Add(-2 * time.Hour).In(jakarta).Format("2006-01-02 15:04")
	out, err := r.teams.Click(t.Context(), r.ani, r.payments, form.ID, botframeworksim.Press{Verb: "submit", Inputs: map[string]any{"impact_started_at": past, "detected_at": "soon"}})
	must(t, err)
	if out.Type != isCard || !bytes.Contains(out.Card, []byte("soon")) || !bytes.Contains(out.Card, []byte(past)) || !bytes.Contains(out.Card, []byte("⚠️")) {
		t.Errorf("a wrong time: %s", out.Body)
	}
	if !r.get(1).Incident.Times.ImpactStarted.IsZero() {
		t.Error("half of a form was saved")
	}
	out, err = r.teams.Click(t.Context(), r.ani, r.payments, form.ID, botframeworksim.Press{Verb: "submit", Inputs: map[string]any{"impact_started_at": past, "mitigated_at": "2999-01-01 10:00", "reason": "the graphs"}})
	must(t, err)
	if out.Type != isCard || !bytes.Contains(out.Card, []byte("2999-01-01 10:00")) {
		t.Errorf("a time in the future: %s", out.Body)
	}
	out, err = r.teams.Click(t.Context(), r.ani, r.payments, form.ID, botframeworksim.Press{Verb: "submit", Inputs: map[string]any{"impact_started_at": past, "reason": "the graphs"}})
	must(t, err)
	v := r.get(1)
	if out.Type != isCard || v.Incident.Times.ImpactStarted.In(jakarta).Format("2006-01-02 15:04") != past {
		t.Errorf("saved: %s, %+v", out.Body, v.Incident.Times)
	}
	found := false
	for _, e := range v.Timeline {
		found = found || e.Data["time"] == "impact_started" && e.Text == "the graphs"
	}
	if !found {
		t.Error("the reason is not on the timeline")
	}
	// As a dialog, from the card of a resolved incident.
	r.say(r.ani, r.payments, "resolve 1")
	card := r.card(1, r.payments, r.payments)
	dialog, err := r.teams.TaskFetch(t.Context(), r.budi, r.payments, card.ID, botframeworksim.Press{Title: "Impact times"})
	must(t, err)
	again, err := r.teams.PressTask(t.Context(), r.budi, r.payments, card.ID, dialog, botframeworksim.Press{Inputs: map[string]any{"detected_at": "soon"}})
	must(t, err)
	if again.Task != "continue" || !bytes.Contains(again.Card, []byte("soon")) {
		t.Errorf("a wrong time in the dialog: %s", again.Body)
	}
	done, err := r.teams.PressTask(t.Context(), r.budi, r.payments, card.ID, again, botframeworksim.Press{Inputs: map[string]any{"detected_at": past}})
	must(t, err)
	if done.Task != "message" || r.get(1).Incident.Times.Detected.IsZero() {
		t.Errorf("saved by the dialog: %s", done.Body)
	}
}
