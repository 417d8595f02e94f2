package letters

import (
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/locale"
	"imbot/query"
)

// Reasons why somebody gets a letter. They decide what it expects of the
// reader, and what its foot says.
const (
	WhyOwner       = incident.PartOwner       // owns the service
	WhySquad       = incident.MailSquad       // is in the squad that runs it
	WhyStakeholder = incident.PartStakeholder // is named as a stakeholder of the service
	WhySubscriber  = "subscriber"             // has asked for it
	// WhyMember is for members of a private incident. All others get a letter that
	// names the incident's number and nothing else: who owns a service, or is in
	// its squad, need not be a member.
	WhyMember = incident.PartMember
)

// Options say for whom a letter is written.
type Options struct {
	Lang string         // "en" or "id", or a locale such as "id-ID"; empty: English
	Zone *time.Location // of all times; nil: UTC
	// ZoneName is how the foot names the zone, such as "Asia/Jakarta". Default:
	// the name of Zone.
	ZoneName string
	// BaseURL is what links to pages begin with, such as https://imbot.example.com.
	// Default: the page that the view knows of, if any.
	BaseURL     string
	Company     string // named in the foot; may be empty
	Unsubscribe string // https URL that ends such mails; "": the foot offers none
	Why         string // WhyOwner, …; what is none of these is told as news, without a reason
}

// Letter is a mail without its headers. Subject is one line of at most 110
// runes; Text and HTML are each at most 100 KiB: some programs show no more.
type Letter struct {
	Subject string
	Text    string // lines of at most 78 characters, addresses aside
	HTML    string // a whole document
}

// Declared tells that an incident has begun, or, from its second episode on,
// that it is back.
func Declared(v *query.View, o Options) Letter {
	m := o.maker()
	if m.redacted(v) {
		return m.secret(v)
	}
	key := "mail.subject.declared"
	if v.Incident.Episode > 1 {
		key = "mail.subject.reopened"
	}
	p := m.page(v, m.subject(v, key))
	p.Lead = m.ask(v)
	m.begun(p, v)
	return m.write(p, v.Incident.Private)
}

// Raised tells that an incident has got a more urgent level than from.
func Raised(v *query.View, from incident.Level, o Options) Letter {
	m := o.maker()
	if m.redacted(v) {
		return m.secret(v)
	}
	p := m.page(v, m.subject(v, "mail.subject.raised"))
	p.Lead = append([]string{m.t("mail.raised", "from", m.say.Level(from), "to", m.say.Level(v.Level))}, m.ask(v)...)
	m.begun(p, v)
	return m.write(p, v.Incident.Private)
}

// Closed tells how an incident ended: root cause and resolution steps, times,
// and the actions that are still open.
func Closed(v *query.View, o Options) Letter {
	m := o.maker()
	if m.redacted(v) {
		return m.secret(v)
	}
	p := m.page(v, m.subject(v, "mail.subject.closed"))
	p.Lead = m.ended(v)
	p.Facts = m.endFacts(v)
	p.Parts = append(m.review(v), m.actions(v)...)
	p.Buttons, p.Links = m.links(v)
	return m.write(p, v.Incident.Private)
}

// Direct tells one person what is wanted of them, where they can't be told in
// Teams: the reason of the data decides what. A status update is StatusUpdate of
// the newest one.
func Direct(v *query.View, d incident.DirectData, o Options) Letter {
	if u := v.Incident.Update; d.Reason == incident.DirectUpdate && u != nil {
		return StatusUpdate(v, *u, o)
	}
	m := o.maker()
	if m.redacted(v) {
		return m.secret(v)
	}
	p := m.page(v, m.subject(v, "mail.subject.declared"))
	switch d.Reason {
	case incident.DirectCommander, incident.DirectRelieved, incident.DirectScribe, incident.DirectReplaced, incident.DirectInvited, incident.DirectHelp:
		p.Lead = []string{m.t("mail.ask."+d.Reason, "who", person(d.By))}
	}
	m.begun(p, v)
	return m.write(p, v.Incident.Private)
}

// StatusUpdate tells those who have asked for it how an incident goes on, in a
// person's words.
func StatusUpdate(v *query.View, u incident.StatusUpdate, o Options) Letter {
	m := o.maker()
	if m.redacted(v) {
		return m.secret(v)
	}
	p := m.page(v, m.subject(v, "mail.subject.update"))
	p.Facts = m.updateFacts(v, &u)
	for _, said := range []struct{ key, text string }{{"room.say.customers", u.Customers}, {"room.say.doing", u.Doing}} {
		if l := lines(said.text, maxLong); len(l) > 0 {
			p.Said = append(p.Said, part{Title: m.t(said.key), Lines: l})
		}
	}
	if len(p.Said) > 0 && !v.Incident.Private {
		p.Preview = line(strings.Join(p.Said[0].Lines, " "), 120)
	}
	p.Buttons, p.Links = m.links(v)
	if o.Why != WhyOwner && o.Why != WhySquad && o.Why != WhyMember {
		// Rooms and runbooks are for those who work on it.
		p.Buttons, p.Links = m.pageButton(v), nil
	}
	return m.write(p, v.Incident.Private)
}

