package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
)

var faultsFile = flag.String("faults", "", "write the table of TestFaultTable to this `file`")

// faultRow is a line of the table: where it goes wrong.
type faultRow struct {
	title string
	plan  plan // without the fault
}

// faultRows are all kinds of calls that the story makes, in its order by vendor,
// and each vendor that does not work at all for half an hour.
func faultRows() []faultRow {
	var out []faultRow
	add := func(vendor string, names ...string) {
		for _, n := range names {
			name, first, _ := strings.Cut(n, " < ")
			out = append(out, faultRow{vendor + ": " + name, plan{step: step{vendor, name}, first: first}})
			if name == "create chat" || name == "find chat" {
				out = append(out, faultRow{vendor + ": " + name + ", where imbot may not look", plan{step: step{vendor, name}, first: first, blind: true}})
			}
		}
		out = append(out, faultRow{vendor + ": down for 30 min", plan{step: step{vendor: vendor}, down: true}})
	}
	add("teams", "post card", "update card", "post in thread", "post in room", "update in room")
	add("graph", "look up user", "create chat", "find chat < create chat", "look up app", "install", "list members", "add member", "rename")
	add("jira", "read what fields are", "look up user", "create", "search < create", "remote link", "read", "move")
	add("confluence", "look up space", "look for page", "create", "read", "update")
	add("mail", "connect", "RCPT", "DATA")
	add("pagerduty", "alerts", "on-calls", "look up user", "request responder", "find responder < request responder")
	return out
}

// TestFaultTable: one service-down, from PagerDuty's webhook to a complete RCA,
// with each call of each vendor gone wrong in each way, each vendor down for half
// an hour, and imbot killed before and after each step. Whatever goes wrong, people
// are told within a minute, sit in one room, and the paperwork is done once.
func TestFaultTable(t *testing.T) {
	rows := faultRows()
	var mu sync.Mutex
	cells := map[string]string{}
	var calm *office
	t.Run("cells", func(t *testing.T) {
		for _, row := range rows {
			for _, fault := range allFaults {
				p := row.plan
				p.fault = fault
				if p.down && p.killed() {
					continue // it would not come to life
				}
				t.Run(row.title+" "+fault, func(t *testing.T) {
					t.Parallel()
					o := newOffice(t, p)
					o.story()
					got := o.check()
					mu.Lock()
					defer mu.Unlock()
					cells[row.title+" "+fault] = got
					if t.Failed() && os.Getenv("FAULT_LOG") != "" {
						t.Log(o.log.String())
					}
				})
			}
		}
		t.Run("all is well", func(t *testing.T) {
			o := newOffice(t, plan{})
			o.story()
			mu.Lock()
			defer mu.Unlock()
			cells[""] = o.check()
			calm = o
		})
	})
	if calm == nil {
		return
	}
	// What happens is what the table has.
	for s := range calm.seen {
		if !slices.ContainsFunc(rows, func(r faultRow) bool { return r.plan.step == s }) {
			t.Errorf("the story has a step that the table has not: %+v", s)
		}
	}
	t.Log("\n" + faultTable(rows, cells, false))
	if *faultsFile != "" && !t.Failed() {
		must(t, os.WriteFile(*faultsFile, []byte(faultsIntro+faultTable(rows, cells, true)), 0o600))
	}
}

// TestKilledAnywhere kills imbot before and after each single call of the story.
func TestKilledAnywhere(t *testing.T) {
	count := newOffice(t, plan{fault: killBefore, nth: math.MaxInt})
	count.story()
	if count.calls < 30 {
		t.Fatalf("the story has %d calls only", count.calls)
	}
	var mu sync.Mutex
	cells := map[string]int{}
	t.Run("call", func(t *testing.T) {
		for n := range count.calls {
			for _, fault := range []string{killBefore, killAfter} {
				t.Run(fmt.Sprint(n+1, " ", fault), func(t *testing.T) {
					t.Parallel()
					o := newOffice(t, plan{fault: fault, nth: n + 1})
					o.story()
					got := o.check()
					mu.Lock()
					defer mu.Unlock()
					cells[got]++
				})
			}
		}
	})
	for cell, n := range cells {
		t.Logf("%3d × %s", n, cell)
	}
}

