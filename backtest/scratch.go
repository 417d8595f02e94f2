package backtest

import (
	"context"
	"time"

	"imbot/incident"
)

// recorder is the throw-away store as the domain sees it. What only people read
// (timelines, bodies) is not kept, and no effect is carried out: those that look
// at an incident again at a time are handed to the replay. All that decisions
// are made from is stored as always.
type recorder struct {
	incident.Store

	// Of the changes that were committed since they were last looked at.
	planned []incident.Effect
	rooms   []wait
	created int // incidents, ever
}

// wait says until when the room of an incident waits.
type wait struct {
	id    incident.ID
	after time.Time
}

// Update implements incident.Store.
func (r *recorder) Update(ctx context.Context, fn func(tx incident.Tx) error) error {
	var t *recording
	err := r.Store.Update(ctx, func(tx incident.Tx) error {
		t = &recording{Tx: tx} // anew each time: fn may run more than once
		return fn(t)
	})
	if err != nil || t == nil {
		return err
	}
	r.planned = append(r.planned, t.planned...)
	r.rooms = append(r.rooms, t.rooms...)
	r.created += t.created
	return nil
}

// recording is one transaction.
type recording struct {
	incident.Tx
	planned []incident.Effect
	rooms   []wait
	created int
}

// NextID implements incident.Tx.
func (t *recording) NextID() (incident.ID, error) {
	t.created++
	return t.Tx.NextID()
}

// PutIncident implements incident.Tx.
func (t *recording) PutIncident(inc *incident.Incident) error {
	if !inc.RoomAfter.IsZero() {
		t.rooms = append(t.rooms, wait{inc.ID, inc.RoomAfter})
	}
	return t.Tx.PutIncident(inc)
}

// AddEvents implements incident.Tx.
func (t *recording) AddEvents([]incident.Event) error { return nil }

// PutRaw implements incident.Tx.
func (t *recording) PutRaw(incident.Inbound) error { return nil }

// PutEffects implements incident.Tx.
func (t *recording) PutEffects(effects []incident.Effect) error {
	for _, e := range effects {
		if e.Kind == incident.KindRelink || e.Kind == incident.KindUnpause {
			t.planned = append(t.planned, e)
		}
	}
	return nil
}