// showOverdue bounds the RCAs that one letter lists; the rest is counted.
const showOverdue = 30

// Overdue asks for the RCAs that are overdue, all of one reader in one letter,
// the oldest first. Private incidents are in it by their number alone. The
// Letter of an empty list is the zero Letter: there is nothing to send.
func Overdue(list []*query.View, o Options) Letter {
	if len(list) == 0 {
		return Letter{}
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *query.View) int { return a.Incident.ResolvedAt.Compare(b.Incident.ResolvedAt) })
	m := o.maker()
	p := &page{
		Lang: m.say.Lang(), Mood: amber, State: m.t("mail.overdue.word"), Subject: m.overdueSubject(list),
		Heading: m.n("mail.overdue.title", len(list)), Preview: m.t("mail.overdue.ask"), Lead: []string{m.t("mail.overdue.ask")},
	}
	body := part{}
	for _, v := range list[:min(len(list), showOverdue)] {
		body.Items = append(body.Items, m.owed(v))
	}
	if more := len(list) - showOverdue; more > 0 {
		body.More = m.n("card.more", more)
	}
	p.Parts = []part{body}
	key := "mail.why.overdue"
	if o.Why == WhySquad {
		key = "mail.why.overdue_squad"
	}
	p.Foot = m.foot(m.t(key))
	return m.write(p, false)
}

// overdueSubject names the incident if it is one, else their numbers.
func (m *maker) overdueSubject(list []*query.View) string {
	if v := list[0]; len(list) == 1 {
		if v.Incident.Private {
			return m.privateSubject(v)
		}
		return line(m.t("mail.subject.overdue", "id", v.Incident.ID.String(), "what", title(v)), maxSubject)
	}
	var ids []string
	for _, v := range list[:min(len(list), 4)] {
		ids = append(ids, v.Incident.ID.String())
	}
	if len(list) > len(ids) {
		ids = append(ids, "…")
	}
	return line(m.t("mail.subject.overdue_many", "n", len(list), "ids", strings.Join(ids, ", ")), maxSubject)
}

// owed is one RCA that is owed.
func (m *maker) owed(v *query.View) item {
	inc := v.Incident
	it := item{Title: inc.ID.String() + " " + title(v), Link: link{Title: m.t("doc.write"), URL: m.pageURL(v)}}
	if inc.Private {
		it.Title = inc.ID.String() + " " + m.t("mail.private.word")
		return it
	}
	about := []string{service(v)}
	if !inc.ResolvedAt.IsZero() {
		about = append(about, m.t("mail.overdue.resolved", "when", m.when(inc.ResolvedAt)), m.t("similar.lasted", "duration", m.say.Duration(inc.Duration(inc.ResolvedAt))))
	}
	state := m.t("web.rca.empty")
	if rca := &inc.Postmortem.RCA; !rca.IsZero() {
		missing := rca.Missing()
		for i, f := range missing {
			missing[i] = m.say.Field(f)
		}
		state = m.t("review.ready")
		if len(missing) > 0 {
			state = m.t("review.missing", "missing", strings.Join(missing, ", "))
		}
	}
	it.Notes = []string{join(about), state}
	return it
}

// maker makes one letter: it knows the reader.
type maker struct {
	Options
	say locale.Printer
}

func (o Options) maker() *maker {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.ZoneName == "" {
		o.ZoneName = o.Zone.String()
	}
	return &maker{o, locale.For(o.Lang)}
}

// t is a text of the catalogue; values that are strings become one clean line.
func (m *maker) t(key string, pairs ...any) string { return m.say.Text(key, clean(pairs)...) }

// n is t for a text that counts.
func (m *maker) n(key string, n int) string { return m.say.N(key, n) }

func clean(pairs []any) []any {
	for i := 1; i < len(pairs); i += 2 {
		if s, ok := pairs[i].(string); ok {
			pairs[i] = line(s, incident.MaxTitle)
		}
	}
	return pairs
}

// when is a time in the reader's zone, in a form that no language reads
// differently: 2026-12-31 08:04 WIB; "" for the zero time.
func (m *maker) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(m.Zone)
	name, _ := t.Zone()
	if name == "" || name[0] == '+' || name[0] == '-' { // a zone without a name of its own
		name = "UTC" + t.Format("-07:00")
	}
	return t.Format("2006-01-02 15:04 ") + name
}
