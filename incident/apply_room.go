package incident

import (
	"slices"
)

// Operations of OpenRoom.
const (
	RoomOpOpen   = "open"   // the default
	RoomOpAdd    = "add"    // Args.Person, and Args.People
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
	called := a.callParts(level)
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
		renamed := inc.Level != a.was.level || inc.Status != a.was.status || inc.Title != a.was.title || inc.ServiceName != a.was.service || inc.Private != a.was.private
		if renamed || called || inc.Room.Pending() && !a.was.pending {
			a.syncRoom()
		}
		a.sumUp()
	case inc.Room != nil && inc.Room.State == RoomShared:
		a.sumUp()
	}
}

// callParts wants those in the room who have got a part in the incident since it
// was begun, and reports whether there are any: newcomers, members of a private
// incident, and everybody else once it is public, or of a level that
// opens rooms, for which those on standby are woken. Of one that has become
// private nobody is added who may not know of it.
func (a *change) callParts(level Level) bool {
	inc, r := a.inc, a.inc.Room
	if r == nil {
		return false
	}
	if inc.Private && !a.was.private {
		r.People = slices.DeleteFunc(r.People, func(p RoomPerson) bool {
			return p.State != PersonIn && p.State != PersonLeft && !inc.Visible(p.Person)
		})
		if r.State == RoomShared { // the other's room is not for it any more
			r.State, r.With, r.URL = RoomNone, 0, ""
			r.renew()
		}
	}
	who := a.newcomers()
	old, _ := a.f.Levels.Get(a.was.level)
	raised, public := !old.Room && a.wantsRoom(level), a.was.private && !inc.Private
	if begun := r.Chat != "" || r.State != RoomAsked && r.State != RoomNone; begun && inc.Active() {
		switch {
		case raised || public:
			a.pageStandby(level, "standby/"+level.Key)
		case inc.Episode > a.was.episode: // it was over before all of them were woken
			a.pageStandby(level, a.standbySuffix())
		}
	}
	r.Private = r.Private && !public
	if r.State == RoomShared && !inc.Private {
		for _, p := range who {
			a.joinHost(p.Person, p.Part, p.Part+"/"+itoa(inc.Events)+"/"+p.Person.ID)
		}
		return false
	}
	if r.State != RoomOpening && r.State != RoomOpen {
		return false // it is not begun: who belongs into it is seen then
	}
	if inc.Active() && (raised || public || inc.Private && (len(inc.Members) > a.was.members || inc.Episode > a.was.episode)) {
		who = append(who, a.needs(level)...)
	}
	return r.merge(who)
}

// newcomers are those who have got a part in the incident by this command:
// commander, scribe, whoever has acknowledged it, and whom the pager calls now.
// Whoever came to mend it is not kept out by the number of people.
func (a *change) newcomers() []RoomPerson {
	inc := a.inc
	var out []RoomPerson
	add := func(who Actor, part string) {
		who = a.f.Person(who)
		if who.Kind == KindUser && who.ID != "" && inc.Visible(who) && !a.outgrown(who) {
			out = append(out, RoomPerson{Person: who, Part: part, State: PersonWanted, Asked: true})
		}
	}
	if !inc.Commander.Is(a.was.commander) {
		add(inc.Commander, PartCommander)
	}
	if !inc.Scribe.Is(a.was.scribe) {
		add(inc.Scribe, PartScribe)
	}
	if !inc.Active() {
		return out
	}
	if !inc.AcknowledgedBy.Is(a.was.acked) {
		add(inc.AcknowledgedBy, PartResponder)
	}
	for _, p := range inc.Responders {
		if !slices.ContainsFunc(a.was.called, p.Is) {
			add(p, PartResponder)
		}
	}
	return out
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
	key.Lane = a.inc.ID.String() + "/" + KindRoomSync // a call that can't be made holds nobody up
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
	SayResolved  = "resolved" // with a summary
	SayClosed    = "closed"   // with root cause and what was done
	SayReopened  = "reopened"
	SayUpdate    = "update"    // a status update
	SayNudge     = "nudge"     // a status update is due
	SayCommander = "commander" // there is a new one
)

