package postmortem

import (
	"strconv"
	"strings"

	"imbot/internal/mdtext"
)

// Markdown writes the document as Markdown, in the dialect that most programs
// read (https://github.github.com/gfm/). Texts show as they were written:
// nothing in them becomes markup, HTML or a link.
func (d *Doc) Markdown() string {
	m := &markdown{}
	m.par("# " + escape(d.Title))
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
		m.par("## " + escape(s.Title))
		for _, b := range s.Blocks {
			m.block(b)
		}
	}
	if d.Foot != "" {
		m.par("---")
		m.par(escape(d.Foot))
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
			m.par(escapeLines(strings.Join(par, "\n")))
		}
	case Prompt:
		var out []string
		for l := range strings.SplitSeq(string(b), "\n") {
			out = append(out, "_"+escape(l)+"_")
		}
		m.par(strings.Join(out, "\\\n"))
	case Facts:
		var rows []string
		for _, f := range b {
			rows = append(rows, "- **"+escape(f.Label)+":** "+m.cell(f.Value, " / "))
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
		head[i], rule[i] = escape(h), "---"
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
		return "[" + escape(s.Text) + "](" + s.URL + ")"
	}
	words := strings.Trim(s.Text, " ")
	if words == "" {
		return s.Text
	}
	at := strings.Index(s.Text, words)
	before, after := s.Text[:at], s.Text[at+len(words):]
	var parts []string
	for l := range strings.SplitSeq(words, "\n") {
		l = escape(l)
		if (s.Bold || s.Tone != "") && l != "" {
			l = "**" + l + "**"
		}
		parts = append(parts, l)
	}
	return before + strings.Join(parts, "\n") + after
}

// escapeLines is escape of each line, with line breaks that stay.
func escapeLines(s string) string {
	var out []string
	for l := range strings.SplitSeq(s, "\n") {
		out = append(out, escape(l))
	}
	return strings.Join(out, "\\\n")
}

// gfm is GitHub's dialect, with what others make of "#", "{" and "$". At the
// beginning of a line ":" could be the head of a table.
var gfm = mdtext.Dialect{Start: ">+-=:", Anywhere: "#{$"}

// escape makes one line of clean text safe, wherever it stands.
func escape(s string) string { return gfm.Escape(strings.TrimSpace(s)) }
