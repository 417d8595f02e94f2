package webhook

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
)

// PagerDutyAPI is what the reconciler asks of PagerDuty; *pagerduty.Client is
// one.
type PagerDutyAPI interface {
	Subscriptions(ctx context.Context) ([]pagerduty.Subscription, error)
	EnableSubscription(ctx context.Context, id string) error
	Incident(ctx context.Context, id string) (*pagerduty.Incident, error)
	Incidents(ctx context.Context, since, until time.Time) iter.Seq2[*pagerduty.Incident, error]
	OpenIncidents(ctx context.Context) ([]*pagerduty.Incident, error)
	LogEntries(ctx context.Context, id string, since time.Time) ([]pagerduty.LogEntry, error)
}

// Reconciler brings the incidents to PagerDuty's state where webhooks did not:
// after downtime, or while PagerDuty had the subscription switched off. Its
// corrections are commands with PagerDuty's own times, so that the outcome is
// what the lost webhooks would have made. One run at a time.
//
// PagerDuty lists incidents by when they began. So one that was resolved when
// both sides last agreed, and was reopened and resolved again while we were
// away, is found only within a few minutes of its beginning; one that is open,
// or that is open here, is always found.
type Reconciler struct {
	API     PagerDutyAPI
	Store   incident.Store
	Service Doer
	// SubscriptionID or, where that is empty, URL says which subscription is ours.
	SubscriptionID string
	URL            string
	Now            func() time.Time
	Logger         *slog.Logger

	// replayed holds, by PagerDuty's id, what state of an incident was replayed
	// without making both sides the same, since a person here has decided
	// otherwise: once is enough.
	replayed map[string]time.Time
}

const (
	// seenKey holds the time up to which PagerDuty's incidents are known.
	seenKey = "pagerduty/reconciled"
	// overlap is looked at again each time: PagerDuty's clock is not ours.
	overlap = 10 * time.Minute
	// firstLook is how far a new installation looks back: to what goes on now,
	// not to what is history.
	firstLook = time.Hour
)

// Run reconciles once. It can be repeated after an error.
func (r *Reconciler) Run(ctx context.Context) error {
	start := r.Now().UTC()
	if r.replayed == nil {
		r.replayed = map[string]time.Time{}
	}
	if err := r.enable(ctx); err != nil {
		return err
	}
	since, err := r.since(ctx, start)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	defer r.forget(seen)
	for in, err := range r.API.Incidents(ctx, since, start.Add(time.Minute)) {
		if err != nil {
			return fmt.Errorf("list incidents of PagerDuty: %w", err)
		}
		seen[in.ID] = true
		if err := r.settle(ctx, in, true); err != nil {
			return err
		}
	}
	open, err := r.API.OpenIncidents(ctx)
	if err != nil {
		return fmt.Errorf("list open incidents of PagerDuty: %w", err)
	}
	for _, in := range open {
		if !seen[in.ID] {
			seen[in.ID] = true
			if err := r.settle(ctx, in, false); err != nil {
				return err
			}
		}
	}
	if err := r.ours(ctx, seen); err != nil {
		return err
	}
	return r.Store.Update(ctx, func(tx incident.Tx) error { return tx.PutKey(seenKey, start.Format(time.RFC3339Nano), true) })
}

// forget drops what is known of incidents that are looked at no more.
func (r *Reconciler) forget(seen map[string]bool) {
	maps.DeleteFunc(r.replayed, func(id string, _ time.Time) bool { return !seen[id] })
}

// enable switches our subscription on again if PagerDuty has switched it off.
func (r *Reconciler) enable(ctx context.Context) error {
	subs, err := r.API.Subscriptions(ctx)
	if err != nil {
		return fmt.Errorf("list webhook subscriptions of PagerDuty: %w", err)
	}
	for _, s := range subs {
		if !r.isOurs(s) || !s.TemporarilyDisabled {
			continue
		}
		if err := r.API.EnableSubscription(ctx, s.ID); err != nil {
			return fmt.Errorf("enable the webhook subscription: %w", err)
		}
		r.Logger.Warn("webhook.Reconciler subscription was switched off by PagerDuty, enabled again", "subscription", s.ID)
	}
	return nil
}

func (r *Reconciler) isOurs(s pagerduty.Subscription) bool {
	if r.SubscriptionID != "" {
		return s.ID == r.SubscriptionID
	}
	return r.URL != "" && strings.EqualFold(strings.TrimSuffix(s.URL, "/"), strings.TrimSuffix(r.URL, "/"))
}

