package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"imbot/incident"
	"imbot/outbox"
)

// counting counts the calls that a store gets.
type counting struct {
	outbox.Store
	leases atomic.Int64
	busy   atomic.Int64 // so many calls of Finish are refused
}

func (c *counting) Lease(ctx context.Context, now, until time.Time, limit int) ([]outbox.Job, error) {
	c.leases.Add(1)
	return c.Store.Lease(ctx, now, until, limit)
}

func (c *counting) Finish(ctx context.Context, job outbox.Job, out outbox.Outcome) error {
	if c.busy.Add(-1) >= 0 {
		return fmt.Errorf("storing: %w", incident.ErrBusy)
	}
	return c.Store.Finish(ctx, job, out)
}

// running starts a runner whose clock is that of the bubble.
func running(t *testing.T, handlers map[string]outbox.Handler) (w *world, c *counting, stop func()) {
	t.Helper()
	w = newWorldAt(t, nil, time.Now, handlers)
	c = &counting{Store: w.store}
	w.runner.Store = c
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.runner.Run(ctx) })
	return w, c, func() {
		cancel()
		wg.Wait()
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Ensure that Run sleeps while there is nothing to do, wakes when told, and runs
// what is due later at its time.
func TestRunSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := make(chan string, 10)
		w, c, stop := running(t, map[string]outbox.Handler{"mail": func(_ context.Context, job outbox.Job) error {
			ran <- job.Key
			return nil
		}})
		defer stop()
		time.Sleep(10 * time.Minute)
		if n := c.leases.Load(); n > 22 {
			t.Errorf("%d looks at an empty store in 10 minutes, want one each 30 s", n)
		}
		begin := time.Now()
		w.put(once("mail", "1"))
		w.runner.Wake()
		w.runner.Wake()
		if key := <-ran; key != "INC-1/mail/1" || time.Since(begin) != 0 {
			t.Errorf("%s ran %s after Wake, want INC-1/mail/1 at once", key, time.Since(begin))
		}
		later := once("mail", "2")
		later.Due = time.Now().Add(10 * time.Second)
		w.put(later)
		w.runner.Wake()
		begin = time.Now()
		if <-ran; time.Since(begin) < 10*time.Second || time.Since(begin) > 10100*time.Millisecond {
			t.Errorf("it ran after %s, want 10 s", time.Since(begin))
		}
		// Another process stores something: nobody wakes this one.
		w.put(once("mail", "3"))
		begin = time.Now()
		if <-ran; time.Since(begin) > 30*time.Second {
			t.Errorf("it ran after %s, want within 30 s", time.Since(begin))
		}
	})
}

// Ensure that a job is run at its time while another one takes long.
func TestRunBesideSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := make(chan time.Time, 1)
		w, _, stop := running(t, map[string]outbox.Handler{
			"slow": func(context.Context, outbox.Job) error { time.Sleep(20 * time.Second); return nil },
			"mail": func(context.Context, outbox.Job) error { ran <- time.Now(); return nil },
		})
		defer stop()
		later := once("mail", "1")
		later.Due = time.Now().Add(5 * time.Second)
		w.put(once("slow", "1"), later)
		w.runner.Wake()
		if late := (<-ran).Sub(later.Due); late > 100*time.Millisecond {
			t.Errorf("it ran %s late", late)
		}
	})
}

// Ensure that no more handlers run than there are workers, that one that is slow
// stops nobody else, and that a lane goes on as soon as its first job is done.
func TestRunWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, done atomic.Int64
		w, _, stop := running(t, map[string]outbox.Handler{"x": func(_ context.Context, job outbox.Job) error {
			for n := now.Add(1); n > most.Load(); {
				most.Store(n)
			}
			if job.Lane == "slow" {
				time.Sleep(40 * time.Second)
			} else {
				time.Sleep(time.Second)
			}
			now.Add(-1)
			done.Add(1)
			return nil
		}})
		defer stop()
		var effects []incident.Effect
		effects = append(effects, incident.Effect{Key: "slow/1", Kind: "x", Mode: incident.Once, Lane: "slow"})
		for i := range 70 {
			effects = append(effects, incident.Effect{Key: fmt.Sprintf("k/%d", i), Kind: "x", Mode: incident.Once, Lane: fmt.Sprintf("lane %d", i%14)})
		}
		w.put(effects...)
		w.runner.Wake()
		time.Sleep(11 * time.Second) // 70 jobs of a second each, on the 7 workers that are left
		if n := done.Load(); n < 63 {
			t.Errorf("%d jobs are done beside a slow one, want almost all 70", n)
		}
		time.Sleep(time.Minute)
		if n, m := done.Load(), most.Load(); n != 71 || m != 8 {
			t.Errorf("%d jobs are done, want 71; at most %d at a time, want 8", n, m)
		}
	})
}

// Ensure that the end of Run's context lets the running handler finish and
// stores how it ended, and that one that does not finish is told to.
func TestRunEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
		want  string
		after time.Duration
	}{
		{"in time", 5 * time.Second, incident.EffectDone, 4 * time.Second},
		{"too slow", time.Hour, incident.EffectWaiting, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldAt(t, nil, time.Now, map[string]outbox.Handler{"mail": func(ctx context.Context, _ outbox.Job) error {
					select {
					case <-time.After(c.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}})
				ctx, cancel := context.WithCancel(context.Background())
				w.put(once("mail", "1"), once("mail", "2"))
				var running sync.WaitGroup
				running.Go(func() { w.runner.Run(ctx) })
				time.Sleep(time.Second)
				cancel()
				begin := time.Now()
				if running.Wait(); time.Since(begin) != c.after {
					t.Errorf("Run ends %s after its context, want %s", time.Since(begin), c.after)
				}
				w.wantState("INC-1/mail/1", c.want, 1)
				w.wantState("INC-1/mail/2", incident.EffectWaiting, 0)
				if err := w.store.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Ensure that a handler that hangs is told to end before its lease does, so that
// no two of them run at the same time.
func TestHandlerDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		var deadlines atomic.Int64
		w, _, stop := runningMail(t, func(ctx context.Context, _ outbox.Job) error {
			if running.Add(1) > 1 {
				t.Error("two handlers of one job run at the same time")
			}
			defer running.Add(-1)
			begin := time.Now()
			<-ctx.Done()
			if d := time.Since(begin); d >= time.Minute {
				t.Errorf("the context ended after %s, want before the lease does", d)
			}
			if errors.Is(ctx.Err(), context.DeadlineExceeded) { // and not the end of the test
				deadlines.Add(1)
			}
			return ctx.Err()
		})
		w.put(once("mail", "1"))
		w.runner.Wake()
		time.Sleep(5 * time.Minute)
		stop()
		if n := deadlines.Load(); n < 3 {
			t.Errorf("the job was tried %d times in 5 minutes, want again and again", n)
		}
	})
}

func runningMail(t *testing.T, h outbox.Handler) (*world, *counting, func()) {
	t.Helper()
	return running(t, map[string]outbox.Handler{"mail": h})
}

// Ensure that an outcome that the store is too busy to take is stored a little
// later, instead of running the job again.
func TestFinishTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran atomic.Int64
		w, c, stop := runningMail(t, func(context.Context, outbox.Job) error {
			ran.Add(1)
			return nil
		})
		c.busy.Store(5)
		w.put(once("mail", "1"))
		w.runner.Wake()
		time.Sleep(10 * time.Minute)
		w.wantState("INC-1/mail/1", incident.EffectDone, 1)
		if n := ran.Load(); n != 1 {
			t.Errorf("the job ran %d times", n)
		}
		stop()
	})
}
