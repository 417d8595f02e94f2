package pages

import (
	"time"

	"imbot/incident"
	"imbot/locale"
	"imbot/weburl"
)

// ui speaks to one person: templates call it for every text and every time.
type ui struct {
	say  locale.Printer
	zone *time.Location
}

func (s *server) speak(lang string) ui { return ui{say: locale.For(lang), zone: s.Location} }

// T is a text of the catalogue. The template escapes it.
func (u ui) T(key string, pairs ...any) string { return u.say.Text(key, pairs...) }

// N is a text that counts.
func (u ui) N(key string, n int, pairs ...any) string { return u.say.N(key, n, pairs...) }

// Lang is the language, for the page's own mark.
func (u ui) Lang() string { return u.say.Lang() }

// clock is a time as a page shows it.
type clock struct{ Machine, Text string }

// timeLayout is how times are shown, and typed into forms.
const timeLayout = "2006-01-02 15:04"

// clock is a time in the company's zone; nil where there is none.
func (u ui) clock(t time.Time) *clock {
	if t.IsZero() {
		return nil
	}
	return &clock{t.UTC().Format(time.RFC3339), t.In(u.zone).Format(timeLayout)}
}

// when is a time within a sentence.
func (u ui) when(t time.Time) string { return t.In(u.zone).Format(timeLayout) }

// zoneName names the zone of all times on a page, such as "Asia/Jakarta (WIB,
// UTC+07:00)". Its abbreviation and offset are those of the time at.
func (u ui) zoneName(at time.Time) string {
	at = at.In(u.zone)
	name := u.zone.String()
	if name == "UTC" {
		return name
	}
	if abbr, _ := at.Zone(); abbr != "" && abbr != name && abbr[0] != '+' && abbr[0] != '-' {
		return name + " (" + abbr + ", UTC" + at.Format("-07:00") + ")"
	}
	return name + " (UTC" + at.Format("-07:00") + ")"
}

// person is somebody's name, or the id where there is none.
func person(a incident.Actor) string { return incident.Clip(incident.Line(locale.Person(a)), 80) }

// maxURL bounds addresses, in bytes: browsers cut longer ones.
const maxURL = 2000

// webURL returns an address from outside if it is a plain web address, else "":
// then it is shown as text only.
func webURL(s string) string { return weburl.Plain(s, maxURL) }

// frame is what surrounds every page.
type frame struct {
	*visitor
	Title string
	Style string // address of the stylesheet
	Zone  string
}

func (s *server) frame(v *visitor, title string) frame {
	return frame{visitor: v, Title: title, Style: styleURL, Zone: v.zoneName(s.Now())}
}

// SignedIn reports whether there is somebody to sign out.
func (f frame) SignedIn() bool { return f.signedIn }

// Who is whoever is signed in.
func (f frame) Who() string { return person(f.Actor) }

// ReadOnly reports whether whoever is signed in may change nothing.
func (f frame) ReadOnly() bool {
	return f.signedIn && f.Role != incident.RoleResponder && f.Role != incident.RoleAdmin
}

// message is a page that says one thing.
type message struct {
	frame
	Text, Link, Label string
	Request           string // number under which the log has it; may be empty
}
