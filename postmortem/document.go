package postmortem

import (
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/locale"
	"imbot/query"
	"imbot/weburl"
)

// Options say for whom a document is made.
type Options struct {
	Lang string         // "en" or "id", or a locale such as "id-ID"; empty: English
	Zone *time.Location // of all times; nil: UTC
	// Kept says that the document is a page that is written anew for each change,
	// and says so on it.
	Kept bool
}

// writer writes one document.
type writer struct {
	Options
	say locale.Printer
	v   *query.View
	inc *incident.Incident
}

// Document makes the document of an incident. Of the view it uses all that
// query.Reader.Whole brings along; what is missing is left out.
func Document(v *query.View, o Options) Doc {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	w := &writer{Options: o, say: locale.For(o.Lang), v: v, inc: v.Incident}
	d := Doc{
		Lang: w.say.Lang(), Title: join(" ", w.inc.ID.String(), line(w.inc.Title, incident.MaxTitle)),
		Status: w.status(), Notes: w.notes(), Foot: w.t("web.zone", "zone", w.Zone.String()),
	}
	add := func(title string, blocks ...Block) {
		if len(blocks) > 0 {
			d.Sections = append(d.Sections, Section{title, blocks})
		}
	}
	add(w.t("web.facts"), w.facts()...)
	d.Sections = append(d.Sections, w.rca()...)
	add(w.t("web.rca.actions"), w.actions()...)
	add(w.t("web.times"), w.times()...)
	add(w.t("doc.updates"), w.updates()...)
	add(w.t("web.timeline"), w.timeline()...)
	add(w.t("doc.causes"), w.causes()...)
	add(w.t("doc.tree"), w.tree()...)
	add(w.t("card.similar"), w.similar()...)
	add(w.t("web.people"), w.people()...)
	add(w.t("web.links"), w.links()...)
	add(w.t("doc.revisions"), w.revisions()...)
	return d
}

// t is a text of the catalogue.
func (w *writer) t(key string, pairs ...any) string { return w.say.Text(key, pairs...) }

// status is where the incident and its RCA stand.
func (w *writer) status() []Span {
	tone := map[incident.Status]Tone{incident.Open: Bad, incident.Resolved: Good, incident.Closed: Neutral}[w.inc.Status]
	level := Calm
	switch {
	case w.v.Level.Room || w.v.Level.AlwaysVisible:
		level = Bad
	case w.v.Level.Postmortem:
		level = Warning
	}
	out := []Span{
		{Text: w.t("card.state." + string(w.inc.Status)), Tone: tone},
		{Text: line(w.say.Level(w.v.Level), maxName), Tone: level},
	}
	switch w.inc.Postmortem.State {
	case incident.PostmortemDraft:
		out = append(out, Span{Text: w.t("doc.rca.draft"), Tone: Warning})
	case incident.PostmortemComplete:
		out = append(out, Span{Text: w.t("doc.rca.complete"), Tone: Good})
	case incident.PostmortemWaived:
		out = append(out, Span{Text: w.t("doc.rca.waived"), Tone: Neutral})
	}
	if w.inc.Private {
		out = append(out, Span{Text: w.t("mail.private.state"), Tone: Bad})
	}
	return out
}

// notes say where to write, and what is owed.
func (w *writer) notes() []Cell {
	var out []Cell
	pm := &w.inc.Postmortem
	write := "doc.write"
	if pm.State == incident.PostmortemComplete || pm.State == incident.PostmortemWaived {
		write = "web.rca.read"
	}
	rca := link(w.t(write), w.rcaPage())
	if w.Kept {
		note := plain(w.t("doc.kept"))
		if rca.URL != "" {
			note = append(note, Span{Text: " "}, rca)
		}
		out = append(out, note)
	}
	if s := lines(pm.Reason); pm.State == incident.PostmortemWaived {
		out = append(out, plain(w.t("review.waived", "reason", s)))
	}
	if missing := w.missing(); pm.State == incident.PostmortemDraft && len(missing) > 0 {
		for i, f := range missing {
			missing[i] = w.say.Field(f)
		}
		out = append(out, plain(w.t("doc.missing", "missing", strings.Join(missing, ", "))))
	}
	return out
}

// rcaPage is where the RCA is written; "" where there are no pages.
func (w *writer) rcaPage() string {
	if w.v.Page == "" {
		return ""
	}
	return w.v.Page + "/rca"
}

