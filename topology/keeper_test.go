package topology_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/store/boltstore"
	"imbot/topology"
)

const day = 24 * time.Hour

// source answers as a function does.
type source func(ctx context.Context, window time.Duration) ([]topology.Seen, error)

func (s source) Edges(ctx context.Context, window time.Duration) ([]topology.Seen, error) {
	return s(ctx, window)
}

func says(pairs ...string) []topology.Seen {
	var out []topology.Seen
	for _, p := range pairs {
		from, to, _ := strings.Cut(p, ">")
		out = append(out, topology.Seen{From: topology.End{Name: from}, To: topology.End{Name: to}, Rate: 1})
	}
	return out
}

// rig is a keeper over a real store.
type rig struct {
	*testing.T
	*topology.Keeper
	store    *boltstore.Store
	services []topology.Service
	now      time.Time
}

func (r *rig) asOf(at time.Time) *topology.Graph {
	return topology.AsOf(r.Edges(), r.services, at, r.Memory())
}

func newRig(t *testing.T, feeds ...topology.Feed) *rig {
	t.Helper()
	r := &rig{T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	r.services = []topology.Service{{Key: "checkout", DependsOn: []string{"cart"}}, {Key: "cart", Aliases: []string{"cart-api"}}, {Key: "db"}}
	var err error
	r.store, err = boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	r.must(err)
	t.Cleanup(func() { _ = r.store.Close() })
	r.start(feeds...)
	return r
}

// start makes a new keeper, as a restart does.
func (r *rig) start(feeds ...topology.Feed) {
	r.Helper()
	r.Keeper = topology.New(topology.Config{
		Store: r.store, Services: func() []topology.Service { return r.services }, Feeds: feeds, Now: func() time.Time { return r.now },
		Logger: slog.New(slog.DiscardHandler),
	})
	r.must(r.Rebuild(r.Context()))
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) wantCalls(what string, want ...string) {
	r.Helper()
	got := []string{}
	for _, c := range r.Snapshot().Calls() {
		age := "always"
		if !c.LastSeen.IsZero() {
			age = r.now.Sub(c.LastSeen).String()
		}
		got = append(got, fmt.Sprintf("%s>%s %s %s", c.From, c.To, c.Source, age))
	}
	if d := cmp.Diff(append([]string{}, want...), got); d != "" {
		r.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func (r *rig) state(name string) topology.SourceState {
	r.Helper()
	for _, s := range r.Sources() {
		if s.Name == name {
			return s
		}
	}
	r.Fatalf("there is no source %s", name)
	return topology.SourceState{}
}

// What a source does not say any more is remembered, with its age, until it is
// too old; a source that fails costs nothing that is known.
func TestEdgesAreRemembered(t *testing.T) {
	answer, failed := says("cart-api>db", "checkout>db"), error(nil)
	var window time.Duration
	feed := topology.Feed{Name: "mesh", Window: time.Hour, Source: source(func(_ context.Context, w time.Duration) ([]topology.Seen, error) {
		window = w
		return answer, failed
	})}
	r := newRig(t, feed)
	r.wantCalls("before the first answer", "checkout>cart catalog always")
	if s := r.state("mesh"); !s.At.IsZero() || !s.OKAt.IsZero() {
		t.Errorf("state before the first answer: %+v", s)
	}
	r.must(r.Refresh(t.Context()))
	r.wantCalls("after it", "cart>db mesh 0s", "checkout>cart catalog always", "checkout>db mesh 0s")
	if window != time.Hour {
		t.Errorf("asked for %v", window)
	}

	// cart is dead: nobody sees its calls.
	answer = says("checkout>db", "checkout>mystery")
	r.now = r.now.Add(2 * day)
	r.must(r.Refresh(t.Context()))
	r.wantCalls("when cart is dead", "cart>db mesh 48h0m0s", "checkout>cart catalog always", "checkout>db mesh 0s")
	s := r.state("mesh")
	want := topology.SourceState{
		Name: "mesh", At: r.now, OKAt: r.now, Edges: 1, Unknown: 1, Unmapped: []topology.Unmapped{{Name: "mystery", Edges: 1, Times: 1, LastSeen: r.now}},
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Errorf("state (-want +got):\n%s", d)
	}

	// The source fails, wholly and then in part.
	okAt := r.now
	r.now = r.now.Add(time.Hour)
	answer, failed = nil, errors.New("the mesh\nis down")
	if err := r.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "mesh: the mesh") {
		t.Errorf("Refresh = %v", err)
	}
	r.wantCalls("while the source fails", "cart>db mesh 49h0m0s", "checkout>cart catalog always", "checkout>db mesh 1h0m0s")
	if s := r.state("mesh"); s.Error != "the mesh is down" || s.Failures != 1 || !s.OKAt.Equal(okAt) || !s.At.Equal(r.now) || s.Edges != 1 || len(s.Unmapped) != 1 {
		t.Errorf("state of a failing source: %+v", s)
	}
	answer = says("checkout>db")
	if err := r.Refresh(t.Context()); err == nil {
		t.Error("Refresh of a source that fails in part = nil")
	}
	r.wantCalls("of an answer in part", "cart>db mesh 49h0m0s", "checkout>cart catalog always", "checkout>db mesh 0s")
	if s := r.state("mesh"); s.Failures != 2 || !s.OKAt.Equal(okAt) {
		t.Errorf("state after an answer in part: %+v", s)
	}

	// A restart, and then time.
	r.start(feed)
	r.wantCalls("after a restart", "cart>db mesh 49h0m0s", "checkout>cart catalog always", "checkout>db mesh 0s")
	answer, failed = nil, nil
	r.now = r.now.Add(13 * day)
	r.must(r.Refresh(t.Context()))
	r.wantCalls("of what is too old", "checkout>cart catalog always", "checkout>db mesh 312h0m0s")
	if got := r.Graph().Callees("cart"); len(got) != 0 {
		t.Errorf("Callees of cart = %v", got)
	}
	if len(r.Edges()) != 2 {
		t.Errorf("%d edges are stored, want 2: the past needs them", len(r.Edges()))
	}
	if s := r.state("mesh"); s.Failures != 0 || s.Error != "" || s.Edges != 0 {
		t.Errorf("state of a source that works again: %+v", s)
	}
	// As it was while cart was dead for a day.
	past := r.asOf(r.now.Add(-14 * day))
	if got := past.Callees("cart"); len(got) != 1 || got[0].To != "db" {
		t.Errorf("Callees of cart, in the past = %v", got)
	}
	if got := r.asOf(r.now.Add(-100 * day)).Callees("cart"); len(got) != 0 {
		t.Errorf("Callees of cart, before it was seen = %v", got)
	}
	r.now = r.now.Add(120 * day)
	r.must(r.Refresh(t.Context()))
	if len(r.Edges()) != 0 {
		t.Errorf("%d edges are stored, want none any more", len(r.Edges()))
	}
}

// The catalogue changes: what was unknown becomes a service, and the other way
// round.
func TestCatalogueChanges(t *testing.T) {
	r := newRig(t, topology.Feed{Name: "mesh", Source: source(func(context.Context, time.Duration) ([]topology.Seen, error) {
		return append(says("cart>db", "redis>db", "eu/redis>db"), topology.Seen{From: topology.End{PagerDutyID: "PONE"}, To: topology.End{PagerDutyID: "PTWO"}}), nil
	})})
	r.must(r.Refresh(t.Context()))
	r.wantCalls("at first", "cart>db mesh 0s", "checkout>cart catalog always", "pd:PONE>pd:PTWO mesh 0s")
	if got := r.state("mesh").Unmapped; len(got) != 2 || got[0].Name != "eu/redis" || got[1].Name != "redis" {
		t.Errorf("Unmapped = %v", got)
	}
	r.services = []topology.Service{{Key: "db", Aliases: []string{"Redis", "eu/redis"}}, {Key: "first", PagerDutyID: "PONE", DependsOn: []string{"db"}}}
	r.must(r.Rebuild(t.Context()))
	r.wantCalls("of another catalogue", "first>db catalog always", "first>pd:PTWO mesh 0s")
	if got := r.state("mesh").Unmapped; len(got) != 0 {
		t.Errorf("Unmapped = %v, want none: they are aliases now", got)
	}
}

func TestImport(t *testing.T) {
	r := newRig(t)
	then := r.now.Add(-30 * day)
	edges := []topology.Edge{{From: "db", To: "cart"}, {From: "cart", To: "db", FirstSeen: then, LastSeen: then, Rate: 4}, {From: "checkout", To: "db", FirstSeen: then, Source: "lies"}}
	r.must(r.Import(t.Context(), edges, []string{"nobody", "nobody", "bad\x00name"}))
	r.wantCalls("imported", "checkout>cart catalog always", "checkout>db import always", "db>cart import always")
	if edges[2].Source != "lies" {
		t.Error("Import changed what it was given")
	}
	if s := r.state("import"); s.Edges != 3 || s.Unknown != 3 || len(s.Unmapped) != 1 || s.Unmapped[0].Edges != 2 || !s.OKAt.Equal(r.now) {
		t.Errorf("state %+v", s)
	}
	if r.asOf(then.Add(-day)).Callees("checkout")[0].To != "cart" || len(r.asOf(then).Callees("checkout")) != 2 {
		t.Error("an imported edge does not begin when it was said to")
	}
	n, err := r.Remove(t.Context(), []topology.Edge{{From: "db", To: "cart"}, {From: "db", To: "cart"}, {From: "cart", To: "checkout"}, {From: "checkout", To: "cart"}})
	if n != 1 || err != nil {
		t.Errorf("Remove = %d, %v, want 1", n, err)
	}
	r.wantCalls("removed", "checkout>cart catalog always", "checkout>db import always")
	if err := r.Import(t.Context(), make([]topology.Edge, topology.MaxEdges+1), nil); !errors.Is(err, topology.ErrTooMany) {
		t.Errorf("Import of too many = %v", err)
	}
	if err := r.Import(t.Context(), []topology.Edge{{From: "a"}}, nil); err == nil {
		t.Error("Import of half an edge succeeds")
	}
}

// A source that lies costs a bounded amount of time and memory, and nothing that
// others say.
func TestLyingSource(t *testing.T) {
	lies := make([]topology.Seen, 1_000_000)
	for i := range lies {
		switch i % 4 {
		case 0:
			lies[i] = topology.Seen{From: topology.End{PagerDutyID: fmt.Sprintf("PA%d", i)}, To: topology.End{PagerDutyID: fmt.Sprintf("PB%d", i%7)}}
		case 1:
			lies[i] = topology.Seen{From: topology.End{Name: "cart"}, To: topology.End{Name: "cart-api"}}
		case 2:
			lies[i] = topology.Seen{From: topology.End{Name: "cart"}, To: topology.End{Name: fmt.Sprintf("made up %d", i)}}
		case 3:
			lies[i] = topology.Seen{From: topology.End{Name: "cart\x1b[2J"}, To: topology.End{Name: "db"}}
		}
	}
	r := newRig(
		t, topology.Feed{Name: "honest", Source: source(func(context.Context, time.Duration) ([]topology.Seen, error) { return says("cart>db"), nil })},
		topology.Feed{Name: "liar", Source: source(func(context.Context, time.Duration) ([]topology.Seen, error) { return lies, nil })},
	)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	r.must(r.Refresh(t.Context()))
	if took := time.Since(began); took > 2*time.Minute {
		t.Errorf("a million lies took %v", took)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("a million lies left %d MB", grown>>20)
	}
	runtime.KeepAlive(lies)
	s := r.state("liar")
	if s.Edges != topology.MaxEdges || s.Over != 250_000-topology.MaxEdges || s.Loops != 250_000 || s.Unknown != 250_000 || s.Refused != 250_000 {
		t.Errorf("state: edges %d, over %d, loops %d, unknown %d, refused %d", s.Edges, s.Over, s.Loops, s.Unknown, s.Refused)
	}
	if len(s.Unmapped) != topology.MaxUnmapped {
		t.Errorf("%d names are remembered, want %d", len(s.Unmapped), topology.MaxUnmapped)
	}
	if got := r.Graph().Callees("cart"); len(got) != 1 || got[0].Source != "honest" {
		t.Errorf("Callees of cart = %v", got)
	}
	// It goes on with new lies; what is stored of them has an end.
	lies = lies[:4*(topology.MaxEdges+10)]
	for round := range 2 {
		for i := 0; i < len(lies); i += 4 {
			lies[i].From.PagerDutyID = fmt.Sprintf("PR%dX%d", round, i)
		}
		r.now = r.now.Add(time.Hour)
		r.must(r.Refresh(t.Context()))
	}
	if n := len(r.Edges()); n != topology.MaxStored+1 {
		t.Errorf("%d edges are stored, want %d", n, topology.MaxStored+1)
	}
	if got := r.Graph().Callees("pd:PA0"); len(got) != 0 {
		t.Error("the oldest lies are still there")
	}
	if got := r.Graph().Callees("pd:PR1X0"); len(got) != 1 {
		t.Error("the newest lies are not there")
	}
}

// clocked is a keeper in a bubble of simulated time.
func clocked(t *testing.T, feeds ...topology.Feed) *topology.Keeper {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	k := topology.New(topology.Config{
		Store: s, Feeds: feeds, Logger: slog.New(slog.DiscardHandler),
		Services: func() []topology.Service { return []topology.Service{{Key: "cart"}, {Key: "db"}} },
	})
	return k
}

// run lets the keeper run for some simulated time.
func run(t *testing.T, k *topology.Keeper, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	k.Run(ctx)
}

type later struct{ after time.Duration }

func (l later) Error() string             { return "too much" }
func (l later) RetryAfter() time.Duration { return l.after }

// Each source has its own rhythm: a failing one is left alone longer and longer,
// and holds up no other.
func TestRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var good, bad, limited, slow []time.Duration
		note := func(at *[]time.Duration, err error) source {
			return func(context.Context, time.Duration) ([]topology.Seen, error) {
				*at = append(*at, time.Since(began).Round(time.Second))
				return says("cart>db"), err
			}
		}
		k := clocked(
			t, topology.Feed{Name: "good", Source: note(&good, nil), Every: 15 * time.Minute},
			topology.Feed{Name: "bad", Source: note(&bad, errors.New("no")), Every: 15 * time.Minute},
			topology.Feed{Name: "limited", Source: note(&limited, fmt.Errorf("wrapped: %w", later{50 * time.Minute})), Every: 15 * time.Minute},
			topology.Feed{Name: "slow", Every: time.Hour, Limit: time.Minute, Source: source(func(ctx context.Context, _ time.Duration) ([]topology.Seen, error) {
				<-ctx.Done() // never answers
				slow = append(slow, time.Since(began).Round(time.Second))
				return nil, ctx.Err()
			})},
		)
		run(t, k, 4*time.Hour-time.Second)
		m := func(minutes ...int) []time.Duration {
			var out []time.Duration
			for _, n := range minutes {
				out = append(out, time.Duration(n)*time.Minute)
			}
			return out
		}
		for _, tt := range []struct {
			name      string
			want, got []time.Duration
		}{
			{"good", m(0, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150, 165, 180, 195, 210, 225), good},
			{"bad", m(0, 15, 45, 105, 165, 225), bad},
			{"limited", m(0, 50, 100, 160, 220), limited},
			{"slow", m(1, 62, 123, 184), slow},
		} {
			if d := cmp.Diff(tt.want, tt.got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, d)
			}
		}
		if got := k.Graph().Callees("cart"); len(got) != 1 {
			t.Errorf("Callees of cart = %v", got)
		}
	})
}

