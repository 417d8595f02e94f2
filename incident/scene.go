package incident

import (
	"fmt"
	"slices"
	"time"
)

// entryOf is what a board says of an incident. What was decided is taken from
// the incident itself.
func entryOf(inc *Incident, place string) *entry {
	e := &entry{
		id: inc.ID, trouble: inc.Trouble, place: place, keys: samenessOf(inc), declared: inc.Alert == nil, fixed: inc.linkFixed(), apart: slices.Clone(inc.Apart),
		openings: inc.Openings,
	}
	if ref, ok := inc.AlertRef(); ok {
		e.ref = ref.ID
	}
	if inc.Alert != nil {
		e.number = inc.Alert.Number
	}
	e.moves = inc.moves()
	if len(e.moves) > 0 {
		e.opened = e.moves[0].at
	}
	if n := len(e.moves); n > maxMoves {
		e.moves = e.moves[n-maxMoves:]
		if e.moves[0].close {
			e.moves = e.moves[1:]
		}
	}
	if inc.Link != nil && inc.Link.Parent != 0 {
		e.kind, e.rule, e.parent = inc.Link.Kind, inc.Link.Rule, inc.Link.Parent
	}
	for _, m := range inc.Marks {
		if m.Follows {
			e.derived = append(e.derived, move{at: m.At.UnixMilli(), close: m.Kind == MarkResolve})
		}
	}
	return e
}

// linkFixed reports whether the rules keep off the link: a person has decided
// on it, or the pager, by merging.
func (inc *Incident) linkFixed() bool {
	return inc.LinkFixed || (inc.Link != nil && inc.Link.By.Kind != KindSystem)
}

// moves are the changes of the incident's own life, by event time. A person's
// word that it is over counts even if only its duplicates kept it open.
func (inc *Incident) moves() []move {
	var out []move
	active := false
	add := func(at time.Time, close bool) {
		out = append(out, move{at: at.UnixMilli(), close: close})
		active = !close
	}
	if inc.Base != nil {
		for _, iv := range inc.Base.Intervals {
			add(iv.From, false)
			if !iv.To.IsZero() {
				add(iv.To, true)
			}
		}
	}
	for _, m := range inc.Marks {
		byPerson := m.By.Kind == KindUser || m.By.Kind == KindToken
		switch {
		case m.Follows:
		case m.Kind == MarkOpen && !active:
			add(m.At, false)
		case m.Kind == MarkResolve && (active || (byPerson && len(out) > 0)):
			add(m.At, true)
		}
	}
	return out
}

// put enters what is known of an incident now, and decides anew if that makes a
// difference.
func (sc *scene) put(e *entry) {
	old := sc.own.find(e.id)
	if old != nil && old.sameFacts(e) && !sc.force {
		return
	}
	if old != nil {
		was := *old
		e.left, e.leftKeys = old.left, old.leftKeys
		*old = *e
		sc.judge = append(sc.judge, old, &was)
		sc.decide()
		if was.sameButEnds(old) {
			sc.affectsEnd(&was, old)
		} else {
			sc.affects(&was)
			sc.affects(old)
		}
		return
	}
	alone := !e.fixed && !slices.ContainsFunc(sc.own.entries, func(o *entry) bool { return sharesKey(o.keys, e.keys) })
	sc.own.entries = append(sc.own.entries, e)
	sc.judge = append(sc.judge, e)
	if alone {
		sc.alone(e)
	} else {
		sc.decide()
	}
	sc.affects(e)
}

// sameButEnds reports whether two states of an entry differ in nothing but when
// it ended.
func (e *entry) sameButEnds(o *entry) bool {
	opens := func(e *entry) []move {
		return slices.DeleteFunc(slices.Clone(e.moves), func(m move) bool { return m.close })
	}
	a, b := *e, *o
	a.moves, b.moves = opens(e), opens(o)
	return a.sameFacts(&b) && a.kind == b.kind
}

// affects notes that an entry may be, or may have been, the cause of what began
// around it. A duplicate explains nothing.
func (sc *scene) affects(e *entry) {
	if !Travels(e.trouble) || e.kind == LinkDuplicate {
		return
	}
	for _, m := range e.moves {
		if !m.close {
			sc.extend(m.at-causeAfter.Milliseconds(), m.at+causeBefore.Milliseconds())
		}
	}
}

