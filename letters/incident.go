package letters

import (
	"slices"
	"time"

	"imbot/incident"
	"imbot/query"
)

// Bounds on lists; the rest is counted, and is on the page.
const (
	showPeople  = 6
	showActions = 10
	showChanges = 3
)

// ask is what is expected of this reader: the first thing to read.
func (m *maker) ask(v *query.View) []string {
	inc := v.Incident
	if !inc.Active() {
		return []string{m.t("mail.over")}
	}
	state := "nobody"
	if !inc.AcknowledgedAt.IsZero() {
		state = "held"
	}
	pairs := []any{"service", m.itsService(v), "squad", squad(v), "who", person(inc.AcknowledgedBy)}
	switch m.Why {
	case WhyOwner:
		out := []string{m.t("mail.ask.owner."+state, pairs...)}
		if inc.Postmortem.Required || v.Level.Postmortem {
			out = append(out, m.t("mail.ask.rca"))
		}
		return out
	case WhySquad, WhyMember:
		if m.Why == WhySquad || inc.Private {
			return []string{m.t("mail.ask."+m.Why+"."+state, pairs...)}
		}
	}
	return []string{m.t("mail.ask.none")}
}

// begun fills in what is known of an incident that has begun.
func (m *maker) begun(p *page, v *query.View) {
	p.Facts = m.facts(v)
	if l := lines(v.Incident.Description, maxShort); len(l) > 0 {
		p.Parts = append(p.Parts, part{Title: m.t("mail.known"), Lines: l})
	}
	if c := m.changes(v); len(c.Items) > 0 {
		p.Parts = append(p.Parts, c)
	}
	p.Buttons, p.Links = m.links(v)
}

// began is when the present episode began.
func (m *maker) began(v *query.View) time.Time {
	if n := len(v.Incident.Intervals); n > 0 {
		return v.Incident.Intervals[n-1].From
	}
	return v.Incident.OpenedAt
}

// holder says who has it.
func (m *maker) holder(v *query.View) string {
	inc := v.Incident
	if inc.AcknowledgedAt.IsZero() {
		return m.t("card.nobody")
	}
	return m.t("card.acked", "who", person(inc.AcknowledgedBy), "when", m.when(inc.AcknowledgedAt))
}

type facts struct {
	m   *maker
	out []fact
}

func (f *facts) add(key, value string) {
	if value != "" {
		f.out = append(f.out, fact{Name: f.m.t(key), Value: value})
	}
}

func (f *facts) time(key string, t time.Time) { f.add(key, f.m.when(t)) }

func (m *maker) facts(v *query.View) []fact {
	inc := v.Incident
	f := &facts{m: m}
	f.add("fact.service", m.service(v))
	f.add("fact.level", join([]string{line(m.say.Level(v.Level), maxName), m.whyLevel(inc)}))
	if len(inc.Intervals) > 1 {
		f.time("fact.reopened", m.began(v))
		f.time("fact.began", inc.OpenedAt)
	} else {
		f.time("fact.since", inc.OpenedAt)
	}
	if inc.Active() {
		who := m.t("mail.nobody")
		if !inc.AcknowledgedAt.IsZero() {
			who = m.t("mail.held", "who", person(inc.AcknowledgedBy), "when", m.when(inc.AcknowledgedAt))
		}
		f.add("mail.fact.who", who)
		f.add("fact.oncall", m.people(inc.Responders))
	} else {
		f.add("web.time.resolved", m.whenBy(inc.ResolvedAt, inc.ResolvedBy))
	}
	f.add("fact.commander", person(inc.Commander))
	f.add("web.declared_by", person(inc.DeclaredBy))
	f.add("fact.squad", squad(v))
	f.add("fact.priority", priority(inc))
	f.add("mail.fact.parent", m.parent(v))
	return f.out
}

func priority(inc *incident.Incident) string {
	if inc.Alert == nil {
		return ""
	}
	return line(inc.Alert.Priority, maxName)
}

// parent names what the incident is linked to; a private one never is named.
func (m *maker) parent(v *query.View) string {
	if r := v.Parent; r != nil && !r.Private && v.Incident.Link != nil {
		key := "link.cascade"
		if v.Incident.Link.Kind == incident.LinkDuplicate {
			key = "link.duplicate"
		}
		return m.t(key, "parent", r.ID.String()) + ": " + line(r.Title, 160)
	}
	return ""
}

func (m *maker) service(v *query.View) string {
	s := service(v)
	switch {
	case s == "":
		return m.t("card.no_service")
	case !v.Service.Known:
		return s + " " + m.t("card.unknown_service")
	case v.Service.Tier > 0:
		return join([]string{s, m.t("card.tier", "n", v.Service.Tier)})
	}
	return s
}

func (m *maker) people(list []incident.Actor) string {
	var out []string
	for i, p := range list {
		if i == showPeople {
			out = append(out, m.n("card.more", len(list)-i))
			break
		}
		out = append(out, person(p))
	}
	return join(out)
}

// whyLevel says what made the level what it is.
func (m *maker) whyLevel(inc *incident.Incident) string {
	switch {
	case !inc.LevelBy.IsZero():
		return m.t("why.person", "who", person(inc.LevelBy))
	case inc.LevelRule != "" && inc.LevelRuleNo == 0: // decided before rules were numbered
		return m.t("why.rule_name", "rule", line(inc.LevelRule, maxName))
	case inc.LevelRule != "":
		return m.t("why.rule", "rule", line(inc.LevelRule, maxName), "n", inc.LevelRuleNo)
	}
	return m.t("why.none")
}

