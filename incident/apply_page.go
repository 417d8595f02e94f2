package incident

import (
	"slices"
	"strings"
)

// page is a person's wish to have somebody woken.
func (a *change) page() error {
	args := &a.cmd.Args
	reason := strings.TrimSpace(args.Reason)
	if err := short("reason", reason, MaxTitle); err != nil {
		return err
	}
	if !a.inc.Active() {
		return conflict("not_open", "%s is %s: there is nothing to acknowledge.", a.inc.ID, a.inc.Status).
			With("id", a.inc.ID.String()).With("status", string(a.inc.Status))
	}
	if len(a.inc.Pages) >= maxPages {
		return conflict("too_many_pages", "%s has woken %d people already.", a.inc.ID, maxPages).With("id", a.inc.ID.String())
	}
	role := Line(args.Role)
	switch {
	case args.Person != nil && args.Person.ID != "":
		who := a.f.Person(*args.Person)
		if a.inc.Private && !a.inc.Visible(who) {
			return conflict("not_member", "%s is no member of %s: add them with member add first.", who.Label(), a.inc.ID).
				With("id", a.inc.ID.String()).With("person", who.Label())
		}
		if p := a.inc.paged(who); p != nil && (p.State == PageWaiting || p.State == PageSent) {
			return a.unchanged() // they are being woken
		}
		a.wake(Paged{Person: who, Role: role, By: a.cmd.Actor, Reason: reason}, itoa(a.inc.Events+1))
		return nil
	case role == "":
		return invalid("person", "person_missing", "Say whom, like @Ani or ani@example.com.")
	}
	n := a.event(EvPageAsked, reason, map[string]string{"role": role}).N
	e := effect(a.inc.ID, KindPage, Once, "", itoa(n))
	e.Urgent = true
	a.effects = append(a.effects, e.with(PageData{Roles: []string{role}, Reason: reason, By: a.cmd.Actor}))
	return nil
}

// wake has one person woken. What is wanted twice under one suffix happens once.
func (a *change) wake(p Paged, suffix string) {
	p.State, p.At, p.Detail = PageWaiting, a.at, ""
	a.inc.Pages = append(a.inc.Pages, p)
	e := effect(a.inc.ID, KindWake, Once, "", p.Person.ID+"/"+suffix)
	e.Urgent = true
	e.Lane = a.inc.ID.String() + "/wake/" + p.Person.ID
	a.effects = append(a.effects, e.with(WakeData{Person: p.Person, Role: p.Role, Reason: p.Reason, By: p.By}))
	a.event(EvPaged, p.Reason, map[string]string{"person": p.Person.Label(), "role": p.Role})
}

// pageStep records what became of waking somebody. Steps may come twice.
func (a *change) pageStep() error {
	c := a.cmd.Args.Page
	if c == nil {
		return invalid("page", "page_missing", "a step of a page needs its change")
	}
	if c.Step == PageFound {
		a.found(c)
		return a.unchanged()
	}
	p := a.inc.paged(a.f.Person(c.Who))
	if p == nil {
		return a.unchanged()
	}
	was := p.State
	switch c.Step {
	case PageDone:
		if was != PageWaiting {
			return a.unchanged()
		}
		p.State, p.At, p.Ref = PageSent, a.at, c.Ref
		e := effect(a.inc.ID, KindWaited, Once, "", p.Person.ID+"/"+itoa(a.inc.Events))
		e.Due = a.now.Add(PageWait)
		e.Lane = a.inc.ID.String() + "/wake/" + p.Person.ID
		a.effects = append(a.effects, e.with(WakeData{Person: p.Person, Role: p.Role, Reason: p.Reason, By: p.By}))
		a.marked = true
	case PageRefused:
		if was != PageWaiting {
			return a.unchanged()
		}
		p.State, p.At, p.Detail = PageFailed, a.at, Clip(Line(c.Why), MaxTitle)
		a.event(EvNotPaged, p.Detail, map[string]string{"person": p.Person.Label(), "role": p.Role})
	case PageReply, PageNo:
		a.answered(p, c.Step)
	case PageWaited:
		if was != PageSent || !a.inc.Active() {
			return a.unchanged()
		}
		p.State, p.At = PageSilent, a.at
		a.event(EvPageSilent, "", map[string]string{"person": p.Person.Label(), "role": p.Role})
		a.pageNext(p)
	default:
		return invalid("step", "unknown_step", "there is no step %q of a page", c.Step)
	}
	return nil
}

func (a *change) answered(p *Paged, step string) {
	state, answer := PageAnswered, "accepted"
	if step == PageNo {
		state, answer = PageDeclined, "declined"
	}
	if p.State == state || p.State == PageAnswered {
		a.quiet = true
		return
	}
	p.State, p.At = state, a.at
	a.event(EvPageAnswer, "", map[string]string{"person": p.Person.Label(), "role": p.Role, "answer": answer})
	if state == PageDeclined && a.inc.Active() {
		a.pageNext(p)
	}
}

// pageNext has whoever comes next woken, where the role says who that is.
func (a *change) pageNext(p *Paged) {
	if p.Role == "" {
		return
	}
	e := effect(a.inc.ID, KindPage, Once, "", "after/"+p.Role+"/"+p.Person.ID+"/"+itoa(a.inc.Events))
	e.Urgent = true
	a.effects = append(a.effects, e.with(PageData{Roles: []string{p.Role}, After: p.Person, Reason: p.Reason, By: p.By}))
}

// holds takes over who holds a role that nobody was known for before: they are
// not missing in the war room any more, but are to be added to it.
func (a *change) holds(p Paged) {
	a.inc.Pages = slices.DeleteFunc(a.inc.Pages, func(q Paged) bool { return q.Person.IsZero() && q.Role == p.Role })
	r := a.inc.Room
	if r == nil {
		return
	}
	i := slices.IndexFunc(r.People, RoomPerson{Part: p.Role}.Is)
	if i < 0 || r.People[i].State != PersonMissing {
		return
	}
	r.People = slices.Delete(r.People, i, i+1)
	r.merge([]RoomPerson{{Person: p.Person, Part: p.Role, State: PersonWanted}})
	a.marked = true
}

// found has those woken who are on standby, each once: who was woken before, or
// is on it already, is left in peace.
func (a *change) found(c *PageChange) {
	if !a.inc.Active() {
		return
	}
	for _, p := range c.Found {
		p.By, p.Reason = c.By, c.Note
		if len(a.inc.Pages) >= maxPages {
			return
		}
		if p.Person.IsZero() {
			known := slices.ContainsFunc(a.inc.Pages, func(q Paged) bool {
				return q.Person.IsZero() && q.Role == p.Role && q.Detail == p.Detail
			})
			if !known {
				p.State, p.At = PageFailed, a.at
				a.inc.Pages = append(a.inc.Pages, p)
				a.event(EvNotPaged, p.Detail, map[string]string{"role": p.Role})
			}
			continue
		}
		p.Person = a.f.Person(p.Person)
		a.holds(p)
		if a.inc.paged(p.Person) != nil || a.inc.AcknowledgedBy.Is(p.Person) || slices.ContainsFunc(a.inc.Responders, p.Person.Is) {
			continue
		}
		a.wake(p, "standby")
	}
}
