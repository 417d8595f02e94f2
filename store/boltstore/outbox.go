package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"imbot/incident"
	"imbot/outbox"
)

// Lease implements outbox.Store.
func (s *Store) Lease(ctx context.Context, now, until time.Time, limit int) ([]outbox.Job, error) {
	// Mostly nothing is due: that is found out without the writer.
	some := false
	if err := s.view(ctx, func(t *tx) error {
		some = len(t.due(now, 1)) > 0
		return nil
	}); err != nil || !some || limit <= 0 {
		return nil, err
	}
	var jobs []outbox.Job
	err := s.update(ctx, func(t *tx) error {
		jobs = nil
		for _, key := range t.due(now, limit) {
			job, err := t.lease(key, until)
			if err != nil {
				return err
			}
			jobs = append(jobs, job)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// due returns the keys of at most limit effects that are due, urgent ones first.
func (t *tx) due(now time.Time, limit int) [][]byte {
	var out [][]byte
	for _, urgency := range []byte{dueUrgent, dueNormal} {
		end := appendTime([]byte{urgency}, now)
		t.prefixed(bucketDue, []byte{urgency}, func(k, v []byte) bool {
			if len(out) >= limit || bytes.Compare(k[:1+timeLen], end) > 0 {
				return false
			}
			out = append(out, v[timeLen:])
			return true
		})
	}
	return out
}

func (t *tx) lease(key []byte, until time.Time) (outbox.Job, error) {
	r, err := t.effect(key)
	if err != nil {
		return outbox.Job{}, err
	}
	if r == nil {
		return outbox.Job{}, fmt.Errorf("store: the effect %q is due, but not there", key)
	}
	r.Attempt++
	r.Lease++
	r.Running, r.Again = true, false // this run shows what was put until now
	if err := t.setNext(key, r, until); err != nil {
		return outbox.Job{}, err
	}
	if err := t.putEffect(key, r); err != nil {
		return outbox.Job{}, err
	}
	return outbox.Job{Effect: r.Effect, Attempt: r.Attempt, Lease: r.Lease, FirstDue: r.FirstDue}, nil
}

// Finish implements outbox.Store.
func (s *Store) Finish(ctx context.Context, job outbox.Job, out outbox.Outcome) error {
	switch out.State {
	case incident.EffectDone, incident.EffectSkipped, incident.EffectDead, incident.EffectWaiting:
	default:
		return fmt.Errorf("store: %q is no outcome of an effect", out.State)
	}
	return s.update(ctx, func(t *tx) error { return t.finish(job, out) })
}

func (t *tx) finish(job outbox.Job, out outbox.Outcome) error {
	key := appendName(nil, job.Key)
	r, err := t.effect(key)
	if err != nil {
		return err
	}
	if r == nil || r.State != incident.EffectWaiting || !r.Running || r.Lease != job.Lease {
		return fmt.Errorf("%s: %w", job.Key, outbox.ErrOutdated)
	}
	r.Error = incident.Clip(out.Error, outbox.MaxError)
	if out.State == incident.EffectWaiting {
		r.Running = false // the next try shows what was put meanwhile
		if err := t.setNext(key, r, out.Next); err != nil {
			return err
		}
		return t.putEffect(key, r)
	}
	again := r.Again
	if err := t.leave(r); err != nil {
		return err
	}
	r.State = out.State
	if again && (r.Mode == incident.Latest || r.needless()) {
		if out.State == incident.EffectDone {
			r.Attempt = 0
		}
		return t.arm(key, r, out.At.Add(outbox.MinInterval))
	}
	return t.end(key, r, out)
}

// end stores the last word on an effect, until it is put or retried again.
func (t *tx) end(key []byte, r *effectRow, out outbox.Outcome) error {
	r.State, r.Again, r.EndedAt = out.State, false, out.At.UTC()
	if out.State == incident.EffectDone {
		r.Data = nil // nobody will need it: the key is kept for good, the content is not
		return t.putEffect(key, r)
	}
	var err error
	if r.Seq, err = t.nextSequence(bucketEffect); err != nil {
		return err
	}
	if err := t.put(bucketEnded, endedKey(r.State, r.Seq), key); err != nil {
		return err
	}
	return t.putEffect(key, r)
}

// Retry implements outbox.Store.
func (s *Store) Retry(ctx context.Context, name string, now time.Time) error {
	return s.update(ctx, func(t *tx) error {
		key := appendName(nil, name)
		r, err := t.effect(key)
		switch {
		case err != nil:
			return err
		case r == nil:
			return fmt.Errorf("effect %s: %w", incident.Clip(name, 200), incident.ErrNotFound)
		case r.State == incident.EffectDone:
			return fmt.Errorf("effect %s is done already: %w", name, incident.ErrConflict)
		case r.State == incident.EffectWaiting && (r.Running || !r.NextAt.After(now)):
			return nil
		case r.State == incident.EffectWaiting:
			if err := t.setNext(key, r, now); err != nil {
				return err
			}
			return t.putEffect(key, r)
		}
		return t.revive(key, r, now)
	})
}

// revive puts a dead or skipped effect back.
func (t *tx) revive(key []byte, r *effectRow, now time.Time) error {
	if err := t.delete(bucketEnded, endedKey(r.State, r.Seq)); err != nil {
		return err
	}
	r.Due = time.Time{} // the person says: now
	return t.arm(key, r, now)
}

// RetryEffects implements incident.Tx.
func (t *tx) RetryEffects(id incident.ID) (int, error) {
	states, err := t.Effects(id)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, s := range states {
		if s.State != incident.EffectDead && s.State != incident.EffectSkipped {
			continue
		}
		key := appendName(nil, s.Key)
		r, err := t.effect(key)
		if err != nil || r == nil {
			return n, err
		}
		if err := t.revive(key, r, t.now); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// backlogScan bounds what Backlog looks at, for Oldest.
const backlogScan = 1000

// Backlog implements outbox.Store.
func (s *Store) Backlog(ctx context.Context) (outbox.Backlog, error) {
	var b outbox.Backlog
	err := s.view(ctx, func(t *tx) error {
		b = outbox.Backlog{Waiting: int(t.sequence(bucketLane))}
		for _, urgency := range []byte{dueUrgent, dueNormal} {
			n := 0
			t.prefixed(bucketDue, []byte{urgency}, func(k, v []byte) bool {
				if at := decodeTime(k[1:]); b.Next.IsZero() || at.Before(b.Next) {
					b.Next = at
				}
				if first := decodeTime(v); b.Oldest.IsZero() || first.Before(b.Oldest) {
					b.Oldest = first
				}
				n++
				return n < backlogScan
			})
		}
		return nil
	})
	return b, err
}

// jobsScan bounds how many waiting effects Jobs sorts.
const jobsScan = 10_000

// Jobs implements outbox.Store. Of more than 10,000 waiting effects it looks at
// those of the newest incidents.
func (s *Store) Jobs(ctx context.Context, state string, limit int) ([]incident.EffectState, error) {
	var out []incident.EffectState
	err := s.view(ctx, func(t *tx) error {
		var keys [][]byte
		switch state {
		case incident.EffectWaiting:
			keys = t.waitingKeys(limit)
		case incident.EffectDead, incident.EffectSkipped:
			prefix := endedKey(state, 0)
			prefix = prefix[:len(prefix)-seqLen]
			t.descend(bucketEnded, endedKey(state, 1<<64-1), func(k, v []byte) bool {
				if len(keys) >= limit || !bytes.HasPrefix(k, prefix) {
					return false
				}
				keys = append(keys, v)
				return true
			})
		default:
			return fmt.Errorf("effects in the state %q can not be listed: %w", state, incident.ErrInvalid)
		}
		for _, key := range keys {
			r, err := t.effect(key)
			if err != nil {
				return err
			}
			if r != nil {
				out = append(out, r.state())
			}
		}
		return nil
	})
	return out, err
}

// waitingKeys returns the keys of the effects that became waiting last.
func (t *tx) waitingKeys(limit int) [][]byte {
	type item struct {
		seq uint64
		key []byte
	}
	var items []item
	t.descend(bucketLane, nil, func(k, v []byte) bool {
		items = append(items, item{decodeSequence(k[len(k)-seqLen:]), v})
		return len(items) < jobsScan
	})
	slices.SortFunc(items, func(a, b item) int {
		if a.seq > b.seq {
			return -1
		}
		return 1
	})
	var keys [][]byte
	for _, it := range items[:min(max(limit, 0), len(items))] {
		keys = append(keys, it.key)
	}
	return keys
}
