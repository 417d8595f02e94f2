package pagerduty

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// PingType is the type of the event that a subscription's test sends. It
// concerns no incident.
const PingType = "pagey.ping"

// ErrWebhook is returned, wrapped with the reason, for a body that is no v3
// webhook at all: no JSON, or without an event type. A signed body of that kind
// is still to be answered with a 2xx, since PagerDuty drops a webhook that is
// answered with a 4xx, and switches the subscription off after three.
var ErrWebhook = errors.New("not a PagerDuty v3 webhook")

// Event is one webhook: something that happened to an incident or a service.
// Which of the pointers is set follows from the type of the data.
type Event struct {
	ID           string
	Type         string     // such as "incident.triggered"; see Known
	ResourceType string     // "incident", "service" or "pagey"
	OccurredAt   time.Time  // when it happened, UTC; zero if missing or unreadable
	Agent        *Reference // who did it; nil if PagerDuty does not say
	Client       string     // name of the application it was done with, or ""

	Incident     *Incident         // the incident after the event, where the data is the incident itself
	IncidentRef  *Reference        // the incident, where the data is something else about it
	Note         *Note             // incident.annotated
	Responder    *Responder        // incident.responder.*
	StatusUpdate *StatusUpdate     // incident.status_update_published
	Bridge       *ConferenceBridge // incident.conference_bridge.updated
	Fields       []Field           // *.custom_field_values.updated: those that changed, with their new values
	Roles        []RoleAssignment  // incident.role.assigned
	Task         *Task             // incident.task.*
	Workflow     *Reference        // incident.workflow.*
	Action       *ActionInvocation // incident.action_invocation.*
	Service      *Reference        // service.*
	Message      string            // pagey.ping

	// Raw is the event's data as sent: a part of the parsed body, not a copy.
	// nil if there was none.
	Raw json.RawMessage
}

// Note is a note that somebody wrote on an incident.
type Note struct {
	ID      string
	Content string
	Trimmed bool // Content is cut: the whole text is to be had from Client.Notes

	// User wrote it at CreatedAt. Only Client.Notes knows these: in a webhook
	// they are the event's Agent and OccurredAt.
	User      *Reference
	CreatedAt time.Time
}

// StatusUpdate is a message to an incident's stakeholders.
type StatusUpdate struct {
	ID      string
	Message string
	Trimmed bool // Message is cut
}

// Field is the value of a custom field.
type Field struct {
	ID    string
	Name  string
	Value string // a list or object is in its JSON form; empty for null
}

// RoleAssignment gives a role of an incident to somebody.
type RoleAssignment struct {
	Role        *Reference
	Assignee    *Reference // nil if the role was taken away
	OldAssignee *Reference
	Status      string // such as "active"
}

// Task is something to be done for an incident.
type Task struct {
	ID        string
	Name      string
	Status    string // such as "todo"
	Assignees []Reference
}

// ActionInvocation is the run of an automation action on an incident.
type ActionInvocation struct {
	ID      string
	Action  *Reference
	State   string // such as "created"
	HTMLURL string // the report of the run
}

// types are the event types that PagerDuty documents, and what they say in a
// timeline. https://developer.pagerduty.com/docs/webhooks-overview
var types = map[string]string{
	"incident.acknowledged":                 "acknowledged the incident",
	"incident.annotated":                    "added a note",
	"incident.conference_bridge.updated":    "changed the conference bridge",
	"incident.custom_field_values.updated":  "changed custom fields",
	"incident.delegated":                    "delegated the incident to another escalation policy",
	"incident.escalated":                    "escalated the incident",
	"incident.incident_type.changed":        "changed the incident type",
	"incident.priority_updated":             "changed the priority",
	"incident.reassigned":                   "reassigned the incident",
	"incident.reopened":                     "reopened the incident",
	"incident.resolved":                     "resolved the incident",
	"incident.responder.added":              "asked for a responder",
	"incident.responder.replied":            "answered a responder request",
	"incident.role.assigned":                "assigned a role",
	"incident.service_updated":              "moved the incident to another service",
	"incident.status_update_published":      "published a status update",
	"incident.task.completed":               "completed a task",
	"incident.task.created":                 "created a task",
	"incident.task.updated":                 "changed a task",
	"incident.triggered":                    "triggered the incident",
	"incident.unacknowledged":               "unacknowledged the incident",
	"incident.action_invocation.created":    "started an automation action",
	"incident.action_invocation.updated":    "updated an automation action",
	"incident.action_invocation.terminated": "ended an automation action",
	"incident.workflow.started":             "started a workflow",
	"incident.workflow.completed":           "completed a workflow",
	"service.created":                       "created the service",
	"service.updated":                       "changed the service",
	"service.deleted":                       "deleted the service",
	"service.custom_field_values.updated":   "changed custom fields of the service",
	PingType:                                "tested the webhook subscription",
}

// IncidentID returns the id of the incident that the event is about, wherever
// the data has it, or "" for a service event, a ping, and data without one.
func (e *Event) IncidentID() string {
	switch {
	case e.Incident != nil:
		return e.Incident.ID
	case e.IncidentRef != nil:
		return e.IncidentRef.ID
	}
	return ""
}

type wireEvent struct {
	ID           text     `json:"id"`
	EventType    text     `json:"event_type"`
	ResourceType text     `json:"resource_type"`
	OccurredAt   text     `json:"occurred_at"`
	Agent        *wireRef `json:"agent"`
	Client       *struct {
		Name text `json:"name"`
	} `json:"client"`
	Data wireData `json:"data"`
}

