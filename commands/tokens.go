package commands

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"imbot/incident"
)

// token is one word, quoted text, mention or field of a message.
type token struct {
	from, to int    // in the text
	text     string // without quotation marks and field name
	field    string // "service" of service:checkout; "" where it is no field
	quoted   bool
	who      *incident.Actor // of a mention
}

// clean makes outside text fit to be read: valid UTF-8, no control characters
// but line breaks, no invisible characters that turn its direction around,
// plain spaces.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\r' || r == '\u2028' || r == '\u2029':
			return '\n'
		case r == '\t' || unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d':
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// The marks that open and close a quotation: phones type the curly ones.
const (
	openQuotes  = "\"“”„«"
	closeQuotes = "\"“”»"
)

// tokenise splits text into words, quotations, mentions and those fields whose
// names are known.
func tokenise(text string, fields []string, mentions []Mention) ([]token, *incident.Problem) {
	s := scanner{text: text, fields: fields, mentions: sortedMentions(mentions)}
	for {
		for s.pos < len(text) && isSpace(text[s.pos]) {
			s.pos++
		}
		if s.pos == len(text) {
			return s.out, nil
		}
		if p := s.next(); p != nil {
			return nil, p
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' }

// sortedMentions puts longer texts first, so that "Ani Wijaya" is not read as "Ani".
func sortedMentions(in []Mention) []Mention {
	out := slices.DeleteFunc(slices.Clone(in), func(m Mention) bool { return strings.TrimSpace(m.Text) == "" })
	for i := range out {
		out[i].Text = clean(out[i].Text)
	}
	slices.SortStableFunc(out, func(a, b Mention) int { return len(b.Text) - len(a.Text) })
	return out
}

type scanner struct {
	text     string
	pos      int
	fields   []string
	mentions []Mention
	out      []token
	unclosed bool // no quotation ends behind here
}

func (s *scanner) next() *incident.Problem {
	t := token{from: s.pos}
	if name, ok := s.fieldName(); ok {
		t.field = name
		s.pos += len(name) + 1
	}
	switch {
	case s.mention(&t):
	case s.quotation(&t):
	default:
		if r, _ := utf8.DecodeRuneInString(s.text[s.pos:]); t.field != "" && strings.ContainsRune(openQuotes, r) {
			return problem(t.field, "quote_open", "field", t.field, "example", t.field+`:"…"`)
		}
		end := s.pos
		for end < len(s.text) && !isSpace(s.text[end]) {
			end++
		}
		t.text = s.text[s.pos:end]
		s.pos = end
	}
	t.to = s.pos
	s.out = append(s.out, t)
	return nil
}

// fieldName returns the known field that begins here, with a value behind its
// colon. Field names are read in any case.
func (s *scanner) fieldName() (string, bool) {
	rest := s.text[s.pos:]
	colon := strings.IndexByte(rest, ':')
	if colon <= 0 || colon > 24 || colon+1 >= len(rest) || isSpace(rest[colon+1]) {
		return "", false
	}
	name := strings.ToLower(rest[:colon])
	return name, slices.Contains(s.fields, name) && len(name) == colon
}

func (s *scanner) mention(t *token) bool {
	rest := s.text[s.pos:]
	at := 0
	if strings.HasPrefix(rest, "@") {
		at = 1
	}
	for i := range s.mentions {
		m := &s.mentions[i]
		for _, skip := range []int{0, at} {
			if !strings.HasPrefix(rest[skip:], m.Text) {
				continue
			}
			end := skip + len(m.Text)
			if r, _ := utf8.DecodeRuneInString(rest[end:]); end < len(rest) && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				continue
			}
			t.text, t.who = rest[:end], &m.Actor
			s.pos += end
			return true
		}
	}
	return false
}

// quotation reads "…" where one begins here, ends, and is followed by a space.
func (s *scanner) quotation(t *token) bool {
	rest := s.text[s.pos:]
	r, n := utf8.DecodeRuneInString(rest)
	if s.unclosed || !strings.ContainsRune(openQuotes, r) {
		return false
	}
	for i, c := range rest[n:] {
		end := n + i + utf8.RuneLen(c)
		if strings.ContainsRune(closeQuotes, c) && (end == len(rest) || isSpace(rest[end])) {
			t.text, t.quoted = strings.TrimSpace(rest[n:n+i]), true
			s.pos += end
			return true
		}
	}
	s.unclosed = true
	return false
}

// join returns the text that the tokens cover, as it was typed: the fields
// between them are left out, and a single quotation loses its marks.
func join(text string, tokens []token) string {
	if len(tokens) == 1 && tokens[0].quoted {
		return tokens[0].text
	}
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 {
			gap := text[tokens[i-1].to:t.from]
			if strings.TrimSpace(gap) != "" { // a field was here
				gap = " "
			}
			b.WriteString(gap)
		}
		b.WriteString(text[t.from:t.to])
	}
	return b.String()
}
