package incident

import (
	"slices"
	"strings"
)

// roomStep records what was done about the room. Steps may come twice.
func (a *change) roomStep() error {
	c := a.cmd.Args.Room
	if c == nil {
		return invalid("room", "room_missing", "a step of a room needs its change")
	}
	if c.Step == RoomLend {
		return a.lendRoom(c)
	}
	if c.Step == RoomBegin {
		return a.beginRoom()
	}
	r := a.inc.Room
	if r == nil {
		return a.unchanged()
	}
	a.quiet = true
	switch c.Step {
	case RoomShare:
		a.shareStep(r, c)
	case RoomAlone:
		a.aloneStep(r, c)
	case RoomPeople:
		a.peopleStep(r, c)
	case RoomTried:
		if !r.TriedAt.IsZero() && !c.Tried.IsZero() {
			r.Chats++ // nobody knows whether the one before was made
		}
		r.TriedAt, r.Topic, a.marked = c.Tried, c.Topic, true
	case RoomMade:
		a.madeStep(r, c)
		if len(c.People) > 0 { // who is in it, in the same breath
			a.peopleStep(r, c)
		}
	case RoomReady:
		r.Ready, a.marked = true, true
	case RoomCall:
		r.Call, a.marked = true, true
		if c.URL != "" && r.Meeting != c.URL {
			r.Meeting, a.quiet = c.URL, false
			a.event(EvMeeting, "", map[string]string{"url": c.URL})
		}
	case RoomOpened:
		a.openedStep(r)
	case RoomTopic:
		a.topicStep(r, c)
	case RoomRefused:
		a.refusedStep(r, c)
	case RoomLate:
		a.lateStep(r, c)
	case RoomSaid:
		r.SaidAt, a.marked = a.at, true
	case RoomCame:
		a.cameStep(r, c)
	case RoomLeft:
		a.leftStep(r, c)
	default:
		return invalid("step", "unknown_step", "there is no step %q of a room", c.Step)
	}
	return nil
}

// beginRoom decides, when its time has come, whether there shall be a room
// still, and who belongs into it.
func (a *change) beginRoom() error {
	inc, r := a.inc, a.inc.Room
	switch {
	case r == nil:
		return a.unchanged()
	case r.State != RoomAsked && r.State != RoomOpening:
		a.quiet = true
		return nil
	}
	level, _ := a.f.Levels.Get(inc.Level)
	// By now it may be over, known as a duplicate, or less urgent than it seemed.
	unwanted := r.AskedBy.IsZero() && (inc.duplicate() || !level.Room && len(r.Sharers) == 0)
	if (!inc.Active() || unwanted) && r.Chat == "" && r.TriedAt.IsZero() {
		r.State, r.Reason, a.marked = RoomNone, "", true
		return nil
	}
	if r.State == RoomOpening {
		a.quiet = true
		return nil
	}
	r.State, a.marked = RoomOpening, true
	r.merge(a.needs(level))
	a.pageStandby(level, a.standbySuffix())
	return nil
}

// lendRoom lets another incident's people use this one's room, which is opened
// if there is none.
func (a *change) lendRoom(c *RoomChange) error {
	inc := a.inc
	a.quiet = true
	if inc.Room == nil {
		inc.Room = &Room{State: RoomNone}
	}
	r := inc.Room
	if len(r.Sharers) < maxSharers && !slices.Contains(r.Sharers, c.With) {
		r.Sharers, a.marked, a.quiet = append(r.Sharers, c.With), true, false
	}
	known := slices.DeleteFunc(slices.Clone(c.People), func(p RoomPerson) bool { return inc.Private && !inc.Visible(p.Person) })
	if r.merge(known) {
		a.marked, a.quiet = true, false
	}
	if r.State == RoomNone && inc.Active() {
		r.State = RoomAsked
		e := effect(inc.ID, KindRoom, Once, "", "for/"+c.With.String()+"/"+itoa(inc.Episode))
		e.Urgent = true
		a.effects = append(a.effects, e)
	} else if r.Chat != "" && len(c.People) > 0 { // it hears who of them is in it, too
		a.marked = true
		a.syncRoom()
	}
	return nil
}

