package incident

import (
	"cmp"
	"slices"
	"strings"
)

// standing is where an entry stands while the events of a board are gone
// through in the order of their times.
type standing struct {
	e    *entry
	root *standing // itself for roots; nil before it opened
	rule string    // by which it joined its root
	open bool      // its own life

	promoted *standing // the root that it has outlived

	// Of roots.
	start  int64
	active bool  // its own life, or that of a duplicate which opened it again
	end    int64 // of the last activity
	held   []*standing
	cycles []int64 // when it became active
	flaps  int
	spent  bool // its duplicates have outlived it

	derived []move // what it follows

	host *standing // of what is no incident, but stands for duplicates that have left the board: of whom
}

// boardEvent is one thing that happened on a board.
type boardEvent struct {
	at    int64
	close bool
	s     *standing
}

// sweep decides which incidents of one service are duplicates of which. It goes
// through all events in the order of their times, so that it does not matter in
// which order they have come, or how late.
type sweep struct {
	l      Linking
	now    int64
	states []*standing
	byKey  map[string][]*standing // roots, in the order in which they became ones
	timers []timer
}

// timer is when the duplicates of a root that has ended must have ended too.
type timer struct {
	at   int64
	root *standing
}

func sweepBoard(b *board, l Linking, now int64) *sweep {
	w := &sweep{l: l, now: now, states: make([]*standing, len(b.entries)), byKey: make(map[string][]*standing, 4*len(b.entries))}
	n := 0
	for _, e := range b.entries {
		n += len(e.moves) + len(e.left)
	}
	events := make([]boardEvent, 0, n)
	for i, e := range b.entries {
		s := &standing{e: e}
		w.states[i] = s
		for _, m := range e.moves {
			events = append(events, boardEvent{m.at, m.close, s})
		}
		if len(e.left) == 0 {
			continue
		}
		left := &standing{e: &entry{ref: e.ref, keys: e.leftKeys, fixed: true}, host: s}
		for _, m := range e.left {
			events = append(events, boardEvent{m.at, m.close, left})
		}
	}
	slices.SortStableFunc(events, func(x, y boardEvent) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(flag(x.close), flag(y.close)), x.s.e.twin(y.s.e))
	})
	for _, v := range events {
		w.runTimers(v.at)
		if v.close {
			w.closed(v.s, v.at)
		} else {
			w.opened(v.s, v.at)
		}
	}
	w.runTimers(now + 1)
	return w
}

func (w *sweep) opened(s *standing, at int64) {
	s.open = true
	switch {
	case s.host != nil:
		if r := s.host.root; r != nil { // what was decided when they were on the board
			w.join(s, r, "", at)
		}
	case s.root == nil:
		w.enter(s, at)
	case s.root == s:
		s.held = nil // its own life rules again
		w.activate(s, at)
	case s.e.fixed:
	case s.root.active:
	default: // a duplicate is open again, and its root is not
		if _, ok := w.takes(s.root, s, at); ok {
			w.join(s, s.root, s.rule, at)
			return
		}
		old := s.root
		if r, rule := w.match(s, at); r != nil {
			if r == old {
				rule = s.rule
			}
			w.join(s, r, rule, at)
			return
		}
		w.becomeRoot(s, at)
		s.promoted = old
	}
}

// enter finds the place of an incident that opens for the first time.
func (w *sweep) enter(s *standing, at int64) {
	switch e := s.e; {
	case e.fixed && e.kind == LinkDuplicate:
		for _, r := range w.states {
			if r.e.id == e.parent && r.root == r {
				s.root, s.rule = r, RulePerson
				return
			}
		}
		s.root = &standing{e: &entry{id: e.parent}} // of another board: nothing is derived
	case !e.fixed && !e.declared:
		if r, rule := w.match(s, at); r != nil {
			w.join(s, r, rule, at)
			return
		}
		w.becomeRoot(s, at)
	default:
		w.becomeRoot(s, at)
	}
}

func (w *sweep) becomeRoot(s *standing, at int64) {
	s.root, s.start, s.rule = s, at, ""
	w.activate(s, at)
	w.register(s, s)
}

func (w *sweep) register(r, s *standing) {
	for _, k := range s.e.keys {
		if !slices.Contains(w.byKey[k], r) {
			w.byKey[k] = append(w.byKey[k], r)
		}
	}
}

func (w *sweep) activate(r *standing, at int64) {
	if r.active {
		return
	}
	r.active = true
	r.cycles = append(r.cycles, at)
}

// match returns the root that an incident which opens now is a duplicate of:
// by its strongest key, the one that began first.
func (w *sweep) match(s *standing, at int64) (*standing, string) {
	for _, k := range s.e.keys {
		flapping := w.flapping(k, at)
		for i, r := range w.byKey[k] {
			if r == s || r.root != r {
				continue
			}
			flaps, ok := w.takes(r, s, at)
			if !ok && flapping > 0 && i == len(w.byKey[k])-1 {
				flaps, ok = flapping, at-r.end <= w.l.FlapWindow.Milliseconds() && w.within(r, s, at)
			}
			if ok {
				r.flaps = max(r.flaps, flaps)
				rule, _, _ := strings.Cut(k, ":")
				return r, rule
			}
		}
	}
	return nil, ""
}

