package incident

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"
)

// Service is the one way in.
type Service struct {
	Store   Store
	Catalog func() Catalog   // the present snapshot
	Now     func() time.Time // the server's clock
	Details bool             // the pager can be asked for an alert's details
	// Topology is the present snapshot of who calls whom; nil: nothing is known.
	Topology func() Topology
	Linking  Linking
	Remind   func() Reminding  // as configured now; nil: the defaults
	Hooks    func() []HookWish // other systems that want to be told now, see HookWish; nil: none
	Wake     func()            // called after a commit that stored effects; may be nil
}

// Do carries out a command: it removes duplicates by cmd.Keys, loads, applies,
// and stores state, timeline and effects in one transaction. A command that was
// carried out before is answered with the present state. Errors that are a
// *Problem may be shown to the person who asked.
func (s *Service) Do(ctx context.Context, cmd Command) (*Incident, error) {
	if cmd.Actor.IsZero() {
		return nil, invalid("actor", "actor_missing", "a command needs an actor")
	}
	cat := s.Catalog()
	if cmd.Actor.Kind == KindUser {
		cmd.Actor = cat.Person(cmd.Actor)
	}
	// A duplicate is answered from a read transaction: it never waits for a writer.
	if done, err := s.known(ctx, cmd); done != nil || err != nil {
		return done, err
	}
	topo := s.topology()
	var out *Incident
	var woke bool
	err := s.Store.Update(ctx, func(tx Tx) error {
		w := s.work(tx, cat, topo)
		out = nil
		inc, err := w.do(cmd)
		if err != nil {
			return err
		}
		out, woke = inc, w.effects > 0
		return nil
	})
	if err != nil {
		return nil, err
	}
	if woke && s.Wake != nil {
		s.Wake()
	}
	return out, nil
}

// Keep stores a body that no command can be made of, once by its keys, so that
// nothing accepted is lost.
func (s *Service) Keep(ctx context.Context, in Inbound, keys []string) error {
	return s.Store.Update(ctx, func(tx Tx) error {
		w := &work{tx: tx}
		if seen, err := w.seen(keys); err != nil || seen != "" {
			return err
		}
		if err := w.remember(keys, "-"); err != nil {
			return err
		}
		return tx.PutRaw(in)
	})
}

// Enqueue stores effects that belong to no change, such as the answer to a
// question. Those whose key is known are left alone.
func (s *Service) Enqueue(ctx context.Context, effects ...Effect) error {
	err := s.Store.Update(ctx, func(tx Tx) error { return tx.PutEffects(effects) })
	if err == nil && s.Wake != nil {
		s.Wake()
	}
	return err
}

// known returns the incident of a command that was carried out before.
func (s *Service) known(ctx context.Context, cmd Command) (*Incident, error) {
	if len(cmd.Keys) == 0 {
		return nil, nil
	}
	var out *Incident
	err := s.Store.View(ctx, func(tx Tx) error {
		var err error
		out, err = (&work{tx: tx}).repeated(cmd)
		return err
	})
	return out, err
}

func (w *work) do(cmd Command) (*Incident, error) {
	w.past = cmd.History
	if inc, err := w.repeated(cmd); inc != nil || err != nil {
		return inc, err
	}
	inc, err := w.find(&cmd)
	if err != nil {
		return nil, err
	}
	switch {
	case inc != nil:
		if !cmd.FromVendor() && !inc.VisibleTo(cmd.Actor, cmd.Role) {
			return nil, notFound(inc.ID)
		}
		if cmd.Verb == Retry {
			err = w.retry(inc, cmd)
		} else {
			err = w.apply(inc, cmd)
		}
	case cmd.Verb == Declare || cmd.Verb == Trigger:
		inc, err = w.create(cmd)
	case cmd.Ref != nil && cmd.Args.Alert != nil:
		// The pager's later word came first, or we were away when it began.
		if inc, err = w.create(began(cmd)); err == nil {
			err = w.apply(inc, cmd)
		}
	case cmd.Ref != nil:
		return w.unknown(cmd)
	default:
		return nil, notFound(cmd.Incident)
	}
	if err != nil {
		return nil, err
	}
	if err := w.keepBoards(); err != nil {
		return nil, err
	}
	if err := w.remember(cmd.Keys, inc.ID.String()); err != nil {
		return nil, err
	}
	if cmd.Raw != nil {
		if err := w.tx.PutRaw(*cmd.Raw); err != nil {
			return nil, err
		}
	}
	if inc, err = w.fresh(inc); err != nil {
		return nil, err
	}
	return inc, w.put(cmd.Then)
}

// began is the trigger that must have come before cmd.
func began(cmd Command) Command {
	b := cmd
	b.Verb, b.Keys, b.Raw, b.Then = Trigger, nil, nil, nil
	b.Actor = Actor{Kind: KindVendor, ID: cmd.Ref.System}
	if b.Args.Alert.CreatedAt.IsZero() || b.Args.Alert.CreatedAt.After(cmd.At) {
		return b
	}
	b.At = b.Args.Alert.CreatedAt
	return b
}

