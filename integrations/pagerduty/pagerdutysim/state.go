package pagerdutysim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"imbot/integrations/pagerduty"
)

// Errors of the methods that act on incidents.
var (
	ErrNotFound        = errors.New("pagerdutysim: no such thing")
	ErrAlreadyResolved = errors.New("pagerdutysim: incident already resolved")
	ErrInvalid         = errors.New("pagerdutysim: not possible")
)

// User is a person of the account.
type User struct {
	ID    string // made up if empty
	Name  string
	Email string
}

// Service is what incidents happen to.
type Service struct {
	ID     string // made up if empty
	Name   string
	TeamID string // for subscriptions that are filtered by team; may be empty
}

// Spec describes an incident to trigger.
type Spec struct {
	ID       string // made up if empty
	Title    string
	Service  string    // id of a service; one is added where it is unknown
	Key      string    // deduplication key; made up if empty
	Urgency  string    // "high" or "low"; default "high"
	Priority string    // such as "P1"; empty for none
	Assignee string    // id of a user; empty for nobody
	At       time.Time // when it happens; default now
	Alert    Alert     // what the monitor says; Key and Summary default to the incident's
}

// Alert is what a monitor sent.
type Alert struct {
	ID       string // made up if empty
	Key      string
	Summary  string
	Severity string          // default "critical"
	Client   string          // the monitor's name
	Link     string          // where the monitor shows it
	Details  json.RawMessage // custom details; any JSON
	At       time.Time       // default: when the incident was triggered
}

// State is an incident in short, to compare with what others know of it.
type State struct {
	ID         string
	Number     int
	Title      string
	Key        string
	Service    string // id
	Status     string
	Urgency    string
	Priority   string
	MergedInto string // id; empty unless merged
	CreatedAt  time.Time
	ResolvedAt time.Time // zero while open
	Alerts     int
	Notes      []string
	Assignees  []string // ids of users
	Details    string   // of one that was made by REST
	Updates    []string // status updates
}

type incident struct {
	State
	service    *Service
	reopenedAt time.Time
	changedAt  time.Time // last change of status
	changedBy  reference
	updatedAt  time.Time
	assignees  []*User
	assignedAt time.Time
	acks       []ack
	alerts     []*alert
	notes      []note
	log        []logEntry
	responders []*responder
	policy     *Policy // nil: the service's
	details    string
	updates    []string
	kind       string // name of the incident type
	bridge     bridge
}

type ack struct {
	at time.Time
	by reference
}

type alert struct {
	Alert
	resolved bool
}

type note struct {
	id, content string
	by          *User
	at          time.Time
}

type logEntry struct {
	id, kind, summary, channel string
	at                         time.Time
	agent                      reference
	changed                    *fieldChange // nil: none
}

type bridge struct{ number, url string }

// AddUser adds a person, and returns it with its id.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.ID == "" {
		u.ID = s.newID('P', 6)
	}
	s.users = append(s.users, &u)
	return u
}

// AddService adds a service, and returns it with its id.
func (s *Server) AddService(v Service) Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.addService(v)
}

func (s *Server) addService(v Service) *Service {
	if v.ID == "" {
		v.ID = s.newID('P', 6)
	}
	s.services = append(s.services, &v)
	return &v
}

func (s *Server) service(id string) *Service {
	for _, v := range s.services {
		if v.ID == id {
			return v
		}
	}
	return s.addService(Service{ID: id, Name: cmp.Or(id, "Default Service")})
}

func (s *Server) user(id string) *User {
	for _, u := range s.users {
		if u.ID == id {
			return u
		}
	}
	return nil
}

func (s *Server) userByEmail(mail string) *User {
	for _, u := range s.users {
		if strings.EqualFold(u.Email, mail) {
			return u
		}
	}
	return nil
}

// Snapshot lists all incidents by number.
func (s *Server) Snapshot() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]State, len(s.incidents))
	for n, i := range s.incidents {
		out[n] = i.state()
	}
	return out
}

// State returns one incident in short.
func (s *Server) State(id string) (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byID[id]
	if i == nil {
		return State{}, fmt.Errorf("%w: incident %s", ErrNotFound, id)
	}
	return i.state(), nil
}

