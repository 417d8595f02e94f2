package cards

import (
	"strings"
	"time"
	"unicode/utf8"

	"imbot/incident"
	"imbot/internal/mdtext"
)

// md is text that is safe in Markdown as it stands: ours, or escaped.
type md string

// Plain makes one harmless line of outside text, for places that know no
// Markdown: line breaks, control, zero-width and direction characters are gone;
// what could be read as a tag, a link or a date function is broken up visibly.
// It is enough for text runs, labels, button titles and message text; text that
// goes into a TextBlock or a FactSet needs Escape.
func Plain(s string) string { return disarm(incident.Line(visible(s))) }

// plainLines is Plain that keeps line breaks, for values of multi-line inputs.
func plainLines(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\t", " ").Replace(visible(s))
	return strings.Map(func(r rune) rune {
		if r != '\n' && (r < ' ' || (r >= 0x7f && r < 0xa0)) {
			return -1
		}
		return r
	}, s)
}

// visible drops the characters that nobody sees.
func visible(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '\uFFFD'
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // direction
			return -1
		case r >= 0x200b && r <= 0x200f, r >= 0x2060 && r <= 0x2065, r >= 0x206a && r <= 0x206f: // zero width
			return -1
		case r == 0xfeff, r == 0x00ad, r == 0x034f, r == 0x061c, r == 0x180e, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0:
			return -1
		case r >= 0xe0000 && r <= 0xe0fff: // tags
			return -1
		case r >= 0xfff9 && r <= 0xfffb: // annotations
			return -1
		}
		return r
	}, s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// disarm breaks up tags, links and date functions by characters that look the
// same or nearly so: it holds in every client, also in those that do not honour
// backslashes.
func disarm(s string) string {
	if !strings.ContainsAny(s, "<{]") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := range len(s) {
		rest := s[i+1:]
		switch c := s[i]; {
		case c == '<' && rest != "" && (rest[0] == '/' || rest[0] == '!' || rest[0] == '?' || isLetter(rest[0])):
			b.WriteString("‹")
		case c == '{' && strings.HasPrefix(rest, "{"):
			b.WriteString("{ ")
		case c == ']' && rest != "" && (rest[0] == '(' || rest[0] == '[' || rest[0] == ':'):
			b.WriteString("] ")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// Escape makes text from outside safe in the Markdown of a TextBlock or a
// FactSet, as one line: it shows as it was written, and can not become a link,
// a mention, a list, a heading, emphasis or a date function. See
// https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features.
func Escape(s string) string {
	return dialect.Escape(Plain(s))
}

// dialect is that of Teams, where "=" below a line makes a heading of it.
var dialect = mdtext.Dialect{Start: "#>+-="}

// outside is Escape for the builders, clipped to at most n runes before.
func outside(s string, n int) md { return md(Escape(clip(s, n))) }

// clip shortens to at most n runes.
func clip(s string, n int) string { return incident.Clip(s, n) }

// when is a time in the reader's own zone and language. The functions know no
// fractions of a second
// (https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features#datetime-formatting-and-localization).
func when(t time.Time) md {
	s := t.UTC().Format("2006-01-02T15:04:05Z")
	return md("{{DATE(" + s + ",SHORT)}} {{TIME(" + s + ")}}")
}

// lately leaves the date out where it is that of now, or nearly.
func lately(t, now time.Time) md {
	if now.Sub(t).Abs() > 12*time.Hour {
		return when(t)
	}
	return md("{{TIME(" + t.UTC().Format("2006-01-02T15:04:05Z") + ")}}")
}
