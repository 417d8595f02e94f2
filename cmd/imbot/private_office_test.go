package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

// says has somebody say things in their 1:1 chat, one after the other.
func (c *tappedOffice) says(name string, texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		c.say(c.user(name), c.own(name), text)
		c.settle(time.Minute)
	}
}

// letsIn checks that the ways in that are closed to an intruder are open to a
// member: or else the intruder's failure proves nothing.
func (c *tappedOffice) letsIn(name string, id incident.ID, word string, presses []press) {
	c.t.Helper()
	user, own := c.user(name), c.own(name)
	for _, p := range presses {
		ways := p.ways()
		switch p.verb {
		case cards.VerbForm, cards.VerbSubscribe:
			if answer := c.send(user, own, ways[2]); p.data["incident"] == id.String() && p.data["form"] != nil && !strings.Contains(plain(answer), word) {
				c.t.Errorf("a member's form %v does not open: %s", p.data, answer)
			}
		case cards.VerbSubmit:
			if p.data["form"] != commands.FormNote {
				continue
			}
			for _, way := range []int{0, 1, 3} {
				before := c.state(id)
				answer := c.send(user, own, ways[way])
				if c.state(id) == before {
					c.t.Errorf("a member's note by %v is not taken: %s", ways[way], answer)
				}
			}
		}
	}
	out, err := c.teams.Search(c.t.Context(), user, own, bot.CommandFind, bot.ParameterWords, word, 0)
	if must(c.t, err); len(out.Results) != 1 {
		c.t.Errorf("a member finds %d", len(out.Results))
	}
	d, err := c.teams.Say(c.t.Context(), user, own, "hm", botframeworksim.SayOptions{})
	must(c.t, err)
	dialog, err := c.teams.MessageAction(c.t.Context(), user, own, d.ActivityID, bot.CommandTimeline)
	must(c.t, err)
	before := c.state(id)
	_, err = c.teams.SubmitAction(c.t.Context(), user, own, bot.CommandTimeline, dialog, botframeworksim.Press{Inputs: map[string]any{"incident_other": id.String()}})
	if must(c.t, err); c.state(id) == before || !strings.Contains(plain(string(dialog.Body)), word) {
		c.t.Errorf("a member can not put a message on the timeline: %s", dialog.Body)
	}
	if answer := c.link(user, own, 1); !strings.Contains(answer, "INC-1") {
		c.t.Errorf("a link to a public incident is not unfurled: %s", answer)
	}
	if _, body := c.page("/incidents/"+id.String(), c.session(name)); !strings.Contains(body, word) {
		c.t.Errorf("a member's page: %s", body)
	}
	if status, body := c.post("/api/v1/incidents/1/commands", "application/json", `{"verb":"note","text":"x"}`, nil, rigToken); status != 200 {
		c.t.Errorf("the token is refused: %d %s", status, body)
	}
}

// apart checks that nobody is told by other incidents that this one exists.
func (c *tappedOffice) apart(id incident.ID, others ...incident.ID) {
	c.t.Helper()
	for _, other := range others {
		at := "/api/v1/incidents/" + other.String()
		for _, path := range []string{at, at + "/timeline", at + "/similar", at + "/postmortem?format=markdown"} {
			if status, body := c.get(path); status != 200 || strings.Contains(body, id.String()+`"`) || strings.Contains(body, id.String()+" ") {
				c.t.Errorf("GET %s: %d %s", path, status, body)
			}
		}
		if inc := c.incident(other); inc.Link != nil || len(inc.Cards) == 0 {
			c.t.Errorf("%s is linked, or has no card: %+v", other, inc)
		}
	}
}

// all checks that these buttons are among those that an intruder tries.
func (c *tappedOffice) all(presses []press, verbs ...string) {
	c.t.Helper()
	for _, verb := range verbs {
		if !slices.ContainsFunc(presses, func(p press) bool { return p.verb == verb }) {
			c.t.Errorf("no card of the members has a button %s: %v", verb, presses)
		}
	}
}

// openForms presses every button that asks for a form, and returns all buttons
// that the member has then.
func (c *tappedOffice) openForms(name string, places ...string) []press {
	c.t.Helper()
	for _, p := range c.presses(places...) {
		if p.verb == cards.VerbForm {
			c.send(c.user(name), c.own(name), p.ways()[0])
			c.settle(time.Minute)
		}
	}
	return c.presses(places...)
}

