package pages

import (
	"cmp"
	"strings"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/locale"
	"imbot/query"
)

// story is what is known of an incident besides its RCA. It stands on the page
// of the incident, and beside the form in which the RCA is written.
type story struct {
	ID, Name string // Name is the incident's title
	State    state
	Private  bool
	Alone    bool   // it is open, and nobody has it
	Holder   string // who has it, or has resolved it
	Remarks  []string
	Facts    []fact
	Times    []fact
	People   []fact
	Links    []link
	Response *response // nil: nothing was said or done about it yet
	Parent   *relative
	Children []relative
	More     string // beyond the children that are shown
	Burst    []relative
	Similar  []earlier
	Changes  []change
	Actions  []followUp
	Counted  string // how many actions are open
	Timeline []entry
	Earlier  string // entries that are not shown
}

// fact is a label with a value, or with a time.
type fact struct {
	Label, Value string
	At           *clock
}

type link struct{ Title, URL string }

// relative is an incident beside this one.
type relative struct {
	ID, Title, Service, Kind string
	Why                      []string
	Room                     link // its own war room
	state
}

// earlier is an incident of the past that is like this one.
type earlier struct {
	relative
	Lasted, Cause, Fix string
	Resolved           *clock
}

type change struct {
	At                          *clock
	Title, URL, Detail, Verdict string
}

type entry struct {
	At   *clock
	Text string
}

func (u ui) story(q *query.View) *story {
	inc := q.Incident
	s := &story{
		ID: inc.ID.String(), Name: inc.Title, State: u.state(inc.Status, q.Level), Private: inc.Private,
		Remarks: u.remarks(q), Facts: u.facts(q), Times: u.times(inc), People: u.people(q), Links: u.links(q), Response: u.response(q),
		Parent: u.parent(q), Actions: u.actions(inc), Changes: u.changes(q.Changes),
	}
	s.Holder, s.Alone = u.holder(inc)
	for i := range q.Children {
		c := u.relative(&q.Children[i])
		if l := q.Children[i].Link; l != nil {
			c.Kind = u.T("kind." + l.Kind)
			c.Why = []string{u.rule(l) + " · " + u.say.Sure(l.Confidence)}
		}
		s.Children = append(s.Children, c)
	}
	if n := len(inc.Children) - len(q.Children) + inc.MoreChildren; n > 0 {
		s.More = u.N("card.more", n)
	}
	for i := range q.Burst {
		s.Burst = append(s.Burst, u.relative(&q.Burst[i]))
	}
	for i := range q.Similar {
		x := &q.Similar[i]
		s.Similar = append(s.Similar, earlier{
			relative: u.relative(&x.Related), Resolved: u.clock(x.ResolvedAt), Cause: x.Cause, Fix: x.Fix,
			Lasted: u.T("similar.lasted", "duration", u.say.Duration(x.Lasted)),
		})
	}
	if len(inc.Actions) > 0 {
		s.Counted = u.T("actions.title", "open", len(inc.OpenActions()), "all", len(inc.Actions))
	}
	events := q.Timeline
	if over := len(events) - maxTimeline; over > 0 {
		s.Earlier, events = u.N("web.earlier", over), events[over:]
	}
	for _, e := range events {
		s.Timeline = append(s.Timeline, entry{u.clock(e.At), cards.EventText(e, u.Lang(), u.zone)})
	}
	return s
}

// relative is what is said of an incident beside another one.
func (u ui) relative(r *query.Related) relative {
	room := link{u.T("room.go"), webURL(r.Room)}
	return relative{ID: r.ID.String(), Title: r.Title, Service: r.Service, Room: room, state: u.state(r.Status, r.Level)}
}

