package boltstore

import (
	"fmt"
	"strings"
	"time"

	"imbot/incident"
	"imbot/outbox"
)

// effectRow is what is kept of an effect. While it waits, its sequence is its
// place in bucketLane; the first of each lane has an entry in bucketDue too.
// Once it is dead or skipped, the sequence is its place in bucketEnded.
type effectRow struct {
	incident.Effect
	State    string    `json:"state"`
	Seq      uint64    `json:"seq"`
	Attempt  int       `json:"attempt,omitempty"`
	Lease    int64     `json:"lease,omitempty"`
	Running  bool      `json:"running,omitempty"` // it is leased, or its holder has died
	Again    bool      `json:"again,omitempty"`   // it was put while it ran
	FirstDue time.Time `json:"first_due"`
	NextAt   time.Time `json:"next_at,omitzero"` // while it waits: due, or end of the lease
	EndedAt  time.Time `json:"ended_at,omitzero"`
	Error    string    `json:"error,omitempty"`
}

func (r *effectRow) state() incident.EffectState {
	return incident.EffectState{
		Effect: r.Effect, State: r.State, Attempts: r.Attempt, Error: r.Error, NextAt: r.NextAt, DoneAt: r.EndedAt,
	}
}

// effect returns nil where there is no such row. The key is the encoded one.
func (t *tx) effect(key []byte) (*effectRow, error) {
	v := t.get(bucketEffect, key)
	if v == nil {
		return nil, nil
	}
	r := new(effectRow)
	if err := parse(v, r); err != nil {
		return nil, fmt.Errorf("store: reading the effect %q: %w", key, err)
	}
	return r, nil
}

func (t *tx) putEffect(key []byte, r *effectRow) error {
	v, err := t.pack(nil, r)
	if err != nil {
		return err
	}
	return t.put(bucketEffect, key, v)
}

