package main

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"time"
)

// world is one graph, what fails in it, who notices, and the truth.
type world struct {
	name     string // scenario/number
	params   *params
	net      *network
	troubles []trouble
	alerts   []alert // by time
	memory   *memory
	unmapped []bool // services that the catalog does not have
	truth    truth
	log      []delivery // as the pager delivers it
}

// makeWorld draws world number n of a scenario.
func makeWorld(seed uint64, s *scenario, n int) *world {
	w := &world{name: fmt.Sprintf("%s/%d", s.name, n), params: &s.params}
	r := newRNG(seed, w.name)
	size := s.sizes[n%len(s.sizes)]
	w.net = newNetwork(r, s.shapes[n/len(s.sizes)%len(s.shapes)], size)
	w.troubles = spread(r, w.net, w.params, planRoots(r, w.net, w.params))
	see := newWatching(r, w.net, w.params, w.name)
	for i := range w.troubles {
		see.notice(i, &w.troubles[i])
	}
	w.addSmall(r, see)
	w.addNoise(r, see)
	w.alerts = see.sorted()
	w.memory = remember(r, w.net, w.troubles, s.length, s.missing, s.stale)
	w.unmapped = make([]bool, size)
	for i := range w.unmapped {
		w.unmapped[i] = r.chance(s.unmapped)
	}
	w.truth = findTruth(w.troubles, w.alerts)
	w.log = deliver(r, w)
	return w
}

// pagerID is the id of a pager's incident. They come in no order, as there.
func pagerID(world string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", world, n))
	return "Q" + base32.StdEncoding.EncodeToString(sum[:])[:13]
}

// planRoots draws the root causes of a world.
func planRoots(r *rng, g *network, p *params) []rootPlan {
	var out []rootPlan
	for tries := 0; len(out) < p.roots && tries < 200*p.roots; tries++ {
		var found []int
		switch p.placing {
		case siblings:
			found = siblingPair(r, g)
		default:
			found = []int{mattering(r, g)}
		}
		at := 40*time.Minute + r.between(0, p.together+time.Millisecond)
		if p.together == 0 {
			at = r.between(10*time.Minute, p.length-time.Hour)
		}
		for _, s := range found {
			plan := rootPlan{
				service: s, kind: rootKind(r, g.layer[s]), at: at, spread: 0.6 + 0.4*r.Float64(), silent: r.chance(p.rootMute),
				lasts: r.lognormal(p.lasts, 0.7, 4*time.Minute, 5*time.Hour),
			}
			if p.longRoots {
				plan.lasts, plan.kind = r.between(28*time.Hour, 32*time.Hour), errorRate
			}
			if len(out) < p.roots && fits(g, p, out, plan) {
				out = append(out, plan)
			}
			at += r.between(0, p.together/2+time.Millisecond)
		}
	}
	slices.SortStableFunc(out, func(a, b rootPlan) int { return int(a.at - b.at) })
	return out
}

// mattering draws a service whose failure is felt: the most called of three. In
// a graph with hubs it is a hub in a quarter of the cases.
func mattering(r *rng, g *network) int {
	if g.shape == hubs && r.chance(0.25) {
		return slices.Index(g.layer, shared) + r.IntN(3+len(g.layer)/300)
	}
	best := r.IntN(len(g.names))
	for range 2 {
		if s := r.IntN(len(g.names)); len(g.callers[s]) > len(g.callers[best]) {
			best = s
		}
	}
	return best
}

// fits reports whether it can be decided that a root is none of the others'
// consequence, nor they its.
func fits(g *network, p *params, have []rootPlan, plan rootPlan) bool {
	for _, o := range have {
		if p.placing == scattered && (plan.at-o.at).Abs() >= p.gap {
			continue
		}
		if o.service == plan.service || !g.apart(o.service, plan.service) {
			return false
		}
	}
	return true
}

// siblingPair returns two services that one calls and that do not reach each
// other.
func siblingPair(r *rng, g *network) []int {
	top := r.IntN(len(g.names))
	if len(g.calls[top]) < 2 {
		return nil
	}
	i := r.IntN(len(g.calls[top]))
	j := (i + 1 + r.IntN(len(g.calls[top])-1)) % len(g.calls[top])
	a, b := g.calls[top][i], g.calls[top][j]
	if !g.apart(a, b) {
		return nil
	}
	return []int{a, b}
}

// near is how close in time two troubles may be taken for cause and effect:
// small troubles, and all alerts about them, keep that distance from all that
// they could be mistaken for.
const near = 20 * time.Minute

// addSmall adds troubles that are their own cause, and spread nowhere.
func (w *world) addSmall(r *rng, see *watching) {
	for range w.params.small {
		for range 30 {
			s := r.IntN(len(w.net.names))
			from := r.between(5*time.Minute, w.params.length-20*time.Minute)
			t := trouble{
				service: s, kind: rootKind(r, w.net.layer[s]), origin: isRoot, root: len(w.troubles), from: from,
				to: from + r.lognormal(15*time.Minute, 0.6, 4*time.Minute, 2*time.Hour),
			}
			had := len(see.alerts)
			see.notice(len(w.troubles), &t)
			if w.alone(&t, see.alerts[:had], see.alerts[had:]) {
				w.troubles = append(w.troubles, t)
				break
			}
			see.alerts = see.alerts[:had]
		}
	}
}

// alone reports whether a trouble, and its own alerts, can not be mistaken for
// the cause or the effect of those that are there already.
func (w *world) alone(t *trouble, others, own []alert) bool {
	callees, callers := reach(w.net.calls, t.service), reach(w.net.callers, t.service)
	if slices.ContainsFunc(w.troubles, func(o trouble) bool {
		if o.service == t.service {
			return o.from-2*near < t.to && t.from < o.to+2*near
		}
		return (o.from-t.from).Abs() < near && (callees[o.service] || callers[o.service])
	}) {
		return false
	}
	return !slices.ContainsFunc(own, func(a alert) bool {
		return slices.ContainsFunc(others, func(o alert) bool {
			return (o.at-a.at).Abs() < near && (callees[o.service] || callers[o.service])
		})
	})
}

// addNoise adds housekeeping: half of it anywhere, half next door to trouble.
func (w *world) addNoise(r *rng, see *watching) {
	bad := len(w.troubles)
	for range max(6, int(w.params.noise*float64(bad))) {
		s, from := r.IntN(len(w.net.names)), r.between(0, w.params.length-20*time.Minute)
		if bad > 0 && r.chance(0.5) {
			t := &w.troubles[r.IntN(bad)]
			doors := slices.Concat(w.net.calls[t.service], w.net.callers[t.service], []int{t.service})
			s, from = pick(r, doors, 1), max(t.from+r.between(-5*time.Minute, 10*time.Minute), 0)
		}
		w.troubles = append(w.troubles, trouble{
			service: s, kind: pick(r, housekeeping, 1), origin: isNoise, root: len(w.troubles), from: from,
			to: from + r.between(20*time.Minute, 6*time.Hour),
		})
		see.notice(len(w.troubles)-1, &w.troubles[len(w.troubles)-1])
	}
}