// parent is what the incident is a duplicate or a consequence of, and why imbot
// says so.
func (u ui) parent(q *query.View) *relative {
	l := q.Incident.Link
	if l == nil {
		return nil
	}
	r := &relative{}
	switch {
	case q.Parent != nil:
		*r = u.relative(q.Parent)
	case l.Parent != 0:
		r.ID = l.Parent.String()
	case l.ParentRef != nil:
		r.Title = locale.System(l.ParentRef.System) + " " + l.ParentRef.ID
	}
	r.Kind = u.T("link."+l.Kind, "parent", "")
	r.Why = []string{u.rule(l) + " · " + u.say.Sure(l.Confidence)}
	for _, step := range l.Path {
		edge, source := step.From+" → "+step.To, incident.Clip(step.Source, 40)
		if step.SeenAt.IsZero() {
			r.Why = append(r.Why, u.T("link.step_said", "edge", edge, "source", source))
		} else {
			r.Why = append(r.Why, u.T("link.step", "edge", edge, "source", source, "when", u.when(step.SeenAt)))
		}
	}
	if !l.Began.IsZero() && l.Parent != 0 {
		r.Why = append(r.Why, u.T("link.began", "parent", l.Parent, "then", u.when(l.Began), "id", q.Incident.ID, "now", u.when(q.Incident.OpenedAt)))
	}
	return r
}

// rule says which rule made a link.
func (u ui) rule(l *incident.Link) string {
	switch {
	case l.Rule != incident.RulePerson:
		return u.say.Rule(l.Rule)
	case l.At.IsZero():
		return u.T("rule.person_who", "who", person(l.By))
	}
	return u.T("rule.person_when", "who", person(l.By), "when", u.when(l.At))
}

// facts are what, where and how bad.
func (u ui) facts(q *query.View) []fact {
	inc := q.Incident
	service := cmp.Or(q.ServiceName(), u.T("card.no_service"))
	switch {
	case !q.Service.Known && inc.Service != "":
		service += " " + u.T("card.unknown_service")
	case q.Service.Tier > 0:
		service += " · " + u.T("card.tier", "n", q.Service.Tier)
	}
	level := u.say.Level(q.Level)
	switch {
	case !inc.LevelBy.IsZero():
		level += ", " + u.T("why.person", "who", person(inc.LevelBy))
	case inc.LevelRule != "" && inc.LevelRuleNo == 0:
		level += ", " + u.T("why.rule_name", "rule", inc.LevelRule)
	case inc.LevelRule != "":
		level += ", " + u.T("why.rule", "rule", inc.LevelRule, "n", inc.LevelRuleNo)
	}
	out := []fact{{Label: u.T("fact.service"), Value: service}, {Label: u.T("fact.squad"), Value: q.SquadName()}, {Label: u.T("fact.level"), Value: level}}
	if inc.Alert != nil {
		out = append(out, fact{Label: u.T("fact.priority"), Value: inc.Alert.Priority})
	}
	return said(out)
}

// times are when what happened, in the order in which it mostly does.
func (u ui) times(inc *incident.Incident) []fact {
	var out []fact
	add := func(key string, t time.Time) {
		if c := u.clock(t); c != nil {
			out = append(out, fact{Label: u.T("web.time." + key), At: c})
		}
	}
	add("impact_started", inc.Times.ImpactStarted)
	add("detected", inc.Times.Detected)
	add("opened", inc.OpenedAt)
	add("acknowledged", inc.FirstAcknowledgedAt)
	add("mitigated", inc.Times.Mitigated)
	if n := len(inc.Intervals); n > 1 {
		add("reopened", inc.Intervals[n-1].From)
	}
	add("resolved", inc.ResolvedAt)
	add("closed", inc.ClosedAt)
	if !inc.Active() {
		out = append(out, fact{Label: u.T("fact.lasted"), Value: u.say.Duration(inc.Duration(inc.ResolvedAt))})
	}
	return out
}

