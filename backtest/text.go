package backtest

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"imbot/incident"
)

// Options of the text for people.
type Options struct {
	All      bool           // print every row; else the MaxRows newest
	Location *time.Location // of times; nil: UTC
}

// MaxRows is how many rows are printed unless all are asked for.
const MaxRows = 100

// width is that of the text, in characters.
const width = 120

// Text writes the report for people.
func (r *Report) Text(w io.Writer, o Options) error {
	if o.Location == nil {
		o.Location = time.UTC
	}
	p := &printer{w: bufio.NewWriter(w), o: o}
	switch {
	case len(r.Outcomes) == 0 || r.From.IsZero():
		p.line("nothing to replay: no bodies are stored for this time")
	case len(r.Outcomes) == 1:
		p.span(r)
		p.rows(r.Outcomes[0].Rows)
		p.verdicts(r.Outcomes)
		p.line("%s", &r.Outcomes[0].Totals)
	default:
		p.span(r)
		p.changes(r.Changes)
		p.verdicts(r.Outcomes)
		p.totals(r)
	}
	return p.w.Flush() // the first error of all writes
}

type printer struct {
	w *bufio.Writer
	o Options
}

// line writes one line, at most as wide as the text.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintln(p.w, incident.Clip(strings.TrimRight(fmt.Sprintf(format, args...), " "), width))
}

func (p *printer) time(t time.Time) string { return t.In(p.o.Location).Format("2006-01-02 15:04") }

// span says what was replayed.
func (p *printer) span(r *Report) {
	t := &r.Outcomes[0].Totals
	p.line("%s, %s to %s (%s)", plural(t.Bodies, "stored body", "stored bodies"), p.time(r.From), p.time(r.To), p.o.Location)
	if t.Unread > 0 {
		p.line("%d of them changed no incident: of another kind, without sense, or about what came before", t.Unread)
	}
	p.line("")
}

// newest is the part of a list that is printed.
func newest[T any](p *printer, all []T) []T {
	n := len(all) - MaxRows
	if p.o.All || n <= 0 {
		return all
	}
	p.line("(%d earlier ones are not printed: -all prints them)", n)
	p.line("")
	return all[n:]
}

// Widths of columns.
const (
	idWidth      = 14
	timeWidth    = 16
	serviceWidth = 16
	levelWidth   = 18
	stateWidth   = 11
)

func (p *printer) rows(all []Row) {
	if all = newest(p, all); len(all) == 0 {
		return
	}
	p.columns("INCIDENT", "OPENED", "SERVICE", "LEVEL", "COUNTS AS", "TITLE")
	for i := range all {
		r := &all[i]
		p.columns(r.ID, p.time(r.Opened), r.Service, r.Level, r.State, r.Title)
		p.why(r)
	}
	p.line("")
}

func (p *printer) columns(id, opened, service, level, state, title string) {
	p.line("%s  %s  %s  %s  %s  %s", pad(id, idWidth), pad(opened, timeWidth), pad(service, serviceWidth), pad(level, levelWidth), pad(state, stateWidth), title)
}

// why says below a row what it follows from, and what follows.
func (p *printer) why(r *Row) {
	parts := []string{"no rule for the level"}
	if r.Rule != "" {
		parts[0] = fmt.Sprintf("level by %q", r.Rule)
	}
	if r.Link != nil {
		parts = append(parts, r.link())
	}
	if r.Flapping > 0 {
		parts = append(parts, fmt.Sprintf("flapping, %d openings", r.Flapping))
	}
	if card := r.card(); card != none {
		parts = append(parts, "card: "+card)
	}
	if room := r.room(); room != none {
		parts = append(parts, "room: "+room)
	}
	p.wrapped("    ", parts)
}

// wrapped writes parts in as few lines as they need.
func (p *printer) wrapped(indent string, parts []string) {
	line := ""
	for _, s := range parts {
		switch {
		case line == "":
			line = indent + s
		case utf8.RuneCountInString(line)+3+utf8.RuneCountInString(s) <= width:
			line += " · " + s
		default:
			p.line("%s", line)
			line = indent + s
		}
	}
	p.line("%s", line)
}

