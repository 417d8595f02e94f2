package incident

import (
	"slices"
	"strings"
	"time"
)

// correlate lets the rules decide on the incident's links, from the scene that
// Do has set.
func (a *change) correlate() {
	sc, inc := a.f.scene, a.inc
	if sc == nil {
		return
	}
	sc.own = sc.boards[inc.Service]
	if inc.Private || inc.Imported {
		sc.drop(inc.ID)
		if !inc.linkFixed() && inc.Link != nil {
			a.takeDecision(&decision{openings: inc.Openings, derived: derivedOf(inc)})
		}
		return
	}
	inc.Trouble = a.troubleOf()
	place := ""
	if a.f.Route.Mode == ModeLive && a.f.Route.Channel != "" {
		place = shortHash(a.f.Route.Channel)
	}
	e := entryOf(inc, place)
	if sc.own.find(inc.ID) == nil && inc.Link != nil && len(sc.own.entries) >= maxEntries {
		return // in a flood, what has its link keeps it
	}
	sc.put(e)
	if d := sc.others[inc.ID]; d != nil {
		delete(sc.others, inc.ID)
		a.takeDecision(d)
	}
}

func derivedOf(inc *Incident) []move { return entryOf(inc, "").derived }

func (a *change) troubleOf() string {
	if a.inc.Alert == nil {
		return TroubleOf(&Alert{Title: a.inc.Title}, a.inc.Level, a.inc.Service, a.inc.ServiceName)
	}
	return TroubleOf(a.inc.Alert, a.f.Verdict.Level, a.inc.Service, a.inc.ServiceName, a.inc.Alert.Service)
}

// takeDecision takes over what the rules have decided about the links.
func (a *change) takeDecision(d *decision) {
	inc := a.inc
	if d.link != keepLink && !inc.linkFixed() {
		a.relinkTo(d.link, d.promoted)
	}
	a.follow(d.derived)
	if d.openings > 0 && inc.Openings == 0 {
		a.event(EvFlapping, "", map[string]string{"n": itoa(d.openings)}).Actor = System
	}
	inc.Openings = d.openings
}

// relinkTo replaces the link by another one, or by none.
func (a *change) relinkTo(to *Link, outlived ID) {
	old := a.inc.Link
	if old != nil && to != nil && old.Kind == to.Kind && old.Parent == to.Parent {
		a.inc.Link = to // for another reason
		return
	}
	if old != nil {
		kind := EvUnlinked
		if to == nil && outlived != 0 {
			kind = EvPromoted
		}
		a.event(kind, "", map[string]string{"kind": old.Kind, "parent": old.Parent.String(), "rule": old.Rule}).Actor = System
	}
	a.inc.Link = to
	if to != nil {
		a.event(EvLinked, "", map[string]string{"kind": to.Kind, "parent": to.Parent.String(), "rule": to.Rule}).Actor = System
	}
}

// follow makes the incident open and resolved as its duplicates, or its parent,
// have it.
func (a *change) follow(derived []move) {
	inc := a.inc
	if slices.Equal(derivedOf(inc), derived) {
		return
	}
	was := inc.live()
	inc.Marks = slices.DeleteFunc(inc.Marks, func(m Mark) bool { return m.Follows })
	for _, m := range derived {
		kind := MarkOpen
		if m.close {
			kind = MarkResolve
		}
		inc.mark(Mark{At: time.UnixMilli(m.at), Kind: kind, By: System, Follows: true})
	}
	a.marked = true
	is := inc.live()
	if was.Active() == is.Active() && was.Episode == is.Episode {
		return
	}
	to := "resolved"
	if is.Active() {
		to = "open"
	}
	e := a.event(EvFollowed, "", map[string]string{"to": to})
	e.Actor, e.At = System, is.Intervals[len(is.Intervals)-1].From
	if !is.Active() {
		e.At = is.ResolvedAt
	}
}

// followDecision is the verb by which a decision reaches another incident.
func (a *change) followDecision() error {
	d := a.cmd.decided
	if d == nil {
		return a.unchanged()
	}
	if d.major != nil {
		if a.inc.Major == *d.major {
			return a.unchanged()
		}
		a.inc.Major = *d.major
		if a.inc.Major != 0 {
			a.event(EvMajor, "", map[string]string{"first": a.inc.Major.String()})
		}
		return nil
	}
	a.takeDecision(&d.decision)
	if len(a.events) == 0 {
		a.quiet = !a.marked
	}
	return nil
}

// decided is what Follow brings.
type decided struct {
	decision
	major *ID // of the burst that it is part of, 0 for none; nil: this is about links
}

// relink decides again, since a time has come.
func (a *change) relink() error { return a.unchanged() }

