package postmortem

import (
	"strings"
	"time"
	"unicode"

	"imbot/incident"
	"imbot/locale"
	"imbot/weburl"
)

// Bounds, in runes, of what has no bound of its own.
const (
	maxName = 120
	maxLine = 500
	maxURL  = 2000 // bytes: browsers cut longer ones
)

// line makes one clean line of outside text, of at most n runes.
func line(s string, n int) string {
	s = s[:min(len(s), 32*n)] // what is behind can't be shown, and need not be looked at
	return incident.Clip(incident.Line(visible(s)), n)
}

// text makes paragraphs of outside text, without empty ones.
func text(s string) Text {
	var out Text
	var par []string
	flush := func() {
		if len(par) > 0 {
			out = append(out, par)
			par = nil
		}
	}
	for l := range strings.SplitSeq(newlines.Replace(visible(s)), "\n") {
		if l = incident.Line(l); l == "" {
			flush()
		} else {
			par = append(par, l)
		}
	}
	flush()
	return out
}

// lines is text within a cell: its paragraphs one below the other.
func lines(s string) string {
	var out []string
	for _, par := range text(s) {
		out = append(out, par...)
	}
	return strings.Join(out, "\n")
}

var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n", "\v", "\n", "\f", "\n")

// visible drops the characters without a shape, such as direction marks and zero
// widths: they could make a text say something else than it does.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && (unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == 0xfffe || r == 0xffff) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// link leads to an address, if it is one; else it is its title alone.
func link(title, to string) Span {
	to = weburl.Plain(to, maxURL)
	if title = line(title, maxName); title == "" {
		title = line(to, maxName)
	}
	return Span{Text: title, URL: to}
}

// person is how somebody is called; "" for nobody.
func person(a incident.Actor) string {
	return line(locale.Person(a), maxName)
}

func people(list []incident.Actor) string {
	var out []string
	for _, a := range list {
		out = append(out, person(a))
	}
	return join(", ", out...)
}

// join writes what is there in one line.
func join(sep string, parts ...string) string {
	var out []string
	for _, s := range parts {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, sep)
}

// when is a time in the document's zone; "" for none.
func (w *writer) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(w.Zone).Format("2006-01-02 15:04")
}
