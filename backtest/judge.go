package backtest

import "imbot/incident"

// Judgement compares the decisions of one kind with the corrections of people.
type Judgement struct {
	Kind   string `json:"kind"`       // JudgeDuplicates, …
	Labels int    `json:"labels"`     // corrections by people, those taken back apart
	Of     int    `json:"comparable"` // of them, those whose incidents are in the log
	Right  int    `json:"right"`      // of those, where the rules decide as the person did

	// Of links only: Made are the links of the corrected pairs that the rules make,
	// Good those of them that people wanted, Wanted all that people wanted.
	Made   int `json:"made,omitempty"`
	Good   int `json:"good,omitempty"`
	Wanted int `json:"wanted,omitempty"`
}

// Kinds of decision.
const (
	JudgeDuplicates   = "duplicates"
	JudgeConsequences = "consequences"
	JudgeLevels       = "levels"
)

// Precision is the share of the links made that people wanted; false where none
// was made.
func (j *Judgement) Precision() (float64, bool) { return share(j.Good, j.Made) }

// Recall is the share of the links wanted that were made; false where none was
// wanted.
func (j *Judgement) Recall() (float64, bool) { return share(j.Good, j.Wanted) }

func share(n, of int) (float64, bool) {
	if of == 0 {
		return 0, false
	}
	return float64(n) / float64(of), true
}

// judge compares the rows with what people have said of the real incidents.
func judge(labels []incident.Label, rows []Row) []Judgement {
	out := []Judgement{{Kind: JudgeDuplicates}, {Kind: JudgeConsequences}, {Kind: JudgeLevels}}
	byNumber, byRef := map[incident.ID]*Row{}, map[string]*Row{}
	for i := range rows {
		r := &rows[i]
		byRef[r.Ref] = r
		if r.number != 0 {
			byNumber[r.number] = r
		}
	}
	for _, l := range labels {
		j := &out[kindOf(&l)]
		if l.Undone {
			continue
		}
		j.Labels++
		row, other := byNumber[l.Incident], byNumber[l.Other]
		if row == nil || (l.Verdict != incident.LabelLevel && other == nil) {
			continue
		}
		j.Of++
		if l.Verdict == incident.LabelLevel {
			j.Right += flag(row.Level == l.To)
			continue
		}
		made, wanted := related(row, other, l.Kind, byRef), l.Verdict == incident.LabelMissed
		j.Right += flag(made == wanted)
		j.Made += flag(made)
		j.Wanted += flag(wanted)
		j.Good += flag(made && wanted)
	}
	return out
}

// kindOf is the place of a label's kind in what judge returns.
func kindOf(l *incident.Label) int {
	switch {
	case l.Verdict == incident.LabelLevel:
		return 2
	case l.Kind == incident.LinkCascade:
		return 1
	}
	return 0
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// related reports whether a row is tied to another one in this way. The
// duplicates of one incident are the same trouble, whichever of them is named.
func related(row, other *Row, kind string, byRef map[string]*Row) bool {
	group := func(r *Row) *Row {
		for n := 0; r.Link != nil && r.Link.Kind == incident.LinkDuplicate && byRef[r.Link.ref] != nil && n < maxDepth; n++ {
			r = byRef[r.Link.ref]
		}
		return r
	}
	row, other = group(row), group(other)
	if kind == incident.LinkDuplicate {
		return row == other
	}
	return row.Link != nil && row.Link.Kind == incident.LinkCascade && byRef[row.Link.ref] != nil && group(byRef[row.Link.ref]) == other
}