// peopleStep takes over who is who. Roles that were resolved are replaced by
// their holders; who can't be added is named.
func (a *change) peopleStep(r *Room, c *RoomChange) {
	resolved := map[string]bool{}
	told := slices.DeleteFunc(slices.Clone(c.People), func(p RoomPerson) bool { return a.outgrown(p.Person) })
	for _, p := range told {
		resolved[p.Part] = true
		i := slices.IndexFunc(r.People, p.Is)
		if p.State == PersonMissing && (i < 0 || r.People[i].State != PersonMissing || r.People[i].Reason != p.Reason) {
			who := p.Person.Label()
			if who == "" {
				who = p.Part
			}
			a.event(EvRoomMissing, Clip(Line(p.Reason), MaxTitle), map[string]string{"person": who})
		}
		if p.State == PersonInvited && r.State == RoomOpen && (i < 0 || r.People[i].State == PersonWanted) {
			a.invite(p.Person)
		}
	}
	people := slices.DeleteFunc(slices.Clone(r.People), func(p RoomPerson) bool {
		return p.Person.IsZero() && p.State == PersonWanted && resolved[p.Part]
	})
	was := r.clone()
	r.People = people
	r.merge(told)
	if !slices.Equal(was.People, r.People) {
		a.marked = true
		a.quiet = r.State != RoomOpen // the cards show who has joined
	}
}

func (a *change) madeStep(r *Room, c *RoomChange) {
	if r.Chat == c.Chat {
		return
	}
	r.Chats++
	r.Chat, r.URL, r.Topic, r.TriedAt, r.Private, a.marked = c.Chat, c.URL, c.Topic, Stamp{}, a.inc.Private, true
	ref := Ref{System: "teams", Role: RoleRoom, ID: c.Chat, URL: c.URL}
	if !slices.Contains(a.inc.Refs, ref) {
		a.inc.Refs = append(a.inc.Refs, ref)
	}
}

// openedStep shows the incident's card in its room.
func (a *change) openedStep(r *Room) {
	if r.State == RoomOpen {
		return
	}
	r.State, r.Reason, a.quiet = RoomOpen, "", false
	if r.OpenAt.IsZero() {
		r.OpenAt = a.now.UTC()
	}
	if r.Chat != "" && !slices.Contains(a.inc.Cards, r.Chat) {
		a.inc.Cards = append(a.inc.Cards, r.Chat)
	}
	a.event(EvRoomOpen, "", map[string]string{"people": itoa(r.Count(PersonIn)), "missing": itoa(r.Count(PersonMissing))})
	for _, p := range r.People {
		if p.State == PersonInvited {
			a.invite(p.Person)
		}
	}
	a.syncRoom() // the incident has gone on meanwhile
}

// invite tells somebody for whom there was no place that they may join.
func (a *change) invite(who Actor) { a.tell(who, DirectInvited, itoa(a.inc.Episode), 0) }

// shareStep says whose room serves, and its link once that is open.
func (a *change) shareStep(r *Room, c *RoomChange) {
	if r.Usable() || r.Own || r.State == RoomNone || a.inc.Private {
		return // it has one of its own by now, or needs none any more
	}
	moved := r.mirror(c.People)
	if r.State == RoomShared && r.With == c.With && (c.URL == "" || r.URL == c.URL) && !moved {
		return
	}
	if r.State != RoomShared || r.With != c.With {
		a.event(EvRoomShared, "", map[string]string{"with": c.With.String()})
	}
	if c.URL != "" || r.With != c.With {
		r.URL = c.URL
	}
	r.State, r.With, r.Reason, a.marked, a.quiet = RoomShared, c.With, "", true, false
}

