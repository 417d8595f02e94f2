package pagerdutysim

import (
	"fmt"
	"time"

	"imbot/integrations/pagerduty"
)

// maxAlerts is how many alerts one incident takes.
const maxAlerts = 1000

// Acknowledge acknowledges an incident. by is the id of a user; at, if given, is
// when it happens instead of now. Both are so for all the methods below.
func (s *Server) Acknowledge(id, by string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		s.acknowledge(i, s.agent(by), "website", at)
		return nil
	})
	return err
}

func (s *Server) acknowledge(i *incident, agent reference, channel string, at time.Time) {
	i.acks = append(i.acks, ack{at: at, by: agent})
	s.setStatus(i, pagerduty.StatusAcknowledged, agent, at)
	s.record(i, "acknowledge_log_entry", "Acknowledged by "+name(agent, "somebody"), channel, agent, at)
	s.emitIncident(i, "incident.acknowledged", agent, at)
}

func (s *Server) setStatus(i *incident, status string, agent reference, at time.Time) {
	i.Status, i.changedAt, i.changedBy = status, at, agent
	if status != pagerduty.StatusAcknowledged {
		i.acks = nil
	}
}

// Unacknowledge sets an acknowledged incident back to triggered, as the
// acknowledgement's time-out does.
func (s *Server) Unacknowledge(id string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		return s.unacknowledge(i, reference{}, "timeout", at)
	})
	return err
}

func (s *Server) unacknowledge(i *incident, agent reference, channel string, at time.Time) error {
	if i.Status != pagerduty.StatusAcknowledged {
		return fmt.Errorf("%w: %s is not acknowledged", ErrInvalid, i.ID)
	}
	s.setStatus(i, pagerduty.StatusTriggered, agent, at)
	s.record(i, "unacknowledge_log_entry", "Unacknowledged", channel, agent, at)
	s.emitIncident(i, "incident.unacknowledged", agent, at)
	return nil
}

// Resolve resolves an incident and its alerts.
func (s *Server) Resolve(id, by string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		s.resolve(i, s.agent(by), "website", at)
		return nil
	})
	return err
}

func (s *Server) resolve(i *incident, agent reference, channel string, at time.Time) {
	s.setStatus(i, pagerduty.StatusResolved, agent, at)
	i.ResolvedAt = at
	for _, a := range i.alerts {
		a.resolved = true
	}
	s.record(i, "resolve_log_entry", "Resolved by "+name(agent, "the integration"), channel, agent, at)
	s.emitIncident(i, "incident.resolved", agent, at)
}

// Reopen opens a resolved incident again. PagerDuty lets people do that in its
// pages only, so there is no REST call for it.
func (s *Server) Reopen(id, by string, at ...time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byID[id]
	if i == nil {
		return fmt.Errorf("%w: incident %s", ErrNotFound, id)
	}
	if i.Status != pagerduty.StatusResolved || i.MergedInto != "" {
		return fmt.Errorf("%w: %s is open or merged", ErrInvalid, id)
	}
	when, agent := s.when(at), s.agent(by)
	s.setStatus(i, pagerduty.StatusTriggered, agent, when)
	i.ResolvedAt, i.reopenedAt = time.Time{}, when
	s.record(i, "trigger_log_entry", "Reopened by "+name(agent, "somebody"), "website", agent, when)
	s.emitIncident(i, "incident.reopened", agent, when)
	return nil
}

// Merge moves the alerts of source to target, and resolves source with the
// reason that it was merged. Both must be open, and target must not get more
// than 1000 alerts.
func (s *Server) Merge(source, target, by string, at ...time.Time) error {
	_, err := s.change(source, at, func(from *incident, at time.Time) error {
		to := s.byID[target]
		switch {
		case to == nil:
			return fmt.Errorf("%w: incident %s", ErrNotFound, target)
		case to == from, to.Status == pagerduty.StatusResolved:
			return fmt.Errorf("%w: %s can't be merged into %s, which must be another one and open", ErrInvalid, source, target)
		case len(to.alerts)+len(from.alerts) > maxAlerts:
			return fmt.Errorf("%w: more than %d alerts", ErrInvalid, maxAlerts)
		}
		to.alerts = append(to.alerts, from.alerts...)
		from.alerts = nil
		from.MergedInto = to.ID
		s.resolve(from, s.agent(by), "website", at)
		return nil
	})
	return err
}

// AddNote writes a note on an incident, open or not.
func (s *Server) AddNote(id, by, content string, at ...time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, u := s.byID[id], s.user(by)
	if i == nil || u == nil {
		return fmt.Errorf("%w: incident %s or user %s", ErrNotFound, id, by)
	}
	s.addNote(i, u, content, s.when(at))
	return nil
}

func (s *Server) addNote(i *incident, u *User, content string, at time.Time) note {
	n := note{id: s.newID('P', 6), content: content, by: u, at: at}
	i.notes = append(i.notes, n)
	s.record(i, "annotate_log_entry", "Note added by "+u.Name, "note", userRef(u), at)
	s.emitNote(i, n, at)
	return n
}

// Reassign gives an incident to another user.
func (s *Server) Reassign(id, by, user string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		u := s.user(user)
		if u == nil {
			return fmt.Errorf("%w: user %s", ErrNotFound, user)
		}
		agent := s.agent(by)
		i.assignees, i.assignedAt = []*User{u}, at
		s.record(i, "assign_log_entry", "Reassigned to "+u.Name, "website", agent, at)
		s.emitIncident(i, "incident.reassigned", agent, at)
		return nil
	})
	return err
}

// ChangePriority sets an incident's priority, such as "P1", or none if empty.
func (s *Server) ChangePriority(id, by, priority string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		agent := s.agent(by)
		old := i.Priority
		i.Priority = priority
		s.record(i, "field_value_change_log_entry", "Priority changed to "+priority, "website", agent, at)
		i.log[len(i.log)-1].changed = &fieldChange{"priority", priorityID(old), priorityID(priority)}
		s.emitIncident(i, "incident.priority_updated", agent, at)
		return nil
	})
	return err
}

// ChangeUrgency sets an incident's urgency. PagerDuty has no webhook for that:
// the next webhook of the incident shows it.
func (s *Server) ChangeUrgency(id, by, urgency string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		if urgency != "high" && urgency != "low" {
			return fmt.Errorf("%w: urgency %q", ErrInvalid, urgency)
		}
		i.Urgency = urgency
		s.record(i, "urgency_change_log_entry", "Urgency changed to "+urgency, "website", s.agent(by), at)
		return nil
	})
	return err
}

// PublishStatus publishes a status update to the incident's stakeholders.
func (s *Server) PublishStatus(id, by, message string, at ...time.Time) error {
	_, err := s.change(id, at, func(i *incident, at time.Time) error {
		s.publish(i, s.newID('P', 6), s.agent(by), message, at)
		return nil
	})
	return err
}

func (s *Server) publish(i *incident, id string, agent reference, message string, at time.Time) {
	i.updates = append(i.updates, message)
	s.emitStatusUpdate(i, id, agent, message, at)
}
