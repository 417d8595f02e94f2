package cards

import (
	"strings"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// review says where the RCA stands, once the trouble is over.
func (m *maker) review(v *query.View) []element {
	inc := v.Incident
	pm := &inc.Postmortem
	switch inc.Status {
	case incident.Resolved:
		t := bold("📝 " + m.t("review.owed"))
		if !v.Owner.IsZero() {
			t = bold("📝 " + m.t("review.owed_by", "who", clip(person(v.Owner), 80)))
		}
		out := []element{t}
		if miss := pm.RCA.Missing(); !pm.RCA.IsZero() && len(miss) > 0 {
			out = append(out, subtle(m.t("review.missing", "missing", strings.Join(m.fields(miss), ", "))))
		} else if len(miss) == 0 {
			out = append(out, subtle(m.t("review.ready")))
		}
		if t := ticketLink(pm.Ticket); t != "" {
			out = append(out, subtle(t))
		}
		return out
	case incident.Closed:
		return m.closed(inc)
	}
	return nil
}

func (m *maker) closed(inc *incident.Incident) []element {
	pm := &inc.Postmortem
	switch {
	case pm.State == incident.PostmortemWaived:
		return []element{text("📝 " + m.t("review.waived", "reason", clip(pm.Reason, 300)))}
	case pm.State == incident.PostmortemComplete:
		out := []element{text("📝 " + m.t("review.complete", "category", clip(m.say.Category(pm.RCA.Category), 40)))}
		for _, f := range []struct{ key, text string }{{"rca.root_cause", pm.RCA.RootCause}, {"rca.resolution_steps", pm.RCA.ResolutionSteps}} {
			if s := Plain(f.text); s != "" {
				title := run(m.p(f.key) + ": ")
				title.Weight = "bolder"
				out = append(out, rich(title, run(clip(s, 300))))
			}
		}
		return out
	case inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate:
		return nil // the line about the link says so
	}
	return []element{subtle(m.t("review.none"))}
}

func (m *maker) fields(names []string) []string {
	out := make([]string, len(names))
	for i, f := range names {
		out[i] = m.say.Field(f)
	}
	return out
}

// actions lists the follow-ups that are not done, on the cards of trouble that
// is over.
func (m *maker) actions(v *query.View) []element {
	inc := v.Incident
	open := inc.OpenActions()
	if inc.Active() || len(inc.Actions) == 0 {
		return nil
	}
	head := heading(m.t("actions.title", "open", len(open), "all", len(inc.Actions)))
	head.Size, head.Separator = "default", true
	out := []element{head}
	for i, a := range open {
		if i == showActions {
			out = append(out, subtle(m.n("card.more", len(open)-i)))
			break
		}
		done := button{title: m.p("card.done"), data: Data{N: a.N}}
		row := columns(
			col("stretch", m.actionLines(a)...),
			col("auto", set(m.press(done, inc.ID, VerbActionDone))),
		)
		row.Spacing = "small"
		out = append(out, row)
	}
	return out
}

func (m *maker) actionLines(a incident.Action) []element {
	owner := m.t("actions.nobody")
	if !a.Owner.IsZero() {
		owner = outside(person(a.Owner), 80)
	}
	if a.Due != "" {
		owner = m.t("actions.due", "owner", owner, "date", date(a.Due))
	}
	if t := ticketLink(a.Ticket); t != "" {
		owner += " · " + t
	}
	return []element{rich(run(m.p("actions.item", "n", a.N, "title", clip(a.Title, 160)))), subtle(owner)}
}

// buttons are those of the present state: what most people need comes first,
// the rest is in the overflow menu.
func (m *maker) buttons(v *query.View) []action {
	inc := v.Incident
	id := inc.ID
	b := func(key string) button { return button{title: m.p(key)} }
	first := func(key string) button { return button{title: m.p(key), primary: true} }
	more := func(key string) button { return button{title: m.p(key), secondary: true} }
	switch inc.Status {
	case incident.Open:
		var out []action
		if inc.AcknowledgedAt.IsZero() {
			out = append(out, m.press(first("card.ack"), id, VerbAck), m.press(b("card.resolve"), id, VerbResolve))
		} else {
			out = append(out, m.press(first("card.resolve"), id, VerbResolve))
		}
		out = append(out, m.openRoom(v)...)
		out = append(out, m.open(b("card.note"), id, commands.FormNote), m.open(b("card.update"), id, commands.FormUpdate), m.open(more("card.wake"), id, commands.FormPage))
		if !m.inRoom(inc) { // there it stands above
			out = append(out, m.press(more("card.take"), id, VerbAssignMe))
		}
		return append(out,
			m.open(more("card.level"), id, commands.FormLevel),
			m.open(more("card.resolve_note"), id, commands.FormResolve),
			m.open(more("card.also_related"), id, commands.FormLink),
			m.press(more("card.subscribe"), id, VerbSubscribe),
			m.press(more("card.similar"), id, VerbSimilar))
	case incident.Resolved:
		write := "card.rca"
		if !inc.Postmortem.RCA.IsZero() {
			write = "card.rca_continue"
		}
		return []action{
			m.open(first(write), id, commands.FormRCA), m.open(b("card.action"), id, commands.FormAction),
			m.press(more("card.reopen"), id, VerbReopen), m.open(more("card.waive"), id, commands.FormWaive), m.open(more("card.times"), id, commands.FormTime),
			m.open(more("card.also_related"), id, commands.FormLink), m.press(more("card.similar"), id, VerbSimilar),
		}
	}
	return []action{
		m.open(b("card.action"), id, commands.FormAction), m.press(b("card.reopen"), id, VerbReopen),
		m.open(more("card.also_related"), id, commands.FormLink), m.press(more("card.similar"), id, VerbSimilar),
	}
}
