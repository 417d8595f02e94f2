// Package rig is what the tests of vendors' clients have in common: a clock,
// answers that are always the same, and the checks of errors.
package rig

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Clock is a time that passes only when told to.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock returns a clock that shows 1 March 2026, 8:00 UTC.
func NewClock() *Clock { return &Clock{t: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)} }

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Pass moves the clock forward.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// Must ends the test if there is an error.
func Must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// Failed wants a vendor's error with this status and this permanence, and
// returns it.
func Failed[E interface {
	error
	Permanent() bool
}](t testing.TB, what string, err error, status func(E) int, want int, permanent bool) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("%s: %v, want a %T", what, err, e)
	}
	if got := status(e); got != want || e.Permanent() != permanent {
		t.Errorf("%s: %v: status %d, permanent %v, want %d, %v", what, err, got, e.Permanent(), want, permanent)
	}
	return e
}

// Says wants an error of one line that has the words, and neither the secrets
// nor the address of a server on this machine.
func Says(t testing.TB, what string, err error, words string, secrets ...string) {
	t.Helper()
	text := err.Error()
	if !strings.Contains(text, words) || strings.ContainsAny(text, "\r\n\x00") || len(text) > 800 {
		t.Errorf("%s: %q, want %q in one short line", what, text, words)
	}
	for _, s := range append(secrets, "127.0.0.1") {
		if strings.Contains(text, s) {
			t.Errorf("%s: %q holds what it should not", what, text)
		}
	}
}

// Text answers everything with a text.
func Text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// Status answers everything with a status, and to try again in 9 s, elsewhere.
func Status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "9")
		w.Header().Set("Location", "https://login.example/")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}
