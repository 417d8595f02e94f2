package boltstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/incident"
)

func openTest(t *testing.T, o Options) *Store {
	t.Helper()
	o.Logger, o.NoSync = slog.New(slog.DiscardHandler), true
	s, err := Open(filepath.Join(t.TempDir(), "imbot.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// held keeps the writer busy, so that what is queued meanwhile becomes one batch.
type held struct {
	t       *testing.T
	s       *Store
	release chan struct{}
	wg      sync.WaitGroup
	errs    []error // of the queued changes, in order
}

func hold(t *testing.T, s *Store) *held {
	h := &held{t: t, s: s, release: make(chan struct{})}
	began := make(chan struct{})
	h.wg.Go(func() {
		_ = s.update(context.Background(), func(*tx) error {
			close(began)
			<-h.release
			return nil
		})
	})
	<-began
	return h
}

// queue adds a change behind those that were queued before.
func (h *held) queue(ctx context.Context, fn func(tx incident.Tx) error) {
	h.t.Helper()
	i, n := len(h.errs), len(h.s.queue)
	h.errs = append(h.errs, nil)
	h.wg.Go(func() {
		err := h.s.Update(ctx, fn)
		h.errs[i] = err
	})
	for len(h.s.queue) == n {
		runtime.Gosched()
	}
}

// run lets the writer go and waits for all.
func (h *held) run() []error {
	close(h.release)
	h.wg.Wait()
	return h.errs
}

func setKey(k, v string) func(tx incident.Tx) error {
	return func(tx incident.Tx) error { return tx.PutKey(k, v, true) }
}

// getKey looks a key up; those of these tests that are not kept are "new" and
// those with "by/" or "/second".
func getKey(t *testing.T, s *Store, k string) (v string) {
	t.Helper()
	keep := k != "new" && !strings.HasPrefix(k, "by/") && !strings.HasSuffix(k, "/second")
	if err := s.View(context.Background(), func(tx incident.Tx) (err error) {
		v, err = tx.Key(k, keep)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return v
}

// Ensure that changes of one batch run in the order of their arrival, that each
// sees the earlier ones, and that one that fails or panics leaves no trace in
// what the others see and store.
func TestPoisonedBatch(t *testing.T) {
	s := openTest(t, Options{})
	h := hold(t, s)
	var seen []string
	add := func(name string, fail func() error) {
		h.queue(t.Context(), func(tx incident.Tx) error {
			v, err := tx.Key("list", true)
			if err != nil {
				return err
			}
			seen = append(seen, v)
			id, err := tx.NextID()
			if err != nil {
				return err
			}
			if err := errors.Join(tx.PutKey("list", v+name, true), tx.PutKey("by/"+name, id.String(), false)); err != nil {
				return err
			}
			return fail()
		})
	}
	good := func() error { return nil }
	add("a", good)
	add("b", func() error { return errors.New("b is bad") })
	add("c", good)
	add("d", func() error { panic("d is worse") })
	add("e", good)
	errs := h.run()
	for i, want := range []string{"", "b is bad", "", "d is worse", ""} {
		if (want == "") != (errs[i] == nil) || (want != "" && !strings.Contains(errs[i].Error(), want)) {
			t.Errorf("change %d: error %v, want %q", i, errs[i], want)
		}
	}
	if want := []string{"", "a", "a", "ac", "ac"}; !slices.Equal(seen, want) {
		t.Errorf("the changes saw %q, want %q", seen, want)
	}
	for k, want := range map[string]string{"list": "ace", "by/a": "INC-1", "by/b": "", "by/c": "INC-2", "by/d": "", "by/e": "INC-3"} {
		if got := getKey(t, s, k); got != want {
			t.Errorf("%s = %q, want %q", k, got, want)
		}
	}
}

// Ensure that a commit that fails fails all of its batch, stores nothing of it,
// and that the store works on when it can again.
func TestFailedCommit(t *testing.T) {
	s := openTest(t, Options{})
	if err := s.Update(t.Context(), setKey("before", "yes")); err != nil {
		t.Fatal(err)
	}
	s.db.MaxSize = 1 << 20 // like a disk that is full
	h := hold(t, s)
	h.queue(t.Context(), setKey("small", "yes"))
	h.queue(t.Context(), func(tx incident.Tx) error {
		return tx.PutRaw(incident.Inbound{At: time.Now(), Body: make([]byte, 8<<20)})
	})
	for i, err := range h.run() {
		if err == nil {
			t.Errorf("change %d of a batch that was not stored succeeds", i)
		}
	}
	if got := getKey(t, s, "small"); got != "" {
		t.Errorf("small = %q: a part of the batch was stored", got)
	}
	s.db.MaxSize = 0
	if err := s.Update(t.Context(), setKey("after", "yes")); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"before", "after"} {
		if getKey(t, s, k) != "yes" {
			t.Errorf("%s is lost", k)
		}
	}
}

// Ensure that more changes than may wait are refused at once, that none of the
// others is lost, and that all is well afterwards.
func TestBusy(t *testing.T) {
	s := openTest(t, Options{MaxQueue: 8})
	h := hold(t, s)
	for i := range 8 {
		h.queue(t.Context(), setKey(fmt.Sprintf("k%d", i), "yes"))
	}
	for range 3 {
		if err := s.Update(t.Context(), setKey("refused", "yes")); !errors.Is(err, incident.ErrBusy) {
			t.Errorf("Update beyond the queue = %v, want ErrBusy", err)
		}
	}
	if err := s.View(t.Context(), func(incident.Tx) error { return nil }); err != nil {
		t.Errorf("View while the queue is full: %v", err)
	}
	if err := errors.Join(h.run()...); err != nil {
		t.Error(err)
	}
	for i := range 8 {
		if getKey(t, s, fmt.Sprintf("k%d", i)) != "yes" {
			t.Errorf("k%d was accepted and is lost", i)
		}
	}
	if getKey(t, s, "refused") != "" {
		t.Error("a refused change was stored")
	}
	if err := s.Update(t.Context(), setKey("later", "yes")); err != nil {
		t.Error(err)
	}
}

// Ensure that a change whose context ends while it waits is not carried out, and
// that its caller does not wait for the writer.
func TestContextWhileWaiting(t *testing.T) {
	s := openTest(t, Options{})
	h := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	h.queue(t.Context(), setKey("a", "yes"))
	ended := make(chan error)
	n := len(s.queue)
	go func() { ended <- s.Update(ctx, setKey("b", "yes")) }()
	for len(s.queue) == n {
		runtime.Gosched()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) { // the writer is still held
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if err := errors.Join(h.run()...); err != nil {
		t.Error(err)
	}
	// The same where it ends while an earlier change of its batch is running.
	h = hold(t, s)
	ctx, cancel = context.WithCancel(t.Context())
	h.queue(t.Context(), func(incident.Tx) error { cancel(); return nil })
	h.queue(ctx, setKey("c", "yes"))
	if errs := h.run(); errs[0] != nil || !errors.Is(errs[1], context.Canceled) {
		t.Errorf("errors %v, want none and context.Canceled", errs)
	}
	if a, b, c := getKey(t, s, "a"), getKey(t, s, "b"), getKey(t, s, "c"); a != "yes" || b != "" || c != "" {
		t.Errorf("a = %q, b = %q, c = %q, want only a", a, b, c)
	}
}

// Ensure that Close carries out what was accepted.
func TestCloseDrains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "imbot.db")
	s, err := Open(path, Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	h := hold(t, s)
	for i := range 20 {
		h.queue(t.Context(), setKey(fmt.Sprintf("k%d", i), "yes"))
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for refused := false; !refused; runtime.Gosched() {
		s.mu.RLock()
		refused = s.closed
		s.mu.RUnlock()
	}
	if err := s.Update(t.Context(), setKey("late", "yes")); !errors.Is(err, errClosed) {
		t.Errorf("Update while closing = %v", err)
	}
	if err := errors.Join(h.run()...); err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if s, err = Open(path, Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 20 {
		if getKey(t, s, fmt.Sprintf("k%d", i)) != "yes" {
			t.Errorf("k%d was accepted and is lost", i)
		}
	}
}

// Ensure that Writable writes, but not at every call.
func TestWritable(t *testing.T) {
	s := openTest(t, Options{})
	if err := s.Writable(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := hold(t, s)
	if err := s.Writable(t.Context()); err != nil { // the writer is held: this can not be a write
		t.Errorf("Writable just after a success = %v", err)
	}
	h.run()
	s.proved.Store(time.Now().Add(-time.Hour).UnixNano())
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Writable(t.Context()); err == nil {
		t.Error("Writable of a file that can not be written succeeds")
	}
}
