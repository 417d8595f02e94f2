package incident

import (
	"slices"
	"strings"
)

// Operations of OpenRoom.
const (
	RoomOpOpen   = "open"   // the default
	RoomOpAdd    = "add"    // Args.Person
	RoomOpJoin   = "join"   // whoever asks
	RoomOpRename = "rename" // Args.Name
	RoomOpSplit  = "split"  // a room of its own, instead of another incident's
)

// maxRoomName leaves room for the id and the status in a topic of 250.
const maxRoomName = 120

// room asks for a war room where the level has one, and keeps one that exists in
// step.
func (a *change) room(level Level) {
	inc := a.inc
	switch {
	case (inc.Room == nil || inc.Room.State == RoomNone) && a.wantsRoom(level):
		suffix := ""
		if inc.Room == nil {
			inc.Room = &Room{}
		} else { // it was over, or less urgent, before a room was opened
			suffix = "again/" + itoa(inc.Events)
		}
		inc.Room.State = RoomAsked
		e := effect(inc.ID, KindRoom, Once, "", suffix)
		e.Due, e.Urgent = inc.RoomAfter, true
		a.effects = append(a.effects, e)
	case inc.Room != nil && inc.Room.Chat != "":
		if inc.Level != a.was.level || inc.Status != a.was.status || !inc.Commander.Is(a.was.commander) || inc.Room.Pending() && !a.was.pending {
			a.syncRoom()
		}
		a.sumUp()
	}
	if r := inc.Room; r != nil && r.State == RoomOpen && !inc.Commander.IsZero() && !inc.Commander.Is(a.was.commander) {
		if r.merge([]RoomPerson{{Person: inc.Commander, Part: PartCommander, State: PersonWanted}}) {
			a.syncRoom()
		}
	}
}

// wantsRoom reports whether the level opens a room now. RoomAfter is set when it
// came to such a level, so that going live opens none for the past.
func (a *change) wantsRoom(level Level) bool {
	inc := a.inc
	return level.Room && a.f.Notice(inc.Level).Room && inc.Active() && !inc.RoomAfter.IsZero() && !inc.duplicate() &&
		!inc.Quiet && !inc.Imported && !inc.Shadow && a.f.Route.Mode == ModeLive && inc.NoticeGap != GapMuted
}

func (a *change) syncRoom() {
	key := effect(a.inc.ID, KindRoomSync, Latest, "", "")
	if !slices.ContainsFunc(a.effects, func(e Effect) bool { return e.Key == key.Key }) {
		a.effects = append(a.effects, key)
	}
}

// SayData is the data of a KindRoomSay effect: the reason decides the text.
type SayData struct {
	Reason string `json:"reason"` // SayResolved, …
	N      int    `json:"n"`      // number of the timeline entry that it is about; 0: none
	Asked  bool   `json:"asked,omitempty"`
}

// Reasons for a post in the war room.
const (
	SayResolved = "resolved" // with a summary
	SayClosed   = "closed"   // with root cause and what was done
	SayReopened = "reopened"
	SayUpdate   = "update" // a status update
	SayNudge    = "nudge"  // a status update is due
)

// say posts in the war room, if this incident has one of its own.
func (a *change) say(reason, suffix string, n int, asked bool) {
	if a.inc.Room == nil || a.inc.Room.Chat == "" {
		return
	}
	e := effect(a.inc.ID, KindRoomSay, Once, "", reason+"/"+suffix)
	e.Lane = a.inc.ID.String() + "/room.say" // who is to be added does not wait for it
	if !asked {
		e.Lane += "/unasked" // it may have to wait for minutes
	}
	a.effects = append(a.effects, e.with(SayData{Reason: reason, N: n, Asked: asked}))
}

// sumUp tells the room what has become of its incident.
func (a *change) sumUp() {
	inc := a.inc
	episode := itoa(inc.Episode)
	switch {
	case inc.Episode > a.was.episode && inc.Active():
		a.say(SayReopened, episode, 0, false)
	case inc.Status == a.was.status:
	case inc.Status == Resolved:
		a.say(SayResolved, episode, 0, true)
	case inc.Status == Closed:
		a.say(SayClosed, episode, 0, true)
	}
}

// openRoom is a person's word about the room.
func (a *change) openRoom() error {
	args := &a.cmd.Args
	r := a.inc.Room
	switch args.Op {
	case "", RoomOpOpen:
		return a.askRoom(false)
	case RoomOpSplit:
		if r == nil || r.State != RoomShared {
			return a.unchanged()
		}
		a.event(EvRoomSplit, "", map[string]string{"with": r.With.String()})
		return a.askRoom(true)
	case RoomOpAdd, RoomOpJoin:
		return a.addToRoom()
	case RoomOpRename:
		name := Line(args.Name)
		if name == "" {
			return invalid("name", "name_missing", "Say what the room shall be called.")
		}
		if err := short("name", name, maxRoomName); err != nil {
			return err
		}
		if err := a.hasRoom(); err != nil {
			return err
		}
		if r.Name == name {
			return a.unchanged()
		}
		r.Name, r.Fixed = name, false
		a.event(EvRoomNamed, "", map[string]string{"name": name})
		a.syncRoom()
		return nil
	}
	return invalid("op", "unknown_op", "There is no %q here: open, add, join, rename or split.", Clip(Line(args.Op), 40)).With("op", Clip(Line(args.Op), 40))
}

