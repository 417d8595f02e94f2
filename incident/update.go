package incident

import (
	"strings"
	"time"
)

// StatusUpdate is what people are told about how it stands.
type StatusUpdate struct {
	Customers string    `json:"customers,omitempty"` // what customers see
	Doing     string    `json:"doing,omitempty"`     // what is being done
	Next      time.Time `json:"next,omitzero"`       // when there will be more
	By        Actor     `json:"by"`
	At        time.Time `json:"at"`
	N         int       `json:"n"` // number of its timeline entry
}

// Reminders is when somebody is reminded that a status update is due.
type Reminders struct {
	Next time.Time `json:"next,omitzero"` // zero: never
	Off  bool      `json:"off,omitempty"` // a person does not want any
}

// Reminding is the configuration of reminders.
type Reminding struct {
	// Every is how long an open incident of a level may be without a status
	// update, by the level's key. Levels that open a room and are not named have
	// defaultUpdateEvery; 0 turns it off.
	Every map[string]time.Duration
	// RCA is how long after the end of an incident its RCA is overdue. 0 means
	// DefaultRCAWithin.
	RCA time.Duration
}

// Defaults of Reminding.
const (
	defaultUpdateEvery = 30 * time.Minute
	DefaultRCAWithin   = 5 * 24 * time.Hour
)

// EveryOf returns how long an open incident of this level may be without a
// status update; 0: for ever.
func (r Reminding) EveryOf(level Level) time.Duration {
	if d, ok := r.Every[level.Key]; ok {
		return d
	}
	if level.Room {
		return defaultUpdateEvery
	}
	return 0
}

// Bounds of what people may ask for.
const (
	maxSnooze     = 24 * time.Hour
	maxNextUpdate = 7 * 24 * time.Hour
	defaultSnooze = 30 * time.Minute
)

// Operations of Remind.
const (
	RemindWorking   = "working"   // nothing new, and somebody is on it
	RemindMitigated = "mitigated" // customers are well again
	RemindHelp      = "help"      // Args.Person or Args.Role is needed
	RemindSnooze    = "snooze"    // for Args.For
	RemindStop      = "stop"
	RemindStart     = "start"
)

// report is a status update.
func (a *change) report() error {
	args := &a.cmd.Args
	doing, customers := strings.TrimSpace(args.Text), strings.TrimSpace(args.Customers)
	if doing == "" && customers == "" {
		return invalid("text", "update_missing", "Say how it stands: what customers see, or what is being done.")
	}
	if err := short("text", doing, MaxText); err != nil {
		return err
	}
	if err := short("customers", customers, MaxText); err != nil {
		return err
	}
	level, _ := a.f.Levels.Get(a.inc.Level)
	next := args.NextUpdate.UTC()
	switch every := a.f.Remind.EveryOf(level); {
	case args.NextUpdate.IsZero():
		next = time.Time{}
		if every > 0 && a.inc.Active() {
			next = a.now.UTC().Add(every).Truncate(time.Minute)
		}
	case !next.After(a.now):
		return invalid("next_update", "past_time", "The next update must be in the future.")
	case next.After(a.now.Add(maxNextUpdate)):
		return invalid("next_update", "far_time", "The next update must be within a week.")
	}
	data := map[string]string{}
	if customers != "" {
		data["customers"] = customers
	}
	if !next.IsZero() {
		data["next"] = next.Format(time.RFC3339)
	}
	n := a.event(EvUpdate, doing, data).N
	a.inc.Update = &StatusUpdate{Customers: customers, Doing: doing, Next: next, By: a.cmd.Actor, At: a.at, N: n}
	a.inc.Reminders.Next = next
	a.spreadUpdate(n)
	return nil
}

