package cards

import (
	"cmp"
	"slices"
	"strings"

	"imbot/incident"
	"imbot/query"
)

// Bounds on what a card says about people of the war room.
const (
	showMissing = 3
	showInRoom  = 12
)

// maxTopic bounds the topic of a chat, in runes; Teams takes 250 characters.
// https://learn.microsoft.com/graph/api/chat-patch
const maxTopic = 200

// Topic is the name of an incident's war room: its id, what it is about, level
// and status. Of a private incident it says the id only.
func Topic(v *query.View, lang string) string {
	m := Options{Lang: lang}.maker()
	inc := v.Incident
	id := inc.ID.String()
	if inc.Private {
		return id
	}
	what := clip(v.ServiceName(), 80)
	if what == "" {
		what = clip(inc.Title, 100)
	}
	if inc.Room != nil && inc.Room.Name != "" {
		what = clip(inc.Room.Name, 120)
	}
	parts := []string{id + " " + what, clip(m.say.LevelWord(v.Level), 40), m.p("status." + string(inc.Status))}
	// Graph refuses colons; others would be changed on the way, and never match.
	s := strings.ReplaceAll(Plain(strings.Join(parts, " · ")), ":", "-")
	return clip(s, maxTopic)
}

// inRoom reports whether the card stands in the incident's own war room.
func (m *maker) inRoom(inc *incident.Incident) bool {
	return m.Chat != "" && inc.Room != nil && inc.Room.Chat == m.Chat
}

// guest reports whether the incident uses the room of another.
func guest(inc *incident.Incident) bool {
	return inc.Room != nil && inc.Room.State == incident.RoomShared
}

// room says where people talk about the incident, who is there, and who is not.
func (m *maker) room(v *query.View) []element {
	r := v.Incident.Room
	if r == nil || r.State == incident.RoomNone {
		return nil
	}
	var items []element
	if m.inRoom(v.Incident) {
		items = m.roomPeople(v, r)
	} else {
		items = []element{text(m.roomLine(v, r))}
	}
	switch r.State {
	case incident.RoomOpen, incident.RoomOpening, incident.RoomShared:
		items = append(items, m.absent(r)...)
	}
	for _, p := range r.Strangers(v.Incident) {
		items = append(items, subtle("⚠️ "+m.t("room.stranger", "who", clip(person(p.Person), 60), "hint", clip(m.Hint("member "+v.Incident.ID.String()+" add "+p.Person.ID), 160))))
	}
	if r.Chats > 1 {
		items = append(items, subtle("⚠️ "+m.n("room.extra", r.Chats-1)))
	}
	if a := anchor(m.p("room.call"), r.Meeting); a != "" {
		items = append(items, text("📞 "+a))
	}
	if m.inRoom(v.Incident) {
		items = append(items, m.roomLinks(v)...)
	}
	if b := m.roomButtons(v, r); len(b) > 0 {
		items = append(items, set(b...))
	}
	c := box("", items...)
	c.Separator, c.Spacing = true, "medium"
	return []element{c}
}

// roomLinks lead from the room to the card in the channel, in whose thread others
// talk, and to the RCA.
func (m *maker) roomLinks(v *query.View) []element {
	var out []element
	if a := anchor(m.p("room.card"), m.channelCard(v.Incident)); a != "" {
		out = append(out, text("📋 "+a))
	}
	if v.Incident.Postmortem.Required && v.Page != "" {
		if a := anchor(m.p("doc.write"), v.Page+"/rca"); a != "" {
			out = append(out, text("📝 "+a))
		}
	}
	return out
}

// channelCard is the address of the incident's first card outside the room: of
// its conversations the squad's channel is the first. Which card was posted first
// is chance.
func (m *maker) channelCard(inc *incident.Incident) string {
	address, best := "", len(inc.Cards)+1
	for _, r := range inc.Refs {
		i := slices.Index(inc.Cards, r.Target)
		if i < 0 {
			i = len(inc.Cards)
		}
		if r.Role == incident.RoleCard && r.Target != m.Chat && r.URL != "" && i < best {
			address, best = r.URL, i
		}
	}
	return address
}

func (m *maker) roomLine(v *query.View, r *incident.Room) md {
	why := clip(r.Reason, incident.MaxTitle)
	switch r.State {
	case incident.RoomOpen:
		in, all := m.joined(r)
		return "🚪 " + m.t("room.open", "in", in, "all", all)
	case incident.RoomShared:
		with := m.ref(v, r.With)
		in, all := m.joined(r)
		switch {
		case r.URL == "":
			return "⏳ " + m.t("room.shared_soon", "with", with)
		case all > 0:
			return "🚪 " + m.t("room.shared_in", "with", with, "in", in, "all", all)
		}
		return "🚪 " + m.t("room.shared", "with", with)
	case incident.RoomThread:
		return "💬 " + m.t("room.thread", "why", why)
	case incident.RoomOpening:
		if why != "" {
			return "⏳ " + m.t("room.late", "why", why)
		}
	}
	if held(v.Incident) {
		return "⏳ " + m.t("room.held", "when", lately(v.Incident.RoomAfter, v.Incident.UpdatedAt))
	}
	return "⏳ " + m.t("room.opening")
}

