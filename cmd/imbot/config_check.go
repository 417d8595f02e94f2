package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/catalog"
	"imbot/catalog/strictyaml"
	"imbot/incident"
)

// configCheck checks a configuration, fills in defaults, and gathers what is
// wrong in doc.
type configCheck struct {
	doc    *strictyaml.Document
	c      *Config
	folder string // of the configuration file
	read   func(string) ([]byte, error)
	lost   bool // the levels could not be read, so that none is known
}

func (k *configCheck) all() {
	k.top()
	k.emptySections()
	if k.c.Teams != nil {
		k.teams(k.c.Teams)
	}
	if k.c.PagerDuty != nil {
		k.pagerDuty(k.c.PagerDuty)
	}
	k.api()
	k.access()
	k.retention()
	k.levels()
	k.rules()
	k.notice()
	k.topology()
	k.correlation()
	k.standby()
	k.reminders()
	k.hooks()
	k.web()
	if k.c.Jira != nil {
		k.jira(k.c.Jira)
	}
	if k.c.Mail != nil {
		k.mail(k.c.Mail)
	}
	if k.c.Confluence != nil {
		k.confluence(k.c.Confluence)
	}
	k.later()
}

func (k *configCheck) warn(format string, args ...any) {
	k.c.warnings = append(k.c.warnings, fmt.Sprintf(format, args...))
}

// failed reports whether the value at path is there, but is wrong already.
func (k *configCheck) failed(path string) bool { return k.doc.Failed(path) }

// check notes what is wrong with a value that may be left out.
func (k *configCheck) check(path, value string, check func(string) error) {
	if value == "" {
		return
	}
	if err := check(value); err != nil {
		k.doc.Errorf(path, "%s %v", k.doc.Quote(path, value), err)
	}
}

// missing notes a required key that is not there; advice says what to write.
func (k *configCheck) missing(path, value, advice string) bool {
	if value != "" || k.failed(path) {
		return false
	}
	k.doc.Errorf(path, "%s is missing; %s", path, advice)
	return true
}

func (k *configCheck) mailAddress(path, value string) { k.check(path, value, catalog.CheckMail) }

func (k *configCheck) oneOf(path, value string, of ...string) {
	if value != "" && !slices.Contains(of, value) {
		k.doc.Errorf(path, "%s is unknown; use %s", k.doc.Quote(path, value), list(of))
	}
}

func list(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

func (k *configCheck) top() {
	c := k.c
	if !k.missing("listen", c.Listen, `add it, as in listen: ":8080"`) {
		k.check("listen", c.Listen, checkListen)
	}
	k.url("public_url", &c.PublicURL)
	if !k.missing("store", c.Store, "add it, as in store: bolt:/var/lib/imbot/imbot.db") {
		k.store()
	}
	c.Catalog = within(k.folder, c.Catalog)
	if c.Timezone == "" {
		c.Timezone = "UTC"
	}
	k.check("timezone", c.Timezone, catalog.CheckTimezone)
	c.location, _ = incident.Zone(c.Timezone)
	k.check("language", c.Language, catalog.CheckLanguage)
	if c.Language == "" {
		c.Language = "en"
	}
}

func checkListen(s string) error {
	_, port, err := net.SplitHostPort(s)
	if n, numErr := strconv.ParseUint(port, 10, 16); err != nil || numErr != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf(`is not an address to listen on; write it as in ":8080" or "127.0.0.1:8080"`)
	}
	return nil
}

// store checks the store without showing it: it may hold a password.
func (k *configCheck) store() {
	s := k.c.Store
	if path, ok := strings.CutPrefix(s, "bolt:"); ok {
		if path == "" {
			k.doc.Errorf("store", "bolt: needs a file; write it as in bolt:/var/lib/imbot/imbot.db")
			return
		}
		k.c.Store = "bolt:" + within(k.folder, path)
		return
	}
	k.doc.Errorf("store", "this store is unknown; use bolt:PATH, as in bolt:/var/lib/imbot/imbot.db: one file, for one imbot")
}

// emptySections refuses a section whose content is missing or commented out:
// it is not clear whether it should be on.
func (k *configCheck) emptySections() {
	for _, s := range []struct {
		name   string
		absent bool
	}{{"teams", k.c.Teams == nil}, {"pagerduty", k.c.PagerDuty == nil}, {"newrelic", k.c.NewRelic == nil}, {"prometheus", k.c.Prometheus == nil}, {"backstage", k.c.Backstage == nil}, {"jira", k.c.Jira == nil}, {"mail", k.c.Mail == nil}, {"web", k.c.Web == nil}, {"confluence", k.c.Confluence == nil}} {
		if s.absent && k.doc.Has(s.name) && !k.failed(s.name) {
			k.doc.Errorf(s.name, "the section %s is empty; fill it in, or remove it to turn %s off", s.name, s.name)
		}
	}
}