// An incident asks live sources at once, at most once a minute, without waiting;
// those that fail keep their pause.
func TestNudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var live, failing, written atomic.Int64
		count := func(n *atomic.Int64, err error) source {
			return func(context.Context, time.Duration) ([]topology.Seen, error) {
				n.Add(1)
				return nil, err
			}
		}
		k := clocked(
			t, topology.Feed{Name: "live", Source: count(&live, nil), Live: true, Every: time.Hour},
			topology.Feed{Name: "failing", Source: count(&failing, errors.New("no")), Live: true, Every: time.Hour},
			topology.Feed{Name: "written", Source: count(&written, nil), Every: time.Hour},
		)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var ended atomic.Bool
		go func() {
			k.Run(ctx)
			ended.Store(true)
		}()
		want := func(what string, wantLive int64) {
			t.Helper()
			synctest.Wait()
			if l, f, w := live.Load(), failing.Load(), written.Load(); l != wantLive || f != 1 || w != 1 {
				t.Errorf("%s: asked %d, %d, %d times, want %d, 1, 1", what, l, f, w, wantLive)
			}
		}
		want("at start", 1)
		k.Nudge("")
		want("an incident of no service", 1)
		for range 1000 {
			k.Nudge("cart")
		}
		want("a storm", 2)
		time.Sleep(59 * time.Second)
		k.Nudge("cart")
		want("59 s later", 2)
		time.Sleep(time.Second)
		k.Nudge("db")
		want("a minute later", 3)
		cancel()
		synctest.Wait()
		if !ended.Load() {
			t.Error("Run goes on after its context has ended")
		}
		k.Nudge("cart") // nobody listens: nothing happens
	})
}

