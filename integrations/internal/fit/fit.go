// Package fit makes texts of others fit: into a line of an error or a log, and
// into the bounds that a vendor has for a field.
package fit

import (
	"strings"
	"unicode"
	"unicode/utf16"
)

// Line returns s as a single line of at most n bytes of valid UTF-8, without
// what [Hidden] finds. What is cut off is marked with "…", so n is at least 3.
func Line(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || Hidden(r) }), " ")
	if len(s) <= n {
		return s
	}
	cut := strings.ToValidUTF8(s[:n-len("…")], "")
	return strings.TrimRight(cut, " ") + "…"
}

// Hidden reports whether r is a control character, or turns the direction of
// the text around it.
func Hidden(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// UTF16 returns s, shortened to at most n UTF-16 code units, as Java and
// Microsoft count. What is cut off is marked with "…".
func UTF16(s string, n int) string {
	if len(s) <= n { // bytes are at least as many
		return s
	}
	units, keep := 0, 0
	for i, r := range s {
		if units < n { // leaves room for the ellipsis
			keep = i
		}
		if units += utf16.RuneLen(r); units > n {
			return s[:keep] + "…"
		}
	}
	return s
}
