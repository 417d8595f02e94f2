package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"imbot/incident"
	"imbot/integrations/hook"
)

// HookConfig is another system that is told of incidents by webhooks.
type HookConfig struct {
	Name         string   `yaml:"name"`          // required
	URL          Secret   `yaml:"url"`           // required; receivers put keys into addresses
	Secret       Secret   `yaml:"secret"`        // required; signs what is sent
	Events       []string `yaml:"events"`        // of incident.HookEvents; default all
	Squads       []string `yaml:"squads"`        // keys; default all
	Levels       []string `yaml:"levels"`        // keys; default all
	AllowPrivate bool     `yaml:"allow_private"` // the address may be of a private network, or of this machine
}

// hookName is part of the keys of effects, and of delivery ids.
var hookName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Wishes are what the configured systems want to be told.
func (c *Config) Wishes() []incident.HookWish {
	var out []incident.HookWish
	for _, h := range c.Hooks {
		out = append(out, incident.HookWish{Name: h.Name, Events: h.Events, Squads: h.Squads, Levels: h.Levels})
	}
	return out
}

func (k *configCheck) hooks() {
	seen := map[string]int{}
	for i := range k.c.Hooks {
		h, at := &k.c.Hooks[i], fmt.Sprintf("hooks[%d]", i)
		if !k.missing(at+".name", h.Name, "add one, as in name: status-page") && !hookName.MatchString(h.Name) {
			k.doc.Errorf(at+".name", "%s can't be part of an id; use up to 40 lower-case letters, digits and hyphens", k.doc.Quote(at+".name", h.Name))
		}
		if first, twice := seen[h.Name]; twice && h.Name != "" {
			k.doc.Errorf(at+".name", "the name %s is there twice, first in %s; give each hook its own", k.doc.Quote(at+".name", h.Name), k.doc.Where(fmt.Sprintf("hooks[%d].name", first)))
		} else {
			seen[h.Name] = i
		}
		k.hookAddress(at+".url", h)
		if !k.failed(at+".secret") && len(h.Secret) < minToken {
			k.doc.Errorf(at+".secret", "the secret is missing or shorter than %d characters; make one with: openssl rand -hex 32", minToken)
		}
		for j, e := range h.Events {
			k.oneOf(fmt.Sprintf("%s.events[%d]", at, j), e, incident.HookEvents...)
		}
		for j, s := range h.Squads {
			h.Squads[j] = strings.ToLower(strings.TrimSpace(s))
		}
		for j, l := range h.Levels {
			k.exists(fmt.Sprintf("%s.levels[%d]", at, j), l)
		}
	}
}

// hookAddress checks an address without showing it.
func (k *configCheck) hookAddress(path string, h *HookConfig) {
	if k.missing(path, h.URL.Reveal(), "add the https address that takes the webhooks") || k.failed(path) {
		return
	}
	if err := checkHook(h.URL.Reveal(), h.AllowPrivate); err != nil {
		k.doc.Errorf(path, "%v", err)
	}
}

func checkHook(address string, private bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || !slices.Contains([]string{"https", "http"}, u.Scheme):
		return errors.New("this is not a web address; write it as in https://status.example.com/in")
	case u.User != nil || u.Fragment != "":
		return errors.New("this address has a user or a fragment; give scheme, host, path and query only: the signature proves who it is from")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("plain http is for this machine only; use https")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if (isLoopback(u.Hostname()) || (err == nil && !hook.Public(ip))) && !private {
		return errors.New("this address is of this machine or of a private network; if that is wanted, add allow_private: true")
	}
	return nil
}