// Without sources edges grow old nevertheless.
func TestAgeWithoutSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := clocked(t)
		if err := k.Import(t.Context(), []topology.Edge{{From: "cart", To: "db", FirstSeen: time.Now(), LastSeen: time.Now()}}, nil); err != nil {
			t.Fatal(err)
		}
		run(t, k, 14*day-time.Minute)
		if got := k.Graph().Callees("cart"); len(got) != 1 {
			t.Errorf("after 14 days: %v", got)
		}
		run(t, k, 2*time.Hour)
		if got := k.Graph().Callees("cart"); len(got) != 0 {
			t.Errorf("after more than that: %v", got)
		}
	})
}

// broken is a store that can not be written or read.
type broken struct{ topology.Store }

func (broken) SaveEdges(context.Context, []topology.Edge) error { return errors.New("disk full") }

func TestStoreFails(t *testing.T) {
	r := newRig(t)
	k := topology.New(topology.Config{
		Store: broken{r.store}, Services: func() []topology.Service { return r.services }, Logger: slog.New(slog.DiscardHandler),
		Feeds: []topology.Feed{{Name: "x", Source: source(func(context.Context, time.Duration) ([]topology.Seen, error) { return says("cart>db"), nil })}},
	})
	if err := k.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("Refresh = %v", err)
	}
	if err := k.Import(t.Context(), []topology.Edge{{From: "cart", To: "db"}}, nil); err == nil {
		t.Error("Import succeeds")
	}
	r.must(r.store.Close())
	if err := r.Rebuild(t.Context()); err == nil {
		t.Error("Rebuild of a closed store succeeds")
	}
	if got := r.Graph().Callees("checkout"); len(got) != 1 {
		t.Errorf("Callees of checkout = %v: the graph did not stay", got)
	}
}

func TestJudge(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got := topology.Judge("mesh", says("cart>db", "cart>x", "cart>cart"), []topology.Service{{Key: "cart"}, {Key: "db"}}, now)
	want := topology.SourceState{
		Name: "mesh", At: now, Edges: 1, Loops: 1, Unknown: 1, Unmapped: []topology.Unmapped{{Name: "x", Edges: 1, Times: 1, LastSeen: now}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Judge (-want +got):\n%s", d)
	}
}
