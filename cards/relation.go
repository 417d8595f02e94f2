package cards

import (
	"slices"
	"strings"

	"imbot/incident"
	"imbot/locale"
	"imbot/query"
)

// Bounds on what one card says of other incidents; the rest is counted. Those of
// room are in bytes of UTF-16.
const (
	roomRelations = 16 * 1024
	roomSimilar   = 8 * 1024
	roomHeads     = 2 * 1024 // headings, and what holds the parts together

	showChildren = 5
	showBurst    = 3
	showSteps    = 2 // of a path: rules go no further
	showSimilar  = 3
)

// relations say what the incident has to do with others, and let people correct
// it, as far as the other parts of the card leave room.
func (m *maker) relations(v *query.View, others []element) []element {
	if inc := v.Incident; inc.Link == nil && inc.LinkWas == nil && len(inc.Children)+inc.MoreChildren == 0 {
		return nil
	}
	left := min(roomRelations, MaxSize-roomOthers-roomHeads-weigh(others))
	var out []element
	for _, items := range [][]element{m.parent(v), m.children(v)} {
		// The first line says what it is, and the last has the buttons.
		for len(items) > 2 && weigh(items) > left {
			items = slices.Delete(items, len(items)-2, len(items)-1)
		}
		if left -= weigh(items); len(items) == 0 || left < 0 {
			continue
		}
		c := box("", items...)
		c.Separator, c.Spacing = true, "medium"
		out = append(out, c)
	}
	return out
}

// parent says what the incident is linked to, and why; or what a person has
// said against that.
func (m *maker) parent(v *query.View) []element {
	inc := v.Incident
	l, was := inc.Link, inc.LinkWas
	var out []element
	var acts []action
	press := func(key, verb string) {
		acts = append(acts, m.press(button{title: m.p(key)}, inc.ID, verb))
	}
	switch {
	case l != nil:
		out = append(out, text("🔗 "+m.parentLine(v, l)), subtle(m.reason(l)))
		out = append(out, m.proof(inc, l)...)
		press("card.not_related", VerbUnlink)
	case was != nil && was.Link != nil && was.Link.Parent != 0:
		out = append(out, subtle("✂️ "+m.t("link.was."+was.Link.Kind, "who", clip(person(was.By), 60), "when", when(was.At), "parent", m.ref(v, was.Link.Parent))))
	default:
		return nil
	}
	if was != nil {
		press("card.undo", VerbUndo)
	}
	return append(out, set(acts...))
}

// ref is the id of another incident, as a link to its page where there is one.
func (m *maker) ref(v *query.View, id incident.ID) md {
	if base, ok := strings.CutSuffix(v.Page, v.Incident.ID.String()); ok && base != "" && len(base) < 300 {
		if a := anchor(id.String(), base+id.String()); a != "" {
			return a
		}
	}
	return md(id.String())
}

func (m *maker) parentLine(v *query.View, l *incident.Link) md {
	parent := md("")
	switch {
	case l.Parent != 0:
		parent = m.ref(v, l.Parent)
	case l.ParentRef != nil:
		parent = outside(locale.System(l.ParentRef.System)+" "+l.ParentRef.ID, 80)
	}
	s := m.t("link."+l.Kind, "parent", parent)
	if p := v.Parent; p != nil && !m.secret(p.Private) {
		s += " " + outside(p.Title, 120) + " (" + m.t("card.state."+string(p.Status)) + ")" + m.otherRoom(v, p)
	}
	return s
}

// otherRoom leads to the war room of an incident beside this one, where it is
// another one than this one's.
func (m *maker) otherRoom(v *query.View, r *query.Related) md {
	a := anchor(m.p("room.go"), r.Room)
	if a == "" || v.Incident.Room != nil && v.Incident.Room.URL == r.Room {
		return ""
	}
	return " · 🚪 " + a
}

// secret reports whether this place must not be told of a private incident.
func (m *maker) secret(private bool) bool {
	return m.hidden(&incident.Incident{Private: private})
}

// reason says which rule made a link, and how sure it is.
func (m *maker) reason(l *incident.Link) md {
	return m.rule(l) + " · " + md(m.say.Sure(l.Confidence))
}

func (m *maker) rule(l *incident.Link) md {
	if l.Rule == incident.RulePerson {
		if l.At.IsZero() {
			return m.t("rule.person_who", "who", clip(person(l.By), 60))
		}
		return m.t("rule.person_when", "who", clip(person(l.By), 60), "when", when(l.At))
	}
	return outside(m.say.Rule(l.Rule), 60)
}

// proof is what the link was decided from: the path with the age of each step,
// and when both began.
func (m *maker) proof(inc *incident.Incident, l *incident.Link) []element {
	var out []element
	for i, s := range l.Path {
		if i == showSteps {
			out = append(out, subtle(m.n("card.more", len(l.Path)-i)))
			break
		}
		edge := outside(s.From, 60) + " → " + outside(s.To, 60)
		source := outside(locale.System(s.Source), 40)
		if s.SeenAt.IsZero() {
			out = append(out, subtle(m.t("link.step_said", "edge", edge, "source", source)))
		} else {
			out = append(out, subtle(m.t("link.step", "edge", edge, "source", source, "when", when(s.SeenAt))))
		}
	}
	switch {
	case !l.Began.IsZero() && l.Parent != 0:
		out = append(out, subtle(m.t("link.began", "parent", md(l.Parent.String()), "then", when(l.Began), "id", md(inc.ID.String()), "now", when(inc.OpenedAt))))
	case l.Rule != incident.RulePerson && len(l.Path) == 0 && len(l.Evidence) > 0:
		out = append(out, subtle(outside(strings.Join(l.Evidence, "; "), 160)))
	}
	return out
}

