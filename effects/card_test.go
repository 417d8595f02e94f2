package effects_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
	"imbot/query"
)

// TestCard: posted once, updated in place, merged, and made anew where somebody
// has deleted it.
func TestCard(t *testing.T) {
	r := newRig(t)
	id := r.declare("Checkout is slow")
	r.settle(time.Hour)
	first := r.one(r.payments)
	if !first.Contains("Checkout is slow") || !strings.HasPrefix(first.Activity.Summary, "INC-1 ") || first.Activity.Text != "" {
		t.Errorf("the card is %+v", first.Activity)
	}
	for range 5 { // quick changes make one update
		r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "x"}})
	}
	r.do(incident.Command{Verb: incident.Ack, Incident: id})
	r.settle(time.Hour)
	if got := r.one(r.payments); got.ID != first.ID || len(got.History) != 1 || !got.Contains("Budi") {
		t.Errorf("after %d updates the card is %s", len(got.History), got.Card())
	}
	ref, _ := r.view(id).Incident.HasRef("teams", incident.RoleCard, r.payments)
	if want := "https://teams.microsoft.com/l/message/" + r.payments + "/" + first.ID; ref.URL != want {
		t.Errorf("the card's address is %s, want %s", ref.URL, want)
	}
	must(t, r.client.Delete(t.Context(), r.teams.Reference(r.payments), first.ID))
	r.do(incident.Command{Verb: incident.Assign, Incident: id, Args: incident.Args{Person: &person}})
	r.settle(time.Hour)
	second := r.one(r.payments)
	if second.ID == first.ID || bytes.Contains(second.Card(), []byte("<at>")) {
		t.Errorf("the new card is %s", second.Card())
	}
	// The few replies stand in its thread.
	replies := 0
	for _, p := range r.teams.Posts(r.payments) {
		if p.Card() == nil && p.ThreadID == second.ID && strings.Contains(p.Activity.Text, "commander") {
			replies++
		}
	}
	if replies != 1 {
		t.Errorf("%d replies about the commander in the thread", replies)
	}
	for _, key := range []string{first.ID, second.ID} { // both threads lead to it
		got, err := r.say.View.(*query.Reader).ByKey(t.Context(), incident.Ref{System: "teams", ID: r.payments + ";messageid=" + key}.Key())
		if err != nil || got != id {
			t.Errorf("thread %s leads to %v, %v", key, got, err)
		}
	}
}

// TestResolvedBeforeItRan: the card shows the present state, and calls nobody.
func TestResolvedBeforeItRan(t *testing.T) {
	r := newRig(t)
	id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Checkout is down", Service: "checkout"}}).ID
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.settle(time.Hour)
	if got := r.one(r.payments); !got.Contains("RESOLVED") || bytes.Contains(got.Card(), []byte("<at>")) || len(got.History) != 0 {
		t.Errorf("the card is %s", got.Card())
	}
}

// TestMentions: each person once, however many channels are told and however
// many parts somebody has; never again by an update.
func TestMentions(t *testing.T) {
	r := newRig(t)
	id, _ := r.trigger("Checkout is down", pagerdutysim.Alert{})
	r.settle(time.Minute) // the first reminder, which is a card, too, comes later

	called := func(conv string) (n int) { // in all contents that the card had
		p := r.one(conv)
		for _, a := range append(p.History, p.Activity) {
			n += bytes.Count(a.Attachments[0].Content, []byte(`"type":"mention"`))
		}
		return n
	}
	if n := called(r.payments); n != 2 {
		t.Errorf("%d people are mentioned in the squad's channel, want Budi and Ani: %s", n, r.one(r.payments).Card())
	}
	if n := called(r.everywhere); n != 0 {
		t.Errorf("%d people are mentioned in the broadcast channel as well", n)
	}
	r.do(incident.Command{Verb: incident.Ack, Incident: id})
	r.settle(time.Minute)
	if n := called(r.payments); n != 2 {
		t.Errorf("after an update %d people were mentioned", n)
	}
}

// TestMentionsFollowTheCard: where the squad's channel is lost, the card in the
// default channel calls people in its stead.
func TestMentionsFollowTheCard(t *testing.T) {
	r := newRig(t)
	must(t, r.teams.DeleteChannel(t.Context(), r.ani, r.payments))
	r.trigger("Checkout is down", pagerdutysim.Alert{})
	r.settle(time.Hour)
	n := 0
	for _, a := range append(r.one(r.def).History, r.one(r.def).Activity) {
		n += bytes.Count(a.Attachments[0].Content, []byte(`"type":"mention"`))
	}
	if n != 2 {
		t.Errorf("%d people are mentioned in the default channel: %s", n, r.one(r.def).Card())
	}
}

