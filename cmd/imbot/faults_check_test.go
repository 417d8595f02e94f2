package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"imbot/incident"
)

// check looks at what must hold in the end of all cells, and returns the cell.
func (o *office) check() string {
	o.t.Helper()
	inc := o.incident()
	must(o.t, o.app.store.View(o.t.Context(), func(tx incident.Tx) error {
		if _, err := tx.Incident(2); !errors.Is(err, incident.ErrNotFound) {
			o.t.Errorf("there is a second incident: %v", err)
		}
		return nil
	}))
	if inc.Status != incident.Closed {
		o.t.Errorf("the incident is %s", inc.Status)
	}
	if o.plan.fault != "" && o.hits == 0 {
		o.t.Error("nothing went wrong: the story does not come here")
	}
	out := []string{o.checkRoom(inc), o.checkMembers(inc), o.checkNotice(), o.checkTickets(), o.checkMails(), o.checkWoken(), o.checkPage()}
	o.checkEffects()
	if o.pressed {
		out = append(out, "R")
	}
	if o.asked {
		out = append(out, "A")
	}
	return strings.Join(out, " ")
}

func (o *office) checkRoom(inc *incident.Incident) string {
	chats := o.graph.Chats()
	switch {
	case inc.Room == nil || inc.Room.State != incident.RoomOpen:
		o.t.Errorf("there is no room: %+v", inc.Room)
		return "–"
	case len(chats) > 2 || len(chats) == 2 && !o.plan.mayDouble():
		o.t.Errorf("%d chats were made", len(chats))
	case inc.Room.Chats < len(chats) || inc.Room.Chats > 2:
		o.t.Errorf("%d chats were made, %d counted", len(chats), inc.Room.Chats)
	}
	if c, _ := o.graph.Chat(inc.Room.Chat); len(c.Apps) != 1 {
		o.t.Error("imbot is not in the room")
	}
	if n := len(chats); n > 1 {
		return fmt.Sprintf("1+%d", n-1)
	}
	return "1"
}

