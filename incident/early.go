package incident

import (
	"encoding/json"
	"errors"
	"time"
)

// unknown keeps the body of an event about something that we do not know, and
// that says too little to make an incident of.
func (w *work) unknown(cmd Command) (*Incident, error) {
	if cmd.Raw == nil {
		return nil, NewProblem(ErrNotFound, "ref", "no_ref", "No incident belongs to %s %s.", cmd.Ref.System, Clip(cmd.Ref.ID, 80))
	}
	if err := w.remember(cmd.Keys, "-"); err != nil {
		return nil, err
	}
	if err := w.putEarly(cmd); err != nil {
		return nil, err
	}
	return &Incident{}, w.tx.PutRaw(*cmd.Raw)
}

// early is what came before the incident that it is about, such as a note: it
// waits for it.
type early struct {
	Verb   Verb      `json:"verb"`
	Actor  Actor     `json:"actor"`
	Source string    `json:"source"`
	At     time.Time `json:"at"`
	Kind   EventKind `json:"kind,omitempty"` // not in the JSON of Args
	Args   Args      `json:"args"`
}

// maxEarly bounds what waits for one incident; beyond it, the raw body alone is
// kept.
const maxEarly = 20

func earlyKey(r Ref) string { return "early/" + r.Key() }

func (w *work) getEarly(r Ref) ([]early, error) {
	v, err := w.tx.Key(earlyKey(r), false)
	if err != nil || v == "" {
		return nil, err
	}
	var list []early
	return list, json.Unmarshal([]byte(v), &list)
}

func (w *work) putEarly(cmd Command) error {
	list, err := w.getEarly(*cmd.Ref)
	if err != nil || len(list) >= maxEarly {
		return err
	}
	b, err := json.Marshal(append(list, early{Verb: cmd.Verb, Actor: cmd.Actor, Source: cmd.Source, At: cmd.At, Kind: cmd.Args.Kind, Args: cmd.Args}))
	if err != nil {
		return err
	}
	return w.tx.PutKey(earlyKey(*cmd.Ref), string(b), false)
}

// applyEarly carries out what has waited for inc.
func (w *work) applyEarly(inc *Incident, ref Ref) error {
	list, err := w.getEarly(ref)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, e := range list {
		if w.past && e.Verb == AddNote {
			continue // history has it
		}
		e.Args.Kind = e.Kind
		next := inc.Clone()
		err := w.apply(next, Command{Verb: e.Verb, Incident: inc.ID, Actor: e.Actor, Source: e.Source, At: e.At, Args: e.Args})
		var p *Problem
		if errors.As(err, &p) {
			continue // what makes no sense must not cost the incident; its body is kept
		}
		if err != nil {
			return err
		}
		if next, err = w.fresh(next); err != nil {
			return err
		}
		*inc = *next
	}
	return w.tx.PutKey(earlyKey(ref), "", false)
}