// spreadUpdate tells the broadcast channel, the room and those who asked for it.
func (a *change) spreadUpdate(n int) {
	inc := a.inc
	suffix := itoa(n)
	a.say(SayUpdate, suffix, n, true)
	talk := -1 // the thread that serves for want of a room
	if r := inc.Room; r != nil && r.State == RoomThread {
		talk = firstPlace(inc.Cards)
	}
	for i, target := range inc.Cards {
		if !inc.Private && (target == a.f.Route.Broadcast || i == talk) {
			e := effect(inc.ID, KindReply, Once, target, ReplyUpdate+"/"+suffix)
			a.effects = append(a.effects, e.with(ReplyData{Reason: ReplyUpdate, By: a.cmd.Actor, Text: Clip(inc.Update.Doing, MaxTitle), Level: inc.Level}))
		}
	}
	for _, who := range inc.audience() {
		a.tell(who, DirectUpdate, suffix, n)
	}
}

// audience is who is told of updates: subscribers, and those whom the room had
// no place for.
func (inc *Incident) audience() []Actor {
	var out []Actor
	add := func(p Actor) {
		if p.Kind != KindUser || p.ID == "" || !inc.Visible(p) {
			return
		}
		for _, q := range out {
			if q.Is(p) {
				return
			}
		}
		out = append(out, p)
	}
	for _, p := range inc.Subscribers {
		add(p)
	}
	if inc.Room != nil {
		for _, p := range inc.Room.People {
			if p.State == PersonInvited {
				add(p.Person)
			}
		}
	}
	return out
}

// DirectData is the data of a KindDirect effect: the reason decides the text.
type DirectData struct {
	Person Actor  `json:"person"`
	Reason string `json:"reason"`      // DirectUpdate, …
	N      int    `json:"n,omitempty"` // number of the timeline entry that it is about
	By     Actor  `json:"by,omitzero"`
}

// Reasons to tell one person something.
const (
	DirectUpdate    = "update"    // a status update
	DirectCommander = "commander" // they are the commander now
	DirectScribe    = "scribe"    // they are the scribe now
	DirectRelieved  = "relieved"  // somebody else is the commander now
	DirectReplaced  = "replaced"  // somebody else is the scribe now
	DirectInvited   = "invited"   // the room is open, and they may join
	DirectHelp      = "help"      // somebody needs them
)

// tell has one person told something, in their 1:1 chat or else by mail.
func (a *change) tell(who Actor, reason, suffix string, n int) {
	if who.Kind != KindUser || who.ID == "" || !a.inc.Visible(who) || who.Is(a.cmd.Actor) {
		return
	}
	e := effect(a.inc.ID, KindDirect, Once, "", who.ID+"/"+reason+"/"+suffix)
	e.Lane = a.inc.ID.String() + "/direct/" + who.ID
	a.effects = append(a.effects, e.with(DirectData{Person: who, Reason: reason, N: n, By: a.cmd.Actor}))
}

// subscribe has a person told of status updates, or no longer.
func (a *change) subscribe() error {
	who := a.cmd.Actor
	if p := a.cmd.Args.Person; p != nil && p.ID != "" {
		who = a.f.Person(*p)
	}
	if who.Kind != KindUser {
		return invalid("person", "person_missing", "Say who, like @Ani or ani@example.com.")
	}
	if !who.Is(a.cmd.Actor) && a.cmd.Role != RoleAdmin && a.cmd.Role != RoleResponder {
		return forbidden(Subscribe, "viewer", "You may read, but not %s: guests and viewers read only.")
	}
	if a.inc.Private && !a.inc.Visible(who) {
		return notMember(a.inc.ID, who)
	}
	at := -1
	for i, p := range a.inc.Subscribers {
		if p.Is(who) {
			at = i
		}
	}
	data := map[string]string{"person": who.Label()}
	switch {
	case a.cmd.Args.Remove == (at < 0):
		return a.unchanged()
	case a.cmd.Args.Remove:
		a.inc.Subscribers = append(a.inc.Subscribers[:at:at], a.inc.Subscribers[at+1:]...)
		a.event(EvUnsubscribed, "", data)
	case len(a.inc.Subscribers) >= maxSubscribers:
		return tooMany(a.inc.ID, "too_many_subscribers", maxSubscribers, "%s has %d subscribers already. Read its updates where its card is, or have somebody end theirs: unsubscribe %[1]s")
	default:
		a.inc.Subscribers = append(a.inc.Subscribers, who)
		a.event(EvSubscribed, "", data)
	}
	a.quiet = true
	return nil
}
