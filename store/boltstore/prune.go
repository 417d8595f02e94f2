package boltstore

import (
	"bytes"
	"context"
	"slices"
	"time"
)

// pruneStep bounds the bodies that one change deletes, so that others need not
// wait long for the writer.
const pruneStep = 256

// Prune forgets the bodies and the days of inbound keys that have outlived their
// retention. It works in small steps, and ends early with ctx. To be called
// every hour or so: what is freed often is used again soon, and the file stays
// small.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	if err := s.pruneDays(ctx, now); err != nil {
		return err
	}
	end := appendTime(nil, now.Add(-s.o.RawRetention))
	for more := true; more; {
		err := s.update(ctx, func(t *tx) error {
			var keys [][]byte
			more = false
			t.ascend(bucketRaw, nil, func(k, _ []byte) bool {
				if bytes.Compare(k[:timeLen], end) >= 0 {
					return false
				}
				more = len(keys) == pruneStep
				if !more {
					keys = append(keys, k)
				}
				return !more
			})
			for _, k := range keys {
				if err := t.delete(bucketRaw, k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pruneDays drops one day a change.
func (s *Store) pruneDays(ctx context.Context, now time.Time) error {
	for {
		var days []bucketID
		if err := s.view(ctx, func(t *tx) error {
			for _, id := range t.b.listDays() {
				if t.expired(id, now) {
					days = append(days, id)
				}
			}
			return nil
		}); err != nil || len(days) == 0 {
			return err
		}
		day := slices.Min(days)
		if err := s.update(ctx, func(t *tx) error {
			if slices.Contains(t.b.listDays(), day) {
				t.drops = append(t.drops, day)
			}
			return nil
		}); err != nil {
			return err
		}
	}
}
