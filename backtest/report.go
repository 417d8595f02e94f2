package backtest

import (
	"encoding/json"
	"io"
	"time"
)

// Report is what a replay says, under one set of rules or two.
type Report struct {
	From     time.Time  `json:"from,omitzero"` // arrival of the first body that was replayed
	To       time.Time  `json:"to,omitzero"`   // and of the last
	Outcomes []*Outcome `json:"outcomes"`      // one, or before and after
	Changes  []Change   `json:"changes,omitempty"`
	// OtherRules counts the incidents that are the same but for the name of the
	// rule that gave the level.
	OtherRules int `json:"other_rules,omitempty"`
}

// NewReport puts outcomes together: of one set of rules, or of two that are
// compared.
func NewReport(outcomes ...*Outcome) *Report {
	r := &Report{Outcomes: outcomes}
	if len(outcomes) > 0 {
		r.From, r.To = outcomes[0].from, outcomes[0].to
	}
	if len(outcomes) == 2 {
		r.Changes, r.OtherRules = compare(outcomes[0], outcomes[1])
	}
	return r
}

// JSON writes the report for machines: all rows, times in UTC.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