// PutEffects implements incident.Tx.
func (t *tx) PutEffects(effects []incident.Effect) error {
	for i := range effects {
		if err := t.addEffect(&effects[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) addEffect(e *incident.Effect) error {
	switch {
	case e.Key == "" || len(e.Key) > 4096 || strings.ContainsRune(e.Key, 0):
		return fmt.Errorf("store: %q can not be the key of an effect", incident.Clip(e.Key, 80))
	case len(e.Lane) > 4096 || strings.ContainsRune(e.Lane, 0):
		return fmt.Errorf("store: %q can not be the lane of an effect", incident.Clip(e.Lane, 80))
	case e.Mode != incident.Once && e.Mode != incident.Latest:
		return fmt.Errorf("store: the effect %s has the mode %q", incident.Clip(e.Key, 80), e.Mode)
	}
	key := appendName(nil, e.Key)
	r, err := t.effect(key)
	switch {
	case err != nil:
		return err
	case r == nil:
		r = &effectRow{Effect: *e}
		if r.Lane == "" {
			r.Lane = r.Key // nothing to keep in order
		}
		return t.arm(key, r, t.now)
	case e.Mode == incident.Once && !r.needless() && !(r.State == incident.EffectWaiting && r.Running):
		return nil
	}
	return t.putAgain(key, r, e)
}

// needless reports whether an effect was left out because nothing was amiss.
func (r *effectRow) needless() bool {
	return r.State == incident.EffectSkipped && strings.HasPrefix(r.Error, incident.NotNeeded)
}

// putAgain is for an effect that is known, and may have to be run again. Of a Once
// effect that is being run only the end tells, see finish.
func (t *tx) putAgain(key []byte, r *effectRow, e *incident.Effect) error {
	switch {
	case r.State == incident.EffectWaiting && (!r.Running || r.Again):
		return nil // its run will show this change too
	case r.State == incident.EffectWaiting:
		r.Again = true
		return t.putEffect(key, r)
	case r.State == incident.EffectDone:
		r.Attempt = 0
	default:
		if err := t.delete(bucketEnded, endedKey(r.State, r.Seq)); err != nil {
			return err
		}
	}
	lane := r.Lane
	r.Effect = *e
	if r.Lane == "" {
		r.Lane = lane
	}
	return t.arm(key, r, later(t.now, r.EndedAt.Add(outbox.MinInterval)))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// arm makes an effect wait at the end of its lane, due at the given time, or
// later where the effect itself says so. The row must not be waiting.
func (t *tx) arm(key []byte, r *effectRow, due time.Time) error {
	seq, err := t.nextSequence(bucketEffect)
	if err != nil {
		return err
	}
	r.State, r.Seq, r.Running, r.Again = incident.EffectWaiting, seq, false, false
	r.NextAt = later(due, r.Due).UTC()
	r.FirstDue, r.EndedAt = r.NextAt, time.Time{}
	if _, _, busy := t.laneHead(r.Lane); !busy {
		if err := t.putDue(key, r); err != nil {
			return err
		}
	}
	if err := t.put(bucketLane, sequenceKey(lanePrefix(r.Lane), seq), key); err != nil {
		return err
	}
	if err := t.setSequence(bucketLane, t.sequence(bucketLane)+1); err != nil {
		return err
	}
	return t.putEffect(key, r)
}

// laneHead returns the key and the sequence of the first effect of a lane.
func (t *tx) laneHead(lane string) (key []byte, seq uint64, ok bool) {
	prefix := lanePrefix(lane)
	t.prefixed(bucketLane, prefix, func(k, v []byte) bool {
		key, seq, ok = v, decodeSequence(k[len(prefix):]), true
		return false
	})
	return key, seq, ok
}

func (t *tx) putDue(key []byte, r *effectRow) error {
	v := append(appendTime(make([]byte, 0, timeLen+len(key)), r.FirstDue), key...)
	return t.put(bucketDue, dueKey(r.Urgent, r.NextAt, r.Seq), v)
}

// setNext changes the due time of a waiting effect. The caller stores the row.
func (t *tx) setNext(key []byte, r *effectRow, next time.Time) error {
	_, first, _ := t.laneHead(r.Lane)
	if first != r.Seq {
		r.NextAt = next.UTC()
		return nil
	}
	if err := t.delete(bucketDue, dueKey(r.Urgent, r.NextAt, r.Seq)); err != nil {
		return err
	}
	r.NextAt = next.UTC()
	return t.putDue(key, r)
}

// leave takes the first effect of a lane out of it, so that the lane goes on.
// The caller stores the row.
func (t *tx) leave(r *effectRow) error {
	if err := t.delete(bucketDue, dueKey(r.Urgent, r.NextAt, r.Seq)); err != nil {
		return err
	}
	if err := t.delete(bucketLane, sequenceKey(lanePrefix(r.Lane), r.Seq)); err != nil {
		return err
	}
	if err := t.setSequence(bucketLane, t.sequence(bucketLane)-1); err != nil {
		return err
	}
	r.Running, r.NextAt = false, time.Time{}
	key, _, ok := t.laneHead(r.Lane)
	if !ok {
		return nil
	}
	next, err := t.effect(key)
	if err != nil {
		return err
	}
	if next == nil {
		return fmt.Errorf("store: the lane %s names the effect %q, which is not there", r.Lane, key)
	}
	return t.putDue(key, next)
}

// Effects implements incident.Tx. They are ordered by key.
func (t *tx) Effects(id incident.ID) ([]incident.EffectState, error) {
	var out []incident.EffectState
	var err error
	t.prefixed(bucketEffect, appendName(nil, id.String()+"/"), func(k, v []byte) bool {
		var r effectRow
		if err = parse(v, &r); err != nil {
			err = fmt.Errorf("store: reading the effect %q: %w", k, err)
			return false
		}
		out = append(out, r.state())
		return true
	})
	return out, err
}
