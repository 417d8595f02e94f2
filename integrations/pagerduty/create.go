package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"imbot/integrations/internal/fit"
)

// maxTitle bounds the title of an incident, in bytes. It is the limit of an
// event's summary, for which PagerDuty documents one.
// https://developer.pagerduty.com/docs/send-alert-event
const maxTitle = 1024

// NewIncident is an incident to be made. Title and ServiceID are required.
type NewIncident struct {
	Title       string   // made one line of at most 1024 bytes
	ServiceID   string   //
	PolicyID    string   // escalation policy; the service's where empty
	Assignees   []string // ids of users to be told instead of a policy: one of the two only
	Urgency     string   // "high" or "low"; the service's rule where empty
	IncidentKey string   // so that one incident is made only, see CreateIncident
	Details     string   // plain text; may be empty
}

// CreateIncident makes an incident in the name of the PagerDuty user with the
// mail address from, or Config.From if that is empty: PagerDuty tells whom the
// escalation policy or the assignees name. If nobody has the address, the error
// is ErrSender.
//
// With an IncidentKey it can be called again after a lost answer: PagerDuty
// refuses a second open incident of the service with that key, and the first is
// returned, as it is now. One that has been resolved meanwhile does not count
// for PagerDuty: where that matters, look with IncidentByKey first.
// https://developer.pagerduty.com/api-reference/ (POST /incidents)
func (c *Client) CreateIncident(ctx context.Context, from string, n NewIncident) (*Incident, error) {
	const op = "create an incident"
	body, err := n.body(op)
	if err != nil {
		return nil, err
	}
	from, err = c.sender(op, from)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Incident wireIncident `json:"incident"`
	}
	err = c.send(ctx, op, http.MethodPost, "/incidents", from, body, &answer)
	if err == nil && answer.Incident.ID != "" {
		return answer.Incident.incident(), nil
	}
	if err == nil {
		err = &Error{Op: op, Status: http.StatusCreated, Message: "the answer holds no incident"}
	}
	// Refused, or done with an answer that was not understood. What PagerDuty
	// says of a key that is taken is not documented; whether it is can be seen.
	var e *Error
	if n.IncidentKey == "" || !errors.As(err, &e) || (e.Status != http.StatusBadRequest && e.Status/100 != 2) || errors.Is(err, ErrSender) {
		return nil, err
	}
	found, lookErr := c.IncidentByKey(ctx, n.ServiceID, n.IncidentKey)
	var none *Error
	switch {
	case lookErr == nil && found.Open():
		return found, nil
	case lookErr == nil || errors.As(lookErr, &none) && none.NotFound():
		return nil, err
	}
	return nil, lookErr // whether it exists is not known: this can be tried again
}

// body is n as PagerDuty wants it.
func (n *NewIncident) body(op string) (any, error) {
	title := fit.Line(n.Title, maxTitle)
	var problem string
	switch {
	case title == "":
		problem = "the title is empty"
	case n.PolicyID != "" && len(n.Assignees) > 0:
		problem = "an incident is assigned by an escalation policy or to users, not both"
	case n.Urgency != "" && n.Urgency != "high" && n.Urgency != "low":
		problem = fmt.Sprintf("there is no urgency %.20q", n.Urgency)
	}
	if problem != "" {
		return nil, &Error{Op: op, Status: http.StatusBadRequest, Message: problem}
	}
	ids := append([]string{n.ServiceID}, n.Assignees...)
	if n.PolicyID != "" {
		ids = append(ids, n.PolicyID)
	}
	for _, id := range ids {
		if err := checkID(op, id); err != nil {
			return nil, err
		}
	}
	m := map[string]any{"type": "incident", "title": title, "service": typed("service", n.ServiceID)}
	if n.PolicyID != "" {
		m["escalation_policy"] = typed("escalation_policy", n.PolicyID)
	}
	var assignments []any
	for _, id := range n.Assignees {
		assignments = append(assignments, map[string]any{"assignee": typed("user", id)})
	}
	if assignments != nil {
		m["assignments"] = assignments
	}
	if n.Urgency != "" {
		m["urgency"] = n.Urgency
	}
	if n.IncidentKey != "" {
		m["incident_key"] = n.IncidentKey
	}
	if strings.TrimSpace(n.Details) != "" {
		m["body"] = map[string]string{"type": "incident_body", "details": n.Details}
	}
	return map[string]any{"incident": m}, nil
}

// typed is how a request names an object.
func typed(kind, id string) map[string]string {
	return map[string]string{"id": id, "type": kind + "_reference"}
}

// IncidentByKey returns the incident of a service with that key, also where an
// alert of it has the key: an open one, else the one that was created last. If
// there is none, it returns an *Error with NotFound.
func (c *Client) IncidentByKey(ctx context.Context, serviceID, key string) (*Incident, error) {
	const op = "find an incident by its key"
	if err := checkID(op, serviceID); err != nil {
		return nil, err
	}
	if key == "" { // PagerDuty would return all
		return nil, &Error{Op: op, Status: http.StatusBadRequest, Message: "the key is empty"}
	}
	query := url.Values{
		"incident_key": {key}, "service_ids[]": {serviceID}, "date_range": {"all"},
		"statuses[]": {StatusTriggered, StatusAcknowledged, StatusResolved},
		"sort_by":    {"created_at:desc"}, "limit": {strconv.Itoa(pageSize)},
	}
	var answer struct {
		Incidents []wireIncident `json:"incidents"`
	}
	if err := c.send(ctx, op, http.MethodGet, "/incidents?"+query.Encode(), "", nil, &answer); err != nil {
		return nil, err
	}
	var found *Incident
	for n := range answer.Incidents {
		i := answer.Incidents[n].incident()
		if found == nil || i.Open() && !found.Open() {
			found = i
		}
	}
	if found == nil || found.ID == "" {
		return nil, &Error{Op: op, Status: http.StatusNotFound, Code: CodeNotFound, Message: "there is none"}
	}
	return found, nil
}

// PostStatusUpdate tells an incident's stakeholders something, in the name of
// from, see CreateIncident. PagerDuty does not recognise a repeated update, and
// its REST API does not show those that were posted: after an error that leaves
// open whether it was done, only the webhook incident.status_update_published
// tells.
// https://developer.pagerduty.com/api-reference/ (POST /incidents/{id}/status_updates)
func (c *Client) PostStatusUpdate(ctx context.Context, incidentID, from, text string) error {
	op := "post a status update on " + incidentID
	if err := checkID(op, incidentID); err != nil {
		return err
	}
	from, err := c.sender(op, from)
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return &Error{Op: op, Status: http.StatusBadRequest, Message: "the status update is empty"}
	}
	body := map[string]string{"message": text}
	return c.send(ctx, op, http.MethodPost, "/incidents/"+incidentID+"/status_updates", from, body, nil)
}
