package oncall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"imbot/integrations/pagerduty"
)

// entry is what is known of one source.
type entry struct {
	good   *answer
	failed *failure // nil: the last ask went well, or there was none
}

// answer is what a source said.
type answer struct {
	at     time.Time
	duties []duty // now and in the time to come
}

// failure is an ask that brought nothing.
type failure struct {
	until  time.Time // not asked again before
	reason string
	detail string
}

// maxPause bounds how long a source can say not to be asked.
const maxPause = 2 * time.Minute

// keyOf tells sources apart: two roles with one source share its answer.
func keyOf(p Plan) string { return p.Schedule + "\n" + p.Policy + "\n" + p.URL }

// asked reports whether the plan's source is somewhere else.
func asked(p Plan) bool { return p.Schedule != "" || p.Policy != "" || p.URL != "" }

// server is what is down together.
func server(p Plan) string {
	if p.URL != "" {
		return sourceOf(p)
	}
	return "pagerduty"
}

// refresh asks for what is not fresh, and waits for it, no longer than the
// timeout. What takes longer goes on, for those who ask next.
func (k *Keeper) refresh(ctx context.Context, plans map[string]Plan, roles []string) {
	ctx, cancel := context.WithTimeout(ctx, k.c.Timeout)
	defer cancel()
	k.forget(plans)
	var waits []<-chan singleflight.Result
	for _, role := range roles {
		p, ok := plans[role]
		if ok && asked(p) && k.due(p, k.c.Now()) {
			waits = append(waits, k.ask(ctx, p))
		}
	}
	for _, w := range waits {
		select {
		case <-w:
		case <-ctx.Done():
			return
		}
	}
}

// forget drops the answers of sources that no plan has any more.
func (k *Keeper) forget(plans map[string]Plan) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.entries) <= len(plans) {
		return
	}
	used := make(map[string]bool, len(plans))
	for _, p := range plans {
		used[keyOf(p)] = true
	}
	for key := range k.entries {
		if !used[key] {
			delete(k.entries, key)
		}
	}
}

// due reports whether the source is to be asked.
func (k *Keeper) due(p Plan, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[keyOf(p)]
	switch {
	case e.good != nil && k.fresh(e.good, now):
		return false
	case e.failed != nil && now.Before(e.failed.until):
		return false
	}
	return p.URL != "" || k.c.PagerDuty != nil
}

// fresh reports whether an answer needs no asking yet: it is young, and nobody's
// turn has ended since.
func (k *Keeper) fresh(a *answer, now time.Time) bool {
	if now.Sub(a.at) >= k.c.TTL || now.Before(a.at) {
		return false
	}
	for _, d := range a.duties {
		if d.until.After(a.at) && !d.until.After(now) {
			return false
		}
	}
	return true
}

// ask asks one source, once at a time, and keeps what it says. The caller may
// stop to wait: others may wait for the same.
func (k *Keeper) ask(ctx context.Context, p Plan) <-chan singleflight.Result {
	ctx = context.WithoutCancel(ctx)
	return k.flight.DoChan(keyOf(p), func() (any, error) {
		k.slots <- struct{}{}
		defer func() { <-k.slots }()
		if !k.due(p, k.c.Now()) { // answered while this waited to be started
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(ctx, k.c.Timeout)
		defer cancel()
		var duties []duty
		var err error
		if until := k.downUntil(server(p)); k.c.Now().Before(until) {
			err = errDown
		} else {
			duties, err = k.fetch(ctx, p)
		}
		k.keep(p, duties, err)
		return nil, nil
	})
}

// errDown is of a source whose server has just failed for another.
var errDown = errors.New("the server has just failed to answer for another role")

func (k *Keeper) downUntil(server string) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.down[server]
}

// keep remembers an answer, or that there was none.
func (k *Keeper) keep(p Plan, duties []duty, err error) {
	now := k.c.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[keyOf(p)]
	if err == nil {
		k.entries[keyOf(p)] = entry{good: &answer{at: now, duties: duties}}
		delete(k.down, server(p))
		return
	}
	pause := k.c.Pause
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		pause = max(pause, min(later.RetryAfter(), maxPause))
	}
	e.failed = &failure{until: now.Add(pause), reason: ReasonUnreachable, detail: fmt.Sprintf("%s: %v", sourceOf(p), err)}
	level := slog.LevelWarn
	var final interface{ Permanent() bool }
	switch {
	case errors.Is(err, errDown):
		e.failed.until, level = k.down[server(p)], slog.LevelDebug // said once is enough
	case errors.As(err, &final) && final.Permanent():
		e.failed.reason = ReasonRefused
	default:
		k.down[server(p)] = e.failed.until
	}
	k.entries[keyOf(p)] = e
	k.c.Log.Log(context.Background(), level, "who is on standby could not be asked", "source", sourceOf(p), "err", err)
}

