package mail

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// budget keeps the mails of any minute within the limit: a quarter of them may
// go at once, the rest is spread evenly over the minute.
type budget struct {
	mu  sync.Mutex // one look and take at a time
	lim *rate.Limiter
}

func newBudget(perMinute int) *budget {
	burst := max(perMinute/4, 1)
	refill := float64(max(perMinute-burst, 1)) / 60
	return &budget{lim: rate.NewLimiter(rate.Limit(refill), burst)}
}

// take takes one mail out of the budget and returns 0, or returns after what
// time there is one.
func (b *budget) take(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lim.AllowN(now, 1) {
		return 0
	}
	missing := 1 - b.lim.TokensAt(now)
	return time.Duration(missing/float64(b.lim.Limit())*float64(time.Second)) + time.Millisecond
}
