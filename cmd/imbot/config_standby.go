package main

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"imbot/incident"
)

// StandbyConfig is how a company's own standby tools are asked. Which role asks
// which tool is in the catalog.
type StandbyConfig struct {
	Token Secret   `yaml:"token"` // sent as a bearer token; "" for none
	Hosts []string `yaml:"hosts"` // that get the token; default: all that the catalog names
}

// RemindersConfig is about what people are reminded of.
type RemindersConfig struct {
	Update map[string]Duration `yaml:"update"` // by level: how long without a status update; 0s: never
	RCA    Duration            `yaml:"rca"`    // how long after the end the RCA is overdue; default 5d
	Hours  string              `yaml:"hours"`  // of working days, in which people are reminded of RCAs; default 09:00-17:00
}

// Reminding is how people are reminded.
func (c *Config) Reminding() incident.Reminding {
	r := incident.Reminding{Every: make(map[string]time.Duration, len(c.Reminders.Update)), RCA: c.Reminders.RCA.Std()}
	for level, d := range c.Reminders.Update {
		r.Every[level] = d.Std()
	}
	return r
}

func (k *configCheck) standby() {
	s := &k.c.Standby
	for i, h := range s.Hosts {
		at := fmt.Sprintf("standby.hosts[%d]", i)
		s.Hosts[i] = strings.ToLower(h)
		if _, _, err := net.SplitHostPort(h); err == nil || strings.ContainsAny(h, "/@ ") || h == "" {
			k.doc.Errorf(at, "%s is no host; write it without scheme, port and path, as in standby.example.com", k.doc.Quote(at, h))
		}
	}
	if len(s.Hosts) > 0 && s.Token == "" && !k.failed("standby.token") {
		k.doc.Errorf("standby.hosts", "there is no token that these hosts would get; add standby.token, or remove them")
	}
	if s.Token != "" && len(s.Hosts) == 0 && !k.failed("standby.hosts") {
		k.warn("standby.hosts: not set; every standby tool that the catalog names gets the token")
	}
}

func (k *configCheck) reminders() {
	r := &k.c.Reminders
	for _, level := range slices.Sorted(maps.Keys(r.Update)) {
		at := "reminders.update." + level
		if d := r.Update[level].Std(); k.exists(at, level) && d != 0 && (d < time.Minute || d > 24*time.Hour) {
			k.doc.Errorf(at, "%s is too short or too long; use 1m to 24h, or 0s for never", k.doc.Quote(at, brief(r.Update[level])))
		}
	}
	k.hours(r)
	k.span("reminders.rca", &r.RCA, incident.DefaultRCAWithin, time.Hour, 365*24*time.Hour)
}
