package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"imbot/incident"
)

// result is what came of one scenario.
type result struct {
	scenario  scenario
	worlds    int
	alerts    int
	services  int
	imbot     score
	baselines []score // in the order of baselines
	mistakes  []mistake
	words     map[wording]int // how often imbot took a kind of trouble for which, by monitor
}

// wording is what imbot makes of the words of one monitor.
type wording struct {
	vendor vendor
	kind   kind
	words  string // without what is the service's
	took   string
}

// mistake is one alert of which imbot said something wrong, or not what is true.
type mistake struct {
	what string
	why  string // the apparent reason, to count by
	text string
}

// options of a run.
type options struct {
	seed      uint64
	scenarios []scenario
	short     bool
	orders    bool // deliver in other orders, too
}

// runAll runs the scenarios, each world on a core of its own. progress is called
// after each scenario.
func runAll(ctx context.Context, o options, progress func(*result)) ([]*result, error) {
	var out []*result
	for i := range o.scenarios {
		s := o.scenarios[i]
		if o.short {
			s = s.short()
		}
		r, err := runScenario(ctx, o, &s)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
		if progress != nil {
			progress(r)
		}
	}
	return out, nil
}

func runScenario(ctx context.Context, o options, s *scenario) (*result, error) {
	res := &result{scenario: *s, baselines: make([]score, len(baselines)), words: map[wording]int{}}
	parts := make([]*result, s.worlds)
	errs := make([]error, s.worlds)
	var wg sync.WaitGroup
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for n := range s.worlds {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			parts[n], errs[n] = runWorld(ctx, o, s, n)
		})
	}
	wg.Wait()
	for n, p := range parts {
		if errs[n] != nil {
			return nil, fmt.Errorf("%s, world %d: %w", s.name, n, errs[n])
		}
		res.worlds += p.worlds
		res.alerts += p.alerts
		res.services += p.services
		res.imbot.merge(&p.imbot)
		for i := range p.baselines {
			res.baselines[i].merge(&p.baselines[i])
		}
		res.mistakes = append(res.mistakes, p.mistakes...)
		for k, n := range p.words {
			res.words[k] += n
		}
	}
	return res, nil
}

// ordered is how many worlds of a scenario arrive in other orders, too.
const ordered = 6

// runWorld makes a world, and lets imbot and the baselines judge it.
func runWorld(ctx context.Context, o options, s *scenario, n int) (*result, error) {
	w := makeWorld(o.seed, s, n)
	res := &result{worlds: 1, alerts: len(w.alerts), services: len(w.net.names), baselines: make([]score, len(baselines))}
	for i, b := range baselines {
		res.baselines[i] = mark(w, b.link(w), nil)
	}
	tree, err := decide(ctx, w, w.log)
	if err != nil {
		return nil, err
	}
	res.imbot = mark(w, tree, func(what string, i int) {
		res.mistakes = append(res.mistakes, explain(w, tree, what, i))
	})
	res.words = map[wording]int{}
	for i, a := range w.alerts {
		res.words[wording{a.vendor, a.kind, a.template, tree[i].trouble}]++
	}
	if !o.orders || n >= ordered {
		return res, nil
	}
	for _, ord := range orders {
		other, err := decide(ctx, w, ord.make(newRNG(o.seed, w.name+" "+ord.name), w))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ord.name, err)
		}
		res.imbot.trees++
		if i := differ(tree, other); i < 0 {
			res.imbot.equal++
		} else {
			m := explain(w, tree, "order: "+ord.name, i)
			m.text += fmt.Sprintf(" | %s: %s", ord.name, saidOf(w, other[i]))
			res.mistakes = append(res.mistakes, m)
		}
	}
	return res, nil
}

// decide lets imbot judge a log.
func decide(ctx context.Context, w *world, log []delivery) (tree []link, err error) {
	im, err := openImbot(w, incident.Linking{})
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, im.close()) }()
	return im.run(ctx, log)
}

