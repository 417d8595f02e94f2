package boltstore

import (
	"bytes"
	"context"
	"time"
)

// longestLease is what a holder takes a job for at the most; see outbox.Runner.
const longestLease = time.Minute

// releaseLimit bounds the work at a start amid many jobs that wait for their next
// try: a lease that is not found among these runs out by itself.
const releaseLimit = 1000

// release makes the jobs due that were leased when the program ended: one file
// serves one process, so whoever held them is gone. Without it they would be run
// when their leases end, which is a minute in which a card is missing.
func (s *Store) release(ctx context.Context) error {
	return s.update(ctx, func(t *tx) error {
		var held [][]byte
		for _, urgency := range []byte{dueUrgent, dueNormal} {
			end := appendTime([]byte{urgency}, t.now.Add(longestLease))
			// A lease that counts ends after now: what is due already is not looked at,
			// however much it is.
			t.ascend(bucketDue, appendTime([]byte{urgency}, t.now), func(k, v []byte) bool {
				if len(held) == releaseLimit || bytes.Compare(k[:1+timeLen], end) > 0 {
					return false
				}
				held = append(held, bytes.Clone(v[timeLen:]))
				return true
			})
		}
		for _, key := range held {
			r, err := t.effect(key)
			if err != nil {
				return err
			}
			if r == nil || !r.Running || !r.NextAt.After(t.now) {
				continue
			}
			if err := t.setNext(key, r, t.now); err != nil {
				return err
			}
			if err := t.putEffect(key, r); err != nil {
				return err
			}
		}
		return nil
	})
}