// within reports whether r may take s at all: not after its window, and not
// against the word of a person.
func (w *sweep) within(r, s *standing, at int64) bool {
	return !r.spent && at-r.start <= w.l.Window.Milliseconds() && !slices.Contains(s.e.apart, r.e.id) && !slices.Contains(r.e.apart, s.e.id)
}

// takes reports whether r, as it stands, takes s for its duplicate, and how
// often r has opened if it is flapping.
func (w *sweep) takes(r, s *standing, at int64) (flaps int, ok bool) {
	switch {
	case !w.within(r, s, at):
		return 0, false
	case r.active || at-r.end <= w.l.Grace.Milliseconds():
		n := 1
		for _, c := range r.cycles {
			n += flag(at-c <= w.l.FlapWindow.Milliseconds())
		}
		if w.l.FlapTimes > 0 && !r.active && n >= w.l.FlapTimes {
			return n, true
		}
		return 0, true
	}
	return r.flaps, r.flaps > 0 && at-r.end <= w.l.FlapWindow.Milliseconds()
}

// flapping returns how often the incidents of a key have opened within the
// window, with the opening of now, if that is flapping; else 0.
func (w *sweep) flapping(key string, at int64) int {
	if w.l.FlapTimes <= 0 {
		return 0
	}
	n := 1
	for _, r := range w.byKey[key] {
		for _, c := range r.cycles {
			n += flag(at-c <= w.l.FlapWindow.Milliseconds())
		}
	}
	if n < w.l.FlapTimes {
		return 0
	}
	return n
}

// join makes s a duplicate of r. It opens r again if that has ended.
func (w *sweep) join(s, r *standing, rule string, at int64) {
	s.root, s.rule, s.promoted = r, rule, nil
	w.register(r, s)
	if !r.active {
		w.activate(r, at)
		r.derived = append(r.derived, move{at: at})
		r.held = []*standing{s}
	} else if !r.open {
		r.held = append(r.held, s)
	}
}

func (w *sweep) closed(s *standing, at int64) {
	s.open = false
	switch r := s.root; {
	case r == nil:
	case r == s:
		// The end of its own life, or a person's word, ends what held it, too.
		if s.active {
			w.end(s, at)
		}
	case r.active && !r.open && slices.Contains(r.held, s):
		r.held = slices.DeleteFunc(r.held, func(o *standing) bool { return o == s })
		if len(r.held) == 0 {
			r.derived = append(r.derived, move{at: at, close: true})
			w.end(r, at)
		}
	}
}

// end ends the activity of a root. Duplicates that are in no pager end with it;
// those that still ring get the grace.
func (w *sweep) end(r *standing, at int64) {
	r.active, r.end, r.held = false, at, nil
	rings := false
	for _, s := range w.states {
		if s.root != r || s == r || !s.open {
			continue
		}
		if s.e.ref == "" {
			s.open = false
			s.derived = append(s.derived, move{at: at, close: true})
		} else {
			rings = rings || !s.e.fixed
		}
	}
	if rings {
		w.timers = append(w.timers, timer{at + w.l.Grace.Milliseconds(), r})
	}
}

// runTimers promotes the duplicates that have outlived their root by the grace,
// as of before a time.
func (w *sweep) runTimers(before int64) {
	for {
		i := -1
		for j, t := range w.timers {
			if t.at < before && (i < 0 || t.at < w.timers[i].at) {
				i = j
			}
		}
		if i < 0 {
			return
		}
		t := w.timers[i]
		w.timers = slices.Delete(w.timers, i, i+1)
		if !t.root.active && t.root.end+w.l.Grace.Milliseconds() == t.at {
			w.promote(t.root, t.at)
		}
	}
}

func (w *sweep) promote(old *standing, at int64) {
	var orphans []*standing
	for _, s := range w.states {
		if s.root == old && s != old && s.open && !s.e.fixed {
			orphans = append(orphans, s)
		}
	}
	old.spent = true
	slices.SortFunc(orphans, func(x, y *standing) int { return x.e.compare(y.e) })
	for _, s := range orphans {
		s.root = nil
		if r, rule := w.match(s, at); r != nil {
			w.join(s, r, rule, at)
			continue
		}
		w.becomeRoot(s, at)
		s.start = s.e.opened
		s.promoted = old
	}
}

// next is when time alone will change something; 0: never.
func (w *sweep) next() int64 {
	next := int64(0)
	for _, t := range w.timers {
		if next == 0 || t.at < next {
			next = t.at
		}
	}
	return next
}
