package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/confluence"
	"imbot/outbox"
)

// ConfluenceConfig connects imbot with Confluence Cloud, where each postmortem
// has a page that all of the space can read. Private incidents have none.
type ConfluenceConfig struct {
	URL      string `yaml:"url"`       // required
	Email    string `yaml:"email"`     // of the account that imbot uses; required
	APIToken Secret `yaml:"api_token"` // of that account; required
	Space    string `yaml:"space"`     // key of the space that pages are made in; required
	ParentID string `yaml:"parent_id"` // id of the page to make them under; default: the space's home page
}

var (
	confluenceSpaceShape = regexp.MustCompile(`^~?[A-Za-z0-9._-]{1,255}$`)
	confluencePageShape  = regexp.MustCompile(`^[0-9]{1,19}$`)
)

func (k *configCheck) confluence(c *ConfluenceConfig) {
	if !k.missing("confluence.url", c.URL, "add it, as in url: https://example.atlassian.net") {
		k.url("confluence.url", &c.URL)
	}
	if !k.missing("confluence.email", c.Email, "add the address of the account that the API token belongs to") {
		k.mailAddress("confluence.email", c.Email)
	}
	k.missing("confluence.api_token", c.APIToken.Reveal(), "make a token at https://id.atlassian.com/manage-profile/security/api-tokens, or remove the section")
	if !k.missing("confluence.space", c.Space, "add the key of the space for postmortems, as in space: OPS") {
		k.check("confluence.space", c.Space, func(s string) error {
			if !confluenceSpaceShape.MatchString(s) {
				return errors.New("is not a key of a space; copy it from the space's address, as in OPS")
			}
			return nil
		})
	}
	k.check("confluence.parent_id", c.ParentID, func(s string) error {
		if !confluencePageShape.MatchString(s) {
			return errors.New("is no id of a page; copy the number from the page's address")
		}
		return nil
	})
}

func newConfluence(c *ConfluenceConfig, k clock) (*confluence.Client, error) {
	client, err := confluence.New(confluence.Config{
		URL: c.URL, Email: c.Email, APIToken: c.APIToken.Reveal(), Space: c.Space, ParentID: c.ParentID,
		HTTP: &http.Client{Timeout: k.timeouts["confluence"]}, Now: k.now,
	})
	if err != nil {
		return nil, fmt.Errorf("confluence: %w", err)
	}
	return client, nil
}

func (a *app) wireConfluence() error {
	if a.cfg.Confluence == nil {
		return nil
	}
	var err error
	a.wiki, err = newConfluence(a.cfg.Confluence, a.clock)
	return err
}

// confluenceHandlers adds what keeps the pages of postmortems.
func (a *app) confluenceHandlers(h map[string]outbox.Handler) {
	switch {
	case a.wiki == nil:
		h[incident.KindPublish] = effects.Off("confluence off")
		return
	case a.cfg.DryRun:
		h[incident.KindPublish] = effects.Off("dry run")
		return
	}
	p := &effects.Publisher{
		API: a.wiki, Service: a.service, View: a.reader, Location: a.cfg.Location(),
		Language: func(squad string) string { return a.catalog.Get().Language(squad) },
	}
	h[incident.KindPublish] = p.Publish
}

// offConfluence says in words that Confluence is off.
func (a *app) offConfluence() []string {
	if a.cfg.Confluence == nil {
		return []string{"confluence: no section in the configuration; postmortems have no page there"}
	}
	return nil
}

// confluence checks the credentials, the space, and whether pages can be made in
// it. It makes none.
func (d *doctor) confluence(ctx context.Context) {
	c := d.cfg.Confluence
	if c == nil {
		d.add("confluence", checkOff, "no section: postmortems have no page there", "")
		return
	}
	client, err := newConfluence(c, clock{now: time.Now})
	if err != nil {
		d.add("confluence", checkFail, err.Error(), "mend the confluence section")
		return
	}
	mend := "check confluence.space and confluence.parent_id, and that imbot's user may make pages there"
	err = client.Check(ctx)
	var e *confluence.Error
	if errors.As(err, &e) && (e.Unauthorized() || e.Status == 0 && e.Err != nil) {
		mend = "check confluence.url, email and api_token; API tokens end after a year at most"
	}
	d.result("confluence", err, "pages can be made in the space "+c.Space+"; who can read the space can read every postmortem that is not private", mend)
}
