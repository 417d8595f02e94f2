package letters

import (
	"strings"

	"imbot/incident"
	"imbot/query"
)

// page is a letter before it is written: words only, all clean, and addresses
// that are plain web addresses.
type page struct {
	Lang    string
	Subject string
	Preview string // what lists of mails show beside the subject
	Pad     bool   // nothing of the body may follow the preview in such a list
	Mood    mood
	State   string // in a word or two; the colour of Mood says no more than that
	ID      string
	Heading string
	Notice  string // what must be read before all else
	Lead    []string
	Said    []part // by people, and what the letter is for: it comes before all facts
	Facts   []fact
	Parts   []part
	Buttons []link
	Links   []link
	Titles  titles
	Foot    []string
	Leave   link // ends such mails
}

// titles are words of the page's frame.
type titles struct{ Links string }

type fact struct{ Name, Value string }

// part is a piece of the body: lines, or a list and what it leaves out. Its
// Title may be empty.
type part struct {
	Title string
	Lines []string
	Items []item
	More  string
}

type item struct {
	Title string
	Notes []string
	Link  link
}

// mood is the colour of the band above a letter. White text on it has a contrast
// of 4.5 or more (https://www.w3.org/TR/WCAG22/#contrast-minimum).
type mood string

const (
	red   mood = "#b42318"
	amber mood = "#93370d"
	blue  mood = "#175cd3"
	green mood = "#067647"
	grey  mood = "#344054"
)

func moodOf(v *query.View) mood {
	switch {
	case v.Incident.Status == incident.Resolved:
		return green
	case v.Incident.Status == incident.Closed:
		return grey
	case v.Level.Room || v.Level.AlwaysVisible:
		return red
	case v.Level.Postmortem:
		return amber
	}
	return blue
}

// redacted reports whether this reader may know no more than the number.
func (m *maker) redacted(v *query.View) bool { return v.Incident.Private && m.Why != WhyMember }

func (m *maker) privateSubject(v *query.View) string {
	return m.t("mail.subject.private", "id", v.Incident.ID.String())
}

// subject names the incident and what happened. A private one always has the
// same: subjects are shown on locked phones.
func (m *maker) subject(v *query.View, key string) string {
	if v.Incident.Private {
		return m.privateSubject(v)
	}
	word := line(m.say.LevelWord(v.Level), 24)
	return line(m.t(key, "id", v.Incident.ID.String(), "level", word, "what", title(v)), maxSubject)
}

// page is what all letters about one incident have in common.
func (m *maker) page(v *query.View, subject string) *page {
	inc := v.Incident
	p := &page{
		Lang: m.say.Lang(), Subject: subject, Mood: moodOf(v), ID: inc.ID.String(), Heading: title(v), Preview: m.preview(v),
		State:  join([]string{m.t("card.state." + string(inc.Status)), line(m.say.Level(v.Level), maxName)}),
		Titles: titles{Links: m.t("web.links")},
		Foot:   m.foot(m.why(v)),
	}
	if inc.Private {
		p.Pad, p.Preview, p.Notice = true, m.t("mail.private.preview"), m.t("mail.private.note")
	}
	return p
}

// preview goes on where the subject ends.
func (m *maker) preview(v *query.View) string {
	inc := v.Incident
	switch {
	case !inc.Active() && inc.ResolvedAt.IsZero():
		return service(v)
	case !inc.Active():
		return join([]string{service(v), m.t("similar.lasted", "duration", m.say.Duration(inc.Duration(inc.ResolvedAt)))})
	}
	return join([]string{service(v), m.t("mail.since", "when", m.when(m.began(v))), m.holder(v)})
}

// secret is all that somebody who is no member may read of a private incident.
func (m *maker) secret(v *query.View) Letter {
	id := v.Incident.ID.String()
	p := &page{
		Lang: m.say.Lang(), Subject: m.privateSubject(v), Mood: grey, ID: id, State: m.t("mail.private.state"), Pad: true,
		Heading: m.t("mail.private.title", "id", id), Preview: m.t("mail.private.preview"), Lead: []string{m.t("mail.private.hidden")},
		Foot: []string{m.sent()}, Buttons: m.pageButton(v),
	}
	return m.write(p, true)
}

// foot says why the mail came, and how to read its times.
func (m *maker) foot(why string) []string {
	return []string{why, m.t("mail.zone", "zone", m.ZoneName), m.sent()}
}

func (m *maker) sent() string {
	if company := line(m.Company, maxName); company != "" {
		return m.t("mail.sent_for", "company", company)
	}
	return m.t("mail.sent")
}

// why is the reason why this reader gets the mail; "" where none is known.
func (m *maker) why(v *query.View) string {
	switch m.Why {
	case WhyMember:
		if !v.Incident.Private {
			return "" // it was, and is not any more
		}
	case WhyOwner, WhySquad, WhyStakeholder, WhySubscriber:
	default:
		return ""
	}
	return m.t("mail.why."+m.Why, "id", v.Incident.ID.String(), "service", m.itsService(v), "squad", squad(v))
}

func (m *maker) itsService(v *query.View) string {
	if s := service(v); s != "" {
		return s
	}
	return m.t("mail.this_service")
}

// pageURL is the incident's page; "" where there is none.
func (m *maker) pageURL(v *query.View) string {
	if base := strings.TrimRight(m.BaseURL, "/"); base != "" {
		return webAddress(base + "/incidents/" + v.Incident.ID.String())
	}
	return webAddress(v.Page)
}

func (m *maker) pageButton(v *query.View) []link {
	if u := m.pageURL(v); u != "" {
		return []link{{Title: m.t("mail.open", "id", v.Incident.ID.String()), URL: u}}
	}
	return nil
}

// showLinks bounds the links below the buttons.
const showLinks = 6

// links are where the reader can go: buttons for the page and, while it lasts,
// for where people meet, and then what else helps, runbook first.
func (m *maker) links(v *query.View) (buttons, others []link) {
	seen := map[string]bool{}
	add := func(to *[]link, name, address string) {
		if u := webAddress(address); u != "" && !seen[u] {
			seen[u] = true
			*to = append(*to, link{Title: name, URL: u})
		}
	}
	for _, b := range m.pageButton(v) {
		add(&buttons, b.Title, b.URL)
	}
	if room := v.Incident.Room; room != nil && v.Incident.Active() {
		add(&buttons, m.t("mail.room"), room.URL)
		add(&buttons, m.t("room.call"), room.Meeting)
	}
	for _, l := range v.Links {
		if name := line(l.Title, 60); name != "" && len(others) < showLinks-1 { // the ticket has its place
			add(&others, name, l.URL)
		}
	}
	for _, r := range v.Incident.Refs {
		if r.Role == incident.RolePostmortem && len(others) < showLinks {
			add(&others, m.t("mail.ticket"), r.URL)
		}
	}
	if page, ok := v.Incident.PublicPage(); ok && m.pageURL(v) == "" && !v.Incident.Private {
		add(&others, m.t("card.published"), page.URL)
	}
	return buttons, others
}

// write writes the page twice.
func (m *maker) write(p *page, private bool) Letter {
	p.Pad = p.Pad || private
	if u := webAddress(m.Unsubscribe); strings.HasPrefix(u, "https:") {
		p.Leave = link{Title: m.t("mail.unsubscribe"), URL: u}
	}
	return Letter{Subject: p.Subject, Text: p.text(), HTML: p.html()}
}
