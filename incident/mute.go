package incident

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Bounds of mutes.
const (
	maxMute  = 30 * 24 * time.Hour // longer, and a mute is forgotten
	maxMutes = 500
)

const mutesKey = "mutes"

// Mutes returns the windows that have not ended, by their end.
func Mutes(tx Tx, now time.Time) ([]Mute, error) {
	all, err := allMutes(tx)
	return slices.DeleteFunc(all, func(m Mute) bool { return !m.Until.After(now) }), err
}

func allMutes(tx Tx) ([]Mute, error) {
	v, err := tx.Key(mutesKey, true)
	if err != nil || v == "" {
		return nil, err
	}
	var out []Mute
	return out, json.Unmarshal([]byte(v), &out)
}

// Mute keeps the alerts of a service or a squad quiet from now on. It needs
// what closing an incident of that squad needs; a new window of the same
// target takes the place of the old. The target is checked and completed.
func (s *Service) Mute(ctx context.Context, by Actor, role Role, target string, d time.Duration, reason string) (Mute, error) {
	m, err := s.muteTarget(by, role, target)
	if err != nil {
		return Mute{}, err
	}
	if d <= 0 || d > maxMute {
		return Mute{}, invalid("for", "mute_too_long", "Say for how long, like 2h: at most 30 days.")
	}
	m.Reason = Line(reason)
	if err := short("reason", m.Reason, MaxTitle); err != nil {
		return Mute{}, err
	}
	m.From = s.Now().UTC().Truncate(time.Second)
	m.Until = m.From.Add(d)
	return m, s.changeMutes(ctx, func(all []Mute) ([]Mute, error) {
		for i := range all {
			if all[i].sameTarget(m) && all[i].Until.After(m.From) {
				all[i].Until = m.From // the past keeps its window: what comes late is judged by it
			}
		}
		if len(all) >= maxMutes {
			return nil, conflict("too_many_mutes", "There are %d mutes already: end some first.", len(all))
		}
		return append(all, m), nil
	})
}

// Unmute ends a window before its time. Its alerts so far stay quiet.
func (s *Service) Unmute(ctx context.Context, by Actor, role Role, target string) (Mute, error) {
	m, err := s.muteTarget(by, role, target)
	if err != nil {
		return Mute{}, err
	}
	now := s.Now().UTC()
	return m, s.changeMutes(ctx, func(all []Mute) ([]Mute, error) {
		i := slices.IndexFunc(all, func(o Mute) bool { return o.sameTarget(m) && o.Until.After(now) })
		if i < 0 {
			return nil, conflict("not_muted", "%s is not muted. GET /api/v1/mutes lists what is.", Clip(target, 60)).With("target", Clip(target, 60)).With("prefix", "")
		}
		m.From, m.Reason, m.By = all[i].From, all[i].Reason, all[i].By
		all[i].Until, m.Until = now, now
		return all, nil
	})
}

func (m Mute) sameTarget(o Mute) bool { return m.Service == o.Service && m.Squad == o.Squad }

// muteTarget finds the service or squad, and checks that by may speak for it.
func (s *Service) muteTarget(by Actor, role Role, target string) (Mute, error) {
	cat := s.Catalog()
	if by.Kind == KindUser {
		by = cat.Person(by)
	}
	m := Mute{By: by}
	target = strings.TrimSpace(target)
	service := cat.Service(target, strings.TrimPrefix(target, "pd:"))
	squad := cat.Squad(target)
	switch {
	case service.Known:
		m.Service, squad = service.Key, cat.Squad(service.Squad)
	case squad.Known:
		m.Squad = squad.Key
	case strings.HasPrefix(target, "pd:") && len(target) < 40:
		m.Service = target
	default:
		return m, invalid("target", "no_service_or_squad", "There is no service or squad %q in the catalog. Write its key or its name as it stands there.", Clip(Line(target), 60)).With("target", Clip(Line(target), 60))
	}
	return m, Allowed(Close, false, by, role, &Incident{}, &Facts{Service: service, Squad: squad})
}

func (s *Service) changeMutes(ctx context.Context, change func([]Mute) ([]Mute, error)) error {
	now := s.Now()
	return s.Store.Update(ctx, func(tx Tx) error {
		all, err := allMutes(tx)
		if err != nil {
			return err
		}
		// An alert may come days late, and is judged by the window of its time.
		all = slices.DeleteFunc(all, func(m Mute) bool { return now.Sub(m.Until) > maxMute })
		if all, err = change(all); err != nil {
			return err
		}
		slices.SortFunc(all, func(a, b Mute) int { return a.Until.Compare(b.Until) })
		b, err := json.Marshal(all)
		if err != nil {
			return err
		}
		return tx.PutKey(mutesKey, string(b), true)
	})
}

// mutedBy returns the window that an event of this time falls into.
func mutedBy(all []Mute, service, squad string, at time.Time) (Mute, bool) {
	i := slices.IndexFunc(all, func(m Mute) bool {
		same := (m.Service != "" && m.Service == service) || (m.Squad != "" && m.Squad == squad)
		return same && !at.Before(m.From) && at.Before(m.Until)
	})
	if i < 0 {
		return Mute{}, false
	}
	return all[i], true
}
