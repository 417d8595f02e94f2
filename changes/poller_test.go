package changes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imbot/changes"
	"imbot/store/boltstore"
)

// source answers what the test wants.
type source struct {
	name   string
	answer func(ctx context.Context, since time.Time) ([]changes.Change, error)

	mu    sync.Mutex
	asked []time.Time // since
}

func (s *source) Name() string { return s.name }

func (s *source) Changes(ctx context.Context, since time.Time) ([]changes.Change, error) {
	s.mu.Lock()
	s.asked = append(s.asked, since)
	s.mu.Unlock()
	return s.answer(ctx, since)
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func fixed(list ...changes.Change) func(context.Context, time.Time) ([]changes.Change, error) {
	return func(context.Context, time.Time) ([]changes.Change, error) { return list, nil }
}

func change(id string, at time.Time) changes.Change {
	return changes.Change{ID: id, Service: "checkout", Title: "Deploy " + id, At: at}
}

func open(t testing.TB, clock func() time.Time) *boltstore.Store {
	t.Helper()
	st, err := boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{Now: clock, NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func stored(t testing.TB, st changes.Store) []string {
	t.Helper()
	list, err := st.Changes(t.Context(), "", time.Time{}, time.Time{}, 5000)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for i := range list {
		out = append(out, list[i].Key())
	}
	return out
}

// TestPoll: what comes twice, in any order and with nonsense between is there
// once; only what is new is told.
func TestPoll(t *testing.T) {
	clock := now
	st := open(t, func() time.Time { return clock })
	a, b := change("a", now.Add(-time.Hour)), change("b", now.Add(-time.Minute))
	a.Source = "somebody else" // it is the source's own
	list := []changes.Change{
		b, a, b,
		{},
		{ID: "x"},
		change("future", now.Add(time.Hour)), change("ancient", now.Add(-1000*time.Hour)), change("", now),
		{ID: "none", Title: "no service", At: now},
	}
	src := &source{name: "pagerduty", answer: func(context.Context, time.Time) ([]changes.Change, error) { return list, nil }}
	var told []string
	p := changes.NewPoller(changes.PollerConfig{
		Sources: []changes.Source{src}, Store: st, Now: func() time.Time { return clock },
		Saved: func(_ context.Context, news []changes.Saved) {
			for _, n := range news {
				told = append(told, fmt.Sprint(n.Key(), " ", n.Added))
			}
		},
	})
	p.Poll(t.Context())
	if d := cmp.Diff([]string{"pagerduty/b", "pagerduty/a"}, stored(t, st)); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"pagerduty/b true", "pagerduty/a true"}, told); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
	// The same again in another order says nothing new; a title that was mended does.
	told = nil
	clock = clock.Add(2 * time.Minute)
	b.Title = "Deploy b, really"
	list = []changes.Change{a, b}
	p.Poll(t.Context())
	if d := cmp.Diff([]string{"pagerduty/b false"}, told); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
	// Asked for the hours before the start, then for what is late.
	if d := cmp.Diff([]time.Time{now.Add(-3 * time.Hour), now.Add(-15 * time.Minute)}, src.asked); d != "" {
		t.Errorf("asked since (-want +got):\n%s", d)
	}
}

// TestPollFailures: a source that fails is left out, logged once, and asked for
// what was missed; the others do not notice.
func TestPollFailures(t *testing.T) {
	clock := now
	st := open(t, func() time.Time { return clock })
	var log bytes.Buffer
	broken := errors.New("503\nplease wait")
	var panics bool
	bad := &source{name: "newrelic", answer: func(context.Context, time.Time) ([]changes.Change, error) {
		if panics {
			panic("index out of range")
		}
		return []changes.Change{change(fmt.Sprint("partly-", clock.Minute()), clock)}, broken
	}}
	good := &source{name: "pagerduty", answer: func(context.Context, time.Time) ([]changes.Change, error) {
		return []changes.Change{change(fmt.Sprint("good-", clock.Minute()), clock)}, nil
	}}
	p := changes.NewPoller(changes.PollerConfig{
		Sources: []changes.Source{bad, good}, Store: st, Now: func() time.Time { return clock }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	for range 3 {
		p.Poll(t.Context())
		clock = clock.Add(10 * time.Minute)
	}
	panics = true
	p.Poll(t.Context())
	panics, broken = false, nil
	clock = clock.Add(40 * time.Hour)
	p.Poll(t.Context())
	p.Poll(t.Context())
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "503 please wait") || !strings.Contains(lines[1], "panicked") || !strings.Contains(lines[2], "answers again") {
		t.Errorf("log:\n%s", log.String())
	}
	want := []string{
		"pagerduty/good-0", "newrelic/partly-0", // 40 hours later
		"pagerduty/good-50", "newrelic/partly-50", "pagerduty/good-40", "newrelic/partly-40", "pagerduty/good-30", "newrelic/partly-30",
	}
	if d := cmp.Diff(want, stored(t, st), cmpopts.SortSlices(strings.Compare)); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
	// The hours since the last success, but no more than a day.
	if got, want := bad.asked[4], clock.Add(-3*time.Hour); !got.Equal(want) {
		t.Errorf("the source that never answered was asked since %v, want %v", got, want)
	}
	if got, want := good.asked[4], clock.Add(-24*time.Hour); !got.Equal(want) {
		t.Errorf("after an outage asked since %v, want %v", got, want)
	}
}

// TestPollBound: of more than a thousand, the newest are taken.
func TestPollBound(t *testing.T) {
	st := open(t, func() time.Time { return now })
	var list []changes.Change
	for i := range 1500 {
		list = append(list, change(fmt.Sprint(i), now.Add(-time.Duration(i)*time.Second)))
	}
	p := changes.NewPoller(changes.PollerConfig{Sources: []changes.Source{&source{name: "x", answer: fixed(list...)}}, Store: st, Now: func() time.Time { return now }})
	p.Poll(t.Context())
	got := stored(t, st)
	if len(got) != changes.MaxPoll || got[0] != "x/0" || got[999] != "x/999" {
		t.Errorf("%d changes, the first %s", len(got), got[0])
	}
}

// TestPollStoreFails: what can not be stored is asked for again.
func TestPollStoreFails(t *testing.T) {
	st := open(t, func() time.Time { return now })
	src := &source{name: "x", answer: fixed(change("a", now))}
	var log bytes.Buffer
	p := changes.NewPoller(changes.PollerConfig{
		Sources: []changes.Source{src}, Store: failing{st}, Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	p.Poll(t.Context())
	p.Poll(t.Context())
	if !strings.Contains(log.String(), "disk full") || !src.asked[1].Equal(src.asked[0]) {
		t.Errorf("asked %v, log %s", src.asked, log.String())
	}
}

type failing struct{ changes.Store }

func (failing) SaveChanges(context.Context, []changes.Change) ([]changes.Saved, error) {
	return nil, errors.New("disk full")
}

// TestRun: every two minutes, and soon after a nudge; a storm of nudges is one.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{name: "x", answer: fixed()}
		p := changes.NewPoller(changes.PollerConfig{Sources: []changes.Source{src}, Store: failing{}, Now: time.Now})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.Run(ctx)
		}()
		want := func(what string, n int) {
			t.Helper()
			synctest.Wait()
			if got := src.count(); got != n {
				t.Errorf("%s: asked %d times, want %d", what, got, n)
			}
		}
		want("at start", 1)
		time.Sleep(119 * time.Second)
		want("before two minutes", 1)
		time.Sleep(time.Second)
		want("after two minutes", 2)
		time.Sleep(30 * time.Second)
		for range 100 {
			p.Nudge()
		}
		time.Sleep(4 * time.Second)
		p.Nudge()
		want("four seconds after a nudge", 2)
		time.Sleep(time.Second)
		want("five seconds after a nudge", 3)
		time.Sleep(24 * time.Second) // the nudge of meanwhile counts, but not at once
		want("24 s later", 3)
		time.Sleep(time.Second)
		want("25 s later", 4)
		time.Sleep(120 * time.Second)
		want("two minutes later", 5)
		cancel()
		<-done
	})
}

// TestRunSlow: a source that does not answer, or not even listens, holds up
// nothing but itself.
func TestRunSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := &source{name: "deaf", answer: func(context.Context, time.Time) ([]changes.Change, error) {
			<-release
			return nil, nil
		}}
		slow := &source{name: "slow", answer: func(ctx context.Context, _ time.Time) ([]changes.Change, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		quick := &source{name: "quick", answer: fixed()}
		p := changes.NewPoller(changes.PollerConfig{Sources: []changes.Source{deaf, slow, quick}, Store: failing{}, Now: time.Now})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.Run(ctx)
		}()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if deaf.count() != 1 || slow.count() != quick.count() || quick.count() < 4 {
			t.Errorf("asked %d, %d and %d times", deaf.count(), slow.count(), quick.count())
		}
		close(release)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if deaf.count() < 2 {
			t.Error("it listens again, and is not asked")
		}
		cancel()
		<-done
	})
}

// TestRunNobody: without sources there is nothing to do.
func TestRunNobody(t *testing.T) {
	changes.NewPoller(changes.PollerConfig{Now: time.Now}).Run(t.Context())
}
