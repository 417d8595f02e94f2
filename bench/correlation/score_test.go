package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// story is a world made by hand: a database, which an api calls, which a web
// calls; and a mailer apart. Alerts are on the minute.
func story() *world {
	w := &world{name: "story", params: &params{}, net: &network{
		names: []string{"db", "api", "web", "mailer"}, domain: []int{0, 0, 1, 1}, layer: []int{stores, business, web, business},
		calls: [][]int{{}, {0}, {1}, {}}, hard: [][]bool{{}, {true}, {true}, {}}, callers: [][]int{{1}, {2}, {}, {}},
	}}
	w.unmapped = make([]bool, 4)
	min := time.Minute
	w.troubles = []trouble{
		{service: 0, kind: down, origin: isRoot, from: 10 * min, to: 40 * min},
		{service: 1, kind: errorRate, origin: isEffect, from: 11 * min, to: 41 * min, hop: 1, root: 0, causes: []int{0}},
		{service: 2, kind: latency, origin: isEffect, from: 12 * min, to: 42 * min, hop: 2, root: 0, causes: []int{1}},
		{service: 3, kind: errorRate, origin: isRoot, from: 13 * min, to: 20 * min, root: 3},
		{service: 1, kind: certificate, origin: isNoise, from: 14 * min, to: 60 * min, root: 4},
	}
	add := func(trouble int, k kind, title string, at, to time.Duration) {
		t := &w.troubles[trouble]
		w.alerts = append(w.alerts, alert{id: pagerID("story", len(w.alerts)), service: t.service, trouble: trouble, kind: k, title: title, at: at * min, to: to * min})
	}
	add(0, down, "db is down", 10, 40)              // 0
	add(1, errorRate, "api errors", 11, 41)         // 1
	add(1, errorRate, "api fails", 12, 41)          // 2: duplicate of 1
	add(2, latency, "web slow", 13, 42)             // 3
	add(3, errorRate, "mailer errors", 14, 20)      // 4
	add(4, certificate, "api certificate", 15, 0)   // 5
	add(0, errorRate, "db errors", 16, 40)          // 6: second symptom of 0
	add(1, errorRate, "api errors", 60, 65)         // 7: duplicate of 1, within the grace
	add(1, errorRate, "api errors", 96, 99)         // 8: beyond it
	add(1, errorRate, "api errors", 25*60, 25*60+1) // 9
	w.memory = remember(newRNG(1, "story"), w.net, nil, time.Hour, 0, 0)
	w.truth = findTruth(w.troubles, w.alerts)
	return w
}

func TestTruthOfStory(t *testing.T) {
	w := story()
	var groups []int
	for _, a := range w.alerts {
		groups = append(groups, a.group)
	}
	if diff := cmp.Diff([]int{0, 1, 1, 3, 4, 5, 6, 1, 8, 9}, groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	// The web suffers from all alerts about the api's trouble, and from the database's.
	if diff := cmp.Diff([]int{1, 8, 9, 0, 6}, w.truth.causes[3]); diff != "" {
		t.Errorf("causes of the web (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{0, 6}, w.truth.roots[3]); diff != "" {
		t.Errorf("roots of the web (-want +got):\n%s", diff)
	}
}

// links by hand: "1>0" is a consequence, "2=1" a duplicate.
func said(w *world, text string) []link {
	out := unlinked(len(w.alerts))
	for f := range strings.FieldsSeq(text) {
		i, p := int(f[0]-'0'), int(f[2]-'0')
		out[i] = link{kind: map[byte]string{'>': cascade, '=': duplicate}[f[1]], parent: p}
	}
	return out
}

func TestScore(t *testing.T) {
	for _, tt := range []struct {
		name string
		said string
		want score
	}{
		{"all right", "1>0 2=1 3>0 6=0 7=1 8>0 9>0", score{
			dupP: ratio{3, 3}, dupR: ratio{2, 2}, casP: ratio{4, 4}, casR: ratio{4, 4}, root: ratio{4, 4}, joined: ratio{0, 2}, noise: ratio{0, 1}, shown: ratio{3, 10},
		}},
		{"nothing", "", score{
			dupR: ratio{0, 2}, casR: ratio{0, 4}, root: ratio{0, 4}, joined: ratio{0, 2}, noise: ratio{0, 1}, shown: ratio{10, 10},
		}},
		{"through a duplicate, and by a path", "1>0 2=1 3>2 7=2", score{
			dupP: ratio{2, 2}, dupR: ratio{2, 2}, casP: ratio{2, 2}, casR: ratio{2, 4}, root: ratio{2, 4}, joined: ratio{0, 2}, noise: ratio{0, 1}, shown: ratio{6, 10},
		}},
		{"all wrong", "1>4 2=4 3=0 4>0 5>0 7>4", score{
			dupP: ratio{0, 2}, dupR: ratio{0, 2}, casP: ratio{0, 4}, casR: ratio{0, 4}, root: ratio{2, 4}, joined: ratio{1, 2}, noise: ratio{1, 1}, shown: ratio{4, 10},
		}},
		{"a second symptom by either link", "6>0 1>6", score{
			dupR: ratio{0, 2}, casP: ratio{2, 2}, casR: ratio{1, 4}, root: ratio{1, 4}, joined: ratio{0, 2}, noise: ratio{0, 1}, shown: ratio{8, 10},
		}},
	} {
		w := story()
		got := mark(w, said(w, tt.said), nil)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(score{}, ratio{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Ensure that of two alerts within one second either may stand for both.
func TestStands(t *testing.T) {
	w := story()
	w.alerts[2].at = w.alerts[1].at + 300*time.Millisecond
	w.truth = findTruth(w.troubles, w.alerts)
	got := mark(w, said(w, "1=2 7=2"), nil)
	if got.dupP != (ratio{2, 2}) || got.dupR != (ratio{2, 2}) {
		t.Errorf("duplicates %v of %v", got.dupP, got.dupR)
	}
	w = story()
	if got := mark(w, said(w, "1=2 7=2"), nil); got.dupR != (ratio{1, 2}) {
		t.Errorf("a minute apart, the first stands for both: %v", got.dupR)
	}
}

func TestF1(t *testing.T) {
	for _, tt := range []struct {
		p, r ratio
		want float64
	}{
		{ratio{1, 1}, ratio{1, 1}, 1},
		{ratio{1, 2}, ratio{1, 2}, 0.5},
		{ratio{0, 0}, ratio{0, 3}, 0}, // says nothing
		{ratio{0, 0}, ratio{0, 0}, 1}, // and is asked nothing
		{ratio{0, 2}, ratio{0, 2}, 0},
	} {
		if got := f1(tt.p, tt.r); got != tt.want {
			t.Errorf("f1(%v, %v) = %v, want %v", tt.p, tt.r, got, tt.want)
		}
	}
}

func TestBaselines(t *testing.T) {
	for _, tt := range []struct {
		name string
		want string
	}{
		// The third and fourth "api errors" come long after the one before was resolved.
		{"exact title", "7=1"},
		{"same service, 1 h", "2=1 5=1 6=0 7=1"},
		{"inhibition, service", "6>0 7=1"},
		{"inhibition, cluster", "1>0 2>0 6>0 7=1"},
		// The mailer is nobody's neighbour. The rest is one group, of which the alerts
		// an hour later are none.
		{"5 hops, transitive", "1>0 2=1 3>0 5=1 6=0"},
	} {
		w := story()
		for _, b := range baselines {
			if b.name != tt.name {
				continue
			}
			if diff := cmp.Diff(said(w, tt.want), b.link(w), cmp.AllowUnexported(link{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	}
}