// faultTable is the table in Markdown. A short one shows only what is not as it
// is where nothing goes wrong.
func faultTable(rows []faultRow, cells map[string]string, short bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| where | %s |\n|---|%s\n", strings.Join(allFaults, " | "), strings.Repeat("---|", len(allFaults)))
	fmt.Fprintf(&b, "| nothing goes wrong | %s |%s\n", cells[""], strings.Repeat(" |", len(allFaults)-1))
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |", r.title)
		for _, f := range allFaults {
			cell := cells[r.title+" "+f]
			if short && cell == cells[""] {
				cell = "="
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	return b.String()
}

const faultsIntro = `# What happens when something goes wrong

One incident, a service that is down, goes its whole way: PagerDuty's webhook, half an
hour, resolved, RCA complete. All of imbot runs, with simulators of Teams, Microsoft
Graph, Jira, Confluence, a mail server and PagerDuty, in simulated time. In each cell
one thing goes wrong. The table is written by

    go test ./cmd/imbot -run TestFaultTable -faults ../../docs/faults.md

A row says which call goes wrong: the first of its kind. "Down for 30 min": every
call of that vendor, for half an hour. "Where imbot may not look": without the
permission Chat.ReadBasic.All.

A column says how:

- timeout: no answer for as long as a call may take (10 to 20 s; a mail 50 s)
- 500 (mail: 451) and 429 with Retry-After 20 s (mail: 421)
- 403 (mail: 550): refused for good. A person sees that on the card, mends the cause
  after 5 min, or after the half hour, and presses Retry, or asks for the role on standby
  again: R; or asks for the room again: A
- lost: it is done, but the connection breaks before the answer
- killed before, after: imbot ends as by kill -9 right before or after the call, and is
  started again with the same store

A cell has, in this order:

1. chats made for the room; 1+1 is a room and an empty chat, which is counted, and named
   on the card
2. people in the room + people and roles named as missing, with a reason
3. seconds to the card in the squad's channel; ×2: it stands there twice
4. seconds to the first mail that the server took
5. issues in Jira, one for the RCA and one for the action
6. mails, each with its own Message-ID; 8+1: one came twice under the same one
7. how often Dewi was woken, who is on standby, + Ani, who comes next as Dewi does not
   answer
8. pages in Confluence

"=" is as in the first line, where nothing goes wrong. The 1 who is missing there is a
stakeholder without an account. In every cell the incident was recorded and closed, a
card or a mail came within 60 s, and in the end no step was left or had failed that
trying again would have mended.

TestKilledAnywhere ends imbot before and after every single call of the story, not only
the first of its kind, and wants the same.

`

// story is one service-down, from PagerDuty's webhook to a complete RCA.
func (o *office) story() {
	o.t.Helper()
	o.gate.Lock()
	o.armed = true
	o.gate.Unlock()
	o.mailFaults()
	o.began = o.Now()
	o.alert = o.pd.Trigger(pagerdutysim.Spec{
		Title: "Checkout is down", Service: "PSVC01", Assignee: "PBUDI", Alert: pagerdutysim.Alert{Client: "New Relic", Link: "https://one.example.com/1"},
	}).ID
	o.settle(5 * time.Minute)
	if !o.plan.down {
		o.mend()
	}
	o.addAni()
	o.do(incident.DoAction, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: "raise the limit", Owner: person("ani"), Due: "2026-03-20"}})
	o.settle(25 * time.Minute)
	o.heal()
	o.mend()
	o.settle(10 * time.Minute)
	o.addAni()
	must(o.t, o.pd.Resolve(o.alert, "PBUDI"))
	o.settle(5 * time.Minute)
	o.do(incident.WriteRCA, incident.Args{Complete: true, RCA: map[string]string{
		"summary": "s", "impact": "i", "root_cause": "r", "category": "code", "resolution_steps": "r",
	}})
	o.settle(5 * time.Minute)
	o.mend()
	o.settle(3 * time.Hour)
}

// addAni brings Ani into the room, if there is one and she is not in it.
func (o *office) addAni() {
	o.t.Helper()
	r := o.incident().Room
	if r.Usable() && !slices.ContainsFunc(r.People, incident.RoomPerson{Person: *person("ani")}.Is) {
		o.do(incident.OpenRoom, incident.Args{Op: incident.RoomOpAdd, Person: person("ani")})
	}
}

// heal ends all faults.
func (o *office) heal() {
	if !o.plan.down {
		return
	}
	o.gate.Lock()
	o.healed = true
	o.gate.Unlock()
	o.mail.ClearFaults()
}

// mend is what a person does about what has been refused for good: they see it on
// the card, mend the cause, and press the button.
func (o *office) mend() {
	o.t.Helper()
	if o.plan.fault != refused {
		return
	}
	if slices.ContainsFunc(o.effects(), func(e incident.EffectState) bool { return e.State == incident.EffectDead }) {
		o.pressed = true
		o.do(incident.Retry, incident.Args{})
	}
	inc := o.incident()
	if inc.Active() && o.plan.vendor == "pagerduty" && slices.ContainsFunc(inc.Pages, func(p incident.Paged) bool {
		return p.State == incident.PageFailed && p.Detail != effects.WhyNobodyNext
	}) {
		o.pressed = true
		o.do(incident.Page, incident.Args{Role: "dba"})
	}
	if inc.Active() && inc.Room != nil && inc.Room.State == incident.RoomThread {
		o.asked = true
		o.do(incident.OpenRoom, incident.Args{})
	}
}

func person(name string) *incident.Actor {
	return &incident.Actor{Kind: incident.KindUser, ID: name + "@example.com", Name: name}
}

func (o *office) do(verb incident.Verb, args incident.Args) {
	o.t.Helper()
	_, err := o.app.service.Do(o.t.Context(), incident.Command{Verb: verb, Incident: 1, Actor: *person("ani"), Role: incident.RoleAdmin, Source: incident.SourceTeams, Args: args})
	must(o.t, err)
}

func (o *office) effects() (out []incident.EffectState) {
	o.t.Helper()
	must(o.t, o.app.store.View(o.t.Context(), func(tx incident.Tx) (err error) {
		out, err = tx.Effects(1)
		return err
	}))
	return out
}

func (o *office) incident() (out *incident.Incident) {
	o.t.Helper()
	must(o.t, o.app.store.View(o.t.Context(), func(tx incident.Tx) (err error) {
		out, err = tx.Incident(1)
		return err
	}))
	return out
}
