package letters

import (
	"net/url"
	"strings"
	"unicode"

	"imbot/incident"
	"imbot/locale"
	"imbot/query"
	"imbot/weburl"
)

// Bounds, in runes: of what has a place in a mail, and so that no letter grows
// over 100 KiB however it is escaped.
const (
	maxSubject = 110
	maxName    = 80   // of people, services, levels
	maxShort   = 1000 // of a description, a reason
	maxLong    = 3000 // of a root cause, resolution steps, an update
	maxURL     = 900  // bytes
)

// line makes one line of outside text, of at most n runes, without characters
// that nobody sees: they would hide in a subject what a search looks for, or
// turn it around. Addresses are broken up, so that no mail program makes a link
// of a title.
func line(s string, n int) string {
	s = s[:min(len(s), 32*n)] // what is behind can't be shown, and need not be looked at
	return incident.Clip(unlinked.Replace(incident.Line(visible(s))), n)
}

// lines are the lines of outside text that has several, of at most n runes
// altogether, without empty ones at the ends or twice in a row.
func lines(s string, n int) []string {
	s = incident.Clip(newlines.Replace(visible(s[:min(len(s), 32*n)])), n)
	var out []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = incident.Line(l); l != "" || (len(out) > 0 && out[len(out)-1] != "") {
			out = append(out, l)
		}
	}
	if n := len(out); n > 0 && out[n-1] == "" {
		out = out[:n-1]
	}
	return out
}

var (
	newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n")
	unlinked = strings.NewReplacer("://", ": //", "www.", "www ", "WWW.", "WWW ")
)

// visible drops the characters without a shape: of format, such as direction
// marks and zero widths, and others that are not to be shown.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && (unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// link is an address with what it is called.
type link struct{ Title, URL string }

// Host is shown beside the title: who wrote the title may not be who serves the
// page.
func (l link) Host() string {
	u, err := url.Parse(l.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// webAddress returns an address that may be linked; "" where it is not a plain
// web address.
func webAddress(address string) string { return weburl.Plain(address, maxURL) }

// title is what an incident is called.
func title(v *query.View) string {
	if s := line(v.Incident.Title, incident.MaxTitle); s != "" {
		return s
	}
	return service(v)
}

func service(v *query.View) string { return line(v.ServiceName(), maxName) }

func squad(v *query.View) string { return line(v.SquadName(), maxName) }

func person(a incident.Actor) string { return line(locale.Person(a), maxName) }

// join writes what is there in one line.
func join(parts []string) string {
	var out []string
	for _, s := range parts {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, " · ")
}
