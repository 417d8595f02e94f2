package incident

import (
	"cmp"
	"slices"
	"time"
)

// States of a war room.
const (
	RoomAsked   = "asked"   // it will be opened, at once or when the hold is over
	RoomOpening = "opening" // its steps are being done
	RoomOpen    = "open"
	RoomShared  = "shared" // another incident's room serves: Room.With
	RoomThread  = "thread" // there can't be one: the thread of a card serves
	RoomNone    = "none"   // it was over before the room was opened
)

// Room is the war room of an incident: one group chat, made once and used again
// when the incident is reopened. What is recorded here is what was done, so that
// whoever takes over knows where to go on.
type Room struct {
	State   string `json:"state"`
	With    ID     `json:"with,omitempty"`     // RoomShared: whose room it is
	Sharers []ID   `json:"sharers,omitempty"`  // incidents that use this room
	Own     bool   `json:"own,omitempty"`      // a person said that it does not use another's
	AskedBy Actor  `json:"asked_by,omitzero"`  // zero: the level did
	Reason  string `json:"reason,omitempty"`   // RoomThread: why there is no room, in words; RoomOpening: why it takes so long
	Chat    string `json:"chat,omitempty"`     // id of the conversation, once it is made
	URL     string `json:"url,omitempty"`      // opens it in Teams; of RoomShared: the room of With
	Topic   string `json:"topic,omitempty"`    // as it was last set
	Fixed   bool   `json:"fixed,omitempty"`    // imbot may not change its topic
	Name    string `json:"name,omitempty"`     // a person's own name for it
	Private bool   `json:"private,omitempty"`  // it was made for members of the private incident only
	Meeting string `json:"meeting,omitempty"`  // link of its call
	Call    bool   `json:"call,omitempty"`     // the step that makes the call was done, whatever came of it
	Ready   bool   `json:"ready,omitempty"`    // imbot is in it
	Chats   int    `json:"chats,omitempty"`    // how many there may be: above 1 after lost answers
	TriedAt Stamp  `json:"tried_at,omitzero"`  // a chat was asked for, and it is not known what came of it
	OpenAt  Stamp  `json:"opened_at,omitzero"` //
	SaidAt  Stamp  `json:"said_at,omitzero"`   // when imbot last posted something unasked

	People []RoomPerson `json:"people,omitempty"`
}

// States of a person of a room.
const (
	PersonWanted  = "wanted"  // is to be added
	PersonIn      = "in"      // is in it
	PersonLeft    = "left"    // was in it: is added again only if somebody asks for it
	PersonMissing = "missing" // can't be added: RoomPerson.Reason
	PersonInvited = "invited" // beyond the number of people with whom calls work: may join by the button
)

// Parts in an incident, beside the roles of standby such as "dba".
const (
	PartCommander   = "commander"
	PartScribe      = "scribe"
	PartOwner       = "owner"
	PartDeclarer    = "declarer"
	PartResponder   = "responder" // whom the pager has assigned, or who has acknowledged
	PartStakeholder = "stakeholder"
	PartMember      = "member" // of a private incident
	PartAsked       = "asked"  // somebody wanted them
	PartCame        = "came"   // somebody added them in Teams
	PartSquad       = "squad:" // and the squad's key: who is on call there
)

// RoomPerson is one who belongs into a room, or a role whose holder does.
type RoomPerson struct {
	Person  Actor  `json:"person,omitzero"`   // zero for a role that is not resolved yet
	Part    string `json:"part"`              // PartOwner, …, or a role of standby
	Service string `json:"service,omitempty"` // name of that of the incident, if not this one, in which they have the part
	State   string `json:"state"`
	Asked   bool   `json:"asked,omitempty"`  // somebody wanted them in it, or they mend it: the number of people does not count for them
	Reason  string `json:"reason,omitempty"` // PersonMissing: why, in words
	Since   Stamp  `json:"since,omitzero"`   // of standby
	Until   Stamp  `json:"until,omitzero"`
}

