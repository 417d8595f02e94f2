package cards

import (
	"strings"
	"time"

	"imbot/incident"
	"imbot/locale"
	"imbot/query"
)

// Summary is the one line that phones preview, and that goes beside the card as
// text and summary: "INC-42 DOWN checkout, not acknowledged". Of a private
// incident it says no more than that. It is plain text, not Markdown.
func Summary(v *query.View, lang string) string {
	m := Options{Lang: lang}.maker()
	inc := v.Incident
	id := inc.ID.String()
	if inc.Private {
		return m.p("say.private", "id", id)
	}
	what := clip(v.ServiceName(), 60)
	if what == "" {
		what = clip(inc.Title, 80)
	}
	key := "say.closed"
	switch {
	case inc.Status == incident.Open && inc.AcknowledgedAt.IsZero():
		key = "say.nobody"
	case inc.Status == incident.Open:
		key = "say.held"
	case inc.Status == incident.Resolved:
		key = "say.resolved"
	}
	return m.p(key, "id", id, "level", clip(m.say.LevelWord(v.Level), 40), "what", what, "who", clip(person(inc.AcknowledgedBy), 60))
}

// Reply is the text of a short reply in the thread of a card: plain text, and
// without the incident's words where it is private.
func Reply(v *query.View, data incident.ReplyData, lang string) string {
	m := Options{Lang: lang}.maker()
	inc := v.Incident
	level, _ := v.Levels.Get(data.Level)
	what := clip(inc.Title, 120)
	why := clip(data.Text, incident.MaxTitle)
	if inc.Private {
		what, why = m.p("say.hidden"), ""
	}
	s := m.p("reply."+data.Reason, "id", inc.ID.String(), "what", what, "by", clip(person(data.By), 60),
		"level", clip(m.say.Level(level), 60), "person", clip(person(data.Person), 60), "mail", clip(Plain(data.Person.ID), 100))
	if why != "" {
		s += ": " + Plain(why)
	}
	return s
}

// EventText is one line for a timeline entry, without its time: plain text. Times
// within it are in the zone, which is named elsewhere.
func EventText(e incident.Event, lang string, zone *time.Location) string {
	p := locale.For(lang)
	if e.Kind == incident.EvNotPaged {
		e.Text = p.Or("standby."+e.Text, e.Text)
	}
	pairs := []any{"actor", Plain(clip(person(e.Actor), 80)), "text", Plain(e.Text)}
	for _, name := range sorted(e.Data) {
		word := eventWord(p, name, e.Data[name], &e)
		if t, err := time.Parse(time.RFC3339, e.Data[name]); err == nil {
			word = t.In(zone).Format("2006-01-02 15:04")
		}
		pairs = append(pairs, name, Plain(word))
	}
	key := "event." + string(e.Kind)
	for _, variant := range eventVariants(&e) {
		if p.Has(key + "." + variant) {
			key += "." + variant
			break
		}
	}
	s := p.Or(key, string(e.Kind), pairs...)
	if e.Text != "" && !strings.Contains(p.Or(key, ""), "{text}") {
		s += ": " + Plain(e.Text)
	}
	return s
}

// eventVariants are the more fitting texts for an entry, best first: entries of
// one kind may lack some of their data.
func eventVariants(e *incident.Event) []string {
	var out []string
	switch e.Kind {
	case incident.EvClosed:
		out = append(out, e.Data["why"])
	case incident.EvLevel, incident.EvTriggered:
		if e.Data["rule"] != "" {
			out = append(out, "rule")
		}
		if e.Data["title"] == "" {
			out = append(out, "again")
		}
	case incident.EvTime, incident.EvAssigned, incident.EvChanged, incident.EvActionEdit:
		if e.Data["from"] != "" {
			out = append(out, "from")
		}
	case incident.EvNote:
		if e.Data["message"] != "" {
			out = append(out, e.Data["change"], "message")
		}
	case incident.EvActionAdded:
		switch owner, due := e.Data["owner"] != "", e.Data["due"] != ""; {
		case owner && due:
			out = append(out, "owner_due")
		case owner:
			out = append(out, "owner")
		case due:
			out = append(out, "due")
		}
	case incident.EvPaged:
		if e.Data["with"] != "" {
			out = append(out, "with")
		}
	case incident.EvPageAnswer:
		out = append(out, e.Data["answer"])
	case incident.EvNotPaged:
		if e.Data["person"] != "" {
			out = append(out, "person")
		}
	case incident.EvReminder, incident.EvTold:
		out = append(out, e.Data["op"])
	case incident.EvResponders:
		if e.Data["people"] == "" {
			out = append(out, "none")
		}
	case incident.EvLinked, incident.EvChild, incident.EvUnlinked:
		said := e.Data["rule"] == incident.RulePerson
		if e.Kind == incident.EvUnlinked {
			said = e.Actor.Kind == incident.KindUser || e.Actor.Kind == incident.KindToken
		}
		if said {
			out = append(out, "person")
		}
		out = append(out, e.Data["kind"])
	case incident.EvFollowed:
		out = append(out, e.Data["to"])
	case incident.EvAttached:
		out = append(out, e.Data["role"])
	case incident.EvPublished:
		out = append(out, e.Data["how"])
	case incident.EvTicket, incident.EvTicketMoved:
		out = append(out, ticketVariants(e)...)
	}
	return out
}

// eventWord translates the values of an entry that are words of ours.
func eventWord(p locale.Printer, name, v string, e *incident.Event) string {
	switch name {
	case "level":
		return levelName(p, v)
	case "from", "to":
		switch e.Kind {
		case incident.EvLevel:
			return levelName(p, v)
		case incident.EvTicketMoved, incident.EvActionEdit:
			return ticketWord(p, v, e)
		}
	case "rule":
		if e.Kind == incident.EvLinked || e.Kind == incident.EvChild || e.Kind == incident.EvUnlinked {
			return p.Rule(v)
		}
	case "kind":
		return p.Or("kind."+v, v)
	case "fields":
		list := strings.Split(v, ",")
		for i, f := range list {
			list[i] = p.Field(f)
		}
		return strings.Join(list, ", ")
	case "field":
		return p.Field(v)
	case "role":
		return p.Or("role."+v, v)
	case "time":
		return p.Or("time."+v, v)
	case "effect":
		return p.Or("effect."+v, v)
	case "system":
		return locale.System(v)
	}
	return v
}

// moment writes a time of an entry's data; what is none stays as it is.
func moment(v string) string {
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return v
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

func levelName(p locale.Printer, key string) string {
	l, _ := incident.DefaultLevels().Get(key)
	return p.Level(l)
}
