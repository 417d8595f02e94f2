package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"imbot/incident"
	"imbot/outbox"
)

// Ensure that the indexes of effects agree with the effects, whatever happens to
// them in whatever order.
func TestQueueInvariants(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
			s := openTest(t, Options{Now: func() time.Time { return now }})
			q := &queueTest{t: t, s: s, rnd: rand.New(rand.NewPCG(seed, 7))}
			for step := range 500 {
				now = now.Add(time.Duration(q.rnd.IntN(40)) * time.Second / 10)
				q.step(now)
				if step%20 == 0 {
					q.check()
				}
			}
			q.check()
			if q.finished == 0 || q.outdated == 0 || q.retried == 0 {
				t.Errorf("%d jobs finished, %d outdated, %d retried: the test must meet all of them", q.finished, q.outdated, q.retried)
			}
		})
	}
}

type queueTest struct {
	t                           *testing.T
	s                           *Store
	rnd                         *rand.Rand
	jobs                        []outbox.Job // leased at some time
	finished, outdated, retried int
}

func (q *queueTest) effect() incident.Effect {
	id := incident.ID(1 + q.rnd.IntN(4))
	lane := fmt.Sprintf("%s/%c", id, 'a'+rune(q.rnd.IntN(2)))
	e := incident.Effect{Key: fmt.Sprintf("%s/%d", lane, q.rnd.IntN(6)), Kind: "x", Lane: lane, Incident: id, Mode: incident.Once}
	if e.Key[len(e.Key)-1]%2 == 0 { // a key always has the same mode
		e.Mode = incident.Latest
	}
	e.Urgent = q.rnd.IntN(4) == 0
	return e
}

// step does one random thing.
func (q *queueTest) step(now time.Time) {
	q.t.Helper()
	ctx, err := context.Background(), error(nil)
	switch q.rnd.IntN(5) {
	case 0, 1:
		e := q.effect()
		if q.rnd.IntN(5) == 0 {
			e.Due = now.Add(time.Minute)
		}
		err = q.s.Update(ctx, func(tx incident.Tx) error { return tx.PutEffects([]incident.Effect{e, q.effect()}) })
	case 2:
		var jobs []outbox.Job
		jobs, err = q.s.Lease(ctx, now, now.Add(30*time.Second), 1+q.rnd.IntN(4))
		q.jobs = append(q.jobs, jobs...)
	case 3:
		if len(q.jobs) == 0 {
			return
		}
		job := q.jobs[q.rnd.IntN(len(q.jobs))]
		states := []string{incident.EffectDone, incident.EffectDone, incident.EffectWaiting, incident.EffectDead, incident.EffectSkipped}
		err = q.s.Finish(ctx, job, outbox.Outcome{State: states[q.rnd.IntN(5)], At: now, Next: now.Add(10 * time.Second)})
		if errors.Is(err, outbox.ErrOutdated) {
			q.outdated++
			return
		}
		q.finished++
	case 4:
		err = q.s.Retry(ctx, q.effect().Key, now)
		if errors.Is(err, incident.ErrNotFound) || errors.Is(err, incident.ErrConflict) {
			return
		}
		q.retried++
	}
	if err != nil {
		q.t.Fatal(err)
	}
}

// check compares the indexes with the rows.
func (q *queueTest) check() {
	q.t.Helper()
	err := q.s.view(context.Background(), func(x *tx) error {
		want := map[bucketID]map[string]string{bucketLane: {}, bucketDue: {}, bucketEnded: {}}
		heads := map[string]*effectRow{}
		waiting := 0
		x.ascend(bucketEffect, nil, func(k, _ []byte) bool {
			r, err := x.effect(k)
			if err != nil {
				q.t.Error(err)
				return false
			}
			switch r.State {
			case incident.EffectWaiting:
				waiting++
				want[bucketLane][string(sequenceKey(lanePrefix(r.Lane), r.Seq))] = string(k)
				if h := heads[r.Lane]; h == nil || r.Seq < h.Seq {
					heads[r.Lane] = r
				}
			case incident.EffectDead, incident.EffectSkipped:
				want[bucketEnded][string(endedKey(r.State, r.Seq))] = string(k)
			}
			return true
		})
		for _, r := range heads {
			v := append(appendTime(nil, r.FirstDue), appendName(nil, r.Key)...)
			want[bucketDue][string(dueKey(r.Urgent, r.NextAt, r.Seq))] = string(v)
		}
		for id, entries := range want {
			n := 0
			x.ascend(id, nil, func(k, v []byte) bool {
				n++
				if w, ok := entries[string(k)]; !ok || !bytes.Equal([]byte(w), v) {
					q.t.Errorf("bucket %s holds %q: %q, want %q", buckets[id].name, k, v, w)
				}
				return true
			})
			if n != len(entries) {
				q.t.Errorf("bucket %s holds %d entries, want %d", buckets[id].name, n, len(entries))
			}
		}
		if got := int(x.sequence(bucketLane)); got != waiting {
			q.t.Errorf("%d effects are counted as waiting, want %d", got, waiting)
		}
		return nil
	})
	if err != nil || q.t.Failed() {
		q.t.Fatalf("stopped: %v", err)
	}
}