// Is reports whether both are the same person, or the same unresolved role.
func (p RoomPerson) Is(q RoomPerson) bool {
	if p.Person.IsZero() || q.Person.IsZero() {
		return p.Person.IsZero() && q.Person.IsZero() && p.Part == q.Part
	}
	return p.Person.Is(q.Person)
}

func (r *Room) clone() *Room {
	if r == nil {
		return nil
	}
	c := *r
	c.Sharers, c.People = slices.Clone(r.Sharers), slices.Clone(r.People)
	return &c
}

// Usable reports whether people can be sent to the room.
func (r *Room) Usable() bool { return r != nil && r.State == RoomOpen && r.Chat != "" }

// Count returns how many people are in this state.
func (r *Room) Count(state string) int {
	n := 0
	for _, p := range r.People {
		if p.State == state {
			n++
		}
	}
	return n
}

// For reports whether a conversation is the room that was made for the members
// of a private incident, and nobody else was added to it since.
func (r *Room) For(inc *Incident, conversation string) bool {
	return r != nil && r.Private && r.Chat != "" && r.Chat == conversation && len(inc.Members) > 0 &&
		!slices.ContainsFunc(r.People, func(p RoomPerson) bool { return p.State == PersonIn && !inc.Visible(p.Person) })
}

// Strangers are those in the room of a private incident who are no members.
func (r *Room) Strangers(inc *Incident) []RoomPerson {
	if r == nil || !r.Private {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.People), func(p RoomPerson) bool { return p.State != PersonIn || inc.Visible(p.Person) })
}

// In reports whether a person is known to be in the room, and left whether they
// were and have gone.
func (r *Room) In(who Actor) (in, left bool) {
	if r == nil || who.IsZero() {
		return false, false
	}
	i := slices.IndexFunc(r.People, func(p RoomPerson) bool { return p.Person.Is(who) })
	return i >= 0 && r.People[i].State == PersonIn, i >= 0 && r.People[i].State == PersonLeft
}

// mirror takes over what has become of people in the room that serves this
// incident, too.
func (r *Room) mirror(theirs []RoomPerson) (changed bool) {
	for i := range r.People {
		p := &r.People[i]
		j := slices.IndexFunc(theirs, func(q RoomPerson) bool { return !p.Person.IsZero() && q.Person.Is(p.Person) })
		if j >= 0 && (p.State != theirs[j].State || p.Reason != theirs[j].Reason) {
			p.State, p.Reason, changed = theirs[j].State, theirs[j].Reason, true
		}
	}
	return changed
}

// renew makes everybody wanted again, for another room.
func (r *Room) renew() {
	for i := range r.People {
		r.People[i].State, r.People[i].Reason = PersonWanted, ""
	}
}

// Pending reports whether somebody is to be added.
func (r *Room) Pending() bool { return r.Count(PersonWanted) > 0 }

// merge takes over what is known of people. A person keeps the first part that
// they were added for; what is known of somebody who is in does not change.
// Whoever comes when the list is full, as in a flood of incidents that share the
// room, is left out: Teams would not take them.
func (r *Room) merge(people []RoomPerson) (changed bool) {
	for _, p := range people {
		i := slices.IndexFunc(r.People, p.Is)
		if i < 0 {
			if len(r.People) < maxListed {
				r.People, changed = append(r.People, p), true
			}
			continue
		}
		q := &r.People[i]
		p.Part, p.Service, p.Asked = q.Part, q.Service, q.Asked || p.Asked
		if q.State != PersonIn && q.State != PersonLeft && *q != p {
			*q, changed = p, true
		}
	}
	return changed
}

// identify says who it is that was known by the pager's name only.
func (r *Room) identify(unknown, who Actor) {
	i := slices.IndexFunc(r.People, RoomPerson{Person: unknown}.Is)
	if i < 0 || unknown.Is(who) || r.People[i].State == PersonIn || r.People[i].State == PersonLeft {
		return
	}
	part := r.People[i].Part
	r.People = slices.Delete(r.People, i, i+1)
	if !slices.ContainsFunc(r.People, RoomPerson{Person: who}.Is) {
		r.People = append(r.People, RoomPerson{Person: who, Part: part, State: PersonWanted})
	}
}

