package rest_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"imbot/integrations/internal/rest"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		after, reset string
		want         time.Duration
	}{
		{"30", "", 30 * time.Second},
		{" 0.5 ", "", 500 * time.Millisecond},
		{"", "", 0},
		{"0", "", 0},
		{"soon", "later", 0},
		{"-5", "", 0},
		{"NaN", "", 0},
		{"Inf", "", 24 * time.Hour},
		{"1e300", "", 24 * time.Hour},
		{"Sun, 01 Mar 2026 08:00:30 GMT", "", 30 * time.Second},
		{"Sun, 01 Mar 2026 07:00:00 GMT", "", 0},
		{"Sun, 01 Mar 2036 07:00:00 GMT", "", 24 * time.Hour},
		{"", "2026-03-01T09:00:00Z", time.Hour},
		{"", "2026-03-01T08:05Z", 5 * time.Minute},
		{"", "2026-03-01T08:02:01.5Z", 121500 * time.Millisecond},
		{"", "2026-03-01T15:00:10.000+0700", 10 * time.Second},
		{"", "2026-02-01T08:02Z", 0},
		{"", "1772352000", 0},
		{"10", "2026-03-01T09:00:00Z", 10 * time.Second},
		{"9999999999999", "", 24 * time.Hour},
		{"", "2099-01-01T00:00:00Z", 24 * time.Hour},
	} {
		h := make(http.Header)
		h.Set("Retry-After", tt.after)
		h.Set("X-RateLimit-Reset", tt.reset)
		if got := rest.RetryAfter(h, now); got != tt.want {
			t.Errorf("RetryAfter(%q, %q) = %s, want %s", tt.after, tt.reset, got, tt.want)
		}
	}
}

// FuzzRetryAfter: whatever a far end asks for, the wait is of some sense.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "120", "-1", "1e9", "Sun, 01 Mar 2026 10:01:00 GMT", "99999999999999999999", "\x00"} {
		f.Add(s, "9999-01-01T00:00:00Z")
	}
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, after, reset string) {
		if d := rest.RetryAfter(http.Header{"Retry-After": {after}, "X-Ratelimit-Reset": {reset}}, now); d < 0 || d > 24*time.Hour {
			t.Errorf("%q, %q: wait %v", after, reset, d)
		}
	})
}

func TestAddress(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://api.example.com": true, "https://api.example.com/v1/": true, "http://127.0.0.1:80/": true, "http://localhost:1": true, "http://[::1]:1": true,
		"http://api.example.com": false, "http://127.0.0.1.evil.example": false, "ftp://127.0.0.1": false, "https://user:secret@api.example.com": false,
		"api.example.com": false, "https://api.example.com?x=1": false, "https://api.example.com#x": false, "": false, "://": false,
	} {
		if _, err := rest.Address("x", raw, "https://x.example"); (err == nil) != ok {
			t.Errorf("Address(%q) = %v, want fine %v", raw, err, ok)
		}
	}
}

func TestIsJSON(t *testing.T) {
	for media, want := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "application/problem+json": true,
		"text/html": false, "": false, "application/jsonp": false, "text/plain; application/json": false,
	} {
		if got := rest.IsJSON(http.Header{"Content-Type": {media}}); got != want {
			t.Errorf("IsJSON(%q) = %v", media, got)
		}
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("reset")
	with := &url.Error{Op: "Get", URL: "https://x.example/?mail=ani", Err: cause}
	if got := rest.Silence(t.Context(), with); got != cause {
		t.Errorf("Silence = %v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := rest.Silence(ended, with); got != context.Canceled {
		t.Errorf("Silence = %v after the end", got)
	}
	for _, tt := range []struct{ got, want string }{
		{rest.Text("x", "read", "none", 404, cause, "", "burst"), "x: read: none (status 404, burst): reset"},
		{rest.Text("x", "", "none", 200, nil), "x: none"},
		{rest.Answered("X", 404), "X answered not found"},
		{rest.Answered("X", 599), "X answered with status 599"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

// A redirect would carry the secrets elsewhere.
func TestClientFollowsNothing(t *testing.T) {
	under := &http.Transport{}
	c := rest.Client(&http.Client{Transport: under})
	if c.Transport != under || c.CheckRedirect(nil, nil) != http.ErrUseLastResponse {
		t.Errorf("client %+v", c)
	}
	if c := rest.Client(nil); c.Transport != nil || c.CheckRedirect(nil, nil) != http.ErrUseLastResponse {
		t.Errorf("client %+v", c)
	}
}
