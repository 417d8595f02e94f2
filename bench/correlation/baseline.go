package main

import (
	"slices"
	"time"
)

// link is what a rule says about an alert: whose duplicate or consequence it is.
type link struct {
	kind    string // duplicate, cascade; empty: of its own
	parent  int    // number of the alert; -1: none
	rule    string // imbot's
	trouble string // imbot's kind of trouble
}

const (
	duplicate = "duplicate"
	cascade   = "cascade"
)

// baseline is a simple rule that other products use, at its best: it sees the
// alerts in the order in which they happened, and nothing is lost or late.
type baseline struct {
	name string
	link func(w *world) []link
}

var baselines = []baseline{
	{"exact title", exactTitle},
	{"same service, 1 h", sameService},
	{"inhibition, service", func(w *world) []link { return inhibition(w, func(a, b int) bool { return a == b }) }},
	{"inhibition, cluster", func(w *world) []link {
		return inhibition(w, func(a, b int) bool { return w.net.domain[a] == w.net.domain[b] })
	}},
	{"5 hops, transitive", topological},
}

func unlinked(n int) []link {
	out := make([]link, n)
	for i := range out {
		out[i].parent = -1
	}
	return out
}

// openAt reports whether an alert that began before is open at a time.
func openAt(a *alert, at time.Duration) bool { return a.to == 0 || a.to > at }

// exactTitle takes an alert for a duplicate of the oldest one of the same title
// that is open or was resolved less than the grace time ago.
func exactTitle(w *world) []link {
	out := unlinked(len(w.alerts))
	byTitle := map[string][]int{}
	for i := range w.alerts {
		a := &w.alerts[i]
		same := slices.DeleteFunc(byTitle[a.title], func(n int) bool { return !openAt(&w.alerts[n], a.at-grace) })
		if len(same) > 0 {
			out[i] = link{kind: duplicate, parent: same[0]}
		}
		byTitle[a.title] = append(same, i)
	}
	return out
}

// sameService takes all alerts of a service for duplicates of the first within
// an hour: the window that such rules come with.
func sameService(w *world) []link {
	out := unlinked(len(w.alerts))
	first := map[int]int{}
	for i := range w.alerts {
		a := &w.alerts[i]
		if f, ok := first[a.service]; ok && a.at-w.alerts[f].at < time.Hour {
			out[i] = link{kind: duplicate, parent: f}
			continue
		}
		first[a.service] = i
	}
	return out
}

// groupWait is how long Alertmanager waits for the alert that inhibits.
// https://prometheus.io/docs/alerting/latest/configuration/
const groupWait = 30 * time.Second

// inhibition is Alertmanager's rule: while a critical alert fires (a service is
// down, or at its limits), warnings (errors, latency, traffic) with equal labels
// are muted. Alerts with the same set of labels are one: here, of the same
// service and title. It is told the kind of each alert, as labels would.
// https://prometheus.io/docs/alerting/latest/alertmanager/#inhibition
func inhibition(w *world, equal func(a, b int) bool) []link {
	out := exactTitle(w)
	for i := range w.alerts {
		a := &w.alerts[i]
		if out[i].kind != "" || !slices.Contains([]kind{errorRate, latency, traffic}, a.kind) {
			continue
		}
		for n := range w.alerts {
			s := &w.alerts[n]
			if s.at > a.at+groupWait {
				break
			}
			if (s.kind == down || s.kind == saturation) && openAt(s, a.at) && equal(s.service, a.service) && out[n].kind == "" {
				out[i] = link{kind: cascade, parent: n}
				break
			}
		}
	}
	return out
}

// topoHops is that of New Relic's decision "topologically dependent": a path of
// at most five relationships. The window of its decisions can be set; 20 minutes
// is our choice.
// https://docs.newrelic.com/docs/alerts/organize-alerts/change-applied-intelligence-correlation-logic-decisions/
const (
	topoHops   = 5
	topoWithin = 20 * time.Minute
)

// topological joins alerts whose services are at most five steps apart, in any
// direction, and that began within 20 minutes; and what is joined with the same
// alert is joined with each other. The earliest of a group is the parent; of each
// other service, the earliest is its consequence, and the rest are duplicates of
// that.
func topological(w *world) []link {
	group := make([]int, len(w.alerts))
	var find func(i int) int
	find = func(i int) int {
		if group[i] != i {
			group[i] = find(group[i])
		}
		return group[i]
	}
	around := map[int]map[int]bool{}
	for i := range w.alerts {
		a := &w.alerts[i]
		group[i] = i
		if around[a.service] == nil {
			around[a.service] = neighbourhood(w.memory.fresh, a.service, topoHops)
		}
		for n := i - 1; n >= 0 && a.at-w.alerts[n].at <= topoWithin; n-- {
			if around[a.service][w.alerts[n].service] {
				x, y := find(i), find(n)
				group[max(x, y)] = min(x, y) // the earliest stands for the group
			}
		}
	}
	out := unlinked(len(w.alerts))
	firsts := map[[2]int]int{}
	for i := range w.alerts {
		g := find(i)
		key := [2]int{g, w.alerts[i].service}
		first, ok := firsts[key]
		switch {
		case ok:
			out[i] = link{kind: duplicate, parent: first}
		case g != i:
			out[i] = link{kind: cascade, parent: g}
		}
		if !ok {
			firsts[key] = i
		}
	}
	return out
}

// neighbourhood are the services within so many steps.
func neighbourhood(edges [][]int, s, hops int) map[int]bool {
	seen := map[int]bool{s: true}
	edge := []int{s}
	for range hops {
		var next []int
		for _, v := range edge {
			for _, u := range edges[v] {
				if !seen[u] {
					seen[u] = true
					next = append(next, u)
				}
			}
		}
		edge = next
	}
	return seen
}
