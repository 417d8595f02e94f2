package cards

import (
	"strings"

	"imbot/incident"
	"imbot/query"
	"imbot/weburl"
)

// Bounds on links, in bytes: browsers and Teams cut longer ones, and all of
// them must leave room for the rest of the card.
const (
	maxURL  = 2000
	maxURLs = 4000
)

// webAddress returns an address as it may stand in a Markdown link; "" where it
// is not a plain web address.
func webAddress(address string) string { return weburl.Plain(address, maxURL) }

// anchor is a link in Markdown; "" where the address is none.
func anchor(title, address string) md {
	address = webAddress(address)
	if address == "" {
		return ""
	}
	if title = bare(clip(title, 200), 40); title == "" {
		title = "link"
	}
	return md("[" + title + "](" + address + ")")
}

// bare keeps of a text what needs no escape in Markdown, clipped to n runes.
func bare(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>&*_`[]\\~|{}#!", r) {
			return -1
		}
		return r
	}, Plain(s))
	return strings.TrimSpace(clip(strings.TrimSpace(unlinked.Replace(s)), n))
}

// unlinked breaks up what some clients make a link of by themselves.
var unlinked = strings.NewReplacer("://", ": //", "www.", "www ", "WWW.", "WWW ")

// links are the pages that help: the runbook first, then the alert's source,
// and our own page last. They are words in a line, which wraps on a phone where
// a row of buttons is cut off.
func (m *maker) links(v *query.View) md {
	var out []string
	seen := map[string]bool{}
	size := len(v.Page)
	add := func(title, address string) {
		if a := anchor(title, address); a != "" && !seen[address] && size+len(a) < maxURLs {
			seen[address] = true
			size += len(a)
			out = append(out, string(a))
		}
	}
	for _, l := range v.Links {
		if len(out) == showLinks-1 { // our page has its place
			break
		}
		add(l.Title, l.URL)
	}
	size = 0
	add(m.p("card.page"), v.Page)
	if page, ok := publicPage(v); ok && v.Page == "" {
		add(m.p("card.published"), page.URL)
	}
	return md(strings.Join(out, " · "))
}

// publicPage is the postmortem's page in another system, where it can be shown.
func publicPage(v *query.View) (page incident.Ref, ok bool) {
	if v.Incident == nil || v.Incident.Private {
		return incident.Ref{}, false
	}
	return v.Incident.PublicPage()
}
