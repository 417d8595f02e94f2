package cards

import (
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/query"
)

// Bounds on what one card shows; the rest is counted, and is on the page.
const (
	showActions = 5
	showTrouble = 3
	showLinks   = 5
	showPeople  = 5
)

// Incident is the card of an incident as it stands now: made anew for each
// change, and never with inputs, since an update would wipe what is typed.
func Incident(v *query.View, o Options) Card {
	m := o.maker()
	inc := v.Incident
	if m.hidden(inc) {
		return Redacted(inc.ID, o)
	}
	call, entities := m.mentions()
	body := []element{m.header(v)}
	body = append(body, m.holder(v, call)...)
	body = append(body, facts(m.facts(v)))
	if d := Plain(inc.Description); d != "" && inc.Status == incident.Open {
		body = append(body, rich(run(clip(d, 300))))
	}
	body = append(body, m.remarks(v)...)
	body = append(body, m.responding(v)...)
	body = append(body, m.room(v)...)
	asked := len(body) // what others have to do with it stands here, and takes the room that is left
	body = append(body, m.review(v)...)
	body = append(body, m.actions(v)...)
	body = append(body, m.trouble(v)...)
	body = append(body, set(m.buttons(v)...))
	if links := m.links(v); links != "" {
		body = append(body, text("📖 "+links))
	}
	for _, part := range []func(*query.View, []element) []element{m.relations, m.changes, m.similar} {
		items := part(v, body)
		body = slices.Insert(body, asked, items...)
		asked += len(items)
	}
	c := m.card(Summary(v, o.Lang), body...)
	if len(entities) > 0 {
		c.MSTeams = &msteams{Entities: entities}
	}
	return c
}

// Redacted takes the place of the public card of an incident that has become
// private: it says no more than that.
func Redacted(id incident.ID, o Options) Card {
	m := o.maker()
	s := m.p("card.redacted", "id", id.String())
	return m.card(s, text(m.t("card.redacted", "id", id.String())), subtle(m.t("card.redacted_hint")))
}

// mood is the colour and icon of an incident. The word beside them says the
// same, for those who see no colours.
func mood(v *query.View) (style, icon string) {
	switch {
	case v.Incident.Status == incident.Resolved:
		return "good", "✅"
	case v.Incident.Status == incident.Closed:
		return "emphasis", "🏁"
	case v.Level.Room || v.Level.AlwaysVisible:
		return "attention", "🔴"
	case v.Level.Postmortem:
		return "warning", "🟠"
	}
	return "accent", "🔵"
}

func (m *maker) header(v *query.View) element {
	style, icon := mood(v)
	state := md(icon) + " " + m.t("card.state."+string(v.Incident.Status)) + " · " + outside(m.say.Level(v.Level), 60)
	title := run(clip(Plain(v.Incident.Title), incident.MaxTitle))
	title.Size, title.Weight = "large", "bolder"
	id := text(md(v.Incident.ID.String()))
	name := rich(title)
	name.Spacing = "small"
	c := box(style, columns(col("stretch", heading(state)), col("auto", id)), name)
	c.Bleed = true
	return c
}

// holder says who has it: the first thing to know after what is broken.
func (m *maker) holder(v *query.View, call md) []element {
	inc := v.Incident
	var out []element
	switch {
	case inc.Status == incident.Resolved, inc.Status == incident.Closed:
		if !inc.ResolvedAt.IsZero() {
			out = append(out, bold(m.t("card.resolved_by", "who", clip(person(inc.ResolvedBy), 80), "when", when(inc.ResolvedAt))))
		}
	case inc.AcknowledgedAt.IsZero():
		t := bold("⚠️ " + m.t("card.nobody"))
		t.Size, t.Color = "medium", "attention"
		out = append(out, t)
	default:
		t := bold("👤 " + m.t("card.acked", "who", clip(person(inc.AcknowledgedBy), 80), "when", when(inc.AcknowledgedAt)))
		t.Size = "medium"
		out = append(out, t)
	}
	if call != "" {
		out = append(out, text(m.t("card.calling", "people", call)))
	}
	return out
}

