// Package rig is what the tests of vendors' clients have in common: a clock, and
// the checks of errors.
package rig

import (
	"errors"
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