// differ is the first alert of which two trees say different things, or -1.
func differ(a, b []link) int {
	for i := range a {
		if a[i].kind != b[i].kind || a[i].parent != b[i].parent {
			return i
		}
	}
	return -1
}

// explain says what went wrong with an alert, for those who mend the rules.
func explain(w *world, tree []link, what string, i int) mistake {
	a := &w.alerts[i]
	t := &w.troubles[a.trouble]
	m := mistake{what: what}
	m.why = apparent(w, tree, what, i)
	m.text = fmt.Sprintf("%s #%d %s %s %s %q at %s, hop %d, trouble %d; %s", w.name, i, w.net.names[a.service], t.origin, a.kind, a.title, a.at, t.hop, a.trouble, saidOf(w, tree[i]))
	if a.group != i {
		m.text += fmt.Sprintf("; truth: duplicate of #%d %q at %s", a.group, w.alerts[a.group].title, w.alerts[a.group].at)
	}
	if c := w.truth.causes[i]; len(c) > 0 {
		m.text += fmt.Sprintf("; truth: caused by #%d %s %q at %s", c[0], w.net.names[w.alerts[c[0]].service], w.alerts[c[0]].title, w.alerts[c[0]].at)
	}
	return m
}

func saidOf(w *world, l link) string {
	if l.kind == "" {
		return "said: of its own"
	}
	p := &w.alerts[l.parent]
	return fmt.Sprintf("said: %s of #%d %s %q at %s (%s)", l.kind, l.parent, w.net.names[p.service], p.title, p.at, l.rule)
}

// apparent guesses at the reason of a mistake.
func apparent(w *world, tree []link, what string, i int) string {
	a := &w.alerts[i]
	switch what {
	case missedDuplicate:
		g := &w.alerts[a.group]
		switch l := tree[i]; {
		case l.kind == cascade && slices.Contains(w.truth.causes[i], w.alerts[l.parent].group):
			return "linked to its cause instead"
		case l.kind != "":
			return "linked to something else"
		case tree[a.group].kind == duplicate:
			return "its first is a duplicate itself"
		case a.to == 0 || (g.to > 0 && a.to > g.to+grace):
			return "open for long after the first"
		}
		return "not linked"
	case missedCause:
		return w.distance(i)
	case wrongCause, joinedRoot, joinedNoise, wrongDuplicate:
		l := tree[i]
		if l.kind == "" {
			return ""
		}
		p := &w.alerts[l.parent]
		to := w.troubles[p.trouble].origin
		return fmt.Sprintf("%s (%s) put under a %s by %s", w.troubles[a.trouble].origin, l.kind, to, l.rule)
	}
	return ""
}

// distance says how an alert's nearest alerting cause could have been found.
func (w *world) distance(i int) string {
	a := &w.alerts[i]
	best := "no remembered path of two calls to a cause"
	if w.unmapped[a.service] {
		return "the catalog lacks the service"
	}
	for _, c := range w.truth.causes[i] {
		cause := &w.alerts[c]
		if !w.within(a.service, cause.service, 2) {
			continue
		}
		switch late := a.at - cause.at; {
		case w.unmapped[cause.service]:
			best = "the catalog lacks the cause's service"
		case late > 10*time.Minute:
			best = "the cause began more than 10 min before"
		case late < -2*time.Minute:
			best = "the cause alerted more than 2 min after"
		default:
			return "a cause was near in time and graph"
		}
	}
	return best
}

// within reports whether a service is remembered to reach another over at most
// so many calls, seen in the last 14 days.
func (w *world) within(from, to, hops int) bool {
	if from == to {
		return true
	}
	if hops == 0 {
		return false
	}
	for _, e := range w.memory.Callees(w.net.names[from]) {
		if epoch.Sub(e.LastSeen) < edgeMemory && w.within(slices.Index(w.net.names, e.To), to, hops-1) {
			return true
		}
	}
	return false
}
