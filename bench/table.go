package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// sample is what the rounds have brought for one cell.
type sample []float64

func (s sample) median() float64 {
	if len(s) == 0 {
		return 0
	}
	t := slices.Sorted(slices.Values(s))
	m := len(t) / 2
	if len(t)%2 == 1 {
		return t[m]
	}
	return (t[m-1] + t[m]) / 2
}

// over divides round by round: what disturbs a round disturbs both sides of it.
func (s sample) over(t sample) sample {
	out := make(sample, min(len(s), len(t)))
	for i := range out {
		if t[i] > 0 {
			out[i] = s[i] / t[i]
		}
	}
	return out
}

// spread is the median with the lowest and the highest; format is for one.
func (s sample) spread(format string) string {
	if len(s) == 0 {
		return "-"
	}
	m := fmt.Sprintf(format, s.median())
	if len(s) == 1 {
		return m
	}
	return fmt.Sprintf("%s ("+format+"–"+format+")", m, slices.Min(s), slices.Max(s))
}

// ratio is a spread in percent.
func (s sample) ratio() string {
	p := make(sample, len(s))
	for i := range s {
		p[i] = 100 * s[i]
	}
	return p.spread("%.0f %%")
}

// table is a Markdown table.
type table struct {
	title string
	note  string
	head  []string
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write aligns the columns, for those who read it without Markdown.
func (t *table) write(w io.Writer) error {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", t.title)
	if t.note != "" {
		fmt.Fprintf(&b, "%s\n\n", t.note)
	}
	line := func(cells []string, fill string) {
		for i := range width {
			c := ""
			if i < len(cells) {
				c = cells[i]
			}
			b.WriteString("| " + c + strings.Repeat(fill, width[i]-len([]rune(c))) + " ")
		}
		b.WriteString("|\n")
	}
	line(t.head, " ")
	line(nil, "-")
	for _, row := range t.rows {
		line(row, " ")
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict says whether a target is met, and remembers a miss. by holds the
// figures that it rests on, to say when somebody else has had a hand in them.
func (b *bench) verdict(ok bool, target string, by ...*figures) string {
	if ok {
		return "PASS " + target
	}
	b.missed = true
	if slices.ContainsFunc(by, (*figures).disturbed) {
		return "**MISS, but disturbed** " + target
	}
	return "**MISS** " + target
}
