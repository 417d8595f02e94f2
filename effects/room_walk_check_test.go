package effects_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/outbox"
)

func cutKey(key string) (chat, object string, ok bool) { return strings.Cut(key, " ") }

func member(object string) func(graphsim.Member) bool {
	return func(m graphsim.Member) bool { return strings.EqualFold(m.UserID, object) }
}

// added is told of everybody whom imbot adds to a chat.
func (w *walk) added(chat, object string) {
	mail := w.mail(object)
	wished := slices.ContainsFunc(w.town(), func(inc *incident.Incident) bool {
		return slices.ContainsFunc(inc.Pages, func(p incident.Paged) bool { return p.Person.ID == mail && p.By.Kind == incident.KindUser })
	})
	if w.left[chat+" "+object] && !wished {
		w.bad("pulled back", "%s into %s", mail, chat)
	}
	for _, inc := range w.town() {
		if inc.Room != nil && inc.Room.Chat == chat && inc.Private && !inc.Visible(incident.Actor{Kind: incident.KindUser, ID: mail}) {
			w.bad("stranger", "%s was added to the room of %s, which is private", mail, inc.ID)
		}
	}
}

// check looks at the town when everything has come to rest.
func (w *walk) check() {
	town := w.town()
	w.checkChats(town)
	for _, inc := range town {
		w.checkState(inc)
		w.checkPages(inc)
		w.checkCards(inc)
		if inc.Private {
			w.checkPrivate(inc)
		}
		if inc.Room.Usable() {
			w.checkRoom(inc)
		}
		if inc.Active() && !inc.Private {
			w.checkCalled(inc)
		}
		w.checkWoken(inc)
		w.checkOutbox(inc)
	}
	for chat, at := range w.unasked {
		for i := 1; i < len(at); i++ {
			if d := at[i].Sub(at[i-1]); d < 10*time.Minute {
				w.bad("noise", "two posts in %s within %s", chat, d)
			}
		}
	}
}

// checkChats: one chat for each incident that has one, and one more where an
// answer was lost and imbot may not look.
func (w *walk) checkChats(town []*incident.Incident) {
	counted := 0
	of := map[string]incident.ID{}
	for _, inc := range town {
		r := inc.Room
		if r == nil {
			continue
		}
		counted += r.Chats
		if r.Chats > 2 || r.Chats > 1 && !w.c.blind {
			w.bad("chats", "%s counts %d", inc.ID, r.Chats)
		}
		if r.Chat == "" {
			continue
		}
		if other := of[r.Chat]; other != 0 {
			w.bad("chats", "%s and %s have the same", inc.ID, other)
		}
		of[r.Chat] = inc.ID
		if _, ok := w.graph.Chat(r.Chat); !ok {
			w.bad("chats", "that of %s does not exist", inc.ID)
		}
	}
	if n := len(w.graph.Chats()); n > counted {
		w.bad("chats", "there are %d, %d are counted", n, counted)
	}
}

// checkState: nothing waits for ever.
func (w *walk) checkState(inc *incident.Incident) {
	r := inc.Room
	if r == nil {
		return
	}
	switch r.State {
	case incident.RoomAsked, incident.RoomOpening:
		w.bad("pending", "the room of %s is %s (%s)", inc.ID, r.State, inc.Status)
	case incident.RoomShared:
		host := w.view(r.With).Incident
		if !inc.Active() && r.URL == "" {
			break // nobody waits any more
		}
		switch {
		case r.URL == "":
			w.bad("will serve", "%s (%s) waits for the room of %s (%s), which is %+v", inc.ID, inc.Status, host.ID, host.Status, host.Room)
		case !host.Room.Usable() || host.Room.URL != r.URL:
			w.bad("shared", "%s uses the room of %s, which is %+v", inc.ID, host.ID, host.Room)
		case !slices.Contains(host.Room.Sharers, inc.ID):
			w.bad("shared", "%s does not know that %s uses its room", host.ID, inc.ID)
		case host.Private && inc.Active():
			w.bad("shared", "%s uses the room of %s, which is private", inc.ID, host.ID)
		case inc.Private:
			w.bad("shared", "%s is private, and uses the room of %s", inc.ID, host.ID)
		}
		for _, p := range r.People {
			i := slices.IndexFunc(host.Room.People, func(q incident.RoomPerson) bool { return !p.Person.IsZero() && q.Person.Is(p.Person) })
			if i >= 0 && host.Room.People[i].State != p.State && host.Room.Usable() {
				w.bad("mirror", "%s is %s in the room of %s, and %s says %s", p.Person.ID, host.Room.People[i].State, host.ID, inc.ID, p.State)
			}
		}
	case incident.RoomThread:
		if r.Reason == "" {
			w.bad("thread", "%s without a reason", inc.ID)
		}
	}
}

