// Package oncall knows who is on standby for a role, such as "dba" or
// "squad:payments": it asks PagerDuty, reads a rota that is kept by hand, or asks
// a company's own standby tool, whichever the role's plan says.
//
// Answers are cached, and the last good one outlives the source for a day, so
// that a dead source neither holds up nor empties a war room. It wakes nobody,
// decides nothing, and stores nothing on disk.
package oncall

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"imbot/catalog"
	"imbot/integrations/pagerduty"
)

// Plan says where to ask for one role; Turn is a turn of its rota.
type (
	Plan = catalog.StandbyPlan
	Turn = catalog.RotaTurn
)

// Person is somebody on standby. At least one of Mail and PagerDutyID is set.
type Person struct {
	Mail        string // lower-case
	Name        string
	PagerDutyID string
}

// is reports whether both are the same person, by either id.
func (p Person) is(o Person) bool {
	return p.Mail != "" && strings.EqualFold(p.Mail, o.Mail) || p.PagerDutyID != "" && strings.EqualFold(p.PagerDutyID, o.PagerDutyID)
}

// Shift is one person's duty.
type Shift struct {
	Role        string // "dba", "squad:payments"
	Person      Person
	From, Until time.Time // zero: not known, or always
	Level       int       // 1 is asked first
	Source      string    // "pagerduty schedule PDBA001", "pagerduty policy PEP1", "rota", or scheme and host of the standby tool
	Stale       bool      // the source could not be asked: this is from its last good answer
}

// Gap is a role that nobody is known for.
type Gap struct {
	Role   string
	Reason string // one of the Reason constants
	Detail string // for operators: the source and what it said; without secrets; may be empty
}

// Why nobody is known for a role.
const (
	ReasonUnknown     = "unknown_role" // the catalog has no such role
	ReasonNobody      = "nobody"       // the source says that nobody is on duty
	ReasonUnreachable = "unreachable"  // the source did not answer, and there is no answer of the last day
	ReasonRefused     = "refused"      // the source refused, or what it says is not understood
	ReasonOff         = "off"          // the role is asked of PagerDuty, which is not configured
)

// PagerDuty is asked for schedules and escalation policies: a
// [pagerduty.Client]. Errors may have the methods Permanent and RetryAfter.
type PagerDuty interface {
	OnCalls(ctx context.Context, q pagerduty.OnCallQuery) ([]pagerduty.OnCall, error)
}

// Config of a Keeper. Plans is required.
type Config struct {
	Plans     func() map[string]Plan // by role; asked each time, so that a new catalog counts at once
	PagerDuty PagerDuty              // nil: off

	// HTTP asks standby tools. Its timeout and redirect policy are not used:
	// redirects are not followed, for the token would go with them. Default: a
	// client of its own.
	HTTP *http.Client

	// Token returns what standby tools get as "Authorization: Bearer", and the hosts
	// that get it, without port; none: all that the plans name. It is asked each
	// time, so that a new token counts at once. nil: nothing is sent.
	Token func() (bearer string, hosts []string)

	// People joins a person's identities, by mail or PagerDuty id: see
	// [catalog.Catalog.Identity]. nil: as the sources say.
	People func(mail, pagerDutyID string) (catalog.Person, bool)

	Now      func() time.Time // default time.Now
	TTL      time.Duration    // how long an answer counts as fresh; default 5 m
	StaleFor time.Duration    // how long it is used when the source can't be asked; default 24 h
	Timeout  time.Duration    // of one ask, and of how long On waits for all; default 2 s
	Pause    time.Duration    // after a failed ask; default 30 s
	Log      *slog.Logger     // default: none
}

// parallel is how many sources are asked at the same time.
const parallel = 4

// Keeper knows who is on standby. It is safe for concurrent use.
type Keeper struct {
	c      Config
	http   *http.Client
	flight singleflight.Group
	slots  chan struct{}

	mu      sync.Mutex
	entries map[string]entry     // by key of the plan
	down    map[string]time.Time // by server: not asked again before
}

// New returns a Keeper. It asks nobody yet.
func New(c Config) *Keeper {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.TTL, 5 * time.Minute}, {&c.StaleFor, 24 * time.Hour}, {&c.Timeout, 2 * time.Second}, {&c.Pause, 30 * time.Second}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	k := &Keeper{c: c, http: &http.Client{}, slots: make(chan struct{}, parallel), entries: map[string]entry{}, down: map[string]time.Time{}}
	if c.HTTP != nil {
		k.http.Transport = c.HTTP.Transport
	}
	k.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return k
}

// On returns who is on standby for the roles, in their order, each role once.
// Of an escalation policy, and of a standby tool that has levels, these are the
// people of the first level. A role that nobody is known for is among the gaps.
//
// It takes no longer than Config.Timeout, whatever the sources do: what was not
// answered by then comes from the last good answer, marked Stale.
func (k *Keeper) On(ctx context.Context, roles []string) (shifts []Shift, gaps []Gap) {
	roles = distinct(roles)
	plans := k.c.Plans()
	k.refresh(ctx, plans, roles)
	for _, role := range roles {
		groups, gap := k.groups(role, plans)
		if gap != nil {
			gaps = append(gaps, *gap)
			continue
		}
		shifts = append(shifts, groups[0]...)
	}
	return shifts, gaps
}

// Next returns who is asked when after, one of those whom On returned or the last
// whom Next did, does not answer: of an escalation policy the people of the next
// level, one after the other; of a rota whose turn is next, and those of earlier
// turns last; of a standby tool the next level, then whose turn is next. It is
// false after the last, and for a schedule, which has nobody else. Where after is
// not among them (the turn is over), it is whoever is on standby now.
func (k *Keeper) Next(ctx context.Context, role string, after Person) (Shift, bool) {
	plans := k.c.Plans()
	k.refresh(ctx, plans, []string{role})
	groups, gap := k.groups(role, plans)
	if gap != nil {
		return Shift{}, false
	}
	is := func(s Shift) bool { return s.Person.is(after) }
	if slices.ContainsFunc(groups[0], is) { // all of these were asked together
		if len(groups) == 1 {
			return Shift{}, false
		}
		return groups[1][0], true
	}
	rest := slices.Concat(groups[1:]...)
	switch n := slices.IndexFunc(rest, is); {
	case n < 0:
		return groups[0][0], true
	case n+1 < len(rest):
		return rest[n+1], true
	}
	return Shift{}, false
}

// Refresh asks for all roles of the plans, so that there is a last good answer
// when a source dies: call it now and then, such as every hour. It returns the
// gaps, as On does.
func (k *Keeper) Refresh(ctx context.Context) []Gap {
	plans := k.c.Plans()
	roles := make([]string, 0, len(plans))
	for role := range plans {
		roles = append(roles, role)
	}
	slices.Sort(roles)
	_, gaps := k.On(ctx, roles)
	return gaps
}
