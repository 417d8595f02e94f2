package boltstore

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/changes"
)

var changedAt = time.Date(2026, 12, 31, 8, 0, 0, 0, time.UTC)

func openForChanges(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "imbot.db"), Options{NoSync: true, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return changedAt }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// keys are how many there are in the bucket.
func keys(t testing.TB, s *Store) int {
	t.Helper()
	n := 0
	if err := s.view(t.Context(), func(tx *tx) error {
		tx.ascend(bucketChange, nil, func(_, _ []byte) bool { n++; return true })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestChangeKeys: each change has three keys, however often it moves, and none
// when it is forgotten.
func TestChangeKeys(t *testing.T) {
	s := openForChanges(t)
	c := changes.Change{Source: "api", ID: "a", Service: "checkout", Title: "x", At: changedAt}
	for i := range 5 {
		c.At, c.Service = changedAt.Add(time.Duration(i)*time.Hour), fmt.Sprint("service-", i%2)
		if _, err := s.SaveChanges(t.Context(), []changes.Change{c}); err != nil {
			t.Fatal(err)
		}
		if n := keys(t, s); n != 3 {
			t.Fatalf("after move %d there are %d keys, want 3", i, n)
		}
	}
	if err := s.PruneChanges(t.Context(), changedAt.Add(100*time.Hour)); err != nil || keys(t, s) != 0 {
		t.Errorf("pruned: %v, %d keys are left", err, keys(t, s))
	}
}

// TestDamagedChanges: a damaged entry is an error to whoever reads it, and goes
// when its time has come.
func TestDamagedChanges(t *testing.T) {
	s := openForChanges(t)
	ctx := t.Context()
	c := changes.Change{Source: "api", ID: "a", Service: "checkout", Title: "x", At: changedAt}
	for name, damage := range map[string]func(*tx) error{
		"no change":    func(tx *tx) error { return tx.delete(bucketChange, changeKey(&c)) },
		"no JSON":      func(tx *tx) error { return tx.put(bucketChange, changeKey(&c), []byte("{")) },
		"a wrong name": func(tx *tx) error { return tx.put(bucketChange, changeIDKey(&c), []byte{changeOf}) },
		"short keys": func(tx *tx) error {
			return errors.Join(tx.put(bucketChange, []byte{changeTime}, nil), tx.put(bucketChange, serviceKey("checkout"), nil), tx.delete(bucketChange, changeKey(&c)))
		},
	} {
		if _, err := s.SaveChanges(ctx, []changes.Change{c}); err != nil {
			t.Fatal(err)
		}
		if err := s.update(ctx, damage); err != nil {
			t.Fatal(err)
		}
		again := c
		again.Title = "y"
		_, saveErr := s.SaveChanges(ctx, []changes.Change{again})
		_, listErr := s.Changes(ctx, "", time.Time{}, time.Time{}, 10)
		for _, err := range []error{saveErr, listErr} {
			if err == nil || !strings.Contains(err.Error(), "store:") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := s.PruneChanges(ctx, changedAt.Add(time.Hour)); err != nil {
			t.Errorf("%s: pruning fails: %v", name, err)
		}
		if got, err := s.Changes(ctx, "", time.Time{}, time.Time{}, 10); err != nil || len(got) != 0 {
			t.Errorf("%s: after pruning %v, %v", name, got, err)
		}
		if err := s.update(ctx, func(tx *tx) error {
			var all [][]byte
			tx.ascend(bucketChange, nil, func(k, _ []byte) bool { all = append(all, append([]byte{}, k...)); return true })
			for _, k := range all {
				if err := tx.delete(bucketChange, k); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkNearbyChanges is what a card costs: a service with many changes.
func BenchmarkNearbyChanges(b *testing.B) {
	s := openForChanges(b)
	var list []changes.Change
	for i := range 20_000 {
		list = append(list, changes.Change{Source: "api", ID: fmt.Sprint(i), Service: fmt.Sprint("service-", i%50), Title: "Deploy", At: changedAt.Add(time.Duration(-i) * time.Minute)})
	}
	for some := range slices.Chunk(list, 1000) {
		if _, err := s.SaveChanges(b.Context(), some); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Changes(b.Context(), "service-7", changedAt.Add(-2*time.Hour), changedAt, 100); err != nil {
			b.Fatal(err)
		}
	}
}
