package postmortem

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Markdown writes the document as Markdown, in the dialect that most programs
// read (https://github.github.com/gfm/). Texts show as they were written:
// nothing in them becomes markup, HTML or a link.
func (d *Doc) Markdown() string {
	m := &markdown{}
	m.par("# " + Escape(d.Title))
	var status []string
	for _, s := range d.Status {
		status = append(status, m.span(s))
	}
	m.par(strings.Join(status, " · "))
	for _, n := range d.Notes {
		m.par("> " + strings.ReplaceAll(m.cell(n, "\\\n"), "\n", "\n> "))
	}
	for i := range d.Sections {
		s := &d.Sections[i]
		m.par("## " + Escape(s.Title))
		for _, b := range s.Blocks {
			m.block(b)
		}
	}
	if d.Foot != "" {
		m.par("---")
		m.par(Escape(d.Foot))
	}
	return m.b.String()
}

// markdown writes pieces with an empty line between them.
type markdown struct{ b strings.Builder }

func (m *markdown) par(s string) {
	if s == "" {
		return
	}
	if m.b.Len() > 0 {
		m.b.WriteByte('\n')
	}
	m.b.WriteString(s)
	m.b.WriteByte('\n')
}

func (m *markdown) block(b Block) {
	switch b := b.(type) {
	case Text:
		for _, par := range b {
			m.par(EscapeLines(strings.Join(par, "\n")))
		}
	case Prompt:
		var out []string
		for l := range strings.SplitSeq(string(b), "\n") {
			out = append(out, "_"+Escape(l)+"_")
		}
		m.par(strings.Join(out, "\\\n"))
	case Facts:
		var rows []string
		for _, f := range b {
			rows = append(rows, "- **"+Escape(f.Label)+":** "+m.cell(f.Value, " / "))
		}
		m.par(strings.Join(rows, "\n"))
	case Table:
		m.table(&b)
	case List:
		m.list(&b)
	}
}

func (m *markdown) table(t *Table) {
	var out strings.Builder
	row := func(cells []string) {
		out.WriteString("|")
		for i := range t.Head {
			s := ""
			if i < len(cells) {
				s = cells[i]
			}
			out.WriteString(" " + s + " |")
		}
		out.WriteString("\n")
	}
	head, rule := make([]string, len(t.Head)), make([]string, len(t.Head))
	for i, h := range t.Head {
		head[i], rule[i] = Escape(h), "---"
	}
	row(head)
	row(rule)
	for _, r := range t.Rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = m.cell(c, " / ")
		}
		row(cells)
	}
	m.par(strings.TrimSuffix(out.String(), "\n"))
}

func (m *markdown) list(l *List) {
	var rows []string
	for i, item := range l.Items {
		mark := "- "
		if l.Numbered {
			mark = strconv.Itoa(i+1) + ". "
		}
		rows = append(rows, mark+m.cell(item.Cell, " / "))
		for _, s := range item.Sub {
			rows = append(rows, strings.Repeat(" ", len(mark))+"- "+m.cell(s, " / "))
		}
	}
	m.par(strings.Join(rows, "\n"))
}

// cell writes a cell; brk takes the place of its line breaks, where the format
// may have none.
func (m *markdown) cell(c Cell, brk string) string {
	var out strings.Builder
	for _, s := range c {
		out.WriteString(m.span(s))
	}
	return strings.ReplaceAll(out.String(), "\n", brk)
}

// span writes a span. Spaces at its ends stay outside of its marks, for they
// would not be marks else.
func (m *markdown) span(s Span) string {
	if s.URL != "" {
		return "[" + Escape(s.Text) + "](" + s.URL + ")"
	}
	words := strings.Trim(s.Text, " ")
	if words == "" {
		return s.Text
	}
	at := strings.Index(s.Text, words)
	before, after := s.Text[:at], s.Text[at+len(words):]
	var parts []string
	for l := range strings.SplitSeq(words, "\n") {
		l = Escape(l)
		if (s.Bold || s.Tone != "") && l != "" {
			l = "**" + l + "**"
		}
		parts = append(parts, l)
	}
	return before + strings.Join(parts, "\n") + after
}

// EscapeLines is Escape of each line, with line breaks that stay.
func EscapeLines(s string) string {
	var out []string
	for l := range strings.SplitSeq(s, "\n") {
		out = append(out, Escape(l))
	}
	return strings.Join(out, "\\\n")
}

// Escape makes one line of clean text safe in Markdown, wherever it stands: it
// shows as it was written, and can not become markup, HTML or a link.
func Escape(s string) string {
	s = strings.TrimSpace(s)
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	start := lineMark(s)
	for i, r := range s {
		if i == start || special(s, i, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lineMark is the index of the character that would make the line a heading, a
// quote, a list, a rule or the head of a table; -1 where there is none.
func lineMark(s string) int {
	if s == "" {
		return -1
	}
	if strings.IndexByte(">+-=:", s[0]) >= 0 {
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
func special(s string, i int, r rune) bool {
	switch r {
	case '\\', '*', '`', '[', ']', '~', '|', '<', '#', '{', '$':
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
	return false
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
