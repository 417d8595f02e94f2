package webhook

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
)

// HistoryAPI is what the importer asks of PagerDuty; *pagerduty.Client is one.
type HistoryAPI interface {
	CountIncidents(ctx context.Context, since, until time.Time) (int, error)
	Incidents(ctx context.Context, since, until time.Time) iter.Seq2[*pagerduty.Incident, error]
	LogEntries(ctx context.Context, id string, since time.Time) ([]pagerduty.LogEntry, error)
	Notes(ctx context.Context, id string) ([]pagerduty.Note, error)
	Alerts(ctx context.Context, id string) ([]pagerduty.Alert, error)
	Priorities(ctx context.Context) ([]pagerduty.Reference, error)
}

// Historian records what is over; *incident.Service is one.
type Historian interface {
	Import(ctx context.Context, cmds []incident.Command) (inc *incident.Incident, added bool, err error)
}

// Importer brings PagerDuty's resolved incidents of the past in: nobody is told,
// and nothing follows outside. Each is stored whole or not at all, and one that
// is known already stays as it is, so that an import which was ended at any
// point goes on where it was when it runs again. One run at a time.
type Importer struct {
	API     HistoryAPI
	Store   incident.Store
	Service Historian
	// Details makes one summary of the alerts of an incident.
	Details func([]pagerduty.Alert) *incident.Alert
	// Raw is how long bodies are kept. Of younger events a body is stored as their
	// webhook would have brought it, with an id that starts with ImportPrefix, and
	// of the alerts what the second look would have stored.
	Raw    time.Duration
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error // waits for PagerDuty; nil: a timer
	Logger *slog.Logger
	// Report is called at the start and after each incident; nil: it is not.
	Report func(Progress)

	priorities map[string]string // names by id; nil: not asked for yet
}

// ImportPrefix starts the ids of stored bodies that came by an import.
const ImportPrefix = "import/"

// Progress says how far an import is.
type Progress struct {
	Total    int           `json:"total"`    // incidents that PagerDuty lists for the time; 0 where it does not say
	Done     int           `json:"done"`     // of them, those that were looked at
	Imported int           `json:"imported"` // of those, taken over; in a dry run, those that would be
	Known    int           `json:"known"`    // were here already
	Open     int           `json:"open"`     // are not over: left to webhooks and the reconciler
	Skipped  []Skip        `json:"skipped"`  // can not be taken over
	Left     time.Duration `json:"left"`     // how long the rest may take; 0: not known
}

// Skip is an incident that was left out.
type Skip struct {
	ID  string `json:"id"` // PagerDuty's
	Why string `json:"why"`
}

// importRun is one import.
type importRun struct {
	*Importer
	Progress
	since, until time.Time
	dry          bool
	start        time.Time
	seen         map[string]bool
}

// Run imports the incidents that were created from since until until. dry counts
// only. Its error is that of ctx, or says what to do; what was done until then
// stays, and is told.
func (m *Importer) Run(ctx context.Context, since, until time.Time, dry bool) (Progress, error) {
	r := &importRun{Importer: m, since: since, until: until, dry: dry, start: m.Now(), seen: map[string]bool{}}
	err := r.count(ctx)
	if err == nil {
		r.report()
		err = r.list(ctx)
	}
	if err == nil {
		r.Left = 0
	}
	return r.Progress, err
}

// countRange is how much is counted at once: less than PagerDuty searches in one
// request.
const countRange = 170 * 24 * time.Hour

func (r *importRun) count(ctx context.Context) error {
	for from := r.since; from.Before(r.until); from = from.Add(countRange) {
		to := from.Add(countRange)
		if to.After(r.until) {
			to = r.until
		}
		n, err := patiently(ctx, r.Importer, func() (int, error) { return r.API.CountIncidents(ctx, from, to) })
		if err != nil {
			return fmt.Errorf("count incidents of PagerDuty: %w", err)
		}
		r.Total += n
	}
	return nil
}

// list goes through all incidents. After a failure it goes on at the second of
// the last one.
func (r *importRun) list(ctx context.Context) error {
	from, failures := r.since, 0
	for {
		var failed error
		for in, err := range r.API.Incidents(ctx, from, r.until) {
			if failed = err; err != nil || ctx.Err() != nil {
				break
			}
			if _, _, woken := incident.ParseWakeKey(in.IncidentKey); woken || r.seen[in.ID] {
				continue // made only to wake somebody, or taken over already
			}
			if err := r.one(ctx, in); err != nil {
				return err // it had patience already
			}
			r.seen[in.ID] = true
			if in.CreatedAt.After(from) {
				from = in.CreatedAt
			}
			failures = 0
			r.Done++
			r.report()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failed == nil {
			return nil
		}
		if err := r.wait(ctx, failed, &failures); err != nil {
			return fmt.Errorf("list incidents of PagerDuty: %w", err)
		}
	}
}

func (r *importRun) report() {
	r.Left = 0
	if left := r.Total - r.Done; left > 0 && r.Imported > 0 && !r.dry {
		// What was known already cost no time, and comes first.
		each := r.Now().Sub(r.start) / time.Duration(r.Imported)
		r.Left = each * time.Duration(left)
	}
	if r.Report != nil {
		r.Report(r.Progress)
	}
}

// one brings one incident in, or counts why not.
func (r *importRun) one(ctx context.Context, in *pagerduty.Incident) error {
	known, err := r.known(ctx, in.ID)
	switch {
	case err != nil:
		return err
	case known:
		r.Known++
		return nil
	case in.Open():
		r.Open++
		return nil
	case r.dry:
		r.Imported++
		return nil
	}
	cmds, err := r.commands(ctx, in)
	added := false
	if err == nil {
		added, err = patiently(ctx, r.Importer, func() (bool, error) {
			_, added, err := r.Service.Import(ctx, cmds)
			return added, err
		})
	}
	if why, ok := oddity(err); ok {
		r.Logger.Warn("webhook.Importer skipped", "incident", vendorID(in.ID), "reason", why)
		r.Skipped = append(r.Skipped, Skip{ID: vendorID(in.ID), Why: why})
		return nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("import %s: %w", vendorID(in.ID), err)
	case added:
		r.Imported++
	default: // a webhook was faster
		r.Known++
	}
	return nil
}

func (r *importRun) known(ctx context.Context, id string) (known bool, err error) {
	err = r.Store.View(ctx, func(tx incident.Tx) error {
		v, err := tx.Key(incident.Ref{System: incident.SourcePagerDuty, ID: vendorID(id)}.Key(), true)
		known = v != ""
		return err
	})
	return known, err
}
