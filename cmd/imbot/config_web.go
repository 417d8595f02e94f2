package main

import (
	"net/url"
	"slices"
	"strings"

	"imbot/catalog"
)

// WebConfig is about the pages.
type WebConfig struct {
	OIDC *OIDCConfig `yaml:"oidc"` // nil: nobody can sign in, and the pages are off
	// SessionKey is the secret of the sessions; "" for one that is kept in the
	// store. Changing it signs everybody out.
	SessionKey Secret `yaml:"session_key"`
}

// OIDCConfig is how people sign in.
type OIDCConfig struct {
	Issuer       string `yaml:"issuer"` // of Entra: https://login.microsoftonline.com/<tenant id>/v2.0
	ClientID     string `yaml:"client_id"`
	ClientSecret Secret `yaml:"client_secret"`
}

// minSessionKey is the length, in characters, below which a key could be guessed.
const minSessionKey = 32

func (k *configCheck) web() {
	w := k.c.Web
	if w == nil {
		return
	}
	if w.SessionKey != "" && len(w.SessionKey) < minSessionKey {
		k.doc.Errorf("web.session_key", "the key is shorter than %d characters; make one with: openssl rand -hex 32", minSessionKey)
	}
	o := w.OIDC
	if o == nil {
		return
	}
	if !k.missing("web.oidc.issuer", o.Issuer, "add it, as in issuer: https://login.microsoftonline.com/<tenant id>/v2.0") {
		k.issuer(o.Issuer)
	}
	k.missing("web.oidc.client_id", o.ClientID, "add the application's id")
	k.missing("web.oidc.client_secret", o.ClientSecret.Reveal(), "add the application's secret")
	switch u, err := url.Parse(k.c.PublicURL); {
	case k.failed("public_url"):
	case k.c.PublicURL == "":
		k.doc.Errorf("web.oidc", "signing in needs public_url: people are sent back there")
	case err == nil && u.Path != "":
		k.doc.Errorf("public_url", "the pages need an address without a path, as in https://imbot.example.com")
	}
}

// issuer checks the provider's address. It stays as it is written, since tokens
// must bear it letter by letter.
func (k *configCheck) issuer(issuer string) {
	at := issuer
	k.url("web.oidc.issuer", &at)
	u, err := url.Parse(issuer)
	if err != nil || k.failed("web.oidc.issuer") {
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	switch {
	case !strings.HasPrefix(u.Hostname(), "login.microsoftonline."):
	case slices.Contains([]string{"common", "organizations", "consumers", ""}, tenant):
		k.doc.Errorf("web.oidc.issuer", "this lets people of any tenant in; write your tenant's id, as in https://login.microsoftonline.com/<tenant id>/v2.0")
	case catalog.CheckGUID(tenant) == nil && k.c.Teams != nil && !strings.EqualFold(tenant, k.c.Teams.TenantID) &&
		!slices.ContainsFunc(k.c.Teams.Tenants, func(t string) bool { return strings.EqualFold(t, tenant) }):
		k.doc.Errorf("web.oidc.issuer", "this tenant is not the one of teams.tenant_id: nobody could sign in")
	}
}
