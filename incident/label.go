package incident

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

const (
	labelsKey = "labels"     // how many there are
	madeKey   = "links/made" // by rule, how many links were made
)

func labelKey(n int) string { return labelsKey + "/" + strconv.Itoa(n) }

// Labels returns the corrections by people, oldest first.
func Labels(tx Tx) ([]Label, error) {
	n, err := labelCount(tx)
	if err != nil {
		return nil, err
	}
	out := make([]Label, 0, n)
	for i := 1; i <= n; i++ {
		l, err := getLabel(tx, i)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func labelCount(tx Tx) (int, error) {
	v, err := tx.Key(labelsKey, true)
	if err != nil || v == "" {
		return 0, err
	}
	return strconv.Atoi(v)
}

func getLabel(tx Tx, n int) (Label, error) {
	var l Label
	v, err := tx.Key(labelKey(n), true)
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal([]byte(v), &l)
}

func putLabel(tx Tx, l Label) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return tx.PutKey(labelKey(l.N), string(b), true)
}

// addLabel gives a label its number, and keeps it.
func addLabel(tx Tx, l Label) (int, error) {
	n, err := labelCount(tx)
	if err != nil {
		return 0, err
	}
	l.N = n + 1
	if err := putLabel(tx, l); err != nil {
		return 0, err
	}
	return l.N, tx.PutKey(labelsKey, strconv.Itoa(l.N), true)
}

// undoLabels marks labels as taken back.
func undoLabels(tx Tx, numbers []int) error {
	for _, n := range numbers {
		l, err := getLabel(tx, n)
		if err != nil {
			return err
		}
		l.Undone = true
		if err := putLabel(tx, l); err != nil {
			return err
		}
	}
	return nil
}

func made(tx Tx) (map[string]int, error) {
	out := map[string]int{}
	v, err := tx.Key(madeKey, true)
	if err != nil || v == "" {
		return out, err
	}
	return out, json.Unmarshal([]byte(v), &out)
}

// countMade counts links that rules have made, or unmade where n is negative.
func countMade(tx Tx, rule string, n int) error {
	m, err := made(tx)
	if err != nil {
		return err
	}
	m[rule] = max(m[rule]+n, 0)
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return tx.PutKey(madeKey, string(b), true)
}

// LinkStats returns how often each rule was right since a time (zero: ever), by
// the labels of people. Since counts the labels only: how many links were made
// is counted for ever.
func LinkStats(tx Tx, since time.Time) ([]RuleStats, error) {
	labels, err := Labels(tx)
	if err != nil {
		return nil, err
	}
	m, err := made(tx)
	if err != nil {
		return nil, err
	}
	out := make([]RuleStats, 0, len(LinkRules))
	for _, rule := range LinkRules {
		if rule != RulePerson {
			out = append(out, RuleStats{Rule: rule, Made: m[rule]})
		}
	}
	count := func(rule string, add func(*RuleStats)) {
		if i := slices.IndexFunc(out, func(r RuleStats) bool { return r.Rule == rule }); i >= 0 {
			add(&out[i])
		}
	}
	for _, l := range labels {
		switch {
		case l.Undone || l.At.Before(since):
		case l.Verdict == LabelWrong:
			count(l.Rule, func(r *RuleStats) { r.Wrong++ })
		case l.Verdict == LabelMissed && l.Kind == LinkCascade:
			count(RuleCalls, func(r *RuleStats) { r.Missed++ })
		case l.Verdict == LabelMissed:
			count(RuleTrouble, func(r *RuleStats) { r.Missed++ })
		}
	}
	return out, nil
}
