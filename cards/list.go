package cards

import (
	"strings"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// maxRows bounds a list card: more than fits two screens of a phone is better
// searched for.
const maxRows = 20

// List is a page of incidents, one compact block each. title is ours or the
// asker's; it may be empty.
func List(page query.Page, title string, o Options) Card {
	m := o.maker()
	if title = Plain(title); title == "" {
		title = m.p("list.title")
	}
	body := []element{heading(outside(title, 120))}
	if len(page.Incidents) == 0 {
		body = append(body, text(m.t("list.empty")))
	}
	rows, size := 0, 0
	for _, v := range page.Incidents {
		row := m.row(v)
		if size += weight(row); rows == maxRows || size > room {
			break
		}
		body = append(body, row)
		rows++
	}
	if n := len(page.Incidents) - rows; n > 0 && page.Next == "" {
		body = append(body, subtle(m.n("list.more", n)))
	} else if n > 0 || page.Next != "" {
		body = append(body, subtle(m.t("list.most")))
	}
	return m.card(clip(title, 120), body...)
}

func (m *maker) row(v *query.View) element {
	inc := v.Incident
	id := run(inc.ID.String() + "  ")
	id.Weight = "bolder"
	_, icon := mood(v)
	lines := []element{}
	if m.hidden(inc) {
		lines = append(lines, text(m.t("say.private", "id", inc.ID.String())))
	} else {
		parts := []string{icon + " " + string(m.t("card.state."+string(inc.Status))), string(outside(m.say.Level(v.Level), 40))}
		if s := outside(v.SquadName(), 40); s != "" {
			parts = append(parts, string(s))
		}
		switch {
		case inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate: // who has the first one has this, too
		case inc.Active() && inc.AcknowledgedAt.IsZero():
			parts = append(parts, string(m.t("list.nobody")))
		case inc.Active():
			parts = append(parts, string(m.t("list.held", "who", clip(person(inc.AcknowledgedBy), 60))))
		}
		if l := inc.Link; l != nil && l.Parent != 0 {
			parts = append(parts, string(m.t("link."+l.Kind, "parent", md(l.Parent.String()))))
		}
		parts = append(parts, string(when(inc.OpenedAt)))
		lines = append(lines, rich(id, run(clip(Plain(inc.Title), 120))), subtle(md(strings.Join(parts, " · "))))
	}
	show := m.press(button{title: m.p("card.show")}, inc.ID, VerbShow)
	c := columns(col("stretch", lines...), col("auto", set(show)))
	c.Separator = true
	return c
}

// Help lists verbs, each with an example that works where it is shown; the rare
// ones by name, or a phone would show nothing else. A single one is shown with
// all its arguments.
func Help(rows []commands.HelpRow, o Options) Card {
	m := o.maker()
	body := []element{heading(m.t("help.title")), text(m.t("help.intro", "hint", m.Hint("declare")))}
	size := 0
	var rare []string
	for _, r := range rows {
		if !r.Common && len(rows) > 1 {
			rare = append(rare, clip(Plain(r.Verb), 40))
			continue
		}
		c := box("", m.helpBlock(r, len(rows) > 1)...)
		c.Spacing = "small"
		if size += weight(c); size > room {
			break
		}
		body = append(body, c)
	}
	if len(rare) > 0 {
		body = append(body, rich(run(clip(m.p("help.more", "verbs", strings.Join(rare, ", ")), 2000))))
	}
	if len(rows) > 1 {
		body = append(body, subtle(m.t("help.verb", "hint", m.Hint("help rca"))), set(m.commonest()...))
	}
	return m.card(m.p("help.title"), body...)
}

// commonest are the buttons of the help: what can be done from there at once.
func (m *maker) commonest() []action {
	out := []action{
		m.open(button{title: m.p("form.declare.title"), primary: m.About == 0}, 0, commands.FormDeclare),
		button{title: m.p("list.open"), data: Data{Verb: VerbList}}.execute(),
	}
	if m.About == 0 {
		return out
	}
	return append([]action{
		m.press(button{title: m.p("card.show_id", "id", m.About.String()), primary: true}, m.About, VerbShow),
		m.press(button{title: m.p("card.ack")}, m.About, VerbAck),
		m.open(button{title: m.p("card.note")}, m.About, commands.FormNote),
	}, out...)
}

// helpBlock is one verb. Among many, an example says faster how it is used than
// the list of all its arguments.
func (m *maker) helpBlock(r commands.HelpRow, brief bool) []element {
	example := run(clip(Plain(r.Example), 160))
	head := run(clip(Plain(r.Usage), 160))
	if brief {
		head = example
	}
	head.Weight = "bolder"
	about := subtle(outside(m.say.Or("help."+r.Verb, ""), 200))
	about.Spacing = "none"
	block := []element{rich(head), about}
	if !brief {
		example.FontType, example.Size = "monospace", "small"
		t := rich(example)
		t.Spacing = "none"
		block = append(block, t)
	}
	return block
}

// Message is a short text of ours, line by line.
func Message(s string, o Options) Card {
	m := o.maker()
	var body []element
	for _, line := range strings.Split(clip(plainLines(s), incident.MaxText), "\n") {
		if line = Plain(line); line == "" {
			continue
		}
		t := rich(run(line))
		if len(body) > 0 {
			t.Spacing = "small"
		}
		if body = append(body, t); len(body) == 60 {
			break
		}
	}
	if len(body) == 0 {
		body = append(body, text("–"))
	}
	return m.card(clip(Plain(s), 200), body...)
}