// aloneStep has the incident look for a room again, as long as it lasts: that
// which was to serve it was over before it was opened, or has become private.
func (a *change) aloneStep(r *Room, c *RoomChange) {
	if r.State != RoomShared || r.With != c.With {
		return
	}
	r.State, r.With, r.URL, a.marked, a.quiet = RoomNone, 0, "", true, false
	if !a.inc.Active() {
		return
	}
	r.State = RoomAsked
	r.renew()
	e := effect(a.inc.ID, KindRoom, Once, "", "alone/"+c.With.String()+"/"+itoa(a.inc.Events))
	e.Urgent = true
	a.effects = append(a.effects, e)
}

// cameStep takes over that people are in the room, mostly since somebody there
// has added them.
func (a *change) cameStep(r *Room, c *RoomChange) {
	for _, p := range c.People {
		who := a.f.Person(p.Person)
		i := slices.IndexFunc(r.People, func(q RoomPerson) bool { return q.Person.Is(who) })
		switch {
		case who.Kind != KindUser || who.ID == "" || i < 0 && len(r.People) >= maxRoomPeople || i >= 0 && r.People[i].State == PersonIn:
			continue
		case i < 0:
			r.People = append(r.People, RoomPerson{Person: who, Part: PartCame, State: PersonIn})
			a.event(EvRoomCame, "", map[string]string{"person": who.Label()})
		default:
			r.People[i].State, r.People[i].Reason = PersonIn, ""
		}
		a.marked, a.quiet = true, false
		if a.inc.Private && r.Private && !a.inc.Visible(who) {
			a.reply(ReplyStranger, ReplyData{By: a.cmd.Actor, Person: who, Level: a.inc.Level})
		}
	}
	a.tellSharers(r)
}

// tellSharers has those who use this room hear who has come or gone.
func (a *change) tellSharers(r *Room) {
	if a.marked && len(r.Sharers) > 0 {
		a.syncRoom()
	}
}

// leftStep takes over that people have left the room, or were taken out of it.
func (a *change) leftStep(r *Room, c *RoomChange) {
	for _, p := range c.People {
		who := a.f.Person(p.Person)
		i := slices.IndexFunc(r.People, func(q RoomPerson) bool { return q.Person.Is(who) })
		if i < 0 || r.People[i].State != PersonIn {
			continue
		}
		r.People[i].State, a.marked, a.quiet = PersonLeft, true, false
		a.event(EvRoomLeft, "", map[string]string{"person": who.Label()})
	}
	a.tellSharers(r)
}

// topicStep records the topic, or once that it can't be changed.
func (a *change) topicStep(r *Room, c *RoomChange) {
	if c.Reason == "" {
		r.Topic, a.marked = c.Topic, true
		return
	}
	if !r.Fixed {
		r.Fixed = true
		a.event(EvFailed, Clip(Line(c.Reason), MaxTitle), map[string]string{"effect": KindRoomSync})
	}
}

// refusedStep says on the cards, and in the thread of one, that there is no
// room, and why.
func (a *change) refusedStep(r *Room, c *RoomChange) {
	reason := Clip(Line(c.Reason), MaxTitle)
	if r.State == RoomThread && r.Reason == reason {
		return
	}
	r.State, r.Reason, a.quiet = RoomThread, reason, false
	a.talkInThread(reason, a.event(EvRoomThread, reason, nil).N)
}

// lateStep says so once where a room takes long, so that nobody waits for it.
func (a *change) lateStep(r *Room, c *RoomChange) {
	if r.State != RoomOpening || r.Reason != "" {
		return
	}
	r.Reason, a.quiet = Clip(Line(c.Reason), MaxTitle), false
	a.talkInThread(r.Reason, a.event(EvRoomLate, r.Reason, nil).N)
}

// talkInThread calls people into the thread of a card, for want of a room.
func (a *change) talkInThread(reason string, n int) {
	i := slices.IndexFunc(a.inc.Cards, func(t string) bool { return !strings.HasPrefix(t, "user:") })
	if a.inc.Private || i < 0 {
		return
	}
	e := effect(a.inc.ID, KindReply, Once, a.inc.Cards[i], ReplyThread+"/"+itoa(n))
	a.effects = append(a.effects, e.with(ReplyData{Reason: ReplyThread, By: System, Text: reason, Level: a.inc.Level}))
}
