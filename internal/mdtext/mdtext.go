// Package mdtext makes text from outside harmless in Markdown, for cards and for
// documents. It takes single lines of clean text: control characters and what
// nobody sees are its callers' business.
package mdtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Dialect says what is markup there, besides what is so everywhere.
type Dialect struct {
	Start    string // at the beginning of a line: headings, quotes, lists
	Anywhere string
}

// Escape makes a line show as it was written: it can not become a link, a list, a
// heading, emphasis or HTML.
func (d Dialect) Escape(line string) string {
	var b strings.Builder
	b.Grow(len(line) + len(line)/8)
	start := d.lineMark(line)
	for i, r := range line {
		if i == start || d.special(line, i, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lineMark is the index of the character that would make the line a heading, a
// quote or a list; -1 where there is none.
func (d Dialect) lineMark(s string) int {
	if s == "" {
		return -1
	}
	if strings.IndexByte(d.Start, s[0]) >= 0 {
		return 0
	}
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n > 0 && n < len(s) && (s[n] == '.' || s[n] == ')') {
		return n
	}
	return -1
}

// maxEntity is longer than any name that stands for a character, such as
// "&CounterClockwiseContourIntegral;" (https://html.spec.whatwg.org/multipage/named-characters.html).
const maxEntity = 40

// special reports whether Markdown could read the character at i as markup. An
// underscore within a word is left alone: there it never is.
func (d Dialect) special(s string, i int, r rune) bool {
	switch r {
	case '\\', '*', '`', '[', ']', '~', '|', '<':
		return true
	case '_':
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[i+1:])
		return !inWord(before) || !inWord(after)
	case '&':
		return strings.IndexByte(s[i:min(i+maxEntity, len(s))], ';') > 0
	case ':':
		return strings.HasPrefix(s[i+1:], "//")
	case '.':
		return i >= 3 && strings.EqualFold(s[i-3:i], "www")
	}
	return strings.ContainsRune(d.Anywhere, r)
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
