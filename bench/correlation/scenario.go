package main

import (
	"fmt"
	"time"
)

// params say what a world is like. Shares are of 1.
type params struct {
	shapes []string // worlds take turns
	sizes  []int
	worlds int
	length time.Duration // from the start to the end of the world

	// Root causes.
	roots     int           // that spread
	together  time.Duration // all roots start within so long; 0: at random over the whole length
	placing   placing
	small     int           // further troubles of their own that do not spread, over the whole length
	gap       time.Duration // placing scattered: services that reach each other fail at least so far apart
	rootMute  float64       // a root that no monitor sees
	lasts     time.Duration // median of how long a root lasts
	longRoots bool          // roots last 30 h

	// Spreading.
	silent float64 // a service that suffers and does not alert

	// Monitors.
	two, three float64 // services with a second, with a third monitor of the same trouble
	second     float64 // another symptom of the same trouble alerts too
	flapping   float64 // monitors that go on and off while the trouble lasts
	refire     float64 // monitors that fire again within 25 min after their trouble seemed over
	skew       time.Duration
	indonesian float64 // of what people write, and of custom conditions
	vague      float64 // titles that do not say what the trouble is
	details    float64 // alerts whose details can be fetched
	plain      bool    // all titles name the trouble in the plainest words
	unseen     bool    // all titles are words that the rules were not made with

	// Noise and knowledge.
	noise    float64 // housekeeping alerts, as a share of the number of troubles; at least 6
	missing  float64 // calls that no source ever saw
	stale    float64 // remembered edges that are no calls any more
	unmapped float64 // services of the pager that the catalog does not have

	// Delivery.
	redelivered float64 // webhooks that come twice
	outages     int     // of the pager's delivery: 1 to 3 h each, then all at once, in any order
}

// placing says where independent roots are.
type placing int

const (
	anywhere  placing = iota // neither reaches the other along calls
	siblings                 // and both are called by the same service
	scattered                // anywhere at all; where one reaches the other, their times are apart
)

// base is an ordinary company on an ordinary day.
func base() params {
	return params{
		shapes: shapes, sizes: []int{50, 300, 1000}, worlds: 18, length: 3 * time.Hour,
		roots: 1, together: 5 * time.Minute, small: 8, rootMute: 0.03, lasts: 25 * time.Minute,
		silent: 0.2, two: 0.4, three: 0.2, second: 0.15, flapping: 0.08, refire: 0.08, skew: 10 * time.Second,
		indonesian: 0.15, vague: 0.03, details: 0.7, noise: 0.1, missing: 0, stale: 0.02, unmapped: 0.01, redelivered: 0.02,
	}
}

// scenario is a kind of world, and how many of it are made.
type scenario struct {
	name  string
	about string
	apart bool // beside the targets: it shows a limit
	params
}

// title is the name for tables: in brackets for what is beside the targets.
func (s *scenario) title() string {
	if s.apart {
		return "(" + s.name + ")"
	}
	return s.name
}

// scenarios are all rows of the report.
func scenarios() []scenario {
	var out []scenario
	add := func(name, about string, change func(p *params)) {
		p := base()
		change(&p)
		out = append(out, scenario{name: name, about: about, params: p})
	}
	for _, shape := range shapes {
		for _, k := range []int{1, 2, 5} {
			add(fmt.Sprintf("%s-%d", shape, k), fmt.Sprintf("%s graphs, %d independent root causes at the same time", shape, k), func(p *params) {
				p.shapes, p.roots, p.worlds = []string{shape}, k, map[int]int{1: 24, 2: 18, 5: 12}[k]
			})
		}
	}
	two := func(p *params) { p.roots = 2 }
	add("missing-10", "10 % of the calls were never seen", func(p *params) { two(p); p.missing = 0.1 })
	add("missing-30", "30 % of the calls were never seen", func(p *params) { two(p); p.missing = 0.3 })
	add("stale", "one remembered edge in seven is no call any more, half of these believed", func(p *params) { two(p); p.stale = 0.15 })
	add("silent", "half of the services that suffer do not alert", func(p *params) { two(p); p.silent = 0.5 })
	add("skew", "vendors' clocks and windows differ by up to a minute either way", func(p *params) { two(p); p.skew = time.Minute })
	add("monitors", "nearly every service has two or three monitors for one trouble", func(p *params) { two(p); p.two, p.three, p.second = 0.45, 0.45, 0.3 })
	add("flapping", "a third of the monitors flap, a third fire again afterwards", func(p *params) { two(p); p.flapping, p.refire = 0.33, 0.33 })
	add("wording", "half is in Indonesian, a tenth says nothing, 5 % of the services are in no catalog", func(p *params) {
		two(p)
		p.indonesian, p.vague, p.unmapped, p.details = 0.5, 0.1, 0.05, 0.3
	})
	add("plain", "every title names the trouble in the plainest words: what is left is graph and time", func(p *params) { two(p); p.plain = true })
	add("noise", "as many housekeeping alerts as troubles, next door and at the same time", func(p *params) { two(p); p.noise = 1 })
	add("scattered", "12 roots at random places over 8 h; where one reaches another, 15 min or more apart", func(p *params) {
		p.roots, p.together, p.placing, p.gap, p.length, p.small = 12, 0, scattered, 15*time.Minute, 8*time.Hour, 20
		p.worlds = 9
	})
	add("siblings", "independent roots called by the same service, within 5 min", func(p *params) { p.roots, p.placing = 4, siblings })
	add("days", "monitors that go on and off for 30 h", func(p *params) {
		p.sizes, p.worlds, p.length, p.longRoots, p.flapping = []int{50, 300}, 4, 36*time.Hour, true, 0.5
	})
	add("late", "PagerDuty's delivery fails for hours, then all comes at once", func(p *params) { two(p); p.outages, p.redelivered = 2, 0.1 })
	add("mess", "all of that together", func(p *params) {
		p.roots, p.placing, p.length = 3, siblings, 5*time.Hour
		p.missing, p.stale, p.silent, p.skew, p.flapping, p.refire = 0.1, 0.08, 0.3, time.Minute, 0.2, 0.2
		p.indonesian, p.vague, p.unmapped, p.noise, p.outages, p.redelivered = 0.3, 0.05, 0.03, 0.4, 1, 0.1
	})
	add("unseen", "words of other monitors and people, with which no rule was made or mended; beside the targets", func(p *params) {
		two(p)
		p.unseen, p.vague = true, 0
	})
	out[len(out)-1].apart = true
	return out
}

// short makes a scenario that takes little time: one world for each shape, of
// the smaller graphs.
func (s scenario) short() scenario {
	s.worlds, s.sizes = min(len(s.shapes)+1, 3), []int{50, 300}
	return s
}
