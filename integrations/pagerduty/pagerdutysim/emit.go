package pagerdutysim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"imbot/integrations/pagerduty"
)

// emit sends an event to all subscriptions that want it. resource is the
// incident or service, within which order is kept. The caller holds mu.
func (s *Server) emit(v *Service, resource, eventType string, agent reference, data any, at time.Time) {
	var body []byte // the same for all subscriptions
	for _, sub := range s.subs {
		if !sub.wants(eventType, v) {
			continue
		}
		if body == nil {
			kind, _, _ := strings.Cut(eventType, ".")
			body = s.body(event{
				EventType: eventType, ResourceType: kind, OccurredAt: millis(at), Agent: agent.orNil(), Data: data,
			})
		}
		s.enqueue(sub, resource, body)
	}
}

// body gives an event its id, and writes it.
func (s *Server) body(e event) []byte {
	e.ID = "01" + s.newID('F', 23)
	b, err := json.Marshal(envelope{Event: e})
	if err != nil {
		panic("pagerdutysim: " + err.Error()) // it is made of plain structs
	}
	return b
}

func (s *Server) emitIncident(i *incident, eventType string, agent reference, at time.Time) {
	s.emit(i.service, i.ID, eventType, agent, i.data(s.byID[i.MergedInto]), at)
}

// about is data that says something about an incident without being one.
type about map[string]any

func (s *Server) emitAbout(i *incident, eventType string, agent reference, dataType string, data about, at time.Time) {
	data["type"] = dataType
	if _, ok := data["incident_role_assignments"]; !ok { // those name it within
		data["incident"] = incidentRef(i)
	}
	s.emit(i.service, i.ID, eventType, agent, data, at)
}

func (s *Server) emitNote(i *incident, n note, at time.Time) {
	s.emitAbout(i, "incident.annotated", userRef(n.by), "incident_note",
		about{"id": n.id, "content": n.content, "trimmed": false}, at)
}

func (s *Server) emitStatusUpdate(i *incident, id string, agent reference, message string, at time.Time) {
	s.emitAbout(i, "incident.status_update_published", agent, "incident_status_update",
		about{"id": id, "message": message, "trimmed": false}, at)
}

// ping sends the test event, whatever events the subscription is for.
func (s *Server) ping(b *subscription, agent reference) {
	body := s.body(event{
		EventType: pagerduty.PingType, ResourceType: "pagey", OccurredAt: millis(s.now()), Agent: agent.orNil(),
		Data: map[string]string{"message": "Hello from your friend Pagey!", "type": "ping"},
	})
	s.enqueue(b, "ping", body)
}

// SetConferenceBridge says where people talk.
func (s *Server) SetConferenceBridge(id, by, number, url string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		i.bridge = bridge{number: number, url: url}
		s.emitAbout(i, "incident.conference_bridge.updated", s.agent(by), "incident_conference_bridge", about{
			"conference_numbers": []map[string]string{{"label": "", "number": number}}, "conference_url": url,
		}, at)
		return nil
	})
	return err
}

// SetField sets a custom field.
func (s *Server) SetField(id, by, name, value string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		field := func(v any) []map[string]any {
			return []map[string]any{{
				"data_type": "string", "field_type": "single_value", "id": "PF" + strings.ToUpper(name), "name": name,
				"namespace": "incidents", "type": "field_value", "value": v,
			}}
		}
		s.emitAbout(i, "incident.custom_field_values.updated", s.agent(by), "incident_field_values",
			about{"custom_fields": field(value), "changed_custom_fields": field(nil)}, at)
		return nil
	})
	return err
}

// AssignRole gives a user a role of the incident, such as "Incident Commander".
func (s *Server) AssignRole(id, by, role, user string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		u := s.user(user)
		if u == nil {
			return fmt.Errorf("%w: user %s", ErrNotFound, user)
		}
		s.emitAbout(i, "incident.role.assigned", s.agent(by), "incident_role_assignment", about{
			"incident_role_assignments": []map[string]any{{
				"assignee": userRef(u), "id": s.newUUID(), "incident": incidentRef(i), "old_assignee": nil,
				"role":   map[string]string{"id": s.newID('P', 6), "summary": role, "type": "role_reference"},
				"status": "active", "type": "role_assignment_reference",
			}},
		}, at)
		return nil
	})
	return err
}

