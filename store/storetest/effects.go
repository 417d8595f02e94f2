package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/outbox"
)

// once and latest build effects whose lane is the part of the key before the
// last slash.
func once(key string) incident.Effect {
	e := incident.Effect{Key: key, Kind: "test", Mode: incident.Once, Lane: key[:strings.LastIndexByte(key, '/')]}
	if id, err := incident.ParseID(key[:indexByte(key, '/')]); err == nil {
		e.Incident = id
	}
	return e
}

func latest(key string) incident.Effect {
	e := once(key)
	e.Mode, e.Target = incident.Latest, "19:abc"
	return e
}

func testOnce(e *env) {
	eff := once("INC-1/mail/declare")
	eff.Data = json.RawMessage(`{"to":"dewi@example.com"}`)
	e.effects(eff)
	job := e.one(eff.Key)
	want := outbox.Job{Effect: eff, Attempt: 1, Lease: job.Lease, FirstDue: Start}
	if d := cmp.Diff(want, job); d != "" {
		e.Errorf("job (-want +got):\n%s", d)
	}
	e.effects(eff) // while it runs
	e.finish(job, incident.EffectDone)
	e.effects(eff) // when it is done
	e.clock.Add(time.Hour)
	e.none()
	got := e.state(eff.Key)
	if got.State != incident.EffectDone || got.Attempts != 1 || !got.DoneAt.Equal(Start) || got.Error != "" {
		e.Errorf("state = %+v, want done at the first attempt", got)
	}
	testNeedless(e)
	// Dead and skipped ones are left alone as well.
	for _, state := range []string{incident.EffectDead, incident.EffectSkipped} {
		eff := once("INC-1/mail/" + state)
		e.effects(eff, eff) // twice in one change
		e.finish(e.one(eff.Key), state)
		e.effects(eff)
		e.none()
		if got := e.state(eff.Key); got.State != state || got.Error == "" {
			e.Errorf("state = %+v, want %s with its reason", got, state)
		}
	}
}

// testNeedless: what was left out because it was not needed is put again, since
// it is needed by then; also where that is decided while it is being left out.
func testNeedless(e *env) {
	for name, meanwhile := range map[string]bool{"after": false, "meanwhile": true} {
		eff := once("INC-1/mail/needless " + name)
		e.effects(eff)
		job := e.one(eff.Key)
		if meanwhile {
			e.effects(eff)
		}
		e.must(e.Finish(e.ctx(), job, outbox.Outcome{State: incident.EffectSkipped, At: e.clock.Now(), Error: incident.NotNeeded + "it was over"}))
		if !meanwhile {
			e.none()
			eff.Data = json.RawMessage(`{"to":"ani@example.com"}`)
			e.effects(eff)
		}
		e.clock.Add(outbox.MinInterval)
		if got := e.one(eff.Key); string(got.Data) != string(eff.Data) {
			e.Errorf("%s: the data of %s is %s", name, eff.Key, got.Data)
		} else {
			e.finish(got, incident.EffectDone)
		}
		e.effects(eff)
		e.none()
	}
}

func testLatest(e *env) {
	eff := latest("INC-1/card/a")
	e.effects(eff)
	e.effects(eff, eff) // waiting: stays as it is
	job := e.one(eff.Key)
	e.clock.Add(time.Second)
	e.finish(job, incident.EffectDone)
	e.none()
	e.clock.Add(500 * time.Millisecond)
	e.effects(eff)
	e.none() // not before MinInterval after the last run
	e.clock.Add(outbox.MinInterval - 501*time.Millisecond)
	e.none()
	e.clock.Add(time.Millisecond)
	job = e.one(eff.Key)
	if job.Attempt != 1 {
		e.Errorf("attempt %d after one that was done, want 1", job.Attempt)
	}
	e.finish(job, incident.EffectDone)
	e.clock.Add(time.Hour)
	e.none()
	eff.Urgent, eff.Target = true, "19:other"
	e.effects(eff)
	if job = e.one(eff.Key); !job.Urgent || job.Target != "19:other" {
		e.Errorf("job = %+v, want what was put last", job)
	}
	if !job.FirstDue.Equal(e.clock.Now()) {
		e.Errorf("first due at %s, want now: its age counts from here", job.FirstDue)
	}
}

