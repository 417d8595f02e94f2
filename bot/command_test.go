package bot_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

// TestRedelivery: Teams sends an activity again when the answer got lost, also
// while the first one is being handled.
func TestRedelivery(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	conv := r.teams.Personal(r.ani)
	for _, tt := range []struct {
		text  string
		kind  incident.EventKind
		count int
	}{
		{"declare checkout is down", incident.EvDeclared, 1},
		{"note 1 restarted the pods", incident.EvNote, 1},
		{"action 1 add raise the limit", incident.EvActionAdded, 1},
		{"ack 1", incident.EvAcked, 1},
		{"resolve 1 limit raised", incident.EvResolved, 1},
		{"reopen 1 it is back", incident.EvReopened, 1},
	} {
		before := len(r.teams.Posts(conv))
		d := r.write(r.ani, conv, tt.text)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				again, err := r.teams.Redeliver(t.Context(), d)
				if err != nil || again.Status != http.StatusOK {
					t.Errorf("%q again: %d, %v", tt.text, again.Status, err)
				}
			})
		}
		wg.Wait()
		r.settle()
		if n := r.count(1, tt.kind); n != tt.count {
			t.Errorf("%q happened %d times", tt.text, n)
		}
		answers := 0
		for _, p := range r.teams.Posts(conv)[before:] {
			if p.Card() == nil && p.Contains("INC-1") && !strings.HasPrefix(p.Activity.Text, "INC-1 resolved by") && !strings.HasPrefix(p.Activity.Text, "INC-1 reopened by") {
				answers++
			}
		}
		if answers != 1 {
			t.Errorf("%q was answered %d times: %s", tt.text, answers, texts(r.teams.Posts(conv)[before:]))
		}
	}
	if _, err := r.store.Conversation(t.Context(), conv); err != nil {
		t.Error(err)
	}
}

// TestSameIDElsewhere: ids of activities are unique in their conversation only,
// and those of an invoke and a message are not the same.
func TestSameIDElsewhere(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi)
	r.say(r.ani, r.teams.Personal(r.ani), "declare checkout is down")
	for _, p := range []struct{ user, conv string }{{r.ani, r.teams.Personal(r.ani)}, {r.budi, r.teams.Personal(r.budi)}} {
		from := map[string]any{"id": p.user}
		r.send(r.activity("message", p.conv, map[string]any{"id": "17", "from": from, "text": "note 1 by a message"}))
		r.send(r.activity("invoke", p.conv, map[string]any{"id": "17", "from": from, "name": "task/submit", "value": map[string]any{
			"data": map[string]any{"verb": "submit", "form": "note", "incident": "INC-1", "text": "by a dialog"},
		}}))
	}
	if n := r.count(1, incident.EvNote); n != 4 {
		t.Errorf("%d notes, want 4", n)
	}
}

// TestBusy: nothing is said to be done that is not stored.
func TestBusy(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	conv := r.teams.Personal(r.ani)
	before := r.teams.PostCount(conv)
	for i, plan := range [][]bool{{true}, {false, true}} { // the command; then only its answer
		r.busy.refuse(plan...)
		d := r.write(r.ani, conv, "declare checkout is down")
		if d.Status != http.StatusServiceUnavailable {
			t.Fatalf("%d: status %d", i, d.Status)
		}
		again, err := r.teams.Redeliver(t.Context(), d)
		must(t, err)
		if again.Status != http.StatusOK {
			t.Fatalf("%d: again: status %d", i, again.Status)
		}
	}
	r.settle()
	said := 0
	for _, p := range r.teams.Posts(conv)[before:] {
		if strings.Contains(p.Activity.Text, "is declared") {
			said++
		}
	}
	if _, err := r.svc.Do(t.Context(), incident.Command{Verb: incident.Ack, Incident: 3, Actor: incident.System}); said != 2 || !errors.Is(err, incident.ErrNotFound) {
		t.Errorf("two incidents were declared, %d times that was said; a third one: %v", said, err)
	}
}

// TestAnswersAreEffects: the handler itself posts nothing; the answer waits for
// the outbox, and survives a restart there.
func TestAnswersAreEffects(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	conv := r.teams.Personal(r.ani)
	before := len(r.teams.Calls())
	r.write(r.ani, conv, "declare checkout is down")
	for _, c := range r.teams.Calls()[before:] {
		if c.Op != "member" {
			t.Errorf("the handler made the call %s", c.Op)
		}
	}
	if v := r.get(1); v.Incident.Title != "checkout is down" {
		t.Errorf("declared: %q", v.Incident.Title)
	}
	jobs, err := r.store.Jobs(t.Context(), incident.EffectWaiting, 10)
	must(t, err)
	kinds := map[string]int{}
	for _, j := range jobs {
		kinds[j.Kind]++
	}
	if kinds[incident.KindAnswer] != 1 || kinds[incident.KindCard] == 0 {
		t.Errorf("waiting: %v", kinds)
	}
}

