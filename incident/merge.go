package incident

import (
	"errors"
	"slices"
	"strings"
)

// linkMerged finds the parent of an incident that the vendor has merged into
// another, or remembers to do so when that one comes.
func (w *work) linkMerged(inc *Incident) error {
	if inc.Link == nil || inc.Link.ParentRef == nil || inc.Link.Parent != 0 {
		return nil
	}
	ref := *inc.Link.ParentRef
	v, err := w.tx.Key(ref.Key(), true)
	if err != nil {
		return err
	}
	if v == "" {
		waiting, err := w.tx.Key("merged/"+ref.Key(), true)
		if err != nil || strings.Contains(" "+waiting+" ", " "+inc.ID.String()+" ") {
			return err
		}
		return w.tx.PutKey("merged/"+ref.Key(), strings.TrimSpace(waiting+" "+inc.ID.String()), true)
	}
	parent, err := ParseID(v)
	if err != nil || parent == inc.ID {
		return err
	}
	inc.Link.Parent, inc.Link.ParentRef = parent, nil
	return nil // linked tells the parent
}

// adoptMerged links the incidents that were merged into inc before it came.
func (w *work) adoptMerged(inc *Incident) error {
	ref, ok := inc.AlertRef()
	if !ok {
		return nil
	}
	waiting, err := w.tx.Key("merged/"+ref.Key(), true)
	if err != nil || waiting == "" {
		return err
	}
	for _, s := range strings.Fields(waiting) {
		id, err := ParseID(s)
		if err != nil {
			return err
		}
		child, err := w.load(id)
		if err != nil {
			return err
		}
		if child.Link == nil || child.Link.Parent != 0 {
			continue
		}
		child.Link.Parent, child.Link.ParentRef = inc.ID, nil
		child.UpdatedAt = w.now.UTC()
		if err := w.save(child); err != nil {
			return err
		}
		if err := w.put(cardsOf(child)); err != nil {
			return err
		}
		if err := w.addChild(inc.ID, Child{ID: id, Kind: child.Link.Kind}); err != nil {
			return err
		}
	}
	fresh, err := w.load(inc.ID)
	if err != nil {
		return err
	}
	*inc = *fresh
	return w.tx.PutKey("merged/"+ref.Key(), "", true)
}

// addChild tells the parent, on its timeline and wherever that is shown.
func (w *work) addChild(parent ID, c Child) error {
	inc, err := w.load(parent)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(inc.Children, func(have Child) bool { return have.ID == c.ID }) {
		return nil
	}
	if len(inc.Children) < maxChildren {
		inc.Children = append(inc.Children, c)
	} else {
		inc.MoreChildren++
	}
	return w.tellParent(inc, EvChild, c)
}

// dropChild undoes addChild.
func (w *work) dropChild(parent, child ID) error {
	inc, err := w.load(parent)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(inc.Children, func(c Child) bool { return c.ID == child })
	if i < 0 {
		inc.MoreChildren = max(inc.MoreChildren-1, 0)
		return w.save(inc)
	}
	c := inc.Children[i]
	inc.Children = slices.Delete(inc.Children, i, i+1)
	return w.tellParent(inc, EvChildGone, c)
}

func (w *work) tellParent(inc *Incident, kind EventKind, c Child) error {
	w.tied = true
	cmd := Command{Verb: Log, Incident: inc.ID, Actor: System, Source: SourceSystem, Args: Args{Kind: kind, Data: map[string]string{"kind": c.Kind, "child": c.ID.String()}}}
	return w.apply(inc, cmd)
}

// cardsOf are the effects that bring all cards of an incident up to date.
func cardsOf(inc *Incident) []Effect {
	var out []Effect
	for _, target := range inc.Cards {
		out = append(out, effect(inc.ID, KindCard, Latest, target, ""))
	}
	return out
}