// wireData is the union of all shapes of data: their field names do not
// conflict, so that one pass decodes them all.
type wireData struct {
	wireIncident
	Incident    *wireRef `json:"incident"`
	Content     text     `json:"content"`
	Message     text     `json:"message"`
	Trimmed     text     `json:"trimmed"`
	State       text     `json:"state"`
	Name        text     `json:"name"`
	User        *wireRef `json:"user"`
	Action      *wireRef `json:"action"`
	BridgeURL   text     `json:"conference_url"`
	BridgePhone []struct {
		Number text `json:"number"`
	} `json:"conference_numbers"`
	Fields        []wireField `json:"custom_fields"`
	ChangedFields []wireField `json:"changed_custom_fields"`
	Roles         []struct {
		Incident    *wireRef `json:"incident"`
		Role        *wireRef `json:"role"`
		Assignee    *wireRef `json:"assignee"`
		OldAssignee *wireRef `json:"old_assignee"`
		Status      text     `json:"status"`
	} `json:"incident_role_assignments"`
}

type wireField struct {
	ID    text            `json:"id"`
	Name  text            `json:"name"`
	Value json.RawMessage `json:"value"`
}

// ParseWebhook decodes the body of a v3 webhook. It is lenient: an unknown type
// parses, and a field of another type than documented is left out, or, for
// numbers and strings, taken as the other. The error wraps [ErrWebhook].
//
// Check the signature first: see [VerifySignature].
func ParseWebhook(body []byte) (*Event, error) {
	var envelope struct {
		Event wireEvent `json:"event"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil && !onlyTypes(err) {
		return nil, fmt.Errorf("%w: %w", ErrWebhook, err)
	}
	w := &envelope.Event
	if w.EventType == "" {
		return nil, fmt.Errorf("%w: no event.event_type", ErrWebhook)
	}
	e := &Event{
		ID: string(w.ID), Type: string(w.EventType), ResourceType: string(w.ResourceType),
		OccurredAt: w.OccurredAt.time(),
		Agent:      w.Agent.pointer(),
		Raw:        member(member(body, "event"), "data"),
	}
	if w.Client != nil {
		e.Client = string(w.Client.Name)
	}
	w.Data.fill(e)
	return e, nil
}

// fill sets the parts of e that the type of the data stands for.
func (d *wireData) fill(e *Event) {
	e.IncidentRef = d.Incident.pointer()
	switch d.Type {
	case "incident":
		e.Incident = d.incident()
		e.IncidentRef = nil
	case "incident_note":
		e.Note = &Note{ID: string(d.ID), Content: string(d.Content), Trimmed: d.Trimmed == "true"}
	case "incident_status_update":
		e.StatusUpdate = &StatusUpdate{ID: string(d.ID), Message: string(d.Message), Trimmed: d.Trimmed == "true"}
	case "incident_responder":
		e.Responder = &Responder{User: d.User.pointer(), EscalationPolicy: d.EscalationPolicy.pointer(), Message: string(d.Message), State: string(d.State)}
	case "incident_conference_bridge":
		e.Bridge = &ConferenceBridge{URL: string(d.BridgeURL)}
		if len(d.BridgePhone) > 0 {
			e.Bridge.Number = string(d.BridgePhone[0].Number)
		}
	case "incident_field_values", "service_field_values":
		e.Fields = d.changed()
		e.Service = d.Service.pointer()
	case "incident_role_assignment":
		d.fillRoles(e)
	case "incident_task":
		e.Task = &Task{ID: string(d.ID), Name: string(d.Name), Status: string(d.Status), Assignees: references(d.Assignees)}
	case "incident_workflow_instance":
		e.Workflow = d.pointer()
	case "incident_action_invocation":
		e.Action = &ActionInvocation{ID: string(d.ID), Action: d.Action.pointer(), State: string(d.State), HTMLURL: string(d.HTMLURL)}
	case "service":
		e.Service = d.pointer()
	case "ping":
		e.Message = string(d.Message)
	}
}

// fillRoles takes the incident from the assignments, for the data has none.
func (d *wireData) fillRoles(e *Event) {
	for _, r := range d.Roles {
		if e.IncidentRef == nil {
			e.IncidentRef = r.Incident.pointer()
		}
		e.Roles = append(e.Roles, RoleAssignment{
			Role: r.Role.pointer(), Assignee: r.Assignee.pointer(), OldAssignee: r.OldAssignee.pointer(), Status: string(r.Status),
		})
	}
}

// changed returns the new values of the fields that changed: PagerDuty lists
// all fields with their new values, and those that changed with their old ones.
func (d *wireData) changed() []Field {
	old := make(map[text]bool, len(d.ChangedFields))
	for _, f := range d.ChangedFields {
		old[f.ID] = true
	}
	var out []Field
	for _, f := range d.Fields {
		if old[f.ID] {
			out = append(out, Field{ID: string(f.ID), Name: string(f.Name), Value: f.value()})
		}
	}
	return out
}

// value returns a scalar as text, and anything else as JSON.
func (f wireField) value() string {
	if len(f.Value) > 0 && (f.Value[0] == '[' || f.Value[0] == '{') {
		return string(f.Value)
	}
	var t text
	_ = t.UnmarshalJSON(f.Value) // never fails
	return string(t)
}