// checkMembers wants everybody in the room, or named as missing.
func (o *office) checkMembers(inc *incident.Incident) string {
	in := map[string]bool{}
	if inc.Room == nil {
		return "–"
	}
	c, _ := o.graph.Chat(inc.Room.Chat)
	for _, m := range c.Members {
		in[o.names[m.UserID]] = true
	}
	missing := 0
	want := map[string]bool{"ani": true, "budi": true, "citra": true, "dewi": true, "gone": true}
	for _, p := range inc.Room.People {
		name, _, _ := strings.Cut(p.Person.ID, "@")
		switch {
		case p.State == incident.PersonIn && !in[name]:
			o.t.Errorf("%s is not in the chat", name)
		case p.State == incident.PersonMissing && p.Reason != "":
			missing++
			if name != "gone" && p.Part != "squad:payments" && o.plan.fault != refused {
				o.t.Errorf("%s is missing: %s", name, p.Reason)
			}
			if p.Part == "dba" {
				delete(want, "dewi") // nobody is known to be on standby
			}
		case p.State != incident.PersonIn:
			o.t.Errorf("%s is %s", name, p.State)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		o.t.Errorf("nobody says what is with %v", slices.Sorted(maps.Keys(want)))
	}
	return fmt.Sprintf("%d+%d", len(in), missing)
}

// checkNotice wants that somebody was told within a minute. The cell has when the
// card was in the squad's channel, and when the first mail was taken.
func (o *office) checkNotice() string {
	card, room, mail := o.firstCard(o.channel), o.firstCard(o.incident().Room.Chat), never
	for _, m := range o.mail.Mails() {
		mail = min(mail, m.At.Sub(o.began))
	}
	if min(card, room, mail) > time.Minute {
		o.t.Errorf("nobody was told within a minute: card %s, in the room %s, mail %s", card, room, mail)
	}
	if o.plan.killed() != (o.starts == 2) {
		o.t.Errorf("imbot was started %d times", o.starts)
	}
	if n := o.cards(o.channel); n > 1 {
		return fmt.Sprintf("%s×%d %s", seconds(card), n, seconds(mail))
	}
	return seconds(card) + " " + seconds(mail)
}

// cards counts the incident's cards in a conversation.
func (o *office) cards(conv string) (n int) {
	for _, p := range o.teams.Posts(conv) {
		if p.Card() != nil && p.ThreadID == p.ID && !p.Posted.Before(o.began) {
			n++
		}
	}
	return n
}

const never = time.Duration(math.MaxInt64)

func (o *office) firstCard(conv string) time.Duration {
	for _, p := range o.teams.Posts(conv) {
		if p.Card() != nil && !p.Posted.Before(o.began) {
			return p.Posted.Sub(o.began)
		}
	}
	return never
}

func seconds(d time.Duration) string {
	if d == never {
		return "–"
	}
	return fmt.Sprintf("%.0f", d.Seconds())
}

func (o *office) checkTickets() string {
	all := o.jira.Issues()
	for n := range 2 {
		count := 0
		for _, i := range all {
			if slices.Contains(i.Labels, incident.TicketMarker("imbot", 1, n)) {
				count++
			}
			if len(i.Links) != 1 && (o.plan.fault != refused || o.plan.vendor != "jira") { // a link that is refused is only told
				o.t.Errorf("%s has %d links", i.Key, len(i.Links))
			}
		}
		if count != 1 {
			o.t.Errorf("ticket %d: %d issues", n, count)
		}
	}
	return fmt.Sprint(len(all))
}

// checkMails wants each mail once, or again under the same Message-ID.
func (o *office) checkMails() string {
	ids := map[string]map[string]bool{} // by recipient and subject
	for _, m := range o.mail.Mails() {
		what := m.To[0] + " " + m.Subject
		if ids[what] == nil {
			ids[what] = map[string]bool{}
		}
		ids[what][m.MessageID] = true
	}
	for what, of := range ids {
		if len(of) != 1 {
			o.t.Errorf("the mail %s has %d ids", what, len(of))
		}
	}
	all, distinct := len(o.mail.Mails()), len(o.mail.ByMessageID())
	if distinct != 8 {
		o.t.Errorf("%d mails, want one for each of four people when it begins and when it is closed", distinct)
	}
	doubtful := o.plan.vendor == "mail" && (o.plan.fault == lost || o.plan.fault == timeout || o.plan.fault == killAfter)
	if all > distinct && !doubtful {
		o.t.Errorf("%d mails came twice", all-distinct)
	}
	if all > distinct {
		return fmt.Sprintf("%d+%d", distinct, all-distinct)
	}
	return fmt.Sprint(distinct)
}

// checkWoken wants each person on standby woken once: Dewi, and, as she does not
// answer, Ani.
func (o *office) checkWoken() string {
	count := map[string]int{}
	asked, err := o.pd.Responders(o.alert)
	must(o.t, err)
	for _, r := range asked {
		count[r.User] += r.Asked
	}
	for _, s := range o.pd.Snapshot() {
		if s.ID != o.alert {
			for _, a := range s.Assignees {
				count[a]++
			}
		}
	}
	for _, who := range []string{o.dewi, "PANI"} {
		if count[who] != 1 && (o.plan.name != "find responder" || o.plan.fault != refused) {
			// but where imbot may not look whether it did: better twice than not
			o.t.Errorf("%s was woken %d times", who, count[who])
		}
	}
	return fmt.Sprint(count[o.dewi], "+", count["PANI"])
}

func (o *office) checkPage() string {
	n := len(o.wiki.Pages())
	if n != 1 {
		o.t.Errorf("%d pages", n)
	}
	return fmt.Sprint(n)
}

// checkEffects wants nothing to have failed for good that trying again would have
// mended, and nothing to be left.
func (o *office) checkEffects() {
	if n := strings.Count(o.log.String(), "an effect failed for good"); n > 0 && o.plan.fault != refused {
		o.t.Errorf("%d effects failed for good", n)
	}
	for _, e := range o.effects() {
		if e.State != incident.EffectDone && (e.State != incident.EffectSkipped || !strings.HasPrefix(e.Error, incident.NotNeeded)) {
			o.t.Errorf("%s is %s: %s", e.Key, e.State, e.Error)
		}
	}
}
