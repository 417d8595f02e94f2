package incident

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// failing is an incident that may be the cause of another.
type failing struct {
	root  *entry // what the link leads to
	began int64  // the opening that this is about
	first *entry // with which the trouble began that is to be explained
	call  *Call  // the edge that leads to its service
	via   *Call  // where two edges lead there: the first one
	solid bool   // it is called directly, or the service between fails, too

	distance float64 // see distanceOf
	up       int     // of which other candidate it is a consequence itself; -1: of none, or of several
}

func (f *failing) hops() int {
	if f.via != nil {
		return 2
	}
	return 1
}

// scene is what a decision about one service's incidents is made from: the
// boards of the service and of those that it calls, and the graph.
type scene struct {
	l      Linking
	topo   Topology
	now    time.Time
	own    *board
	boards map[string]*board // all that were read; one that is missing is empty
	force  bool              // decide, although nothing has changed

	changed  bool             // own has changed
	swept    *sweep           // nil where that was not needed
	judge    []*entry         // what has changed on own: their causes are looked for, and those of what began soon after
	turned   []*entry         // what has become a duplicate on own, or is none any more
	from, to int64            // when consequences of what has changed must have begun; both 0: there are none
	others   map[ID]*decision // what changes for other incidents
}

// decision is what follows for one incident from the events of its board and of
// those around it.
type decision struct {
	link     *Link // nil: none
	derived  []move
	openings int
	promoted ID // the parent that it has outlived
}

// valid reports whether an edge counts for what happened at a time: it was seen
// not too long before, or says itself that it always holds.
func (sc *scene) valid(c *Call, at int64) bool {
	return c.LastSeen.IsZero() || at-c.LastSeen.UnixMilli() <= sc.l.EdgeMemory.Milliseconds()
}

// cause returns what e is a consequence of, or nil. Among the failing callees
// within reach are chains, and trouble that has nothing to do with e. Each that
// could be the cause is rated by how likely its time is; those that are
// consequences of one another are one explanation, as good as the best of them;
// and the clearly best explanation's deepest failing callee is the cause.
// Unknown services and trouble that is not clear match nothing.
func (sc *scene) cause(service string, e *entry) *failing {
	if service == "" || e.fixed || e.declared || !Travels(e.trouble) {
		return nil
	}
	first := sc.firstOf(service, e)
	all := sc.candidates(service, first, e)
	if len(all) == 0 {
		return nil
	}
	if len(all) == 1 {
		return &all[0]
	}
	for i := range all {
		all[i].up = sc.climb(all, i)
	}
	best, clear := explanation(all)
	if !clear {
		return nil
	}
	return &all[best]
}

// sameStory is how long after the first alert of a service others of it tell of
// the same trouble: a second symptom has the cause of the first.
const sameStory = 5 * time.Minute

// firstOf returns the incident of the same service with which the trouble began
// that e tells of; e itself, where that is the first.
func (sc *scene) firstOf(service string, e *entry) *entry {
	first := e
	if b := sc.boards[service]; b != nil && b.hasBetween(e.opened-sameStory.Milliseconds(), e.opened) {
		for _, x := range b.load() {
			if x.kind != LinkDuplicate && !x.declared && Travels(x.trouble) && x.before(first) && e.opened-x.opened <= sameStory.Milliseconds() {
				first = x
			}
		}
	}
	return first
}