// find loads the incident that the command is about; nil where there is none
// yet.
func (w *work) find(cmd *Command) (*Incident, error) {
	if cmd.Incident == 0 && cmd.Ref != nil {
		v, err := w.tx.Key(cmd.Ref.Key(), true)
		if err != nil || v == "" {
			return nil, err
		}
		if cmd.Incident, err = ParseID(v); err != nil {
			return nil, err
		}
	}
	if cmd.Incident == 0 {
		return nil, nil
	}
	inc, err := w.load(cmd.Incident)
	if errors.Is(err, ErrNotFound) {
		return nil, notFound(cmd.Incident)
	}
	return inc, err
}

func (w *work) create(cmd Command) (*Incident, error) {
	id, err := w.tx.NextID()
	if err != nil {
		return nil, err
	}
	inc := &Incident{ID: id}
	if err := w.apply(inc, cmd); err != nil {
		return nil, err
	}
	if inc, err = w.fresh(inc); err != nil {
		return nil, err
	}
	if ref, ok := inc.AlertRef(); ok {
		if err := w.applyEarly(inc, ref); err != nil {
			return nil, err
		}
	}
	if err := w.adoptMerged(inc); err != nil {
		return nil, err
	}
	return w.fresh(inc)
}

// fresh returns an incident as it stands if others were changed, which may have
// come back to it.
func (w *work) fresh(inc *Incident) (*Incident, error) {
	if !w.tied {
		return inc, nil
	}
	return w.load(inc.ID)
}

// apply runs the rules and stores their outcome, for the incident and for those
// that it is tied to.
func (w *work) apply(inc *Incident, cmd Command) error {
	f := factsFor(w.cat, existing(inc), &cmd, w.s.Details)
	was := before(inc, f.Levels)
	w.from = inc.Service
	if was.created {
		w.from = f.Service.Key
	}
	if w.s.Remind != nil {
		f.Remind = w.s.Remind()
	}
	if w.s.Hooks != nil {
		f.Hooks = w.s.Hooks()
	}
	if err := w.observe(inc, &cmd, &f); err != nil {
		return err
	}
	if inc.LinkWas != nil && cmd.Verb == Undo {
		cmd.undoes = inc.LinkWas.Labels
	}
	old := inc.Clone()
	events, effects, err := Apply(inc, cmd, f, w.now)
	if err != nil {
		return err
	}
	if len(events) == 0 && len(effects) == 0 && !inc.differs(old) {
		return w.spread(inc, f.scene)
	}
	if err := w.label(inc, old.Link, was, &cmd); err != nil {
		return err
	}
	if err := w.linkMerged(inc); err != nil {
		return err
	}
	if err := w.store(inc, old, events, effects); err != nil {
		return err
	}
	if err := w.linked(inc, old.Link, &cmd); err != nil {
		return err
	}
	if err := w.spread(inc, f.scene); err != nil {
		return err
	}
	if err := w.tellTied(inc, old); err != nil {
		return err
	}
	if err := w.tellAlike(inc, old); err != nil {
		return err
	}
	level, _ := f.Levels.Get(inc.Level)
	before, _ := f.Levels.Get(was.level)
	return w.major(inc, inc.countsForMajor(level), !was.created && old.countsForMajor(before))
}

// differs reports whether anything has changed that makes no event.
func (inc *Incident) differs(old *Incident) bool {
	return !slices.Equal(inc.Marks, old.Marks) || !inc.AlertAt.Equal(old.AlertAt) || inc.Openings != old.Openings || inc.Trouble != old.Trouble || ruleOf(inc.Link) != ruleOf(old.Link) || inc.Major != old.Major || !reflect.DeepEqual(inc.Room, old.Room) || !inc.sameTickets(old) || !reflect.DeepEqual(inc.Pages, old.Pages)
}

func (w *work) store(inc, old *Incident, events []Event, effects []Effect) error {
	for _, r := range inc.Refs {
		if slices.Contains(old.Refs, r) {
			continue // it leads here already
		}
		if err := w.tx.PutKey(r.Key(), inc.ID.String(), true); err != nil {
			return err
		}
	}
	if err := w.save(inc); err != nil {
		return err
	}
	if err := w.tx.AddEvents(events); err != nil {
		return err
	}
	if !inc.Active() && (old.Active() || old.Episode == 0) {
		if err := rememberEnd(w.tx, inc); err != nil {
			return err
		}
	}
	return w.put(effects)
}

// retry puts back what failed outside, if the actor may; without any such thing
// nothing changes.
func (w *work) retry(inc *Incident, cmd Command) error {
	f := factsFor(w.cat, inc, &cmd, w.s.Details)
	if err := Allowed(cmd.Verb, false, cmd.Actor, cmd.Role, inc, &f); err != nil {
		return err
	}
	var err error
	if cmd.retried, err = w.tx.RetryEffects(inc.ID); err != nil || cmd.retried == 0 {
		return err
	}
	w.effects += cmd.retried
	return w.apply(inc, cmd)
}

func (w *work) put(effects []Effect) error {
	if len(effects) == 0 || w.past {
		return nil
	}
	w.effects += len(effects)
	return w.tx.PutEffects(effects)
}
