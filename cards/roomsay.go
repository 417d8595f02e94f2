package cards

import (
	"slices"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// Post is what imbot says by itself in a war room.
type Post struct {
	Summary string // one line, which phones preview
	Card    Card
}

// said is a post that is being made: a headline, what follows, and buttons.
type said struct {
	line    md
	summary string
	items   []element
	buttons []action
}

// sayings make the posts, by incident.SayData.Reason. nil means that the time
// for it is over: the incident has gone on since.
var sayings = map[string]func(*maker, *query.View, incident.SayData) *said{
	incident.SayResolved: (*maker).sayResolved,
	incident.SayClosed:   (*maker).sayClosed,
	incident.SayReopened: (*maker).sayReopened,
	incident.SayUpdate:   (*maker).sayUpdate,
	incident.SayNudge:    (*maker).sayNudge,

	incident.SayCommander: (*maker).sayCommander,
}

// Say is a post in the war room of an incident, whose view has its timeline. In
// that of another incident it is short, for other things matter there. ok
// is false where there is nothing to say any more. The summary of a private
// incident says no more than its id.
func Say(v *query.View, d incident.SayData, o Options) (post Post, ok bool) {
	m := o.maker()
	how := sayings[d.Reason]
	if how == nil {
		return Post{}, false
	}
	s := how(&m, v, d)
	if s == nil {
		return Post{}, false
	}
	if v.Incident.Private {
		s.summary = m.p("say.private", "id", v.Incident.ID.String())
	}
	body := []element{bold(s.line)}
	if guest(v.Incident) && d.Reason != incident.SayNudge { // there the id alone says little
		body = append(body, subtle(outside(Plain(v.Incident.Title), 160)))
	}
	body = append(body, s.items...)
	if len(s.buttons) > 0 {
		body = append(body, set(s.buttons...))
	}
	return Post{Summary: s.summary, Card: m.card(s.summary, body...)}, true
}

// speak makes a headline, and the same as a summary.
func (m *maker) speak(icon, key string, pairs ...any) *said {
	plain := slices.Clone(pairs)
	return &said{line: md(icon) + " " + m.t(key, pairs...), summary: m.p(key, plain...)}
}

func (m *maker) sayResolved(v *query.View, _ incident.SayData) *said {
	inc := v.Incident
	if inc.Active() {
		return nil
	}
	s := m.speak("✅", "room.say.resolved", "id", inc.ID.String(), "who", clip(person(inc.ResolvedBy), 60), "duration", m.say.Duration(inc.Duration(inc.ResolvedAt)))
	if e := last(v, incident.EvResolved); e != nil && Plain(e.Text) != "" {
		s.items = append(s.items, rich(run(clip(Plain(e.Text), 600))))
	}
	if inc.Status == incident.Resolved && !guest(inc) {
		s.items = append(s.items, m.review(v)...)
		s.buttons = append(s.buttons, m.open(button{title: m.p("card.rca"), primary: true}, inc.ID, commands.FormRCA))
	}
	return s
}

func (m *maker) sayClosed(v *query.View, _ incident.SayData) *said {
	inc := v.Incident
	if inc.Status != incident.Closed {
		return nil
	}
	s := m.speak("🏁", "room.say.closed", "id", inc.ID.String())
	if !guest(inc) {
		s.items = append(m.closed(inc), m.actions(v)...)
	}
	return s
}

func (m *maker) sayReopened(v *query.View, _ incident.SayData) *said {
	inc := v.Incident
	if !inc.Active() {
		return nil
	}
	s := m.speak("🔁", "room.say.reopened", "id", inc.ID.String())
	if e := last(v, incident.EvReopened); e != nil {
		s = m.speak("🔁", "room.say.reopened_by", "id", inc.ID.String(), "who", clip(person(e.Actor), 60))
		if Plain(e.Text) != "" {
			s.items = append(s.items, rich(run(clip(Plain(e.Text), 600))))
		}
	}
	return s
}

func (m *maker) sayUpdate(v *query.View, d incident.SayData) *said {
	i := slices.IndexFunc(v.Timeline, func(e incident.Event) bool { return e.N == d.N })
	if i < 0 {
		return nil
	}
	e := &v.Timeline[i]
	s := m.speak("📣", "room.say.update", "id", v.Incident.ID.String(), "who", clip(person(e.Actor), 60))
	for _, part := range []struct{ key, text string }{{"room.say.doing", e.Text}, {"room.say.customers", e.Data["customers"]}, {"update.next", moment(e.Data["next"])}} {
		if x := Plain(part.text); x != "" {
			title := run(m.p(part.key) + ": ")
			title.Weight = "bolder"
			s.items = append(s.items, rich(title, run(clip(x, 1000))))
		}
	}
	return s
}

func (m *maker) sayCommander(v *query.View, d incident.SayData) *said {
	inc := v.Incident
	if !inc.Active() || inc.Commander.IsZero() || slices.ContainsFunc(v.Timeline, func(e incident.Event) bool {
		return e.N > d.N && e.Kind == incident.EvAssigned && e.Data["role"] == "commander" // there is yet another one
	}) {
		return nil
	}
	return m.speak("👤", "room.say.commander", "id", inc.ID.String(), "who", clip(person(inc.Commander), 60))
}

func (m *maker) sayNudge(v *query.View, _ incident.SayData) *said {
	inc := v.Incident
	if !inc.Active() {
		return nil
	}
	s := m.speak("⏰", "room.say.nudge", "id", inc.ID.String())
	s.items, s.buttons = m.nudge(v)
	return s
}

// last is the newest entry of a kind on the timeline; nil where there is none.
func last(v *query.View, kind incident.EventKind) *incident.Event {
	for i := len(v.Timeline) - 1; i >= 0; i-- {
		if v.Timeline[i].Kind == kind {
			return &v.Timeline[i]
		}
	}
	return nil
}
