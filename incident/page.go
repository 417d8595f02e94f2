package incident

import (
	"slices"
	"strings"
	"time"
)

// States of a page.
const (
	PageWaiting  = "waiting"  // is about to be sent
	PageSent     = "paged"    // the pager has it
	PageAnswered = "answered" // the person is on it
	PageDeclined = "declined" //
	PageSilent   = "silent"   // no answer in time: the next one is woken
	PageFailed   = "not_paged"
)

// Paged is one person who was woken, or is about to be. A chat wakes nobody:
// the pager does.
type Paged struct {
	Person Actor     `json:"person,omitzero"` // zero: nobody was found for the role
	Role   string    `json:"role,omitempty"`  // why them: "dba", "squad:payments"; empty: somebody named them
	By     Actor     `json:"by,omitzero"`     // who wanted it; zero: the level
	Reason string    `json:"reason,omitempty"`
	State  string    `json:"state"`
	Detail string    `json:"detail,omitempty"` // PageFailed: why, in words
	At     time.Time `json:"at"`               // of the state
	Ref    string    `json:"ref,omitempty"`    // the pager's incident that was made for it
}

// PageData is the data of a KindPage effect: find who is on standby for the
// roles.
type PageData struct {
	Roles  []string `json:"roles,omitempty"`
	After  Actor    `json:"after,omitzero"` // whoever comes after this one, who has not answered
	Reason string   `json:"reason,omitempty"`
	By     Actor    `json:"by,omitzero"`
}

// WakeData is the data of KindWake and KindWaited effects.
type WakeData struct {
	Person Actor  `json:"person"`
	Role   string `json:"role,omitempty"`
	Reason string `json:"reason,omitempty"`
	By     Actor  `json:"by,omitzero"`
}

// PageChange is the argument of PageStep: what became of waking somebody.
type PageChange struct {
	Step  string
	Found []Paged   // PageFound: Person and Role; without a person, Detail says why nobody was found
	Who   Actor     // all others: whom it is about
	Role  string    // PageFound: that was asked for
	Ref   string    // PageDone: the pager's incident that was made
	Why   string    // PageRefused: in words
	Until time.Time // PageDone: how long they have to answer
	By    Actor     // PageFound: who wanted it
	Note  string    // PageFound: the reason
}

// Steps of a page.
const (
	PageFound   = "found"    // who is on standby
	PageDone    = "done"     // the pager wakes them
	PageRefused = "refused"  // it can't
	PageReply   = "answered" // they have accepted
	PageNo      = "declined" // they have not
	PageWaited  = "waited"   // the time to answer is over
)

// PageWait is how long whoever is woken has to answer before the next one is.
const PageWait = 5 * time.Minute

// paged returns the newest page of a person.
func (inc *Incident) paged(who Actor) *Paged {
	for i := len(inc.Pages) - 1; i >= 0; i-- {
		if inc.Pages[i].Person.Is(who) {
			return &inc.Pages[i]
		}
	}
	return nil
}

// maxPages bounds how many pages an incident remembers.
const maxPages = 100

// pageStandby wakes whoever is on standby, once for each incident: when its room
// is opened, or when a person has declared it at a level that opens one.
func (a *change) pageStandby(level Level) {
	roles := slices.Clone(a.f.Service.Standby)
	if len(roles) == 0 {
		roles = slices.Clone(a.f.Notice(level.Key).Page)
	}
	if _, known := a.inc.AlertRef(); !known && a.f.Squad.OnCall {
		roles = append(roles, PartSquad+a.inc.Squad) // the pager has woken nobody yet
	}
	if len(roles) == 0 || len(a.f.Notice(level.Key).Page) == 0 {
		return
	}
	e := effect(a.inc.ID, KindPage, Once, "", "standby")
	e.Urgent = true
	a.effects = append(a.effects, e.with(PageData{Roles: roles}))
}

// pages wakes people where a person has declared that a service is down, and
// sees who has answered by acknowledging.
func (a *change) pages(level Level) {
	if a.was.created && a.cmd.Verb == Declare && a.wantsRoom(level) {
		a.pageStandby(level)
	}
	if by := a.inc.AcknowledgedBy; a.inc.Active() && !by.IsZero() {
		if p := a.inc.paged(by); p != nil && (p.State == PageSent || p.State == PageWaiting || p.State == PageSilent) {
			p.State, p.At = PageAnswered, a.at
		}
	}
}

// wakePrefix begins the keys of incidents that are made in the pager to wake
// somebody.
const wakePrefix = "imbot/"

// WakeKey is the key under which the pager wakes a person for an incident. What
// the pager says about an incident of such a key is about that page.
func WakeKey(id ID, who Actor) string { return Clip(wakePrefix+id.String()+"/"+who.ID, 255) }

// ParseWakeKey returns which incident and person a key of WakeKey is about.
func ParseWakeKey(key string) (id ID, who Actor, ok bool) {
	rest, ours := strings.CutPrefix(key, wakePrefix)
	number, person, named := strings.Cut(rest, "/")
	if !ours || !named || person == "" || !strings.HasPrefix(number, "INC-") {
		return 0, Actor{}, false
	}
	id, err := ParseID(number)
	return id, Actor{Kind: KindUser, ID: Line(person)}, err == nil
}
