package bot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/query"
)

// post writes a message that is not for imbot, and returns its id.
func (r *rig) post(user, conv, text string, o botframeworksim.SayOptions) string {
	r.t.Helper()
	d, err := r.teams.Say(r.t.Context(), user, conv, text, o)
	must(r.t, err)
	return d.ActivityID
}

// onMessage chooses a command on a message.
func (r *rig) onMessage(user, conv, message, command string) *botframeworksim.InvokeResponse {
	r.t.Helper()
	out, err := r.teams.MessageAction(r.t.Context(), user, conv, message, command)
	must(r.t, err)
	return out
}

func (r *rig) submit(user, conv, command string, dialog *botframeworksim.InvokeResponse, inputs map[string]any) *botframeworksim.InvokeResponse {
	r.t.Helper()
	out, err := r.teams.SubmitAction(r.t.Context(), user, conv, command, dialog, botframeworksim.Press{Inputs: inputs})
	must(r.t, err)
	return out
}

func (r *rig) lookFor(user, conv, words string) *botframeworksim.InvokeResponse {
	r.t.Helper()
	out, err := r.teams.Search(r.t.Context(), user, conv, bot.CommandFind, bot.ParameterWords, words, 0)
	must(r.t, err)
	return out
}

func titles(out *botframeworksim.InvokeResponse) string {
	var all []string
	for _, r := range out.Results {
		all = append(all, r.Title)
	}
	return strings.Join(all, " | ")
}

// TestDeclareFromMessage: the first line is the title, and what was said is
// quoted with author, time and link.
func TestDeclareFromMessage(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	msg := r.post(r.budi, r.payments, "Checkout fails for <everybody>\nsince the last deploy", botframeworksim.SayOptions{Files: []string{"graph.png"}})
	dialog := r.onMessage(r.ani, r.payments, msg, bot.CommandDeclare)
	for _, want := range []string{"Checkout fails for <everybody>", "since the last deploy", "Budi", "https://teams.microsoft.com/l/message/", "graph.png", "checkout"} {
		var card any
		must(t, json.Unmarshal(dialog.Card, &card))
		b := new(bytes.Buffer)
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		must(t, enc.Encode(card))
		if !strings.Contains(b.String(), want) {
			t.Errorf("the dialog does not say %q: %s", want, b)
		}
	}
	// A mistake stands beside what was typed.
	again := r.submit(r.ani, r.payments, bot.CommandDeclare, dialog, map[string]any{"title": strings.Repeat("x", 300), "service": "checkout"})
	if again.Task != "continue" || !bytes.Contains(again.Card, []byte("⚠️")) || !bytes.Contains(again.Card, []byte("since the last deploy")) || !bytes.Contains(again.Card, []byte(`"value":"checkout"`)) {
		t.Errorf("a title that is too long: %s", again.Body)
	}
	done := r.submit(r.ani, r.payments, bot.CommandDeclare, again, map[string]any{"title": "Checkout fails", "service": "checkout"})
	inc := r.get(1).Incident
	if done.Task != "continue" || !bytes.Contains(done.Card, []byte("INC-1")) || inc.Title != "Checkout fails" || inc.Service != "checkout" || inc.DeclaredBy.ID != "ani@example.com" {
		t.Fatalf("declared: %s, %+v", done.Body, inc)
	}
	for _, want := range []string{"“Checkout fails for <everybody>\nsince the last deploy”", "— Budi, ", "graph.png", "https://teams.microsoft.com/l/message/" + r.payments + "/" + msg} {
		if !strings.Contains(inc.Description, want) {
			t.Errorf("the description lacks %q:\n%s", want, inc.Description)
		}
	}
	// The same submit again is the same incident.
	if _, err := r.teams.Redeliver(t.Context(), done.Delivery); err != nil {
		t.Fatal(err)
	}
	if _, err := (&query.Reader{Store: r.store, Catalog: func() incident.Catalog { return r.cat.Get() }}).Get(t.Context(), query.Self, 2, false); err == nil {
		t.Error("a repeated submit has declared a second incident")
	}
	r.settle()
	r.card(1, r.payments, r.payments) // its card is where the message was
}

