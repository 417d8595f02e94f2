package outbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"imbot/incident"
	"imbot/outbox"
	"imbot/store/boltstore"
	"imbot/store/storetest"
)

// world is a real store, a clock that stands still, and a runner on both.
type world struct {
	*testing.T
	store  *boltstore.Store
	clock  *storetest.Clock
	runner *outbox.Runner
}

func newWorld(t *testing.T, handlers map[string]outbox.Handler) *world {
	t.Helper()
	clock := storetest.NewClock()
	return newWorldAt(t, clock, clock.Now, handlers)
}

func newWorldAt(t *testing.T, clock *storetest.Clock, now func() time.Time, handlers map[string]outbox.Handler) *world {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{Now: now, NoSync: true, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{T: t, store: s, clock: clock}
	w.runner = w.newRunner(handlers)
	w.runner.Now = now
	return w
}

// newRunner makes another runner on the same store, as another process would be.
func (w *world) newRunner(handlers map[string]outbox.Handler) *outbox.Runner {
	r := &outbox.Runner{Store: w.store, Handlers: handlers, Logger: slog.New(slog.DiscardHandler), Rand: rand.New(rand.NewPCG(1, 2)).Float64}
	if w.clock != nil {
		r.Now = w.clock.Now
	}
	return r
}

func (w *world) put(effects ...incident.Effect) {
	w.Helper()
	if err := w.store.Update(context.Background(), func(tx incident.Tx) error { return tx.PutEffects(effects) }); err != nil {
		w.Fatal(err)
	}
}

// pass runs what is due, and returns how many jobs ran and when the next is due.
func (w *world) pass() (int, time.Time) {
	w.Helper()
	n, next, err := w.runner.RunDue(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return n, next
}

// settle runs passes, each at the time of the next job, until nothing waits or
// the clock has passed end.
func (w *world) settle(end time.Time) {
	w.Helper()
	for range 10_000 {
		_, next := w.pass()
		if next.IsZero() || next.After(end) {
			return
		}
		w.clock.Set(next)
	}
	w.Fatal("10,000 passes do not suffice")
}

func (w *world) state(key string) incident.EffectState {
	w.Helper()
	var out incident.EffectState
	if err := w.store.View(context.Background(), func(tx incident.Tx) error {
		all, err := tx.Effects(1)
		for _, s := range all {
			if s.Key == key {
				out = s
			}
		}
		return err
	}); err != nil {
		w.Fatal(err)
	}
	return out
}

// wantState checks state and attempts of an effect.
func (w *world) wantState(key, state string, attempts int) {
	w.Helper()
	if got := w.state(key); got.State != state || got.Attempts != attempts {
		w.Errorf("%s is %s after %d attempts (%s), want %s after %d", key, got.State, got.Attempts, got.Error, state, attempts)
	}
}

// once is an effect of INC-1 in the lane of the given system.
func once(system, name string) incident.Effect {
	return incident.Effect{
		Key: fmt.Sprintf("INC-1/%s/%s", system, name), Kind: system, Mode: incident.Once, Incident: 1, Lane: "INC-1/" + system,
	}
}

func latest(system, name string) incident.Effect {
	e := once(system, name)
	e.Mode = incident.Latest
	return e
}
