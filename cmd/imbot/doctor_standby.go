package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"imbot/catalog"
	"imbot/integrations/pagerduty"
	"imbot/locale"
)

// standby asks for everybody who is on call, and names the roles that nobody is
// known for.
func (d *doctor) standby(ctx context.Context, cat *catalog.Catalog) {
	if cat == nil {
		return
	}
	var pager *pagerduty.Client
	if p := d.cfg.PagerDuty; p != nil && p.APIToken != "" {
		var err error
		if pager, err = pagerduty.New(pagerduty.Config{Token: p.APIToken.Reveal(), BaseURL: p.URL, From: p.From}); err != nil {
			return // said already
		}
	}
	s := newStandby(func() *Config { return d.cfg }, func() *catalog.Catalog { return cat }, pager, time.Now, nil)
	roles := s.Roles()
	if len(roles) == 0 {
		d.add("standby", checkOff, "the catalog has no standby: nobody is woken for a role", "")
		return
	}
	duties, gaps := s.keeper.On(ctx, roles)
	for _, g := range gaps {
		mend := "docs/standby.md says what each source needs"
		if d.refused && strings.Contains(g.Detail, "pagerduty") {
			mend = "mend the pagerduty token first"
		}
		d.add("standby of "+g.Role, checkWarn, strings.TrimSpace(locale.For("en").Or("standby."+g.Reason, g.Reason)+" "+g.Detail), mend)
	}
	if len(gaps) == 0 {
		d.add("standby", checkOK, fmt.Sprintf("%d people are on call for %d roles", len(duties), len(roles)), "")
	}
}

// hooks says which squads of hooks there are not. Nothing is sent.
func (d *doctor) hooks(cat *catalog.Catalog) {
	for _, h := range d.cfg.Hooks {
		name := "hook " + h.Name
		var unknown []string
		for _, s := range h.Squads {
			if cat != nil && !slices.Contains(cat.SquadKeys(), s) {
				unknown = append(unknown, s)
			}
		}
		if len(unknown) > 0 {
			d.add(name, checkWarn, "the catalog has no squad "+strings.Join(unknown, ", ")+": nothing is told of it", "mend hooks.squads, or the catalog")
			continue
		}
		d.add(name, checkOK, "configured; it is not tried, for that would tell of an incident", "")
	}
}
