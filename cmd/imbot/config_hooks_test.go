package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

func TestHooksConfig(t *testing.T) {
	c, err := loadText(minimal + `
hooks:
  - {name: status, url: "https://status.example.com/in?key=secret-of-the-address", secret: 0123456789abcdef, events: [opened, closed], squads: [Payments], levels: [service-down]}
  - {name: own, url: "http://127.0.0.1:9/in", secret: 0123456789abcdef, allow_private: true}
  - {name: inside, url: "https://10.1.2.3/in", secret: 0123456789abcdef, allow_private: true}
`)
	must(t, err)
	want := []incident.HookWish{
		{Name: "status", Events: []string{"opened", "closed"}, Squads: []string{"payments"}, Levels: []string{"service-down"}},
		{Name: "own"},
		{Name: "inside"},
	}
	if d := cmp.Diff(want, c.Wishes()); d != "" {
		t.Errorf("wishes (-want +got):\n%s", d)
	}
	if s := fmt.Sprintf("%v %+v %#v", c.Hooks, c.Hooks, c.Hooks); strings.Contains(s, "secret-of-the-address") || strings.Contains(s, "0123456789abcdef") {
		t.Errorf("printing the configuration shows a secret: %s", s)
	}
}

func TestHooksConfigErrors(t *testing.T) {
	const ok = "name: a, url: \"https://x.example.com\", secret: 0123456789abcdef"
	for hook, want := range map[string]string{
		`{url: "https://x.example.com", secret: 0123456789abcdef}`:              "name is missing",
		`{name: "A b", url: "https://x.example.com", secret: 0123456789abcdef}`: "can't be part of an id",
		`{name: a, secret: 0123456789abcdef}`:                                   "url is missing",
		`{name: a, url: "https://x.example.com"}`:                               "the secret is missing or shorter",
		`{name: a, url: "https://x.example.com", secret: short}`:                "the secret is missing or shorter",
		`{name: a, url: "http://x.example.com", secret: 0123456789abcdef}`:      "plain http is for this machine only",
		`{name: a, url: "https://u:p@x.example.com", secret: 0123456789abcdef}`: "has a user or a fragment",
		`{name: a, url: "x.example.com", secret: 0123456789abcdef}`:             "this is not a web address",
		`{name: a, url: "ftp://x.example.com", secret: 0123456789abcdef}`:       "this is not a web address",
		`{name: a, url: "https://127.0.0.1/x", secret: 0123456789abcdef}`:       "add allow_private: true",
		`{name: a, url: "https://localhost/x", secret: 0123456789abcdef}`:       "add allow_private: true",
		`{name: a, url: "https://169.254.169.254/x", secret: 0123456789abcdef}`: "add allow_private: true",
		`{name: a, url: "https://[fe80::1]/x", secret: 0123456789abcdef}`:       "add allow_private: true",
		`{` + ok + `, events: [open]}`:                                          `"open" is unknown; use opened, changed or closed`,
		`{` + ok + `, levels: [sev1]}`:                                          "sev1",
		`{` + ok + `, event: [opened]}`:                                         `unknown key "event"`,
		`{` + ok + `}, {` + ok + `}`:                                            "there twice",
	} {
		_, err := loadText(minimal + "hooks: [" + hook + "]\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", hook, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "0123456789abcdef") {
			t.Errorf("%s: the error shows the secret: %v", hook, err)
		}
	}
}

func TestStandbyConfig(t *testing.T) {
	c, err := loadText(minimal + "standby: {token: abc, hosts: [Standby.Example.com]}\nreminders: {update: {service-down: 20m, other: 0s}, rca: 3d}\n")
	must(t, err)
	if got := c.Standby.Hosts; len(got) != 1 || got[0] != "standby.example.com" || c.Standby.Token.Reveal() != "abc" {
		t.Errorf("standby: %+v", c.Standby)
	}
	want := incident.Reminding{Every: map[string]time.Duration{"service-down": 20 * time.Minute, "other": 0}, RCA: 72 * time.Hour}
	if d := cmp.Diff(want, c.Reminding()); d != "" {
		t.Errorf("reminders (-want +got):\n%s", d)
	}
	if c, err = loadText(minimal); err != nil || c.Reminding().RCA != incident.DefaultRCAWithin {
		t.Errorf("without the section: %+v, %v", c.Reminders, err)
	}
	if c, err = loadText(minimal + "standby: {token: abc}\n"); err != nil || !strings.Contains(strings.Join(c.Warnings(), " "), "every standby tool") {
		t.Errorf("a token for all hosts: %v, %v", c.Warnings(), err)
	}
	for text, want := range map[string]string{
		"standby: {hosts: [a.example.com]}":                       "no token",
		"standby: {token: a, hosts: [\"https://a.example.com\"]}": "is no host",
		"standby: {token: a, hosts: [\"a.example.com:443\"]}":     "is no host",
		"reminders: {update: {sev1: 5m}}":                         "sev1",
		"reminders: {update: {service-down: 5s}}":                 "use 1m to 24h",
		"reminders: {rca: 1m}":                                    "use 1h to 365d",
		"reminders: {rcas: 1d}":                                   "unknown key",
	} {
		if _, err := loadText(minimal + text + "\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
