package backtest

import "time"

// columnsOf are the columns in which rows are compared, as people read them.
func columnsOf(r *Row) []column {
	return []column{
		{"level", r.level()}, {"state", r.state()}, {"link", r.link()}, {"card", r.card()}, {"room", r.room()},
	}
}

type column struct{ name, value string }

// Change is a row that is not the same under two sets of rules.
type Change struct {
	Ref     string         `json:"ref"`
	ID      string         `json:"id"`
	Title   string         `json:"title"`
	Service string         `json:"service,omitempty"`
	Opened  time.Time      `json:"opened_at"`
	Columns []ColumnChange `json:"columns"`
}

// ColumnChange is one column of it.
type ColumnChange struct {
	Column string `json:"column"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// compare returns the rows that differ, in the order of a, and counts those in
// which but the name of the rule does. What is private in one of them is private
// in both, and in a and b afterwards.
func compare(a, b *Outcome) (changes []Change, otherRules int) {
	other := make(map[string]*Row, len(b.Rows))
	for i := range b.Rows {
		other[b.Rows[i].Ref] = &b.Rows[i]
	}
	for i := range a.Rows {
		x, y := &a.Rows[i], other[a.Rows[i].Ref]
		if y == nil {
			continue // the same bodies make the same incidents
		}
		if x.Private != y.Private {
			x.hide()
			y.hide()
		}
		c := Change{Ref: x.Ref, ID: x.ID, Title: x.Title, Service: x.Service, Opened: x.Opened}
		after := columnsOf(y)
		for n, col := range columnsOf(x) {
			if col.name == "level" && x.Level == y.Level {
				continue
			}
			if col.value != after[n].value {
				c.Columns = append(c.Columns, ColumnChange{col.name, col.value, after[n].value})
			}
		}
		switch {
		case len(c.Columns) > 0:
			changes = append(changes, c)
		case x.Rule != y.Rule:
			otherRules++
		}
	}
	return changes, otherRules
}