// incidentEvents are the further types whose data is the incident.
var incidentEvents = []string{"incident.delegated", "incident.escalated"}

// Emit sends an event of one of the types that no other method makes, with
// plausible data: incident.delegated, .escalated, .task.*, .workflow.* and
// .action_invocation.*.
func (s *Server) Emit(id, by, eventType string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		agent := s.agent(by)
		_, verb, _ := strings.Cut(strings.TrimPrefix(eventType, "incident."), ".")
		switch {
		case slices.Contains(incidentEvents, eventType):
			s.emitIncident(i, eventType, agent, at)
		case strings.HasPrefix(eventType, "incident.task."):
			status := map[string]string{"created": "todo", "updated": "in_progress", "completed": "done"}[verb]
			s.emitAbout(i, eventType, agent, "incident_task", about{
				"id": s.newID('P', 6), "name": "Check the database", "summary": "Check the database",
				"description": "Look for slow queries", "status": status, "assignees": userRefs(i.assignees),
			}, at)
		case strings.HasPrefix(eventType, "incident.workflow."):
			s.emitAbout(i, eventType, agent, "incident_workflow_instance", about{
				"id": s.newID('P', 6), "summary": "Call in the experts", "service": serviceRef(i.service),
				"incident_workflow": ref("incident_workflow", "incident_workflows", "PWFLOW1", "Call in the experts"),
				"workflow_trigger":  ref("workflow_trigger", "incident_workflows/triggers", "PWTRIG1", "Manual trigger"),
			}, at)
		case strings.HasPrefix(eventType, "incident.action_invocation."):
			run := ref("invocation", "automation/invocations", s.newID('0', 25), "")
			s.emitAbout(i, eventType, agent, "incident_action_invocation", about{
				"id": run.ID, "self": run.Self, "html_url": run.HTMLURL, "state": verb,
				"action": ref("action", "automation/actions", "PACTION1", "Restart the pods"),
			}, at)
		default:
			return fmt.Errorf("%w: event type %q", ErrInvalid, eventType)
		}
		return nil
	})
	return err
}

// ChangeType sets the incident's type, such as "major".
func (s *Server) ChangeType(id, by, kind string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		i.kind = kind
		s.emitIncident(i, "incident.incident_type.changed", s.agent(by), at)
		return nil
	})
	return err
}

// MoveToService moves the incident to another service, which is added where it
// is unknown.
func (s *Server) MoveToService(id, by, service string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		i.service = s.service(service)
		i.Service = i.service.ID
		s.emitIncident(i, "incident.service_updated", s.agent(by), at)
		return nil
	})
	return err
}

// EmitService sends service.created, .updated, .deleted or
// .custom_field_values.updated of a service.
func (s *Server) EmitService(id, by, eventType string, at ...time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.service(id)
	r := serviceRef(v)
	switch eventType {
	case "service.created", "service.updated", "service.deleted":
		s.emit(v, v.ID, eventType, s.agent(by), about{
			"id": v.ID, "type": "service", "summary": v.Name, "self": r.Self, "html_url": r.HTMLURL,
			"alert_creation": "create_alerts_and_incidents", "teams": teamRefs(v),
		}, s.when(at))
	case "service.custom_field_values.updated":
		field := func(value any) []map[string]any {
			return []map[string]any{{
				"data_type": "string", "field_type": "single_value", "id": "PFTIER", "name": "tier", "type": "field_value", "value": value,
			}}
		}
		s.emit(v, v.ID, eventType, s.agent(by), about{
			"type": "service_field_values", "service": r, "custom_fields": field("1"), "changed_custom_fields": field("2"),
		}, s.when(at))
	default:
		return fmt.Errorf("%w: event type %q", ErrInvalid, eventType)
	}
	return nil
}
