package confluence_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
)

func TestDoc(t *testing.T) {
	var d confluence.Doc
	d.Heading(0, "A\nB")
	d.Heading(9, "C")
	d.Paragraph(confluence.Text("a<b>\r\nc&d\x00"), confluence.Bold("e"))
	d.List(false, confluence.Item{Text: confluence.Link("g", "https://h.example/?a=1&b='2'")},
		confluence.Item{Text: confluence.Link("", "https://i.example"), Sub: []confluence.Inline{confluence.Text("i<"), confluence.Bold("ii")}},
		confluence.Item{Text: confluence.Link("j", "javascript:alert(1)")})
	d.List(true, confluence.Item{Text: confluence.Text("k")})
	d.List(false)
	d.Table([]string{"l"}, []confluence.Inline{confluence.Text("m"), confluence.Status(confluence.Red, "n")}, nil)
	d.Table(nil)
	d.Note("odd", confluence.Text("r"))
	d.Rule()
	const want = `<h1>A B</h1><h6>C</h6>` +
		`<p>a&lt;b&gt;<br/>c&amp;d<strong>e</strong></p>` +
		`<ul><li><a href="https://h.example/?a=1&amp;b=&#39;2&#39;">g</a></li><li><a href="https://i.example">https://i.example</a><ul><li>i&lt;</li><li><strong>ii</strong></li></ul></li><li>j (javascript:alert(1))</li></ul>` +
		`<ol><li>k</li></ol>` +
		`<table><tbody><tr><th><p>l</p></th><th><p></p></th></tr>` +
		`<tr><td><p>m</p></td><td><p><ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Red</ac:parameter><ac:parameter ac:name="title">n</ac:parameter></ac:structured-macro></p></td></tr>` +
		`<tr><td><p></p></td><td><p></p></td></tr></tbody></table>` +
		`<ac:structured-macro ac:name="info"><ac:rich-text-body><p>r</p></ac:rich-text-body></ac:structured-macro><hr/>`
	if got := d.String(); got != want {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
}

func TestLinks(t *testing.T) {
	for address, linked := range map[string]bool{
		"https://x.example/a b": true, "http://x.example": true, "HTTPS://X.example": true,
		"javascript:alert(1)": false, "data:text/html,x": false, "//x.example": false, "/wiki": false, "": false,
		"https://": false, "https://user:pw@x.example": false, "https://x.example\x00": false, "ftp://x.example": false, " https://x.example": false,
	} {
		var d confluence.Doc
		d.Paragraph(confluence.Link("t", address))
		if got := strings.Contains(d.String(), "<a "); got != linked {
			t.Errorf("%q: %s", address, d.String())
		}
	}
}

// everything puts a text everywhere that a page takes one.
func everything(s string) string {
	var d confluence.Doc
	d.Heading(2, s)
	d.Paragraph(confluence.Text(s), confluence.Bold(s), confluence.Link(s, s), confluence.Link("x", "https://x.example/"+s))
	d.List(false, confluence.Item{Text: confluence.Text(s)}, confluence.Item{Text: confluence.Status(confluence.Color(s), s), Sub: []confluence.Inline{confluence.Text(s)}})
	d.List(true, confluence.Item{Text: confluence.Join(confluence.Text(s), confluence.Text(s))})
	d.Table([]string{s, s}, []confluence.Inline{confluence.Text(s)})
	d.Note(confluence.Panel(s), confluence.Text(s))
	return d.String()
}

// elements are the tags of a page, with their attributes but addresses, and all
// its text.
func elements(t *testing.T, body string) (tags []string, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<page>" + body + "</page>"))
	var b strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return tags, b.String()
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%q", err, body)
		}
		switch e := token.(type) {
		case xml.StartElement:
			tag := e.Name.Space + ":" + e.Name.Local
			for _, a := range e.Attr {
				if a.Name.Local == "href" {
					if !strings.HasPrefix(strings.ToLower(a.Value), "http") {
						t.Fatalf("a link leads to %q", a.Value)
					}
					a.Value = ""
				}
				tag += " " + a.Name.Local + "=" + a.Value
			}
			tags = append(tags, tag)
		case xml.CharData:
			b.Write(e)
		case xml.EndElement:
		default:
			t.Fatalf("a page has %T", token)
		}
	}
}

// Whatever the text, the page is well-formed, and has the tags that a page of
// plain words has.
func FuzzDoc(f *testing.F) {
	for _, s := range []string{
		"", "plain", "<script>alert(1)</script>", "]]>", "]]]]>>", "<![CDATA[x]]>", "&amp;&nbsp;&#0;&x;", "\x00\x01\x1b\x7f\u0085\ufffe\uffff",
		"\xff\xfe\xc3", "a\r\nb\tc\u2028d", `"'><ac:structured-macro ac:name="html">`, "<!-- x --><?php ?><!DOCTYPE x>", "https://x.example/?a=<b>&c='d'\"e\"",
		"javascript:alert(1)", "😀\u202e\u200f", "imbot-INC-42.0123456789abcdef", strings.Repeat("<", 10_000),
	} {
		f.Add(s)
	}
	ordinary := func(tag string) bool {
		return strings.HasPrefix(tag, ":a ") || tag == ":br" || strings.HasPrefix(tag, "ac:")
	}
	f.Fuzz(func(t *testing.T, s string) {
		tags, text := elements(t, everything(s))
		// Line breaks, links and the macro for a status come and go with the text:
		// their form is fixed.
		allowed := []string{
			":br", ":a href=", "ac:structured-macro name=status", "ac:parameter name=colour", "ac:parameter name=title",
			"ac:rich-text-body",
			"ac:structured-macro name=info", "ac:structured-macro name=note", "ac:structured-macro name=tip", "ac:structured-macro name=warning",
		}
		var rest []string
		for _, tag := range tags {
			if !ordinary(tag) {
				rest = append(rest, tag)
			} else if !slices.Contains(allowed, tag) {
				t.Errorf("%q makes the tag %q", s, tag)
			}
		}
		want := ":page :h2 :p :strong :ul :li :li :ul :li :ol :li :table :tbody :tr :th :p :th :p :tr :td :p :td :p :p"
		if got := strings.Join(rest, " "); got != want {
			t.Errorf("%q makes the tags %s, want %s", s, got, want)
		}
		if s != "" && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '\ufffd' || (r >= 0x7f && r < 0xa0) || r >= 0xfffe }) < 0 && strings.Count(text, s) < 9 {
			t.Errorf("%q is there %d times", s, strings.Count(text, s))
		}
	})
}

// Confluence takes every page, and its title.
func TestHostileTextIsTaken(t *testing.T) {
	_, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	for n, s := range []string{"<script>alert(1)</script>", "]]>", "&nbsp;&x;", "a\x00\x1b\xff", `"><ac:structured-macro ac:name="html">`, "javascript:alert(1)", strings.Repeat("é😀", 5000)} {
		p := confluence.Page{Key: "imbot-INC-" + string(rune('a'+n)), Title: s, Body: everything(s)}
		made := put(t, c, p, "")
		p.Body = everything(s + s)
		if again := put(t, c, p, made.ID); again.Version != 2 {
			t.Errorf("%q: %+v", s, again)
		}
	}
}
