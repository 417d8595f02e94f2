package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"imbot/incident"
	"imbot/outbox"
)

func testLanes(e *env) {
	e.effects(once("INC-1/a/1"), once("INC-1/a/2"), once("INC-1/b/1"), once("INC-2/a/1"))
	e.effects(once("INC-1/a/3"))
	// The first of each lane, by due time; a lane is as strict within one Lease.
	jobs := e.lease(10)
	if got, want := keysOf(jobs), []string{"INC-1/a/1", "INC-1/b/1", "INC-2/a/1"}; !slices.Equal(got, want) {
		e.Fatalf("Lease = %v, want %v", got, want)
	}
	e.none()
	// One that waits for its retry holds up its own lane only.
	next := e.clock.Now().Add(time.Minute)
	e.must(e.Finish(e.ctx(), jobs[0], outbox.Outcome{State: incident.EffectWaiting, At: e.clock.Now(), Next: next}))
	e.finish(jobs[1], incident.EffectDone)
	e.effects(once("INC-1/b/2"))
	e.finish(e.one("INC-1/b/2"), incident.EffectDone)
	e.finish(jobs[2], incident.EffectDone)
	e.none()
	e.clock.Set(next)
	for _, key := range []string{"INC-1/a/1", "INC-1/a/2", "INC-1/a/3"} {
		e.finish(e.one(key), incident.EffectDone)
	}
	e.none()
	// A Latest effect that runs again goes behind what waits already.
	card := latest("INC-3/a/card")
	e.effects(card)
	job := e.one(card.Key)
	e.effects(card, once("INC-3/a/reply"))
	e.finish(job, incident.EffectDone)
	e.finish(e.one("INC-3/a/reply"), incident.EffectDone)
	e.clock.Add(time.Minute)
	e.finish(e.one(card.Key), incident.EffectDone)
	// A delay holds up what comes after it in its lane.
	slow := once("INC-4/a/1")
	slow.Due = e.clock.Now().Add(time.Hour)
	e.effects(slow, once("INC-4/a/2"))
	e.none()
	e.clock.Add(time.Hour)
	e.finish(e.one("INC-4/a/1"), incident.EffectDone)
	e.one("INC-4/a/2")
}

func testLaneOfDead(e *env) {
	for i, state := range []string{incident.EffectDead, incident.EffectSkipped} {
		lane := fmt.Sprintf("INC-%d/a/", i+1)
		e.effects(once(lane+"1"), once(lane+"2"))
		e.finish(e.one(lane+"1"), state)
		job := e.one(lane + "2")
		// A person's retry goes to the end.
		e.must(e.Retry(e.ctx(), lane+"1", e.clock.Now()))
		e.none()
		e.finish(job, incident.EffectDone)
		e.finish(e.one(lane+"1"), incident.EffectDone)
	}
}

func testUrgent(e *env) {
	for i := range 6 {
		e.effects(once(fmt.Sprintf("INC-%d/a/1", i+1)))
		e.clock.Add(time.Second)
	}
	for i := range 3 {
		eff := once(fmt.Sprintf("INC-%d/a/1", 20-i))
		eff.Urgent = true
		e.effects(eff)
		e.clock.Add(time.Second)
	}
	if got, want := keysOf(e.lease(2)), []string{"INC-20/a/1", "INC-19/a/1"}; !slices.Equal(got, want) {
		e.Errorf("Lease(2) = %v, want %v", got, want)
	}
	if got, want := keysOf(e.lease(4)), []string{"INC-18/a/1", "INC-1/a/1", "INC-2/a/1", "INC-3/a/1"}; !slices.Equal(got, want) {
		e.Errorf("Lease(4) = %v, want %v", got, want)
	}
	if got := e.lease(0); len(got) != 0 {
		e.Errorf("Lease(0) = %v", keysOf(got))
	}
}

func testDue(e *env) {
	eff := once("INC-1/a/1")
	eff.Due = Start.Add(90 * time.Second).In(time.FixedZone("WIB", 7*3600))
	past := once("INC-2/a/1")
	past.Due = Start.Add(-time.Hour)
	e.effects(eff, past)
	if job := e.one(past.Key); !job.FirstDue.Equal(Start) {
		e.Errorf("first due at %s, want when it was stored: before, nobody could run it", job.FirstDue)
	}
	e.clock.Add(90*time.Second - 1)
	e.finish(e.one(past.Key), incident.EffectDone) // its lease has run out
	e.clock.Add(1)
	if job := e.one(eff.Key); !job.FirstDue.Equal(eff.Due) {
		e.Errorf("first due at %s, want %s", job.FirstDue, eff.Due)
	}
}

