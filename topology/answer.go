package topology

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// answer is what an answer of a source comes to.
type answer struct {
	edges                         []Edge // by From and To, each once
	loops, unknown, refused, over int
	unmapped                      map[string]int // name -> ends of edges
}

// read makes edges between services of what a source has said at a time. It
// looks at everything, but keeps no more than the bounds allow: the first edges,
// in the order of the source.
func read(source string, seen []Seen, names *Names, now time.Time) answer {
	a := answer{unmapped: map[string]int{}}
	type ends struct{ from, to string }
	at := make(map[ends]int, min(len(seen), MaxEdges))
	for i := range seen {
		s := &seen[i]
		if !s.sane() {
			a.refused++
			continue
		}
		from, okFrom := names.End(&s.From)
		to, okTo := names.End(&s.To)
		if !okFrom || !okTo {
			a.unknown++
			a.miss(&s.From, okFrom)
			a.miss(&s.To, okTo)
			continue
		}
		if from == to {
			a.loops++
			continue
		}
		e := Edge{From: from, To: to, Source: source, Kind: s.Kind, FirstSeen: now, LastSeen: now, Rate: s.Rate, ErrorRate: s.ErrorRate}
		if !s.At.IsZero() && s.At.Before(now) {
			e.FirstSeen, e.LastSeen = s.At.UTC(), s.At.UTC()
		}
		place, known := at[ends{from, to}]
		switch {
		case known:
			a.edges[place] = sum(a.edges[place], e)
		case len(a.edges) == MaxEdges:
			a.over++
		default:
			at[ends{from, to}] = len(a.edges)
			a.edges = append(a.edges, e)
		}
	}
	slices.SortFunc(a.edges, byEnds)
	return a
}

// tell writes what the answer comes to into the state of its source. Names that
// were not seen since oldest are forgotten.
func (a *answer) tell(state *SourceState, now, oldest time.Time) {
	state.Edges, state.Loops, state.Unknown, state.Refused, state.Over = len(a.edges), a.loops, a.unknown, a.refused, a.over
	state.Unmapped = recall(state.Unmapped, a.unmapped, now, oldest)
}

// Judge says what an answer of a source would come to. It stores nothing.
func Judge(source string, seen []Seen, services []Service, now time.Time) SourceState {
	a := read(source, seen, NewNames(services), now)
	state := SourceState{Name: source, At: now}
	a.tell(&state, now, now)
	return state
}

func byEnds(a, b Edge) int {
	return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Source, b.Source))
}

// sane reports whether names and numbers can be true. A rate that can not is no
// reason to believe the rest.
func (s *Seen) sane() bool {
	fine := func(n, most float64) bool { return n >= 0 && n <= most } // false for NaN
	return s.From.sane() && s.To.sane() && isLine(s.Kind) && len(s.Kind) <= 40 && fine(s.Rate, math.MaxFloat64) && fine(s.ErrorRate, 1)
}

// miss counts a name without a service. A source that invents names without end
// is not followed to its end.
func (a *answer) miss(e *End, known bool) {
	if known {
		return
	}
	name := e.title()
	if _, seen := a.unmapped[name]; seen || len(a.unmapped) < 4*MaxUnmapped {
		a.unmapped[name]++
	}
}

// sum joins two edges of one answer that are the same between services: two
// protocols, or several things that are one service.
func sum(a, b Edge) Edge {
	out := a
	if b.Rate > a.Rate {
		out.Kind = b.Kind
	}
	if out.Rate = a.Rate + b.Rate; out.Rate > 0 {
		out.ErrorRate = a.ErrorRate*(a.Rate/out.Rate) + b.ErrorRate*(b.Rate/out.Rate)
	} else {
		out.ErrorRate = max(a.ErrorRate, b.ErrorRate)
	}
	if math.IsInf(out.Rate, 0) {
		out.Rate, out.ErrorRate = math.MaxFloat64, max(a.ErrorRate, b.ErrorRate)
	}
	if b.FirstSeen.Before(out.FirstSeen) {
		out.FirstSeen = b.FirstSeen
	}
	if b.LastSeen.After(out.LastSeen) {
		out.LastSeen = b.LastSeen
	}
	return out
}

// recall joins the names that were remembered with those of the last answer, and
// forgets those that were not seen since oldest.
func recall(old []Unmapped, now map[string]int, at, oldest time.Time) []Unmapped {
	out := make([]Unmapped, 0, len(old)+len(now))
	times := make(map[string]int, len(old))
	for _, u := range old {
		if _, again := now[u.Name]; again {
			times[u.Name] = u.Times
		} else if !u.LastSeen.Before(oldest) {
			out = append(out, u)
		}
	}
	for name, edges := range now {
		out = append(out, Unmapped{Name: name, Edges: edges, Times: times[name] + 1, LastSeen: at})
	}
	slices.SortFunc(out, func(a, b Unmapped) int {
		return cmp.Or(cmp.Compare(b.Edges, a.Edges), b.LastSeen.Compare(a.LastSeen), strings.Compare(a.Name, b.Name))
	})
	return slices.Clip(out[:min(len(out), MaxUnmapped)])
}
