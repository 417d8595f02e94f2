package query

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"imbot/changes"
	"imbot/incident"
)

// A change is near an incident if it was made in the hours before the incident
// opened, or just after: a deploy is often reported when it is through.
const (
	changesBefore = 2 * time.Hour
	changesAfter  = 5 * time.Minute
)

// Bounds on what is looked at, and on what is shown.
const (
	maxClaims  = 3   // of a View
	maxCallees = 200 // services called whose changes are looked at
	maxNear    = 100 // changes of one service
)

// Verdicts on a change.
const (
	VerdictCause = "cause" // it has caused the incident
	VerdictNot   = "not"   // it has not
)

// Changes is how a Reader learns what was changed. Its functions are called
// outside of transactions.
type Changes struct {
	// List returns the changes of a service from since (inclusive) until until
	// (exclusive), newest first, at most limit.
	List func(ctx context.Context, service string, since, until time.Time, limit int) ([]changes.Change, error)
	// Calls says who calls whom. nil: that is not known.
	Calls func() incident.Topology
}

// ChangeClaim is a change near an incident, which may have caused it.
type ChangeClaim struct {
	changes.Change
	ServiceName string         // for people
	Callee      bool           // it is one of a service that the incident's service calls
	Verdict     string         // VerdictCause, VerdictNot, or "" where nobody has said
	DecidedBy   incident.Actor // who gave the verdict
}

// claims returns the changes that are shown with an incident: on its service
// first, newest first. Where there are more than fit, those that were confirmed
// come before those that nobody has judged, and what was not the cause is last.
func (r *Reader) claims(ctx context.Context, inc *incident.Incident) ([]ChangeClaim, error) {
	all, err := r.nearby(ctx, inc)
	if err != nil || len(all) <= maxClaims {
		return all, err
	}
	weight := map[string]int{VerdictCause: 0, "": 1, VerdictNot: 2}
	shown := slices.Clone(all)
	slices.SortStableFunc(shown, func(a, b ChangeClaim) int { return cmp.Compare(weight[a.Verdict], weight[b.Verdict]) })
	shown = shown[:maxClaims]
	slices.SortStableFunc(shown, before)
	return shown, nil
}

// before is the order in which claims are shown.
func before(a, b ChangeClaim) int {
	switch {
	case a.Callee != b.Callee && b.Callee:
		return -1
	case a.Callee != b.Callee:
		return 1
	case !a.At.Equal(b.At):
		return b.At.Compare(a.At)
	}
	return strings.Compare(a.Key(), b.Key())
}

// nearby returns every change near an incident, and every one that was judged,
// in the order in which they are shown.
func (r *Reader) nearby(ctx context.Context, inc *incident.Incident) ([]ChangeClaim, error) {
	if r.Changes == nil {
		return nil, nil
	}
	cat := r.Catalog()
	var out []ChangeClaim
	known := map[string]bool{}
	add := func(c changes.Change) {
		if known[c.Key()] {
			return
		}
		known[c.Key()] = true
		out = append(out, ChangeClaim{Change: c, ServiceName: serviceName(cat, c.Service), Callee: c.Service != inc.Service})
	}
	for _, service := range r.suspects(inc.Service) {
		for _, from := range openings(inc) {
			list, err := r.Changes.List(ctx, service, from.Add(-changesBefore), from.Add(changesAfter), maxNear)
			if err != nil {
				return nil, err
			}
			for _, c := range list {
				add(c)
			}
		}
	}
	for i := range inc.Causes {
		c := &inc.Causes[i]
		add(changes.Change{Source: c.Source, ID: c.ID, Title: c.Title, Version: c.Version, URL: c.URL, Service: c.Service, At: c.At})
	}
	for i := range out {
		out[i].judged(inc)
	}
	slices.SortStableFunc(out, before)
	return out, nil
}

func serviceName(cat incident.Catalog, key string) string {
	if s := cat.Service(key, strings.TrimPrefix(key, "pd:")); s.Name != "" {
		return s.Name
	}
	return key
}

// openings are when the trouble began, first and last: an incident that was
// opened again may have another cause.
func openings(inc *incident.Incident) []time.Time {
	out := []time.Time{inc.OpenedAt}
	if n := len(inc.Intervals); n > 1 {
		out = append(out, inc.Intervals[n-1].From)
	}
	return out
}

// NearChange reports whether a change that was made at this time is near the
// incident.
func NearChange(inc *incident.Incident, at time.Time) bool {
	return slices.ContainsFunc(openings(inc), func(from time.Time) bool {
		return !at.Before(from.Add(-changesBefore)) && at.Before(from.Add(changesAfter))
	})
}

// suspects are a service and those that it calls.
func (r *Reader) suspects(service string) []string {
	if service == "" {
		return nil
	}
	out := []string{service}
	if r.Changes.Calls == nil {
		return out
	}
	for _, c := range r.Changes.Calls().Callees(service) {
		if len(out) > maxCallees {
			break
		}
		if !slices.Contains(out, c.To) { // an edge may have several sources
			out = append(out, c.To)
		}
	}
	return out
}

// judged takes over what was said about the change.
func (c *ChangeClaim) judged(inc *incident.Incident) {
	for i := range inc.Causes {
		if j := &inc.Causes[i]; j.Key() == c.Key() {
			c.Verdict, c.DecidedBy = VerdictNot, j.By
			if j.Was {
				c.Verdict = VerdictCause
			}
		}
	}
}

// ResolveChange completes a command that judges a change: it looks up which one
// is meant, among those near the incident, by its key ("api/deploy-42") or its
// id where only one has that. Other commands stay as they are. It returns an
// incident.Problem where there is no such change, or the viewer may not know of
// the incident.
func (r *Reader) ResolveChange(ctx context.Context, viewer Viewer, cmd *incident.Command) error {
	if cmd.Verb != incident.Judge {
		return nil
	}
	v, err := r.Get(ctx, viewer, cmd.Incident, false)
	if err != nil {
		return err
	}
	all, err := r.nearby(ctx, v.Incident)
	if err != nil {
		return err
	}
	var found []*ChangeClaim
	for i := range all {
		switch cmd.Args.Change {
		case all[i].Key():
			cmd.Args.Cause = all[i].cause()
			return nil
		case all[i].ID:
			found = append(found, &all[i])
		}
	}
	if len(found) != 1 {
		return incident.NoChange(cmd.Args.Change)
	}
	cmd.Args.Cause = found[0].cause()
	return nil
}

func (c *ChangeClaim) cause() *incident.Cause {
	return &incident.Cause{
		Source: c.Source, ID: c.ID, Title: c.Title, Version: c.Version, URL: c.URL, Service: c.Service, At: c.At,
	}
}
