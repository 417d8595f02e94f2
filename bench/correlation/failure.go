package main

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// kind of trouble.
type kind string

const (
	down       kind = "down"
	errorRate  kind = "errors"
	latency    kind = "latency"
	saturation kind = "saturation"
	traffic    kind = "traffic"

	// Housekeeping: never the cause of anything here, nor caused by it.
	certificate kind = "certificate"
	backup      kind = "backup"
	disk        kind = "disk"
	job         kind = "job"
)

var housekeeping = []kind{certificate, backup, disk, job}

// origin is what a trouble came from.
type origin string

const (
	isRoot   origin = "root"        // of itself, and it may spread
	isEffect origin = "consequence" // a callee's trouble has reached it
	isNoise  origin = "housekeeping"
)

// trouble is one service's being in trouble, from its beginning to its end.
// Times are since epoch.
type trouble struct {
	service int
	kind    kind
	origin  origin
	from    time.Duration
	to      time.Duration
	hop     int   // how many calls away from its root
	root    int   // the first one that reached it; itself for a root
	causes  []int // the troubles whose impact has reached it, the first one first
	silent  bool  // no monitor sees it
}

// impact is on its way to a caller.
type impact struct {
	at      time.Duration
	from    int // trouble; -1 for a root that is to start
	service int
	root    rootPlan
}

// rootPlan is a root cause to come.
type rootPlan struct {
	service int
	kind    kind
	at      time.Duration
	lasts   time.Duration
	spread  float64 // how much of what could suffer does; 0: nothing
	silent  bool
}

type impacts []impact

func (h impacts) Len() int           { return len(h) }
func (h impacts) Less(i, j int) bool { return h[i].at < h[j].at }
func (h impacts) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *impacts) Push(x any)        { *h = append(*h, x.(impact)) }
func (h *impacts) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// How trouble spreads.
var (
	hardSpread = 0.85                                                          // over a call that the caller can not do without
	softSpread = 0.08                                                          // over one that it can
	hopSpread  = [...]float64{0, 1, 0.7, 0.5, 0.3}                             // the farther, the less; not beyond four calls
	kindSpread = map[kind]float64{latency: 0.7, saturation: 0.8, traffic: 0.3} // others: 1
)

const (
	hopDelay = 30 * time.Second // median until a caller suffers
	hopSigma = 1.0
	hopMin   = time.Second
	hopMax   = 6 * time.Minute
	blast    = 120             // services that one root can bring into trouble: breakers, cells, regions
	joint    = 2 * time.Minute // what reaches a service so soon after its trouble began has made it, too
)

// spreading is one run of failures through a graph.
type spreading struct {
	r        *rng
	g        *network
	p        *params
	heap     impacts
	troubles []trouble
	now      []int // the trouble that a service is in; -1: none
	hit      map[int]int
}

// spread lets the roots happen. A root whose service is in trouble already when
// its time comes does not happen.
func spread(r *rng, g *network, p *params, plans []rootPlan) []trouble {
	s := &spreading{r: r, g: g, p: p, now: make([]int, len(g.names)), hit: map[int]int{}}
	for i := range s.now {
		s.now[i] = -1
	}
	for _, plan := range plans {
		s.heap = append(s.heap, impact{at: plan.at, from: -1, service: plan.service, root: plan})
	}
	slices.SortStableFunc(s.heap, func(a, b impact) int { return cmp.Compare(a.at, b.at) })
	heap.Init(&s.heap)
	for len(s.heap) > 0 {
		i := heap.Pop(&s.heap).(impact)
		if i.from < 0 {
			s.begin(i.root)
		} else {
			s.reach(i)
		}
	}
	return s.troubles
}

// present is the trouble that a service is in at a time, or -1.
func (s *spreading) present(service int, at time.Duration) int {
	if t := s.now[service]; t >= 0 && s.troubles[t].to > at {
		return t
	}
	return -1
}

func (s *spreading) begin(plan rootPlan) {
	if s.present(plan.service, plan.at) >= 0 {
		return
	}
	n := len(s.troubles)
	s.troubles = append(s.troubles, trouble{
		service: plan.service, kind: plan.kind, origin: isRoot, from: plan.at, to: plan.at + plan.lasts, root: n, silent: plan.silent,
	})
	s.now[plan.service] = n
	s.spreadFrom(n, plan.spread)
}

// spreadFrom sends the impact of a trouble to the callers of its service.
func (s *spreading) spreadFrom(n int, strength float64) {
	t := s.troubles[n]
	if strength == 0 || t.hop+1 >= len(hopSpread) {
		return
	}
	strength *= hopSpread[t.hop+1]
	if f, ok := kindSpread[t.kind]; ok {
		strength *= f
	}
	for _, caller := range s.g.callers[t.service] {
		p := softSpread
		if s.g.hard[caller][slices.Index(s.g.calls[caller], t.service)] {
			p = hardSpread
		}
		if !s.r.chance(p * strength) {
			continue
		}
		at := t.from + s.r.lognormal(hopDelay, hopSigma, hopMin, hopMax)
		if at < t.to {
			heap.Push(&s.heap, impact{at: at, from: n, service: caller})
		}
	}
}

// reach lets an impact arrive at a service.
func (s *spreading) reach(i impact) {
	from := s.troubles[i.from]
	if s.present(from.service, i.at) != i.from {
		return
	}
	if n := s.present(i.service, i.at); n >= 0 {
		t := &s.troubles[n]
		if i.at <= t.from+joint && t.origin == isEffect && !slices.Contains(t.causes, i.from) && !s.follows(i.from, n) {
			t.causes = append(t.causes, i.from)
			t.to = max(t.to, from.to)
		}
		return
	}
	if s.hit[from.root] >= blast {
		return
	}
	s.hit[from.root]++
	n := len(s.troubles)
	s.troubles = append(s.troubles, trouble{
		service: i.service, kind: s.effectKind(from.kind), origin: isEffect, from: i.at, hop: from.hop + 1, root: from.root,
		to:     from.to + s.r.lognormal(20*time.Second, 0.8, time.Second, 4*time.Minute),
		causes: []int{i.from}, silent: s.r.chance(s.p.silent),
	})
	s.now[i.service] = n
	s.spreadFrom(n, 1)
}

// follows reports whether trouble a is a consequence of trouble b, or b itself.
func (s *spreading) follows(a, b int) bool {
	return a == b || slices.ContainsFunc(s.troubles[a].causes, func(c int) bool { return s.follows(c, b) })
}

// effectKind is how a caller suffers.
func (s *spreading) effectKind(from kind) kind {
	if from == latency || from == saturation {
		return []kind{latency, errorRate, traffic}[s.r.weighted(0.62, 0.33, 0.05)]
	}
	return []kind{errorRate, latency, down, traffic}[s.r.weighted(0.6, 0.27, 0.09, 0.04)]
}

// rootKind is what a service fails of by itself.
func rootKind(r *rng, layer int) kind {
	if layer == stores {
		return []kind{down, saturation, latency, errorRate}[r.weighted(0.4, 0.35, 0.15, 0.1)]
	}
	return []kind{down, errorRate, latency, saturation}[r.weighted(0.35, 0.35, 0.15, 0.15)]
}
