package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
)

// commands reads the story of an incident, and makes of it the commands that its
// webhooks and the second look would have been.
func (r *importRun) commands(ctx context.Context, in *pagerduty.Incident) ([]incident.Command, error) {
	entries, err := patiently(ctx, r.Importer, func() ([]pagerduty.LogEntry, error) { return r.API.LogEntries(ctx, in.ID, time.Time{}) })
	if err != nil {
		return nil, err
	}
	var notes []pagerduty.Note
	annotated, prioritised := false, false
	for i := range entries {
		annotated = annotated || entries[i].Type == pagerduty.LogEntryAnnotate
		prioritised = prioritised || entries[i].Priority != nil
	}
	if annotated {
		if notes, err = patiently(ctx, r.Importer, func() ([]pagerduty.Note, error) { return r.API.Notes(ctx, in.ID) }); err != nil {
			return nil, err
		}
	}
	alerts, err := patiently(ctx, r.Importer, func() ([]pagerduty.Alert, error) { return r.API.Alerts(ctx, in.ID) })
	if err != nil {
		return nil, err
	}
	if prioritised && r.priorities == nil {
		if err := r.names(ctx); err != nil {
			return nil, err
		}
	}
	events, err := Past(in, entries, notes, func(id string) string { return r.priorities[id] })
	if err != nil {
		return nil, err
	}
	return r.story(in, events, alerts)
}

// names asks for the names of priorities. Accounts without priorities refuse
// the question.
func (r *importRun) names(ctx context.Context) error {
	list, err := patiently(ctx, r.Importer, func() ([]pagerduty.Reference, error) { return r.API.Priorities(ctx) })
	var e *pagerduty.Error
	if err != nil && !(errors.As(err, &e) && e.Permanent()) {
		return err
	}
	r.priorities = map[string]string{}
	for _, p := range list {
		r.priorities[p.ID] = p.Summary
	}
	return nil
}

// story turns events into commands by the way of the bodies that are kept of
// them, so that a replay of the bodies makes the same.
func (r *importRun) story(in *pagerduty.Incident, events []pagerduty.Event, alerts []pagerduty.Alert) ([]incident.Command, error) {
	now := r.Now().UTC()
	var out []incident.Command
	for i := range events {
		e := &events[i]
		e.ID = fmt.Sprintf("%s%s/%d", ImportPrefix, vendorID(in.ID), i+1)
		body, err := pagerduty.ComposeWebhook(e)
		if err != nil {
			return nil, err
		}
		back, err := pagerduty.ParseWebhook(body)
		if err != nil {
			return nil, err
		}
		cmd, ok := Map(back, now)
		if !ok {
			continue // a note of our own
		}
		if r.keeps(cmd.At, now) {
			cmd.Raw = &incident.Inbound{Source: incident.SourcePagerDuty, ID: e.ID, At: cmd.At, Encoding: "zstd", Body: pack(body)}
		}
		out = append(out, cmd)
		if i > 0 || len(alerts) == 0 {
			continue
		}
		look := incident.Command{
			Verb: incident.Enrich, Ref: cmd.Ref, Actor: Agent(nil), Source: incident.SourcePagerDuty, At: cmd.At,
			Args: incident.Args{Alert: r.Details(alerts)},
		}
		if cmd.Raw != nil {
			body, err := json.Marshal(look.Args.Alert)
			if err != nil {
				return nil, err
			}
			look.Raw = &incident.Inbound{Source: incident.SourceAlerts, ID: cmd.Ref.ID, At: cmd.At, Body: body}
		}
		out = append(out, look)
	}
	return out, nil
}

// keeps reports whether a body of this time is kept: an older one would be
// forgotten within the hour.
func (r *importRun) keeps(at, now time.Time) bool { return now.Sub(at) < r.Raw }

const (
	// maxFailures is how often in a row PagerDuty, or the store, may fail: with the
	// waits between, that is a quarter of an hour.
	maxFailures = 20
	// maxMisread is how often an answer may make no sense.
	maxMisread = 3
	// longestWait bounds one wait.
	longestWait = 2 * time.Minute
)

// patiently tries until it works, and waits in between. What is permanent, and
// what has failed too often, it gives back.
func patiently[T any](ctx context.Context, m *Importer, try func() (T, error)) (T, error) {
	for failures := 0; ; {
		v, err := try()
		if err == nil {
			return v, nil
		}
		if err := m.wait(ctx, err, &failures); err != nil {
			return v, err
		}
	}
}

// wait waits after a failure, and counts it. It returns the failure if trying
// again is of no use, and the context's error if that ends.
func (m *Importer) wait(ctx context.Context, failed error, failures *int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var e *pagerduty.Error
	limit, pause := maxFailures, time.Duration(0)
	switch {
	case errors.Is(failed, incident.ErrBusy):
	case !errors.As(failed, &e) || e.Permanent():
		return failed
	case e.Status == 0 && e.RetryAfter() > 0:
		return m.sleep(ctx, e.RetryAfter()) // our own budget: that is no failure
	case e.Status/100 == 2:
		limit = maxMisread
	default:
		pause = e.RetryAfter()
	}
	if *failures++; *failures >= limit {
		return failed
	}
	if pause == 0 {
		pause = time.Second << min(*failures-1, 6)
	}
	m.Logger.Info("webhook.Importer waits", "for", pause.String(), "err", failed)
	return m.sleep(ctx, pause)
}

func (m *Importer) sleep(ctx context.Context, d time.Duration) error {
	d = min(d, longestWait)
	if m.Sleep != nil {
		return m.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// oddity reports whether an error is about one incident only, which is left out
// then, and how that is told.
func oddity(err error) (why string, ok bool) {
	var e *pagerduty.Error
	var p *incident.Problem
	switch {
	case errors.As(err, &p):
		return p.Detail, true
	case errors.Is(err, errNoStart), errors.Is(err, errNoEnd), errors.Is(err, incident.ErrNotOver):
		return err.Error(), true
	case errors.As(err, &e):
		ok := e.Status/100 == 2 || (e.Permanent() && e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden)
		return e.Error(), ok
	}
	return "", false
}