func testLatestRunning(e *env) {
	eff := latest("INC-1/card/a")
	e.effects(eff)
	job := e.one(eff.Key)
	e.effects(eff)
	e.effects(eff)
	e.none()
	if got := e.state(eff.Key); got.State != incident.EffectWaiting {
		e.Errorf("state = %+v, want waiting", got)
	}
	e.finish(job, incident.EffectDone)
	e.none()
	e.clock.Add(outbox.MinInterval)
	job = e.one(eff.Key) // once more, not twice
	e.finish(job, incident.EffectDone)
	e.clock.Add(time.Hour)
	e.none()

	// A retry shows the newest state as well: no further run after it.
	e.effects(eff)
	job = e.one(eff.Key)
	e.effects(eff)
	e.must(e.Finish(e.ctx(), job, outbox.Outcome{State: incident.EffectWaiting, At: e.clock.Now(), Next: e.clock.Now().Add(time.Minute), Error: "try again"}))
	e.effects(eff)
	e.none()
	e.clock.Add(time.Minute)
	job = e.one(eff.Key)
	if job.Attempt != 2 {
		e.Errorf("attempt %d of the retry, want 2", job.Attempt)
	}
	e.finish(job, incident.EffectDone)
	e.clock.Add(time.Hour)
	e.none()

	// The same after a crash: who leases it next shows what was put since.
	e.effects(eff)
	e.one(eff.Key)
	e.effects(eff)
	e.clock.Add(2 * time.Minute)
	e.finish(e.one(eff.Key), incident.EffectDone)
	e.clock.Add(time.Hour)
	e.none()
}

func testLatestAfterFailure(e *env) {
	for _, state := range []string{incident.EffectDead, incident.EffectSkipped} {
		eff := latest("INC-1/card/" + state)
		e.effects(eff)
		job := e.one(eff.Key)
		e.finish(job, state)
		e.clock.Add(time.Hour)
		e.none()
		e.effects(eff)
		job = e.one(eff.Key)
		if job.Attempt != 2 {
			e.Errorf("attempt %d after a %s one, want 2: it may have happened", job.Attempt, state)
		}
		if jobs, err := e.Jobs(e.ctx(), state, 10); err != nil || len(jobs) != 0 {
			e.Errorf("Jobs(%s) = %v, %v, want none: it runs again", state, jobs, err)
		}
		e.effects(eff) // and was put while it ran for the last time
		e.finish(job, state)
		e.clock.Add(outbox.MinInterval)
		e.finish(e.one(eff.Key), incident.EffectDone)
		if got := e.state(eff.Key); got.State != incident.EffectDone || got.Error != "" {
			e.Errorf("state = %+v, want done without an error", got)
		}
	}
}

func testEffectsWithin(e *env) {
	e.effects(once("INC-1/a/1"))
	var got []string
	e.update(func(tx incident.Tx) error {
		if err := tx.PutEffects([]incident.Effect{once("INC-1/b/1"), once("INC-1/a/2"), once("INC-2/a/1")}); err != nil {
			return err
		}
		all, err := tx.Effects(1)
		got = nil
		for _, s := range all {
			got = append(got, s.Key)
		}
		return err
	})
	if want := []string{"INC-1/a/1", "INC-1/a/2", "INC-1/b/1"}; !slices.Equal(got, want) {
		e.Errorf("Effects inside the change = %v, want %v", got, want)
	}
}

