package pagerdutysim

import (
	"fmt"
	"slices"
	"time"
)

const (
	// maxDrops is how many refused webhooks in a row switch a subscription off.
	maxDrops = 3
	// disabledFor is how long it then stays off.
	disabledFor = 24 * time.Hour
	// retryFor is how long a webhook is tried.
	retryFor = 48 * time.Hour
	// maxWebhook is how long a body may be, in bytes.
	maxWebhook = 256 << 10
)

// subscription is a v3 webhook subscription.
type subscription struct {
	id, url, description string
	active               bool
	events               []string
	filterType, filterID string
	secrets              []string
	drops                int       // refused in a row
	disabledUntil        time.Time // zero unless temporarily disabled
}

// wants reports whether the subscription is for such events of the service.
func (b *subscription) wants(eventType string, v *Service) bool {
	if !b.active || !slices.Contains(b.events, eventType) {
		return false
	}
	switch b.filterType {
	case "service_reference":
		return v != nil && b.filterID == v.ID
	case "team_reference":
		return v != nil && b.filterID == v.TeamID
	}
	return true
}

// AllEvents are the types of all events that subscriptions can have.
func AllEvents() []string {
	return []string{
		"incident.acknowledged", "incident.action_invocation.created", "incident.action_invocation.terminated",
		"incident.action_invocation.updated", "incident.annotated", "incident.conference_bridge.updated",
		"incident.custom_field_values.updated", "incident.delegated", "incident.escalated",
		"incident.incident_type.changed", "incident.priority_updated", "incident.reassigned", "incident.reopened",
		"incident.resolved", "incident.responder.added", "incident.responder.replied", "incident.role.assigned",
		"incident.service_updated", "incident.status_update_published", "incident.task.completed",
		"incident.task.created", "incident.task.updated", "incident.triggered", "incident.unacknowledged",
		"incident.workflow.completed", "incident.workflow.started",
		"service.created", "service.custom_field_values.updated", "service.deleted", "service.updated",
	}
}

// Subscribe makes a subscription of the account for the given events, or for
// all if there are none, and returns its id and its secret.
func (s *Server) Subscribe(url string, events ...string) (id, secret string) {
	if len(events) == 0 {
		events = AllEvents()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.subscribe(&subscription{url: url, events: events, filterType: "account_reference"})
	return b.id, b.secrets[0]
}

// subscribe adds b with an id and a secret of its own.
func (s *Server) subscribe(b *subscription) *subscription {
	b.id, b.active = s.newID('P', 6), true
	b.secrets = []string{s.newID('s', 40)}
	s.subs = append(s.subs, b)
	return b
}

// AddSecret gives a subscription one more active secret: its webhooks are then
// signed with all of them.
func (s *Server) AddSecret(id string) (secret string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.subscription(id)
	if err != nil {
		return "", err
	}
	secret = s.newID('s', 40)
	b.secrets = append(b.secrets, secret)
	return secret, nil
}

// RemoveSecret ends the use of a secret.
func (s *Server) RemoveSecret(id, secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.subscription(id)
	if err != nil {
		return err
	}
	b.secrets = slices.DeleteFunc(b.secrets, func(o string) bool { return o == secret })
	return nil
}

// SetActive switches a subscription on or off, as a person does.
func (s *Server) SetActive(id string, active bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.subscription(id)
	if err == nil {
		b.active = active
	}
	return err
}

// SetURL points a subscription elsewhere, such as to a receiver that was
// restarted on another port. What waits goes there, too.
func (s *Server) SetURL(id, url string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.subscription(id)
	if err == nil {
		b.url = url
	}
	return err
}

// Disabled reports whether PagerDuty's rules have switched the subscription off
// at this time.
func (s *Server) Disabled(id string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.subscription(id)
	if err != nil {
		return false, err
	}
	return s.disabled(b), nil
}

func (s *Server) subscription(id string) (*subscription, error) {
	for _, b := range s.subs {
		if b.id == id {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: subscription %s", ErrNotFound, id)
}

// disabled also ends the time of being disabled.
func (s *Server) disabled(b *subscription) bool {
	if b.disabledUntil.IsZero() {
		return false
	}
	if s.now().Before(b.disabledUntil) {
		return true
	}
	b.disabledUntil, b.drops = time.Time{}, 0
	return false
}

// Ping sends the test event to a subscription, in the name of a user.
func (s *Server) Ping(id, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.subscription(id)
	if err != nil {
		return err
	}
	s.ping(b, s.agent(by))
	return nil
}
