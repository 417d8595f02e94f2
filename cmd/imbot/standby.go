package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/oncall"
	"imbot/outbox"
)

// standbyPause lies between two rounds in which all roles are asked for, so
// that a source that dies leaves an answer that is an hour old at most.
const standbyPause = time.Hour

func (a *app) wireStandby() {
	a.standby = newStandby(a.live.Load, a.catalog.Get, a.pager, a.now, a.log)
}

// newStandby asks nobody yet. pager is nil where PagerDuty is off.
func newStandby(cfg func() *Config, cat func() *catalog.Catalog, pager *pagerduty.Client, now func() time.Time, log *slog.Logger) standby {
	plans := func() map[string]oncall.Plan { return cat().StandbyPlans() }
	c := oncall.Config{
		Plans:  plans,
		People: func(mail, id string) (catalog.Person, bool) { return cat().Identity(mail, id) },
		Token:  func() (string, []string) { s := cfg().Standby; return s.Token.Reveal(), s.Hosts }, Now: now, Log: log,
	}
	if pager != nil { // a nil *Client would be no nil interface
		c.PagerDuty = pager
	}
	return standby{oncall.New(c), plans}
}

// refreshStandby asks for all roles, and tells of those that nobody is known for.
func (a *app) refreshStandby(ctx context.Context) error {
	var errs []error
	for _, g := range a.standby.keeper.Refresh(ctx) {
		errs = append(errs, fmt.Errorf("%s: %s %s", g.Role, g.Reason, g.Detail))
	}
	return errors.Join(errs...)
}

// standbyHandlers adds what wakes people.
func (a *app) standbyHandlers(h map[string]outbox.Handler) {
	w := &effects.Waker{
		Standby: a.standby, Service: a.service, View: a.reader, Now: a.now,
		PagerService: func(service string) string {
			if id, ok := strings.CutPrefix(service, "pd:"); ok {
				return strings.ToUpper(id)
			}
			s, _ := a.catalog.Get().ServiceByKey(service)
			return s.PagerDutyID
		},
		PagerUser: func(who incident.Actor) string {
			p, _ := a.catalog.Get().PersonByID(who.ID)
			return p.PagerDutyID
		},
	}
	switch {
	case a.cfg.PagerDuty == nil:
		w.Off = effects.WhyNoPager
	case a.pager == nil:
		w.Off = effects.WhyNoToken
	default:
		w.API = a.pager
	}
	h[incident.KindPage], h[incident.KindWake], h[incident.KindWaited], h[incident.KindPageOver] = w.Find, w.Wake, w.Waited, w.Over
	h[incident.KindNudge] = effects.Again(a.service, incident.Nudge)
}

// standby makes what wakes people of the Keeper's answers.
type standby struct {
	keeper *oncall.Keeper
	plans  func() map[string]oncall.Plan
}

// On finds who is on call.
func (s standby) On(ctx context.Context, roles []string) ([]effects.Duty, []effects.Gap) {
	shifts, gaps := s.keeper.On(ctx, roles)
	duties := make([]effects.Duty, 0, len(shifts))
	for _, sh := range shifts {
		duties = append(duties, duty(sh))
	}
	out := make([]effects.Gap, 0, len(gaps))
	for _, g := range gaps {
		out = append(out, effects.Gap{Role: g.Role, Why: g.Reason})
	}
	return duties, out
}

// Roles are all that somebody can be on call for, squads' own last.
func (s standby) Roles() []string {
	plans := s.plans()
	return slices.SortedFunc(maps.Keys(plans), func(a, b string) int {
		return cmp.Or(strings.Count(a, ":")-strings.Count(b, ":"), strings.Compare(a, b))
	})
}

// Next finds who comes after somebody.
func (s standby) Next(ctx context.Context, role string, after incident.Actor) (effects.Duty, bool) {
	who := oncall.Person{}
	if id, ok := strings.CutPrefix(after.ID, "pd:"); ok {
		who.PagerDutyID = strings.ToUpper(id)
	} else {
		who.Mail = after.ID
	}
	sh, ok := s.keeper.Next(ctx, role, who)
	return duty(sh), ok
}

func duty(s oncall.Shift) effects.Duty {
	return effects.Duty{Role: s.Role, Person: personOf(s.Person), Since: s.From, Till: s.Until, Source: s.Source, Stale: s.Stale}
}

// personOf names people as imbot does everywhere: by mail, else by the pager's
// id.
func personOf(p oncall.Person) incident.Actor {
	who := incident.Actor{Kind: incident.KindUser, ID: strings.ToLower(p.Mail), Name: p.Name}
	if who.ID == "" {
		who.ID = "pd:" + strings.ToLower(p.PagerDutyID)
	}
	return who
}
