package pagerdutysim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"imbot/integrations/pagerduty"
)

// Responder is somebody who was asked to help with an incident, in short.
type Responder struct {
	User    string // id
	State   string // "pending", "joined" or "declined"
	Message string // of the last request
	Asked   int    // how often; each time PagerDuty would have woken them
}

type responder struct {
	user, requester        *User
	state, message         string
	requestedAt, updatedAt time.Time
	asked                  int
}

// Responders lists who was asked to help with an incident, in order.
func (s *Server) Responders(id string) ([]Responder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byID[id]
	if i == nil {
		return nil, fmt.Errorf("%w: incident %s", ErrNotFound, id)
	}
	out := make([]Responder, len(i.responders))
	for n, r := range i.responders {
		out[n] = Responder{User: r.user.ID, State: r.state, Message: r.message, Asked: r.asked}
	}
	return out, nil
}

// RequestResponder asks a user for help with an incident.
func (s *Server) RequestResponder(id, by, user, message string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		u, requester := s.user(user), s.user(by)
		if u == nil || requester == nil {
			return fmt.Errorf("%w: user %s or %s", ErrNotFound, user, by)
		}
		s.ask(i, requester, u, message, at)
		return nil
	})
	return err
}

// ask asks, also those who were asked before: then their answer is awaited anew.
func (s *Server) ask(i *incident, by, u *User, message string, at time.Time) *responder {
	r := i.responder(u)
	if r == nil {
		r = &responder{user: u}
		i.responders = append(i.responders, r)
	}
	r.requester, r.message, r.state, r.requestedAt, r.updatedAt = by, message, pagerduty.ResponderPending, at, at
	r.asked++
	s.emitResponder(i, "incident.responder.added", userRef(by), r, at)
	return r
}

func (i *incident) responder(u *User) *responder {
	for _, r := range i.responders {
		if r.user == u {
			return r
		}
	}
	return nil
}

// ReplyResponder answers such a request; state is "joined" or "declined".
func (s *Server) ReplyResponder(id, user, state string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		u := s.user(user)
		if u == nil {
			return fmt.Errorf("%w: user %s", ErrNotFound, user)
		}
		r := i.responder(u)
		if r == nil || state != pagerduty.ResponderJoined && state != pagerduty.ResponderDeclined {
			return fmt.Errorf("%w: %s was not asked, or %q is no answer", ErrInvalid, user, state)
		}
		r.state, r.updatedAt = state, at
		s.emitResponder(i, "incident.responder.replied", userRef(u), r, at)
		return nil
	})
	return err
}

func (s *Server) emitResponder(i *incident, eventType string, agent reference, r *responder, at time.Time) {
	s.emitAbout(i, eventType, agent, "incident_responder", about{
		"user": userRef(r.user), "escalation_policy": i.policyRef(), "message": r.message, "state": r.state,
	}, at)
}

func (r *responder) rest(i *incident) map[string]any {
	return map[string]any{
		"state": r.state, "user": userRef(r.user), "incident": incidentRef(i), "message": r.message, "requester": userRef(r.requester),
		"requested_at": seconds(r.requestedAt), "updated_at": seconds(r.updatedAt),
	}
}

func (i *incident) restResponders() []map[string]any {
	out := make([]map[string]any, len(i.responders))
	for n, r := range i.responders {
		out[n] = r.rest(i)
	}
	return out
}

// postResponderRequest asks users; the client asks no escalation policies.
func (s *Server) postResponderRequest(w http.ResponseWriter, r *http.Request) {
	s.withIncident(w, r, func(i *incident) {
		var body struct {
			RequesterID string `json:"requester_id"`
			Message     string `json:"message"`
			Targets     []struct {
				Target typedID `json:"responder_request_target"`
			} `json:"responder_request_targets"`
		}
		from := s.requester(w, r)
		if from == nil || !decodeStrict(w, r, &body) {
			return
		}
		by := s.user(body.RequesterID)
		switch {
		case by == nil:
			invalid(w, "Requester not found")
			return
		case strings.TrimSpace(body.Message) == "" || len(body.Targets) == 0:
			invalid(w, "Message and responder request targets are required")
			return
		case i.Status == pagerduty.StatusResolved:
			invalid(w, "Incident Already Resolved")
			return
		}
		users := make([]*User, len(body.Targets))
		for n, t := range body.Targets {
			if users[n] = s.user(t.Target.ID); users[n] == nil || t.Target.Type != "user_reference" {
				invalid(w, fmt.Sprintf("Responder request target %q is not a user", t.Target.ID))
				return
			}
		}
		now := s.now()
		targets := make([]map[string]any, len(users))
		for n, u := range users {
			targets[n] = map[string]any{"responder_request_target": map[string]any{
				"id": u.ID, "type": "user", "incidents_responders": []any{s.ask(i, by, u, body.Message, now).rest(i)},
			}}
		}
		answer(w, http.StatusOK, map[string]any{"responder_request": map[string]any{
			"incident": incidentRef(i), "requester": userRef(by), "requested_at": seconds(now), "message": body.Message,
			"responder_request_targets": targets,
		}})
	})
}

// decodeStrict reads a JSON body, and refuses members that PagerDuty does not
// know.
func decodeStrict(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		invalid(w, strings.TrimPrefix(err.Error(), "json: "))
		return false
	}
	return true
}
