package backtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"imbot/incident"
)

// Log is the store of the real imbot, or a copy of it. It is only read.
type Log interface {
	View(ctx context.Context, fn func(tx incident.Tx) error) error
}

// Scratch is an empty store that is thrown away afterwards.
type Scratch interface {
	incident.Store
	Close() error
}

// Rules are what is tried out.
type Rules struct {
	Name    string // for people, such as the path of the configuration
	Catalog incident.Catalog
	Linking incident.Linking
	// Topology is who called whom, as it was known at a time; nil: nothing is known.
	Topology func(at time.Time) incident.Topology
}

// Replay says what is replayed, and where.
type Replay struct {
	Log Log
	// Since is how far back from the newest body the replay begins; 0: with the
	// oldest.
	Since time.Duration
	// Read makes of a stored body the command that was made of it when it came;
	// false: none can be made of it.
	Read func(in incident.Inbound) (incident.Command, bool)
	// Scratch makes an empty store that goes by a clock.
	Scratch func(now func() time.Time) (Scratch, error)
	// Progress is called now and then; may be nil.
	Progress func(Progress)
}

// Progress says how far a replay has come.
type Progress struct {
	Rules       string    // their name
	First, Last time.Time // arrival of the first and the last body of the log
	At          time.Time // arrival of the one that was replayed last
	Bodies      int       // replayed so far
	Incidents   int       // that came of them
}

// Outcome is what came of a replay.
type Outcome struct {
	Rules    string      `json:"rules"`
	Totals   Totals      `json:"totals"`
	Verdicts []Judgement `json:"corrections"` // one for each kind of decision
	Rows     []Row       `json:"incidents"`   // by the time when they opened, then by Ref

	from, to time.Time
}

// progressEvery is how many bodies lie between two calls of Progress.
const progressEvery = 500

