package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/openid"
	"imbot/pages"
)

// callbackPath is where people come back to from signing in; it is registered
// with the provider, under the public URL.
const callbackPath = "/sign-in/callback"

// signIn is the provider at which people sign in; nil where there is none.
func (c *Config) signIn(now func() time.Time) (*openid.Client, error) {
	if c.Web == nil || c.Web.OIDC == nil {
		return nil, nil
	}
	o := c.Web.OIDC
	var tenants []string
	if c.Teams != nil {
		tenants = append([]string{c.Teams.TenantID}, c.Teams.Tenants...)
	}
	client, err := openid.New(openid.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(),
		RedirectURL: c.PublicURL + callbackPath, Tenants: tenants, Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("web.oidc: %w", err)
	}
	return client, nil
}

// wirePages makes the pages; where nobody can sign in, one that says so.
func (a *app) wirePages() error {
	client, err := a.cfg.signIn(a.now)
	if err != nil {
		return err
	}
	if client == nil {
		a.pages = pages.Off(a.cfg.Language)
		return nil
	}
	key, err := a.sessionKey(context.Background())
	if err != nil {
		return err
	}
	a.pages, err = pages.New(pages.Config{
		Service: a.opener(), Reader: a.reader, SignIn: client, Key: key, PublicURL: a.cfg.PublicURL,
		RoleOf: a.access().RoleOf, Known: a.known, Location: a.cfg.Location(), Language: a.cfg.Language, Now: a.now, Logger: a.log,
	})
	return err
}

// access says what people may do, in Teams and on the pages.
func (a *app) access() bot.Access {
	return bot.Access{Default: incident.Role(a.cfg.Access.Default), Admins: a.cfg.Access.Admins, Viewers: a.cfg.Access.Viewers}
}

// known tells what is known from Teams of whoever signs in.
func (a *app) known(ctx context.Context, object string) (id, lang string, err error) {
	p, err := a.store.Person(ctx, object)
	if errors.Is(err, incident.ErrNotFound) {
		return "", "", nil
	}
	return p.ID, p.Language, err
}

// sessionKeyName is the key of the store under which the secret of the sessions
// is kept, where the configuration has none.
const sessionKeyName = "web/session_key"

// sessionKey is the secret of the sessions: the configuration's, else one that is
// drawn once, and kept in the store.
func (a *app) sessionKey(ctx context.Context) ([]byte, error) {
	if k := a.cfg.Web.SessionKey.Reveal(); k != "" {
		return []byte(k), nil
	}
	var key []byte
	err := a.store.Update(ctx, func(tx incident.Tx) error {
		s, err := tx.Key(sessionKeyName, true)
		if err != nil {
			return err
		}
		if key, err = base64.StdEncoding.DecodeString(s); err != nil || len(key) > 0 {
			return err
		}
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails, see crypto/rand
		return tx.PutKey(sessionKeyName, base64.StdEncoding.EncodeToString(key), true)
	})
	if err != nil {
		return nil, fmt.Errorf("keep the session key in the store: %w", err)
	}
	return key, nil
}

// offPages says what keeps the pages off.
func (a *app) offPages() []string {
	if a.cfg.Web == nil || a.cfg.Web.OIDC == nil {
		return []string{"web.oidc: not set; nobody can sign in, and the pages answer 404"}
	}
	return nil
}

// pages checks that people can sign in.
func (d *doctor) pages(ctx context.Context) {
	const mend = "set public_url and web.oidc (issuer, client_id, client_secret); imbot.example.yaml shows how"
	client, err := d.cfg.signIn(time.Now)
	switch {
	case err != nil:
		d.add("web", checkFail, err.Error(), mend)
		return
	case client == nil:
		d.add("web", checkOff, "no web.oidc: nobody can sign in, and the pages answer 404", mend)
		return
	}
	what, err := client.Check(ctx)
	d.result("web sign-in", err, what+"; it must know the redirect URI "+d.cfg.PublicURL+callbackPath, "check web.oidc.issuer, and that this machine reaches it over https")
}