func (i *incident) state() State {
	st := i.State
	st.Alerts = len(i.alerts)
	for _, n := range i.notes {
		st.Notes = append(st.Notes, n.content)
	}
	for _, u := range i.assignees {
		st.Assignees = append(st.Assignees, u.ID)
	}
	st.Details, st.Updates = i.details, slices.Clone(i.updates)
	return st
}

// Trigger makes an incident, and returns it. As PagerDuty does, it makes none if
// an open incident of the service has the same key: that one is returned, with
// a further alert if Spec.Alert has a key of its own.
func (s *Server) Trigger(spec Spec) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := spec.At
	if at.IsZero() {
		at = s.now()
	}
	at = at.UTC()
	v := s.service(spec.Service)
	if spec.Key != "" {
		if i := s.openWithKey(v.ID, spec.Key); i != nil {
			if spec.Alert.Key != "" && spec.Alert.Key != spec.Key {
				s.addAlert(i, spec.Alert, at)
			}
			return i.state()
		}
	}
	i := &incident{service: v, changedAt: at, updatedAt: at, changedBy: serviceRef(v)}
	i.State = State{
		ID: cmp.Or(spec.ID, s.newID('Q', 13)), Number: len(s.incidents) + 1, Title: spec.Title,
		Key: cmp.Or(spec.Key, strings.ToLower(s.newID('A', 31))), Service: v.ID, Status: pagerduty.StatusTriggered,
		Urgency: cmp.Or(spec.Urgency, "high"), Priority: spec.Priority, CreatedAt: at,
	}
	if u := s.user(spec.Assignee); u != nil {
		i.assignees, i.assignedAt = []*User{u}, at
	}
	s.incidents = append(s.incidents, i)
	s.byID[i.ID] = i
	s.addAlert(i, spec.Alert, at)
	s.record(i, "trigger_log_entry", "Triggered through the API", "api", serviceRef(v), at)
	s.emitIncident(i, "incident.triggered", reference{}, at)
	return i.state()
}

// AddAlert adds an alert to an open incident.
func (s *Server) AddAlert(id string, a Alert) error {
	_, err := s.change(id, nil, func(i *incident, at time.Time) error {
		s.addAlert(i, a, at)
		return nil
	})
	return err
}

func (s *Server) addAlert(i *incident, a Alert, at time.Time) {
	a.ID = cmp.Or(a.ID, s.newID('P', 6))
	a.Key = cmp.Or(a.Key, i.Key)
	a.Summary = cmp.Or(a.Summary, i.Title)
	a.Severity = cmp.Or(a.Severity, "critical")
	if a.At.IsZero() {
		a.At = at
	}
	i.alerts = append(i.alerts, &alert{Alert: a})
}

// record writes the history.
func (s *Server) record(i *incident, kind, summary, channel string, agent reference, at time.Time) {
	i.log = append(i.log, logEntry{id: s.newID('R', 22), kind: kind, summary: summary, channel: channel, agent: agent, at: at})
	if at.After(i.updatedAt) {
		i.updatedAt = at
	}
}

// change runs fn on an open incident at the given time, or now.
func (s *Server) change(id string, at []time.Time, fn func(*incident, time.Time) error) (*incident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byID[id]
	if i == nil {
		return nil, fmt.Errorf("%w: incident %s", ErrNotFound, id)
	}
	if i.Status == pagerduty.StatusResolved {
		return nil, fmt.Errorf("%w: %s", ErrAlreadyResolved, id)
	}
	return i, fn(i, s.when(at))
}

func (s *Server) when(at []time.Time) time.Time {
	if len(at) > 0 && !at[0].IsZero() {
		return at[0].UTC()
	}
	return s.now()
}

// agent returns who acts: a user, or nobody for an unknown id, such as "".
func (s *Server) agent(by string) reference {
	if u := s.user(by); u != nil {
		return userRef(u)
	}
	return reference{}
}

func name(r reference, none string) string {
	if r.Summary == nil {
		return none
	}
	return *r.Summary
}