// candidates are what may be the cause of first, of whose story e is a part: one
// for each trouble of each service, with the best path to it.
func (sc *scene) candidates(service string, first, e *entry) []failing {
	var all []failing
	calls := sc.topo.Callees(service)
	for i := range calls {
		call := &calls[i]
		if !sc.valid(call, first.opened) {
			continue
		}
		all = sc.add(all, service, first, e, call, nil)
		if sc.l.Hops < 2 {
			continue
		}
		seconds := sc.topo.Callees(call.To)
		for j := range seconds {
			if second := &seconds[j]; second.To != service && sc.valid(second, first.opened) {
				all = sc.add(all, service, first, e, second, call)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	fails := make(map[string]bool, len(all))
	for i := range all {
		fails[all[i].call.To] = true
	}
	for i := range all {
		f := &all[i]
		f.up, f.solid = -1, f.via == nil || fails[f.via.To]
		f.distance = f.distanceOf(first.opened)
	}
	all = slices.DeleteFunc(all, func(f failing) bool {
		return !f.solid && (first.opened < f.began || first.opened-f.began > silentLag.Milliseconds())
	})
	slices.SortFunc(all, func(x, y failing) int {
		return cmp.Or(cmp.Compare(x.call.To, y.call.To), cmp.Compare(x.began, y.began), x.root.compare(y.root),
			cmp.Compare(x.distance, y.distance), cmp.Compare(x.hops(), y.hops()), cmp.Compare(x.between(), y.between()))
	})
	out := all[:0]
	for _, f := range all {
		if n := len(out); n > 0 && out[n-1].call.To == f.call.To && f.began-out[n-1].began <= sameStory.Milliseconds() {
			continue // the same trouble: its first alert stands for it
		}
		out = append(out, f)
	}
	return out
}

// climb finds of which other candidate i is a consequence itself.
func (sc *scene) climb(all []failing, i int) int {
	x := &all[i]
	best, at, second := math.Inf(1), -1, math.Inf(1)
	for j := range all {
		y := &all[j]
		if y.call.To == x.call.To || x.began-y.began > causeBefore.Milliseconds() || y.began-x.began > causeAfter.Milliseconds() ||
			(sc.sameRing(x.call.To, y.call.To) && !y.root.before(x.root)) {
			continue
		}
		k, ok := slices.BinarySearchFunc(sc.topo.Callees(x.call.To), y.call.To, func(c Call, to string) int { return cmp.Compare(c.To, to) })
		if !ok || !sc.valid(&sc.topo.Callees(x.call.To)[k], x.began) {
			continue
		}
		direct := failing{began: y.began, solid: true}
		if d := direct.distanceOf(x.began); d < best {
			best, at, second = d, j, best
		} else {
			second = min(second, d)
		}
	}
	if second-best < clearly {
		return -1
	}
	return at
}

// clearly is by how much, as a distance, one explanation must be better than
// the next. Else nothing is tied: a wrong link hides an incident, and a missing
// one can be made by hand.
const clearly = 0.4

// explanation returns the candidate to which the best explanation leads, and
// whether that is clearly better than all others.
func explanation(all []failing) (best int, clear bool) {
	best = -1
	by := make([]float64, len(all)) // the distance of an explanation, at its deepest
	for i := range by {
		by[i] = math.Inf(1)
	}
	for i := range all {
		top := i
		for n := 0; all[top].up >= 0 && n < len(all); n++ {
			top = all[top].up
		}
		by[top] = min(by[top], all[i].distance)
	}
	second := math.Inf(1)
	for i, d := range by {
		switch {
		case math.IsInf(d, 1):
		case best < 0 || d < by[best]:
			if best >= 0 {
				second = by[best]
			}
			best = i
		default:
			second = min(second, d)
		}
	}
	return best, second-by[best] >= clearly
}

// silentLag bounds how long after the cause a consequence may show where the
// service between is silent: such a path is weak proof.
const silentLag = 3 * time.Minute

// What a consequence needs to show, for monitors that look every minute or so:
// mostly that of a direct call, and over a service between. Each lagScale more,
// or earlyScale less, is e times less likely.
const (
	usualLag    = 30 * time.Second
	usualLagTwo = 50 * time.Second
	lagScale    = time.Minute
	earlyScale  = 45 * time.Second
)

// How much less likely, as a distance, a path over another service is than a
// direct call: where that is silent, because mostly it would not be; and where
// it fails, because its own trouble explains the other's better.
const (
	silentBetween  = 2.5
	failingBetween = 2
)

// distanceOf says how far f is from the likeliest cause of what happened at a
// time: a logarithm of how much less likely it is.
func (f *failing) distanceOf(at int64) float64 {
	usual, d := usualLag, 0.0
	if f.via != nil {
		usual, d = usualLagTwo, failingBetween
		if !f.solid {
			d = silentBetween
		}
	}
	lag := time.Duration(at-f.began)*time.Millisecond - usual
	if lag < 0 {
		return d - float64(lag)/float64(earlyScale)
	}
	return d + float64(lag)/float64(lagScale)
}

func (f *failing) between() string {
	if f.via == nil {
		return ""
	}
	return f.via.To
}

// add adds the incidents of the service to which call leads that fail at the
// right time for first. None may be held apart from e, or be the cause of what
// was before it.
func (sc *scene) add(all []failing, service string, first, e *entry, call, via *Call) []failing {
	b := sc.boards[call.To]
	if b == nil || !b.hasBetween(first.opened-causeBefore.Milliseconds(), first.opened+causeAfter.Milliseconds()) {
		return all
	}
	inRing := sc.sameRing(service, call.To)
	for _, x := range b.load() {
		if x.kind == LinkDuplicate || !Travels(x.trouble) {
			continue
		}
		began, ok := x.failedAround(first.opened, sc.l.Grace.Milliseconds())
		if !ok {
			continue
		}
		// Where two services call each other, only the earlier can be the cause of
		// the later. All other edges lead one way, so that no circle can come about.
		if inRing && !x.before(first) {
			continue
		}
		if slices.Contains(e.apart, x.id) || slices.Contains(x.apart, e.id) {
			continue
		}
		all = append(all, failing{root: x, began: began, first: first, call: call, via: via})
	}
	return all
}

// failedAround returns when trouble of x began that can be the cause of what
// happened at a time. A bout soon after the last one is no beginning: what comes
// and goes would explain everything near it.
func (x *entry) failedAround(at, grace int64) (int64, bool) {
	from, to := at-causeBefore.Milliseconds(), at+causeAfter.Milliseconds()
	for i, m := range x.moves {
		if m.close || m.at < from || m.at > to || (i > 0 && m.at-x.moves[i-1].at <= grace) {
			continue
		}
		// It may be over a little before its consequence shows, but not long.
		if end := i + 1; end < len(x.moves) && x.moves[end].close && x.moves[end].at < at-causeAfter.Milliseconds() {
			continue
		}
		return m.at, true
	}
	return 0, false
}

func (sc *scene) sameRing(a, b string) bool {
	r := sc.topo.Ring(a)
	return r != 0 && r == sc.topo.Ring(b)
}

// link explains the cascade.
func (f *failing) link(e *entry, place string, now time.Time) *Link {
	l := &Link{
		Kind: LinkCascade, Parent: f.root.id, Rule: RuleCalls, By: System, At: now.UTC(), Began: time.UnixMilli(f.began).UTC(),
		Hidden: place != "" && place == f.root.place,
	}
	calls := []Call{*f.call}
	if f.via != nil {
		calls = []Call{*f.via, *f.call}
	}
	l.Confidence = f.confidence(e, calls)
	for _, c := range calls {
		l.Path = append(l.Path, Via{From: c.From, To: c.To, Source: c.Source, SeenAt: c.LastSeen})
		age := "said by hand"
		if !c.LastSeen.IsZero() {
			age = "edge last seen at this time"
			if d := time.UnixMilli(e.opened).Sub(c.LastSeen).Round(time.Minute); d > 0 {
				age = "edge last seen " + shortAge(d) + " before"
			}
			age += " by " + c.Source
		}
		l.Evidence = append(l.Evidence, c.From+" → "+c.To+", "+age)
	}
	gap := time.Duration(e.opened-f.began) * time.Millisecond
	word := "before"
	if gap < 0 {
		gap, word = -gap, "after"
	}
	l.Evidence = append(l.Evidence, fmt.Sprintf("%s began %s %s", calls[len(calls)-1].To, gap.Round(time.Second), word))
	if first := f.first; first.id != e.id {
		l.Evidence = append(l.Evidence, fmt.Sprintf("as %s of the same service, %s before", first.id, (time.Duration(e.opened-first.opened)*time.Millisecond).Round(time.Second)))
	}
	return l
}

// confidence is a judgement, from what experience says of such links: a failing
// callee that was seen lately is the best proof there is without a person.
func (f *failing) confidence(e *entry, calls []Call) float64 {
	c := 0.95
	switch {
	case f.via != nil && f.solid:
		c = 0.9
	case f.via != nil:
		c = 0.75 // nothing says that the service between suffers
	}
	if f.began > e.opened {
		c -= 0.1
	}
	oldest := time.Duration(0)
	for _, k := range calls {
		if !k.LastSeen.IsZero() {
			oldest = max(oldest, time.UnixMilli(e.opened).Sub(k.LastSeen))
		}
	}
	switch {
	case oldest > 7*24*time.Hour:
		c -= 0.1
	case oldest > 24*time.Hour:
		c -= 0.05
	}
	return float64(int(c*100+0.5)) / 100
}

// shortAge writes a duration in its two largest units.
func shortAge(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, int(d/time.Hour)%24)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", int(d/time.Hour), int(d/time.Minute)%60)
	}
	return fmt.Sprintf("%dm", int(d/time.Minute))
}