// TestChannelTalk: what is heard where, and how hints look there.
func TestChannelTalk(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	// With some permissions Teams delivers messages that are not for the bot.
	quiet := r.send(r.activity("message", r.payments, map[string]any{
		"text": "declare the coffee machine is down", "conversation": map[string]any{"id": r.payments, "conversationType": "channel", "tenantId": tenant},
	}))
	if b, err := r.store.Backlog(t.Context()); err != nil || quiet.Status != 200 || b.Waiting != 0 {
		t.Errorf("unmentioned: %d, %d effects wait, %v", quiet.Status, b.Waiting, err)
	}
	r.answered(r.ani, r.payments, "ack", "@imbot ack")
	r.answered(r.ani, r.teams.Personal(r.ani), "ack", "Which incident? Example: ack INC-42")
	posts := r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	if len(posts) == 0 {
		t.Fatal("nobody answered")
	}
	card := r.card(1, r.payments, r.payments)
	// In the card's thread the number may be left out.
	if got := r.say(r.budi, r.payments+";messageid="+card.ID, "ack"); len(got) == 0 || got[0].ThreadID != card.ID || !got[0].Contains("Budi") {
		t.Errorf("in the thread: %s", texts(got))
	}
	if by := r.get(1).Incident.AcknowledgedBy; by.ID != "budi@example.com" {
		t.Errorf("acknowledged by %+v", by)
	}
	// The answer to a message that begins a thread stands in that thread.
	d := r.write(r.ani, r.payments, "show 1")
	r.settle()
	all := r.teams.Posts(r.payments)
	if last := all[len(all)-1]; last.ThreadID != d.ActivityID || last.Card() == nil {
		t.Errorf("the answer stands in thread %q, not %q", last.ThreadID, d.ActivityID)
	}
	group := r.teams.AddGroupChat("", "Responders", r.ani, r.budi)
	must(t, r.teams.Install(t.Context(), r.ani, group))
	r.settle()
	r.answered(r.ani, group, "declare Search is slow", "INC-2 is declared")
	r.card(2, group, group)
}

// TestMentions: people are named by mentions, also such as imbot has never met.
func TestMentions(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	for _, tt := range []struct{ text, user, want string }{
		{"assign 1 @Eko", r.eko, "eko@example.com"},    // never met
		{"assign 1 @Ani", r.ani, "ani@example.com"},    // met
		{"assign 1 @Dewi", r.dewi, "dewi@example.com"}, // by the catalog
	} {
		r.say(r.ani, r.payments, tt.text, tt.user)
		if got := r.get(1).Incident.Commander.ID; got != tt.want {
			t.Errorf("%s: the commander is %q, want %q", tt.text, got, tt.want)
		}
	}
	if p, err := r.store.Person(t.Context(), "eko@example.com"); err != nil || p.TeamsID != r.eko || p.Conversation != "" || p.Language != "" {
		t.Errorf("eko is kept as %+v, %v", p, err)
	}
	// The name in the text may be shorter than the one in the entity. A bot, a
	// channel and nobody are not people.
	mention := func(id, name, text string) any {
		return map[string]any{"type": "mention", "text": "<at>" + text + "</at>", "mentioned": map[string]any{"id": id, "name": name}}
	}
	r.send(r.activity("message", r.payments, map[string]any{
		"id": "short", "text": "<at>imbot</at> assign 1 <at>Budi S.</at>",
		"conversation": map[string]any{"id": r.payments, "conversationType": "channel", "tenantId": tenant},
		"entities":     []any{mention(r.teams.BotID(), "imbot", "imbot"), mention("28:another", "robot", "robot"), mention(r.budi, "Budi", "Budi S.")},
	}))
	if got := r.get(1).Incident.Commander.ID; got != "budi@example.com" {
		t.Errorf("the commander is %q", got)
	}
	if _, err := r.store.Person(t.Context(), "28:another"); err == nil {
		t.Error("a bot is kept as a person")
	}
}

// TestSlash: a message that only imbot sees needs no mention, and only its
// sender sees the answer.
func TestSlash(t *testing.T) {
	r := newRig(t, func(c *bot.Config) { c.Slash = true })
	r.install(r.ani)
	before := len(r.teams.Posts(r.payments))
	d := r.send(r.activity("message", r.payments, map[string]any{
		"text": "/incident list", "conversation": map[string]any{"id": r.payments, "conversationType": "channel", "tenantId": tenant},
		"recipient": map[string]any{"id": r.teams.BotID(), "isTargeted": true},
	}))
	r.settle()
	posts := r.teams.Posts(r.payments)[before:]
	if d.Status != 200 || len(posts) != 1 || posts[0].TargetedTo != r.ani {
		t.Fatalf("status %d, answers %+v", d.Status, posts)
	}
}

