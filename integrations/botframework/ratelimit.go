package botframework

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// limit allows n calls in any span of time of the given length.
type limit struct {
	n   int
	per time.Duration
}

// Teams' limits of one bot in one thread, which is a personal chat, a group
// chat or a whole channel, and the limit of all calls of one app in a tenant
// (50/s in the current page, 30/s in older copies; the lower one is kept).
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
var (
	sendLimits = []limit{{7, time.Second}, {8, 2 * time.Second}, {60, 30 * time.Second}, {1800, time.Hour}}
	readLimits = []limit{{14, time.Second}, {16, 2 * time.Second}, {120, 30 * time.Second}, {3600, time.Hour}}
	appLimits  = []limit{{30, time.Second}}
)

// maxThreads bounds the remembered conversations. When it is reached the idle
// ones are forgotten, and if none is idle the one used longest ago.
const maxThreads = 10000

// limiter keeps the limits by remembering when calls were made. A refilling
// bucket would let twice the number pass in a window that follows a pause.
type limiter struct {
	now     func() time.Time
	sleep   func(context.Context, time.Duration) error
	maxWait time.Duration

	mu      sync.Mutex // guards all below
	app     history
	threads map[string]*history
}

// history holds the times of calls, ascending, none older than its longest limit.
type history struct {
	limits []limit
	times  []time.Time
	until  time.Time // no call before: the far end asked for a pause
}

func newLimiter(now func() time.Time, sleep func(context.Context, time.Duration) error, maxWait time.Duration) *limiter {
	return &limiter{
		now: now, sleep: sleep, maxWait: maxWait,
		app:     history{limits: appLimits},
		threads: map[string]*history{},
	}
}

// wait returns when a call on the thread may be made, or a retryable error if
// that is more than maxWait away. First the thread, then the app: a thread that
// has to wait must not hold back others. Each may take maxWait, for whoever has
// waited for the thread has used up its turn there.
func (l *limiter) wait(ctx context.Context, op, thread string, limits []limit) error {
	for _, pick := range []func() *history{
		func() *history { return l.thread(thread, limits) },
		func() *history { return &l.app },
	} {
		l.mu.Lock()
		now := l.now()
		h := pick()
		at := h.next(now)
		if at.Sub(now) > l.maxWait {
			l.mu.Unlock()
			return &Error{
				Op: op, Code: "RateLimited", retryAfter: at.Sub(now),
				Message: fmt.Sprintf("not sent: Teams' rate limit allows the next call in %s", at.Sub(now).Round(time.Millisecond)),
			}
		}
		h.add(at)
		l.mu.Unlock()
		if d := at.Sub(now); d > 0 {
			if err := l.sleep(ctx, d); err != nil {
				return transportError(op, false, false, err)
			}
		}
	}
	return nil
}

// pause keeps back calls on the thread: the far end asked for it with a 429.
func (l *limiter) pause(thread string, limits []limit, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.thread(thread, limits).until = l.now().Add(d)
}

// thread returns the history of the thread. l.mu is held.
func (l *limiter) thread(key string, limits []limit) *history {
	if h := l.threads[key]; h != nil {
		return h
	}
	if len(l.threads) >= maxThreads {
		l.forget()
	}
	h := &history{limits: limits}
	l.threads[key] = h
	return h
}

// forget drops the threads that are idle, or one if none is. l.mu is held.
func (l *limiter) forget() {
	now := l.now()
	var oldest string
	var oldestUse time.Time
	for key, h := range l.threads {
		h.trim(now)
		if len(h.times) == 0 && !h.until.After(now) {
			delete(l.threads, key)
			continue
		}
		if use := h.lastUse(); oldest == "" || use.Before(oldestUse) {
			oldest, oldestUse = key, use
		}
	}
	if len(l.threads) >= maxThreads {
		delete(l.threads, oldest)
	}
}

func (h *history) lastUse() time.Time {
	if len(h.times) == 0 {
		return h.until
	}
	return h.times[len(h.times)-1]
}

// next returns the earliest time, not before now, at which one more call keeps
// all limits. Times already given out may lie in the future; calls queue up.
func (h *history) next(now time.Time) time.Time {
	at := now
	if h.until.After(at) {
		at = h.until
	}
	if n := len(h.times); n > 0 && h.times[n-1].After(at) {
		at = h.times[n-1]
	}
	for _, lim := range h.limits {
		if i := len(h.times) - lim.n; i >= 0 {
			if free := h.times[i].Add(lim.per); free.After(at) {
				at = free
			}
		}
	}
	return at
}

func (h *history) add(at time.Time) {
	h.times = append(h.times, at)
	h.trim(at)
}

// trim drops what no limit looks at any more.
func (h *history) trim(now time.Time) {
	longest := h.limits[len(h.limits)-1]
	drop := max(0, len(h.times)-longest.n)
	for drop < len(h.times) && !h.times[drop].Add(longest.per).After(now) {
		drop++
	}
	if drop > 0 {
		h.times = append(h.times[:0], h.times[drop:]...)
	}
}

// sleepFor is the default way to wait.
func sleepFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