func (r *Reconciler) since(ctx context.Context, now time.Time) (time.Time, error) {
	var v string
	err := r.Store.View(ctx, func(tx incident.Tx) (err error) {
		v, err = tx.Key(seenKey, true)
		return err
	})
	if err != nil || v == "" {
		return now.Add(-firstLook), err
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return now.Add(-firstLook), nil
	}
	return t.Add(-overlap), nil
}

// ours looks at the incidents that are open here and not in PagerDuty's list.
func (r *Reconciler) ours(ctx context.Context, seen map[string]bool) error {
	var missing []string
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		missing = nil
		var inner error
		err := tx.Rows(incident.Cursor{}, true, func(row incident.Row) bool {
			var inc *incident.Incident
			if inc, inner = tx.Incident(row.ID); inner != nil {
				return false
			}
			if ref, ok := inc.AlertRef(); ok && ref.System == incident.SourcePagerDuty && !seen[ref.ID] {
				missing = append(missing, ref.ID)
			}
			return ctx.Err() == nil
		})
		return errors.Join(err, inner, ctx.Err())
	})
	if err != nil {
		return err
	}
	for _, id := range missing {
		seen[id] = true
		in, err := r.API.Incident(ctx, id)
		var e *pagerduty.Error
		if errors.As(err, &e) && e.NotFound() {
			continue // deleted there; a person decides here
		}
		if err != nil {
			return fmt.Errorf("read incident of PagerDuty: %w", err)
		}
		if err := r.settle(ctx, in, false); err != nil {
			return err
		}
	}
	return nil
}

// settle brings one incident to PagerDuty's state. take says that one we do not
// know is taken over.
func (r *Reconciler) settle(ctx context.Context, in *pagerduty.Incident, take bool) error {
	if id, who, woken := incident.ParseWakeKey(in.IncidentKey); woken {
		return r.woken(ctx, in, id, who)
	}
	have, pending, err := r.have(ctx, in.ID)
	if err != nil || pending || (have == nil && !take) || (have != nil && agrees(have, in)) {
		return err
	}
	if t, ok := r.replayed[in.ID]; ok && t.Equal(in.UpdatedAt) {
		return nil
	}
	entries, err := r.API.LogEntries(ctx, in.ID, time.Time{})
	var e *pagerduty.Error
	if errors.As(err, &e) && e.NotFound() {
		return nil // deleted there; a person decides here
	}
	if err != nil {
		return fmt.Errorf("read the history of an incident of PagerDuty: %w", err)
	}
	for _, cmd := range Replay(in, entries) {
		_, err := r.Service.Do(ctx, cmd)
		var p *incident.Problem
		if errors.As(err, &p) {
			// One incident that can not be brought in line must not keep all others from it.
			r.Logger.Error("webhook.Reconciler refused", "verb", cmd.Verb, "reason", p.Detail)
			return nil
		}
		if err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
	}
	r.Logger.Info("webhook.Reconciler corrected", "status", in.Status, "new", have == nil)
	if r.Now().Sub(in.UpdatedAt) > settledAfter { // later, the same second can bring no other state
		r.replayed[in.ID] = in.UpdatedAt
	}
	return nil
}

// woken is about an incident that was made to wake somebody: it is none of its
// own here. Whoever has acknowledged or resolved it has heard.
func (r *Reconciler) woken(ctx context.Context, in *pagerduty.Incident, id incident.ID, who incident.Actor) error {
	if in.Status != pagerduty.StatusAcknowledged && in.Status != pagerduty.StatusResolved {
		return nil
	}
	_, err := r.Service.Do(ctx, incident.Command{
		Verb: incident.PageStep, Incident: id, Actor: Agent(nil), Source: incident.SourcePagerDuty,
		Args: incident.Args{Page: &incident.PageChange{Step: incident.PageReply, Who: who}},
	})
	var p *incident.Problem
	if errors.As(err, &p) {
		r.Logger.Error("webhook.Reconciler refused", "verb", incident.PageStep, "reason", p.Detail)
		return nil
	}
	return err
}

// settledAfter is how old a state of PagerDuty's must be, to be known by its second.
const settledAfter = 30 * time.Second

