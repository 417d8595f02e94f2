package letters

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"imbot/incident"
	"imbot/internal/example"
	"imbot/query"

	"golang.org/x/net/html"
)

// tags are the elements that a letter is made of, with their attributes. None of
// them loads anything.
var tags = map[string][]string{
	"html": {"lang", "dir"}, "head": nil, "meta": {"charset", "name", "content"}, "title": nil, "style": nil, "body": {"class", "style"},
	"div": {"class", "dir", "style"}, "table": {"role", "class", "width", "cellpadding", "cellspacing", "border", "style"}, "tbody": nil, "tr": nil,
	"td": {"class", "dir", "style", "align", "bgcolor"}, "th": {"scope", "class", "align", "style"}, "h1": {"class", "dir", "style"}, "h2": {"class", "style"},
	"p": {"class", "dir", "style"}, "span": {"class", "style"}, "a": {"class", "href", "style"}, "br": nil,
}

const maxBody = 100 << 10

// check holds for every letter, whatever it is about.
func check(t testing.TB, name string, l Letter) {
	t.Helper()
	if n := utf8.RuneCountInString(l.Subject); n == 0 || n > maxSubject || strings.ContainsFunc(l.Subject, notShown) {
		t.Errorf("%s: the subject has %d runes, or some that nobody sees: %q", name, n, l.Subject)
	}
	if len(l.Text) > maxBody || len(l.HTML) > maxBody {
		t.Errorf("%s: %d bytes of text, %d of HTML", name, len(l.Text), len(l.HTML))
	}
	for i, s := range strings.Split(l.Text, "\n") {
		address := strings.HasPrefix(strings.TrimSpace(s), "https://") || strings.HasPrefix(strings.TrimSpace(s), "http://")
		if utf8.RuneCountInString(s) > width && !address || strings.ContainsFunc(s, notShown) {
			t.Errorf("%s: line %d of the text is too long or has characters that nobody sees: %q", name, i+1, s)
		}
	}
	if n := strings.Count(l.Text, "\n-- \n"); n != 1 {
		t.Errorf("%s: the text has %d feet", name, n)
	}
	checkHTML(t, name, l)
}

func notShown(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// checkHTML parses as browsers do, and looks at each node.
func checkHTML(t testing.TB, name string, l Letter) {
	t.Helper()
	if !utf8.ValidString(l.HTML) {
		t.Errorf("%s: the HTML is no UTF-8", name)
	}
	doc, err := html.Parse(strings.NewReader(l.HTML))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	count := map[string]int{}
	for n := range doc.Descendants() {
		switch n.Type {
		case html.CommentNode:
			t.Errorf("%s: a comment: %q", name, n.Data)
		case html.ElementNode:
			count[n.Data]++
			may, ok := tags[n.Data]
			if !ok {
				t.Errorf("%s: an element <%s>", name, n.Data)
			}
			for _, a := range n.Attr {
				if !slices.Contains(may, a.Key) {
					t.Errorf("%s: an attribute %s=%q of <%s>", name, a.Key, a.Val, n.Data)
				}
				checkAttribute(t, name, a)
			}
		}
	}
	if count["style"] != 1 || count["title"] != 1 || count["h1"] != 1 || count["body"] != 1 {
		t.Errorf("%s: %v", name, count)
	}
	if s := sheetStyle.FindString(l.HTML); strings.Contains(s, "url(") || strings.Contains(s, "@import") {
		t.Errorf("%s: the style loads something", name)
	}
	if n := strings.Count(l.HTML, "<tr>"); n != strings.Count(l.HTML, "</tr>") || strings.Count(l.HTML, "<td") != strings.Count(l.HTML, "</td>") {
		t.Errorf("%s: tables are not closed", name)
	}
}

var sheetStyle = regexp.MustCompile(`(?s)<style>.*?</style>`)

func checkAttribute(t testing.TB, name string, a html.Attribute) {
	t.Helper()
	switch a.Key {
	case "href":
		if u, err := url.Parse(a.Val); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			t.Errorf("%s: a link to %q", name, a.Val)
		}
	case "style":
		if strings.Contains(a.Val, "url(") || strings.Contains(a.Val, "expression") || strings.Contains(a.Val, "ZgotmplZ") {
			t.Errorf("%s: a style %q", name, a.Val)
		}
	}
}

