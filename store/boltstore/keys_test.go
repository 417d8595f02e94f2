package boltstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"imbot/incident"
)

// Ensure that kept keys read as they were written, small and large ones, also
// after changes that failed and batches that were not stored.
func TestKeptKeys(t *testing.T) {
	s := openTest(t, Options{})
	rnd := rand.New(rand.NewPCG(3, 4))
	stored := map[string]string{}
	check := func(tx incident.Tx, want map[string]string, when string) {
		for i := range 12 {
			k := fmt.Sprint("k", i)
			if got, err := tx.Key(k, true); err != nil || got != want[k] {
				t.Fatalf("%s: %s is %.20q, %v; want %.20q", when, k, got, err, want[k])
			}
		}
	}
	failed := errors.New("fails")
	for round := range 120 {
		staged := map[string]string{}
		err := s.Update(t.Context(), func(tx incident.Tx) error {
			clear(staged)
			for k, v := range stored {
				staged[k] = v
			}
			check(tx, staged, "before")
			for range rnd.IntN(6) {
				k, v := fmt.Sprint("k", rnd.IntN(12)), strings.Repeat("x", rnd.IntN(3)*rnd.IntN(maxKeptValue))
				if err := tx.PutKey(k, v, true); err != nil {
					return err
				}
				staged[k] = v
			}
			check(tx, staged, "staged")
			if round%3 == 1 {
				return failed
			}
			return nil
		})
		switch {
		case round%3 == 1 && !errors.Is(err, failed), round%3 != 1 && err != nil:
			t.Fatal(err)
		case err == nil:
			stored = staged
		}
		if err := s.View(t.Context(), func(tx incident.Tx) error { check(tx, stored, "read only"); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxKeptKeys {
		s.kept[fmt.Sprint("more", i)] = ""
	}
	s.remember("last", "1")
	if len(s.kept) != 1 {
		t.Errorf("%d keys are remembered after there were too many", len(s.kept))
	}
}
