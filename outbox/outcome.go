package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"imbot/incident"
)

// Handler does what an effect asks for. How it ends is told by the error:
//
//   - nil: done.
//   - [ErrPermanent], or an error with a method Permanent() bool that returns
//     true: dead, never tried again by itself.
//   - [Skip]: skipped, with the reason.
//   - [Later], or an error with a method RetryAfter() time.Duration that returns
//     more than 0: tried again at that time.
//   - anything else, panics included: tried again after a back-off.
//
// The context ends before the lease does. A handler must cope with "it
// happened, but I was not told": job.Attempt > 1.
type Handler func(ctx context.Context, job Job) error

// ErrPermanent marks an error that trying again does not mend. Wrap it with %w.
var ErrPermanent = errors.New("permanent failure")

type skipError struct{ reason string }

func (e *skipError) Error() string { return "skipped: " + e.reason }

// Skip is what a handler returns for an effect that must not be run: dry run,
// or the integration is off. The reason is shown to people.
func Skip(reason string) error { return &skipError{reason} }

type laterError struct {
	at     time.Time
	reason string
}

func (e *laterError) Error() string { return e.reason }

// Later is what a handler returns for an effect whose time has not come: it is
// tried again at that time. The reason is shown to people.
func Later(at time.Time, reason string) error { return &laterError{at, reason} }

// Bounds of the back-off, and of what others may ask us to wait.
const (
	minWait = time.Second
	maxWait = 5 * time.Minute
)

// outcome is the one place that decides what follows from a handler's error.
// rnd is in [0, 1).
func outcome(job Job, err error, now time.Time, maxAge time.Duration, rnd float64) Outcome {
	if err == nil {
		return Outcome{State: incident.EffectDone, At: now}
	}
	out := Outcome{State: incident.EffectWaiting, Error: incident.Clip(err.Error(), MaxError), At: now}
	var skip *skipError
	if errors.As(err, &skip) {
		out.State, out.Error = incident.EffectSkipped, incident.Clip(skip.reason, MaxError)
		return out
	}
	if Permanent(err) {
		out.State = incident.EffectDead
		return out
	}
	if age := now.Sub(job.FirstDue); age > maxAge {
		out.State = incident.EffectDead
		out.Error = incident.Clip(fmt.Sprintf("given up after %s and %d tries: %s", age.Round(time.Second), job.Attempt, err), MaxError)
		return out
	}
	out.Next = next(job.Attempt, err, now, maxAge, rnd)
	return out
}

// Permanent reports whether trying again does not mend an error: it is
// [ErrPermanent], or says so itself.
func Permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.Is(err, ErrPermanent) || (errors.As(err, &p) && p.Permanent())
}

// next is the time of the next try. What the other side asks for wins over the
// back-off. It always lies after now, so that no error makes a busy loop.
func next(attempt int, err error, now time.Time, maxAge time.Duration, rnd float64) time.Time {
	var later *laterError
	if errors.As(err, &later) {
		if later.at.After(now) {
			return later.at
		}
		return now.Add(minWait)
	}
	var r interface{ RetryAfter() time.Duration }
	if errors.As(err, &r) && r.RetryAfter() > 0 {
		return now.Add(min(r.RetryAfter(), maxAge))
	}
	return now.Add(backoff(attempt, rnd))
}

// backoff grows from 1 to 2 seconds at the first attempt to 1 second to 5
// minutes. The whole range is drawn from: many jobs that failed together do not
// come back together.
func backoff(attempt int, rnd float64) time.Duration {
	top := maxWait
	if attempt < 9 { // 2 s << 8 is beyond maxWait
		top = min(maxWait, 2*time.Second<<max(0, attempt-1))
	}
	return minWait + time.Duration(rnd*float64(top-minWait))
}
