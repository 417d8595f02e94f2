package main

import (
	"cmp"
	"slices"
	"time"

	"imbot/incident"
)

// memory is the graph as imbot remembers it: without what no source ever saw,
// and with what is not so any more. It does not change while a world lasts: an
// edge was seen last before its callee died, or else at the end.
type memory struct {
	callees map[string][]incident.Call
	callers map[string][]incident.Call
	rings   map[string]int
	// fresh are the undirected neighbours over edges that were seen in the last 14
	// days, by number of the service; for rules that know no directions.
	fresh [][]int
}

var _ incident.Topology = (*memory)(nil)

// Callees implements incident.Topology.
func (m *memory) Callees(service string) []incident.Call { return m.callees[service] }

// Callers implements incident.Topology.
func (m *memory) Callers(service string) []incident.Call { return m.callers[service] }

// Ring implements incident.Topology.
func (m *memory) Ring(service string) int { return m.rings[service] }

// Ages of remembered edges.
const (
	pollEvery  = 5 * time.Minute
	day        = 24 * time.Hour
	edgeMemory = 14 * day // what imbot believes
)

// remember draws what is remembered of a graph in which these troubles happen.
// missing is the share of calls that no source ever saw; stale is how many
// remembered edges, as a share of the true ones, are no calls any more.
func remember(r *rng, g *network, troubles []trouble, end time.Duration, missing, stale float64) *memory {
	died := make([]time.Duration, len(g.names))
	for i := range died {
		died[i] = -1
	}
	for _, t := range troubles {
		if t.kind == down && (died[t.service] < 0 || t.from < died[t.service]) {
			died[t.service] = t.from
		}
	}
	m := &memory{callees: map[string][]incident.Call{}, callers: map[string][]incident.Call{}, fresh: make([][]int, len(g.names))}
	for s := range g.calls {
		for _, c := range g.calls[s] {
			if r.chance(missing) {
				continue
			}
			seen := end - r.between(0, pollEvery)
			switch {
			case died[c] >= 0: // nobody calls the dead: the live map has lost it
				seen = died[c] - r.between(0, pollEvery)
			case r.chance(0.1): // it is called once in a while
				seen = -r.between(time.Hour, 10*day)
			}
			m.add(g, s, c, pick(r, []string{"newrelic", "prometheus", "backstage"}, 2), seen, -r.between(30*day, 400*day))
		}
	}
	for range int(stale * float64(g.edges())) {
		s, c := r.IntN(len(g.names)), r.IntN(len(g.names))
		if s == c || slices.Contains(g.calls[s], c) {
			continue
		}
		seen := -r.between(day, 12*day) // believed, and wrong
		if r.chance(0.5) {
			seen = -r.between(15*day, 60*day) // too old
		}
		m.add(g, s, c, "newrelic", seen, seen-r.between(day, 200*day))
	}
	m.sort()
	m.findRings(g.names)
	return m
}

func (m *memory) add(g *network, s, c int, source string, seen, first time.Duration) {
	if slices.ContainsFunc(m.callees[g.names[s]], func(e incident.Call) bool { return e.To == g.names[c] }) {
		return
	}
	e := incident.Call{From: g.names[s], To: g.names[c], Source: source, FirstSeen: epoch.Add(first), LastSeen: epoch.Add(seen), Rate: 1}
	m.callees[e.From] = append(m.callees[e.From], e)
	m.callers[e.To] = append(m.callers[e.To], e)
	if -seen < edgeMemory {
		m.fresh[s], m.fresh[c] = append(m.fresh[s], c), append(m.fresh[c], s)
	}
}

func (m *memory) sort() {
	for _, list := range m.callees {
		slices.SortFunc(list, func(a, b incident.Call) int { return cmp.Compare(a.To, b.To) })
	}
	for _, list := range m.callers {
		slices.SortFunc(list, func(a, b incident.Call) int { return cmp.Compare(a.From, b.From) })
	}
}

// findRings numbers the circles of the remembered graph: the strongly connected
// components, after Tarjan.
func (m *memory) findRings(names []string) {
	m.rings = map[string]int{}
	index, low := map[string]int{}, map[string]int{}
	onStack := map[string]bool{}
	var stack []string
	ring := 0
	var visit func(v string)
	visit = func(v string) {
		index[v] = len(index) + 1
		low[v] = index[v]
		stack, onStack[v] = append(stack, v), true
		for _, e := range m.callees[v] {
			switch {
			case index[e.To] == 0:
				visit(e.To)
				low[v] = min(low[v], low[e.To])
			case onStack[e.To]:
				low[v] = min(low[v], index[e.To])
			}
		}
		if low[v] != index[v] {
			return
		}
		i := slices.Index(stack, v)
		members := stack[i:]
		if len(members) > 1 {
			ring++
		}
		for _, s := range members {
			onStack[s] = false
			if len(members) > 1 {
				m.rings[s] = ring
			}
		}
		stack = stack[:i]
	}
	for _, v := range names {
		if index[v] == 0 {
			visit(v)
		}
	}
}
