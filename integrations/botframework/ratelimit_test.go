package botframework

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// within reports the first span in which more than n of the ascending times lie.
func within(times []time.Time, l limit) string {
	for i := range times {
		if j := i + l.n; j < len(times) && times[j].Sub(times[i]) < l.per {
			return fmt.Sprintf("%d calls in %s, from call %d on", l.n+1, times[j].Sub(times[i]), i)
		}
	}
	return ""
}

func TestLimiterKeepsEveryWindow(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(func() time.Time { return now }, func(_ context.Context, d time.Duration) error {
		now = now.Add(d)
		return nil
	}, 24*time.Hour)
	var times []time.Time
	for i := range 4000 {
		if i%97 == 0 {
			now = now.Add(7 * time.Second) // pauses, after which a bucket would be full again
		}
		if err := l.wait(t.Context(), "send", "c", sendLimits); err != nil {
			t.Fatal(err)
		}
		times = append(times, now)
	}
	for _, lim := range sendLimits {
		if bad := within(times, lim); bad != "" {
			t.Errorf("limit %v: %s", lim, bad)
		}
	}
	if h := l.threads["c"]; len(h.times) > 1800 {
		t.Errorf("%d times remembered", len(h.times))
	}
}

func TestLimiterAppLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(time.Now, sleepFor, time.Minute)
		var mu sync.Mutex
		var times []time.Time
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				if err := l.wait(t.Context(), "send", fmt.Sprint(i), sendLimits); err != nil {
					t.Error(err)
				}
				mu.Lock()
				times = append(times, time.Now())
				mu.Unlock()
			})
		}
		all.Wait()
		if bad := within(times, appLimits[0]); bad != "" {
			t.Error(bad)
		}
		if took := times[99].Sub(times[0]); took != 3*time.Second {
			t.Errorf("100 calls took %s, want 3 s", took)
		}
	})
}

func TestLimiterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(time.Now, sleepFor, 2*time.Second)
		began := time.Now()
		n := 0
		var err error
		for ; err == nil; n++ {
			err = l.wait(t.Context(), "send", "c", sendLimits)
		}
		var e *Error
		if !errors.As(err, &e) || e.Permanent() || e.Ambiguous() || e.RetryAfter() <= 2*time.Second {
			t.Errorf("call %d after %s: %v, retry after %s", n, time.Since(began), err, e.RetryAfter())
		}
		if n != 61 { // 60 in 30 s
			t.Errorf("call %d was refused, want 61", n)
		}
		time.Sleep(e.RetryAfter())
		if err := l.wait(t.Context(), "send", "c", sendLimits); err != nil {
			t.Errorf("after the told time: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		for err = nil; err == nil; {
			err = l.wait(ctx, "send", "d", sendLimits)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("end of the context: %v", err)
		}
	})
}

func TestLimiterForgets(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(func() time.Time { return now }, sleepFor, time.Hour)
	l.app.limits = []limit{{1 << 30, time.Second}}
	for i := range maxThreads + 10 {
		if err := l.wait(t.Context(), "send", fmt.Sprint(i), sendLimits); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Millisecond)
	}
	if n := len(l.threads); n != maxThreads {
		t.Errorf("%d threads remembered, want %d", n, maxThreads)
	}
	if l.threads["0"] != nil || l.threads[fmt.Sprint(maxThreads+9)] == nil {
		t.Error("the wrong ones were forgotten")
	}
	now = now.Add(2 * time.Hour)
	if err := l.wait(t.Context(), "send", "new", sendLimits); err != nil {
		t.Fatal(err)
	}
	if n := len(l.threads); n != 1 {
		t.Errorf("%d threads remembered after they were idle, want 1", n)
	}
}

// Whoever has waited for the thread's turn is not sent away by the app's limit
// when it allows the call at once, and never with "come back in 0 s": callers
// would take that for a failure of their own, and wait longer with every try.
func TestLimiterAfterAWait(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(func() time.Time { return now }, func(_ context.Context, d time.Duration) error {
		now = now.Add(d + 30*time.Millisecond) // machines are late
		return nil
	}, time.Second)
	for i := range 200 {
		err := l.wait(t.Context(), "send", "c", sendLimits)
		var e *Error
		switch {
		case err == nil:
		case !errors.As(err, &e) || e.RetryAfter() <= 0:
			t.Fatalf("call %d: %v, which does not say when to come back", i, err)
		case now.Add(e.RetryAfter()).Before(now.Add(time.Second)):
			t.Fatalf("call %d: %v, though it might have waited so long", i, err)
		default:
			now = now.Add(e.RetryAfter())
		}
	}
}
