package letters

import (
	"strings"
	"unicode/utf8"
)

// width is that of lines of plain text, in characters
// (https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1). Addresses stay whole.
const width = 78

// text writes the page as plain text. Outside text of several lines is indented:
// so it can't look like a part of the letter.
func (p *page) text() string {
	w := &writer{}
	w.wrap(join([]string{p.State, p.ID}), "", "")
	w.para(p.Notice)
	w.para(p.Heading)
	w.para(p.Lead...)
	for i := range p.Said {
		w.part(&p.Said[i])
	}
	w.gap()
	w.facts(p.Facts)
	for i := range p.Parts {
		w.part(&p.Parts[i])
	}
	w.gap()
	for _, l := range p.Buttons {
		w.link(l, "")
	}
	if len(p.Links) > 0 {
		w.para(p.Titles.Links)
		for _, l := range p.Links {
			w.link(l, "  ")
		}
	}
	w.gap()
	w.b.WriteString("-- \n") // programs show what follows as a signature
	for _, l := range p.Foot {
		w.wrap(l, "", "")
	}
	w.link(p.Leave, "")
	return w.b.String()
}

// writer writes lines.
type writer struct {
	b     strings.Builder
	empty bool // the last line is an empty one
}

// gap writes an empty line, unless there is one already.
func (w *writer) gap() {
	if w.b.Len() > 0 && !w.empty {
		w.b.WriteByte('\n')
		w.empty = true
	}
}

func (w *writer) line(s string) {
	w.b.WriteString(s)
	w.b.WriteByte('\n')
	w.empty = false
}

// para writes lines with an empty one before.
func (w *writer) para(list ...string) {
	w.gap()
	for _, s := range list {
		w.wrap(s, "", "")
	}
}

// facts writes a table of two columns.
func (w *writer) facts(list []fact) {
	wide := 0
	for _, f := range list {
		wide = max(wide, utf8.RuneCountInString(f.Name))
	}
	for _, f := range list {
		pad := strings.Repeat(" ", wide-utf8.RuneCountInString(f.Name)+2)
		w.wrap(f.Value, f.Name+":"+pad, strings.Repeat(" ", wide+3))
	}
}

func (w *writer) part(p *part) {
	w.para(p.Title)
	for _, l := range p.Lines {
		if l == "" {
			w.gap()
		}
		w.wrap(l, "  ", "  ")
	}
	for _, it := range p.Items {
		if it.Link.URL != "" {
			w.gap()
		}
		w.wrap(it.Title, "  ", "    ")
		for _, n := range it.Notes {
			w.wrap(n, "    ", "    ")
		}
		w.link(it.Link, "    ")
	}
	w.wrap(p.More, "  ", "  ")
}

// link writes the address on a line of its own.
func (w *writer) link(l link, indent string) {
	if l.URL != "" {
		w.wrap(l.Title+":", indent, indent)
		w.line(indent + l.URL)
	}
}

// wrap writes a text in lines of at most width; the first one begins with first,
// the others with next. An empty text writes nothing.
func (w *writer) wrap(s, first, next string) {
	cur, n, words := first, utf8.RuneCountInString(first), 0
	flush := func() {
		w.line(cur)
		cur, n, words = next, utf8.RuneCountInString(next), 0
	}
	for _, word := range strings.Fields(s) {
		size := utf8.RuneCountInString(word)
		if words > 0 && n+1+size > width {
			flush()
		}
		if words > 0 {
			cur, n = cur+" ", n+1
		}
		for n+size > width { // no line is long enough for it
			cut := []rune(word)
			cur, word = cur+string(cut[:width-n]), string(cut[width-n:])
			size = utf8.RuneCountInString(word)
			flush()
		}
		cur, n, words = cur+word, n+size, words+1
	}
	if words > 0 {
		flush()
	}
}