// checkPages: whoever was woken has answered or not, and the next one is.
func (w *walk) checkPages(inc *incident.Incident) {
	byLevel := map[string]int{}
	for i, p := range inc.Pages {
		if inc.Active() && (p.State == incident.PageWaiting || p.State == incident.PageSent) {
			w.bad("no outcome", "%s of %s is %s since %s", p.Person.ID, inc.ID, p.State, w.Now().Sub(p.At))
		}
		if p.State == incident.PageFailed && p.Detail == "" {
			w.bad("no reason", "%s of %s is not paged", p.Person.ID, inc.ID)
		}
		if inc.Active() && !p.Person.IsZero() && (p.State == incident.PageSilent || p.State == incident.PageDeclined) {
			w.checkNext(inc, i)
		}
		if p.Round == 0 && p.By.IsZero() && !p.Person.IsZero() && p.State != incident.PageElsewhere {
			if byLevel[p.Person.ID]++; byLevel[p.Person.ID] > 1 {
				w.bad("woken twice", "%s by the level of %s", p.Person.ID, inc.ID)
			}
		}
	}
}

// checkNext: for each role of somebody who does not come another one is called, or
// it is said that there is nobody.
func (w *walk) checkNext(inc *incident.Incident, i int) {
	p := inc.Pages[i]
	for _, role := range p.Roles() {
		others := slices.Delete(slices.Clone(inc.Pages), i, i+1)
		if !slices.ContainsFunc(others, func(q incident.Paged) bool { return slices.Contains(q.Roles(), role) }) &&
			!slices.ContainsFunc(w.chain[role], func(q incident.Actor) bool { return !q.Is(p.Person) && inc.Called(q) }) {
			w.bad("nobody next", "after %s for %s of %s: %+v", p.Person.ID, role, inc.ID, inc.Pages)
		}
	}
}

// checkWoken: nobody is called more often than the incident says.
func (w *walk) checkWoken(inc *incident.Incident) {
	pages := map[string]int{}
	for _, p := range inc.Pages {
		if p.State != incident.PageElsewhere && !p.Person.IsZero() {
			pages[p.Person.ID]++
		}
	}
	for _, who := range walkPeople {
		user := "P" + strings.ToUpper(strings.TrimSuffix(who, "@example.com"))
		calls := 0
		for _, st := range w.pd.Snapshot() {
			if id, p, ok := incident.ParseWakeKey(st.Key); ok && id == inc.ID && p.ID == who {
				calls++
				if !inc.Active() && st.Status != "resolved" {
					w.bad("calls on", "%s is %s, and %s is called by %s, which is %s", inc.ID, inc.Status, who, st.Key, st.Status)
				}
			}
			if st.ID == w.alerts[inc.ID] {
				asked, err := w.pd.Responders(st.ID)
				must(w.t, err)
				for _, a := range asked {
					if a.User == user {
						calls += a.Asked
					}
				}
			}
		}
		if calls > pages[who] {
			w.bad("woken twice", "%s was woken %d times for %s, which knows of %d", who, calls, inc.ID, pages[who])
		}
	}
}