// url checks the address of a service, and cuts the slash at its end. Plain
// http is for this machine only. The address is not shown where it may hold a
// secret.
func (k *configCheck) url(path string, value *string) {
	if *value == "" {
		return
	}
	u, err := url.Parse(*value)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || (u.Scheme != "https" && u.Scheme != "http"):
		k.doc.Errorf(path, "this is not a web address; write it as in https://imbot.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		k.doc.Errorf(path, "this address has a user, a query or a fragment; give scheme, host and path only")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		k.doc.Errorf(path, "plain http is for this machine only; use https")
	}
	*value = strings.TrimRight(*value, "/")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

func (k *configCheck) pagerDuty(p *PagerDutyConfig) {
	if len(p.WebhookSecrets) == 0 && !k.failed("pagerduty.webhook_secrets") {
		k.doc.Errorf("pagerduty.webhook_secrets", "pagerduty.webhook_secrets is missing; without one every webhook would be refused: add the secret that PagerDuty showed when the webhook was made, or remove the section")
	}
	for i, s := range p.WebhookSecrets {
		if at := fmt.Sprintf("pagerduty.webhook_secrets[%d]", i); strings.TrimSpace(s.Reveal()) == "" && !k.failed(at) {
			k.doc.Errorf(at, "this secret is empty; fill it in or remove it")
		}
	}
	k.mailAddress("pagerduty.from", p.From)
	k.url("pagerduty.url", &p.URL)
	k.check("pagerduty.subscription_id", p.SubscriptionID, func(s string) error {
		if strings.ContainsAny(s, " /?#") || len(s) > 64 {
			return fmt.Errorf("is not an id of PagerDuty; copy it from the address of the webhook's page, as in PSUB123")
		}
		return nil
	})
	switch {
	case !k.doc.Has("pagerduty.reconcile") || p.Reconcile == 0 && k.failed("pagerduty.reconcile"):
		p.Reconcile = Duration(5 * time.Minute)
	case p.Reconcile.Std() < 30*time.Second:
		k.doc.Errorf("pagerduty.reconcile", "this is too often for PagerDuty's limits; use 30s or more")
	}
	if p.APIToken != "" && p.From == "" {
		k.warn("pagerduty.from: not set; what people do who are not in PagerDuty cannot be told to it")
	}
}

const minToken = 16 // characters; a shorter token can be guessed

func (k *configCheck) api() {
	names, tokens := map[string]int{}, map[Secret]int{}
	for i, t := range k.c.API.Tokens {
		at := fmt.Sprintf("api.tokens[%d]", i)
		if t.Name == "" && !k.failed(at+".name") {
			k.doc.Errorf(at+".name", "the token has no name; add one, as in name: ci: it is shown as who did something")
		}
		k.check(at+".name", t.Name, catalog.CheckName)
		if first, twice := names[strings.ToLower(t.Name)]; twice && t.Name != "" {
			k.doc.Errorf(at+".name", "the name %s is there twice, first in %s; give each token its own", k.doc.Quote(at+".name", t.Name), k.doc.Where(fmt.Sprintf("api.tokens[%d].name", first)))
		} else {
			names[strings.ToLower(t.Name)] = i
		}
		k.oneOf(at+".role", t.Role, "viewer", "responder", "admin")
		if t.Role == "" && !k.failed(at+".role") {
			k.doc.Errorf(at+".role", "the token has no role; add role: viewer, responder or admin")
		}
		first, twice := tokens[t.Token]
		tokens[t.Token] = i
		switch path := at + ".token"; {
		case k.failed(path):
		case len(t.Token) < minToken:
			k.doc.Errorf(path, "the token is shorter than %d characters; make one with: openssl rand -hex 32", minToken)
		case twice:
			k.doc.Errorf(path, "this token is there twice, first in %s; give each name its own", k.doc.Where(fmt.Sprintf("api.tokens[%d].token", first)))
		}
	}
}

func (k *configCheck) access() {
	a := &k.c.Access
	if a.Default == "admin" {
		k.doc.Errorf("access.default", "everybody would be an admin; use viewer or responder, and name the admins")
	} else {
		k.oneOf("access.default", a.Default, "viewer", "responder")
	}
	if a.Default == "" {
		a.Default = "responder"
	}
	for _, l := range []struct {
		path string
		ids  []string
	}{{"access.admins", a.Admins}, {"access.viewers", a.Viewers}} {
		for i, id := range l.ids {
			at := fmt.Sprintf("%s[%d]", l.path, i)
			if k.failed(at) {
				continue
			}
			if oid, ok := strings.CutPrefix(id, "aad:"); ok {
				k.check(at, oid, catalog.CheckGUID)
			} else if catalog.CheckMail(id) != nil {
				k.doc.Errorf(at, "%s is nobody; write a mail address, or aad: and the object id in Entra", k.doc.Quote(at, id))
			}
			l.ids[i] = strings.ToLower(id)
		}
	}
	for i, id := range a.Viewers {
		if slices.Contains(a.Admins, id) {
			at := fmt.Sprintf("access.viewers[%d]", i)
			k.doc.Errorf(at, "%s is an admin too; keep one", k.doc.Quote(at, id))
		}
	}
}

func (k *configCheck) retention() {
	const day = Duration(24 * time.Hour)
	for _, r := range []struct {
		path    string
		value   *Duration
		without Duration
	}{{"retention.raw", &k.c.Retention.Raw, 100 * day}, {"retention.keys", &k.c.Retention.Keys, 7 * day}} {
		switch {
		case !k.doc.Has(r.path):
			*r.value = r.without
		case *r.value < day && !k.failed(r.path):
			k.doc.Errorf(r.path, "this is too short: deliveries are repeated for up to a day; use 1d or more")
		}
	}
	k.span("retention.changes", &k.c.Retention.Changes, 30*24*time.Hour, 24*time.Hour, 3650*24*time.Hour)
}
