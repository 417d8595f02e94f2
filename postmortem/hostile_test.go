package postmortem_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"

	"imbot/effects"
	"imbot/incident"
	"imbot/postmortem"
)

// reader reads Markdown as most programs do, and as many as possible of the
// dialects that go further.
var reader = goldmark.New(
	goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList),
	goldmark.WithParserOptions(parser.WithAttribute(), parser.WithHeadingAttribute()),
)

func read(t testing.TB, md string) string {
	t.Helper()
	var b bytes.Buffer
	if err := reader.Convert([]byte(md), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	tag  = regexp.MustCompile(`<(/?[a-z0-9]+)([^>]*)>`)
	href = regexp.MustCompile(`href="([^"]*)"`)
)

// ours are the tags that a document is made of.
var ours = map[string]bool{
	"h1": true, "h2": true, "p": true, "br": true, "strong": true, "em": true, "a": true, "ul": true, "ol": true, "li": true, "hr": true,
	"table": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true, "blockquote": true,
}

// TestHostileMarkdown: whatever the texts are, the document has the parts that it
// would have anyway, and no others.
func TestHostileMarkdown(t *testing.T) {
	for _, evil := range evils {
		d := postmortem.Document(hostile(t, evil), postmortem.Options{Kept: true})
		page := read(t, d.Markdown())
		for _, m := range tag.FindAllStringSubmatch(page, -1) {
			if !ours[strings.TrimPrefix(m[1], "/")] {
				t.Errorf("%.40q makes <%s%s>", evil, m[1], m[2])
			}
		}
		if strings.Contains(page, "<!--") {
			t.Errorf("%.40q makes raw HTML", evil)
		}
		if n, want := strings.Count(page, "<h2"), len(d.Sections); n != want {
			t.Errorf("%.40q makes %d headings, want %d", evil, n, want)
		}
		if n, want := strings.Count(page, "<table"), tables(&d); n != want {
			t.Errorf("%.40q makes %d tables, want %d", evil, n, want)
		}
		for _, m := range href.FindAllStringSubmatch(page, -1) {
			if !allowed(html.UnescapeString(m[1])) {
				t.Errorf("%.40q makes a link to %s", evil, m[1])
			}
		}
	}
}

func tables(d *postmortem.Doc) int {
	n := 0
	for _, s := range d.Sections {
		for _, b := range s.Blocks {
			if _, ok := b.(postmortem.Table); ok {
				n++
			}
		}
	}
	return n
}

// allowed reports whether an address is one that the document is to lead to.
func allowed(address string) bool {
	for _, base := range []string{
		"https://a.example/", "https://b.example/", "https://c.example/", "https://wiki.example.com/", "https://one.newrelic.com/", "https://example.pagerduty.com/",
		"https://example.atlassian.net/", "https://teams.microsoft.com/", "mailto:", "https://EVIL.example/", "https://evil.example/", "https://evil.example",
	} {
		if strings.HasPrefix(address, base) { // addresses of evil.example were given as such, where a link is wanted
			return true
		}
	}
	return false
}

// TestHostileLinks: a text that holds an address does not become a link.
func TestHostileLinks(t *testing.T) {
	for _, evil := range []string{"https://evil.example", "www.evil.example", "see http://evil.example/x, ftp://evil.example", "<https://evil.example>", "[x](https://evil.example)", "HTTP://evil.example"} {
		v := opened(t).View()
		v.Incident.Title, v.Incident.Description, v.Incident.Postmortem.RCA.Summary = evil, evil, evil
		d := postmortem.Document(v, postmortem.Options{})
		for _, m := range href.FindAllStringSubmatch(read(t, d.Markdown()), -1) {
			if strings.Contains(m[1], "evil") {
				t.Errorf("%q makes a link to %s", evil, m[1])
			}
		}
	}
}

// TestHostileStorage: the body of the page is well-formed, its elements are ours,
// and the texts are in it.
func TestHostileStorage(t *testing.T) {
	for _, evil := range evils {
		d := postmortem.Document(hostile(t, evil), postmortem.Options{Kept: true})
		body := effects.Storage(&d)
		x := xml.NewDecoder(strings.NewReader(`<x xmlns:ac="ac">` + body + "</x>"))
		for {
			tok, err := x.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%.40q: %v", evil, err)
			}
			start, ok := tok.(xml.StartElement)
			if !ok {
				continue
			}
			for _, a := range start.Attr {
				if a.Name.Local == "name" && !strings.Contains(" status colour title info note ", " "+a.Value+" ") {
					t.Errorf("%.40q makes the macro %s", evil, a.Value)
				}
			}
			if n := start.Name.Local; !ours[n] && !strings.Contains(" x structured-macro parameter rich-text-body ", " "+n+" ") {
				t.Errorf("%.40q makes <%s>", evil, n)
			}
		}
		for _, r := range body {
			if unicode.Is(unicode.Cf, r) || (unicode.IsControl(r) && r != '\n') {
				t.Fatalf("%.40q leaves the character %U", evil, r)
			}
		}
	}
}

// FuzzEscape: what is escaped shows as it was, and is nothing but text.
func FuzzEscape(f *testing.F) {
	for _, evil := range evils {
		f.Add(evil)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > incident.MaxText { // the reader takes too long
			t.Skip()
		}
		v := opened(t).View()
		v.Incident.Postmortem.RCA.Summary = s
		d := postmortem.Document(v, postmortem.Options{})
		var par [][]string
		for _, sec := range d.Sections {
			if text, ok := sec.Blocks[0].(postmortem.Text); ok && sec.Title == "Summary" {
				par = text
			}
		}
		for _, lines := range par {
			page := strings.TrimSpace(read(t, postmortem.EscapeLines(strings.Join(lines, "\n"))))
			inner, ok := strings.CutPrefix(page, "<p>")
			inner, closed := strings.CutSuffix(inner, "</p>")
			inner = mail.ReplaceAllString(inner, "$1")
			inner = strings.ReplaceAll(inner, "<br>\n", "\n")
			if got := html.UnescapeString(inner); !ok || !closed || strings.Contains(inner, "<") || got != strings.Join(lines, "\n") {
				t.Fatalf("%.200q shows as %.400q", lines, page)
			}
		}
		for _, where := range []string{"# %s", "> %s", "- **x:** %s", "| a | b |\n| --- | --- |\n| %s | x |", "_%s_ y", "**%s** y", "[%s](https://x.example)"} {
			one := incident.Line(s)
			if one == "" {
				continue
			}
			page := read(t, strings.ReplaceAll(where, "%s", postmortem.Escape(one)))
			for _, m := range tag.FindAllStringSubmatch(page, -1) {
				if !ours[strings.TrimPrefix(m[1], "/")] {
					t.Fatalf("in %s %q makes <%s>", where, one, m[1])
				}
			}
			for _, m := range href.FindAllStringSubmatch(page, -1) {
				if m[1] != "https://x.example" && !strings.HasPrefix(m[1], "mailto:") {
					t.Fatalf("in %s %q makes a link to %s", where, one, m[1])
				}
			}
		}
	})
}

var mail = regexp.MustCompile(`<a href="mailto:[^"]*">([^<]*)</a>`)
