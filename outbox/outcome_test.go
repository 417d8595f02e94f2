package outbox

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

// vendorError is how integrations report failures.
type vendorError struct {
	permanent bool
	after     time.Duration
}

func (e *vendorError) Error() string             { return "the vendor said no" }
func (e *vendorError) Permanent() bool           { return e.permanent }
func (e *vendorError) RetryAfter() time.Duration { return e.after }

func TestOutcome(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	wrap := func(err error) error { return fmt.Errorf("posting the card: %w", err) }
	const waiting = incident.EffectWaiting
	for _, c := range []struct {
		name string
		age  time.Duration
		err  error
		want Outcome
	}{
		{"done", 0, nil, Outcome{State: incident.EffectDone}},
		{"old, but done", 48 * time.Hour, nil, Outcome{State: incident.EffectDone}},
		{"permanent", 0, wrap(ErrPermanent), Outcome{State: incident.EffectDead, Error: "posting the card: permanent failure"}},
		{"vendor says permanent", 0, wrap(&vendorError{permanent: true, after: time.Hour}), Outcome{State: incident.EffectDead, Error: "posting the card: the vendor said no"}},
		{"skipped", 48 * time.Hour, wrap(Skip("dry run")), Outcome{State: incident.EffectSkipped, Error: "dry run"}},
		{"later", 0, wrap(Later(in(time.Hour), "held")), Outcome{State: waiting, Error: "posting the card: held", Next: in(time.Hour)}},
		{"later that has passed", 0, Later(in(-time.Hour), "held"), Outcome{State: waiting, Error: "held", Next: in(time.Second)}},
		{"vendor says when", 0, wrap(&vendorError{after: 7 * time.Minute}), Outcome{State: waiting, Error: "posting the card: the vendor said no", Next: in(7 * time.Minute)}},
		{"vendor asks too much", 0, &vendorError{after: 9999 * time.Hour}, Outcome{State: waiting, Error: "the vendor said no", Next: in(24 * time.Hour)}},
		{"vendor does not say when", 0, &vendorError{}, Outcome{State: waiting, Error: "the vendor said no", Next: in(4500 * time.Millisecond)}},
		{"other", 24 * time.Hour, errors.New("no route"), Outcome{State: waiting, Error: "no route", Next: in(4500 * time.Millisecond)}},
		{"too old", 24*time.Hour + 1, errors.New("no route"), Outcome{State: incident.EffectDead, Error: "given up after 24h0m0s and 3 tries: no route"}},
		{"too old for the vendor's wish", 25 * time.Hour, &vendorError{after: time.Minute}, Outcome{State: incident.EffectDead, Error: "given up after 25h0m0s and 3 tries: the vendor said no"}},
	} {
		c.want.At = now
		got := outcome(Job{Attempt: 3, FirstDue: now.Add(-c.age)}, c.err, now, 24*time.Hour, 0.5)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	long := outcome(Job{}, errors.New(strings.Repeat("ü", 2000)), now, time.Hour, 0)
	if n := len([]rune(long.Error)); n != MaxError {
		t.Errorf("an error of 2,000 runes is stored with %d, want %d", n, MaxError)
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		attempt  int
		from, to time.Duration
	}{
		{0, time.Second, 2 * time.Second},
		{1, time.Second, 2 * time.Second},
		{2, time.Second, 4 * time.Second},
		{5, time.Second, 32 * time.Second},
		{8, time.Second, 256 * time.Second},
		{9, time.Second, 5 * time.Minute},
		{100, time.Second, 5 * time.Minute},
		{1 << 30, time.Second, 5 * time.Minute},
	} {
		if got := backoff(c.attempt, 0); got != c.from {
			t.Errorf("backoff(%d, 0) = %s, want %s", c.attempt, got, c.from)
		}
		if got := backoff(c.attempt, 0.999999999); got < c.to-time.Millisecond || got > c.to {
			t.Errorf("backoff(%d, almost 1) = %s, want %s", c.attempt, got, c.to)
		}
	}
}
