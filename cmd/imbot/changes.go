package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"imbot/catalog/strictyaml"
	"imbot/changes"
	"imbot/incident"
	"imbot/integrations/newrelic"
	"imbot/integrations/pagerduty"
	"imbot/query"
	"imbot/topology"
	"imbot/web"
)

// wireChanges makes what asks others for changes. It asks nobody yet.
func (a *app) wireChanges() error {
	var sources []changes.Source
	if a.pager != nil {
		sources = append(sources, pagerChanges{a.pager.Background(), a.topology.Names, a.now})
	}
	if n := a.cfg.NewRelic; n != nil && n.AccountID != "" {
		account, err := strconv.Atoi(n.AccountID)
		if err != nil {
			return fmt.Errorf("newrelic.account_id: %w", err)
		}
		c, err := newrelic.New(newrelic.Config{Key: n.APIKey.Reveal(), Region: n.Region, URL: n.URL, AccountID: account, Now: a.now})
		if err != nil {
			return err
		}
		sources = append(sources, newRelicChanges{c, a.topology.Names})
	}
	a.changes = changes.NewPoller(changes.PollerConfig{Sources: sources, Store: a.store, Now: a.now, Logger: a.log, Saved: a.showChanges})
	a.reader.Changes = &query.Changes{List: a.store.Changes, Calls: a.topology.Graph}
	return nil
}

// opener carries commands out, and has those asked who know what was changed,
// and who calls whom, as soon as an incident opens.
type opener struct {
	*incident.Service
	opened func(service string)
}

// Do is that of the service.
func (o opener) Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error) {
	inc, err := o.Service.Do(ctx, cmd)
	if err == nil && inc.Active() && (cmd.Verb == incident.Trigger || cmd.Verb == incident.Declare || cmd.Verb == incident.Reopen) {
		o.opened(inc.Service)
	}
	return inc, err
}

func (a *app) opener() opener {
	return opener{a.service, func(service string) {
		a.changes.Nudge()
		a.topology.Nudge(service)
	}}
}

// webChanges is what the API about changes works with.
func (a *app) webChanges() *web.Changes {
	return &web.Changes{Store: a.store, Saved: a.showChanges, Nearest: func(name string) string {
		var known []string
		for _, s := range a.catalog.Get().Services() {
			known = append(append(known, s.Key), s.Aliases...)
			if !strings.EqualFold(s.Name, s.Key) {
				known = append(known, s.Name)
			}
		}
		return strictyaml.Nearest(name, known)
	}}
}

// pruneChanges forgets the changes that are too old to be of interest.
func (a *app) pruneChanges(ctx context.Context) error {
	return a.store.PruneChanges(ctx, a.now().Add(-a.cfg.Retention.Changes.Std()))
}

// maxShown bounds the incidents whose cards one report of changes brings up to
// date; the others show them when something else happens to them.
const maxShown = 200

// showChanges brings the cards of the incidents up to date that changes are near
// to: most deploys are reported before an incident opens, some after.
func (a *app) showChanges(ctx context.Context, saved []changes.Saved) {
	byService := map[string][]time.Time{}
	for _, s := range saved {
		if s.Added || s.Updated {
			byService[s.Service] = append(byService[s.Service], s.At)
		}
	}
	if len(byService) == 0 {
		return
	}
	effects, err := a.cardsNear(ctx, byService)
	if err == nil && len(effects) > 0 {
		err = a.service.Enqueue(ctx, effects...)
	}
	if err != nil {
		a.log.Error("cards do not show new changes", "err", err)
	}
}

// cardsNear are the effects that update the cards of open incidents near these
// changes, by service.
func (a *app) cardsNear(ctx context.Context, byService map[string][]time.Time) ([]incident.Effect, error) {
	graph := a.topology.Graph()
	concerns := func(service string) []time.Time {
		out := byService[service]
		for _, c := range graph.Callees(service) {
			out = append(out[:len(out):len(out)], byService[c.To]...)
		}
		return out
	}
	var effects []incident.Effect
	err := a.store.View(ctx, func(tx incident.Tx) error {
		effects = nil
		shown := 0
		var inner error
		err := tx.Rows(incident.Cursor{}, true, func(row incident.Row) bool {
			times := concerns(row.Service)
			if row.Service == "" || len(times) == 0 {
				return true
			}
			var inc *incident.Incident
			if inc, inner = tx.Incident(row.ID); inner != nil {
				return false
			}
			for _, at := range times {
				if query.NearChange(inc, at) {
					effects = append(effects, inc.CardEffects()...)
					shown++
					break
				}
			}
			return shown < maxShown
		})
		if err == nil {
			err = inner
		}
		return err
	})
	return effects, err
}

// pagerChanges are PagerDuty's change events.
type pagerChanges struct {
	c     *pagerduty.Client
	names func() *topology.Names
	now   func() time.Time
}

func (pagerChanges) Name() string { return changes.SourcePagerDuty }

// maxPerEvent bounds the services of one change event that are taken.
const maxPerEvent = 20

// Changes makes one change of an event for each of its services.
func (p pagerChanges) Changes(ctx context.Context, since time.Time) ([]changes.Change, error) {
	events, err := p.c.ChangeEvents(ctx, since, p.now().Add(time.Minute), changes.MaxPoll)
	names := p.names()
	var out []changes.Change
	for _, e := range events {
		c := changes.Change{ID: e.ID, Title: e.Summary, Description: e.Source, At: e.At}
		if len(e.Links) > 0 {
			c.URL = e.Links[0].Href
		}
		for i, s := range e.Services {
			if i == maxPerEvent {
				break
			}
			key, ok := names.End(&topology.End{PagerDutyID: s.ID, Name: s.Summary})
			if !ok {
				continue
			}
			one := c
			one.Service = key
			if len(e.Services) > 1 {
				one.ID += "/" + s.ID
			}
			out = append(out, one)
		}
	}
	return out, err
}

// newRelicChanges are what New Relic's change tracking was told.
type newRelicChanges struct {
	c     *newrelic.Client
	names func() *topology.Names
}

func (newRelicChanges) Name() string { return changes.SourceNewRelic }

// Changes leaves out what is about services that the catalog does not have.
func (n newRelicChanges) Changes(ctx context.Context, since time.Time) ([]changes.Change, error) {
	list, err := n.c.Changes(ctx, since)
	names := n.names()
	var out []changes.Change
	for i := range list {
		c := &list[i]
		key, ok := names.End(&topology.End{NewRelicGUID: c.EntityGUID, Name: c.EntityName})
		if !ok {
			continue
		}
		id := c.ID
		if id == "" { // old markers may lack one
			id = changes.Derive(c.EntityGUID, c.EntityName, c.Title(), c.At.Format(time.RFC3339Nano))
		}
		description := c.Description
		if description == c.Title() {
			description = ""
		}
		out = append(out, changes.Change{
			ID: id, Service: key, Title: c.Title(), Description: description, URL: c.Link, By: c.User, Version: c.Version, At: c.At,
		})
	}
	return out, err
}

// offChanges says which sources of changes are off.
func (a *app) offChanges() []string {
	if n := a.cfg.NewRelic; n != nil && n.AccountID == "" {
		return []string{"newrelic.account_id: not set; change tracking is not read"}
	}
	return nil
}

// checkAccount refuses what can't be the id of an account in New Relic.
func checkAccount(s string) error {
	if n, err := strconv.ParseInt(s, 10, 32); err != nil || n <= 0 {
		return errors.New("is no account of New Relic; write its number, as in account_id: 1234567")
	}
	return nil
}
