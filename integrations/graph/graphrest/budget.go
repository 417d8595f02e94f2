package graphrest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Graph's limits of one app in one tenant. The bucket holds half of what a
// second may have and is refilled with the other half, so that no second sees
// more. https://learn.microsoft.com/graph/throttling-limits
const (
	teamsPerSecond    = 30 // calls of Teams, but for those below
	installsPerSecond = 30 // POST …/installedApps
	mailAtOnce        = 4  // requests under way of one mailbox
)

// maxHold bounds how long one answer can hold back requests.
const maxHold = time.Hour

// maxScopes bounds how many mailboxes are remembered.
const maxScopes = 10_000

// budget keeps requests back that Graph would refuse. It lets a request pass or
// refuses it, and never waits.
type budget struct {
	mu    sync.Mutex
	rates map[string]*rate.Limiter // by scope
	held  map[string]time.Time     // until when, by scope
	busy  map[string]int           // mail requests under way, by scope
}

func newBudget() *budget {
	half := func(perSecond int) *rate.Limiter { return rate.NewLimiter(rate.Limit(perSecond)/2, perSecond/2) }
	return &budget{
		rates: map[string]*rate.Limiter{"teams": half(teamsPerSecond), "installs": half(installsPerSecond)},
		held:  make(map[string]time.Time), busy: make(map[string]int),
	}
}

// admit returns an error for a request that must not be made now, or what to
// call when it is over.
func (b *budget) admit(now time.Time, method, path string) (func(), *Error) {
	scope := scopeOf(method, path)
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait := b.held[scope].Sub(now); wait > 0 {
		return nil, notSent(wait)
	}
	if lim := b.rates[scope]; lim != nil {
		r := lim.ReserveN(now, 1)
		if wait := r.DelayFrom(now); wait > 0 {
			r.CancelAt(now)
			return nil, notSent(wait)
		}
	}
	if !strings.HasPrefix(scope, "mail ") {
		return func() {}, nil
	}
	if b.busy[scope] >= mailAtOnce {
		return nil, notSent(time.Second)
	}
	b.busy[scope]++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.busy[scope]--; b.busy[scope] == 0 {
			delete(b.busy, scope)
		}
	}, nil
}

func notSent(wait time.Duration) *Error {
	return &Error{
		Message: fmt.Sprintf("not sent: Graph's limit is used up for %s", wait.Round(time.Millisecond)),
		Reason:  ReasonLimit, retryAfter: wait,
	}
}

// observe holds back what a refusal with 429 or 503 names a time for.
func (b *budget) observe(now time.Time, method, path string, e *Error) {
	if e.retryAfter <= 0 || (e.Status != http.StatusTooManyRequests && e.Status != http.StatusServiceUnavailable) {
		return
	}
	scope := scopeOf(method, path)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.held) >= maxScopes {
		clear(b.held) // Graph will say so again
	}
	if until := now.Add(min(e.retryAfter, maxHold)); until.After(b.held[scope]) {
		b.held[scope] = until
	}
}

// scopeOf returns what a request is counted by: "teams", "installs",
// "meetings", "people", or "mail" and the mailbox.
func scopeOf(method, path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	last := parts[len(parts)-1]
	switch {
	case last == "installedApps" && method == http.MethodPost:
		return "installs"
	case parts[0] != "users" || last == "chats" || len(parts) > 2 && parts[2] == "teamwork":
		return "teams"
	case last == "sendMail":
		return "mail " + strings.ToLower(parts[1])
	case len(parts) > 2 && parts[2] == "onlineMeetings":
		return "meetings"
	}
	return "people"
}
