package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// States of a responder. PagerDuty documents "user_cancelled", too.
const (
	ResponderPending  = "pending"
	ResponderJoined   = "joined"
	ResponderDeclined = "declined"
)

// Responder is somebody who was asked to help with an incident.
type Responder struct {
	User             *Reference
	EscalationPolicy *Reference // webhooks only
	Message          string     // what they were asked with
	State            string     // see the constants; others may come

	// The following are known from Client.Responders only.

	Requester   *Reference
	RequestedAt time.Time
	UpdatedAt   time.Time // of the last change of the state
}

// RequestResponders asks users, by their ids, to help with an incident, in the
// name of the PagerDuty user with the mail address from, or Config.From if that
// is empty. PagerDuty notifies each by their rules for high urgency until they
// answer.
//
// PagerDuty does not recognise a repeated request. After an error that leaves
// open whether it was done, look with Responders, and ask only those who are not
// among them; who declined was asked.
//
// If nobody has the address from, the error is ErrSender. An account without
// the feature gets a permanent error of status 402.
// https://developer.pagerduty.com/api-reference/ (POST /incidents/{id}/responder_requests)
func (c *Client) RequestResponders(ctx context.Context, incidentID, from, message string, users []string) error {
	op := "ask responders for " + incidentID
	if err := checkID(op, incidentID); err != nil {
		return err
	}
	if len(users) == 0 || strings.TrimSpace(message) == "" {
		return &Error{Op: op, Status: http.StatusBadRequest, Message: "it needs at least one user and a message"}
	}
	targets := make([]any, len(users))
	for n, id := range users {
		if err := checkID(op, id); err != nil {
			return err
		}
		targets[n] = map[string]any{"responder_request_target": typed("user", id)}
	}
	from, err := c.sender(op, from)
	if err != nil {
		return err
	}
	requester, err := c.UserByEmail(ctx, from) // this call wants the id
	var e *Error
	if errors.As(err, &e) && e.NotFound() {
		return unknownSender(op, from)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	body := map[string]any{"requester_id": requester.ID, "message": message, "responder_request_targets": targets}
	return c.send(ctx, op, http.MethodPost, "/incidents/"+incidentID+"/responder_requests", from, body, nil)
}

// Responders returns everybody who was asked to help with an incident, in the
// order in which they were asked.
func (c *Client) Responders(ctx context.Context, incidentID string) ([]Responder, error) {
	op := "read the responders of " + incidentID
	if err := checkID(op, incidentID); err != nil {
		return nil, err
	}
	var answer wireResponders
	if err := c.send(ctx, op, http.MethodGet, "/incidents/"+incidentID, "", nil, &answer); err != nil {
		return nil, err
	}
	if answer.Incident.ID == "" {
		return nil, &Error{Op: op, Status: http.StatusOK, Message: "the answer holds no incident"}
	}
	return answer.responders(), nil
}

// wireResponders is an incident, of which the responders are of interest.
type wireResponders struct {
	Incident struct {
		ID         text `json:"id"`
		Responders []struct {
			User        *wireRef `json:"user"`
			Requester   *wireRef `json:"requester"`
			Message     text     `json:"message"`
			State       text     `json:"state"`
			RequestedAt text     `json:"requested_at"`
			UpdatedAt   text     `json:"updated_at"`
		} `json:"incidents_responders"`
	} `json:"incident"`
}

// responders leaves out what names nobody.
func (w *wireResponders) responders() []Responder {
	var out []Responder
	for _, r := range w.Incident.Responders {
		if r.User == nil || r.User.ID == "" {
			continue
		}
		out = append(out, Responder{
			User: r.User.pointer(), Message: string(r.Message), State: string(r.State),
			Requester: r.Requester.pointer(), RequestedAt: r.RequestedAt.time(), UpdatedAt: r.UpdatedAt.time(),
		})
	}
	sortByTime(out, func(r Responder) time.Time { return r.RequestedAt })
	return out
}
