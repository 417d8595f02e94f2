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
	call  Call   // the edge that leads to its service
	via   *Call  // where two edges lead there: the first one
	deep  bool   // none of the other candidates is called by its service
	solid bool   // it is called directly, or the service between fails, too

	distance float64 // see distanceOf
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
	judge    []*entry         // whose cause is looked for
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

// cause returns what e is a consequence of, or nil: the deepest failing callee
// within reach, and of several the one whose trouble began at the most likely
// time. (Measured, that finds the cause more often than the earliest does: of
// two troubles nearby, the fresh one explains what is fresh.) Unknown services
// and trouble that is not clear match nothing.
func (sc *scene) cause(service string, e *entry) *failing {
	if service == "" || e.fixed || e.declared || !Travels(e.trouble) {
		return nil
	}
	var all []failing
	for _, first := range sc.topo.Callees(service) {
		if !sc.valid(&first, e.opened) {
			continue
		}
		all = sc.add(all, service, e, first, nil)
		if sc.l.Hops < 2 {
			continue
		}
		for _, second := range sc.topo.Callees(first.To) {
			if second.To != service && sc.valid(&second, e.opened) {
				all = sc.add(all, service, e, second, &first)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	sc.rate(all, e)
	all = slices.DeleteFunc(all, func(f failing) bool {
		return !f.solid && (e.opened < f.began || e.opened-f.began > silentLag.Milliseconds())
	})
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(x, y failing) int {
		return cmp.Or(cmp.Compare(flag(y.deep), flag(x.deep)), cmp.Compare(x.distance, y.distance),
			x.root.compare(y.root), cmp.Compare(x.hops(), y.hops()), cmp.Compare(x.between(), y.between()))
	})
	if evenMatch(all) {
		return nil
	}
	return &all[0]
}

// evenMatch reports whether the best two that lead to different incidents are
// about as likely. Then nothing is tied: a wrong link hides an incident, and a
// missing one can be made by hand.
func evenMatch(all []failing) bool {
	best := &all[0]
	for i := range all[1:] {
		if o := &all[i+1]; o.root.id != best.root.id {
			return o.deep == best.deep && o.distance-best.distance < 0.15
		}
	}
	return false
}

// silentLag bounds how long after the cause a consequence may show where the
// service between is silent: such a path is weak proof.
const silentLag = 3 * time.Minute

// What a consequence needs to show, for a monitor that looks every minute or so.
const usualLag = 40 * time.Second

// distanceOf says how far f is from a likely cause, by the time between both
// beginnings: 0 where the consequence showed after the usual lag, 1 where it took
// e times as long or as short. That a caller alerts first is less likely than
// that it alerts last; and a path over a service that is silent less likely than
// one over a service that fails, too.
func (f *failing) distanceOf(e *entry) float64 {
	const second = 1000
	lag := float64(e.opened - f.began)
	d := math.Abs(math.Log(max(lag+20*second, second) / float64(usualLag.Milliseconds()+20*second)))
	if lag < 0 {
		d += -lag / (60 * second)
	}
	if !f.solid {
		d++
	}
	return d
}

func (f *failing) between() string {
	if f.via == nil {
		return ""
	}
	return f.via.To
}

// add adds the incidents of the service to which call leads that fail at the
// right time.
func (sc *scene) add(all []failing, service string, e *entry, call Call, via *Call) []failing {
	b := sc.boards[call.To]
	if b == nil || !b.hasBetween(e.opened-causeBefore.Milliseconds(), e.opened+causeAfter.Milliseconds()) {
		return all
	}
	ring := sc.topo.Ring(service)
	ring = ring * flag(ring == sc.topo.Ring(call.To)) // 0: they do not call each other
	for _, x := range b.load() {
		if x.kind == LinkDuplicate || !Travels(x.trouble) {
			continue
		}
		began, ok := x.failedAround(e.opened, sc.l.Grace.Milliseconds())
		if !ok {
			continue
		}
		// Where two services call each other, only the earlier can be the cause of
		// the later. All other edges lead one way, so that no circle can come about.
		if ring != 0 && !x.before(e) {
			continue
		}
		if slices.Contains(e.apart, x.id) || slices.Contains(x.apart, e.id) {
			continue
		}
		all = append(all, failing{root: x, began: began, call: call, via: via})
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

// rate says how well each stands among all.
func (sc *scene) rate(all []failing, e *entry) {
	fails := make(map[string]*failing, len(all)) // the earliest of each service
	for i := range all {
		f := &all[i]
		if o := fails[f.call.To]; o == nil || f.root.before(o.root) {
			fails[f.call.To] = f
		}
	}
	for i := range all {
		f := &all[i]
		f.deep, f.solid = true, f.via == nil || fails[f.via.To] != nil
		f.distance = f.distanceOf(e)
		for _, c := range sc.topo.Callees(f.call.To) {
			o := fails[c.To]
			if o != nil && c.To != f.call.To && !(sc.sameRing(f.call.To, c.To) && f.root.before(o.root)) {
				f.deep = false
				break
			}
		}
	}
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
	calls := []Call{f.call}
	if f.via != nil {
		calls = []Call{*f.via, f.call}
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