func testEffectsOfOne(e *env) {
	e.effects(once("INC-1/a/1"), once("INC-10/a/1"), once("INC-1/a/10"), once("INC-100/a/1"), once("INC-256/a/ü 😀"))
	for id, want := range map[incident.ID][]string{
		1: {"INC-1/a/1", "INC-1/a/10"}, 10: {"INC-10/a/1"}, 2: nil, 256: {"INC-256/a/ü 😀"},
	} {
		e.view(func(tx incident.Tx) error {
			all, err := tx.Effects(id)
			var got []string
			for _, s := range all {
				got = append(got, s.Key)
				if s.State != incident.EffectWaiting || !s.NextAt.Equal(Start) || s.Lane == "" {
					e.Errorf("state = %+v, want waiting, due now", s)
				}
			}
			if !slices.Equal(got, want) {
				e.Errorf("Effects(%s) = %v, want %v", id, got, want)
			}
			return err
		})
	}
}

func testBadEffects(e *env) {
	for name, eff := range map[string]incident.Effect{
		"no key":      {Kind: "x", Mode: incident.Once, Lane: "l"},
		"long key":    {Key: strings.Repeat("k", 5000), Kind: "x", Mode: incident.Once, Lane: "l"},
		"NUL in key":  {Key: "a\x00b", Kind: "x", Mode: incident.Once, Lane: "l"},
		"NUL in lane": {Key: "a", Kind: "x", Mode: incident.Once, Lane: "l\x00"},
		"no mode":     {Key: "a", Kind: "x", Lane: "l"},
		"data":        {Key: "a", Kind: "x", Mode: incident.Once, Lane: "l", Data: json.RawMessage("{")},
	} {
		err := e.Update(e.ctx(), func(tx incident.Tx) error {
			return tx.PutEffects([]incident.Effect{once("INC-1/a/1"), eff})
		})
		if err == nil {
			e.Errorf("%s: PutEffects succeeds", name)
		}
	}
	e.none()
	// Without a lane it waits for nobody.
	e.effects(incident.Effect{Key: "answer/1", Kind: "x", Mode: incident.Once}, incident.Effect{Key: "answer/2", Kind: "x", Mode: incident.Once})
	if got := keysOf(e.lease(10)); len(got) != 2 {
		e.Errorf("Lease = %v, want both", got)
	}
}

func testRetry(e *env) {
	for _, state := range []string{incident.EffectDead, incident.EffectSkipped} {
		eff := once("INC-1/mail/" + state)
		eff.Data = json.RawMessage(`{"text":"hello"}`)
		e.effects(eff)
		e.finish(e.one(eff.Key), state)
		e.clock.Add(48 * time.Hour)
		e.must(e.Retry(e.ctx(), eff.Key, e.clock.Now()))
		e.must(e.Retry(e.ctx(), eff.Key, e.clock.Now())) // a second click changes nothing
		job := e.one(eff.Key)
		if job.Attempt != 2 || !job.FirstDue.Equal(e.clock.Now()) || string(job.Data) != `{"text":"hello"}` {
			e.Errorf("job = %+v, want the second attempt, as young as the click, with its data", job)
		}
		e.must(e.Retry(e.ctx(), eff.Key, e.clock.Now()))
		e.none() // it runs
		e.finish(job, incident.EffectDone)
		if err := e.Retry(e.ctx(), eff.Key, e.clock.Now()); !errors.Is(err, incident.ErrConflict) {
			e.Errorf("Retry of a done effect = %v, want ErrConflict", err)
		}
	}
	if err := e.Retry(e.ctx(), "INC-9/none", Start); !errors.Is(err, incident.ErrNotFound) {
		e.Errorf("Retry of an unknown effect = %v, want ErrNotFound", err)
	}
	eff := once("INC-2/mail/1")
	eff.Due = e.clock.Now().Add(time.Hour)
	e.effects(eff)
	e.none()
	for range 2 { // the click wins over the effect's own time, each time
		e.must(e.Retry(e.ctx(), eff.Key, e.clock.Now()))
		e.finish(e.one(eff.Key), incident.EffectDead)
	}
}

