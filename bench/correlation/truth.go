package main

import (
	"slices"
	"time"
)

// By definition, an alert is the same trouble again within these.
const (
	grace  = 30 * time.Minute // after the last alert of that trouble was resolved
	window = 24 * time.Hour   // after its first one
)

// truth is what is right about the alerts of a world.
type truth struct {
	members [][]int // of each group, by the number of its first alert: all its alerts
	causes  [][]int // of each alert: the groups of all true causes that have alerted, near and far
	roots   [][]int // of each alert: the groups of its root causes that have alerted
	ranks   [][]int // of each trouble: all troubles on its causal chains, nearest first
}

// findTruth groups the alerts, and follows the causes.
func findTruth(troubles []trouble, alerts []alert) truth {
	t := truth{members: make([][]int, len(alerts)), causes: make([][]int, len(alerts)), roots: make([][]int, len(alerts))}
	t.group(alerts)
	t.ranks = make([][]int, len(troubles))
	for n := range troubles {
		t.ranks[n] = ancestors(troubles, n)
	}
	groups := make([][]int, len(troubles)) // the groups that tell of a trouble
	for _, a := range alerts {
		if !slices.Contains(groups[a.trouble], a.group) {
			groups[a.trouble] = append(groups[a.trouble], a.group)
		}
	}
	for i, a := range alerts {
		for _, n := range t.ranks[a.trouble] {
			for _, g := range groups[n] {
				if g == a.group {
					continue
				}
				t.causes[i] = append(t.causes[i], g)
				if troubles[n].origin == isRoot {
					t.roots[i] = append(t.roots[i], g)
				}
			}
		}
	}
	return t
}

// group finds the true duplicates: alerts of the same service and kind of
// trouble, while one of them is open or was less than the grace time ago, and
// less than the window after the first.
func (t *truth) group(alerts []alert) {
	type span struct {
		first int
		until time.Duration // 0: still open
	}
	last := map[watched]span{}
	for i := range alerts {
		a := &alerts[i]
		key := watched{a.service, a.kind}
		g, ok := last[key]
		if !ok || (g.until > 0 && a.at-g.until >= grace) || a.at-alerts[g.first].at >= window {
			g = span{first: i, until: a.to}
		}
		a.group = g.first
		t.members[g.first] = append(t.members[g.first], i)
		a.either = i != g.first && !slices.ContainsFunc(t.members[g.first], func(m int) bool { return m != i && alerts[m].trouble == a.trouble })
		if g.until > 0 {
			g.until = max(g.until, a.to)
		}
		if a.to == 0 {
			g.until = 0
		}
		last[key] = g
	}
}

// ancestors are all troubles that have led to trouble n, nearest first.
func ancestors(troubles []trouble, n int) []int {
	out := slices.Clone(troubles[n].causes)
	for i := 0; i < len(out); i++ {
		for _, c := range troubles[out[i]].causes {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}
