package outbox

import (
	"context"
	"errors"
	"time"

	"imbot/incident"
)

// MinInterval lies between the end of a Latest effect's run and its next run:
// however fast an incident changes, what it shows in one place is updated at
// most this often, with the newest state.
const MinInterval = 2 * time.Second

// ErrOutdated says that the lease of a job has run out and that somebody else
// has taken the job since: the outcome was not stored.
var ErrOutdated = errors.New("the lease has run out and the job was given to somebody else")

// Job is one effect that is to be run now.
type Job struct {
	incident.Effect
	// Attempt is 1 for the first try and counts up until the effect is done, a
	// person's retry of a dead one included: above 1, the thing may have happened
	// already, and nobody was told.
	Attempt int
	// Lease numbers the leases of this key and only grows: Finish compares it.
	Lease int64
	// FirstDue is when the job was to be run for the first time since it was
	// stored, put again or retried by a person. Its age counts from here.
	FirstDue time.Time
}

// Outcome is how a run of a job ended.
type Outcome struct {
	// State is incident.EffectDone, EffectSkipped or EffectDead, or
	// EffectWaiting: to be tried again at Next.
	State string
	Error string    // what went wrong, or why it was skipped; at most MaxError runes are kept
	At    time.Time // when the run ended
	Next  time.Time // for EffectWaiting
}

// MaxError bounds the stored text of an error, in runes.
const MaxError = 500

// Backlog says what waits.
type Backlog struct {
	// Next is when the next job is due, or when the next lease runs out. It may
	// lie in the past. Zero: nothing waits.
	Next time.Time
	// Waiting counts the jobs that wait or run.
	Waiting int
	// Oldest is the earliest FirstDue among those that come next (a store need
	// not look at more than the next 1,000). Zero: nothing waits.
	Oldest time.Time
}

// Store keeps the effects that incident.Tx.PutEffects has stored, and lends them
// out. All methods are durable when they return, and safe for concurrent use by
// several processes where the store is shared.
//
// Effects of one lane are lent one after the other, in the order in which they
// became waiting. A lane whose first effect is leased, or waits for its time,
// is held up; other lanes are not. A dead, skipped or done effect leaves its
// lane.
type Store interface {
	// Lease returns the first job of each lane where that is due at now, at most
	// max jobs, urgent ones first, then by due time. Until the time until nobody
	// else gets them; after that they are due again, so a holder that has died
	// needs no clean-up. Each lease raises Attempt.
	Lease(ctx context.Context, now, until time.Time, max int) ([]Job, error)
	// Finish stores how a job ended. It returns ErrOutdated, and changes nothing,
	// if the job was leased again or ended since. A Latest effect that was put
	// while it ran becomes due again, MinInterval after outcome.At, at the end of
	// its lane.
	Finish(ctx context.Context, job Job, outcome Outcome) error
	// Retry puts a dead or skipped effect back, due at now, at the end of its
	// lane; a waiting one becomes due at now. It returns incident.ErrNotFound for
	// an unknown key and incident.ErrConflict for one that is done.
	Retry(ctx context.Context, key string, now time.Time) error
	// Backlog is cheap enough to be asked before every wait.
	Backlog(ctx context.Context) (Backlog, error)
	// Jobs returns effects in the state waiting, skipped or dead, at most limit,
	// newest first: by when they entered that state. Those that are done are many,
	// and are found by their incident only.
	Jobs(ctx context.Context, state string, limit int) ([]incident.EffectState, error)
}