// children counts what is linked to the incident, names the first few, and leads
// to the list in which each can be corrected.
func (m *maker) children(v *query.View) []element {
	inc := v.Incident
	if len(inc.Children) == 0 && inc.MoreChildren == 0 {
		return nil
	}
	out := []element{text("🔗 " + m.counts(inc))}
	shown := 0
	for _, c := range v.Children {
		if shown == showChildren {
			break
		}
		if m.secret(c.Private) {
			continue
		}
		line := subtle("• " + m.ref(v, c.ID) + " " + outside(c.Title, 80) + " · " + m.relative(&c) + m.otherRoom(v, &c))
		line.Spacing = "none"
		out = append(out, line)
		shown++
	}
	if rest := len(inc.Children) + inc.MoreChildren - shown; rest > 0 && shown > 0 {
		out = append(out, subtle(m.n("card.more", rest)))
	}
	return append(out, set(m.press(button{title: m.p("card.related")}, inc.ID, VerbRelated)))
}

// counts says how many incidents of each kind are linked to this one.
func (m *maker) counts(inc *incident.Incident) md {
	var dup, rest int
	for _, c := range inc.Children {
		if c.Kind == incident.LinkDuplicate {
			dup++
		} else {
			rest++
		}
	}
	var out []string
	if dup > 0 {
		out = append(out, string(m.n("card.duplicates", dup)))
	}
	if rest > 0 {
		out = append(out, string(m.n("card.cascades", rest)))
	}
	if n := inc.MoreChildren; n > 0 {
		out = append(out, string(m.n("card.more", n)))
	}
	return md(strings.Join(out, ", "))
}

// relative is what a child is to its parent, with its level and status.
func (m *maker) relative(c *query.Related) md {
	parts := []string{}
	if c.Link != nil {
		parts = append(parts, string(m.t("kind."+c.Link.Kind)))
	}
	parts = append(parts, string(outside(m.say.Level(c.Level), 40)), string(m.t("card.state."+string(c.Status))))
	return md(strings.Join(parts, " · "))
}

// quiet says why nobody was told, and until when.
func (m *maker) quiet(v *query.View) md {
	inc := v.Incident
	switch gap := inc.NoticeGap; {
	case inc.Imported:
		return "📥 " + m.t("gap.imported")
	case gap == incident.GapMaintenance && v.Muted != nil:
		w := v.Muted
		s := "🔕 " + m.t("card.muted", "name", clip(w.Name, 60), "until", when(w.Until), "who", clip(person(w.By), 60))
		if w.Reason != "" {
			s += ": " + outside(w.Reason, 160)
		}
		return s
	case gap == incident.GapMaintenance:
		return "🔕 " + m.t("gap.maintenance") + " " + outside(inc.Maintenance, 160)
	case gap == incident.GapPaused && !inc.PausedUntil.IsZero() && inc.Active():
		return "⏸️ " + m.t("card.paused", "when", when(inc.PausedUntil))
	case gap != "":
		return "ℹ️ " + m.t("gap."+gap)
	}
	return ""
}

// repeats are the lines about how often such a thing happens.
func (m *maker) repeats(v *query.View) []md {
	inc := v.Incident
	var out []md
	if inc.Openings > 0 {
		out = append(out, "🔁 "+m.n("card.flapping", inc.Openings, "when", when(inc.OpenedAt)))
	}
	if inc.Recurrences > 0 {
		out = append(out, "🔁 "+m.n("card.recurs", inc.Recurrences))
	}
	if inc.Episode > 1 {
		out = append(out, "🔁 "+m.n("card.reopened", inc.Episode-1))
	}
	if v.BurstSize > 1 {
		var names []string
		for i, b := range v.Burst {
			if i == showBurst {
				break
			}
			if !m.secret(b.Private) {
				names = append(names, string(m.ref(v, b.ID)+" "+outside(b.Title, 60)))
			}
		}
		s := "🌩️ " + m.n("card.burst", v.BurstSize)
		if len(names) > 0 {
			s += ": " + md(strings.Join(names, ", "))
		}
		out = append(out, s)
	}
	return out
}

// similar names earlier incidents like it, what caused them and what helped.
func (m *maker) similar(v *query.View, others []element) []element {
	if v.Incident.Status == incident.Closed || len(v.Similar) == 0 {
		return nil
	}
	left := min(roomSimilar, MaxSize-roomOthers-roomHeads-weigh(others))
	var out []element
	for i, s := range v.Similar {
		if i == showSimilar {
			break
		}
		if m.secret(s.Private) {
			continue
		}
		lines := m.earlier(v, &s, 160)
		if left -= weigh(lines); left < 0 {
			break
		}
		out = append(out, lines...)
	}
	if len(out) == 0 {
		return nil
	}
	head := heading("💡 " + m.t("card.similar"))
	head.Size, head.Separator = "default", true
	return append([]element{head}, out...)
}

// earlier is one incident of the past: a line, its cause and what helped.
func (m *maker) earlier(v *query.View, s *query.Similar, limit int) []element {
	line := m.ref(v, s.ID) + " " + outside(s.Title, 100)
	if !s.ResolvedAt.IsZero() {
		line += " · " + when(s.ResolvedAt) + " · " + m.t("similar.lasted", "duration", m.say.Duration(s.Lasted))
	}
	t := text(line)
	t.Spacing = "small"
	out := []element{t}
	for _, f := range []struct{ key, text string }{{"similar.cause", s.Cause}, {"similar.fix", s.Fix}} {
		if x := Plain(f.text); x != "" {
			title := run(m.p(f.key) + ": ")
			title.Weight, title.Size = "bolder", "small"
			value := run(clip(x, limit))
			value.Size = "small"
			r := rich(title, value)
			r.Spacing = "none"
			out = append(out, r)
		}
	}
	return out
}