// say posts in the war room, if this incident has one, or uses another's. There
// only what a person has done is news that does not wait.
func (a *change) say(reason, suffix string, n int, asked bool) {
	switch r := a.inc.Room; {
	case r == nil || r.Chat == "" && r.State != RoomShared:
		return
	case r.State == RoomShared && (a.inc.Private || a.inc.Imported):
		return // that room is none of its own
	case r.State == RoomShared:
		asked = asked && a.cmd.Actor.Kind == KindUser
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
		r.renew()
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
		return conflict("no_room", "%s has no war room. Open one first: room %s", a.inc.ID, a.inc.ID).With("id", a.inc.ID.String()).With("prefix", "")
	case r.State == RoomShared:
		return conflict("shared_room", "%s uses the war room of %s: say it there.", a.inc.ID, r.With).With("id", a.inc.ID.String()).With("with", r.With.String())
	}
	return nil
}

// JoinData is the data of a KindRoomSync effect that brings a person into the
// room that the incident uses: whose that is is seen when it runs.
type JoinData struct {
	Person Actor  `json:"person"`
	Part   string `json:"part,omitempty"` // why they belong there; empty: somebody asked for them, also if they have left
}

// joinHost brings a person into the other incident's room.
func (a *change) joinHost(who Actor, part, suffix string) {
	e := effect(a.inc.ID, KindRoomSync, Once, "", "join/"+suffix)
	e.Lane = a.inc.ID.String() + "/" + KindRoomSync
	a.effects = append(a.effects, e.with(JoinData{Person: who, Part: part}))
}

// addToRoom puts a person into the room; who was missing is tried again.
func (a *change) addToRoom() error {
	shared := a.inc.Room != nil && a.inc.Room.State == RoomShared
	if err := a.hasRoom(); err != nil && !shared {
		return err
	}
	who := slices.Clone(a.cmd.Args.People)
	switch p := a.cmd.Args.Person; {
	case a.cmd.Args.Op == RoomOpJoin:
		who = []Actor{a.cmd.Actor}
	case p != nil:
		who = append([]Actor{*p}, who...)
	}
	if len(who) == 0 || slices.ContainsFunc(who, func(p Actor) bool { return p.ID == "" }) {
		return invalid("person", "person_missing", "Say who, like @Ani or ani@example.com.")
	}
	for _, p := range who {
		if err := a.addPerson(a.f.Person(p), shared); err != nil {
			return err
		}
	}
	if len(a.events) == 0 {
		return a.unchanged()
	}
	if a.inc.Room.Chat != "" {
		a.syncRoom()
	}
	return nil
}

func (a *change) addPerson(p Actor, shared bool) error {
	if a.inc.Private && !a.inc.Visible(p) {
		return notMember(a.inc.ID, p)
	}
	if shared {
		n := a.event(EvRoomJoined, "", map[string]string{"person": p.Label()}).N
		a.joinHost(p, "", itoa(n))
		return nil
	}
	list := a.inc.Room.People
	i := slices.IndexFunc(list, func(q RoomPerson) bool { return q.Person.Is(p) })
	switch {
	case i < 0 && len(list) >= maxRoomPeople:
		return conflict("room_full", "The war room is full: Teams takes at most %d people. Subscribe them to status updates instead: subscribe %s %s", maxRoomPeople, a.inc.ID, p.ID).
			With("id", a.inc.ID.String()).With("who", p.ID).With("prefix", "")
	case i < 0:
		a.inc.Room.People = append(list, RoomPerson{Person: p, Part: PartAsked, State: PersonWanted, Asked: true})
	case list[i].State == PersonWanted && list[i].Asked:
		return nil
	default: // whoever left and asks for it is added again
		list[i].State, list[i].Reason, list[i].Asked = PersonWanted, "", true
	}
	a.event(EvRoomJoined, "", map[string]string{"person": p.Label()})
	return nil
}