func testBacklog(e *env) {
	want := func(what string, want outbox.Backlog) {
		e.Helper()
		got, err := e.Backlog(e.ctx())
		if d := cmp.Diff(want, got); d != "" || err != nil {
			e.Errorf("%s: Backlog (-want +got), err %v:\n%s", what, err, d)
		}
	}
	want("empty", outbox.Backlog{})
	later := once("INC-1/a/1")
	later.Due = Start.Add(time.Hour)
	e.effects(later)
	want("one later", outbox.Backlog{Next: later.Due, Waiting: 1, Oldest: later.Due})
	e.clock.Add(time.Minute)
	urgent := once("INC-2/a/1")
	urgent.Urgent = true
	e.effects(urgent, once("INC-2/a/2"))
	now := e.clock.Now()
	want("three", outbox.Backlog{Next: now, Waiting: 3, Oldest: now})
	job := e.one("INC-2/a/1")
	want("one leased", outbox.Backlog{Next: now.Add(time.Minute), Waiting: 3, Oldest: now})
	e.must(e.Finish(e.ctx(), job, outbox.Outcome{State: incident.EffectWaiting, At: now, Next: now.Add(2 * time.Hour)}))
	want("one to be retried", outbox.Backlog{Next: later.Due, Waiting: 3, Oldest: now})
	e.clock.Add(3 * time.Hour)
	for _, job := range e.lease(10) {
		e.finish(job, incident.EffectDead)
	}
	want("one left", outbox.Backlog{Next: now, Waiting: 1, Oldest: now})
	e.finish(e.one("INC-2/a/2"), incident.EffectDone)
	want("nothing left", outbox.Backlog{})
}

func testJobs(e *env) {
	list := func(state string, limit int) []string {
		e.Helper()
		jobs, err := e.Jobs(e.ctx(), state, limit)
		e.must(err)
		out := []string{}
		for _, j := range jobs {
			if j.State != state {
				e.Errorf("Jobs(%s) gives %+v", state, j)
			}
			out = append(out, j.Key)
		}
		return out
	}
	for _, id := range []int{5, 3, 4, 1, 2} { // numbers that are not in order of time
		e.effects(once(fmt.Sprintf("INC-%d/a/1", id)))
		e.clock.Add(time.Second)
	}
	if got, want := list(incident.EffectWaiting, 10), []string{"INC-2/a/1", "INC-1/a/1", "INC-4/a/1", "INC-3/a/1", "INC-5/a/1"}; !slices.Equal(got, want) {
		e.Errorf("waiting = %v, want %v", got, want)
	}
	for _, job := range e.lease(10) {
		state := incident.EffectDead
		if job.Incident == 3 {
			state = incident.EffectSkipped
		}
		e.finish(job, state)
		e.clock.Add(time.Second)
	}
	if got, want := list(incident.EffectDead, 3), []string{"INC-2/a/1", "INC-1/a/1", "INC-4/a/1"}; !slices.Equal(got, want) {
		e.Errorf("dead = %v, want %v", got, want)
	}
	if got, want := list(incident.EffectSkipped, 3), []string{"INC-3/a/1"}; !slices.Equal(got, want) {
		e.Errorf("skipped = %v, want %v", got, want)
	}
	e.must(e.Retry(e.ctx(), "INC-1/a/1", e.clock.Now()))
	if got, want := list(incident.EffectDead, 10), []string{"INC-2/a/1", "INC-4/a/1", "INC-5/a/1"}; !slices.Equal(got, want) {
		e.Errorf("dead after a retry = %v, want %v", got, want)
	}
	if got := list(incident.EffectWaiting, 0); len(got) != 0 {
		e.Errorf("Jobs with the limit 0 = %v", got)
	}
	if _, err := e.Jobs(e.ctx(), incident.EffectDone, 10); !errors.Is(err, incident.ErrInvalid) {
		e.Errorf("Jobs(done) = %v, want ErrInvalid", err)
	}
}