func testLeaseRunsOut(e *env) {
	e.effects(once("INC-1/a/1"), once("INC-1/a/2"))
	first := e.one("INC-1/a/1")
	e.clock.Add(time.Minute - 1)
	e.none()
	e.clock.Add(1)
	second := e.one("INC-1/a/1")
	if second.Attempt != 2 || second.Lease <= first.Lease {
		e.Errorf("after the lease: %+v, want attempt 2 and a higher lease than %d", second, first.Lease)
	}
	// Nobody else has taken it: even a late holder may finish.
	e.clock.Add(time.Hour)
	e.finish(second, incident.EffectDone)
	e.one("INC-1/a/2")
}

func testFence(e *env) {
	eff := latest("INC-1/a/1")
	outdated := func(what string, job outbox.Job) {
		e.Helper()
		before := e.state(eff.Key)
		for _, state := range []string{incident.EffectDone, incident.EffectDead, incident.EffectWaiting} {
			err := e.Finish(e.ctx(), job, outbox.Outcome{State: state, At: e.clock.Now(), Next: e.clock.Now(), Error: "outdated"})
			if !errors.Is(err, outbox.ErrOutdated) {
				e.Errorf("%s: Finish(%s) = %v, want ErrOutdated", what, state, err)
			}
		}
		if after := e.state(eff.Key); after.State != before.State || after.Error != before.Error || !after.NextAt.Equal(before.NextAt) {
			e.Errorf("%s: an outdated Finish changed %+v to %+v", what, before, after)
		}
	}
	e.effects(eff)
	first := e.one(eff.Key)
	e.clock.Add(time.Minute)
	second := e.one(eff.Key)
	outdated("leased again", first)
	e.finish(second, incident.EffectDone)
	outdated("done", first)
	outdated("finished twice", second)
	// The numbers of attempts begin anew, those of leases do not.
	e.effects(eff)
	e.clock.Add(time.Minute)
	third := e.one(eff.Key)
	outdated("the next generation", first)
	outdated("the next generation", second)
	e.must(e.Finish(e.ctx(), third, outbox.Outcome{State: incident.EffectWaiting, At: e.clock.Now(), Next: e.clock.Now().Add(time.Hour)}))
	outdated("waiting for its retry", third)
	unknown := third
	unknown.Key = "INC-9/none/1"
	if err := e.Finish(e.ctx(), unknown, outbox.Outcome{State: incident.EffectDone, At: e.clock.Now()}); !errors.Is(err, outbox.ErrOutdated) {
		e.Errorf("Finish of an unknown effect = %v, want ErrOutdated", err)
	}
	if err := e.Finish(e.ctx(), third, outbox.Outcome{State: "finished"}); err == nil {
		e.Error("Finish with an unknown state succeeds")
	}
}

// testLeasesDoNotOverlap leases from many goroutines: every job goes to one.
func testLeasesDoNotOverlap(e *env) {
	const n = 120
	e.update(func(tx incident.Tx) error {
		var all []incident.Effect
		for i := range n {
			all = append(all, once(fmt.Sprintf("INC-%d/a/%d", i/2+1, i)))
		}
		return tx.PutEffects(all)
	})
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for {
				now := e.clock.Now()
				jobs, err := e.Lease(e.ctx(), now, now.Add(time.Minute), 7)
				if err != nil {
					e.Error(err)
					return
				}
				for _, j := range jobs {
					mu.Lock()
					seen[j.Key]++
					mu.Unlock()
					if err := e.Finish(e.ctx(), j, outbox.Outcome{State: incident.EffectDone, At: now}); err != nil {
						e.Error(err)
						return
					}
				}
				if len(jobs) > 0 {
					continue
				}
				if b, err := e.Backlog(e.ctx()); err != nil || b.Waiting == 0 {
					return
				}
			}
		})
	}
	wg.Wait()
	for key, times := range seen {
		if times != 1 {
			e.Errorf("%s was leased %d times", key, times)
		}
	}
	if len(seen) != n {
		e.Errorf("%d effects were leased, want %d", len(seen), n)
	}
}