// unpause shows what has not resolved itself; settle does it.
func (a *change) unpause() error {
	if a.inc.PausedUntil.IsZero() || !a.inc.Active() {
		return a.unchanged()
	}
	a.shown = true
	return nil
}

// parentInfo is what Do has found out about the parent that a person names.
type parentInfo struct {
	id      ID   // of its root, if it is a duplicate itself
	private bool // it is
	circle  bool // it is a consequence of the incident itself
}

// setLink is a person's word that the incident belongs to another.
func (a *change) setLink() error {
	kind, p := a.cmd.Args.LinkKind, a.f.parent
	switch {
	case kind != LinkDuplicate && kind != LinkCascade:
		return invalid("kind", "bad_link_kind", "Say duplicate-of or caused-by.")
	case p == nil:
		return invalid("parent", "parent_missing", "Say which incident it belongs to, like INC-41.")
	case p.id == a.inc.ID:
		return invalid("parent", "own_parent", "%s cannot belong to itself.", a.inc.ID).With("id", a.inc.ID.String())
	case p.circle:
		return conflict("link_circle", "%s is a consequence of %s itself: unlink that first.", p.id, a.inc.ID).With("id", a.inc.ID.String()).With("parent", p.id.String())
	case p.private || a.inc.Private:
		return conflict("link_private", "A private incident cannot be tied to others.")
	}
	if l := a.inc.Link; l != nil && l.Kind == kind && l.Parent == p.id && a.inc.LinkFixed {
		return a.unchanged()
	}
	a.inc.LinkWas = &LinkWas{Link: a.inc.Link.clone(), Fixed: a.inc.LinkFixed, By: a.cmd.Actor, At: a.at}
	if l := a.inc.Link; l != nil {
		a.event(EvUnlinked, "", map[string]string{"kind": l.Kind, "parent": l.Parent.String(), "rule": l.Rule})
	}
	a.inc.Link = &Link{Kind: kind, Parent: p.id, Rule: RulePerson, Confidence: 1, By: a.cmd.Actor, At: a.at}
	a.inc.LinkFixed = true
	a.inc.LinkWas.ApartWas = slices.Contains(a.inc.Apart, p.id)
	a.inc.Apart = slices.DeleteFunc(a.inc.Apart, func(id ID) bool { return id == p.id })
	a.event(EvLinked, "", map[string]string{"kind": kind, "parent": p.id.String(), "rule": RulePerson})
	return nil
}

// unlink is a person's word that the incident has nothing to do with its parent.
func (a *change) unlink() error {
	reason := strings.TrimSpace(a.cmd.Args.Reason)
	if err := short("reason", reason, MaxText); err != nil {
		return err
	}
	l := a.inc.Link
	if l == nil {
		return a.unchanged()
	}
	apart := l.Parent != 0 && !slices.Contains(a.inc.Apart, l.Parent)
	if apart && len(a.inc.Apart) >= maxApart {
		return tooMany(a.inc.ID, "too_many_apart", maxApart, "%s was taken away from %d incidents already. Link it to the one where it belongs instead: link %[1]s duplicate-of INC-1")
	}
	a.inc.LinkWas = &LinkWas{Link: l.clone(), Fixed: a.inc.LinkFixed, By: a.cmd.Actor, At: a.at}
	a.inc.Link, a.inc.LinkFixed = nil, true
	if apart {
		a.inc.Apart = append(a.inc.Apart, l.Parent)
		a.inc.LinkWas.Apart = true
	}
	a.event(EvUnlinked, reason, map[string]string{"kind": l.Kind, "parent": l.Parent.String(), "rule": l.Rule})
	return nil
}

// undo takes the last correction of the link back: all is as it was before it.
func (a *change) undo() error {
	was := a.inc.LinkWas
	if was == nil {
		return conflict("nothing_to_undo", "Nobody has corrected the link of %s: there is nothing to take back.", a.inc.ID).With("id", a.inc.ID.String())
	}
	now := a.inc.Link
	a.inc.Link, a.inc.LinkFixed, a.inc.LinkWas = was.Link.clone(), was.Fixed, nil
	if was.Apart && was.Link != nil {
		a.inc.Apart = slices.DeleteFunc(a.inc.Apart, func(id ID) bool { return id == was.Link.Parent })
	}
	if now != nil && was.ApartWas {
		a.inc.Apart = append(a.inc.Apart, now.Parent)
	}
	data := map[string]string{}
	if now != nil {
		data["from"] = now.Parent.String()
	}
	if was.Link != nil {
		data["parent"] = was.Link.Parent.String()
	}
	a.event(EvUndone, "", data)
	return nil
}