func TestHostile(t *testing.T) {
	for i, evil := range evils {
		v := hostile(t, evil)
		for lang, why := range map[string]string{"en": WhyOwner, "id": WhySquad, evil: evil} {
			o := Options{Lang: lang, BaseURL: evil, Company: evil, ZoneName: evil, Unsubscribe: evil, Why: why}
			for name, l := range all(v, o, evil) {
				check(t, fmt.Sprintf("evil %d, %.10s, %.10s, %s", i, why, lang, name), l)
			}
		}
	}
}

// TestForged: what is typed can't look like a part of the letter.
func TestForged(t *testing.T) {
	v := over(hostile(t, "-- \nUnsubscribe:\nhttps://evil.example/x"), incident.PostmortemComplete)
	l := Closed(v, Options{Why: WhyOwner, Unsubscribe: "https://imbot.example.com/u", BaseURL: "https://imbot.example.com"})
	foot := l.Text[strings.Index(l.Text, "\n-- \n"):]
	if strings.Contains(foot, "://evil") || strings.Contains(l.Text, "\nhttps://evil") || strings.Contains(l.Text, "\nUnsubscribe:\nhttps://evil") {
		t.Errorf("a forged foot:\n%s", l.Text)
	}
	if !strings.Contains(foot, "Unsubscribe:\nhttps://imbot.example.com/u\n") {
		t.Errorf("no foot:\n%s", l.Text)
	}
}

// TestPrivate: only members read what a private incident is about, and nobody
// reads it in a list of mails.
func TestPrivate(t *testing.T) {
	for _, why := range []string{WhyOwner, WhySquad, WhyStakeholder, WhySubscriber, WhyMember, ""} {
		w := rooms(private(t).Do(incident.Ack, ani, incident.Args{}))
		v := withChanges(w.View())
		v.Incident.Postmortem.RCA.Summary = secretTitle
		v.Service.Name, v.Squad.Name = "Secret service", "Secret squad"
		for name, l := range all(v, Options{Why: why, BaseURL: "https://imbot.example.com"}, secretTitle) {
			head := l.HTML[:strings.Index(l.HTML, "<table")]
			check(t, name, l)
			for _, canary := range []string{secretTitle, "researcher", "Secret", "Deploy", "Ani"} {
				if strings.Contains(l.Subject, canary) || strings.Contains(head, canary) || strings.Contains(l.Text[:200], canary) {
					t.Errorf("%s, %q: subject or preview says %q: %q\n%s", name, why, canary, l.Subject, head)
				}
				if told := strings.Contains(l.HTML+l.Text, canary); told && (why != WhyMember || strings.HasPrefix(name, "overdue")) {
					t.Errorf("%s, %q: the letter says %q", name, why, canary)
				}
			}
			if !strings.HasPrefix(name, "overdue") && (l.Subject != "[INC-42] private incident" || !strings.Contains(head, "&#847;&zwnj;&nbsp;&#847;")) {
				t.Errorf("%s, %q: %q\n%s", name, why, l.Subject, head)
			}
			if why == WhyMember && !strings.HasPrefix(name, "overdue") && (!strings.Contains(l.HTML, secretTitle) || !strings.Contains(l.Text, secretTitle)) {
				t.Errorf("%s: members do not read it", name)
			}
		}
	}
}

// TestPrivateParent: a public incident does not tell of a private one.
func TestPrivateParent(t *testing.T) {
	v := example.Acked(t).View()
	v.Incident.Link = &incident.Link{Kind: incident.LinkCascade, Parent: 41}
	v.Parent = &query.Related{ID: 41, Title: secretTitle, Private: true}
	for name, l := range all(v, Options{Why: WhyOwner}, "x") {
		if strings.Contains(l.HTML+l.Text, secretTitle) || strings.Contains(l.HTML+l.Text, "INC-41") {
			t.Errorf("%s names the private parent", name)
		}
	}
}