// facts are what, where and how bad.
func (w *writer) facts() []Block {
	inc, v := w.inc, w.v
	var out Facts
	add := func(label string, c Cell) {
		if len(c) > 0 {
			out = append(out, Fact{label, c})
		}
	}
	service := line(v.ServiceName(), maxName)
	switch {
	case service == "":
		service = w.t("card.no_service")
	case !v.Service.Known:
		service += " " + w.t("card.unknown_service")
	case v.Service.Tier > 0:
		service += " · " + w.t("card.tier", "n", v.Service.Tier)
	}
	id := link(inc.ID.String(), v.Page)
	add(w.t("field.parent"), Cell{id})
	add(w.t("fact.service"), plain(service))
	add(w.t("fact.squad"), plain(line(v.SquadName(), maxName)))
	add(w.t("fact.level"), plain(join(", ", line(w.say.Level(v.Level), maxName), w.whyLevel())))
	if inc.Alert != nil {
		add(w.t("fact.priority"), plain(line(inc.Alert.Priority, maxName)))
	}
	add(w.t("fact.commander"), plain(person(inc.Commander)))
	if !inc.Active() && !inc.ResolvedAt.IsZero() {
		add(w.t("fact.lasted"), plain(w.say.Duration(inc.Duration(inc.ResolvedAt))))
	}
	if t := inc.Postmortem.Ticket; t.Made() {
		add(w.t("mail.ticket"), Cell{link(t.Key, t.URL)})
	}
	add(w.t("field.description"), plain(lines(inc.Description)))
	return []Block{out}
}

// whyLevel says what made the level what it is.
func (w *writer) whyLevel() string {
	switch inc := w.inc; {
	case !inc.LevelBy.IsZero():
		return w.t("why.person", "who", person(inc.LevelBy))
	case inc.LevelRule != "" && inc.LevelRuleNo == 0: // decided before rules were numbered
		return w.t("why.rule_name", "rule", line(inc.LevelRule, maxName))
	case inc.LevelRule != "":
		return w.t("why.rule", "rule", line(inc.LevelRule, maxName), "n", inc.LevelRuleNo)
	}
	return w.t("why.none")
}

// people are who had what part.
func (w *writer) people() []Block {
	inc := w.inc
	var out Facts
	add := func(key, who string) {
		if who != "" {
			out = append(out, Fact{w.t(key), plain(who)})
		}
	}
	add("fact.commander", person(inc.Commander))
	add("fact.scribe", person(inc.Scribe))
	add("web.declared_by", person(inc.DeclaredBy))
	add("web.acked_by", person(inc.AcknowledgedBy))
	add("web.resolved_by", person(inc.ResolvedBy))
	add("fact.oncall", people(inc.Responders))
	add("web.owner", person(w.v.Owner))
	add("web.lead", person(w.v.Lead))
	add("web.members", people(inc.Members))
	var blocks []Block
	if len(out) > 0 {
		blocks = append(blocks, out)
	}
	return append(blocks, w.woken()...)
}

// woken are those whom the pager has woken for it.
func (w *writer) woken() []Block {
	l := List{}
	for i := range w.inc.Pages {
		p := &w.inc.Pages[i]
		var roles []string
		for _, r := range p.Roles() {
			roles = append(roles, w.part(r))
		}
		who, role := person(p.Person), join(", ", roles...)
		switch {
		case who == "":
			who = role
		case role != "":
			who += " (" + role + ")"
		}
		said := w.say.Or("page."+p.State, "{who}", "who", who)
		l.Items = append(l.Items, Item{Cell: plain(join(" · ", said, line(p.Detail, maxLine), w.when(p.At)))})
	}
	if len(l.Items) == 0 {
		return nil
	}
	return []Block{Text{{w.t("doc.woken")}}, l}
}

// part is what somebody is in the incident, in words.
func (w *writer) part(part string) string {
	if squad, ok := strings.CutPrefix(part, incident.PartSquad); ok {
		return w.t("part.squad", "squad", line(squad, maxName))
	}
	if part == "" {
		return ""
	}
	return w.say.Or("part."+part, line(part, maxName))
}

// maxLinks bounds the links of a document.
const maxLinks = 40

// links are the pages that help, runbook first, and the things in other systems.
func (w *writer) links() []Block {
	var l List
	seen := []string{weburl.Plain(w.v.Page, maxURL), ""}
	add := func(title, to string) {
		if s := link(title, to); !slices.Contains(seen, s.URL) && len(l.Items) < maxLinks {
			seen = append(seen, s.URL)
			l.Items = append(l.Items, Item{Cell: Cell{s}})
		}
	}
	for _, x := range w.v.Links {
		add(x.Title, x.URL)
	}
	names := w.say.Refs(w.inc)
	for i, r := range w.inc.Refs {
		if w.Kept && r.System == incident.SourceConfluence && r.Role == incident.RolePage {
			continue // the page itself
		}
		add(names[i], r.URL)
	}
	if room := w.inc.Room; room != nil {
		add(w.t("role.room"), room.URL)
		add(w.t("role.meeting"), room.Meeting)
	}
	if len(l.Items) == 0 {
		return nil
	}
	return []Block{l}
}
