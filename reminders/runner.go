package reminders

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"imbot/incident"
	"imbot/query"
)

// Lister lists incidents; *query.Reader is one.
type Lister interface {
	List(ctx context.Context, viewer query.Viewer, f query.Filter) (query.Page, error)
}

// Runner looks for overdue RCAs, and stores the reminders.
type Runner struct {
	Rules   *Rules
	List    Lister
	Enqueue func(ctx context.Context, effects ...incident.Effect) error // stores those whose key is new
	Now     func() time.Time
}

// lookBack is how far back incidents are looked for: after that nobody writes an
// RCA any more because of one more reminder.
const lookBack = 365 * 24 * time.Hour

// Run stores the reminders of this moment. It is to be called about once an hour:
// more often changes nothing.
func (r *Runner) Run(ctx context.Context) error {
	now := r.Now()
	list, err := r.overdue(ctx, now)
	if err != nil {
		return fmt.Errorf("looking for overdue RCAs: %w", err)
	}
	var effects []incident.Effect
	for _, p := range r.Rules.Plan(ctx, list, now) {
		for _, mail := range []bool{false, true} {
			e, err := p.effect(mail)
			if err != nil {
				return err
			}
			effects = append(effects, e)
		}
	}
	if len(effects) == 0 {
		return nil
	}
	return r.Enqueue(ctx, effects...)
}

// effect is the reminder in the 1:1 chat, or by mail: each of the two is done
// once, and neither waits for the other.
func (p *Reminder) effect(mail bool) (incident.Effect, error) {
	data, err := json.Marshal(incident.OverdueData{Date: p.Date, Incidents: p.Incidents, Mail: mail})
	if err != nil {
		return incident.Effect{}, fmt.Errorf("writing the reminder of %s: %w", p.Person, err)
	}
	e := incident.Effect{
		Key: "rca/" + p.Person + "/" + p.Date, Kind: incident.KindOverdue, Mode: incident.Once,
		Lane: "rca/" + p.Person, Target: p.Person, Data: data,
	}
	if mail {
		e.Key += "/mail"
		e.Lane += "/mail"
	}
	return e, nil
}

// overdue reads the incidents for which an RCA is overdue, for whomever.
func (r *Runner) overdue(ctx context.Context, now time.Time) ([]*query.View, error) {
	var out []*query.View
	f := query.Filter{Status: []incident.Status{incident.Resolved}, Since: now.Add(-lookBack), Limit: query.MaxLimit}
	for {
		page, err := r.List.List(ctx, query.Self, f)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Incidents {
			if len(r.Rules.Who(v, now)) > 0 {
				out = append(out, v)
			}
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return out, nil
		}
	}
}