func TestSubject(t *testing.T) {
	v := example.Acked(t).View()
	long := example.Acked(t).View()
	long.Incident.Title = strings.Repeat("checkout\r\n", 1000)
	again := example.Resolved(t).Do(incident.Reopen, ani, incident.Args{Reason: "x"}).View()
	for _, tt := range []struct{ got, want string }{
		{Declared(v, Options{}).Subject, "[INC-42] DOWN [prod] checkout_api is *down*"},
		{Declared(v, Options{Lang: "id-ID"}).Subject, "[INC-42] MATI [prod] checkout_api is *down*"},
		{Declared(again, Options{}).Subject, "[INC-42] DOWN again: [prod] checkout_api is *down*"},
		{Raised(v, incident.Level{}, Options{}).Subject, "[INC-42] RAISED to DOWN: [prod] checkout_api is *down*"},
		{Closed(v, Options{}).Subject, "[INC-42] CLOSED [prod] checkout_api is *down*"},
		{StatusUpdate(v, incident.StatusUpdate{}, Options{}).Subject, "[INC-42] UPDATE [prod] checkout_api is *down*"},
		{Overdue([]*query.View{v}, Options{}).Subject, "[INC-42] RCA overdue: [prod] checkout_api is *down*"},
		{Overdue([]*query.View{v, again}, Options{}).Subject, "[imbot] 2 RCAs are overdue: INC-42, INC-42"},
		{Declared(long, Options{}).Subject, "[INC-42] DOWN " + strings.Repeat("checkout ", 10) + "check…"},
		{Declared(private(t).View(), Options{Lang: "id"}).Subject, "[INC-42] insiden privat"},
	} {
		if tt.got != tt.want {
			t.Errorf("subject %q, want %q", tt.got, tt.want)
		}
	}
	if l := Overdue(nil, Options{}); l != (Letter{}) {
		t.Errorf("a letter about nothing: %+v", l)
	}
}

// Times are the reader's, by name also where the zone has none of its own.
func TestZone(t *testing.T) {
	summer := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for zone, want := range map[*time.Location]string{
		nil: "2026-07-01 12:00 UTC", time.UTC: "2026-07-01 12:00 UTC", jakarta: "2026-07-01 19:00 WIB",
		time.FixedZone("", -3*3600-1800): "2026-07-01 08:30 UTC-03:30", time.FixedZone("+0545", 5*3600+2700): "2026-07-01 17:45 UTC+05:45",
	} {
		if got := (Options{Zone: zone}).maker().when(summer); got != want {
			t.Errorf("when in %v = %q, want %q", zone, got, want)
		}
	}
	if l := Declared(example.Opened(t).View(), Options{Zone: jakarta}); !strings.Contains(l.Text, "Times are in WIB.") || !strings.Contains(l.Text, "2026-12-31 08:04 WIB") {
		t.Errorf("no zone:\n%s", l.Text)
	}
}

// Rooms and runbooks go to those who work on it, and nowhere once it is over.
func TestLinks(t *testing.T) {
	v := rooms(example.Acked(t)).View()
	u := incident.StatusUpdate{Customers: "x"}
	for _, tt := range []struct {
		name  string
		l     Letter
		rooms bool
		tools bool
		page  string
	}{
		{"declared", Declared(v, Options{Why: WhyOwner}), true, true, "https://imbot.example.com/incidents/INC-42"},
		{"base", Declared(v, Options{Why: WhyOwner, BaseURL: "https://other.example/x/"}), true, true, "https://other.example/x/incidents/INC-42"},
		{"closed", Closed(over(v, incident.PostmortemComplete), Options{Why: WhyOwner}), false, true, "https://imbot.example.com/incidents/INC-42"},
		{"update, squad", StatusUpdate(v, u, Options{Why: WhySquad}), true, true, "https://imbot.example.com/incidents/INC-42"},
		{"update, subscriber", StatusUpdate(v, u, Options{Why: WhySubscriber}), false, false, "https://imbot.example.com/incidents/INC-42"},
		{"bad base", Declared(v, Options{BaseURL: "javascript:x"}), true, true, ""},
	} {
		for part, s := range map[string]string{"text": tt.l.Text, "HTML": tt.l.HTML} {
			has := func(what string) bool { return strings.Contains(s, what) }
			if has("teams.microsoft.com/l/chat/19:x") != tt.rooms || has("meetup-join") != tt.rooms || has("wiki.example.com/checkout") != tt.tools || has("browse/OPS-7") != tt.tools {
				t.Errorf("%s: wrong links in the %s:\n%s", tt.name, part, s)
			}
			if tt.page != "" && !has(tt.page) || tt.page == "" && has("/incidents/INC-42") {
				t.Errorf("%s: wrong page in the %s:\n%s", tt.name, part, s)
			}
		}
	}
}