// needs is who belongs into the room of an incident: those who can mend it
// first, those who only want to know last. Roles of standby are resolved later,
// by whoever can ask.
func (a *change) needs(level Level) []RoomPerson {
	var out []RoomPerson
	add := func(p RoomPerson) {
		p.State = PersonWanted
		if p.Person.ID != "" {
			p.Person = a.f.Person(p.Person)
		}
		if (p.Person.IsZero() || p.Person.Kind == KindUser) && len(out) < maxRoomPeople && !slices.ContainsFunc(out, p.Is) {
			out = append(out, p)
		}
	}
	person := func(who Actor, part string) {
		if who.ID != "" && a.inc.Visible(who) && !a.outgrown(who) {
			add(RoomPerson{Person: who, Part: part})
		}
	}
	mail := func(id, part string) { person(Actor{Kind: KindUser, ID: id}, part) }
	inc := a.inc
	person(inc.Commander, PartCommander)
	person(inc.Scribe, PartScribe)
	if inc.Private {
		for _, m := range inc.Members {
			person(m, PartMember)
		}
		return out
	}
	mail(a.f.Service.Owner, PartOwner)
	for _, role := range a.standby(level) {
		add(RoomPerson{Part: role})
	}
	if by := inc.AcknowledgedBy; inc.Visible(by) && !a.outgrown(by) && by.ID != "" {
		add(RoomPerson{Person: by, Part: PartResponder, Asked: true})
	}
	for _, p := range inc.Responders {
		person(p, PartResponder)
	}
	for _, p := range inc.Pages {
		if p.State != PageFailed && p.State != PageElsewhere {
			person(p.Person, cmp.Or(p.Role, PartAsked))
		}
	}
	person(inc.DeclaredBy, PartDeclarer)
	for _, id := range a.f.Service.Stakeholders {
		mail(id, PartStakeholder)
	}
	return out
}

// standby is which roles are needed: those of the service, else those of the
// level, and whoever is on call for the squad.
func (a *change) standby(level Level) []string {
	roles := slices.Clone(a.f.Service.Standby)
	if len(roles) == 0 {
		roles = slices.Clone(a.f.Notice(level.Key).Page)
	}
	if a.f.Squad.OnCall {
		roles = append(roles, PartSquad+a.inc.Squad)
	}
	return roles
}

// RoomChange is the argument of RoomStep: one step, with what came of it.
type RoomChange struct {
	Step   string
	With   ID           // RoomShare, RoomAlone: whose room serves, or was to; RoomLend: for whom
	People []RoomPerson // RoomPeople, RoomLend, RoomMade: what is known of them now; RoomShare: of those in that room; RoomCame, RoomLeft: who
	Chat   string       // RoomMade
	URL    string       // RoomMade, RoomCall; RoomShare: of that room, once it is open
	Topic  string       // RoomTried, RoomMade, RoomTopic
	Reason string       // RoomRefused, RoomLate: why; RoomTopic: why it can't be changed
	Tried  time.Time    // RoomTried: when; zero takes the mark away, for it is known that no chat was made
}

// Steps of a war room, in their order.
const (
	RoomBegin   = "begin"   // it is time to open it
	RoomShare   = "share"   // use the room of With
	RoomAlone   = "alone"   // the room of With, which was to serve, will not be opened
	RoomLend    = "lend"    // let With use this one, and open it if need be
	RoomPeople  = "people"  // who is who: roles are resolved, people found or not, added or not
	RoomTried   = "tried"   // the chat is about to be asked for
	RoomMade    = "made"    // there is a chat
	RoomReady   = "ready"   // imbot is in it
	RoomCall    = "call"    // there is a call, or there can't be
	RoomOpened  = "opened"  // all is done
	RoomTopic   = "topic"   // the topic was set
	RoomRefused = "refused" // there can't be a room: a thread serves
	RoomLate    = "late"    // it takes long: a thread serves until it is there
	RoomSaid    = "said"    // imbot has posted in it
	RoomCame    = "came"    // Teams tells that people are in it
	RoomLeft    = "left"    // and that they are no more
)
