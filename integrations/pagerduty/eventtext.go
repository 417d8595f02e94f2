package pagerduty

import (
	"strings"

	"imbot/integrations/internal/fit"
)

// maxText bounds Event.Text, in bytes: enough for a line in a timeline.
const maxText = 500

// Text returns one line in English that says who did what, such as
// "Ani acknowledged the incident", of at most 500 bytes, without control
// characters. Names and texts in it come from outside as they are: escape them
// for where they are shown.
func (e *Event) Text() string {
	who := "PagerDuty"
	if e.Agent != nil && e.Agent.Summary != "" {
		who = e.Agent.Summary
	}
	what, ok := types[e.Type]
	if !ok {
		what = "sent " + e.Type
	}
	s := who + " " + what
	if d := e.detail(); d != "" {
		s += ": " + d
	}
	return fit.Line(s, maxText)
}

// detail says what the type alone does not.
func (e *Event) detail() string {
	switch {
	case e.Note != nil:
		return e.Note.Content
	case e.StatusUpdate != nil:
		return e.StatusUpdate.Message
	case e.Responder != nil:
		return e.Responder.text()
	case e.Bridge != nil:
		return join(e.Bridge.Number, e.Bridge.URL)
	case e.Task != nil:
		return parenthesised(e.Task.Name, e.Task.Status)
	case e.Workflow != nil:
		return e.Workflow.Summary
	case e.Action != nil && e.Action.Action != nil:
		return parenthesised(e.Action.Action.Summary, e.Action.State)
	case len(e.Roles) > 0:
		return rolesText(e.Roles)
	case len(e.Fields) > 0:
		return fieldsText(e.Fields)
	case e.Incident != nil:
		return e.Incident.change(e.Type)
	case e.Service != nil:
		return e.Service.Summary
	}
	return e.Message
}

func (r *Responder) text() string {
	var names []string
	for _, ref := range []*Reference{r.User, r.EscalationPolicy} {
		if ref != nil {
			names = append(names, ref.Summary)
		}
	}
	return join(parenthesised(join(names...), r.State), r.Message)
}

// change says what an event of the type changed in the incident.
func (i *Incident) change(eventType string) string {
	switch eventType {
	case "incident.triggered":
		return i.Title
	case "incident.priority_updated":
		if i.Priority == nil {
			return "none"
		}
		return i.Priority.Summary
	case "incident.incident_type.changed":
		return i.IncidentType
	case "incident.service_updated":
		return i.Service.Summary
	case "incident.delegated":
		if i.EscalationPolicy != nil {
			return i.EscalationPolicy.Summary
		}
	case "incident.reassigned", "incident.escalated":
		names := make([]string, len(i.Assignees))
		for n, a := range i.Assignees {
			names[n] = a.Summary
		}
		return join(names...)
	case "incident.resolved":
		if i.MergedInto() != "" {
			return "merged into " + join(i.ResolveReason.Incident.Summary, i.MergedInto())
		}
	}
	return ""
}

func rolesText(roles []RoleAssignment) string {
	parts := make([]string, len(roles))
	for n, r := range roles {
		role, who := "role", "nobody"
		if r.Role != nil && r.Role.Summary != "" {
			role = r.Role.Summary
		}
		if r.Assignee != nil {
			who = r.Assignee.Summary
		}
		parts[n] = role + " = " + who
	}
	return join(parts...)
}

func fieldsText(fields []Field) string {
	parts := make([]string, len(fields))
	for n, f := range fields {
		parts[n] = f.Name + " = " + f.Value
	}
	return join(parts...)
}

// join joins what is not empty by commas.
func join(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p)
	}
	return b.String()
}

func parenthesised(s, aside string) string {
	if aside == "" {
		return s
	}
	return strings.TrimSpace(s + " (" + aside + ")")
}
