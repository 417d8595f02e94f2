package effects

import (
	"context"

	"imbot/incident"
	"imbot/outbox"
)

// Again looks at an incident once more at a time that was set when something
// happened: duplicates that have outlived their parent, a pause that is over.
// What is no longer so by then makes the command change nothing.
func Again(service Doer, verb incident.Verb) outbox.Handler {
	return func(ctx context.Context, job outbox.Job) error {
		_, err := service.Do(ctx, incident.Command{Verb: verb, Incident: job.Incident, Actor: incident.System, Source: incident.SourceSystem})
		return err
	}
}