// TestLostChannel: the card goes to the default channel once, that is said, and
// later changes do not fail again and again.
func TestLostChannel(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known bool // it had the card before
		lose  func(r *rig)
	}{
		{"deleted, and heard of it", false, func(r *rig) {
			must(t, r.book.Gone(t.Context(), r.payments, "the channel was deleted"))
		}},
		{"deleted, not heard of it", false, func(r *rig) { must(t, r.teams.DeleteChannel(t.Context(), r.ani, r.payments)) }},
		{"deleted with its card", true, func(r *rig) { must(t, r.teams.DeleteChannel(t.Context(), r.ani, r.payments)) }},
		{"removed", false, func(r *rig) {
			r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
				if c.ConversationID == r.payments {
					return botframeworksim.Answer(404)
				}
				return botframeworksim.Pass()
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			if !tt.known {
				tt.lose(r)
			}
			id := r.declare("Checkout is slow")
			r.settle(time.Hour)
			if tt.known {
				tt.lose(r)
			}
			for range 3 {
				r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "x"}})
				r.settle(time.Hour)
			}
			if got := r.one(r.def); !got.Contains("Checkout is slow") {
				t.Errorf("in the default channel: %s", got.Card())
			}
			if n := r.count(id, incident.EvFailed); n != 1 || len(r.dead) != 0 {
				t.Errorf("it is said %d times on the timeline, and %q died", n, r.dead)
			}
			if got := r.effect(id, "card/"+r.payments); got.State != incident.EffectSkipped || got.Error == "" {
				t.Errorf("the lost card is %+v", got)
			}
			if !r.one(r.def).Contains("This came to the default channel") {
				t.Error("the card does not say so")
			}
			// It is added again, and a person has it run again.
			r.teams.Fault(nil)
			if strings.HasPrefix(tt.name, "deleted, and") || tt.name == "removed" {
				r.meet(r.payments, "channel")
				r.do(incident.Command{Verb: incident.Retry, Incident: id})
				r.settle(time.Hour)
				if len(r.cards(r.payments)) != 1 || len(r.view(id).Trouble) != 0 {
					t.Errorf("after the retry: %d cards, trouble %+v", len(r.cards(r.payments)), r.view(id).Trouble)
				}
			}
		})
	}
}

// TestNoDefault: without a way to anybody there is a remark, and no storm.
func TestNoDefault(t *testing.T) {
	r := newRig(t)
	r.say.Default = func() string { return "" }
	must(t, r.teams.DeleteChannel(t.Context(), r.ani, r.payments))
	id := r.declare("Checkout is slow")
	for range 3 {
		r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "x"}})
		r.settle(time.Hour)
	}
	if n := r.count(id, incident.EvFailed); n != 0 || len(r.dead) != 0 || len(r.view(id).Trouble) != 1 {
		t.Errorf("%d entries, %q died, trouble %+v", n, r.dead, r.view(id).Trouble)
	}
}

// TestRosterRace: right after an installation Teams does not let the bot in yet.
func TestRosterRace(t *testing.T) {
	for _, tt := range []struct {
		after     time.Duration
		cards     int // in the squad's channel
		elsewhere int // in the default one
	}{{20 * time.Second, 1, 0}, {10 * time.Minute, 0, 1}} {
		r := newRig(t)
		began := r.Now()
		r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
			if c.ConversationID == r.payments && r.Now().Before(began.Add(tt.after)) {
				must(t, r.teams.SetInstalled(r.payments, false))
			} else {
				must(t, r.teams.SetInstalled(r.payments, true))
			}
			return botframeworksim.Pass()
		})
		r.declare("Checkout is slow")
		r.settle(2 * time.Minute)
		if a, b := len(r.cards(r.payments)), len(r.cards(r.def)); a != tt.cards || b != tt.elsewhere {
			t.Errorf("let in after %s: %d cards there and %d in the default channel", tt.after, a, b)
		}
		c, err := r.store.Conversation(t.Context(), r.payments)
		if err != nil || (c.Gone != "") != (tt.elsewhere == 1) {
			t.Errorf("let in after %s: gone %q, %v", tt.after, c.Gone, err)
		}
	}
}