// changes writes what is not the same, column by column.
func (p *printer) changes(all []Change) {
	if len(all) == 0 {
		p.line("no incident would be another one")
		p.line("")
		return
	}
	for _, c := range newest(p, all) {
		p.line("%s  %s  %s  %s", pad(c.ID, idWidth), pad(p.time(c.Opened), timeWidth), pad(c.Service, serviceWidth), c.Title)
		for _, col := range c.Columns {
			p.wrappedChange(col)
		}
	}
	p.line("")
}

// wrappedChange writes before and after in one line, or in two.
func (p *printer) wrappedChange(c ColumnChange) {
	s := fmt.Sprintf("    %s %s -> %s", pad(c.Column+":", 6), c.Before, c.After)
	if utf8.RuneCountInString(s) <= width {
		p.line("%s", s)
		return
	}
	p.line("    %s %s", pad(c.Column+":", 6), c.Before)
	p.line("    %s -> %s", pad("", 6), c.After)
}

// nameWidth is that of a column for one set of rules.
const nameWidth = 32

// totals writes the figures of two outcomes side by side.
func (p *printer) totals(r *Report) {
	a, b := r.Outcomes[0], r.Outcomes[1]
	p.line("%s%s%s%12s", pad("totals", 20), left(a.Rules), left(b.Rules), "difference")
	other := b.Totals.list()
	for i, t := range a.Totals.list() {
		d := ""
		if n := other[i].n - t.n; n != 0 {
			d = fmt.Sprintf("%+d", n)
		}
		p.line("%s%*d%*d%12s", pad(t.name, 20), nameWidth, t.n, nameWidth, other[i].n, d)
	}
	p.line("")
	for _, out := range r.Outcomes {
		p.line("%s: %s", tail(out.Rules, nameWidth), &out.Totals)
	}
	p.line("%s would not be the same", plural(len(r.Changes), "incident", "incidents"))
	if n := r.OtherRules; n > 0 {
		p.line("%s would have the same level by another rule", plural(n, "more", "more"))
	}
}

// String is the totals in one sentence.
func (t *Totals) String() string {
	s := fmt.Sprintf("%s -> %s shown; %s, %s, %d quiet", plural(t.Alerts, "alert", "alerts"), plural(t.Shown, "incident", "incidents"),
		plural(t.Duplicates, "duplicate", "duplicates"), plural(t.Consequences, "consequence", "consequences"), t.Quiet+t.Muted+t.Paused)
	if t.Muted+t.Paused > 0 {
		s += fmt.Sprintf(" (%d muted, %d paused)", t.Muted, t.Paused)
	}
	return s + fmt.Sprintf("; %s, %d major", plural(t.Rooms, "room", "rooms"), t.Major)
}

// verdicts writes how often each set of rules decides as people did.
func (p *printer) verdicts(outs []*Outcome) {
	labels, comparable := 0, 0
	for _, j := range outs[0].Verdicts {
		labels, comparable = labels+j.Labels, comparable+j.Of
	}
	if labels == 0 {
		return
	}
	p.line("People have corrected %s; the incidents of %d are in this log. Decided as they did:", plural(labels, "decision", "decisions"), comparable)
	names, heads := pad("", 20), pad("", 20)
	for _, out := range outs {
		names += left(out.Rules)
		heads += fmt.Sprintf("%12s%11s%9s", "right", "precision", "recall")
	}
	if len(outs) > 1 {
		p.line("%s", names)
	}
	p.line("%s", heads)
	for i, j := range outs[0].Verdicts {
		if j.Labels == 0 {
			continue
		}
		s := pad(j.Kind, 20)
		for _, out := range outs {
			v := &out.Verdicts[i]
			s += fmt.Sprintf("%12s%11s%9s", fmt.Sprintf("%d of %d", v.Right, v.Of), percent(v.Precision()), percent(v.Recall()))
		}
		p.line("%s", s)
	}
	p.line("")
}

func percent(share float64, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// pad makes s exactly n characters wide.
func pad(s string, n int) string {
	s = incident.Clip(s, n)
	return s + strings.Repeat(" ", n-utf8.RuneCountInString(s))
}

// left puts the end of a path at the right of a column.
func left(s string) string {
	s = tail(s, nameWidth-2)
	return strings.Repeat(" ", nameWidth-utf8.RuneCountInString(s)) + s
}

// tail is the end of a path.
func tail(s string, n int) string {
	r := []rune(incident.Line(s))
	if len(r) <= n {
		return string(r)
	}
	return "…" + string(r[len(r)-n+1:])
}