func (u ui) people(q *query.View) []fact {
	inc := q.Incident
	names := func(list []incident.Actor) string {
		var out []string
		for _, a := range list {
			out = append(out, person(a))
		}
		return strings.Join(out, ", ")
	}
	one := func(a incident.Actor) string {
		if a.IsZero() {
			return ""
		}
		return person(a)
	}
	return said([]fact{
		{Label: u.T("fact.commander"), Value: one(inc.Commander)},
		{Label: u.T("fact.scribe"), Value: one(inc.Scribe)},
		{Label: u.T("web.acked_by"), Value: one(inc.AcknowledgedBy)},
		{Label: u.T("web.resolved_by"), Value: one(inc.ResolvedBy)},
		{Label: u.T("web.declared_by"), Value: one(inc.DeclaredBy)},
		{Label: u.T("fact.oncall"), Value: names(inc.Responders)},
		{Label: u.T("web.owner"), Value: one(q.Owner)},
		{Label: u.T("web.lead"), Value: one(q.Lead)},
		{Label: u.T("web.members"), Value: names(inc.Members)},
	})
}

// said leaves out the facts that say nothing.
func said(facts []fact) []fact {
	var out []fact
	for _, f := range facts {
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}

// links are those of service and alert, and the things in other systems.
func (u ui) links(q *query.View) []link {
	var out []link
	seen := map[string]bool{}
	add := func(title, address string) {
		to := webURL(address)
		if to == "" || seen[to] {
			return
		}
		seen[to] = true
		out = append(out, link{cmp.Or(incident.Clip(incident.Line(title), 80), to), to})
	}
	for _, l := range q.Links {
		add(l.Title, l.URL)
	}
	names := u.say.Refs(q.Incident)
	for i, r := range q.Incident.Refs {
		add(names[i], r.URL)
	}
	return out
}

func (u ui) changes(claims []query.ChangeClaim) []change {
	var out []change
	for i := range claims {
		c := &claims[i]
		x := change{At: u.clock(c.At), Title: c.Title, URL: webURL(c.URL), Detail: c.ServiceName}
		if c.Callee {
			x.Detail = u.T("changes.callee", "service", c.ServiceName)
		}
		switch c.Verdict {
		case query.VerdictCause:
			x.Verdict = u.T("changes.was")
		case query.VerdictNot:
			x.Verdict = u.T("changes.was_not")
		}
		out = append(out, x)
	}
	return out
}

// holder is who has the incident, or has resolved it, and whether it is open and
// nobody has it. Of a duplicate the first one says that.
func (u ui) holder(inc *incident.Incident) (who string, alone bool) {
	switch {
	case !inc.Active() && inc.ResolvedAt.IsZero():
		return "", false
	case !inc.Active():
		return u.T("card.resolved_by", "who", person(inc.ResolvedBy), "when", u.when(inc.ResolvedAt)), false
	case inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate:
		return "", false
	case inc.AcknowledgedAt.IsZero():
		return u.T("card.nobody"), true
	}
	return u.T("card.acked", "who", person(inc.AcknowledgedBy), "when", u.when(inc.AcknowledgedAt)), false
}

// remarks are the short lines about what is special.
func (u ui) remarks(q *query.View) []string {
	inc := q.Incident
	var out []string
	if inc.Private {
		out = append(out, u.T("card.private"))
		if page, ok := inc.PublicPage(); ok {
			out = append(out, u.T("card.exposed", "page", page.URL))
		}
	}
	switch {
	case inc.Imported:
		out = append(out, u.T("gap.imported"))
	case inc.NoticeGap != "":
		out = append(out, u.say.Or("gap."+inc.NoticeGap, inc.NoticeGap))
	}
	if inc.Openings > 0 {
		out = append(out, u.N("card.flapping", inc.Openings, "when", u.when(inc.OpenedAt)))
	}
	if inc.Recurrences > 0 {
		out = append(out, u.N("card.recurs", inc.Recurrences))
	}
	if inc.Episode > 1 {
		out = append(out, u.N("card.reopened", inc.Episode-1))
	}
	if q.BurstSize > 1 {
		out = append(out, u.N("card.burst", q.BurstSize))
	}
	return out
}
