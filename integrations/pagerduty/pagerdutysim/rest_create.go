package pagerdutysim

import (
	"cmp"
	"net/http"
	"strings"

	"imbot/integrations/pagerduty"
)

// codeArguments is PagerDuty's error code for a key that is taken.
const codeArguments = 2002

type createItem struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Service     typedID  `json:"service"`
	Policy      *typedID `json:"escalation_policy"`
	Assignments []struct {
		Assignee typedID `json:"assignee"`
	} `json:"assignments"`
	Urgency     string `json:"urgency"`
	IncidentKey string `json:"incident_key"`
	Body        *struct {
		Type    string `json:"type"`
		Details string `json:"details"`
	} `json:"body"`
}

// postIncident makes an incident, unless an open one of the service has its key.
func (s *Server) postIncident(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct {
		Incident createItem `json:"incident"`
	}
	u := s.requester(w, r)
	if u == nil || !decodeStrict(w, r, &body) {
		return
	}
	item := &body.Incident
	if problem := s.checkCreate(item); problem != "" {
		invalid(w, problem)
		return
	}
	v := s.service(item.Service.ID)
	if item.IncidentKey != "" && s.openWithKey(v.ID, item.IncidentKey) != nil {
		refuse(w, http.StatusBadRequest, codeArguments, "Arguments Caused Error", "Open incident with matching dedup key already exists on this service")
		return
	}
	at := s.now()
	i := &incident{service: v, changedAt: at, updatedAt: at, changedBy: userRef(u), assignedAt: at}
	i.State = State{
		ID: s.newID('Q', 13), Number: len(s.incidents) + 1, Title: item.Title, Service: v.ID, CreatedAt: at,
		Key: cmp.Or(item.IncidentKey, strings.ToLower(s.newID('A', 31))), Status: pagerduty.StatusTriggered, Urgency: cmp.Or(item.Urgency, "high"),
	}
	if item.Body != nil {
		i.details = item.Body.Details
	}
	i.policy = s.policy("PE" + v.ID) // the service's own, where a test has added it
	if item.Policy != nil {
		i.policy = s.policy(item.Policy.ID)
	}
	if len(item.Assignments) > 0 {
		for _, a := range item.Assignments {
			i.assignees = append(i.assignees, s.user(a.Assignee.ID))
		}
	} else if i.policy != nil {
		i.assignees = s.firstLevel(i.policy)
	}
	s.incidents = append(s.incidents, i)
	s.byID[i.ID] = i
	s.record(i, "trigger_log_entry", "Triggered by "+u.Name, "api", userRef(u), at)
	s.emitIncident(i, "incident.triggered", userRef(u), at)
	answer(w, http.StatusCreated, map[string]any{"incident": s.rest(i)})
}

// checkCreate says what PagerDuty would refuse.
func (s *Server) checkCreate(c *createItem) string {
	known := false
	for _, v := range s.services {
		known = known || v.ID == c.Service.ID
	}
	switch {
	case c.Type != "incident":
		return "Type must be incident"
	case strings.TrimSpace(c.Title) == "":
		return "Title cannot be empty"
	case c.Service.Type != "service_reference" || !known:
		return "Service not found"
	case c.Urgency != "" && c.Urgency != "high" && c.Urgency != "low":
		return "Urgency must be high or low"
	case c.Policy != nil && len(c.Assignments) > 0:
		return "Assignments cannot be specified if an escalation policy is given"
	case c.Policy != nil && (c.Policy.Type != "escalation_policy_reference" || s.policy(c.Policy.ID) == nil):
		return "Escalation policy not found"
	case c.Body != nil && c.Body.Type != "incident_body":
		return "Body type must be incident_body"
	}
	for _, a := range c.Assignments {
		if a.Assignee.Type != "user_reference" || s.user(a.Assignee.ID) == nil {
			return "Assignee not found"
		}
	}
	return ""
}

// openWithKey returns the open incident of a service with that key, or nil.
func (s *Server) openWithKey(service, key string) *incident {
	for _, i := range s.incidents {
		if i.Key == key && i.Service == service && i.Status != pagerduty.StatusResolved {
			return i
		}
	}
	return nil
}

func (s *Server) postStatusUpdate(w http.ResponseWriter, r *http.Request) {
	s.withIncident(w, r, func(i *incident) {
		var body struct {
			Message     string `json:"message"`
			Subject     string `json:"subject"`
			HTMLMessage string `json:"html_message"`
		}
		u := s.requester(w, r)
		switch {
		case u == nil || !decodeStrict(w, r, &body):
		case strings.TrimSpace(body.Message) == "":
			invalid(w, "Message cannot be empty")
		case i.Status == pagerduty.StatusResolved:
			invalid(w, "Incident Already Resolved")
		default:
			id, at := s.newID('P', 6), s.now()
			s.publish(i, id, userRef(u), body.Message, at)
			answer(w, http.StatusOK, map[string]any{"status_update": map[string]any{
				"id": id, "message": body.Message, "created_at": seconds(at), "sender": userRef(u),
			}})
		}
	})
}
