package boltstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Ensure that an overlay over committed and uncommitted data reads like a sorted
// map, in both directions, from any place.
func TestOverlayLikeMap(t *testing.T) {
	s := openTest(t, Options{})
	rnd := rand.New(rand.NewPCG(1, 2))
	model := map[string]string{}
	key := func() string { return fmt.Sprintf("%0*d", 1+rnd.IntN(3), rnd.IntN(60)) }
	for round := range 60 {
		fail := round%3 == 2
		err := s.update(t.Context(), func(x *tx) error {
			staged := map[string]string{}
			for k, v := range model {
				staged[k] = v
			}
			for range rnd.IntN(30) {
				k := key()
				if rnd.IntN(3) == 0 {
					delete(staged, k)
					if err := x.delete(bucketKept, []byte(k)); err != nil {
						return err
					}
					continue
				}
				v := fmt.Sprint(round, rnd.IntN(1000))
				staged[k] = v
				if err := x.put(bucketKept, []byte(k), []byte(v)); err != nil {
					return err
				}
			}
			for range 10 {
				compare(t, x, staged, key())
			}
			if fail {
				return fmt.Errorf("round %d is to fail", round)
			}
			model = staged
			return nil
		})
		if (err != nil) != fail {
			t.Fatal(err)
		}
	}
	if err := s.view(t.Context(), func(x *tx) error {
		compare(t, x, model, "3")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, x *tx, model map[string]string, from string) {
	t.Helper()
	var want, got []string
	for k, v := range model {
		if k >= from {
			want = append(want, k+" "+v)
		}
		if g := string(x.get(bucketKept, []byte(k))); g != v {
			t.Errorf("get(%s) = %q, want %q", k, g, v)
		}
	}
	slices.Sort(want)
	x.ascend(bucketKept, []byte(from), func(k, v []byte) bool {
		got = append(got, string(k)+" "+string(v))
		return true
	})
	if !slices.Equal(got, want) {
		t.Errorf("ascend from %s:\n%v, want\n%v", from, got, want)
	}
	want, got = nil, nil
	for k, v := range model {
		if k < from {
			want = append(want, k+" "+v)
		}
	}
	slices.Sort(want)
	slices.Reverse(want)
	x.descend(bucketKept, []byte(from), func(k, v []byte) bool {
		got = append(got, string(k)+" "+string(v))
		return true
	})
	if !slices.Equal(got, want) {
		t.Errorf("descend before %s:\n%v, want\n%v", from, got, want)
	}
}

// Ensure that a scan copes with what its own function writes.
func TestWriteWhileScanning(t *testing.T) {
	s := openTest(t, Options{})
	err := s.update(t.Context(), func(x *tx) error {
		for _, k := range []string{"b", "d", "f"} {
			if err := x.put(bucketKept, []byte(k), []byte("1")); err != nil {
				return err
			}
		}
		var seen []byte
		var err error
		x.ascend(bucketKept, nil, func(k, _ []byte) bool {
			seen = append(seen, k...)
			for _, add := range []byte{k[0] - 1, k[0] + 1} {
				if err == nil && add < 'h' {
					err = x.put(bucketKept, []byte{add}, []byte("2"))
				}
			}
			return true
		})
		if want := []byte("bcdefg"); !bytes.Equal(seen, want) {
			t.Errorf("ascend saw %q, want %q", seen, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Ensure that the sizes of keys are checked where they can still be refused:
// later, a whole batch would fail.
func TestStagedSizes(t *testing.T) {
	s := openTest(t, Options{})
	for _, n := range []int{0, 40_000} {
		err := s.update(t.Context(), func(x *tx) error { return x.put(bucketKept, make([]byte, n), nil) })
		if err == nil {
			t.Errorf("a key of %d bytes is accepted", n)
		}
	}
}

// Ensure that days are found by their names, and forgotten as a whole.
func TestDays(t *testing.T) {
	for _, at := range []time.Time{
		time.Unix(0, 0), time.Date(2026, 11, 22, 23, 59, 59, 999, time.UTC),
		time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 6, 59, 0, 0, time.FixedZone("WIB", 7*3600)),
	} {
		id := dayOf(at)
		if got, want := string(dayName(id)), at.UTC().Format(time.DateOnly); got != want {
			t.Errorf("dayName(dayOf(%s)) = %s, want %s", at, got, want)
		}
		if back, ok := dayOfName(dayName(id)); !ok || back != id {
			t.Errorf("dayOfName(%s) = %d, %t, want %d", dayName(id), back, ok, id)
		}
	}
	if id := dayOf(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)); id < bucketDay {
		t.Errorf("a clock before 1970 gives the bucket %d", id)
	}
}
