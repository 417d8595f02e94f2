package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imbot/incident"
)

// Ensure that imbot decides small worlds as well as it must, whatever the order
// in which their webhooks arrive. In few and small worlds the figures are coarse,
// so that causes get a wider bound than in the full run, where words are plain.
func TestSmallWorlds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	list, err := choose("plain,late,flapping")
	if err != nil {
		t.Fatal(err)
	}
	results, err := runAll(context.Background(), options{seed: 3, scenarios: list, short: true, orders: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all score
	for _, r := range results {
		s := &r.imbot
		if s.trees != r.worlds*len(orders) || s.equal != s.trees {
			t.Errorf("%s: %d of %d other orders lead to the same tree", r.scenario.name, s.equal, s.trees)
		}
		if r.scenario.name == "plain" {
			if s.dupP.value() < wantDupP || s.dupR.value() < wantDupR || s.casP.value() < 0.7 || s.casR.value() < 0.7 {
				t.Errorf("%s: duplicates %s, %s; causes %s, %s", r.scenario.name, percent(s.dupP), percent(s.dupR), percent(s.casP), percent(s.casR))
			}
		}
		all.merge(s)
	}
	if all.dupP.value() < wantDupP || all.joined.value() > 0.02 || all.dupP.all < 50 {
		t.Errorf("duplicates %s; roots joined %s", percent(all.dupP), percent(all.joined))
	}
	if t.Failed() {
		t.Log(showMistakes(results, 3))
	}
}

// Ensure that what imbot decided is read back from its store, and that nothing
// but the rules decides: without a graph nothing is a consequence, and another
// grace makes other duplicates.
func TestNothingIsPeeked(t *testing.T) {
	w := story()
	w.log = happened(w)
	for i := range w.log {
		w.log[i].arrival = w.log[i].at
	}
	for i := range w.alerts {
		w.alerts[i].template, w.alerts[i].vendor = w.alerts[i].title, probe
	}
	ctx := context.Background()
	tree := func(linking incident.Linking) []link {
		im, err := openImbot(w, linking)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := im.close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(im.dir); !os.IsNotExist(err) {
				t.Error("the folder is left behind")
			}
		}()
		out, err := im.run(ctx, w.log)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	l := incident.DefaultLinking()
	got := tree(l)
	if got[1].kind != cascade || got[1].parent != 0 || got[7].kind != duplicate || got[7].parent != 1 || got[4].kind != "" || got[5].kind != "" {
		t.Errorf("the story is told as %+v", got)
	}
	l.Grace = 0
	if got := tree(l); got[7].kind == duplicate {
		t.Errorf("without grace: %+v", got[7])
	}
	w.memory = remember(newRNG(1, "none"), &network{names: w.net.names, calls: make([][]int, 4)}, nil, 0, 0, 0)
	for i, l := range tree(incident.DefaultLinking()) {
		if l.kind == cascade {
			t.Errorf("without a graph, alert %d is a consequence of %d", i, l.parent)
		}
	}
}

func TestReplaceTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	doc := "# Title\n\n" + tablesBegin + "\nold\n" + tablesEnd + "\n\nafter\n"
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceTables(path, "new\n"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# Title\n\n" + tablesBegin + "\n\nnew\n\n" + tablesEnd + "\n\nafter\n"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceTables(path, "new"); err == nil || !strings.Contains(err.Error(), "there must be") {
		t.Errorf("a document without the marks: %v", err)
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-scenario", "nothing"}, {"more"}, {"-seed", "x"}} {
		var out strings.Builder
		if err := run(context.Background(), args, &out, &out); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}

// Ensure that targets are judged by the sum, without what is beside them.
func TestJudge(t *testing.T) {
	good := score{
		dupP: ratio{99, 100}, dupR: ratio{95, 100}, casP: ratio{96, 100}, casR: ratio{90, 100}, joined: ratio{0, 300}, trees: 3, equal: 3,
	}
	bad := score{dupP: ratio{0, 900}, dupR: ratio{0, 900}, casP: ratio{0, 900}, casR: ratio{0, 900}, joined: ratio{9, 9}, trees: 3}
	none := make([]score, len(baselines))
	for i := range none {
		none[i] = score{dupR: ratio{0, 1}, casR: ratio{0, 1}}
	}
	ok := newReport(options{}, []*result{
		{scenario: scenario{name: "good"}, imbot: good, baselines: none},
		{scenario: scenario{name: "limit", apart: true}, imbot: bad, baselines: none},
	})
	if ok.missed() {
		t.Errorf("missed: %+v", ok.targets)
	}
	if !strings.Contains(ok.text(), "PASS") || strings.Contains(ok.text(), "MISS") {
		t.Error(ok.text())
	}
	for _, spoil := range []func(s *score){
		func(s *score) { s.dupP.right = 97 }, func(s *score) { s.dupR.right = 91 }, func(s *score) { s.casP.right = 94 },
		func(s *score) { s.casR.right = 84 }, func(s *score) { s.joined.right = 2 }, func(s *score) { s.equal = 2 },
	} {
		s := good
		spoil(&s)
		if r := newReport(options{}, []*result{{scenario: scenario{name: "spoilt"}, imbot: s, baselines: none}}); !r.missed() {
			t.Errorf("not missed: %+v", s)
		}
	}
	better := slicesOf(score{dupP: ratio{1, 1}, dupR: ratio{1, 1}})
	if r := newReport(options{}, []*result{{scenario: scenario{name: "beaten"}, imbot: good, baselines: better}}); !r.missed() {
		t.Error("a baseline that is better is not noticed")
	}
}

func slicesOf(s score) []score {
	out := make([]score, len(baselines))
	out[0] = s
	return out
}
