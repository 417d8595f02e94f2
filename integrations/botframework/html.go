package botframework

import (
	"strings"
	"unicode"
	"unicode/utf8"

	nethtml "golang.org/x/net/html"
)

// HTMLText turns the HTML of a message's body into lines of plain text, at most
// limit runes; what is longer ends in "…". Nothing of the markup is left:
// scripts, styles and comments are dropped, pictures and emoji become their
// alternative text, list items begin with "- ", and a link whose text is not
// its address is followed by the address in brackets. Quoted messages and
// attachments that the body only refers to are left out.
//
// The body is the sender's word: the text is safe as text only, and is escaped
// again by whoever shows it.
func HTMLText(body string, limit int) string {
	w := htmlText{fresh: true, z: nethtml.NewTokenizer(strings.NewReader(body)), room: 4*limit + 1024}
	w.z.SetMaxBuf(MaxActivityBytes)
	for w.room > 0 && w.next() {
	}
	return clipLines(plainLines(w.out.String()), limit)
}

// htmlText collects the text of one body.
type htmlText struct {
	z     *nethtml.Tokenizer
	out   strings.Builder
	fresh bool     // nothing is on this line yet
	room  int      // bytes that may still be written
	skip  string   // element whose content is dropped
	inner int      // how often skip was opened within itself
	links []string // addresses of the open links
	marks []int    // where their texts begin
}

// Elements whose content is no text for people, and those that end a line.
var (
	silentTags = map[string]bool{"script": true, "style": true, "head": true, "title": true, "template": true, "noscript": true, "iframe": true, "attachment": true}
	blockTags  = map[string]bool{
		"p": true, "div": true, "li": true, "ul": true, "ol": true, "table": true, "tr": true, "pre": true, "blockquote": true, "codeblock": true,
		"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "hr": true, "section": true, "article": true,
	}
)

func (w *htmlText) next() bool {
	switch w.z.Next() {
	case nethtml.ErrorToken:
		return false // the end, or more than Teams sends
	case nethtml.TextToken:
		if w.skip == "" {
			w.text(string(w.z.Text()))
		}
	case nethtml.StartTagToken:
		w.start(false)
	case nethtml.SelfClosingTagToken:
		w.start(true)
	case nethtml.EndTagToken:
		w.end()
	}
	return true
}

// text writes text as HTML shows it: white space is one blank. The tokenizer has
// resolved the entities.
func (w *htmlText) text(s string) {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, s)
	if w.fresh {
		s = strings.TrimLeft(s, " ")
	}
	w.write(s)
}

// line ends the line, if there is something on it.
func (w *htmlText) line() {
	if !w.fresh {
		w.write("\n")
	}
}

func (w *htmlText) write(s string) {
	if len(s) > w.room {
		w.out.WriteString(strings.ToValidUTF8(s[:w.room], ""))
		w.room = 0
		return
	}
	if s != "" {
		w.fresh = strings.HasSuffix(s, "\n")
	}
	w.room -= len(s)
	w.out.WriteString(s)
}

func (w *htmlText) start(closed bool) {
	raw, more := w.z.TagName()
	name := string(raw)
	if w.skip != "" {
		if name == w.skip && !closed {
			w.inner++
		}
		return
	}
	attr := map[string]string{}
	for i := 0; more && i < 20; i++ {
		var k, v []byte
		k, v, more = w.z.TagAttr()
		attr[string(k)] = string(v)
	}
	quoted := name == "blockquote" && strings.Contains(attr["itemtype"], "schema.skype.com/Reply")
	switch {
	case silentTags[name] || quoted:
		if !closed {
			w.skip = name
		}
	case name == "br":
		w.write("\n")
	case name == "li":
		w.line()
		w.write("- ")
	case name == "img" || name == "emoji":
		w.write(firstOf(attr["alt"], attr["title"]))
	case name == "td" || name == "th":
		w.write(" ")
	case name == "a" && !closed:
		w.links, w.marks = append(w.links, attr["href"]), append(w.marks, w.out.Len())
	case blockTags[name]:
		w.line()
	}
}

func (w *htmlText) end() {
	raw, _ := w.z.TagName()
	name := string(raw)
	if w.skip != "" {
		switch {
		case name == w.skip && w.inner == 0:
			w.skip = ""
		case name == w.skip:
			w.inner--
		}
		return
	}
	switch {
	case name == "a" && len(w.links) > 0:
		w.address()
	case blockTags[name]:
		w.line()
	}
}

// address writes where the link leads, unless its text says so already.
func (w *htmlText) address() {
	n := len(w.links) - 1
	href, said := strings.TrimSpace(w.links[n]), strings.TrimSpace(w.out.String()[w.marks[n]:])
	w.links, w.marks = w.links[:n], w.marks[:n]
	scheme, _, ok := strings.Cut(strings.ToLower(href), ":")
	if !ok || (scheme != "http" && scheme != "https") || len(href) > 500 || strings.ContainsFunc(href, unicode.IsSpace) {
		return
	}
	if bare := strings.TrimSuffix(href, "/"); strings.TrimSuffix(said, "/") == bare || strings.HasSuffix(bare, "://"+strings.TrimSuffix(said, "/")) {
		return
	}
	w.write(" (" + href + ")")
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// PlainBody is HTMLText for a body that is text already: entities stay as they
// were typed, control characters go.
func PlainBody(body string, limit int) string { return clipLines(plainLines(body), limit) }

// plainLines drops what nobody sees, trims each line, and leaves at most one
// empty line between two.
func plainLines(s string) string {
	s = invisible.Replace(strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\u2028' || r == '\u2029':
			return '\n'
		case r == '\t':
			return ' '
		case r != '\n' && unicode.IsControl(r):
			return -1
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // direction
			return -1
		}
		return r
	}, s)
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.Join(strings.FieldsFunc(line, unicode.IsSpace), " ")
		if line == "-" || line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

func clipLines(s string, limit int) string {
	if limit <= 0 {
		return ""
	}
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == limit {
			return strings.TrimRightFunc(s[:i], unicode.IsSpace) + "…"
		}
	}
	return s
}
