package jirasim

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Jira Cloud's limits for traffic with an API token.
// https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
const (
	readsPerSecond  = 100 // of one endpoint; posts, too
	issuesPerSecond = 150 // GET of one issue
	putsPerSecond   = 50

	shortWrites, shortWindow = 20, 2 * time.Second // of one issue
	longWrites, longWindow   = 100, 30 * time.Second
)

// bucket is a token bucket of one endpoint.
type bucket struct {
	tokens float64
	at     time.Time
}

// limited answers calls that are one too many. It reports whether it did.
func (s *Server) limited(w http.ResponseWriter, r *http.Request) bool {
	if s.opt.Unlimited || s.opt.DataCenter {
		return false
	}
	s.mu.Lock()
	wait, reason := s.burst(r), "jira-burst-based"
	if wait == 0 {
		wait, reason = s.tooManyWrites(r), "jira-per-issue-on-write"
	}
	now := s.now()
	s.mu.Unlock()
	if wait == 0 {
		return false
	}
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	w.Header().Set("X-RateLimit-Reset", now.Add(time.Duration(seconds)*time.Second).Format("2006-01-02T15:04Z"))
	w.Header().Set("RateLimit-Reason", reason)
	s.tooMany(w)
	return true
}

// burst takes a token, or returns when there will be one.
func (s *Server) burst(r *http.Request) time.Duration {
	rate := float64(readsPerSecond)
	switch {
	case r.Method == http.MethodPut || r.Method == http.MethodDelete:
		rate = putsPerSecond
	case r.Method == http.MethodGet && r.Pattern == "GET /rest/api/2/issue/{key}":
		rate = issuesPerSecond
	}
	now := s.now()
	b := s.buckets[r.Pattern]
	if b == nil {
		b = &bucket{tokens: rate, at: now}
		s.buckets[r.Pattern] = b
	}
	b.tokens = min(b.tokens+now.Sub(b.at).Seconds()*rate, rate)
	b.at = now
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) / rate * float64(time.Second))
	}
	b.tokens--
	return 0
}

// tooManyWrites counts changes of one issue.
func (s *Server) tooManyWrites(r *http.Request) time.Duration {
	i := s.find(r.PathValue("key"))
	if r.Method == http.MethodGet || i == nil || !strings.HasPrefix(r.URL.Path, "/rest/api/2/issue/") {
		return 0
	}
	now := s.now()
	recent := s.writes[i.ID]
	for len(recent) > 0 && now.Sub(recent[0]) >= longWindow {
		recent = recent[1:]
	}
	if n := len(recent); n >= longWrites {
		return recent[n-longWrites].Add(longWindow).Sub(now)
	} else if n >= shortWrites {
		if wait := recent[n-shortWrites].Add(shortWindow).Sub(now); wait > 0 {
			return wait
		}
	}
	s.writes[i.ID] = append(recent, now)
	return 0
}
