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

	PageElsewhere = "elsewhere" // is called for another incident, whose room serves this one: Paged.Detail
)

// Paged is one person who was woken, or is about to be. A chat wakes nobody:
// the pager does.
type Paged struct {
	Person Actor     `json:"person,omitzero"` // zero: nobody was found for the role
	Role   string    `json:"role,omitempty"`  // why them: "dba", "squad:payments"; empty: somebody named them
	Also   []string  `json:"also,omitempty"`  // further roles that they hold; never changed in place
	By     Actor     `json:"by,omitzero"`     // who wanted it; zero: the level
	Reason string    `json:"reason,omitempty"`
	State  string    `json:"state"`
	Detail string    `json:"detail,omitempty"` // PageFailed: why, in words; PageElsewhere: the other incident's id
	At     time.Time `json:"at"`               // of the state
	Ref    string    `json:"ref,omitempty"`    // the pager's incident that was made for it
	User   string    `json:"user,omitempty"`   // their id in the pager
	Again  int       `json:"again,omitempty"`  // how often they were woken for this incident before
	Round  int       `json:"round,omitempty"`  // number of the timeline entry by which a person asked for the role; 0: the level did
}

// PageData is the data of a KindPage effect: find who is on standby for the
// roles.
type PageData struct {
	Roles  []string `json:"roles,omitempty"`
	After  Actor    `json:"after,omitzero"` // whoever comes after this one, who has not answered
	Reason string   `json:"reason,omitempty"`
	By     Actor    `json:"by,omitzero"`
	Round  int      `json:"round,omitempty"` // see Paged
}

// WakeData is the data of KindWake and KindWaited effects.
type WakeData struct {
	Person Actor  `json:"person"`
	Role   string `json:"role,omitempty"`
	Reason string `json:"reason,omitempty"`
	By     Actor  `json:"by,omitzero"`
	Again  int    `json:"again,omitempty"` // see Paged
}

// PageOverData is the data of a KindPageOver effect.
type PageOverData struct {
	Ref string `json:"ref"` // the pager's incident
}

