package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"imbot/incident"
	"imbot/outbox"
)

// dataOf reads what an effect was stored with.
func dataOf[T any](job outbox.Job) (T, error) {
	var d T
	if err := json.Unmarshal(job.Data, &d); err != nil {
		return d, fmt.Errorf("%w: the data of %s: %w", outbox.ErrPermanent, job.Kind, err)
	}
	return d, nil
}

// busyPause lies between tries to record what was done outside.
const busyPause = 100 * time.Millisecond

// insist carries out a command that records what was done outside. A store that
// has too much to do is asked again for as long as the job has time: to give up
// would mean to do it once more.
func insist(ctx context.Context, service Doer, cmd incident.Command) (*incident.Incident, error) {
	for {
		inc, err := service.Do(ctx, cmd)
		if err == nil || !errors.Is(err, incident.ErrBusy) {
			return inc, err
		}
		pause := time.NewTimer(busyPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, err
		case <-pause.C:
		}
	}
}

// waitError is an error after which to try again in a while, see outbox.Handler.
type waitError struct {
	error
	wait time.Duration
}

// Unwrap returns the cause.
func (e *waitError) Unwrap() error { return e.error }

// RetryAfter returns when to try again, counted from the error.
func (e *waitError) RetryAfter() time.Duration { return e.wait }
