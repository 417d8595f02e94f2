package cards

import (
	"strings"

	"imbot/changes"
	"imbot/incident"
	"imbot/locale"
	"imbot/query"
)

// Bounds on what a card says about changes: how many, and how much of the card
// they take, in bytes of UTF-16. roomOthers is for what is no part of the body,
// such as mentions.
const (
	showChanges = 3
	roomChanges = 12 * 1024
	roomOthers  = 12 * 1024
)

// changes lists what was changed shortly before, each to be confirmed as the
// cause or ruled out, as far as the other parts of the card leave room. Of an
// incident that is closed only the cause is left.
func (m *maker) changes(v *query.View, others []element) []element {
	if len(v.Changes) == 0 {
		return nil
	}
	var out []element
	left := min(roomChanges, MaxSize-roomOthers-weigh(others))
	for _, c := range v.Changes[:min(len(v.Changes), showChanges)] {
		parts := m.change(&c, v.Incident)
		if weigh(parts) > left { // an address may be long, and is not what matters most
			c.URL = ""
			parts = m.change(&c, v.Incident)
		}
		if left -= weigh(parts); left < 0 {
			break
		}
		out = append(out, parts...)
	}
	if len(out) == 0 || v.Incident.Status == incident.Closed {
		return out
	}
	head := heading("🔧 " + m.t("changes.title"))
	head.Size, head.Separator = "default", true
	return append([]element{head}, out...)
}

// change is one change with its buttons, or with the verdict and the button that
// takes it back.
func (m *maker) change(c *query.ChangeClaim, inc *incident.Incident) []element {
	id := inc.ID
	switch {
	case inc.Status != incident.Closed:
	case c.Verdict == query.VerdictCause:
		return []element{m.causeLine(c), m.changeLine(c)}
	default:
		return nil
	}
	title := run(m.whatChanged(c))
	title.Weight = "bolder"
	was := button{title: m.p("changes.was"), data: Data{Change: c.Key(), Was: "yes"}}
	not := button{title: m.p("changes.was_not"), data: Data{Change: c.Key(), Was: "no"}}
	switch c.Verdict {
	case query.VerdictCause:
		return []element{m.causeLine(c), m.changeLine(c), set(m.press(not, id, VerbCause))}
	case query.VerdictNot:
		no := subtle(m.t("changes.not", "who", clip(person(c.DecidedBy), 60)))
		return []element{rich(title), m.changeLine(c), no, set(m.press(was, id, VerbCause))}
	}
	return []element{rich(title), m.changeLine(c), set(m.press(was, id, VerbCause), m.press(not, id, VerbCause))}
}

func weigh(parts []element) int {
	n := 0
	for _, e := range parts {
		n += weight(e)
	}
	return n
}

func (m *maker) causeLine(c *query.ChangeClaim) element {
	return bold("🎯 " + m.t("changes.cause", "what", m.whatChanged(c), "service", clip(c.ServiceName, 60), "who", clip(person(c.DecidedBy), 60)))
}

// whatChanged is the title with the version, where that is not in it.
func (m *maker) whatChanged(c *query.ChangeClaim) string {
	s := clip(Plain(c.Title), 160)
	if version := clip(Plain(c.Version), 40); version != "" && !strings.Contains(s, version) {
		s += " (" + version + ")"
	}
	return s
}

// changeLine says when, from whom, and where to read more.
func (m *maker) changeLine(c *query.ChangeClaim) element {
	source := locale.System(c.Source)
	if c.Source == changes.SourceAPI {
		source = "API"
	}
	parts := []string{string(when(c.At)), string(outside(source, 40))}
	if c.By != "" {
		parts = append(parts, string(m.t("changes.by", "who", clip(c.By, 60))))
	}
	if c.Callee {
		parts = append(parts, string(m.t("changes.callee", "service", clip(c.ServiceName, 60))))
	}
	if a := anchor(m.p("changes.link"), c.URL); a != "" {
		parts = append(parts, string(a))
	}
	return subtle(md(strings.Join(parts, " · ")))
}