// askRoom opens the room without waiting for the hold. Asking again where it
// could not be opened tries again.
func (a *change) askRoom(own bool) error {
	inc := a.inc
	if !inc.Active() {
		return conflict("room_over", "%s is %s: a war room is opened while it is open.", inc.ID, inc.Status).
			With("id", inc.ID.String()).With("status", string(inc.Status))
	}
	r := inc.Room
	if r != nil && !own && (r.State == RoomOpen || r.State == RoomOpening || r.State == RoomShared) {
		return a.unchanged()
	}
	if r == nil {
		r = &Room{}
		inc.Room = r
	}
	if r.Chat == "" {
		r.URL = "" // of the other's room
	}
	r.State, r.AskedBy, r.Reason, r.With, r.TriedAt = RoomAsked, a.cmd.Actor, "", 0, Stamp{}
	r.Own = r.Own || own
	n := a.event(EvRoomAsked, "", nil).N
	e := effect(inc.ID, KindRoom, Once, "", "asked/"+itoa(n))
	e.Urgent = true
	a.effects = append(a.effects, e)
	return nil
}

// hasRoom is nil where the incident has a room of its own that can be changed.
func (a *change) hasRoom() error {
	switch r := a.inc.Room; {
	case r == nil || r.State == RoomNone || r.State == RoomThread:
		return conflict("no_room", "%s has no war room. Open one first: room %s", a.inc.ID, a.inc.ID).With("id", a.inc.ID.String())
	case r.State == RoomShared:
		return conflict("shared_room", "%s uses the war room of %s: say it there.", a.inc.ID, r.With).With("id", a.inc.ID.String()).With("with", r.With.String())
	}
	return nil
}

// addToRoom puts a person into the room; who was missing is tried again.
func (a *change) addToRoom() error {
	if err := a.hasRoom(); err != nil {
		return err
	}
	who := a.cmd.Args.Person
	if a.cmd.Args.Op == RoomOpJoin {
		who = &a.cmd.Actor
	}
	if who == nil || who.ID == "" {
		return invalid("person", "person_missing", "Say whom, like @Ani or ani@example.com.")
	}
	p := a.f.Person(*who)
	if a.inc.Private && !a.inc.Visible(p) {
		return conflict("not_member", "%s is no member of %s: add them with member add first.", p.Label(), a.inc.ID).
			With("id", a.inc.ID.String()).With("person", p.Label())
	}
	if len(a.inc.Room.People) >= maxRoomPeople {
		return conflict("room_full", "The war room is full: Teams takes at most %d people.", maxRoomPeople)
	}
	list := a.inc.Room.People
	i := slices.IndexFunc(list, func(q RoomPerson) bool { return q.Person.Is(p) })
	switch {
	case i < 0:
		a.inc.Room.People = append(list, RoomPerson{Person: p, Part: PartAsked, State: PersonWanted})
	case list[i].State == PersonWanted:
		return a.unchanged()
	default: // whoever left and asks for it is added again
		if list[i].State == PersonInvited {
			list[i].Part = PartAsked // the number of people does not count for them any more
		}
		list[i].State, list[i].Reason = PersonWanted, ""
	}
	a.event(EvRoomJoined, "", map[string]string{"person": p.Label()})
	if a.inc.Room.Chat != "" {
		a.syncRoom()
	}
	return nil
}

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
	a.pageStandby(level)
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
	if !slices.Contains(r.Sharers, c.With) {
		r.Sharers, a.marked, a.quiet = append(r.Sharers, c.With), true, false
	}
	if r.merge(c.People) {
		a.marked, a.quiet = true, false
	}
	if r.State == RoomNone && inc.Active() {
		r.State = RoomAsked
		e := effect(inc.ID, KindRoom, Once, "", "for/"+c.With.String()+"/"+itoa(inc.Episode))
		e.Urgent = true
		a.effects = append(a.effects, e)
	} else if r.Chat != "" && r.Pending() {
		a.syncRoom()
	}
	return nil
}

// peopleStep takes over who is who. Roles that were resolved are replaced by
// their holders; who can't be added is named.
func (a *change) peopleStep(r *Room, c *RoomChange) {
	resolved := map[string]bool{}
	for _, p := range c.People {
		resolved[p.Part] = true
		i := slices.IndexFunc(r.People, p.Is)
		if p.State == PersonMissing && (i < 0 || r.People[i].State != PersonMissing || r.People[i].Reason != p.Reason) {
			who := p.Person.Label()
			if who == "" {
				who = p.Part
			}
			a.event(EvRoomMissing, Clip(Line(p.Reason), MaxTitle), map[string]string{"person": who})
		}
	}
	people := slices.DeleteFunc(slices.Clone(r.People), func(p RoomPerson) bool {
		return p.Person.IsZero() && p.State == PersonWanted && resolved[p.Part]
	})
	was := r.clone()
	r.People = people
	r.merge(c.People)
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
	a.syncRoom() // the incident has gone on meanwhile
}

// shareStep says whose room serves, and its link once that is open.
func (a *change) shareStep(r *Room, c *RoomChange) {
	if r.Usable() || r.Own || r.State == RoomNone {
		return // it has one of its own by now, or needs none any more
	}
	if r.State == RoomShared && r.With == c.With && (c.URL == "" || r.URL == c.URL) {
		return
	}
	if r.State != RoomShared || r.With != c.With {
		a.event(EvRoomShared, "", map[string]string{"with": c.With.String()})
	}
	r.State, r.With, r.URL, r.Reason, a.quiet = RoomShared, c.With, c.URL, "", false
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