// fetch asks for the turns of now and of as long as the answer may be used.
func (k *Keeper) fetch(ctx context.Context, p Plan) ([]duty, error) {
	if p.URL != "" {
		return k.fetchURL(ctx, p.URL)
	}
	now := k.c.Now()
	q := pagerduty.OnCallQuery{Since: now, Until: now.Add(k.c.StaleFor)}
	if p.Schedule != "" {
		q.Schedules = []string{p.Schedule}
	} else {
		q.Policies = []string{p.Policy}
	}
	all, err := k.c.PagerDuty.OnCalls(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []duty
	for _, o := range all {
		d := duty{
			person: Person{Mail: strings.ToLower(o.User.Mail), Name: o.User.Name, PagerDutyID: o.User.ID},
			from:   o.Start, until: o.End, level: max(o.Level, 1),
		}
		switch {
		case p.Schedule == "" && o.Policy.ID == p.Policy:
			out = append(out, d)
		case p.Schedule != "" && o.Schedule != nil && o.Schedule.ID == p.Schedule:
			d.level = 1 // its level in some policy says nothing here
			out = append(out, d)
		}
	}
	return out, nil
}

// groups returns who is asked for a role, those together who are asked
// together, or why nobody is known.
func (k *Keeper) groups(role string, plans map[string]Plan) ([][]Shift, *Gap) {
	p, ok := plans[role]
	if !ok {
		return nil, &Gap{Role: role, Reason: ReasonUnknown}
	}
	now := k.c.Now()
	duties, stale, gap := k.known(role, p, now)
	if gap != nil {
		return nil, gap
	}
	groups := chain(p, duties.duties, now)
	if groups == nil && stale { // the last that is known, rather than nobody
		groups = chain(p, duties.duties, duties.at)
	}
	if groups == nil {
		detail := sourceOf(p)
		if p.Schedule != "" {
			detail += " (PagerDuty answers for schedules that an escalation policy uses)"
		}
		return nil, &Gap{Role: role, Reason: ReasonNobody, Detail: detail}
	}
	out := make([][]Shift, len(groups))
	for n, group := range groups {
		for _, d := range group {
			out[n] = append(out[n], Shift{
				Role: role, Person: k.identity(d.person), From: d.from, Until: d.until, Level: d.level, Source: sourceOf(p), Stale: stale,
			})
		}
	}
	return out, nil
}

// known is what there is to tell of a role's source.
func (k *Keeper) known(role string, p Plan, now time.Time) (a *answer, stale bool, gap *Gap) {
	if !asked(p) {
		return &answer{at: now, duties: rotaDuties(p)}, false, nil
	}
	if p.URL == "" && k.c.PagerDuty == nil {
		return nil, false, &Gap{Role: role, Reason: ReasonOff, Detail: sourceOf(p)}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[keyOf(p)]
	switch {
	case e.good != nil && k.fresh(e.good, now):
		return e.good, false, nil
	case e.good != nil && now.Sub(e.good.at) <= k.c.StaleFor:
		return e.good, true, nil
	case e.failed != nil:
		return nil, false, &Gap{Role: role, Reason: e.failed.reason, Detail: e.failed.detail}
	}
	return nil, false, &Gap{Role: role, Reason: ReasonUnreachable, Detail: fmt.Sprintf("%s: no answer within %v", sourceOf(p), k.c.Timeout)}
}

// identity joins what the source and the catalog know of a person.
func (k *Keeper) identity(p Person) Person {
	if k.c.People == nil {
		return p
	}
	known, ok := k.c.People(p.Mail, p.PagerDutyID)
	if !ok {
		return p
	}
	out := Person{Mail: known.Mail, Name: known.Name, PagerDutyID: p.PagerDutyID}
	if out.Name == "" {
		out.Name = p.Name
	}
	if out.PagerDutyID == "" {
		out.PagerDutyID = known.PagerDutyID
	}
	return out
}
