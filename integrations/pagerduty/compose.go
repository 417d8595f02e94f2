package pagerduty

import (
	"encoding/json"
	"errors"
	"time"
)

// ComposeWebhook returns the body that the webhook of an event would have had,
// so that what was read over the REST API can be kept and replayed as if it had
// been delivered: [ParseWebhook] reads it back. It knows the events whose data is
// the incident, and notes.
func ComposeWebhook(e *Event) ([]byte, error) {
	var data any
	switch {
	case e.Incident != nil:
		data = composeIncident(e.Incident)
	case e.Note != nil && e.IncidentRef != nil:
		data = map[string]any{
			"type": "incident_note", "id": e.Note.ID, "content": e.Note.Content, "trimmed": e.Note.Trimmed, "incident": composeRef(e.IncidentRef),
		}
	default:
		return nil, errors.New("pagerduty: a webhook is composed of an incident, or of a note on one")
	}
	return json.Marshal(map[string]any{"event": map[string]any{
		"id": e.ID, "event_type": e.Type, "resource_type": e.ResourceType, "occurred_at": composeTime(e.OccurredAt),
		"agent": composeRef(e.Agent), "client": nil, "data": data,
	}})
}

func composeIncident(i *Incident) map[string]any {
	m := map[string]any{
		"id": i.ID, "type": "incident", "html_url": i.HTMLURL, "number": i.Number, "status": i.Status, "incident_key": i.IncidentKey,
		"created_at": composeTime(i.CreatedAt), "reopened_at": composeTime(i.ReopenedAt), "title": i.Title, "urgency": i.Urgency,
		"service": composeRef(&i.Service), "assignees": composeRefs(i.Assignees), "teams": composeRefs(i.Teams),
		"escalation_policy": composeRef(i.EscalationPolicy), "priority": composeRef(i.Priority),
		"incident_type": nil, "conference_bridge": nil, "resolve_reason": nil,
	}
	if i.IncidentType != "" {
		m["incident_type"] = map[string]string{"name": i.IncidentType}
	}
	if b := i.ConferenceBridge; b != nil {
		m["conference_bridge"] = map[string]string{"conference_number": b.Number, "conference_url": b.URL}
	}
	if r := i.ResolveReason; r != nil {
		m["resolve_reason"] = map[string]any{"type": r.Type, "incident": composeRef(r.Incident)}
	}
	return m
}

// composeRef is nil for what names nothing.
func composeRef(r *Reference) any {
	if r == nil || *r == (Reference{}) {
		return nil
	}
	return map[string]string{"id": r.ID, "type": r.Type, "summary": r.Summary, "self": r.Self, "html_url": r.HTMLURL}
}

func composeRefs(list []Reference) []any {
	out := make([]any, 0, len(list))
	for i := range list {
		out = append(out, composeRef(&list[i]))
	}
	return out
}

func composeTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339Nano)
}
