package incident

import (
	"cmp"
	"slices"
	"strings"
)

// A board holds what must be known of the incidents of one service to tie new
// ones to them: those that last, and those of the last days. Deciding on an
// alert reads the boards of its service and of the services around it, and so
// costs the same however many incidents are stored.
type board struct {
	service string
	entries []*entry // where it was loaded
	dirty   bool

	read           func() string // what is stored, until it is loaded
	oldest, newest int64         // times that what is stored lies between
}

// entry is one incident on a board. Times are Unix milliseconds, all of them
// event times.
type entry struct {
	id       ID
	ref      string // the pager's id
	number   int64  // the pager's running number: tells two apart that began in the same second, whatever order they came in
	opened   int64
	moves    []move // its own life, without what it follows
	keys     sameness
	trouble  string
	place    string // of its card, shortened
	declared bool   // by a person: never a child by a rule
	fixed    bool   // a person, or the pager, has decided on its link
	apart    []ID

	// What was decided.
	kind     string // of its link; "": none
	rule     string
	parent   ID
	derived  []move
	openings int

	// Of duplicates of this one that have left the board: when any of them lasted,
	// and the keys that it has got by them.
	left     []move
	leftKeys sameness
}

// move is one change of an incident's own life.
type move struct {
	at    int64
	close bool
}

const (
	// maxEntries bounds a board: a service that has more incidents in a day or two
	// has one trouble, and those in excess keep the links that they have.
	maxEntries = 128
	// maxMoves bounds an entry: of an incident that flaps without end the latest
	// count.
	maxMoves = 32
	// maxLeft bounds what is kept of duplicates that have left, twice as many moves
	// as times: more than that, and the oldest become one.
	maxLeft = 512
	// maxLeftKeys bounds the keys of these.
	maxLeftKeys = 32
)

// before is the order of incidents by event time. It does not depend on the
// order in which they came.
func (e *entry) before(o *entry) bool { return e.compare(o) < 0 }

func (e *entry) compare(o *entry) int {
	return cmp.Or(cmp.Compare(e.opened, o.opened), e.twin(o))
}

// twin is the order of two incidents of one time.
func (e *entry) twin(o *entry) int {
	return cmp.Or(cmp.Compare(e.number, o.number), cmp.Compare(e.ref, o.ref), cmp.Compare(e.id, o.id))
}

// ended returns when the incident's own life ended; 0 while it lasts.
func (e *entry) ended() int64 {
	if n := len(e.moves); n > 0 && e.moves[n-1].close {
		return e.moves[n-1].at
	}
	return 0
}

// sameFacts reports whether both say the same, what was decided apart.
func (e *entry) sameFacts(o *entry) bool {
	return e.ref == o.ref && e.number == o.number && e.opened == o.opened && e.trouble == o.trouble && e.place == o.place && e.declared == o.declared && e.fixed == o.fixed &&
		slices.Equal(e.moves, o.moves) && slices.Equal(e.keys, o.keys) && slices.Equal(e.apart, o.apart)
}

// hasBetween reports whether anything on a board may have opened between two
// times. It needs not be loaded for that: most boards around an alert hold
// nothing of its time.
func (b *board) hasBetween(from, to int64) bool {
	if b.read == nil {
		return len(b.entries) > 0
	}
	return b.newest >= from && b.oldest <= to
}

// load reads a board's entries. One that is damaged is empty: it fills again,
// and an alert must not be lost for it.
func (b *board) load() []*entry {
	if b.read != nil {
		b.entries, b.read = decodeEntries(b.read()), nil
	}
	return b.entries
}

func (b *board) find(id ID) *entry {
	for _, e := range b.load() {
		if e.id == id {
			return e
		}
	}
	return nil
}

func (b *board) remove(id ID) {
	n := len(b.load())
	b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool { return e.id == id })
	b.dirty = b.dirty || len(b.entries) < n
}

// prune takes off what can not matter any more: whole groups that ended long
// ago, and in a flood those that matter least.
func (b *board) prune(keep int64) {
	newest := int64(0)
	groups := map[ID]int{} // root -> entries
	lasting := map[ID]bool{}
	for _, e := range b.entries {
		newest = max(newest, e.opened, e.ended())
		groups[e.root()]++
		if end := e.ended(); end == 0 {
			lasting[e.root()] = true
		}
	}
	for _, e := range b.entries {
		if e.ended() >= newest-keep || (len(e.left) > 0 && e.left[len(e.left)-1].at >= newest-keep) {
			lasting[e.root()] = true
		}
	}
	n := len(b.entries)
	b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool { return !lasting[e.root()] })
	if len(b.entries) > maxEntries {
		b.shed()
	}
	b.dirty = b.dirty || len(b.entries) < n
}

// root is the incident whose group this one belongs to.
func (e *entry) root() ID {
	if e.kind == LinkDuplicate && e.parent != 0 {
		return e.parent
	}
	return e.id
}

// shed takes off the entries in excess: first duplicates that ended, then
// duplicates, then incidents that ended, the oldest first. A root leaves only
// when none of its group is left. What it needs to know of a duplicate that
// ended, it keeps: else later ones would find a gap where there was none.
func (b *board) shed() {
	class := func(e *entry) int {
		c := 0
		if e.root() == e.id {
			c = 2
		}
		if e.ended() == 0 {
			c++
		}
		return c
	}
	order := slices.Clone(b.entries)
	slices.SortFunc(order, func(x, y *entry) int { return cmp.Or(cmp.Compare(class(x), class(y)), x.compare(y)) })
	members, roots, shared := map[ID]int{}, map[ID]*entry{}, map[string]int{}
	for _, e := range b.entries {
		members[e.root()]++
		if e.root() == e.id {
			roots[e.id] = e
		}
		for _, k := range e.keys {
			shared[k]++
		}
	}
	gone := map[ID]bool{}
	for _, e := range order {
		if len(b.entries)-len(gone) <= maxEntries {
			break
		}
		if e.root() == e.id && members[e.id] > 1 {
			continue
		}
		gone[e.id] = true
		members[e.root()]--
		if r := roots[e.root()]; r != nil && r != e && !e.fixed && e.ended() != 0 {
			r.absorb(e, shared)
		}
	}
	b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool { return gone[e.id] })
}

// absorb keeps of a duplicate when it lasted, and its keys: but alert keys, which
// some monitors make anew for each alert, only where others have them, too.
func (e *entry) absorb(o *entry, shared map[string]int) {
	e.left = append(e.left, o.moves...)
	slices.SortStableFunc(e.left, func(x, y move) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(flag(x.close), flag(y.close))) })
	union, open := e.left[:0], 0
	for _, m := range e.left {
		was := open
		open += 1 - 2*flag(m.close)
		if was == 0 || open == 0 {
			union = append(union, m)
		}
	}
	for len(union) > maxLeft {
		union = slices.Delete(union, 1, 3)
	}
	e.left = union
	for _, k := range o.keys {
		own := slices.Contains(e.keys, k) || slices.Contains(e.leftKeys, k)
		if !own && len(e.leftKeys) < maxLeftKeys && (shared[k] > 1 || !strings.HasPrefix(k, RuleAlertKey)) {
			e.leftKeys = append(e.leftKeys, k)
		}
	}
}
