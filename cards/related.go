package cards

import (
	"strconv"
	"strings"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// RelatedRows is how many rows of a list of linked incidents fit one card: two
// buttons each weigh more than the words.
const RelatedRows = 10

// Relatives lists what is linked to an incident, from a place on, each with the
// button that says that it is not related. fixed is the incident whose link was
// corrected just now, with said in words; 0 for none.
func Relatives(v *query.View, rows []query.Related, from int, fixed incident.ID, said string, o Options) Card {
	m := o.maker()
	inc := v.Incident
	if m.hidden(inc) {
		return Redacted(inc.ID, o)
	}
	list := inc.ID.String()
	body := []element{heading(m.t("related.title", "id", list))}
	if s := m.counts(inc); s != "" {
		body = append(body, subtle(s))
	} else {
		body = append(body, text(m.t("related.none")))
	}
	if fixed != 0 && said != "" {
		body = append(body, text("✔ "+outside(said, 200)), set(m.inList(button{title: m.p("card.undo")}, fixed, list, VerbUndo)))
	}
	for i, c := range rows {
		if i == RelatedRows {
			break
		}
		if !m.secret(c.Private) {
			body = append(body, m.relatedRow(&c, list))
		}
	}
	if next := from + len(rows); len(rows) > 0 && next < len(inc.Children) {
		b := button{title: m.p("related.next"), data: Data{N: next}}
		body = append(body, subtle(m.n("card.more", len(inc.Children)-next+inc.MoreChildren)), set(m.press(b, inc.ID, VerbRelated)))
	}
	return m.card(m.p("related.title", "id", list), body...)
}

// inList is the button of an incident in the list of what is linked to another.
func (m *maker) inList(b button, id incident.ID, list, verb string) action {
	b.data.List = list
	return m.press(b, id, verb)
}

func (m *maker) relatedRow(c *query.Related, list string) element {
	id := run(c.ID.String() + "  ")
	id.Weight = "bolder"
	lines := []element{rich(id, run(clip(Plain(c.Title), 120))), subtle(m.relative(c) + " · " + when(c.OpenedAt))}
	if c.Link != nil && c.Link.Rule != "" {
		why := m.reason(c.Link)
		if p := path(c.Link); p != "" {
			why = p + " · " + why
		}
		lines = append(lines, subtle(why))
	}
	buttons := set(m.inList(button{title: m.p("card.not_related")}, c.ID, list, VerbUnlink), m.press(button{title: m.p("card.show")}, c.ID, VerbShow))
	b := box("", append(lines, buttons)...)
	b.Separator, b.Spacing = true, "small"
	return b
}

// path names the services that lead from a consequence to its cause.
func path(l *incident.Link) md {
	if len(l.Path) == 0 {
		return ""
	}
	names := []string{string(outside(l.Path[0].From, 60))}
	for _, s := range l.Path[:min(len(l.Path), showSteps)] {
		names = append(names, string(outside(s.To, 60)))
	}
	return md(strings.Join(names, " → "))
}

// Similar lists earlier incidents like one.
func Similar(v *query.View, list []query.Similar, o Options) Card {
	m := o.maker()
	inc := v.Incident
	if m.hidden(inc) {
		return Redacted(inc.ID, o)
	}
	body := []element{heading(m.t("similar.of", "id", inc.ID.String())), rich(run(clip(Plain(inc.Title), 120)))}
	if len(list) == 0 {
		body = append(body, text(m.t("similar.none")))
	}
	size := 0
	for _, s := range list {
		if m.secret(s.Private) {
			continue
		}
		lines := m.earlier(v, &s, 300)
		if svc := outside(s.Service, 60); svc != "" {
			lines = append(lines, subtle(svc+" · "+outside(m.say.Level(s.Level), 40)))
		}
		row := columns(col("stretch", lines...), col("auto", set(m.press(button{title: m.p("card.show")}, s.ID, VerbShow))))
		row.Separator = true
		if size += weight(row); size > room {
			break
		}
		body = append(body, row)
	}
	return m.card(m.p("similar.of", "id", inc.ID.String()), body...)
}

// Mutes lists the windows in which services and squads are quiet, each with the
// button that ends it.
func Mutes(list []query.Muted, o Options) Card {
	m := o.maker()
	body := []element{heading(m.t("mutes.title"))}
	if len(list) == 0 {
		body = append(body, text(m.t("mutes.none", "hint", m.Hint("mute checkout 2h"))))
	}
	size := 0
	for i, w := range list {
		name := run(clip(Plain(w.Name), 60))
		name.Weight = "bolder"
		line := m.t("mutes.until", "until", when(w.Until), "who", clip(person(w.By), 60))
		lines := []element{rich(name), subtle(line)}
		if r := clip(Plain(w.Reason), 160); r != "" {
			lines = append(lines, rich(run(r)))
		}
		b := button{title: m.p("mutes.end"), data: Data{Verb: VerbUnmute, Target: clip(w.Target(), 200)}}
		row := columns(col("stretch", lines...), col("auto", set(b.execute())))
		row.Separator = true
		if size += weight(row); i == maxRows || size > room {
			body = append(body, subtle(m.n("card.more", len(list)-i)))
			break
		}
		body = append(body, row)
	}
	return m.card(m.p("mutes.title"), body...)
}

// LinkStats shows how often each rule was right.
func LinkStats(f query.LinkFigures, o Options) Card {
	m := o.maker()
	body := []element{heading(m.t("stats.title")), subtle(m.t("stats.how"))}
	if !f.Since.IsZero() {
		body = append(body, subtle(m.t("stats.since", "when", when(f.Since))))
	}
	var rows []fact
	for _, r := range f.Rules {
		value := m.t("stats.none")
		if r.Made > 0 {
			value = m.t("stats.rule", "share", percent(r.Precision()), "made", r.Made, "wrong", r.Wrong)
		}
		rows = append(rows, fact{Title: clip(Plain(m.say.Rule(r.Rule)), 60), Value: string(value)})
	}
	for _, k := range f.Kinds {
		value := m.t("stats.none")
		if k.Right+k.Missed > 0 {
			value = m.t("stats.found", "share", percent(k.Recall()), "right", k.Right, "missed", k.Missed)
		}
		rows = append(rows, fact{Title: m.p("stats.found." + k.Kind), Value: string(value)})
	}
	return m.card(m.p("stats.title"), append(body, facts(rows))...)
}

// percent writes a share with one decimal below 100, as precision is spoken of.
func percent(share float64) md {
	s := strconv.FormatFloat(100*share, 'f', 1, 64)
	return md(strings.TrimSuffix(s, ".0"))
}

// LinkForm asks which other incident this one belongs to ("parent", or
// "parent_other" where it is not among the choices), and how ("kind").
func LinkForm(v *query.View, values, errs map[string]string, others []Choice, o Options) Card {
	f := o.form(values, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.link.title", "id", id))
	other := f.text("parent_other", f.p("form.link.other"), false, 40)
	other.Placeholder = f.p("form.link.hint")
	if choices := fit(others); len(choices) > 0 {
		e := inputChoice{
			Type: "Input.ChoiceSet", ID: "parent", Label: f.p("form.link.parent"), Style: "filtered", Choices: choices,
			Placeholder: f.p("form.declare.service_hint"),
		}
		for _, c := range choices {
			if strings.EqualFold(c.Value, values["parent"]) {
				e.Value = c.Value
			}
		}
		if e.Value == "" && other.Value == "" {
			other.Value = clip(incident.Line(visible(values["parent"])), 40)
		}
		f.input("parent", e)
		f.input("parent_other", other)
	} else {
		f.input("parent", required(f.text("parent", f.p("form.link.parent"), false, 40), f.p("form.link.need_parent")))
	}
	kind := inputChoice{
		Type: "Input.ChoiceSet", ID: "kind", Label: f.p("form.link.kind"), Style: "compact", IsRequired: true, ErrorMessage: f.p("form.link.need_kind"),
		Value: incident.LinkCascade,
		Choices: []Choice{
			{Title: f.p("form.link.cascade"), Value: incident.LinkCascade},
			{Title: f.p("form.link.duplicate"), Value: incident.LinkDuplicate},
		},
	}
	if values["kind"] == incident.LinkDuplicate {
		kind.Value = incident.LinkDuplicate
	}
	f.input("kind", kind)
	return f.finish(f.p("form.link.title", "id", id), f.send("form.link.send", commands.FormLink, v))
}
