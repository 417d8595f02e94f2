package boltstore_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"imbot/incident"
	"imbot/store/boltstore"
)

// TestReopenReleasesLeases: what was leased when the program ended is due at
// once, what waits for a retry is not.
func TestReopenReleasesLeases(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "imbot.db")
	o := boltstore.Options{Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	s, err := boltstore.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx incident.Tx) error {
		return tx.PutEffects([]incident.Effect{
			{Key: "INC-1/card/a", Kind: "card", Mode: incident.Latest, Incident: 1, Lane: "a"},
			{Key: "INC-2/card/b", Kind: "card", Mode: incident.Latest, Incident: 2, Lane: "b", Due: now.Add(time.Minute)},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	held, err := s.Lease(t.Context(), now, now.Add(time.Minute), 8)
	if err != nil || len(held) != 1 {
		t.Fatalf("leased %d jobs, %v, want 1", len(held), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = boltstore.Open(path, o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	again, err := s.Lease(t.Context(), now, now.Add(time.Minute), 8)
	if err != nil || len(again) != 1 || again[0].Key != "INC-1/card/a" || again[0].Attempt != 2 {
		t.Fatalf("after the restart: %+v, %v, want the one that was held, in its second attempt", again, err)
	}
}
