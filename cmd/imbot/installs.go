package main

import (
	"context"
	"fmt"

	"imbot/bot"
	"imbot/effects"
	"imbot/integrations/graph/graphrest"
)

// wireInstalls makes the client by which imbot is installed for people, where
// that is turned on: that of war rooms, if there is one, so that one budget of
// requests holds for both.
func (a *app) wireInstalls() error {
	t := a.cfg.Teams
	if t == nil || !t.InstallForPeople {
		return nil
	}
	if a.chats != nil {
		a.people = a.chats
		return nil
	}
	cred, err := teamsCredential(t)
	if err != nil {
		return fmt.Errorf("teams: %w", err)
	}
	a.people, err = graphrest.New(graphrest.Config{TenantID: t.TenantID, Credential: cred, BaseURL: t.GraphURL, Timeout: a.timeouts["graph"], Now: a.now})
	if err != nil {
		return fmt.Errorf("teams.graph_url: %w", err)
	}
	return nil
}

// installs is what installs imbot for people; nil where that is not turned on.
func (a *app) installs(book *bot.Directory) *effects.Installs {
	if a.people == nil {
		return nil
	}
	return &effects.Installs{Graph: a.people, Book: book, App: a.cfg.Teams.app(), Now: a.now}
}

// installing tells what stands in the way of installing imbot for people. It
// installs nothing.
func (d *doctor) installing(ctx context.Context) {
	t := d.cfg.Teams
	if !t.InstallForPeople {
		return
	}
	const name = "1:1 chats: "
	cred, err := teamsCredential(t)
	if err != nil {
		return // said already
	}
	c, err := graphrest.New(graphrest.Config{TenantID: t.TenantID, Credential: cred, BaseURL: t.GraphURL})
	if err != nil {
		d.add(name+"install the app for people", checkFail, err.Error(), "mend teams.graph_url")
		return
	}
	for _, f := range c.ProbePeople(ctx, graphrest.ProbeInput{ExternalID: t.manifestID(), CatalogID: t.CatalogAppID, Person: d.probing.person}) {
		if f.OK {
			d.add(name+f.What, checkOK, f.Message, "")
			continue
		}
		detail, mend := graphWords(&f)
		d.add(name+f.What, checkFail, detail, mend)
	}
}