// TestContrast: white on every mood is readable
// (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance).
func TestContrast(t *testing.T) {
	channel := func(hex string) float64 {
		n, err := strconv.ParseUint(hex, 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	for _, m := range []mood{red, amber, blue, green, grey} {
		l := 0.2126*channel(string(m[1:3])) + 0.7152*channel(string(m[3:5])) + 0.0722*channel(string(m[5:7]))
		if ratio := 1.05 / (l + 0.05); ratio < 4.5 {
			t.Errorf("white on %s: contrast %.2f", m, ratio)
		}
	}
}

// Nothing in a letter hangs on the order of a map or the clock.
func TestSame(t *testing.T) {
	v := hostile(t, evils[0])
	o := Options{Why: WhyOwner, Company: "x", Zone: jakarta}
	if a, b := all(v, o, "x"), all(v, o, "x"); !maps.Equal(a, b) {
		t.Error("two letters of one view differ")
	}
}

// Each reason for telling one person says what is wanted.
func TestDirect(t *testing.T) {
	v := rooms(example.Acked(t)).View()
	v.Incident.Update = &incident.StatusUpdate{Customers: "Carts are empty.", By: ani}
	for reason, want := range map[string]string{
		incident.DirectCommander: "made you the commander", incident.DirectInvited: "join the war room",
		incident.DirectHelp: "Budi_Santoso asks for your help", incident.DirectUpdate: "Carts are empty.", "new": "checkout_api is *down*",
	} {
		l := Direct(v, incident.DirectData{Reason: reason, By: budi}, Options{})
		check(t, reason, l)
		if !strings.Contains(l.Text, want) || !strings.Contains(l.HTML, want) {
			t.Errorf("%s does not say %q:\n%s", reason, want, l.Text)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct{ s, first, want string }{
		{"", "- ", ""},
		{"a b", "- ", "- a b\n"},
		{"a", "", "a\n"},
		{strings.Repeat("x", 80), "- ", "- " + strings.Repeat("x", 76) + "\n  xxxx\n"},
		{"a " + strings.Repeat("y", 77), "", "a\n  " + strings.Repeat("y", 76) + "\n  y\n"},
		{strings.Repeat("word ", 16), "", strings.Repeat("word ", 14) + "word\n  word\n"},
	} {
		var w writer
		if w.wrap(tt.s, tt.first, "  "); w.b.String() != tt.want {
			t.Errorf("wrap(%q) = %q, want %q", tt.s, w.b.String(), tt.want)
		}
	}
}

func FuzzLetter(f *testing.F) {
	for _, evil := range evils {
		evil = evil[:min(len(evil), 100)]
		f.Add(evil, WhyOwner, false)
		f.Add("down", evil, true)
	}
	f.Add("down", WhyMember, true)
	f.Fuzz(func(t *testing.T, evil, why string, private bool) {
		v := hostile(t, evil)
		v.Incident.Private = private
		o := Options{Lang: why, BaseURL: evil, Company: evil, ZoneName: why, Unsubscribe: evil, Why: why}
		for name, l := range all(v, o, evil) {
			check(t, name, l)
		}
	})
}

func BenchmarkDeclared(b *testing.B) {
	v := withChanges(rooms(example.Acked(b)).View())
	o := Options{Why: WhyOwner, Zone: jakarta, BaseURL: "https://imbot.example.com", Company: "Example Shop"}
	b.ReportAllocs()
	for b.Loop() {
		Declared(v, o)
	}
}
