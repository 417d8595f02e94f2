package cards

import (
	"strings"
	"time"

	"imbot/locale"
	"imbot/query"
)

// OnCall shows who is on duty, role by role.
func OnCall(o *query.OnCall, opts Options) Card {
	m := opts.maker()
	title := m.p("oncall.title")
	head := heading(m.t("oncall.title"))
	if o.Name != "" {
		name := clip(o.Name, 60)
		title, head = m.p("oncall.of", "name", m.role(name)), heading(m.t("oncall.of", "name", m.role(name)))
	}
	body := []element{head}
	if len(o.Roles) == 0 {
		body = append(body, text(m.t("oncall.none")))
	}
	size, more := 0, o.Others
	for i, r := range o.Roles {
		row := box("default", m.dutyRow(&r)...)
		row.Separator = true
		if size += weight(row); size > room {
			more += len(o.Roles) - i
			break
		}
		body = append(body, row)
	}
	if more > 0 {
		body = append(body, subtle(m.n("card.more", more)))
	}
	return m.card(title, body...)
}

func (m *maker) dutyRow(r *query.RoleDay) []element {
	name := run(m.role(r.Role))
	name.Weight = "bolder"
	out := []element{rich(name)}
	for _, d := range r.Duties {
		who := run(clip(Plain(person(d.Person)), 60))
		out = append(out, rich(who))
		line := m.turn(d.Since, d.Till)
		if source := outside(sourceName(d.Source), 80); source != "" {
			if line != "" {
				line += " · "
			}
			line += source
		}
		if line != "" {
			out = append(out, subtle(line))
		}
		if d.Stale {
			out = append(out, subtle("⚠️ "+m.t("oncall.stale")))
		}
	}
	if len(r.Duties) == 0 {
		out = append(out, rich(run("⚠️ "+clip(Plain(m.unwoken(r.Gap)), 160))))
	}
	return out
}

// sourceName writes the system that a source begins with as that system does.
func sourceName(source string) string {
	system, rest, _ := strings.Cut(source, " ")
	return strings.TrimSpace(locale.System(system) + " " + rest)
}

// turn says from when until when, as far as that is known.
func (m *maker) turn(since, till time.Time) md {
	switch {
	case !since.IsZero() && !till.IsZero():
		return m.t("oncall.from_until", "from", when(since), "until", when(till))
	case !till.IsZero():
		return m.t("oncall.until", "until", when(till))
	case !since.IsZero():
		return m.t("oncall.from", "from", when(since))
	}
	return ""
}