func (m *maker) facts(v *query.View) []fact {
	inc := v.Incident
	var out []fact
	add := func(key string, value md) {
		if value != "" {
			out = append(out, fact{Title: string(m.t(key)), Value: string(value)})
		}
	}
	began := inc.OpenedAt
	if n := len(inc.Intervals); n > 1 && inc.Active() {
		add("fact.reopened", when(inc.Intervals[n-1].From))
		add("fact.began", when(began))
	} else if inc.Active() {
		add("fact.since", when(began))
	} else {
		add("fact.began", when(began))
		add("fact.lasted", md(m.say.Duration(inc.Duration(inc.ResolvedAt))))
	}
	add("fact.service", m.service(v))
	add("fact.squad", outside(v.SquadName(), 80))
	add("fact.commander", m.inCharge(inc, inc.Commander))
	add("fact.scribe", m.inCharge(inc, inc.Scribe))
	if inc.Active() {
		add("fact.oncall", m.people(inc.Responders))
	}
	add("fact.level", outside(m.say.Level(v.Level), 60)+", "+m.why(inc))
	if a := inc.Alert; a != nil && a.Priority != "" {
		add("fact.priority", outside(a.Priority, 40))
	}
	return out
}

// inCharge names the commander or scribe, and says if they have left the room.
func (m *maker) inCharge(inc *incident.Incident, who incident.Actor) md {
	s := outside(person(who), 80)
	if _, left := inc.Room.In(who); left && inc.Active() {
		s += " · ⚠️ " + m.t("room.has_left")
	}
	return s
}

func (m *maker) service(v *query.View) md {
	s := outside(v.ServiceName(), 80)
	switch {
	case s == "":
		return m.t("card.no_service")
	case !v.Service.Known:
		return s + " " + m.t("card.unknown_service")
	case v.Service.Tier > 0:
		return s + " · " + m.t("card.tier", "n", v.Service.Tier)
	}
	return s
}

func (m *maker) people(list []incident.Actor) md {
	var out []string
	for i, p := range list {
		if i == showPeople {
			out = append(out, string(m.n("card.more", len(list)-i)))
			break
		}
		out = append(out, string(outside(person(p), 60)))
	}
	return md(strings.Join(out, ", "))
}

// why says what made the level what it is.
func (m *maker) why(inc *incident.Incident) md {
	switch {
	case !inc.LevelBy.IsZero():
		return m.t("why.person", "who", clip(person(inc.LevelBy), 60))
	case inc.LevelRule != "" && inc.LevelRuleNo == 0: // decided before rules were numbered
		return m.t("why.rule_name", "rule", clip(inc.LevelRule, 60))
	case inc.LevelRule != "":
		return m.t("why.rule", "rule", clip(inc.LevelRule, 60), "n", inc.LevelRuleNo)
	}
	return m.t("why.none")
}

// remarks are the short lines about what is special.
func (m *maker) remarks(v *query.View) []element {
	inc := v.Incident
	var out []element
	add := func(s md) { out = append(out, subtle(s)) }
	if inc.Private {
		add("🔒 " + m.t("card.private"))
		if page, ok := inc.PublicPage(); ok {
			add("⚠️ " + m.t("card.exposed", "page", anchor("Confluence", page.URL)))
		}
	}
	if inc.Shadow {
		add("👥 " + m.t("card.shadow"))
	}
	switch {
	case inc.DefaultChan && inc.Squad == "":
		add("ℹ️ " + m.t("card.default_unknown"))
	case inc.DefaultChan:
		add("ℹ️ " + m.t("card.default_channel", "squad", clip(v.SquadName(), 60), "hint", clip(m.Hint("connect "+inc.Squad), 120)))
	}
	if s := m.quiet(v); s != "" {
		add(s)
	}
	for _, s := range m.repeats(v) {
		add(s)
	}
	return out
}

// trouble says what imbot could not do outside.
func (m *maker) trouble(v *query.View) []element {
	// What the company has turned off is no news on every card: the page says it.
	trouble := slices.DeleteFunc(slices.Clone(v.Trouble), func(e incident.EffectState) bool { return e.TurnedOff() })
	if len(trouble) == 0 {
		return nil
	}
	items := []element{bold("⚠️ " + m.t("trouble.title"))}
	for i, e := range trouble {
		if i == showTrouble {
			items = append(items, subtle(m.n("card.more", len(trouble)-i)))
			break
		}
		what := m.say.Or("effect."+e.Kind, clip(e.Kind, 80))
		why := clip(Plain(e.Error), 160)
		if why == "" {
			why = m.p("trouble.no_reason")
		}
		key := "trouble." + e.State
		items = append(items, rich(run(m.p(key, "what", what, "why", why))))
	}
	retry := button{title: m.p("card.retry")}
	c := box("warning", append(items, set(m.press(retry, v.Incident.ID, VerbRetry)))...)
	c.Spacing = "medium"
	return []element{c}
}

// date writes an action's due date; one that is no date stays as it is.
func date(s string) md {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return outside(s, 20)
	}
	return md(s)
}