// TestPrivateCards: what is private goes to members' 1:1 chats; where it was
// public before, the words are taken away; a former member is told no more.
func TestPrivateCards(t *testing.T) {
	r := newRig(t)
	id := r.declare("Keys leaked")
	r.settle(time.Hour)
	r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Another", Service: "checkout", Level: "other"}})
	if !r.one(r.payments).Contains("Keys leaked") {
		t.Fatal("nothing was posted")
	}
	// There is no level that is private here: the incident is made so in the store.
	must(t, r.store.Update(t.Context(), func(tx incident.Tx) error {
		inc, err := tx.Incident(id)
		if err != nil {
			return err
		}
		eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
		inc.Private, inc.Members = true, []incident.Actor{person, eko}
		return tx.PutIncident(inc)
	}))
	r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "secret word"}})
	r.settle(time.Hour)
	public := r.cards(r.payments)[0]
	if public.Contains("Keys") || public.Contains("secret") || public.Activity.Summary != "INC-1" || !public.Contains("private") {
		t.Errorf("the public card is %s", public.Card())
	}
	eko := r.teams.Personal(r.eko)
	if !r.one(eko).Contains("Keys leaked") {
		t.Errorf("a member is not told: %s", r.one(eko).Card())
	}
	r.do(incident.Command{Verb: incident.Member, Incident: id, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "eko@example.com"}, Remove: true}})
	r.do(incident.Command{Verb: incident.Resolve, Incident: id, Args: incident.Args{Text: "secret end"}})
	r.settle(time.Hour)
	if got := r.one(eko); got.Contains("Keys") || got.Contains("secret") {
		t.Errorf("a former member still reads %s", got.Card())
	}
	for _, p := range r.teams.Posts(eko) {
		if strings.Contains(p.Activity.Text, "resolved") {
			t.Errorf("a former member is told %q", p.Activity.Text)
		}
	}
	// A redacted card that somebody deleted is not posted again, nor is trouble made of it.
	must(t, r.client.Delete(t.Context(), r.teams.Reference(eko), r.one(eko).ID))
	r.do(incident.Command{Verb: incident.Reopen, Incident: id})
	r.settle(time.Hour)
	if len(r.cards(eko)) != 0 || len(r.view(id).Trouble) != 0 || len(r.dead) != 0 {
		t.Errorf("%d cards, trouble %+v, dead %q", len(r.cards(eko)), r.view(id).Trouble, r.dead)
	}
}

// TestPrivateBeforeItRan: a card that was to be posted in public is not, once
// the incident is private; that is no trouble.
func TestPrivateBeforeItRan(t *testing.T) {
	r := newRig(t)
	id := r.declare("Keys leaked")
	r.makePrivate(id)
	r.settle(time.Hour)
	if n := r.teams.PostCount(r.payments); n != 0 || len(r.view(id).Trouble) != 0 {
		t.Errorf("%d posts, trouble %+v", n, r.view(id).Trouble)
	}
}