// TestPrivateEverywhere: with every channel on, an incident is declared private,
// lives its whole life, and loses a member on the way. No channel tells anybody
// else of it, and nobody else can do anything to it, whatever they say, press or
// send.
func TestPrivateEverywhere(t *testing.T) {
	c := newTappedOffice(t)
	budi, dewi := c.own("budi"), c.own("dewi")
	c.says("citra", "declare cart is slow service:cart") // what others do beside it, and is public
	c.since()
	const word = "xylophone"
	c.says("budi", `declare "Leak of `+word+` keys" service:checkout level:security private:true description:"the `+word+` again"`,
		"member 2 add dewi@example.com", "ack 2", "note 2 the "+word+" was seen", "room 2", "update 2 "+word+` is hot customers:"`+word+` customers"`,
		"page 2 dewi@example.com "+word+" needs you", "page 2 dba "+word, "page 2 network "+word, "subscribe 2", "subscribe 2 dewi@example.com", "subscribe 2 citra@example.com",
		"remind 2 snooze 5m", "action add 2 \"rotate "+word+"\" owner:dewi@example.com due:friday", "assign 2 dewi@example.com", "assign 2 scribe me", "time 2 detected 08:00 "+word,
		"room 2 rename "+word+" room", "room 2 add citra@example.com", "link 1 caused-by 2")
	// What it could be the cause of, or the same as, knows nothing of it.
	c.says("citra", "declare cart fails since checkout fails service:cart level:service-down")
	c.trigger("Leak of keys")
	c.settle(2 * time.Hour) // reminders
	c.apart(2, 1, 3, 4)
	inc := c.incident(2)
	if !inc.Private || inc.Room == nil || inc.Room.Chat == "" || !inc.Room.Private {
		t.Fatalf("private %t, room %+v", inc.Private, inc.Room)
	}
	room := inc.Room.Chat
	presses := c.openForms("budi", budi, dewi, room)
	c.all(presses, cards.VerbAck, cards.VerbResolve, cards.VerbAssignMe, cards.VerbForm, cards.VerbSubmit, cards.VerbSubscribe, cards.VerbRoom, cards.VerbRemind, cards.VerbSimilar)
	both := members{[]string{budi, dewi, room}, []string{"budi@example.com", "dewi@example.com"}}
	if n := c.kept("declared", word, both); n < 5 {
		t.Errorf("the members were told %d times only: the test proves nothing", n)
	}
	for _, name := range []string{"citra", "ani"} { // ani is an admin
		(&intruder{tappedOffice: c, phase: "declared", name: name, id: 2, word: word}).tries(presses)
		c.kept(name+" has tried", word, both)
	}
	(&intruder{tappedOffice: c, phase: "a member where others read", name: "budi", id: 2, word: word, places: []string{c.channel}}).tries(presses)
	c.kept("a member has tried where others read", word, both)
	must(t, c.teams.AddMember(t.Context(), c.user("citra"), room)) // by hand, in Teams
	(&intruder{tappedOffice: c, phase: "in the room", name: "citra", id: 2, word: word, places: []string{room}}).tries(presses)
	must(t, c.teams.RemoveMember(t.Context(), c.user("citra"), room))
	c.kept("a stranger was in the room", word, both)
	c.letsIn("dewi", 2, word, presses)
	c.settle(time.Hour)
	c.kept("members were let in", word, both)

	const after = "zeppelin" // what is said once Dewi is no member any more
	c.says("budi", "assign 2 me", "member 2 remove dewi@example.com")
	c.since()
	c.says("budi", "note 2 "+after, "update 2 "+after+" is known", "action add 2 \"tell "+after+"\"", "room 2 rename "+after, "resolve 2 "+after+" revoked", "reopen 2 "+after, "resolve 2 "+after+" revoked")
	presses = c.openForms("budi", budi, room)
	c.all(presses, cards.VerbReopen, cards.VerbActionDone)
	last := members{[]string{budi}, []string{"budi@example.com"}}
	(&intruder{tappedOffice: c, phase: "a member less", name: "dewi", id: 2, word: after}).tries(presses)
	c.says("budi", `rca 2 summary:"`+after+`" impact:"`+after+`" root_cause:"`+after+`" resolution_steps:"`+after+`" category:security complete`, "show 2")
	c.settle(72 * time.Hour) // what is overdue
	if n := c.kept("a member less", after, last); n < 2 {
		t.Errorf("the member was told %d times only: the test proves nothing", n)
	}
	for _, chat := range c.graph.Chats() {
		if strings.Contains(chat.Topic, word) || strings.Contains(chat.Topic, after) || (chat.ID == room) != (chat.Topic == "INC-2") {
			t.Errorf("a room is called %q", chat.Topic)
		}
	}
	if got := c.incident(2); got.Status != incident.Closed {
		t.Errorf("status %s, postmortem %+v", got.Status, got.Postmortem)
	}
}

func (c *tappedOffice) incident(id incident.ID) *incident.Incident {
	c.t.Helper()
	var out *incident.Incident
	must(c.t, c.app.store.View(c.t.Context(), func(tx incident.Tx) (err error) {
		out, err = tx.Incident(id)
		return err
	}))
	return out
}
