package effects

import (
	"strings"

	"imbot/integrations/confluence"
	"imbot/postmortem"
)

// tones are Confluence's colours of states.
var tones = map[postmortem.Tone]confluence.Color{
	postmortem.Bad: confluence.Red, postmortem.Warning: confluence.Yellow, postmortem.Good: confluence.Green,
	postmortem.Calm: confluence.Blue, postmortem.Neutral: confluence.Grey,
}

// Storage writes a document as the body of a page in Confluence. The title is
// not in it: the page has it.
func Storage(d *postmortem.Doc) string {
	var out confluence.Doc
	var status []confluence.Inline
	for i, s := range d.Status {
		if i > 0 {
			status = append(status, confluence.Text(" "))
		}
		status = append(status, inline(s))
	}
	out.Paragraph(status...)
	for _, n := range d.Notes {
		out.Note(confluence.PanelInfo, cell(n))
	}
	for _, s := range d.Sections {
		out.Heading(2, s.Title)
		for _, b := range s.Blocks {
			storeBlock(&out, b)
		}
	}
	if d.Foot != "" {
		out.Rule()
		out.Paragraph(confluence.Text(d.Foot))
	}
	return out.String()
}

func storeBlock(out *confluence.Doc, b postmortem.Block) {
	switch b := b.(type) {
	case postmortem.Text:
		for _, par := range b {
			out.Paragraph(confluence.Text(strings.Join(par, "\n")))
		}
	case postmortem.Prompt:
		out.Note(confluence.PanelNote, confluence.Text(string(b)))
	case postmortem.Facts:
		var rows [][]confluence.Inline
		for _, f := range b {
			rows = append(rows, []confluence.Inline{confluence.Bold(f.Label), cell(f.Value)})
		}
		out.Table(nil, rows...)
	case postmortem.Table:
		var rows [][]confluence.Inline
		for _, r := range b.Rows {
			rows = append(rows, cells(r))
		}
		out.Table(b.Head, rows...)
	case postmortem.List:
		items := make([]confluence.Item, len(b.Items))
		for i, item := range b.Items {
			items[i] = confluence.Item{Text: cell(item.Cell), Sub: cells(item.Sub)}
		}
		out.List(b.Numbered, items...)
	}
}

func cells(row []postmortem.Cell) []confluence.Inline {
	out := make([]confluence.Inline, len(row))
	for i, c := range row {
		out[i] = cell(c)
	}
	return out
}

func cell(c postmortem.Cell) confluence.Inline {
	parts := make([]confluence.Inline, len(c))
	for i, s := range c {
		parts[i] = inline(s)
	}
	return confluence.Join(parts...)
}

func inline(s postmortem.Span) confluence.Inline {
	switch {
	case s.Tone != "":
		return confluence.Status(tones[s.Tone], s.Text)
	case s.URL != "":
		return confluence.Link(s.Text, s.URL)
	case s.Bold:
		return confluence.Bold(s.Text)
	}
	return confluence.Text(s.Text)
}