// affectsEnd is affects where only the ends have changed: of what came after an
// end, an incident may be the cause no more, or be it after all.
func (sc *scene) affectsEnd(was, is *entry) {
	if !Travels(is.trouble) || is.kind == LinkDuplicate {
		return
	}
	end := int64(1 << 62)
	for _, e := range []*entry{was, is} {
		for _, m := range e.moves {
			if m.close && !slices.Contains(was.moves, m) || m.close && !slices.Contains(is.moves, m) {
				end = min(end, m.at)
			}
		}
	}
	for _, m := range is.moves {
		if from, to := end+causeAfter.Milliseconds(), m.at+causeBefore.Milliseconds(); !m.close && from <= to {
			sc.extend(from, to)
		}
	}
}

func (sc *scene) extend(from, to int64) {
	if sc.from == 0 && sc.to == 0 {
		sc.from, sc.to = from, to
		return
	}
	sc.from, sc.to = min(sc.from, from), max(sc.to, to)
}

func sharesKey(a, b sameness) bool {
	return slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) })
}

// alone decides on a new incident that shares no key with what is on its board:
// it is nobody's duplicate, and nobody is its.
func (sc *scene) alone(e *entry) {
	sc.changed, sc.own.dirty = true, true
	for _, x := range sc.own.entries {
		switch {
		case x == e:
			sc.tie(e, &decision{})
		case x.kind != LinkDuplicate && !x.fixed && sc.concerns(x):
			sc.tie(x, &decision{derived: x.derived, openings: x.openings})
		}
	}
}

// tie decides on the cause of an incident that is nobody's duplicate, and
// reports whether that has changed anything.
func (sc *scene) tie(e *entry, d *decision) bool {
	kind, rule, parent := "", "", ID(0)
	if f := sc.cause(sc.own.service, e); f != nil {
		kind, rule, parent, d.link = LinkCascade, RuleCalls, f.root.id, f.link(e, e.place, sc.now)
	}
	return sc.note(e, kind, rule, parent, d)
}

// concerns reports whether what has changed can make a difference for the cause
// of e: it is what has changed, or tells of the same story later.
func (sc *scene) concerns(e *entry) bool {
	near := func(x *entry) bool {
		return x == e || (e.opened >= x.opened && e.opened-x.opened <= sameStory.Milliseconds())
	}
	return slices.ContainsFunc(sc.judge, near) || slices.ContainsFunc(sc.turned, near)
}

// drop takes an incident off the board: it has become private, or belongs to
// another service.
func (sc *scene) drop(id ID) {
	if e := sc.own.find(id); e != nil {
		sc.affects(e)
		sc.own.remove(id)
		sc.judge = append(sc.judge, e)
		sc.decide()
	}
}

// decide sweeps the board, and notes what changes for whom: first who is whose
// duplicate, because causes are looked for among the others.
func (sc *scene) decide() {
	sc.changed, sc.own.dirty = true, true
	sc.swept = sweepBoard(sc.own, sc.l, sc.now.UnixMilli())
	for _, s := range sc.swept.states {
		e := s.e
		isDuplicate := s.root != nil && s.root != s
		if s.root == nil || e.fixed || (!isDuplicate && e.kind != LinkDuplicate) {
			continue
		}
		if isDuplicate != (e.kind == LinkDuplicate) {
			sc.turned = append(sc.turned, e)
		}
		if isDuplicate {
			sc.note(e, LinkDuplicate, s.rule, s.root.e.id, s.decision(sc.now))
		} else {
			sc.note(e, "", "", 0, s.decision(sc.now))
		}
	}
	for _, s := range sc.swept.states {
		switch e := s.e; {
		case s.root == nil || (e.kind == LinkDuplicate && !e.fixed):
		case !e.fixed && (sc.force || sc.concerns(e)):
			sc.tie(e, s.decision(sc.now))
		default:
			sc.note(e, e.kind, e.rule, e.parent, s.decision(sc.now))
		}
	}
}

// decision is what a standing means for its incident, causes apart.
func (s *standing) decision(now time.Time) *decision {
	d := &decision{derived: s.derived, openings: s.flaps}
	if s.root != s {
		d.link = s.link(now)
	} else if s.promoted != nil {
		d.promoted = s.promoted.e.id
	}
	return d
}

