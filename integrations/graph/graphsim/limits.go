package graphsim

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Graph's limits of one app in one tenant.
// https://learn.microsoft.com/graph/throttling-limits
const (
	teamsPerSecond    = 30
	installsPerSecond = 30
	mailAtOnce        = 4 // of one mailbox
)

// bucket counts the calls of a kind within a second.
type bucket struct{ calls []time.Time }

// limited answers calls that are one too many. It reports whether it did. s.mu
// is held.
func (s *Server) limited(w http.ResponseWriter, r *http.Request) bool {
	if s.opt.Unlimited {
		return false
	}
	kind, most := "teams", teamsPerSecond
	switch path := strings.TrimPrefix(r.URL.Path, "/v1.0"); {
	case strings.HasPrefix(path, "/users") && !strings.HasSuffix(path, "/chats") && !strings.Contains(path, "/teamwork/"):
		return false
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/installedApps"):
		kind, most = "installs", installsPerSecond
	}
	b := s.buckets[kind]
	if b == nil {
		b = &bucket{}
		s.buckets[kind] = b
	}
	now := s.opt.Now()
	for len(b.calls) > 0 && now.Sub(b.calls[0]) >= time.Second {
		b.calls = b.calls[1:]
	}
	if len(b.calls) >= most {
		wait := math.Ceil(b.calls[0].Add(time.Second).Sub(now).Seconds())
		w.Header().Set("Retry-After", strconv.Itoa(int(max(wait, 1))))
		s.refuse(w, http.StatusTooManyRequests, "TooManyRequests", "Too many requests")
		return true
	}
	b.calls = append(b.calls, now)
	return false
}
