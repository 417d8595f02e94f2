package incident

import (
	"slices"
	"strings"
	"time"
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
		return tooMany(a.inc.ID, "too_many_pages", maxPages, "%s has woken %d people already. Wake further ones from the pager itself.")
	}
	role := Line(args.Role)
	if err := short("role", role, MaxTitle); err != nil {
		return err
	}
	switch {
	case args.Person != nil && args.Person.ID != "":
		who := a.f.Person(*args.Person)
		if a.inc.Private && !a.inc.Visible(who) {
			return notMember(a.inc.ID, who)
		}
		if p := a.inc.paged(who); p != nil && p.beeping() {
			return a.unchanged()
		}
		a.wake(Paged{Person: who, Role: role, By: a.cmd.Actor, Reason: reason}, itoa(a.inc.Events+1))
		return nil
	case role == "":
		return invalid("person", "person_missing", "Say who, like @Ani or ani@example.com.")
	}
	n := a.event(EvPageAsked, reason, map[string]string{"role": role}).N
	e := effect(a.inc.ID, KindPage, Once, "", itoa(n))
	e.Urgent = true
	a.effects = append(a.effects, e.with(PageData{Roles: []string{role}, Reason: reason, By: a.cmd.Actor, Round: n}))
	return nil
}

// wake has one person woken. What is wanted twice under one suffix happens once.
func (a *change) wake(p Paged, suffix string) {
	p.State, p.At, p.Detail = PageWaiting, a.at, ""
	if last := a.inc.paged(p.Person); last != nil {
		p.Again = last.Again + 1
	}
	a.inc.Pages = append(a.inc.Pages, p)
	e := effect(a.inc.ID, KindWake, Once, "", p.Person.ID+"/"+suffix)
	e.Urgent = true
	e.Lane = a.inc.ID.String() + "/wake/" + p.Person.ID
	a.effects = append(a.effects, e.with(p.wake()))
	a.event(EvPaged, p.Reason, map[string]string{"person": p.Person.Label(), "role": p.Role})
	if p.Role == "" { // somebody has named them; those on standby find it in the war room
		a.tell(p.Person, DirectHelp, suffix, 0)
	}
	a.callIn(p)
}

func (p *Paged) wake() WakeData {
	return WakeData{Person: p.Person, Role: p.Role, Reason: p.Reason, By: p.By, Again: p.Again}
}

// callIn brings whoever is woken into the war room, where there is one or will
// be: a page tells them that something is up, and there is where it is mended.
func (a *change) callIn(p Paged) {
	r := a.inc.Room
	if r == nil || r.State == RoomNone || r.State == RoomThread || a.inc.Private && !a.inc.Visible(p.Person) {
		return
	}
	part := p.Role
	if part == "" {
		part = PartAsked
	}
	switch i := slices.IndexFunc(r.People, func(q RoomPerson) bool { return q.Person.Is(p.Person) }); {
	case i < 0 && len(r.People) >= maxRoomPeople:
		return
	case i < 0:
		r.People = append(r.People, RoomPerson{Person: p.Person, Part: part, State: PersonWanted})
	case r.People[i].State == PersonInvited, r.People[i].State == PersonLeft && p.By.Kind == KindUser:
		r.People[i].State = PersonWanted // neither counts for whoever is called for
	default:
		return
	}
	if r.State == RoomShared {
		if p.By.Kind == KindUser {
			part = "" // as above
		}
		suffix := "woken/" + p.Person.ID
		if p.Again > 0 {
			suffix += "/" + itoa(p.Again)
		}
		a.joinHost(p.Person, part, suffix)
	}
}

// pageStep records what became of waking somebody. Steps may come twice.
func (a *change) pageStep() error {
	c := a.cmd.Args.Page
	if c == nil {
		return invalid("page", "page_missing", "a step of a page needs its change")
	}
	if c.Step == PageFound {
		a.quiet = true
		a.found(c)
		a.quiet = a.quiet && len(a.events) == 0
		return nil
	}
	p := a.inc.paged(a.f.Person(c.Who))
	if p == nil {
		return a.unchanged()
	}
	was := p.State
	own := p.Again == c.Again // else it is about an earlier page, and that is past
	switch c.Step {
	case PageDone:
		if was != PageWaiting || !own {
			return a.unchanged()
		}
		p.Ref, p.User = c.Ref, c.User
		a.await(p)
		if !a.inc.Active() {
			a.pageOver(p)
		}
	case PageRefused:
		if was != PageWaiting || !own {
			return a.unchanged()
		}
		p.State, p.At, p.Detail = PageFailed, a.at, Clip(Line(c.Why), MaxTitle)
		a.event(EvNotPaged, p.Detail, map[string]string{"person": p.Person.Label(), "role": p.Role})
		if c.Next && a.inc.Active() {
			a.pageNext(p, p.Roles()...)
		}
	case PageReply, PageNo:
		if !a.inc.Active() {
			return a.unchanged() // such as the echo of its end
		}
		a.answered(p, c.Step)
	case PageWaited:
		if was != PageSent || !own || !a.inc.Active() {
			return a.unchanged()
		}
		a.silent(p)
	default:
		return invalid("step", "unknown_step", "there is no step %q of a page", c.Step)
	}
	return nil
}

// await gives somebody whom the pager wakes the time to answer.
func (a *change) await(p *Paged) {
	p.State, p.At, a.marked = PageSent, a.at, true
	e := effect(a.inc.ID, KindWaited, Once, "", p.Person.ID+"/"+itoa(a.inc.Events))
	e.Due = a.now.Add(PageWait)
	e.Lane = a.inc.ID.String() + "/wake/" + p.Person.ID
	a.effects = append(a.effects, e.with(p.wake()))
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
	called := p.State == PageSilent // the next one is woken already
	p.State, p.At = state, a.at
	a.event(EvPageAnswer, "", map[string]string{"person": p.Person.Label(), "role": p.Role, "answer": answer})
	if state == PageDeclined && !called && a.inc.Active() {
		a.pageNext(p, p.Roles()...)
	}
}

