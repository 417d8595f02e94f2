package incident

import (
	"context"
	"strings"
	"time"
)

// Store keeps incidents. Both transactions are serializable, and what Update
// has committed is durable when it returns.
type Store interface {
	// Update runs fn in one read-write transaction, and commits if fn returns nil.
	// Nothing of a transaction whose fn fails is kept. fn may run more than once,
	// so it must only use tx, and set what it hands out anew each time.
	// Where the store has more to do than it can, the error is ErrBusy.
	Update(ctx context.Context, fn func(tx Tx) error) error
	// View runs fn in a read-only transaction.
	View(ctx context.Context, fn func(tx Tx) error) error
}

// Tx is one transaction. It must not be used after fn has returned. Writing in
// a View is a programming error, and fails.
type Tx interface {
	// NextID takes the next number of the sequence. A transaction that fails may
	// give its number back.
	NextID() (ID, error)
	// Incident returns ErrNotFound where there is none. The caller owns the result.
	Incident(id ID) (*Incident, error)
	PutIncident(inc *Incident) error
	// Rows calls fn with the narrow records of incidents, newest first: by
	// opened_at descending, then by number descending. It starts after the cursor
	// (the zero Cursor: at the newest), and ends when fn returns false.
	Rows(after Cursor, openOnly bool, fn func(Row) bool) error

	AddEvents(events []Event) error
	// Timeline returns the events of an incident numbered above after, in the
	// order in which they were recorded, at most limit (0: all).
	Timeline(id ID, after, limit int) ([]Event, error)

	// Key returns the value that PutKey has stored with the same keep, or "".
	Key(key string, keep bool) (string, error)
	// PutKey stores a value. Those with keep false are forgotten after the
	// retention of keys, and not before; those with keep true are another set,
	// whose look-ups do not pay for the many of the first, and a value of "" ends
	// one of them.
	PutKey(key, value string, keep bool) error

	// PutEffects stores effects for the outbox. A Once effect whose key is known
	// is left alone, but for one that was skipped as NotNeeded, or is just being so:
	// it is needed again, and becomes due. A Latest effect that is waiting already stays as it is; one
	// that ran before becomes due again.
	PutEffects(effects []Effect) error
	// Effects returns what became of the effects of an incident.
	Effects(id ID) ([]EffectState, error)

	// RetryEffects puts the dead and skipped effects of an incident back, due at
	// once, and returns how many there were.
	RetryEffects(id ID) (int, error)

	// PutRaw keeps an inbound body until the retention of raw bodies.
	PutRaw(in Inbound) error
	// Raw calls fn with the bodies that arrived at or after since, oldest first,
	// until fn returns false.
	Raw(since time.Time, fn func(Inbound) bool) error
}

// Cursor is a place in the order of Rows.
type Cursor struct {
	OpenedAt time.Time
	ID       ID
}

// Row is the narrow record of an incident, for lists: reading many costs little.
type Row struct {
	ID       ID        `json:"i"`
	OpenedAt time.Time `json:"o"`
	Title    string    `json:"t"` // at most 120 runes
	Status   Status    `json:"s"`
	Level    string    `json:"l"`
	Squad    string    `json:"q,omitempty"`
	Service  string    `json:"v,omitempty"`
	Link     string    `json:"k,omitempty"` // kind of its link
	Private  bool      `json:"p,omitempty"`
}

// RowOf returns the narrow record of an incident.
func RowOf(inc *Incident) Row {
	r := Row{
		ID: inc.ID, OpenedAt: inc.OpenedAt, Title: Clip(inc.Title, 120), Status: inc.Status,
		Level: inc.Level, Squad: inc.Squad, Service: inc.Service, Private: inc.Private,
	}
	if inc.Link != nil {
		r.Link = inc.Link.Kind
	}
	return r
}

// States of an effect.
const (
	EffectWaiting = "waiting" // to be run, or being run
	EffectDone    = "done"
	EffectSkipped = "skipped" // not run: dry run, or the integration is off
	EffectDead    = "dead"    // failed for good
)

// NotNeeded begins the reason of an effect that was skipped although nothing is
// amiss, such as a mail to somebody who wants none: people are not warned of it.
const NotNeeded = "not needed: "

// EffectState is what became of an effect.
type EffectState struct {
	Effect
	State    string    `json:"state"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error,omitempty"` // the last one, or why it was skipped
	NextAt   time.Time `json:"next_at,omitzero"`
	DoneAt   time.Time `json:"done_at,omitzero"`
}

// TurnedOff reports whether an effect was left out because the configuration
// has no section for what it needs: no news for those who work on an incident.
func (e *EffectState) TurnedOff() bool {
	return e.State == EffectSkipped && strings.HasSuffix(e.Error, " off")
}
