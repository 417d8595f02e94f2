package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"imbot/catalog"
	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/webhook"
)

// bulk is how many old incidents are written in one change.
const bulk = 500

// rawDays is how long bodies are kept: older incidents have none.
const rawDays = 100

// pattern is what all incidents of one title and service have in common.
type pattern struct {
	trigger incident.Command
	facts   incident.Facts
	raw     incident.Inbound
}

// past is one old incident, ready to be written.
type past struct {
	inc    *incident.Incident
	events []incident.Event
	raw    incident.Inbound
}

// history writes the incidents 0 to n-1.
func (s *seeder) history(cat *catalog.Catalog, n int, now *atomic.Int64, progress io.Writer) error {
	if n == 0 {
		return nil
	}
	patterns, err := s.patterns(cat)
	if err != nil {
		return err
	}
	ready := make(chan []past, 4)
	failed := make(chan error, 1)
	go func() {
		defer close(ready)
		for first := 0; first < n; first += bulk {
			chunk, err := s.chunk(patterns, first, min(first+bulk, n))
			if err != nil {
				failed <- err
				return
			}
			ready <- chunk
		}
	}()
	done := 0
	for chunk := range ready {
		now.Store(s.src.at(done).UnixNano())
		if err == nil {
			err = s.write(chunk, done > n-(rawDays-recentDays)*perDay)
		}
		if done += len(chunk); done%100_000 == 0 {
			fmt.Fprintf(progress, "  %d incidents\n", done)
		}
	}
	select {
	case err = <-failed:
	default:
	}
	return err
}

// patterns takes one webhook of each kind through the real parser and mapping.
func (s *seeder) patterns(cat *catalog.Catalog) ([]pattern, error) {
	out := make([]pattern, 2*services) // each title meets each service
	for n := range out {
		body, h := s.src.webhook(n)
		ev, err := pagerduty.ParseWebhook(body)
		if err != nil {
			return nil, err
		}
		cmd, ok := webhook.Map(ev, s.src.at(n))
		if !ok {
			return nil, fmt.Errorf("webhook %d makes no command", n)
		}
		keep := &keeper{}
		if err := deliver(hook(keep, time.Now), h, body); err != nil {
			return nil, err
		}
		service := cat.Service("", cmd.Args.Alert.ServiceID)
		out[n] = pattern{trigger: cmd, raw: keep.raw, facts: incident.Facts{
			Levels: cat.Levels(), Person: cat.Person, Details: true, Service: service, Squad: cat.Squad(service.Squad),
			Route: cat.Route(service.Squad), Verdict: cat.Match(cmd.Args.Alert, service),
			Notice: func(level string) incident.Notice { return cat.Notice(service.Squad, level) },
		}}
	}
	return out, nil
}

// chunk lets the incidents happen, in memory.
func (s *seeder) chunk(patterns []pattern, first, last int) ([]past, error) {
	out := make([]past, 0, last-first)
	for n := first; n < last; n++ {
		p := &patterns[n%len(patterns)]
		alert := *p.trigger.Args.Alert
		alert.Title, alert.Key, alert.CreatedAt = s.src.title(n), "key-"+s.src.incident(n), s.src.at(n)
		ref := *p.trigger.Ref
		ref.ID, ref.URL = s.src.incident(n), "https://example.pagerduty.com/incidents/"+s.src.incident(n)
		cmd := p.trigger
		cmd.Ref, cmd.At, cmd.Args.Alert = &ref, s.src.at(n), &alert
		h := past{inc: &incident.Incident{ID: incident.ID(n + 1)}, raw: p.raw}
		h.raw.At, h.raw.ID = cmd.At, ref.ID
		if err := h.apply(cmd, p.facts); err != nil {
			return nil, err
		}
		for _, target := range h.inc.Cards {
			attach := incident.Command{Verb: incident.Attach, Actor: incident.System, Source: "teams", Args: incident.Args{
				Ref: &incident.Ref{System: "teams", Role: incident.RoleCard, Target: target, ID: fmt.Sprintf("%s;messageid=%s", target, h.inc.ID)},
			}}
			if err := h.apply(attach, p.facts); err != nil {
				return nil, err
			}
		}
		cmd.Verb, cmd.At = incident.Resolve, cmd.At.Add(30*time.Minute)
		if err := h.apply(cmd, p.facts); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

func (h *past) apply(cmd incident.Command, f incident.Facts) error {
	cmd.Incident = h.inc.ID
	events, _, err := incident.Apply(h.inc, cmd, f, cmd.At)
	h.events = append(h.events, events...)
	return err
}

// write stores a chunk in one change.
func (s *seeder) write(chunk []past, raw bool) error {
	return s.im.store.Update(context.Background(), func(tx incident.Tx) error {
		for i := range chunk {
			h := &chunk[i]
			id, err := tx.NextID()
			if err != nil {
				return err
			}
			if id != h.inc.ID {
				return fmt.Errorf("the store gives the number %s to what was made as %s", id, h.inc.ID)
			}
			for _, r := range h.inc.Refs {
				if err := tx.PutKey(r.Key(), id.String(), true); err != nil {
					return err
				}
			}
			if err := tx.PutIncident(h.inc); err != nil {
				return err
			}
			if err := tx.AddEvents(h.events); err != nil {
				return err
			}
			if raw {
				if err := tx.PutRaw(h.raw); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// keeper is a webhook.Doer that only remembers the body, packed as the handler
// packs it.
type keeper struct {
	noStore
	raw incident.Inbound
}

func (k *keeper) Do(_ context.Context, cmd incident.Command) (*incident.Incident, error) {
	k.raw = *cmd.Raw
	return &incident.Incident{}, nil
}