// have returns what is known here. pending says that a write to PagerDuty is
// still on its way: that wins.
func (r *Reconciler) have(ctx context.Context, pdID string) (inc *incident.Incident, pending bool, err error) {
	err = r.Store.View(ctx, func(tx incident.Tx) error {
		inc, pending = nil, false
		v, err := tx.Key(incident.Ref{System: incident.SourcePagerDuty, ID: pdID}.Key(), true)
		if err != nil || v == "" {
			return err
		}
		id, err := incident.ParseID(v)
		if err != nil {
			return err
		}
		if inc, err = tx.Incident(id); err != nil {
			return err
		}
		effects, err := tx.Effects(id)
		for _, e := range effects {
			if e.State == incident.EffectWaiting && (e.Kind == incident.KindPDAck || e.Kind == incident.KindPDResolve) {
				pending = true
			}
		}
		return err
	})
	return inc, pending, err
}

// agrees reports whether both sides say the same, or a person here has decided
// otherwise after PagerDuty's last word.
func agrees(inc *incident.Incident, in *pagerduty.Incident) bool {
	if changed(inc, in) {
		return false
	}
	own := inc.OwnLife() // a duplicate may keep it open here
	switch in.Status {
	case pagerduty.StatusResolved:
		ended := in.ResolvedAt
		if ended.IsZero() {
			ended = in.LastStatusChangeAt
		}
		if !own.Active() {
			return knowsEnd(inc, &own, ended)
		}
		return !ended.IsZero() && ended.Before(own.Intervals[len(own.Intervals)-1].From)
	case pagerduty.StatusAcknowledged:
		return own.Active() && !own.AcknowledgedAt.IsZero()
	case pagerduty.StatusTriggered:
		return own.Active() && own.AcknowledgedAt.IsZero()
	}
	return true
}

// changed reports whether PagerDuty's words about the incident are newer than
// ours, and other ones.
func changed(inc *incident.Incident, in *pagerduty.Incident) bool {
	if inc.Alert == nil || in.UpdatedAt.Before(inc.AlertAt) {
		return false
	}
	a, b := inc.Alert, AlertOf(in)
	return a.Title != b.Title || a.Urgency != b.Urgency || a.Priority != b.Priority || a.ServiceID != b.ServiceID
}

// knowsEnd reports whether the trouble has ended here when it did there, or so
// long ago that it does not matter any more. The webhook tells it to the
// millisecond, the history to the second.
func knowsEnd(inc *incident.Incident, own *incident.Life, ended time.Time) bool {
	if ended.IsZero() || (inc.Base != nil && !ended.After(inc.BaseAt)) {
		return true
	}
	return near(own.ResolvedAt, ended) || slices.ContainsFunc(inc.Marks, func(m incident.Mark) bool {
		return m.Kind == incident.MarkResolve && m.At.Equal(own.ResolvedAt) && near(m.Was, ended) // a person has corrected it
	})
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() < 2*time.Second }

// Replay turns an incident and its history into the commands that its webhooks
// would have been. It is pure.
func Replay(in *pagerduty.Incident, entries []pagerduty.LogEntry) []incident.Command {
	base := incident.Command{
		Source: incident.SourcePagerDuty, Args: incident.Args{Alert: AlertOf(in)},
		Ref: &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: in.ID, URL: httpURL(in.HTMLURL)},
	}
	first := base
	first.Verb, first.Actor, first.At = incident.Trigger, Agent(nil), in.CreatedAt
	out := []incident.Command{first}
	resolved, newest := false, in.CreatedAt
	for _, e := range entries {
		if e.CreatedAt.IsZero() {
			continue
		}
		cmd := base
		cmd.Actor, cmd.At = Agent(e.Agent), e.CreatedAt
		if !cmd.At.After(newest) {
			// The history is in order, but tells the second only.
			cmd.At = newest.Add(time.Millisecond)
		}
		switch e.Type {
		case pagerduty.LogEntryAcknowledge:
			cmd.Verb = incident.Ack
		case pagerduty.LogEntryUnacknowledge:
			cmd.Verb = incident.Unack
		case pagerduty.LogEntryResolve:
			cmd.Verb, resolved = incident.Resolve, true
			if to := vendorID(in.MergedInto()); to != "" {
				cmd.Args.Merge = &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: to}
			}
		case pagerduty.LogEntryTrigger:
			if !resolved {
				continue // the first one is CreatedAt
			}
			cmd.Verb = incident.Trigger
		case "reopen_log_entry":
			cmd.Verb = incident.Reopen
		default:
			continue
		}
		newest = cmd.At
		out = append(out, cmd)
	}
	if in.UpdatedAt.After(newest) {
		last := base
		last.Verb, last.Actor, last.At = incident.Update, Agent(nil), in.UpdatedAt
		out = append(out, last)
	}
	return out
}
