package topology

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"imbot/incident"
)

const day = 24 * time.Hour

// edge was seen from some days ago until some hours before noon.
func edge(from, to, source string, firstDays, lastHours int) Edge {
	return Edge{From: from, To: to, Source: source, FirstSeen: noon.Add(-time.Duration(firstDays) * day), LastSeen: noon.Add(-time.Duration(lastHours) * time.Hour)}
}

func TestMerge(t *testing.T) {
	h := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	for _, tt := range []struct {
		name         string
		stored, seen Edge
		want         Edge
	}{
		{"seen again", Edge{FirstSeen: h(1), LastSeen: h(2), Rate: 1}, Edge{FirstSeen: h(3), LastSeen: h(3), Rate: 2}, Edge{FirstSeen: h(1), LastSeen: h(3), Rate: 2}},
		{"seen at the same time", Edge{FirstSeen: h(1), LastSeen: h(3), Rate: 1}, Edge{FirstSeen: h(3), LastSeen: h(3), Rate: 2}, Edge{FirstSeen: h(1), LastSeen: h(3), Rate: 2}},
		{"news of the past", Edge{FirstSeen: h(3), LastSeen: h(4), Rate: 1}, Edge{FirstSeen: h(1), LastSeen: h(2), Rate: 2}, Edge{FirstSeen: h(1), LastSeen: h(4), Rate: 1}},
		{"said by hand before", Edge{Rate: 1}, Edge{FirstSeen: h(1), LastSeen: h(2), Rate: 2}, Edge{Rate: 1}},
		{"said by hand now", Edge{FirstSeen: h(1), LastSeen: h(2), Rate: 2}, Edge{Rate: 1}, Edge{Rate: 1}},
		{"from some day on", Edge{FirstSeen: h(1), LastSeen: h(2)}, Edge{FirstSeen: h(5)}, Edge{FirstSeen: h(1)}},
		{"until some day", Edge{FirstSeen: h(1), LastSeen: h(2)}, Edge{LastSeen: h(5)}, Edge{LastSeen: h(5)}},
	} {
		if d := cmp.Diff(tt.want, Merge(tt.stored, tt.seen)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// calls are what a graph holds, in short.
func calls(g *Graph) []string {
	var out []string
	for _, c := range g.Calls() {
		out = append(out, fmt.Sprintf("%s %s %s", c.From, c.To, c.Source))
	}
	return out
}

func TestNewGraph(t *testing.T) {
	services := shop()
	for _, tt := range []struct {
		name  string
		edges []Edge
		want  []string
	}{
		{"catalogue only", nil, []string{"checkout payments-db catalog"}},
		{"too old", []Edge{edge("stock", "checkout", "x", 20, 14*24+1), edge("stock", "payments-db", "x", 20, 14*24)}, []string{"checkout payments-db catalog", "stock payments-db x"}},
		{"said by hand is never too old", []Edge{{From: "stock", To: "checkout", Source: "import"}}, []string{"checkout payments-db catalog", "stock checkout import"}},
		{"not in the catalogue any more", []Edge{edge("gone", "checkout", "x", 1, 1), edge("checkout", "gone", "x", 1, 1)}, []string{"checkout payments-db catalog"}},
		{"renamed", []Edge{edge("stock", "checkout-api", "x", 1, 1)}, []string{"checkout payments-db catalog", "stock checkout x"}},
		{"renamed into a loop", []Edge{edge("checkout", "checkout-api", "x", 1, 1)}, []string{"checkout payments-db catalog"}},
		{"came into the catalogue", []Edge{edge("pd:PABC123", "pd:PNEW", "pagerduty", 1, 1)}, []string{"checkout payments-db catalog", "checkout pd:PNEW pagerduty"}},
		{"not even an id", []Edge{edge("pd:", "checkout", "x", 1, 1), edge("", "checkout", "x", 1, 1)}, []string{"checkout payments-db catalog"}},
		{"the catalogue holds before all", []Edge{edge("checkout", "payments-db", "x", 1, 0)}, []string{"checkout payments-db catalog"}},
		{"sorted", []Edge{edge("stock", "search", "x", 1, 1), edge("checkout", "stock", "x", 1, 1), edge("checkout", "Inventory", "x", 1, 1)}, []string{
			"checkout Inventory x", "checkout payments-db catalog", "checkout stock x", "stock search x",
		}},
	} {
		if d := cmp.Diff(tt.want, calls(NewGraph(tt.edges, services, noon, 14*day))); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// Of several sources, the last one to see an edge counts, whatever their order.
func TestNewGraphJoins(t *testing.T) {
	services := []Service{{Key: "a"}, {Key: "b"}}
	nr, prom := edge("a", "b", "newrelic", 9, 1), edge("a", "b", "prometheus", 3, 2)
	prom.Rate = 7
	hand := Edge{From: "a", To: "b", Source: "import", FirstSeen: noon.Add(-day)}
	for _, tt := range []struct {
		name  string
		edges []Edge
		want  incident.Call
	}{
		{"latest", []Edge{nr, prom}, incident.Call{Source: "newrelic", FirstSeen: nr.FirstSeen, LastSeen: nr.LastSeen, Rate: 7}},
		{"by hand", []Edge{nr, prom, hand}, incident.Call{Source: "import", FirstSeen: nr.FirstSeen, Rate: 7}},
		{"same time", []Edge{edge("a", "b", "y", 1, 1), edge("a", "b", "x", 2, 1)}, incident.Call{Source: "x", FirstSeen: noon.Add(-2 * day), LastSeen: noon.Add(-time.Hour)}},
	} {
		tt.want.From, tt.want.To = "a", "b"
		for range 6 {
			rand.Shuffle(len(tt.edges), func(i, j int) { tt.edges[i], tt.edges[j] = tt.edges[j], tt.edges[i] })
			g := NewGraph(tt.edges, services, noon, 14*day)
			if d := cmp.Diff([]incident.Call{tt.want}, g.Callees("a")); d != "" {
				t.Errorf("%s: Callees (-want +got):\n%s", tt.name, d)
			}
			if d := cmp.Diff([]incident.Call{tt.want}, g.Callers("b")); d != "" {
				t.Errorf("%s: Callers (-want +got):\n%s", tt.name, d)
			}
		}
	}
}

func TestAsOf(t *testing.T) {
	services := []Service{{Key: "a"}, {Key: "b"}, {Key: "c", DependsOn: []string{"a"}}}
	edges := []Edge{edge("a", "b", "x", 40, 10*24), edge("b", "c", "x", 5, 0), {From: "a", To: "c", Source: "import", FirstSeen: noon.Add(-8 * day)}}
	before := slices.Clone(edges)
	for _, tt := range []struct {
		ago  int
		want []string
	}{
		{50, []string{"c a catalog"}},
		{40, []string{"a b x", "c a catalog"}},
		{12, []string{"a b x", "c a catalog"}},
		{8, []string{"a b x", "a c import", "c a catalog"}},
		{4, []string{"a b x", "a c import", "b c x", "c a catalog"}},
		{-5, []string{"a c import", "b c x", "c a catalog"}},
	} {
		at := noon.Add(-time.Duration(tt.ago) * day)
		g := AsOf(edges, services, at, 14*day)
		if d := cmp.Diff(tt.want, calls(g)); d != "" {
			t.Errorf("%d days ago (-want +got):\n%s", tt.ago, d)
		}
		for _, c := range g.Calls() {
			if c.LastSeen.After(at) {
				t.Errorf("%d days ago an edge was seen at %v, in the future", tt.ago, c.LastSeen)
			}
		}
	}
	if d := cmp.Diff(before, edges); d != "" {
		t.Errorf("AsOf changed the edges (-want +got):\n%s", d)
	}
}

func TestRings(t *testing.T) {
	for _, tt := range []struct {
		name  string
		edges [][2]string
		want  map[string]int
	}{
		{"chain", [][2]string{{"a", "b"}, {"b", "c"}}, map[string]int{}},
		{"pair", [][2]string{{"b", "c"}, {"c", "b"}, {"a", "b"}}, map[string]int{"b": 1, "c": 1}},
		{"two rings with a bridge", [][2]string{{"a", "b"}, {"b", "a"}, {"b", "c"}, {"c", "d"}, {"d", "e"}, {"e", "c"}}, map[string]int{"a": 1, "b": 1, "c": 2, "d": 2, "e": 2}},
		{"numbers follow the names", [][2]string{{"y", "z"}, {"z", "y"}, {"z", "a"}, {"a", "b"}, {"b", "a"}}, map[string]int{"a": 1, "b": 1, "y": 2, "z": 2}},
		{"eight", [][2]string{{"a", "b"}, {"b", "a"}, {"b", "c"}, {"c", "b"}}, map[string]int{"a": 1, "b": 1, "c": 1}},
		{"diamond", [][2]string{{"a", "b"}, {"a", "c"}, {"b", "d"}, {"c", "d"}}, map[string]int{}},
	} {
		var services []Service
		var edges []Edge
		for _, k := range []string{"a", "b", "c", "d", "e", "y", "z"} {
			services = append(services, Service{Key: k})
		}
		for _, e := range tt.edges {
			edges = append(edges, edge(e[0], e[1], "x", 1, 1))
		}
		g := NewGraph(edges, services, noon, day)
		got := map[string]int{}
		for _, s := range services {
			if r := g.Ring(s.Key); r != 0 {
				got[s.Key] = r
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// A chain as long as can be is walked without exhausting the stack.
func TestRingsLong(t *testing.T) {
	const n = 300_000
	callees := make([][]int32, n)
	for i := range n {
		callees[i] = []int32{int32((i + 1) % n)}
	}
	if r := rings(callees); r[0] != 1 || r[n-1] != 1 {
		t.Errorf("rings of a circle = %d … %d, want 1", r[0], r[n-1])
	}
}

// Whatever the edges: callers are the inverse of callees, both are sorted and
// without loops, and two services share a ring exactly if each reaches the other.
func TestGraphProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "services")
		services := make([]Service, n)
		for i := range services {
			services[i].Key = string(rune('a' + i))
		}
		key := rapid.Custom(func(t *rapid.T) string { return string(rune('a' + rapid.IntRange(0, n).Draw(t, "key"))) }) // one is unknown
		edges := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Edge {
			return edge(key.Draw(t, "from"), key.Draw(t, "to"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "source"), 20, rapid.IntRange(0, 40).Draw(t, "age"))
		}), 0, 40).Draw(t, "edges")
		g := NewGraph(edges, services, noon, day)

		want := map[[2]string]bool{}
		for _, e := range edges {
			if e.From != e.To && e.From < string(rune('a'+n)) && e.To < string(rune('a'+n)) && !e.LastSeen.Before(noon.Add(-day)) {
				want[[2]string{e.From, e.To}] = true
			}
		}
		reach := map[[2]string]bool{}
		for p := range want {
			reach[p] = true
		}
		for _, k := range services {
			for _, i := range services {
				for _, j := range services {
					if reach[[2]string{i.Key, k.Key}] && reach[[2]string{k.Key, j.Key}] {
						reach[[2]string{i.Key, j.Key}] = true
					}
				}
			}
		}
		down, up := map[[2]string]incident.Call{}, map[[2]string]incident.Call{}
		for _, s := range services {
			callees, callers := g.Callees(s.Key), g.Callers(s.Key)
			if !slices.IsSortedFunc(callees, func(a, b incident.Call) int { return cmpStrings(a.To, b.To) }) ||
				!slices.IsSortedFunc(callers, func(a, b incident.Call) int { return cmpStrings(a.From, b.From) }) {
				t.Fatalf("calls of %s are not sorted, or double: %v, %v", s.Key, callees, callers)
			}
			for _, c := range callees {
				if c.From != s.Key || c.From == c.To {
					t.Fatalf("callee of %s: %+v", s.Key, c)
				}
				down[[2]string{c.From, c.To}] = c
			}
			for _, c := range callers {
				if c.To != s.Key {
					t.Fatalf("caller of %s: %+v", s.Key, c)
				}
				up[[2]string{c.From, c.To}] = c
			}
			for _, o := range services {
				together := s.Key != o.Key && g.Ring(s.Key) != 0 && g.Ring(s.Key) == g.Ring(o.Key)
				if mutual := s.Key != o.Key && reach[[2]string{s.Key, o.Key}] && reach[[2]string{o.Key, s.Key}]; together != mutual {
					t.Fatalf("%s and %s share a ring: %v; reach each other: %v", s.Key, o.Key, together, mutual)
				}
			}
			if alone := g.Ring(s.Key); alone != 0 && !reach[[2]string{s.Key, s.Key}] {
				t.Fatalf("%s is in ring %d, and does not reach itself", s.Key, alone)
			}
		}
		if d := cmp.Diff(down, up); d != "" {
			t.Fatalf("callers are not the inverse of callees:\n%s", d)
		}
		if len(down) != len(want) {
			t.Fatalf("%d calls, want %d", len(down), len(want))
		}
		for p := range want {
			if _, ok := down[p]; !ok {
				t.Fatalf("the call %v is missing", p)
			}
		}
	})
}

// cmpStrings makes equal neighbours unsorted.
func cmpStrings(a, b string) int {
	if a <= b {
		return -1
	}
	return 1
}

func TestUnknownServiceHasNothing(t *testing.T) {
	g := NewGraph([]Edge{edge("checkout", "stock", "x", 1, 1)}, shop(), noon, day)
	for _, s := range []string{"", "nobody", "CHECKOUT", "checkout-api"} {
		if g.Callees(s) != nil || g.Callers(s) != nil || g.Ring(s) != 0 {
			t.Errorf("%q has calls", s)
		}
	}
}

// large is a graph of 1,000 services and n edges of two sources.
func large(n int) ([]Edge, []Service) {
	rnd := rand.New(rand.NewPCG(1, 2))
	services := make([]Service, 1000)
	for i := range services {
		services[i] = Service{Key: fmt.Sprintf("service-%04d", i), Name: fmt.Sprintf("Service %d", i), Aliases: []string{fmt.Sprintf("svc%d", i)}}
	}
	edges := make([]Edge, n)
	for i := range edges {
		edges[i] = edge(services[rnd.IntN(1000)].Key, services[rnd.IntN(1000)].Key, []string{"newrelic", "prometheus"}[i%2], 10, i%100)
	}
	return edges, services
}

func TestLookUpsDoNotAllocate(t *testing.T) {
	edges, services := large(5000)
	var g incident.Topology = NewGraph(edges, services, noon, 14*day)
	n := 0
	if got := testing.AllocsPerRun(100, func() {
		n += len(g.Callees("service-0007")) + len(g.Callers("service-0007")) + g.Ring("service-0007") + len(g.Callees("nobody"))
	}); got != 0 || n == 0 {
		t.Errorf("%v allocations for %d calls, want 0", got, n)
	}
}

func BenchmarkNewGraph(b *testing.B) {
	for _, n := range []int{5000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			edges, services := large(n)
			b.ReportAllocs()
			for b.Loop() {
				NewGraph(edges, services, noon, 14*day)
			}
		})
	}
}

func BenchmarkAsOf(b *testing.B) {
	edges, services := large(5000)
	for b.Loop() {
		AsOf(edges, services, noon.Add(-day), 14*day)
	}
}

func BenchmarkCallees(b *testing.B) {
	edges, services := large(5000)
	g := NewGraph(edges, services, noon, 14*day)
	b.ReportAllocs()
	for b.Loop() {
		if len(g.Callees("service-0007")) == 0 {
			b.Fatal("no callees")
		}
	}
}