// PageChange is the argument of PageStep: what became of waking somebody.
type PageChange struct {
	Step  string
	Found []Paged // PageFound: Person and Role; without a person, Detail says why nobody was found
	Who   Actor   // all others: whom it is about
	Role  string  // PageFound: that was asked for
	Again int     // PageDone, PageRefused, PageWaited: which of their pages, see Paged
	Ref   string  // PageDone: the pager's incident that was made
	User  string  // PageDone: their id in the pager
	Why   string  // PageRefused: in words
	Next  bool    // PageRefused: whoever comes next may be reached
	By    Actor   // PageFound: who wanted it
	Note  string  // PageFound: the reason
	Round int     // PageFound: see Paged
	After bool    // PageFound: they come next, for somebody who does not
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

// Roles are all roles for which somebody is called: whoever comes next for each
// of them is woken where they do not come.
func (p *Paged) Roles() []string {
	if p.Role == "" {
		return nil
	}
	return append([]string{p.Role}, p.Also...)
}

// beeping reports whether somebody is being woken, and has not answered yet.
func (p *Paged) beeping() bool { return p.State == PageWaiting || p.State == PageSent }

// paged returns the newest page of a person, whom the pager may know by its own
// id only.
func (inc *Incident) paged(who Actor) *Paged {
	user, known := strings.CutPrefix(who.ID, "pd:")
	for i := len(inc.Pages) - 1; i >= 0; i-- {
		if p := &inc.Pages[i]; p.Person.Is(who) || known && user != "" && strings.EqualFold(p.User, user) {
			return p
		}
	}
	return nil
}

// Waking reports whether somebody is to be woken still: again is which of their
// pages, see Paged.
func (inc *Incident) Waking(who Actor, again int) bool {
	p := inc.paged(who)
	return p != nil && p.State == PageWaiting && p.Again == again
}

// InVain reports whether somebody was called for in this round, see Paged, and
// does not come; in round 0 every page counts.
func (inc *Incident) InVain(who Actor, round int) bool {
	p := inc.paged(who)
	return p != nil && (round == 0 || p.Round == round) && (p.State == PageSilent || p.State == PageDeclined || p.State == PageFailed && p.Detail != whyOver)
}

// Called reports whether somebody was called for the incident, by imbot or by the
// pager itself.
func (inc *Incident) Called(who Actor) bool {
	if p := inc.paged(who); p != nil {
		return p.State != PageFailed
	}
	return inc.AcknowledgedBy.Is(who) || slices.ContainsFunc(inc.Responders, who.Is)
}

// Woken reports whether a person was woken for the incident.
func (inc *Incident) Woken(who Actor) bool { return inc.paged(who) != nil }

// pageStandby wakes whoever is on standby, once for each incident: when its room
// is opened, or when a person has declared it at a level that opens one.
func (a *change) pageStandby(level Level, suffix string) {
	if page := a.f.Notice(level.Key).Page; page != nil && len(page) == 0 {
		return // the company does not want it
	}
	if a.inc.Private {
		return // who is no member must not even hear of it
	}
	roles := a.standby(level)
	if _, known := a.inc.AlertRef(); known { // the pager has woken the squad already
		roles = slices.DeleteFunc(roles, func(role string) bool { return role == PartSquad+a.inc.Squad })
	}
	if len(roles) == 0 {
		return
	}
	e := effect(a.inc.ID, KindPage, Once, "", suffix)
	e.Urgent = true
	a.effects = append(a.effects, e.with(PageData{Roles: roles}))
}

// standbySuffix has the level ask for people once in each episode: it may have been
// over before all of them were woken. Nobody is woken twice for that, see spared.
func (a *change) standbySuffix() string {
	if a.inc.Episode > 1 {
		return "standby/episode/" + itoa(a.inc.Episode)
	}
	return "standby"
}

// pages wakes people where a person has declared that a service is down, sees who
// has answered by acknowledging, and ends it when it is over.
func (a *change) pages(level Level) {
	if a.was.created && a.cmd.Verb == Declare && a.wantsRoom(level) {
		a.pageStandby(level, "standby")
	}
	if by := a.inc.AcknowledgedBy; a.inc.Active() && !by.IsZero() {
		if p := a.inc.paged(by); p != nil && (p.beeping() || p.State == PageSilent) {
			p.State, p.At = PageAnswered, a.at
		}
	}
	for i := range a.inc.Pages {
		if a.was.active && !a.inc.Active() {
			a.pageOver(&a.inc.Pages[i])
		}
	}
	if !a.was.created && !a.was.active && a.inc.Active() {
		a.pagesBack()
	}
}

// pagesBack goes on with what was begun before the incident was over. Whom the
// level was to wake is found again, see callParts; whom a person wanted is named,
// who may ask again; and who had not answered in time is followed by the next one.
func (a *change) pagesBack() {
	inc := a.inc
	inc.Pages = slices.DeleteFunc(inc.Pages, func(p Paged) bool { return p.State == PageWaiting && p.By.IsZero() })
	for i := range inc.Pages {
		switch p := &inc.Pages[i]; {
		case p.State == PageWaiting:
			p.State, p.At, p.Detail = PageFailed, a.at, whyOver
		case p.State == PageSent && !a.now.Before(p.At.Add(PageWait)):
			a.silent(p)
		}
	}
}

// whyOver is why somebody was not woken whom a person wanted, when it is open
// again: its text is in the message catalogue, under "standby.".
const whyOver = "over"

// silent records that somebody has not answered in time.
func (a *change) silent(p *Paged) {
	p.State, p.At = PageSilent, a.at
	a.event(EvPageSilent, "", map[string]string{"person": p.Person.Label(), "role": p.Role})
	a.pageNext(p, p.Roles()...)
}

// pageOver ends what was made in the pager to wake somebody: nobody is called at
// for what is over.
func (a *change) pageOver(p *Paged) {
	if p.Ref != "" {
		a.effects = append(a.effects, effect(a.inc.ID, KindPageOver, Once, "", p.Ref+"/"+itoa(a.was.episode)).with(PageOverData{Ref: p.Ref}))
	}
}

// wakePrefix begins the keys of incidents that are made in the pager to wake
// somebody.
const wakePrefix = "imbot/"

// WakeKey is the key under which the pager wakes a person for an incident: each
// time that they are woken it is another one, for the pager does nothing about a
// key that it has. What it says about an incident of such a key is about that
// person's page.
func WakeKey(id ID, who Actor, again int) string {
	number := id.String()
	if again > 0 {
		number += "." + itoa(again)
	}
	return Clip(wakePrefix+number+"/"+who.ID, 255)
}

// ParseWakeKey returns which incident and person a key of WakeKey is about.
func ParseWakeKey(key string) (id ID, who Actor, ok bool) {
	rest, ours := strings.CutPrefix(key, wakePrefix)
	number, person, named := strings.Cut(rest, "/")
	number, _, _ = strings.Cut(number, ".")
	if !ours || !named || person == "" || !strings.HasPrefix(number, "INC-") {
		return 0, Actor{}, false
	}
	id, err := ParseID(number)
	return id, Actor{Kind: KindUser, ID: Line(person)}, err == nil
}