// checkRoom: who is in the chat is known, everybody who belongs there is in it or
// named, and it is called by what is so now.
func (w *walk) checkRoom(inc *incident.Incident) {
	r := inc.Room
	chat, _ := w.graph.Chat(r.Chat)
	in, bound := 0, 20
	if w.c.size > 0 {
		bound = w.c.size
	}
	for _, p := range r.People {
		there := slices.ContainsFunc(chat.Members, func(m graphsim.Member) bool { return w.mail(m.UserID) == p.Person.ID })
		switch {
		case p.State == incident.PersonWanted:
			w.bad("wanted", "%s%s of %s for ever", p.Person.ID, p.Part, inc.ID)
		case p.State == incident.PersonIn && !there:
			w.bad("not in", "%s is said to be in the room of %s", p.Person.ID, inc.ID)
		case p.State != incident.PersonIn && there:
			w.bad("in", "%s is in the room of %s, and said to be %s", p.Person.ID, inc.ID, p.State)
		case p.State == incident.PersonMissing && p.Reason == "":
			w.bad("no reason", "%s is missing in the room of %s", p.Person.ID, inc.ID)
		}
		if always := p.Part == incident.PartCommander || p.Part == incident.PartScribe || p.Part == incident.PartAsked || p.Part == incident.PartCame; p.State == incident.PersonIn && !p.Asked && !always && !inc.Woken(p.Person) {
			in++
		}
	}
	if in > bound {
		w.bad("crowd", "%d in the room of %s", in, inc.ID)
	}
	for _, m := range chat.Members {
		if in, _ := r.In(incident.Actor{Kind: incident.KindUser, ID: w.mail(m.UserID)}); !in {
			w.bad("unknown", "%s is in the room of %s", w.mail(m.UserID), inc.ID)
		}
	}
	if want := graphrest.CleanTopic(cards.Topic(w.view(inc.ID), "en")); chat.Topic != want && !r.Fixed {
		w.bad("topic", "of %s is %q, want %q", inc.ID, chat.Topic, want)
	}
	if inc.Active() {
		w.checkBelongs(inc, inc)
	}
}

// checkBelongs: whoever has a part in the incident is in the room, has left it, or
// is named.
func (w *walk) checkBelongs(inc, host *incident.Incident) {
	belongs := append([]incident.Actor{inc.Commander, inc.Scribe, inc.AcknowledgedBy}, inc.Responders...)
	for _, p := range inc.Pages {
		if p.State != incident.PageElsewhere && p.State != incident.PageFailed {
			belongs = append(belongs, p.Person)
		}
	}
	if inc == host && inc.Private {
		belongs = append(belongs, inc.Members...)
	}
	for _, p := range belongs {
		if p.Kind != incident.KindUser || !inc.Visible(p) || !host.Visible(p) {
			continue
		}
		if i := slices.IndexFunc(host.Room.People, func(q incident.RoomPerson) bool { return q.Person.Is(p) }); i < 0 {
			w.bad("forgotten", "%s of %s (commander %s, scribe %s) is not in the room of %s, nor named", p.ID, inc.ID, inc.Commander.ID, inc.Scribe.ID, host.ID)
		}
	}
}

// checkCalled: where a room was opened, everybody on standby is called or named.
func (w *walk) checkCalled(inc *incident.Incident) {
	r := inc.Room
	if r == nil || r.State != incident.RoomOpen && r.State != incident.RoomShared && r.State != incident.RoomThread {
		level, _ := w.cat.Levels().Get(inc.Level)
		if level.Room && inc.Link == nil {
			w.bad("no room", "%s, %s, is without", inc.ID, inc.Level)
		}
		return
	}
	service, _ := w.cat.ServiceByKey(inc.Service)
	roles := service.Standby
	if len(roles) == 0 {
		roles = w.cat.Notice(inc.Squad, inc.Level).Page
	}
	_, alert := inc.AlertRef()
	if !alert {
		roles = append(slices.Clone(roles), "squad:payments")
	}
	for _, role := range roles {
		called := slices.ContainsFunc(inc.Pages, func(p incident.Paged) bool { return slices.Contains(p.Roles(), role) }) ||
			len(w.chain[role]) > 0 && inc.Called(w.chain[role][0])
		if i := slices.IndexFunc(inc.Pages, func(p incident.Paged) bool { return len(w.chain[role]) > 0 && p.Person.Is(w.chain[role][0]) }); i >= 0 && called {
			p := inc.Pages[i]
			next := slices.ContainsFunc(inc.Pages[i+1:], func(q incident.Paged) bool { return slices.Contains(q.Roles(), role) || q.Person.Is(p.Person) })
			if inc.Link == nil && (p.State == incident.PageSilent || p.State == incident.PageDeclined) && p.Role == "" && !next { // else the other incident calls people
				w.bad("nobody next", "%s for %s: %+v", role, inc.ID, inc.Pages)
			}
		}
		if !called && r.State != incident.RoomShared {
			w.bad("not called", "%s for %s, whose room is %s, asked by %q; pages: %+v", role, inc.ID, r.State, r.AskedBy.ID, inc.Pages)
		}
	}
	if r.State == incident.RoomShared && r.URL != "" {
		w.checkBelongs(inc, w.view(r.With).Incident)
	}
}