// TestDeclareElsewhere: where imbot is not, the answer is the card, for the person
// to send; nothing is posted there, and nothing remembered of the chat.
func TestDeclareElsewhere(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	group := r.teams.AddGroupChat("", "Lunch", r.ani, r.budi)
	pair := r.teams.AddPersonalChat(r.ani, r.budi)
	for i, chat := range []string{group, pair} {
		id := incident.ID(i + 1)
		msg := r.post(r.budi, chat, "Search is slow", botframeworksim.SayOptions{})
		dialog := r.onMessage(r.ani, chat, msg, bot.CommandDeclare)
		done := r.submit(r.ani, chat, bot.CommandDeclare, dialog, map[string]any{"service": "finder"})
		if len(done.Results) != 1 || !bytes.Contains(done.Results[0].Card, []byte(id.String())) || !bytes.Contains(done.Results[0].Card, []byte(`"ack"`)) || !strings.Contains(done.Results[0].Title, "Search is slow") {
			t.Fatalf("declared in %s: %s", chat, done.Body)
		}
		if inc := r.get(id).Incident; inc.Title != "Search is slow" {
			t.Errorf("%+v", inc)
		}
		if _, err := r.store.Conversation(t.Context(), chat); err == nil {
			t.Errorf("%s is remembered, though imbot can't speak there", chat)
		}
	}
	p, err := r.store.Person(t.Context(), "ani@example.com")
	if err != nil || p.Conversation != r.teams.Personal(r.ani) {
		t.Errorf("ani's own chat is taken for %q (%v)", p.Conversation, err)
	}
	r.settle()
	if n := r.teams.PostCount(group) + r.teams.PostCount(pair); n != 0 {
		t.Errorf("%d posts where imbot is not", n)
	}
	// Without a message it asks as the form does.
	out, err := r.teams.ComposeAction(t.Context(), r.ani, group, bot.CommandDeclare)
	must(t, err)
	if out = r.submit(r.ani, group, bot.CommandDeclare, out, map[string]any{"title": "Mail is late"}); len(out.Results) != 1 || r.get(3).Incident.Description != "" {
		t.Errorf("declared from nothing: %s", out.Body)
	}
}

func TestDeclareRefused(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	msg := r.post(r.budi, r.payments, "x", botframeworksim.SayOptions{})
	for _, command := range []string{bot.CommandDeclare, bot.CommandTimeline} {
		if out := r.onMessage(r.vera, r.payments, msg, command); out.Task != "message" || !strings.Contains(out.Text, "read only") {
			t.Errorf("%s by a viewer: %s", command, out.Body)
		}
	}
	if out := r.onMessage(r.ani, r.payments, msg, "dance"); out.Task != "message" || !strings.Contains(out.Text, "ask an admin") {
		t.Errorf("an unknown command: %s", out.Body)
	}
	out, err := r.teams.ComposeAction(t.Context(), r.ani, r.payments, bot.CommandTimeline)
	must(t, err)
	if out.Task != "message" {
		t.Errorf("the timeline without a message: %s", out.Body)
	}
	// A private level is refused where others read, and its incident never shown.
	dialog := r.onMessage(r.ani, r.payments, msg, bot.CommandDeclare)
	forged, err := r.teams.Invoke(t.Context(), r.ani, r.payments, botframework.ExtensionSubmitAction, map[string]any{
		"commandId": bot.CommandDeclare, "data": map[string]any{"verb": "submit", "form": "declare", "title": "t", "level": "security", "message": "5", "url": "https://evil.example/l/message/1"},
	})
	must(t, err)
	if forged.Task != "continue" || bytes.Contains(forged.Body, []byte("evil.example")) {
		t.Errorf("a private level in a channel: %s", forged.Body)
	}
	if dialog.Task != "continue" {
		t.Errorf("%s", dialog.Body)
	}
}

