package topology

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"imbot/incident"
)

// Graph is an immutable snapshot of who calls whom. Looking something up
// allocates nothing.
type Graph struct {
	nodes map[string]node
	calls []incident.Call // all, by From and To
}

type node struct {
	callees, callers []incident.Call
	ring             int
}

var _ incident.Topology = (*Graph)(nil)

// NewGraph builds the graph of what is held at now: the edges that are not older
// than memory, and what the services themselves depend on. Keys of the edges are
// looked up among the services as they are now, for a service may have been
// renamed or have come into the catalogue since; an end that is none of them, and
// no service of PagerDuty, is left out.
//
// Of an edge that several sources have, the one that saw it last counts, and
// what holds always before all; its first time is the earliest, and a rate that
// it does not know is that of another. It takes time in the order of the edges;
// those of one source are not changed.
func NewGraph(edges []Edge, services []Service, now time.Time, memory time.Duration) *Graph {
	names := NewNames(services)
	b := builder{ids: make(map[string]int32, 2*len(services)), at: make(map[[2]int32]int32, len(edges))}
	oldest := now.Add(-memory)
	known := make(map[string]int32, 2*len(services)) // by key as stored; -1: no service
	end := func(key string) int32 {
		id, ok := known[key]
		if !ok {
			id = -1
			if found, ok := names.Find(key); ok {
				id = b.id(found)
			}
			known[key] = id
		}
		return id
	}
	for i := range services {
		s := &services[i]
		for _, to := range s.DependsOn {
			b.add(end(s.Key), end(to), &Edge{Source: SourceCatalog})
		}
	}
	for i := range edges {
		e := &edges[i]
		if !e.LastSeen.IsZero() && e.LastSeen.Before(oldest) {
			continue
		}
		b.add(end(e.From), end(e.To), e)
	}
	return b.graph()
}

// AsOf is the graph as it was known at a time in the past: of the edges only
// those that had been seen by then, their age counted from then. Of what was
// seen between the first and the last time only these two are known: an edge
// that came and went counts as if it had been there all along.
func AsOf(edges []Edge, services []Service, at time.Time, memory time.Duration) *Graph {
	known := make([]Edge, 0, len(edges))
	for _, e := range edges {
		if e.FirstSeen.After(at) {
			continue
		}
		if e.LastSeen.After(at) {
			e.LastSeen = at
		}
		known = append(known, e)
	}
	return NewGraph(known, services, at, memory)
}

// builder gathers calls between numbered services.
type builder struct {
	ids   map[string]int32
	keys  []string
	at    map[[2]int32]int32 // ends -> place in pairs
	pairs []pair
}

type pair struct {
	from, to int32
	call     incident.Call
}

func (b *builder) id(key string) int32 {
	id, ok := b.ids[key]
	if !ok {
		id = int32(len(b.keys))
		b.ids[key] = id
		b.keys = append(b.keys, key)
	}
	return id
}

func (b *builder) add(from, to int32, e *Edge) {
	if from < 0 || to < 0 || from == to {
		return
	}
	call := incident.Call{From: b.keys[from], To: b.keys[to], Source: e.Source, FirstSeen: e.FirstSeen, LastSeen: e.LastSeen, Rate: e.Rate}
	place, ok := b.at[[2]int32{from, to}]
	if !ok {
		b.at[[2]int32{from, to}] = int32(len(b.pairs))
		b.pairs = append(b.pairs, pair{from, to, call})
		return
	}
	b.pairs[place].call = join(b.pairs[place].call, call)
}

// join makes one call of two, the same whichever comes first.
func join(a, b incident.Call) incident.Call {
	if later(b.LastSeen, a.LastSeen) || b.LastSeen.Equal(a.LastSeen) && before(&b, &a) {
		a, b = b, a
	}
	if a.FirstSeen.After(b.FirstSeen) {
		a.FirstSeen = b.FirstSeen // zero is before all
	}
	if a.Rate == 0 {
		a.Rate = b.Rate
	}
	return a
}

// before orders calls that were seen last at the same time.
func before(a, b *incident.Call) bool {
	return cmp.Or(strings.Compare(a.Source, b.Source), cmp.Compare(b.Rate, a.Rate), a.FirstSeen.Compare(b.FirstSeen)) < 0
}

func (b *builder) graph() *Graph {
	// Numbers in the order of the keys, so that sorting needs no strings.
	order := make([]int32, len(b.keys))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int { return strings.Compare(b.keys[x], b.keys[y]) })
	rank := make([]int32, len(order))
	for r, id := range order {
		rank[id] = int32(r)
	}
	for i := range b.pairs {
		p := &b.pairs[i]
		p.from, p.to = rank[p.from], rank[p.to]
	}
	g := &Graph{nodes: make(map[string]node, len(b.keys)), calls: make([]incident.Call, len(b.pairs))}
	nodes := make([]node, len(order))
	callees := make([][]int32, len(order))
	targets := make([]int32, len(b.pairs))
	slices.SortFunc(b.pairs, func(x, y pair) int { return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to)) })
	spans(b.pairs, func(p *pair) int32 { return p.from }, func(id int32, i, j int) {
		for k := i; k < j; k++ {
			g.calls[k], targets[k] = b.pairs[k].call, b.pairs[k].to
		}
		nodes[id].callees, callees[id] = g.calls[i:j:j], targets[i:j:j]
	})
	slices.SortFunc(b.pairs, func(x, y pair) int { return cmp.Or(cmp.Compare(x.to, y.to), cmp.Compare(x.from, y.from)) })
	in := make([]incident.Call, len(b.pairs))
	spans(b.pairs, func(p *pair) int32 { return p.to }, func(id int32, i, j int) {
		for k := i; k < j; k++ {
			in[k] = b.pairs[k].call
		}
		nodes[id].callers = in[i:j:j]
	})
	for id, ring := range rings(callees) {
		nodes[id].ring = ring
	}
	for r, id := range order {
		if n := nodes[r]; n.callees != nil || n.callers != nil {
			g.nodes[b.keys[id]] = n
		}
	}
	return g
}

// spans calls fn for each run of pairs with the same end.
func spans(pairs []pair, end func(*pair) int32, fn func(id int32, i, j int)) {
	for i := 0; i < len(pairs); {
		id, j := end(&pairs[i]), i+1
		for j < len(pairs) && end(&pairs[j]) == id {
			j++
		}
		fn(id, i, j)
		i = j
	}
}

// Callees implements incident.Topology.
func (g *Graph) Callees(service string) []incident.Call { return g.nodes[service].callees }

// Callers implements incident.Topology.
func (g *Graph) Callers(service string) []incident.Call { return g.nodes[service].callers }

// Ring implements incident.Topology. Rings are numbered from 1 on.
func (g *Graph) Ring(service string) int { return g.nodes[service].ring }

// Calls returns all calls, by From and To. Look, don't touch.
func (g *Graph) Calls() []incident.Call { return g.calls }