// whenBy is a time with who did it; "" for no time.
func (m *maker) whenBy(t time.Time, by incident.Actor) string {
	if t.IsZero() {
		return ""
	}
	return join([]string{m.when(t), person(by)})
}

// changes lists what was changed shortly before, which may have caused it.
func (m *maker) changes(v *query.View) part {
	p := part{Title: m.t("changes.title")}
	for _, c := range v.Changes {
		if len(p.Items) == showChanges {
			break
		}
		if c.Verdict == query.VerdictNot {
			continue
		}
		it := item{Title: line(c.Title, 160)}
		about := []string{line(c.ServiceName, maxName), m.when(c.At), line(c.Version, 40)}
		if c.By != "" {
			about = append(about, m.t("changes.by", "who", line(c.By, maxName)))
		}
		it.Notes = []string{join(about)}
		if u := webAddress(c.URL); u != "" {
			it.Link = link{Title: m.t("changes.link"), URL: u}
		}
		p.Items = append(p.Items, it)
	}
	return p
}

// ended is how it ended, and what is left to do.
func (m *maker) ended(v *query.View) []string {
	inc := v.Incident
	var out []string
	switch {
	case inc.Postmortem.State == incident.PostmortemWaived:
		out = append(out, m.t("mail.closed.waived"))
	case inc.Postmortem.State == incident.PostmortemComplete:
		out = append(out, m.t("mail.closed.complete"))
	case inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate:
		out = append(out, m.t("event.closed.duplicate")+".")
	default:
		out = append(out, m.t("review.none"))
	}
	if n := len(inc.OpenActions()); n > 0 && (m.Why == WhyOwner || m.Why == WhySquad || m.Why == WhyMember) {
		out = append(out, m.n("mail.closed.actions", n))
	}
	return out
}

func (m *maker) endFacts(v *query.View) []fact {
	inc := v.Incident
	f := &facts{m: m}
	f.add("fact.service", m.service(v))
	f.add("fact.level", line(m.say.Level(v.Level), maxName))
	f.time("rca.impact_started_at", inc.Times.ImpactStarted)
	f.time("fact.began", inc.OpenedAt)
	f.time("rca.detected_at", inc.Times.Detected)
	f.time("web.time.acknowledged", inc.FirstAcknowledgedAt)
	f.time("web.time.mitigated", inc.Times.Mitigated)
	f.add("web.time.resolved", m.whenBy(inc.ResolvedAt, inc.ResolvedBy))
	if !inc.ResolvedAt.IsZero() {
		lasted := []string{m.say.Duration(inc.Duration(inc.ResolvedAt))}
		if inc.Episode > 1 {
			lasted = append(lasted, m.n("card.reopened", inc.Episode-1))
		}
		f.add("fact.lasted", join(lasted))
	}
	if c := inc.Postmortem.RCA.Category; c != "" && inc.Postmortem.State == incident.PostmortemComplete {
		f.add("rca.category", line(m.say.Category(c), maxName))
	}
	if i := slices.IndexFunc(inc.Causes, func(c incident.Cause) bool { return c.Was }); i >= 0 {
		c := &inc.Causes[i]
		f.add("mail.fact.cause", join([]string{line(c.Title, 160), line(c.Version, 40), m.when(c.At)}))
	}
	f.add("mail.fact.parent", m.parent(v))
	f.add("fact.commander", person(inc.Commander))
	f.add("fact.squad", squad(v))
	return f.out
}

// review is what the RCA says, or why there is none.
func (m *maker) review(v *query.View) []part {
	pm := &v.Incident.Postmortem
	var out []part
	add := func(key, s string, n int) {
		if l := lines(s, n); len(l) > 0 {
			out = append(out, part{Title: m.t(key), Lines: l})
		}
	}
	switch pm.State {
	case incident.PostmortemWaived:
		add("field.reason", pm.Reason, maxShort)
	case incident.PostmortemComplete:
		add("rca.summary", pm.RCA.Summary, maxLong/2)
		add("rca.impact", pm.RCA.Impact, maxLong/2)
		add("rca.root_cause", pm.RCA.RootCause, maxLong)
		add("rca.resolution_steps", pm.RCA.ResolutionSteps, maxLong)
	}
	return out
}

// actions lists the follow-ups that are not done.
func (m *maker) actions(v *query.View) []part {
	inc := v.Incident
	if len(inc.Actions) == 0 {
		return nil
	}
	open := inc.OpenActions()
	p := part{Title: m.t("actions.title", "open", len(open), "all", len(inc.Actions))}
	for i, a := range open {
		if i == showActions {
			p.More = m.n("card.more", len(open)-i)
			break
		}
		owner := m.t("actions.nobody")
		if !a.Owner.IsZero() {
			owner = person(a.Owner)
		}
		if a.Due != "" {
			owner = m.t("actions.due", "owner", owner, "date", line(a.Due, 20))
		}
		p.Items = append(p.Items, item{Title: m.t("actions.item", "n", a.N, "title", line(a.Title, 200)), Notes: []string{owner}})
	}
	return []part{p}
}

func (m *maker) updateFacts(v *query.View, u *incident.StatusUpdate) []fact {
	inc := v.Incident
	f := &facts{m: m}
	f.add("fact.service", service(v))
	f.time("fact.since", m.began(v))
	f.add("web.time.resolved", m.whenBy(inc.ResolvedAt, incident.Actor{}))
	switch {
	case !u.Next.IsZero():
		f.add("update.next", m.when(u.Next))
	case inc.Active():
		f.add("update.next", m.t("mail.next_none"))
	}
	f.add("mail.fact.by", person(u.By))
	return f.out
}