// held reports whether the room waits, lest another incident is the cause.
func held(inc *incident.Incident) bool {
	r := inc.Room
	return r.State == incident.RoomAsked && r.AskedBy.IsZero() && inc.RoomAfter.After(inc.UpdatedAt)
}

// joined is how many have joined, and how many should.
func (m *maker) joined(r *incident.Room) (in, all int) {
	in = r.Count(incident.PersonIn)
	return in, in + r.Count(incident.PersonWanted) + r.Count(incident.PersonMissing)
}

// absent names those who should be in the room and are not.
func (m *maker) absent(r *incident.Room) []element {
	var missing, invited []string
	more := 0
	for i := range r.People {
		p := &r.People[i]
		switch {
		case p.State == incident.PersonInvited:
			invited = append(invited, clip(person(p.Person), 60))
		case p.State != incident.PersonMissing:
		case len(missing) == showMissing:
			more++
		default:
			missing = append(missing, string(m.t("room.missing", "who", m.called(p), "why", clip(p.Reason, 160))))
		}
	}
	if more > 0 {
		missing = append(missing, string(m.n("card.more", more)))
	}
	var out []element
	if len(missing) > 0 {
		out = append(out, subtle("⚠️ "+md(strings.Join(missing, "; "))))
	}
	if n := len(invited); n > 0 {
		names := strings.Join(invited[:min(n, showPeople)], ", ")
		if n > showPeople {
			names += ", …"
		}
		out = append(out, subtle(m.n("room.invited", n, "who", names)))
	}
	return out
}

// called is a person of the room, or the role that nobody was found for.
func (m *maker) called(p *incident.RoomPerson) string {
	if p.Person.IsZero() {
		return m.part(p.Part)
	}
	return clip(person(p.Person), 60)
}

// part is what somebody is in the incident, in words.
func (m *maker) part(part string) string {
	if squad, ok := strings.CutPrefix(part, incident.PartSquad); ok {
		return m.p("part.squad", "squad", clip(squad, 60))
	}
	return m.say.Or("part."+part, clip(Plain(part), 60))
}

// partHere is what somebody in the room is. Where it serves several incidents, it
// says of which service.
func (m *maker) partHere(v *query.View, p *incident.RoomPerson) string {
	service := clip(Plain(p.Service), 60)
	switch own := clip(Plain(v.ServiceName()), 60); {
	case p.Part == incident.PartOwner && len(v.Incident.Room.Sharers) > 0 && service+own != "":
		return m.p("part.owner_of", "service", cmp.Or(service, own))
	case service != "" && service != own:
		return m.part(p.Part) + " (" + service + ")"
	}
	return m.part(p.Part)
}

// roomPeople says on the room's own card who is in it, and what they are.
func (m *maker) roomPeople(v *query.View, r *incident.Room) []element {
	head := heading("🚪 " + m.t("room.here"))
	head.Size = "default"
	out := []element{head}
	var list []fact
	more := 0
	for i := range r.People {
		p := &r.People[i]
		switch {
		case p.State != incident.PersonIn:
		case len(list) == showInRoom:
			more++
		default:
			what := outside(m.partHere(v, p), 120)
			if !p.Until.IsZero() {
				what += " · " + m.t("room.until", "when", when(p.Until))
			}
			list = append(list, fact{Title: string(outside(person(p.Person), 60)), Value: string(what)})
		}
	}
	if len(list) > 0 {
		out = append(out, facts(list))
	}
	if more > 0 {
		out = append(out, subtle(m.n("card.more", more)))
	}
	return out
}

// roomButtons lead into the room, or say within it who does what.
func (m *maker) roomButtons(v *query.View, r *incident.Room) []action {
	inc := v.Incident
	if m.inRoom(inc) {
		if !inc.Active() {
			return nil
		}
		return []action{
			m.press(button{title: m.p("card.take")}, inc.ID, VerbAssignMe),
			m.press(button{title: m.p("room.scribe"), data: Data{Role: "scribe"}}, inc.ID, VerbAssignMe),
		}
	}
	var out []action
	if u := webAddress(r.URL); u != "" && r.State != incident.RoomAsked {
		out = append(out, openURL{Type: "Action.OpenUrl", Title: m.p("room.go"), URL: u})
	}
	if r.Usable() || guest(inc) && len(out) > 0 { // the other's is open
		out = append(out, m.press(button{title: m.p("room.join"), data: Data{Op: incident.RoomOpJoin}}, inc.ID, VerbRoom))
	}
	return out
}

// openRoom is the button that opens a war room where there is none or another's,
// or does not wait for the time to open it.
func (m *maker) openRoom(v *query.View) []action {
	inc := v.Incident
	if guest(inc) && inc.Active() {
		return []action{m.press(button{title: m.p("room.own"), secondary: true, data: Data{Op: incident.RoomOpSplit}}, inc.ID, VerbRoom)}
	}
	if r := inc.Room; r != nil && !slices.Contains([]string{incident.RoomNone, incident.RoomThread}, r.State) && !held(inc) {
		return nil
	}
	if inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate {
		return nil
	}
	b := button{title: m.p("room.ask"), secondary: true, data: Data{Op: incident.RoomOpOpen}}
	return []action{m.press(b, inc.ID, VerbRoom)}
}