// pageNext has whoever comes next for each of these roles woken, where the role
// says who that is.
func (a *change) pageNext(p *Paged, roles ...string) {
	for _, role := range roles {
		e := effect(a.inc.ID, KindPage, Once, "", "after/"+role+"/"+p.Person.ID+"/"+itoa(a.inc.Events))
		e.Urgent = true
		a.effects = append(a.effects, e.with(PageData{Roles: []string{role}, After: p.Person, Reason: p.Reason, By: p.By, Round: p.Round}))
	}
}

// holds takes over who holds a role that nobody was known for before: they are
// not missing in the war room any more, but are to be added to it.
func (a *change) holds(p Paged) {
	n := len(a.inc.Pages)
	a.inc.Pages = slices.DeleteFunc(a.inc.Pages, func(q Paged) bool {
		return q.Person.IsZero() && q.Role == p.Role && q.Detail != WhyNobodyNext
	})
	if len(a.inc.Pages) < n {
		a.marked, a.quiet = true, false
	}
	r := a.inc.Room
	if r == nil {
		return
	}
	i := slices.IndexFunc(r.People, RoomPerson{Part: p.Role}.Is)
	if i < 0 || r.People[i].State != PersonMissing {
		return
	}
	r.People = slices.Delete(r.People, i, i+1)
	if r.merge([]RoomPerson{{Person: p.Person, Part: p.Role, State: PersonWanted}}) && r.State == RoomShared {
		a.joinHost(p.Person, p.Role, "holds/"+p.Role+"/"+p.Person.ID)
	}
	a.marked = true
}

// found has those woken who are on standby, and are not awake.
func (a *change) found(c *PageChange) {
	if !a.inc.Active() {
		return
	}
	for _, p := range c.Found {
		p.By, p.Reason, p.Round = c.By, c.Note, c.Round
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
		if p.State == PageElsewhere && a.inc.paged(p.Person) == nil {
			p.At = a.at
			a.inc.Pages = append(a.inc.Pages, p)
			a.event(EvPaged, "", map[string]string{"person": p.Person.Label(), "role": p.Role, "with": p.Detail})
		}
		if p.State == PageElsewhere || a.spared(&p) {
			continue
		}
		if a.inc.Private && !a.inc.Visible(p.Person) {
			p.State, p.At, p.Detail = PageFailed, a.at, whyNoMember
			a.inc.Pages = append(a.inc.Pages, p)
			a.event(EvNotPaged, p.Detail, map[string]string{"person": p.Person.Label(), "role": p.Role})
			continue
		}
		suffix := "standby"
		switch {
		case p.Round > 0:
			suffix = "round/" + itoa(p.Round)
		case a.inc.Episode > 1:
			suffix += "/" + itoa(a.inc.Episode)
		}
		a.wake(p, suffix)
	}
}

// whyNoMember is why somebody is not woken for a private incident: its text is in
// the message catalogue, under "standby.".
const whyNoMember = "no_member"

// Why somebody was not woken, where it matters for what follows. Their texts are in
// the message catalogue, under "standby.".
const (
	WhyUnknown    = "pager_unknown" // the pager does not know the person: others may be known
	WhyNobodyNext = "nobody_next"   // nobody comes after whoever did not answer
)

// awakeFor is how long somebody is taken to be awake after they have shown it.
const awakeFor = 30 * time.Minute

// spared reports whether somebody who is on standby need not be woken. The level
// wakes each person once, whatever else they were woken for; a person who asks
// for the role is heard again, unless that is being done. Who is awake is on it;
// but whoever comes next, for somebody who does not, has to be told so.
func (a *change) spared(p *Paged) bool {
	last := a.inc.paged(p.Person)
	recent := func(t time.Time) bool { return p.Round == 0 || a.at.Sub(t) < awakeFor }
	if last != nil && last.State == PageFailed && last.Detail == whyOver {
		last = nil // nobody has tried
	}
	switch {
	case last != nil && (p.Round == 0 || p.Round == last.Round || last.beeping()):
		a.takeRole(last, p.Role)
		return true
	case last != nil && last.State == PageAnswered && recent(last.At):
		return true
	case a.inc.AcknowledgedBy.Is(p.Person) && recent(a.inc.AcknowledgedAt), !a.cmd.Args.Page.After &&
		(p.By.Is(p.Person) || a.inc.DeclaredBy.Is(p.Person) && a.at.Sub(a.inc.OpenedAt) < awakeFor):
		p.State, p.At, a.marked = PageAnswered, a.at, true
	case p.Round == 0 && slices.ContainsFunc(a.inc.Responders, p.Person.Is):
		a.await(p) // the pager has woken them
	default:
		return false
	}
	a.inc.Pages = append(a.inc.Pages, *p)
	a.quiet = false
	a.callIn(*p)
	return true
}

// takeRole has whoever was woken, by name or for another role, count for this role
// that they hold, so that somebody comes next where they do not answer.
func (a *change) takeRole(p *Paged, role string) {
	switch {
	case role == "" || slices.Contains(p.Roles(), role):
		return
	case p.Role == "":
		p.Role = role
	default:
		p.Also = append(slices.Clip(p.Also), role)
	}
	a.marked, a.quiet = true, false
	if p.State == PageSilent || p.State == PageDeclined || p.State == PageFailed && p.Detail == WhyUnknown {
		a.pageNext(p, role)
	}
}