// note keeps a decision that differs from what was decided before.
func (sc *scene) note(e *entry, kind, rule string, parent ID, d *decision) bool {
	sameLink := e.kind == kind && e.rule == rule && e.parent == parent
	if sameLink && slices.Equal(e.derived, d.derived) && e.openings == d.openings {
		return false
	}
	if sameLink {
		d.link = keepLink
	}
	if (e.kind == LinkDuplicate) != (kind == LinkDuplicate) && !slices.Contains(sc.judge, e) {
		root := *e
		root.kind = "" // as which it is, or was, the cause of others
		sc.affects(&root)
	}
	e.kind, e.rule, e.parent, e.derived, e.openings = kind, rule, parent, d.derived, d.openings
	if sc.others == nil {
		sc.others = map[ID]*decision{}
	}
	sc.others[e.id] = d
	return true
}

// keepLink stands for the link that an incident has.
var keepLink = &Link{}

// Confidence in a duplicate, by its rule: a monitor knows its own alerts, words
// can mean two things.
var duplicateConfidence = map[string]float64{RuleAlertKey: 1, RuleEntity: 0.98, RuleTitle: 0.95, RuleTrouble: 0.85}

var duplicateWords = map[string]string{
	RuleAlertKey: "the same alert key", RuleEntity: "the same condition on the same entity", RuleTitle: "the same title on the same service", RuleTrouble: "the same kind of trouble on the same service",
}

// link explains the duplicate.
func (s *standing) link(now time.Time) *Link {
	root := s.root
	gap := (time.Duration(s.e.opened-root.start) * time.Millisecond).Round(time.Second)
	return &Link{
		Kind: LinkDuplicate, Parent: root.e.id, Rule: s.rule, Confidence: duplicateConfidence[s.rule], By: System, At: now.UTC(), Began: time.UnixMilli(root.start).UTC(),
		Evidence: []string{duplicateWords[s.rule], fmt.Sprintf("%s began %s before", root.e.id, gap)},
	}
}

// consequences decides anew on the incidents of callers whose cause may have
// come, gone or changed. load reads boards.
func (sc *scene) consequences(load func(service string) (*board, error)) (map[ID]*decision, error) {
	from, to := sc.from, sc.to
	if from == 0 && to == 0 {
		return nil, nil
	}
	near := &scene{l: sc.l, topo: sc.topo, now: sc.now, boards: sc.boards}
	var seen []*board
	var failed error
	sc.eachCaller(func(caller string) bool {
		b, err := load(caller)
		if err == nil && b.hasBetween(from, to+sameStory.Milliseconds()) && !slices.Contains(seen, b) {
			seen = append(seen, b)
			err = near.retie(b, from, to, load)
		}
		failed = err
		return err == nil
	})
	return near.others, failed
}

// retie looks for the causes of what is on a board, and of which the trouble
// began between two times.
func (sc *scene) retie(b *board, from, to int64, load func(service string) (*board, error)) error {
	sc.own = b
	loaded := false
	for _, e := range b.load() {
		if e.fixed || e.kind == LinkDuplicate || e.declared {
			continue
		}
		if first := sc.firstOf(b.service, e); first.opened < from || first.opened > to {
			continue
		}
		if !loaded {
			if err := sc.loadCallees(b.service, load); err != nil {
				return err
			}
			loaded = true
		}
		if sc.tie(e, &decision{derived: e.derived, openings: e.openings}) {
			b.dirty = true
		}
	}
	return nil
}

// eachCaller calls fn with the services that call this one, over at most the
// hops that count, until fn returns false. Some come more than once.
func (sc *scene) eachCaller(fn func(service string) bool) {
	for _, c := range sc.topo.Callers(sc.own.service) {
		if !fn(c.From) {
			return
		}
		if sc.l.Hops < 2 {
			continue
		}
		for _, d := range sc.topo.Callers(c.From) {
			if d.From != sc.own.service && !fn(d.From) {
				return
			}
		}
	}
}

// loadCallees reads the boards of all services in which a cause may lie.
func (sc *scene) loadCallees(service string, load func(string) (*board, error)) error {
	for _, c := range sc.topo.Callees(service) {
		if _, err := load(c.To); err != nil {
			return err
		}
		if sc.l.Hops < 2 {
			continue
		}
		for _, d := range sc.topo.Callees(c.To) {
			if _, err := load(d.To); err != nil {
				return err
			}
		}
	}
	return nil
}