// TestBusyStore: a card that stands is not posted again because the store had
// too much to do.
func TestBusyStore(t *testing.T) {
	r := newRig(t)
	id := r.declare("Checkout is slow")
	r.refuse = 3
	r.settle(time.Hour)
	r.one(r.payments)
	if _, ok := r.view(id).Incident.HasRef("teams", incident.RoleCard, r.payments); !ok {
		t.Error("the card is not known")
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.teams.Fault(func(botframeworksim.Call) botframeworksim.Outcome { return botframeworksim.Pass() })
	second := r.declare("Another is slow")
	r.refuse = 1 << 30
	go func() {
		_ = r.teams.Await(t.Context(), func() bool { return r.teams.PostCount(r.payments) == 2 })
		cancel()
	}()
	err := r.say.Card(ctx, outbox.Job{Effect: r.effect(second, "card/"+r.payments).Effect, Attempt: 1})
	if err == nil {
		t.Error("a card that was not recorded is done")
	}
	r.refuse = 0
}

// TestReplyAndAnswer: what is said besides cards.
func TestReplyAndAnswer(t *testing.T) {
	r := newRig(t)
	reply := func(id incident.ID, target string) outbox.Job {
		return outbox.Job{Attempt: 1, Effect: incident.Effect{Incident: id, Target: target, Kind: incident.KindReply, Data: []byte(`{"reason":"resolved","by":{"kind":"user","id":"budi@example.com","name":"Budi"},"text":"limit raised"}`)}}
	}
	id := r.declare("Checkout is slow")
	if err := r.say.Reply(t.Context(), reply(id, r.payments)); err == nil || !strings.Contains(err.Error(), "no card to reply to") {
		t.Errorf("a reply without a card: %v", err)
	}
	r.settle(time.Hour)
	must(t, r.say.Reply(t.Context(), reply(id, r.payments)))
	posts := r.teams.Posts(r.payments)
	if last := posts[len(posts)-1]; last.ThreadID != posts[0].ID || !strings.Contains(last.Activity.Text, "limit raised") || last.Activity.Summary != last.Activity.Text {
		t.Errorf("the reply is %+v", last.Activity)
	}
	bad := reply(id, r.payments)
	bad.Data = []byte("{")
	if err := r.say.Reply(t.Context(), bad); !outbox.Permanent(err) {
		t.Errorf("a broken reply: %v", err)
	}

	ref := r.teams.Reference(r.payments)
	hello := `"activity":{"type":"message","text":"hello"}`
	address := `"ref":{"serviceUrl":"` + ref.ServiceURL + `","conversationId":"` + ref.ConversationID + `"}`
	answer := func(data string) error {
		return r.say.Answer(t.Context(), outbox.Job{Attempt: 1, Effect: incident.Effect{Kind: incident.KindAnswer, Data: []byte(data)}})
	}
	for _, data := range []string{`{`, `null`, `{}`, `{` + address + `}`, `{"ref":{"serviceUrl":"https://example.com","conversationId":"x"},` + hello + `}`} {
		if err := answer(data); !outbox.Permanent(err) || strings.Contains(err.Error(), "%!") {
			t.Errorf("answer %s: %v, want one for good", data, err)
		}
	}
	must(t, answer(`{`+address+`,`+hello+`}`))
	must(t, answer(`{`+address+`,"reply_to":"`+posts[0].ID+`",`+hello+`}`))
	posts = r.teams.Posts(r.payments)
	if a, b := posts[len(posts)-2], posts[len(posts)-1]; a.ThreadID != a.ID || b.ThreadID != posts[0].ID {
		t.Errorf("the answers stand in %s and %s", a.ThreadID, b.ThreadID)
	}
	must(t, answer(`{`+address+`,"update":"`+posts[len(posts)-1].ID+`","activity":{"type":"message","text":"changed"}}`))
	if got := r.teams.Posts(r.payments); got[len(got)-1].Activity.Text != "changed" {
		t.Error("nothing was changed")
	}
	must(t, r.client.Delete(t.Context(), ref, posts[len(posts)-1].ID))
	must(t, answer(`{`+address+`,"update":"`+posts[len(posts)-1].ID+`",`+hello+`}`)) // nobody looks at it any more
	must(t, r.teams.DeleteChannel(t.Context(), r.ani, r.payments))
	if err := answer(`{` + address + `,` + hello + `}`); !outbox.Permanent(err) {
		t.Errorf("an answer to a deleted channel: %v", err)
	}
}

// TestOff: what is turned off is skipped with its reason, and run by its button.
func TestOff(t *testing.T) {
	r := newRig(t)
	r.runner.Handlers[incident.KindCard] = effects.Off("dry run")
	id := r.declare("Checkout is slow")
	r.settle(time.Hour)
	if got := r.effect(id, "card/"+r.payments); got.State != incident.EffectSkipped || got.Error != "dry run" || r.teams.PostCount("") != 0 {
		t.Errorf("the card is %+v", got)
	}
	r.runner.Handlers[incident.KindCard] = r.say.Card
	r.do(incident.Command{Verb: incident.Retry, Incident: id})
	r.settle(time.Hour)
	r.one(r.payments)
}

// TestAnswersLostForLong: Teams posts everything, and every answer is lost for
// half an hour. Few cards stand in the channel then, and the last one is known.
func TestAnswersLostForLong(t *testing.T) {
	r := newRig(t)
	until := r.Now().Add(30 * time.Minute)
	r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
		if c.Op == "send" && r.Now().Before(until) {
			return botframeworksim.LoseAnswer()
		}
		return botframeworksim.Pass()
	})
	id := r.declare("Checkout is slow")
	r.runUntil(func() bool {
		_, known := r.view(id).Incident.HasRef("teams", incident.RoleCard, r.payments)
		return known
	})
	if n := r.teams.PostCount(r.payments); n > 11 {
		t.Errorf("%d cards stand in the channel", n)
	}
	if late := r.Now().Sub(until); late > 5*time.Minute {
		t.Errorf("the card was there %s after the answers came back", late)
	}
}