// TestAddToTimeline: in an incident's thread or room the message goes there at
// once; elsewhere a dialog asks.
func TestAddToTimeline(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	r.say(r.ani, r.payments, "declare Search is slow service:finder")
	card := r.card(1, r.payments, r.payments)
	r.advance(time.Minute)
	written := r.Now()
	msg := r.post(r.budi, r.payments, "restarted the pods", botframeworksim.SayOptions{ReplyTo: card.ID, Files: []string{"log.txt"}})
	thread := r.payments + ";messageid=" + card.ID
	r.advance(time.Hour)
	if out := r.onMessage(r.ani, thread, msg, bot.CommandTimeline); out.Task != "message" || !strings.Contains(out.Text, "INC-1") {
		t.Fatalf("in the card's thread: %s", out.Body)
	}
	note := func(id incident.ID) incident.Event {
		t.Helper()
		for _, e := range r.get(id).Timeline {
			if e.Kind == incident.EvNote {
				return e
			}
		}
		t.Fatalf("%s has no note", id)
		return incident.Event{}
	}
	e := note(1)
	if !strings.HasPrefix(e.Text, "restarted the pods") || !strings.Contains(e.Text, "log.txt") || !e.At.Equal(written) || e.Actor.ID != "ani@example.com" ||
		e.Data["author"] != "Budi" || e.Data["message"] != msg || !strings.HasSuffix(e.Data["url"], "/"+msg) {
		t.Errorf("the note is %+v", e)
	}
	r.onMessage(r.budi, thread, msg, bot.CommandTimeline) // somebody else has the same thought
	if n := r.count(1, incident.EvNote); n != 1 {
		t.Errorf("%d notes of one message", n)
	}
	// Elsewhere it is asked which.
	chat := r.teams.AddGroupChat("", "Lunch", r.ani, r.budi)
	msg = r.post(r.budi, chat, "index is rebuilt", botframeworksim.SayOptions{})
	dialog := r.onMessage(r.ani, chat, msg, bot.CommandTimeline)
	if dialog.Task != "continue" || !bytes.Contains(dialog.Card, []byte("INC-2 Search is slow")) || !bytes.Contains(dialog.Card, []byte("index is rebuilt")) {
		t.Fatalf("elsewhere: %s", dialog.Body)
	}
	for _, inputs := range []map[string]any{{}, {"incident_other": "INC-99"}, {"incident_other": "nonsense"}} {
		again := r.submit(r.ani, chat, bot.CommandTimeline, dialog, inputs)
		if again.Task != "continue" || !bytes.Contains(again.Card, []byte("⚠️")) {
			t.Errorf("%v: %s", inputs, again.Body)
		}
		dialog = again
	}
	if out := r.submit(r.ani, chat, bot.CommandTimeline, dialog, map[string]any{"incident_pick": "INC-2", "incident_other": ""}); out.Task != "message" || note(2).Text != "index is rebuilt" {
		t.Errorf("picked: %s", out.Body)
	}
	if out := r.submit(r.ani, chat, bot.CommandTimeline, dialog, map[string]any{"incident_other": "#1"}); out.Task != "message" || r.count(1, incident.EvNote) != 2 {
		t.Errorf("typed: %s", out.Body)
	}
}

// TestPrivateStaysHidden: nothing of the message extension tells of a private
// incident outside the 1:1 chat.
func TestPrivateStaysHidden(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	own := r.teams.Personal(r.ani)
	r.say(r.ani, own, "declare Leaked keys service:checkout private:yes")
	if !r.get(1).Incident.Private {
		t.Fatal("it is not private")
	}
	msg := r.post(r.budi, r.payments, "hm", botframeworksim.SayOptions{})
	dialog := r.onMessage(r.ani, r.payments, msg, bot.CommandTimeline)
	if bytes.Contains(dialog.Body, []byte("Leaked")) {
		t.Errorf("the dialog offers it: %s", dialog.Body)
	}
	if out := r.submit(r.ani, r.payments, bot.CommandTimeline, dialog, map[string]any{"incident_other": "1"}); out.Task != "continue" || r.count(1, incident.EvNote) != 0 {
		t.Errorf("typed: %s", out.Body)
	}
	for _, words := range []string{"", "1", "INC-1", "leaked"} {
		if out := r.lookFor(r.ani, r.payments, words); len(out.Results) != 0 || out.Type != "message" || bytes.Contains(out.Body, []byte("Leaked")) {
			t.Errorf("search for %q: %s", words, out.Body)
		}
	}
	none, err := r.teams.PasteLink(t.Context(), r.ani, own, "https://imbot.example.com/incidents/INC-999")
	must(t, err)
	private, err := r.teams.PasteLink(t.Context(), r.ani, own, "https://imbot.example.com/incidents/INC-1")
	must(t, err)
	if !bytes.Equal(none.Body, private.Body) {
		t.Errorf("a link to a private incident says %s, one to nothing %s", private.Body, none.Body)
	}
	if out := r.lookFor(r.ani, own, "leaked"); len(out.Results) != 1 {
		t.Errorf("in the 1:1 chat: %s", out.Body)
	}
	if _, err := r.teams.Choose(t.Context(), r.ani, r.payments, botframeworksim.Result{Tap: json.RawMessage(`{"incident":"INC-1"}`)}); err == nil {
		t.Error("a forged choice is answered")
	}
}

