package pagerduty

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// However hard it is pressed, the budget lets no more than the limit pass in any
// 60 seconds, and not much less over time.
func TestBudgetKeepsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 960
		b := newBudget(limit)
		start := time.Now()
		var sent []time.Time
		for time.Since(start) < 5*time.Minute {
			if err := b.wait(t.Context(), time.Now, time.Hour, true); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, time.Now())
		}
		first := 0
		for n, at := range sent {
			for at.Sub(sent[first]) >= time.Minute {
				first++
			}
			if n-first+1 > limit {
				t.Fatalf("%d requests in the minute before %v", n-first+1, at.Sub(start))
			}
		}
		if want := 240 + 5*720; len(sent) < want-5 || len(sent) > want+5 {
			t.Errorf("%d requests in 5 minutes, want about %d", len(sent), want)
		}
	})
}

func TestBudgetLeavesAReserveToUrgentRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(960)
		background := 0
		for b.wait(t.Context(), time.Now, 0, false) == nil {
			background++
		}
		if background != 180 {
			t.Errorf("%d background requests at once, want 180 of the burst of 240", background)
		}
		start := time.Now()
		for range 60 {
			if err := b.wait(t.Context(), time.Now, 0, true); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("urgent requests waited %v", d)
		}
		// Background ones go on when the reserve is full again: after 61 tokens at 12/s.
		if err := b.wait(t.Context(), time.Now, time.Minute, false); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 5*time.Second || d > 5200*time.Millisecond {
			t.Errorf("a background request waited %v, want 5.1s", d)
		}
	})
}

func TestBudgetGivesUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(60) // 15 at once, then 0.75/s
		for range 15 {
			if err := b.wait(t.Context(), time.Now, 0, true); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		err := b.wait(t.Context(), time.Now, time.Second, true)
		if err == nil || err.Permanent() || err.RetryAfter() < time.Second || err.RetryAfter() > 2*time.Second {
			t.Errorf("wait = %v, want a retryable error with the time to wait", err)
		}
		if time.Since(start) != 0 {
			t.Errorf("it took %v to give up", time.Since(start))
		}
		// Having given up takes nothing: the next one waits no longer for it.
		if err := b.wait(t.Context(), time.Now, 2*time.Second, true); err != nil {
			t.Errorf("wait = %v", err)
		}
		if d := time.Since(start); d > 1500*time.Millisecond {
			t.Errorf("waited %v, want 1.33s", d)
		}
	})
}

func TestBudgetEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(60)
		for b.wait(t.Context(), time.Now, 0, true) == nil {
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := b.wait(ctx, time.Now, time.Minute, true)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("wait = %v after %v", err, time.Since(start))
		}
		if err := b.wait(t.Context(), time.Now, 1300*time.Millisecond, true); err != nil {
			t.Errorf("the token was not given back: %v", err)
		}
	})
}

func TestBudgetPausesAfter429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(960)
		resp := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{}}
		b.observe(time.Now(), resp) // without headers, as happens
		if err := b.wait(t.Context(), time.Now, 0, true); err != nil {
			t.Errorf("wait after a 429 that names no time = %v", err)
		}
		resp.Header.Set("ratelimit-reset", "30")
		b.observe(time.Now(), resp)
		for _, urgent := range []bool{true, false} {
			if err := b.wait(t.Context(), time.Now, 2*time.Second, urgent); err == nil || err.RetryAfter() != 30*time.Second {
				t.Errorf("wait(urgent %v) = %v, want an error with 30s", urgent, err)
			}
		}
		start := time.Now()
		if err := b.wait(t.Context(), time.Now, time.Minute, true); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("wait = %v after %v, want nil after 30s", err, time.Since(start))
		}
		resp.Header.Set("ratelimit-reset", "999999")
		b.observe(time.Now(), resp)
		if err := b.wait(t.Context(), time.Now, time.Second, true); err == nil || err.RetryAfter() != maxPause {
			t.Errorf("wait = %v, want an error with %v", err, maxPause)
		}
	})
}

func TestResetAfter(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        time.Duration
	}{
		{"ratelimit-reset", "7", 7 * time.Second},
		{"ratelimit-reset", "0.5", 500 * time.Millisecond},
		{"Retry-After", "3", 3 * time.Second},
		{"ratelimit-reset", "-1", 0},
		{"ratelimit-reset", "NaN", 0},
		{"ratelimit-reset", "soon", 0},
		{"x", "1", 0},
	} {
		h := http.Header{}
		h.Set(tt.name, tt.value)
		if got := resetAfter(h); got != tt.want {
			t.Errorf("resetAfter(%s: %s) = %v, want %v", tt.name, tt.value, got, tt.want)
		}
	}
}
