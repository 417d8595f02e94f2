package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// failing is an incident that may be the cause of another.
type failing struct {
	root  *entry // what the link leads to
	began int64  // the opening that this is about; of root, or of a duplicate of it
	call  Call   // the edge that leads to its service
	via   *Call  // where two edges lead there: the first one
	deep  bool   // none of the other candidates is called by its service
	solid bool   // it is called directly, or the service between fails, too
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

	changed bool             // own was swept
	swept   *sweep           //
	touched []*entry         // what is new or has other facts, as it was and as it is
	others  map[ID]*decision // what changes for other incidents
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
// within reach, the earliest of several. Unknown services and trouble that is
// not clear match nothing.
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
	for i := range all {
		sc.rate(&all[i], all)
	}
	slices.SortFunc(all, func(x, y failing) int {
		return cmp.Or(cmp.Compare(flag(y.deep), flag(x.deep)), cmp.Compare(flag(y.solid), flag(x.solid)),
			cmp.Compare(x.began, y.began), x.root.compare(y.root), cmp.Compare(x.hops(), y.hops()), cmp.Compare(x.between(), y.between()))
	})
	return &all[0]
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
	if b == nil {
		return all
	}
	ring := sc.topo.Ring(service)
	ring = ring * flag(ring == sc.topo.Ring(call.To)) // 0: they do not call each other
	for _, x := range b.entries {
		began, ok := x.failedAround(e.opened)
		if !ok || !Travels(x.trouble) {
			continue
		}
		root := x
		if r := x.root(); r != x.id {
			if root = b.find(r); root == nil {
				continue
			}
		}
		// Where two services call each other, only the earlier can be the cause of
		// the later. All other edges lead one way, so that no circle can come about.
		if ring != 0 && !root.before(e) {
			continue
		}
		if slices.Contains(e.apart, root.id) || slices.Contains(root.apart, e.id) {
			continue
		}
		all = append(all, failing{root: root, began: began, call: call, via: via})
	}
	return all
}

// failedAround returns when trouble of x began that can be the cause of what
// happened at a time.
func (x *entry) failedAround(at int64) (int64, bool) {
	from, to := at-causeBefore.Milliseconds(), at+causeAfter.Milliseconds()
	for i, m := range x.moves {
		if m.close || m.at < from || m.at > to {
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

// rate says how well f stands among all candidates.
func (sc *scene) rate(f *failing, all []failing) {
	f.deep, f.solid = true, f.via == nil
	for i := range all {
		o := &all[i]
		if f.via != nil && o.call.To == f.via.To {
			f.solid = true
		}
		if o.call.To == f.call.To || !f.deep {
			continue
		}
		for _, c := range sc.topo.Callees(f.call.To) {
			if c.To == o.call.To && !(sc.sameRing(f.call.To, o.call.To) && f.root.before(o.root)) {
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