// dated is the date that stands before a time: half a day later it does, where it
// did not before.
var dated = regexp.MustCompile(`\{\{DATE\([^)]*\)\}\} `)

// checkCards: each card shows what is so now. Showing it again changes nothing.
func (w *walk) checkCards(inc *incident.Incident) {
	if inc.Major != 0 {
		return // how those of its burst are is not followed
	}
	for _, ref := range inc.Refs {
		if ref.System != "teams" || ref.Role != incident.RoleCard {
			continue
		}
		conv, id, _ := strings.Cut(ref.ID, ";messageid=")
		look := func() string {
			for _, p := range w.teams.Posts(conv) {
				if p.ID == id {
					return dated.ReplaceAllString(string(p.Card()), "") + p.Activity.Summary
				}
			}
			return ""
		}
		before := look()
		err := w.say.Card(w.t.Context(), outbox.Job{Effect: incident.Effect{Key: "again", Kind: incident.KindCard, Incident: inc.ID, Target: ref.Target}, Attempt: 1, FirstDue: w.Now()})
		const trouble, similar = "Not everything worked", "💡 Similar incidents" // these are told with the next change
		if after := look(); before != after && !strings.Contains(after, trouble) && strings.Contains(before, similar) == strings.Contains(after, similar) {
			n := 0
			for n < min(len(before), len(after)) && before[n] == after[n] {
				n++
			}
			w.bad("card", "of %s in %s is not up to date (%v): …%.300q, and not …%.300q", inc.ID, ref.Target, err, before[max(0, n-100):], after[max(0, n-100):])
		}
	}
	if inc.Room.Usable() {
		if _, ok := inc.HasRef("teams", incident.RoleCard, inc.Room.Chat); !ok && len(inc.Room.Strangers(inc)) == 0 && (!inc.Private || inc.Room.Private) {
			w.bad("no card", "in the room of %s", inc.ID)
		}
	}
}

// checkPrivate: nothing of a private incident is said to others since it is one.
func (w *walk) checkPrivate(inc *incident.Incident) {
	since := w.private[inc.ID]
	word := inc.Title[strings.LastIndex(inc.Title, " ")+1:]
	places := []string{w.def, w.payments, w.everywhere}
	for _, c := range w.graph.Chats() {
		strange := slices.ContainsFunc(c.Members, func(m graphsim.Member) bool {
			return !inc.Visible(incident.Actor{Kind: incident.KindUser, ID: w.mail(m.UserID)})
		})
		if strange {
			places = append(places, c.ID)
		}
	}
	lost := w.lost
	for _, place := range places {
		for _, p := range w.teams.Posts(place) {
			if lost > 0 && p.Posted.Before(since) && len(p.History) == 0 && !p.Deleted && p.Card() != nil {
				lost-- // Teams has not told its id, and a bot can't look for it
				continue
			}
			if b, _ := json.Marshal(p.Activity); !p.Deleted && strings.Contains(string(b), word) && (p.Card() != nil && p.Posted.Before(since) && !strings.Contains(place, "@thread.v2") || p.Posted.After(since)) {
				w.bad("private", "%s is told in %s: %s", inc.ID, place, b)
			}
		}
	}
}

// checkOutbox: nothing has failed, and nothing is left but what waits for its time.
func (w *walk) checkOutbox(inc *incident.Incident) {
	must(w.t, w.store.View(w.t.Context(), func(tx incident.Tx) error {
		list, err := tx.Effects(inc.ID)
		for _, e := range list {
			switch {
			case e.State == incident.EffectDead:
				w.bad("dead", "%s: %s", e.Key, e.Error)
			case e.State == incident.EffectWaiting && e.NextAt.Before(w.Now()):
				w.bad("left", "%s: %s", e.Key, e.Error)
			}
		}
		return err
	}))
}
