package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/topology"
)

func (e *env) wantEdges(what string, want ...topology.Edge) {
	e.Helper()
	got, err := e.Edges(e.ctx())
	e.must(err)
	if d := cmp.Diff(want, got); d != "" {
		e.Errorf("Edges %s (-want +got):\n%s", what, d)
	}
}

func testEdges(e *env) {
	e.wantEdges("of an empty store")
	at := func(minutes int) time.Time { return Start.Add(time.Duration(minutes) * time.Minute) }
	seen := topology.Edge{From: "checkout", To: "payments-db", Source: "newrelic", Kind: "db", FirstSeen: at(10), LastSeen: at(20), Rate: 3, ErrorRate: 0.5}
	other := topology.Edge{From: "checkout", To: "payments-db", Source: "prometheus", FirstSeen: at(5), LastSeen: at(5)}
	hand := topology.Edge{From: "cart", To: "pd:PABC123", Source: "import"}
	e.must(e.SaveEdges(e.ctx(), []topology.Edge{seen, other, hand}))
	e.wantEdges("after saving", hand, seen, other)

	// Seen again: it spans more, and what was seen last counts.
	again := seen
	again.FirstSeen, again.LastSeen, again.Rate, again.ErrorRate, again.Kind = at(30).In(time.FixedZone("", 7*3600)), at(30), 1, 0, "http"
	e.must(e.SaveEdges(e.ctx(), []topology.Edge{again}))
	again.FirstSeen = at(10)
	e.wantEdges("after seeing it again", hand, again, other)

	// News of the past only make it older.
	past := topology.Edge{From: "checkout", To: "payments-db", Source: "newrelic", FirstSeen: at(1), LastSeen: at(2), Rate: 99}
	e.must(e.SaveEdges(e.ctx(), []topology.Edge{past}))
	again.FirstSeen = at(1)
	e.wantEdges("after news of the past", hand, again, other)

	// What was said by hand holds since ever and for good, whatever is seen.
	e.must(e.SaveEdges(e.ctx(), []topology.Edge{{From: "cart", To: "pd:PABC123", Source: "import", FirstSeen: at(1), LastSeen: at(2), Rate: 7}}))
	e.wantEdges("after seeing what holds always", hand, again, other)

	// Twice in one call.
	e.must(e.SaveEdges(e.ctx(), []topology.Edge{
		{From: "a", To: "b", Source: "x", FirstSeen: at(3), LastSeen: at(4)}, {From: "a", To: "b", Source: "x", FirstSeen: at(2), LastSeen: at(9)},
	}))
	e.wantEdges("after saving one twice", topology.Edge{From: "a", To: "b", Source: "x", FirstSeen: at(2), LastSeen: at(9)}, hand, again, other)

	e.must(e.DeleteEdges(e.ctx(), []topology.Edge{{From: "a", To: "b", Source: "x"}, {From: "checkout", To: "payments-db", Source: "newrelic"}, {From: "no", To: "such", Source: "edge"}}))
	e.wantEdges("after deleting", hand, other)
	e.reopen()
	e.wantEdges("after opening again", hand, other)
}

func testManyEdges(e *env) {
	var many []topology.Edge
	for n := range 1500 {
		many = append(many, topology.Edge{From: fmt.Sprintf("s%04d", n), To: "db", Source: "newrelic", FirstSeen: Start, LastSeen: Start})
	}
	e.must(e.SaveEdges(e.ctx(), many))
	e.wantEdges("of many", many...)
	e.must(e.SaveEdges(e.ctx(), nil))
	for name, bad := range map[string]topology.Edge{
		"no caller": {To: "b", Source: "x"}, "no callee": {From: "a", Source: "x"}, "no source": {From: "a", To: "b"},
		"NUL in caller": {From: "a\x00b", To: "c", Source: "x"}, "NUL in callee": {From: "a", To: "b\x00c", Source: "x"}, "NUL in source": {From: "a", To: "b", Source: "\x00"},
	} {
		e.Run(name, func(t *testing.T) {
			if err := e.SaveEdges(t.Context(), []topology.Edge{{From: "good", To: "edge", Source: "x"}, bad}); err == nil {
				t.Error("SaveEdges succeeds")
			}
			if err := e.DeleteEdges(t.Context(), []topology.Edge{many[0], bad}); err == nil {
				t.Error("DeleteEdges succeeds")
			}
		})
	}
	e.wantEdges("after bad ones", many...)
	e.must(e.DeleteEdges(e.ctx(), many[:1499]))
	e.wantEdges("after deleting many", many[1499])
}

func testEdgeSources(e *env) {
	if all, err := e.Sources(e.ctx()); err != nil || len(all) != 0 {
		e.Errorf("Sources of an empty store = %v, %v", all, err)
	}
	pd := topology.SourceState{Name: "pagerduty", At: Start, Error: "refused", Failures: 2}
	nr := topology.SourceState{
		Name: "newrelic", At: Start, OKAt: Start.Add(-time.Hour), Edges: 7, Loops: 1, Unknown: 2, Refused: 3, Over: 4,
		Unmapped: []topology.Unmapped{{Name: "checkout (prod)", Edges: 3, Times: 9, LastSeen: Start}},
	}
	e.must(e.SaveSource(e.ctx(), pd))
	e.must(e.SaveSource(e.ctx(), nr))
	pd.Error, pd.Failures, pd.OKAt = "", 0, Start
	e.must(e.SaveSource(e.ctx(), pd))
	if err := e.SaveSource(e.ctx(), topology.SourceState{}); err == nil {
		e.Error("SaveSource of one without a name succeeds")
	}
	e.reopen()
	got, err := e.Sources(e.ctx())
	e.must(err)
	if d := cmp.Diff([]topology.SourceState{nr, pd}, got); d != "" {
		e.Errorf("Sources (-want +got):\n%s", d)
	}
}
