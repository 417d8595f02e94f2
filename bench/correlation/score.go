package main

import (
	"slices"
	"time"
)

// ratio counts rights among all.
type ratio struct{ right, all int }

func (r *ratio) add(right bool) {
	r.all++
	if right {
		r.right++
	}
}

// value is the share; 1 where nothing was asked.
func (r ratio) value() float64 {
	if r.all == 0 {
		return 1
	}
	return float64(r.right) / float64(r.all)
}

// score is how well a rule did, over any number of worlds.
type score struct {
	dupP, dupR   ratio // links to a duplicate that are right; true duplicates that were found
	casP, casR   ratio // links to a cause that are right; consequences whose cause was found
	root         ratio // consequences whose tree ends at the true root
	joined       ratio // independent roots that were put under something else
	noise        ratio // housekeeping alerts that were put under something else
	shown        ratio // alerts that stand on their own
	trees, equal int   // other orders of arrival, and how many of them led to the same tree
}

// f1 is the harmonic mean of precision and recall.
func f1(p, r ratio) float64 {
	a, b := p.value(), r.value()
	if p.all == 0 && r.all > 0 || a+b == 0 {
		return 0 // who says nothing is not precise
	}
	return 2 * a * b / (a + b)
}

func (s *score) merge(o *score) {
	for _, p := range [][2]*ratio{
		{&s.dupP, &o.dupP},
		{&s.dupR, &o.dupR},
		{&s.casP, &o.casP},
		{&s.casR, &o.casR},
		{&s.root, &o.root},
		{&s.joined, &o.joined},
		{&s.noise, &o.noise},
		{&s.shown, &o.shown},
	} {
		p[0].right += p[1].right
		p[0].all += p[1].all
	}
	s.trees += o.trees
	s.equal += o.equal
}

// Kinds of mistake.
const (
	wrongDuplicate  = "wrong duplicate"
	missedDuplicate = "missed duplicate"
	wrongCause      = "wrong cause"
	missedCause     = "missed cause"
	joinedRoot      = "root joined"
	joinedNoise     = "noise joined"
)

// marking scores one world.
type marking struct {
	w       *world
	links   []link
	stands  []int // of each group, by its first alert: the alert that stands for it in what was said
	score   score
	mistake func(what string, alert int) // may be nil
}

// mark scores what a rule says about a world.
func mark(w *world, links []link, mistake func(what string, alert int)) score {
	m := &marking{w: w, links: links, mistake: mistake, stands: make([]int, len(links))}
	for first, members := range w.truth.members {
		m.stands[first] = m.stand(members)
	}
	for i := range w.alerts {
		m.said(i)
		m.asked(i)
	}
	return m.score
}

// stand finds the alert of a group of duplicates that the others belong to:
// mostly the first, but the pager tells the time of alerts to the second, and of
// two within one second either may stand for both.
func (m *marking) stand(members []int) int {
	for _, i := range members {
		if m.w.alerts[i].at-m.w.alerts[members[0]].at > time.Second {
			break
		}
		if m.links[i].kind != duplicate || m.w.alerts[m.links[i].parent].group != m.w.alerts[i].group {
			return i
		}
	}
	if len(members) == 0 {
		return -1
	}
	return members[0]
}

func (m *marking) wrong(right bool, what string, i int) {
	if !right && m.mistake != nil {
		m.mistake(what, i)
	}
}

// said judges what was said.
func (m *marking) said(i int) {
	l := m.links[i]
	m.score.shown.add(l.kind == "")
	switch l.kind {
	case duplicate:
		ok := m.sameTrouble(i, l.parent)
		m.score.dupP.add(ok)
		m.wrong(ok, wrongDuplicate, i)
	case cascade:
		ok := m.isCause(m.resolve(l.parent), i)
		m.score.casP.add(ok)
		m.wrong(ok, wrongCause, i)
	}
}

// asked judges whether what is true was said.
func (m *marking) asked(i int) {
	a, l := &m.w.alerts[i], m.links[i]
	t := &m.w.troubles[a.trouble]
	if a.either {
		return // the same again, or the other cause: both are right
	}
	if m.stands[a.group] != i {
		ok := l.kind == duplicate && m.sameTrouble(i, l.parent)
		m.score.dupR.add(ok)
		m.wrong(ok, missedDuplicate, i)
	}
	switch {
	case t.origin == isNoise:
		ok := l.kind == "" || m.sameTrouble(i, m.top(i))
		m.score.noise.add(!ok)
		m.wrong(ok, joinedNoise, i)
	case t.origin == isRoot && a.group == i && a.kind == t.kind:
		ok := l.kind == "" || m.sameTrouble(i, m.top(i))
		m.score.joined.add(!ok)
		m.wrong(ok, joinedRoot, i)
	case a.group == i && len(m.w.truth.causes[i]) > 0:
		m.cause(i)
	}
}

// cause judges whether the cause of a consequence was found. A second symptom
// that was taken for a duplicate of the first has the first one's cause.
func (m *marking) cause(i int) {
	if m.w.troubles[m.w.alerts[i].trouble].origin != isEffect {
		return // a root's second symptom: its cause is beside it
	}
	n := m.resolve(i)
	ok := m.links[n].kind == cascade && m.isCause(m.resolve(m.links[n].parent), i)
	m.score.casR.add(ok)
	m.wrong(ok, missedCause, i)
	if len(m.w.truth.roots[i]) > 0 {
		m.score.root.add(slices.Contains(m.w.truth.roots[i], m.w.alerts[m.top(i)].group))
	}
}

// sameTrouble reports whether two alerts are duplicates in truth: of one group,
// or other symptoms of one trouble, within the window.
func (m *marking) sameTrouble(i, n int) bool {
	a, b := &m.w.alerts[i], &m.w.alerts[n]
	return a.group == b.group || (a.trouble == b.trouble && (a.at-m.w.alerts[b.group].at).Abs() < window)
}

// isCause reports whether alert n tells of a true cause of alert i. What goes
// wrong with a service is also the cause of the other symptoms of that.
func (m *marking) isCause(n, i int) bool {
	a, c := &m.w.alerts[i], &m.w.alerts[n]
	return slices.Contains(m.w.truth.causes[i], c.group) || (a.trouble == c.trouble && a.kind != c.kind)
}

// resolve follows links to duplicates.
func (m *marking) resolve(i int) int {
	for range m.links {
		if m.links[i].kind != duplicate {
			break
		}
		i = m.links[i].parent
	}
	return i
}

// top follows all links.
func (m *marking) top(i int) int {
	for range m.links {
		if m.links[i].kind == "" {
			break
		}
		i = m.links[i].parent
	}
	return i
}