func TestFind(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	if out := r.lookFor(r.ani, r.payments, ""); out.Type != "message" || out.Text == "" {
		t.Errorf("nothing is open: %s", out.Body)
	}
	for _, text := range []string{"Checkout is down service:checkout", "Search is slow service:finder", "Checkout is slow service:checkout"} {
		r.say(r.ani, r.payments, "declare "+text)
		r.advance(time.Minute)
	}
	r.say(r.ani, r.payments, "resolve 1 rolled back")
	for words, want := range map[string]string{
		"":                  "INC-3 Checkout is slow | INC-2 Search is slow",
		"inc-2":             "INC-2 Search is slow",
		"#1":                "INC-1 Checkout is down",
		"checkout":          "INC-3 Checkout is slow | INC-1 Checkout is down",
		"checkout SLOW":     "INC-3 Checkout is slow",
		"resolved":          "INC-1 Checkout is down",
		"open squad:search": "INC-2 Search is slow",
		"nothing like it":   "",
		"since:":            "", // half typed
		"42":                "",
	} {
		out := r.lookFor(r.budi, r.payments, words)
		if got := titles(out); got != want {
			t.Errorf("%q finds %q, want %q", words, got, want)
		}
		if (want == "") != (out.Type == "message") {
			t.Errorf("%q: %s", words, out.Body)
		}
	}
	if page, err := r.teams.Search(t.Context(), r.ani, r.payments, bot.CommandFind, bot.ParameterWords, "slow", 1); err != nil || titles(page) != "INC-2 Search is slow" {
		t.Errorf("the next page: %q, %v", titles(page), err)
	}
	if page, err := r.teams.Search(t.Context(), r.ani, r.payments, bot.CommandFind, bot.ParameterWords, "slow", 25); err != nil || len(page.Results) != 0 || page.Type != "result" {
		t.Errorf("behind the last page: %s, %v", page.Body, err)
	}
	if out, err := r.teams.Search(t.Context(), r.ani, r.payments, "old", "q", "x", 0); err != nil || out.Type != "message" {
		t.Errorf("an unknown command: %s, %v", out.Body, err)
	}
	found := r.lookFor(r.ani, r.payments, "2").Results[0]
	for _, want := range []string{"INC-2", "Search is slow", `"show"`} {
		if !bytes.Contains(found.Card, []byte(want)) {
			t.Errorf("the result lacks %s: %s", want, found.Card)
		}
	}
	if card, err := r.teams.Choose(t.Context(), r.ani, r.payments, found); err != nil || !bytes.Equal(card, found.Card) {
		t.Errorf("chosen it is %s, %v", card, err)
	}
	for range 40 {
		r.advance(time.Minute)
		r.write(r.ani, r.payments, "declare "+strings.Repeat("😀", 250))
	}
	if out := r.lookFor(r.ani, r.payments, ""); len(out.Results) < 10 || len(out.Results) > 25 {
		t.Errorf("%d results", len(out.Results))
	}
}

// slowStore hangs until the reader loses patience.
type slowStore struct{ incident.Store }

func (slowStore) View(ctx context.Context, _ func(incident.Tx) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// busyReads has no time for anybody.
type busyReads struct{ incident.Store }

func (busyReads) View(context.Context, func(incident.Tx) error) error { return incident.ErrBusy }

// TestFindIsQuick: Teams gives up after five seconds; well before that the person
// is told to ask for less.
func TestFindIsQuick(t *testing.T) {
	var reader *query.Reader
	r := newRig(t, func(c *bot.Config) { reader = c.Reader })
	r.install(r.ani)
	fine := reader.Store
	reader.Store = slowStore{fine}
	out := r.lookFor(r.ani, r.payments, "checkout")
	if out.Type != "message" || out.Took > 3*time.Second {
		t.Errorf("after %s: %s", out.Took, out.Body)
	}
	reader.Store = busyReads{fine}
	if out = r.lookFor(r.ani, r.payments, "checkout"); out.Type != "message" {
		t.Errorf("when the store is busy: %s", out.Body)
	}
}