// Run replays the log under a set of rules.
func (r *Replay) Run(ctx context.Context, rules Rules) (out *Outcome, err error) {
	m := &machine{ctx: ctx, rules: rules, rooms: map[incident.ID]*room{}, known: map[string]bool{}}
	scratch, err := r.Scratch(m.clock)
	if err != nil {
		return nil, fmt.Errorf("backtest: make a store to replay in: %w", err)
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	m.store = &recorder{Store: scratch}
	m.service = &incident.Service{Store: m.store, Catalog: func() incident.Catalog { return rules.Catalog }, Now: m.clock, Linking: rules.Linking}
	if rules.Topology != nil {
		m.service.Topology = func() incident.Topology { return rules.Topology(m.now) }
	}
	err = r.Log.View(ctx, func(tx incident.Tx) error {
		if err := m.mutes(tx); err != nil {
			return err
		}
		if err := r.bodies(tx, m); err != nil {
			return err
		}
		if err := m.rest(); err != nil {
			return err
		}
		out, err = m.outcome(tx)
		return err
	})
	return out, err
}

// bodies replays what has arrived, one body at a time.
func (r *Replay) bodies(tx incident.Tx, m *machine) error {
	p := Progress{Rules: m.rules.Name}
	err := tx.Raw(time.Time{}, func(in incident.Inbound) bool {
		if p.First.IsZero() {
			p.First = in.At
		}
		p.Last = in.At
		return true
	})
	if err != nil || p.Last.IsZero() {
		return err
	}
	from := p.First
	if r.Since > 0 {
		from = p.Last.Add(-r.Since)
	}
	var failed error
	err = tx.Raw(from, func(in incident.Inbound) bool {
		failed = m.arrive(in, r.Read)
		p.Bodies, p.At, p.Incidents = m.totals.Bodies, in.At, m.store.created
		if r.Progress != nil && p.Bodies%progressEvery == 0 {
			r.Progress(p)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

// machine is one replay that is under way.
type machine struct {
	ctx     context.Context // of this one replay
	rules   Rules
	service *incident.Service
	store   *recorder

	now      time.Time
	timers   timers
	known    map[string]bool // keys of effects that were planned before
	rooms    map[incident.ID]*room
	totals   Totals
	from, to time.Time // arrival of the first and the last body
}

func (m *machine) clock() time.Time { return m.now }

// mutes takes over the windows in which services or squads were kept quiet, as
// far as they are remembered: an alert is judged by the window of its time. One
// of a service or squad that the catalog has not is of no use to it.
func (m *machine) mutes(tx incident.Tx) error {
	all, err := incident.Mutes(tx, time.Time{})
	if err != nil {
		return err
	}
	// The latest first: seen from a later window, those that ended long before
	// would be forgotten.
	slices.SortFunc(all, func(a, b incident.Mute) int { return b.From.Compare(a.From) })
	for _, w := range all {
		target := w.Service
		if target == "" {
			target = w.Squad
		}
		m.now = w.From
		_, err := m.service.Mute(m.ctx, w.By, incident.RoleAdmin, target, w.Until.Sub(w.From), w.Reason)
		if p := (*incident.Problem)(nil); err != nil && !errors.As(err, &p) {
			return err
		}
	}
	return nil
}

// arrive replays one body, after what had come due before it.
func (m *machine) arrive(in incident.Inbound, read func(incident.Inbound) (incident.Command, bool)) error {
	if err := m.until(in.At); err != nil {
		return err
	}
	m.now = in.At
	if m.totals.Bodies == 0 {
		m.from = in.At
	}
	m.to = in.At
	m.totals.Bodies++
	cmd, ok := read(in)
	if !ok {
		m.totals.Unread++
		return m.ctx.Err()
	}
	if cmd.Verb == incident.Enrich {
		if found, err := m.has(cmd.Ref); err != nil || !found {
			// Details of an incident whose webhook is not in the log say too little to
			// make one of.
			m.totals.Unread++
			return err
		}
	}
	return m.do(cmd)
}

func (m *machine) has(ref *incident.Ref) (found bool, err error) {
	err = m.store.View(m.ctx, func(tx incident.Tx) error {
		v, err := tx.Key(ref.Key(), true)
		found = v != ""
		return err
	})
	return found, err
}

// do carries out a command, and plans what follows at a time. A command that the
// domain refuses changed nothing when it came either.
func (m *machine) do(cmd incident.Command) error {
	_, err := m.service.Do(m.ctx, cmd)
	if p := (*incident.Problem)(nil); errors.As(err, &p) {
		m.totals.Unread++
		err = nil
	}
	if err != nil {
		return fmt.Errorf("backtest: replay what arrived at %s: %w", m.now.Format(time.RFC3339), err)
	}
	m.plan()
	return m.until(m.now)
}

// plan takes over from the store what is to follow.
func (m *machine) plan() {
	for _, e := range m.store.planned {
		if !m.known[e.Key] {
			m.known[e.Key] = true
			m.timers.add(e.Due, e.Kind, e.Incident)
		}
	}
	for _, w := range m.store.rooms {
		if r := m.rooms[w.id]; r != nil && r.after.Equal(w.after) {
			continue
		}
		m.rooms[w.id] = &room{after: w.after, held: w.after.Sub(m.now)}
		m.timers.add(w.after, kindRoom, w.id)
	}
	m.store.planned, m.store.rooms = m.store.planned[:0], m.store.rooms[:0]
}

// until runs what comes due until a time, that time included.
func (m *machine) until(at time.Time) error {
	for {
		t, ok := m.timers.next(at)
		if !ok {
			return nil
		}
		if t.due.After(m.now) {
			m.now = t.due
		}
		if err := m.follow(t); err != nil {
			return err
		}
	}
}

// rest lets time go on after the last body until nothing is due any more: a
// duplicate that still rings outlives its parent, an alert that was paused and
// lasts is shown.
func (m *machine) rest() error {
	for len(m.timers.list) > 0 {
		if err := m.until(m.timers.list[0].due); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) follow(t timer) error {
	verb := incident.Relink
	switch t.kind {
	case kindRoom:
		return m.openRoom(t.id)
	case incident.KindUnpause:
		verb = incident.Unpause
	}
	_, err := m.service.Do(m.ctx, incident.Command{Verb: verb, Incident: t.id, Actor: incident.System, Source: incident.SourceSystem})
	if err != nil {
		return fmt.Errorf("backtest: look again at %s at %s: %w", t.id, m.now.Format(time.RFC3339), err)
	}
	m.plan()
	return nil
}
