package webhook

import (
	"errors"
	"slices"
	"time"

	"imbot/integrations/pagerduty"
)

// What is wrong with an incident whose story can not be told.
var (
	errNoStart = errors.New("PagerDuty does not say when it began")
	errNoEnd   = errors.New("PagerDuty does not say when it ended")
)

// Past tells the story of a resolved incident as the webhooks that would have
// been sent, oldest first: from what PagerDuty says of it now, its history and
// its notes. name gives the name of a priority by its id. What is not known for
// each moment, such as title and urgency, is as it was in the end. Past is pure.
func Past(in *pagerduty.Incident, entries []pagerduty.LogEntry, notes []pagerduty.Note, name func(id string) string) ([]pagerduty.Event, error) {
	if in.CreatedAt.Before(firstEvent) {
		return nil, errNoStart
	}
	p := &past{last: in.CreatedAt, state: *in}
	p.state.Status, p.state.ResolveReason, p.state.Priority = pagerduty.StatusTriggered, nil, firstPriority(in, entries, name)
	p.add("incident.triggered", in.CreatedAt, nil)
	for _, s := range moments(entries, notes) {
		switch e := s.entry; {
		case s.at.Before(firstEvent):
		case s.note != nil:
			p.note(in, s.note)
		case e.Type == pagerduty.LogEntryAcknowledge:
			p.become(pagerduty.StatusAcknowledged, "incident.acknowledged", e)
		case e.Type == pagerduty.LogEntryUnacknowledge:
			p.become(pagerduty.StatusTriggered, "incident.unacknowledged", e)
		case e.Type == pagerduty.LogEntryResolve:
			p.become(pagerduty.StatusResolved, "incident.resolved", e)
		case e.Type == pagerduty.LogEntryTrigger && p.state.Status == pagerduty.StatusResolved: // the first one is CreatedAt
			p.become(pagerduty.StatusTriggered, "incident.reopened", e)
		case e.Priority != nil:
			p.state.Priority = named(e.Priority.To, in, name)
			p.add("incident.priority_updated", e.CreatedAt, e.Agent)
		}
	}
	return p.end(in)
}

// moment is an entry of the history, or a note.
type moment struct {
	at    time.Time
	entry *pagerduty.LogEntry
	note  *pagerduty.Note
}

// moments puts entries and notes into the order of their times.
func moments(entries []pagerduty.LogEntry, notes []pagerduty.Note) []moment {
	out := make([]moment, 0, len(entries)+len(notes))
	for i := range entries {
		out = append(out, moment{at: entries[i].CreatedAt, entry: &entries[i]})
	}
	for i := range notes {
		out = append(out, moment{at: notes[i].CreatedAt, note: &notes[i]})
	}
	slices.SortStableFunc(out, func(a, b moment) int { return a.at.Compare(b.at) })
	return out
}

// past is a story while it is told.
type past struct {
	state  pagerduty.Incident // as it was at the moment
	last   time.Time          // of the newest event
	ended  int                // index of the last resolve
	events []pagerduty.Event
}

// add puts the state into an event. PagerDuty's history is in order, but tells
// the second only: what happened within one gets times that differ.
func (p *past) add(kind string, at time.Time, by *pagerduty.Reference) {
	at = p.after(at)
	state := p.state
	p.events = append(p.events, pagerduty.Event{Type: kind, ResourceType: "incident", OccurredAt: at, Agent: by, Incident: &state})
}

func (p *past) after(at time.Time) time.Time {
	if len(p.events) > 0 && !at.After(p.last) {
		at = p.last.Add(time.Millisecond)
	}
	p.last = at
	return at
}

func (p *past) become(status, kind string, e *pagerduty.LogEntry) {
	if status == pagerduty.StatusResolved {
		p.ended = len(p.events)
	}
	p.state.Status = status
	p.add(kind, e.CreatedAt, e.Agent)
}

func (p *past) note(in *pagerduty.Incident, n *pagerduty.Note) {
	if n.Content == "" {
		return
	}
	p.events = append(p.events, pagerduty.Event{
		Type: "incident.annotated", ResourceType: "incident", OccurredAt: p.after(n.CreatedAt), Agent: n.User,
		Note:        &pagerduty.Note{ID: n.ID, Content: n.Content},
		IncidentRef: &pagerduty.Reference{ID: in.ID, Type: "incident_reference", Summary: in.Title, HTMLURL: in.HTMLURL},
	})
}

// end sees to it that the story ends as PagerDuty says that it did.
func (p *past) end(in *pagerduty.Incident) ([]pagerduty.Event, error) {
	if p.state.Status != pagerduty.StatusResolved {
		at := in.ResolvedAt
		if at.IsZero() {
			at = in.LastStatusChangeAt
		}
		if at.Before(in.CreatedAt) {
			return nil, errNoEnd
		}
		p.ended, p.state.Status = len(p.events), pagerduty.StatusResolved
		p.add("incident.resolved", at, in.LastStatusChangeBy)
	}
	p.events[p.ended].Incident.ResolveReason = in.ResolveReason
	return p.events, nil
}

// firstPriority is the priority before the first change of it.
func firstPriority(in *pagerduty.Incident, entries []pagerduty.LogEntry, name func(id string) string) *pagerduty.Reference {
	for i := range entries {
		if c := entries[i].Priority; c != nil {
			return named(c.From, in, name)
		}
	}
	return in.Priority
}

// named gives a priority its name. One without is none: nobody could say what
// it means.
func named(r *pagerduty.Reference, in *pagerduty.Incident, name func(id string) string) *pagerduty.Reference {
	switch {
	case r == nil || r.Summary != "":
		return r
	case in.Priority != nil && in.Priority.ID == r.ID:
		return in.Priority
	}
	n := *r
	if n.Summary = name(r.ID); n.Summary == "" {
		return nil
	}
	return &n
}
