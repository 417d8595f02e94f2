package botframeworksim

import "time"

type window struct {
	n   int
	per time.Duration
}

// Teams' limits of one bot in one thread, and of one app in a tenant.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
var (
	sendWindows = []window{{7, time.Second}, {8, 2 * time.Second}, {60, 30 * time.Second}, {1800, time.Hour}}
	readWindows = []window{{14, time.Second}, {16, 2 * time.Second}, {120, 30 * time.Second}, {3600, time.Hour}}
	appWindows  = []window{{30, time.Second}}
)

// jitter is by how much the windows are shorter than told: two calls that left
// a second apart may arrive in less.
const jitter = 50 * time.Millisecond

// take counts a call, or returns how long it is too early. s.mu is held.
func (s *Server) take(key string, windows []window) (tooEarly time.Duration) {
	if s.o.NoRateLimits {
		return 0
	}
	now := s.o.Now()
	early := max(s.early(key, windows, now), s.early("app", appWindows, now))
	if early > 0 {
		return early
	}
	for _, k := range []string{key, "app"} {
		s.windows[k] = append(s.windows[k], now)
	}
	return 0
}

func (s *Server) early(key string, windows []window, now time.Time) time.Duration {
	times := s.windows[key]
	for len(times) > 0 && now.Sub(times[0]) >= windows[len(windows)-1].per {
		times = times[1:]
	}
	s.windows[key] = times
	var wait time.Duration
	for _, w := range windows {
		if i := len(times) - w.n; i >= 0 {
			wait = max(wait, w.per-jitter-now.Sub(times[i]))
		}
	}
	return wait
}
