package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphsim"
)

// TestInstallFaults: somebody becomes the commander who has never met imbot, and
// whom Teams would tell nothing of it. Each call on the way to their first
// message goes wrong in each way, each vendor is down for half an hour, imbot is
// killed before and after each step: they are told, once, and the timeline has by
// which way.
func TestInstallFaults(t *testing.T) {
	rows := []plan{
		{step: step{"graph", "look up user"}},
		{step: step{"graph", "install for person"}},
		{step: step{"graph", "list own apps"}},
		{step: step{"graph", "find 1:1 chat"}},
		{step: step{"teams", "post in 1:1 chat"}},
		{step: step{vendor: "graph"}, down: true},
	}
	for _, row := range rows {
		for _, fault := range allFaults {
			p := row
			p.fault, p.install = fault, true
			if p.down && p.killed() {
				continue // it would not come to life
			}
			name := p.name
			if p.down {
				name = "down for 30 min"
			}
			t.Run(p.vendor+": "+name+" "+fault, func(t *testing.T) {
				t.Parallel()
				newOffice(t, p).needFajar()
			})
		}
	}
	t.Run("all is well", func(t *testing.T) {
		o := newOffice(t, plan{install: true})
		if how, after := o.needFajar(); how != "chat" || after > time.Second {
			t.Errorf("told by %s after %s", how, after)
		}
	})
}

// needFajar makes Fajar the commander, and looks at what becomes of it.
func (o *office) needFajar() (how string, after time.Duration) {
	o.t.Helper()
	fajar := o.teams.AddUser(botframeworksim.User{Name: "Fajar", Mail: "fajar@example.com"})
	o.teamsIDs[fajar.AADObjectID], o.names[fajar.AADObjectID] = fajar.ID, "fajar"
	o.graph.AddUser(graphsim.User{ID: fajar.AADObjectID, Name: "Fajar", Mail: fajar.Mail})
	o.began = o.Now()
	_, err := o.app.service.Do(o.t.Context(), incident.Command{
		Verb: incident.Declare, Actor: *person("ani"), Role: incident.RoleAdmin, Source: incident.SourceTeams,
		Args: incident.Args{Title: "Checkout is slow", Service: "checkout", Level: "other"}, // without a room, for which he would be looked up
	})
	must(o.t, err)
	o.settle(time.Minute)
	o.gate.Lock()
	o.armed = true
	o.gate.Unlock()
	o.began = o.Now()
	o.do(incident.Assign, incident.Args{Role: "commander", Person: person("fajar")})
	o.settle(30 * time.Minute)
	o.heal()
	o.settle(time.Hour)
	if o.plan.fault != "" && o.hits == 0 {
		o.t.Error("nothing went wrong: the story does not come here")
	}
	how, after = o.toldBy("fajar")
	o.checkTold(how, fajar)
	if limit := 90 * time.Second; after > limit {
		o.t.Errorf("they were told by %s after %s", how, after)
	}
	for _, e := range o.effects() {
		if e.State != incident.EffectDone && e.State != incident.EffectSkipped {
			o.t.Errorf("%s is %s: %s", e.Key, e.State, e.Error)
		}
	}
	return how, after
}

// toldBy is by which way somebody was told, and how long after they were to be.
func (o *office) toldBy(who string) (how string, after time.Duration) {
	o.t.Helper()
	var line []incident.Event
	must(o.t, o.app.store.View(o.t.Context(), func(tx incident.Tx) (err error) {
		line, err = tx.Timeline(1, 0, 1000)
		return err
	}))
	var ways []string
	for _, e := range line {
		if e.Kind == incident.EvTold && e.Data["person"] == who && e.Data["op"] != "installed" {
			ways, after = append(ways, e.Data["op"]), e.At.Sub(o.began)
			if e.Data["op"] == "mail" && e.Text == "" {
				o.t.Error("the timeline does not say why by mail")
			}
		}
	}
	if len(ways) != 1 {
		o.t.Fatalf("they were told %q, want once", ways)
	}
	return ways[0], after
}

// checkTold wants one message, there where the timeline says.
func (o *office) checkTold(how string, fajar botframeworksim.User) {
	o.t.Helper()
	posts, mails := len(o.teams.Posts(o.teams.Personal(fajar.ID))), 0
	for _, m := range o.mail.Mails() {
		if slices.Contains(m.To, fajar.Mail) && strings.HasPrefix(m.MessageID, "<INC-1.direct.") {
			mails++
		}
	}
	again := 0 // Teams can't be asked whether a post whose answer was lost is there
	if o.plan.vendor == "teams" && (o.plan.fault == lost || o.plan.fault == killAfter || o.plan.fault == timeout) {
		again = 1
	}
	if want := map[string][2]int{"chat": {1, 0}, "mail": {0, 1}}[how]; posts < want[0] || posts > want[0]+again || mails != want[1] {
		o.t.Errorf("told by %s: %d posts and %d mails", how, posts, mails)
	}
	if n := len(o.graph.OwnApps(fajar.AADObjectID)); n > 1 || n == 0 && how == "chat" {
		o.t.Errorf("told by %s, and imbot is installed %d times", how, n)
	}
	o.t.Logf("told by %s", how)
}