// TestLanguage: a person's own in a 1:1 chat, the squad's in its channel, the
// company's elsewhere.
func TestLanguage(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi)
	r.answered(r.budi, r.teams.Personal(r.budi), "declare Kasir mati service:checkout", "INC-1 dilaporkan")
	r.answered(r.budi, r.payments, "note 1 x", "Noted on INC-1")
	r.answered(r.ani, r.payments, "connect payments", "Payments")
	r.answered(r.ani, r.payments, "note 1 y", "Tercatat di INC-1")
	r.answered(r.ani, r.teams.Personal(r.ani), "note 1 z", "Noted on INC-1")
	if c := r.card(1, "user:budi@example.com", r.teams.Personal(r.budi)); !strings.Contains(c.Activity.Summary, "belum") {
		t.Errorf("Budi's card says %q", c.Activity.Summary)
	}
	// A person who changes the language of the client is followed.
	p, err := r.store.Person(t.Context(), "budi@example.com")
	must(t, err)
	r.send(r.activity("message", r.teams.Personal(r.budi), map[string]any{"from": map[string]any{"id": r.budi}, "text": "help", "locale": "en-GB"}))
	now, err := r.store.Person(t.Context(), "budi@example.com")
	must(t, err)
	if p.Language != "id" || now.Language != "en" {
		t.Errorf("the language was %q and is %q", p.Language, now.Language)
	}
}

// TestPrivate: in a channel a private incident does not exist, not even for its
// members, and is not declared there.
func TestPrivate(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi)
	mine := r.teams.Personal(r.ani)
	const link = "https://teams.microsoft.com/l/chat/0/0?users=28:" + appID
	r.answered(r.ani, r.payments, "declare Keys leaked private:yes", "1:1", link)
	r.answered(r.ani, r.payments, "declare Keys leaked level:security", "1:1", link)
	r.answered(r.ani, mine, "declare Keys leaked private:yes", "INC-1 is declared")
	for _, text := range []string{"show 1", "ack 1", "note 1 hello", "rca 1", "action 1 list", "resolve 1", "level 1", "member 1 add eko@example.com", "retry 1"} {
		r.answered(r.ani, r.payments, text, "There is no incident INC-1.")
	}
	for _, p := range r.say(r.ani, r.payments, "list") {
		if p.Contains("INC-1") || p.Contains("leaked") {
			t.Errorf("the list tells it: %s", p.Card())
		}
	}
	r.answered(r.budi, r.teams.Personal(r.budi), "show 1", "INC-1") // "there is no"
	if r.say(r.budi, r.teams.Personal(r.budi), "show 1")[0].Contains("leaked") {
		t.Error("somebody who is no member was told")
	}
	r.answered(r.ani, mine, "show 1", "leaked")
	// An incident that becomes private in a channel: not one more word there.
	r.answered(r.ani, r.payments, "declare Password list found service:checkout", "INC-2 is declared")
	got := r.say(r.ani, r.payments, "level 2 security secret reason")
	for _, p := range got {
		if p.Contains("Password") || p.Contains("secret reason") {
			t.Errorf("said in the channel: %s", texts(got))
		}
	}
	if c := r.card(2, r.payments, r.payments); c.Contains("Password") {
		t.Errorf("the card still tells: %s", c.Card())
	}
}

// TestFormsInText: a form that was asked for by text and is filled in in two
// steps keeps what was typed, on clients without Action.Execute too.
func TestFormsInText(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	conv := r.teams.Personal(r.ani)
	r.say(r.ani, conv, "declare Checkout is down service:checkout")
	r.say(r.ani, conv, "resolve 1")
	form := r.answered(r.ani, conv, "rca 1", "Step 1 of 3")
	submit := func(post botframeworksim.Post, op, step string, inputs map[string]any) botframeworksim.Post {
		t.Helper()
		before := len(r.teams.Posts(conv))
		value := map[string]any{"verb": "submit", "form": "rca", "incident": "INC-1", "step": step, "op": op}
		for k, v := range inputs {
			value[k] = v
		}
		r.send(r.activity("message", conv, map[string]any{"id": op + step, "value": value, "replyToId": post.ID}))
		r.settle()
		for _, p := range r.teams.Posts(conv)[before:] {
			if p.Card() == nil || p.Contains("submit") {
				return p
			}
		}
		t.Fatalf("%s of step %s: no answer", op, step)
		return botframeworksim.Post{}
	}
	next := submit(form, "next", "1", map[string]any{"summary": "The pool was used up.", "impact": "Half of the payments failed."})
	if !next.Contains("Step 2 of 3") {
		t.Errorf("after step 1 comes %s", next.Card())
	}
	back := submit(next, "finish", "2", map[string]any{"root_cause": "A query without a timeout.", "category": "code"})
	if !back.Contains("Needed to finish.") || r.get(1).Incident.Status != incident.Resolved {
		t.Errorf("finishing too early gives %s", back.Card())
	}
	if rca := r.get(1).Incident.Postmortem.RCA; rca.Summary == "" || rca.RootCause != "A query without a timeout." {
		t.Errorf("the draft is %+v", rca)
	}
	last := submit(back, "finish", "3", map[string]any{"resolution_steps": "Raised the limit.", "impact_started_at": r.Now().Add(-3600e9).Format("2006-01-02 15:04")})
	if !last.Contains("closed") || r.get(1).Incident.Status != incident.Closed || r.get(1).Incident.Times.ImpactStarted.IsZero() {
		t.Errorf("finishing gives %s, the incident is %s", texts([]botframeworksim.Post{last}), r.get(1).Incident.Status)
	}
}
