package pagerduty

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxPause bounds how long one answer can hold back all requests: PagerDuty's
// limit is counted by the minute.
const maxPause = 2 * time.Minute

// budget keeps the requests of any 60 seconds within the limit: a quarter of it
// may go at once, the rest is spread evenly over the minute. Urgent requests
// are served in order of arrival; background ones leave a reserve to them.
type budget struct {
	mu      sync.Mutex
	lim     *rate.Limiter
	reserve float64   // tokens that background requests don't touch
	paused  time.Time // PagerDuty's limit is used up until then
}

func newBudget(perMinute int) *budget {
	burst := max(perMinute/4, 1)
	refill := float64(max(perMinute-burst, 1)) / 60
	return &budget{lim: rate.NewLimiter(rate.Limit(refill), burst), reserve: float64(burst) / 4}
}

// wait returns nil when a request may be made. It returns an error at once if
// that would take longer than most, and when ctx ends.
func (b *budget) wait(ctx context.Context, now func() time.Time, most time.Duration, urgent bool) *Error {
	start := now()
	for {
		t := now()
		delay, taken, giveBack := b.take(t, most-t.Sub(start), urgent)
		if delay > most-t.Sub(start) {
			return &Error{
				Message:    fmt.Sprintf("not sent: the request budget is used up for %s", delay.Round(time.Millisecond)),
				retryAfter: delay,
			}
		}
		if delay > 0 {
			timer := time.NewTimer(delay)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				giveBack()
				return &Error{Message: "not sent: waited for the request budget", Err: ctx.Err()}
			}
		}
		if taken {
			return nil
		}
	}
}

// take takes a token, or says after what delay to ask again. An urgent request
// takes its token ahead of time if the delay is not more than most; giveBack
// undoes that.
func (b *budget) take(now time.Time, most time.Duration, urgent bool) (delay time.Duration, taken bool, giveBack func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if pause := b.paused.Sub(now); pause > 0 {
		return pause, false, func() {}
	}
	if !urgent {
		missing := b.reserve + 1 - b.lim.TokensAt(now)
		if missing > 0 {
			seconds := missing / float64(b.lim.Limit())
			return time.Duration(seconds*float64(time.Second)) + time.Millisecond, false, func() {}
		}
	}
	r := b.lim.ReserveN(now, 1)
	delay = r.DelayFrom(now)
	if delay > most {
		r.CancelAt(now)
		return delay, false, func() {}
	}
	return delay, true, func() { r.CancelAt(now) }
}

// observe holds all requests back for as long as PagerDuty says that its limit
// is used up, by us or by others with the same key.
func (b *budget) observe(now time.Time, resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests {
		return
	}
	reset := min(resetAfter(resp.Header), maxPause)
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := now.Add(reset); until.After(b.paused) {
		b.paused = until
	}
}

// resetAfter returns when the rate limit ends, or 0 if the answer does not say:
// PagerDuty sends seconds in ratelimit-reset, not in Retry-After, and at times
// neither. https://developer.pagerduty.com/docs/rest-api-rate-limits
func resetAfter(h http.Header) time.Duration {
	for _, name := range []string{"ratelimit-reset", "Retry-After"} {
		if s, err := strconv.ParseFloat(h.Get(name), 64); err == nil && s > 0 && s < 1e6 {
			return time.Duration(s * float64(time.Second))
		}
	}
	return 0
}
