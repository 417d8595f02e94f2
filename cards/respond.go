package cards

import (
	"slices"
	"strings"
	"time"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// maxCustomers bounds what is said about customers on a form, in runes: people
// read it on their phones.
const maxCustomers = 1000

// responding says how it stands: the newest status update, and who was woken.
func (m *maker) responding(v *query.View) []element {
	inc := v.Incident
	var out []element
	if u := inc.Update; u != nil {
		items := []element{bold("📣 " + m.t("update.title", "by", clip(person(u.By), 60)) + " · " + when(u.At))}
		if u.Customers != "" {
			items = append(items, rich(run(m.p("update.customers", "text", clip(u.Customers, 400)))))
		}
		if u.Doing != "" {
			items = append(items, rich(run(clip(Plain(u.Doing), 400))))
		}
		if !u.Next.IsZero() && inc.Active() {
			items = append(items, subtle(m.t("update.next")+" "+when(u.Next)))
		}
		c := box("emphasis", items...)
		c.Spacing = "medium"
		out = append(out, c)
	}
	return append(out, m.paged(inc)...)
}

// pageIcons stand before the word of a page's state.
var pageIcons = map[string]string{
	incident.PageWaiting: "⏳", incident.PageSent: "📟", incident.PageAnswered: "✅", incident.PageDeclined: "🚫",
	incident.PageSilent: "🔕", incident.PageFailed: "⚠️", incident.PageElsewhere: "📟",
}

// showPages bounds how many pages a card lists: the newest.
const showPages = 6

func (m *maker) paged(inc *incident.Incident) []element {
	if !inc.Active() || len(inc.Pages) == 0 {
		return nil
	}
	pages := inc.Pages[max(0, len(inc.Pages)-showPages):]
	var out []element
	for _, p := range pages {
		who := clip(person(p.Person), 60)
		var roles []string
		for _, r := range p.Roles() {
			roles = append(roles, m.role(r))
		}
		role := strings.Join(roles, ", ")
		switch {
		case p.Person.IsZero():
			who = role
		case role != "":
			who += " (" + role + ")"
		}
		line := md(pageIcons[p.State]) + " " + m.t("page."+p.State, "who", who, "n", int(incident.PageWait.Minutes()), "with", clip(Plain(p.Detail), 20))
		if p.Detail != "" && p.State != incident.PageElsewhere {
			line += ": " + outside(m.unwoken(p.Detail), 160)
		}
		if p.State != incident.PageWaiting {
			line += " · " + lately(p.At, inc.UpdatedAt)
		}
		t := text(line)
		if len(out) > 0 {
			t.Spacing = "small"
		}
		out = append(out, t)
	}
	if n := len(inc.Pages) - len(pages); n > 0 {
		out = append(out, subtle(m.n("card.more", n)))
	}
	return out
}

// unwoken says why nobody was woken: imbot's own reasons in words, those of others as
// they are.
func (m *maker) unwoken(detail string) string { return m.say.Or("standby."+detail, detail) }

// role is how a role of standby is called.
func (m *maker) role(role string) string {
	if squad, ok := strings.CutPrefix(role, incident.PartSquad); ok {
		return m.p("part.squad", "squad", clip(squad, 60))
	}
	return clip(Plain(role), 60)
}

// UpdateForm asks how it stands: "customers", "text" and "next_update", which is
// as in timeLayout, in Options.Location.
func UpdateForm(v *query.View, values, errs map[string]string, now time.Time, o Options) Card {
	have := map[string]string{}
	if u := v.Incident.Update; u != nil {
		have["customers"] = u.Customers
	}
	for _, id := range []string{"customers", "text", "next_update"} {
		if s, ok := values[id]; ok {
			have[id] = s
		}
	}
	f := o.form(have, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.update.title", "id", id))
	f.input("customers", f.text("customers", f.p("form.update.customers"), true, maxCustomers))
	f.input("text", required(f.text("text", f.p("form.update.doing"), true, incident.MaxText), f.p("form.update.need_text")))
	f.input("next_update", f.clock("next_update", f.p("form.update.next", "zone", f.location().String()), f.p("form.update.next_hint", "time", now.Add(time.Hour).In(f.location()).Format("15:04"))))
	return f.finish(f.p("form.update.title", "id", id), f.send("form.update.send", commands.FormUpdate, v))
}

// PageForm asks whom to wake, "who", from these roles or by address, and why,
// "reason".
func PageForm(v *query.View, values, errs map[string]string, roles []string, o Options) Card {
	f := o.form(values, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.page.title", "id", id))
	who := required(f.text("who", f.p("form.page.who"), false, 200), f.p("form.page.need_who"))
	who.Placeholder = strings.Join(append(slices.Clone(roles[:min(len(roles), 4)]), "ani@example.com"), ", ")
	f.input("who", who)
	f.input("reason", f.text("reason", f.p("field.reason"), true, incident.MaxTitle))
	return f.finish(f.p("form.page.title", "id", id), f.send("form.page.send", commands.FormPage, v))
}

// nudge is what a reminder of a status update says, and its answers, which take
// one tap.
func (m *maker) nudge(v *query.View) (items []element, buttons []action) {
	inc := v.Incident
	if u := inc.Update; u != nil {
		items = append(items, subtle(m.t("nudge.last")+" "+when(u.At)))
	} else {
		items = append(items, subtle(m.t("nudge.none")))
	}
	answer := func(key, op string, secondary bool) action {
		b := button{title: m.p(key), secondary: secondary}
		b.data.Op = op
		return m.press(b, inc.ID, VerbRemind)
	}
	return items, []action{
		answer("nudge.working", incident.RemindWorking, false),
		answer("nudge.mitigated", incident.RemindMitigated, false),
		m.open(button{title: m.p("nudge.help")}, inc.ID, commands.FormPage),
		m.open(button{title: m.p("card.update")}, inc.ID, commands.FormUpdate),
		answer("nudge.snooze", incident.RemindSnooze, true),
		answer("nudge.stop", incident.RemindStop, true),
	}
}

// Direct is what one person is told in their 1:1 chat, in one line; the card of
// the incident goes with it.
func Direct(v *query.View, d incident.DirectData, lang string) string {
	m := Options{Lang: lang}.maker()
	what := clip(v.Incident.Title, 120)
	if v.Incident.Private {
		what = m.p("say.hidden")
	}
	s := m.p("direct."+d.Reason, "id", v.Incident.ID.String(), "what", what, "by", clip(person(d.By), 60),
		"commander", clip(person(v.Incident.Commander), 60), "scribe", clip(person(v.Incident.Scribe), 60))
	if u := v.Incident.Update; u != nil && d.Reason == incident.DirectUpdate && !v.Incident.Private {
		s += ": " + clip(Plain(strings.TrimSpace(u.Customers+" "+u.Doing)), 300)
	}
	return s
}
