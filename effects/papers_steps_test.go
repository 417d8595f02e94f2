package effects_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"imbot/incident"
)

// alarm is an incident in the pager.
type alarm struct {
	ref   incident.Ref
	alert incident.Alert
	inc   incident.ID
}

// canaries stand in the titles of incidents and of their follow-ups.
var canaries = []string{"xylophone", "zeppelin", "quagga", "okapi"}

func draw[T any](r *rapid.T, what string, of ...T) T { return rapid.SampledFrom(of).Draw(r, what) }

// some draws an incident.
func (p *papers) some(r *rapid.T) incident.ID {
	if len(p.ids) == 0 {
		r.Skip("there is no incident")
	}
	return draw(r, "incident", p.ids...)
}

// by carries out a command of somebody who may do everything; what makes no sense
// is refused, as people are.
func (p *papers) by(who string, cmd incident.Command) *incident.Incident {
	p.advance(time.Second)
	if cmd.Actor.IsZero() {
		cmd.Actor, cmd.Role, cmd.Source = *user(who), incident.RoleAdmin, incident.SourceTeams
	}
	if cmd.Incident != 0 && cmd.Actor.Kind == incident.KindUser {
		if inc := p.inc(cmd.Incident); !inc.Visible(cmd.Actor) && len(inc.Members) > 0 {
			cmd.Actor = inc.Members[0]
		}
	}
	inc, err := p.svc.Do(p.t.Context(), cmd)
	var no *incident.Problem
	b, _ := json.Marshal(cmd.Args)
	p.t.Logf("== %s %s %s by %s: %s (%v)", p.Now().Format("02 15:04:05"), cmd.Verb, cmd.Incident, cmd.Actor.ID, b, err)
	if err != nil && !errors.As(err, &no) {
		p.t.Fatalf("%s %s: %v", cmd.Verb, cmd.Incident, err)
	}
	return inc
}

var team = []string{"ani@example.com", "budi@example.com", "citra@example.com", "dewi@example.com"}

func (p *papers) declare(r *rapid.T) {
	if len(p.ids) == len(canaries) {
		r.Skip("enough")
	}
	word := canaries[len(p.ids)]
	inc := p.by(draw(r, "who", team...), incident.Command{Verb: incident.Declare, Args: incident.Args{
		Title: word + " acts up", Service: draw(r, "service", "checkout", "cart", "finder"),
		Level:   draw(r, "level", incident.HighErrorRate, incident.ServiceDown, incident.Other, "security"),
		Private: rapid.IntRange(0, 9).Draw(r, "private") == 0,
	}})
	p.met(inc.ID, word)
}

func (p *papers) met(id incident.ID, word string) {
	if !slices.Contains(p.ids, id) {
		p.ids, p.words[id] = append(p.ids, id), word
	}
}

// trigger is an alert of the pager, which may have begun a while ago.
func (p *papers) trigger(r *rapid.T) {
	if len(p.ids) == len(canaries) {
		r.Skip("enough")
	}
	word := canaries[len(p.ids)]
	a := &alarm{ref: incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: fmt.Sprint("Q", len(p.alerts))}}
	a.alert = incident.Alert{
		Title: word + draw(r, "what", " is down", " has errors", " nags"), ServiceID: draw(r, "service", "PSVC1", "PSVC2", "PSVC3"),
		Key: draw(r, "key", "a", "b"), CreatedAt: p.Now().Add(-time.Duration(rapid.IntRange(0, 20).Draw(r, "minutes ago")) * time.Minute),
	}
	p.alerts = append(p.alerts, a)
	inc := p.pager(a, incident.Trigger, a.alert.CreatedAt)
	a.inc = inc.ID
	p.met(inc.ID, word)
}

func (p *papers) pager(a *alarm, verb incident.Verb, at time.Time) *incident.Incident {
	alert, merge := a.alert, p.merge
	p.merge = nil
	return p.by("", incident.Command{
		Verb: verb, Ref: &a.ref, At: at, Source: incident.SourcePagerDuty, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty},
		Args: incident.Args{Alert: &alert, Merge: merge},
	})
}

// ring is what the pager says later of an alert, at times late.
func (p *papers) ring(r *rapid.T) {
	if len(p.alerts) == 0 {
		r.Skip("there is no alert")
	}
	a := p.alerts[rapid.IntRange(0, len(p.alerts)-1).Draw(r, "alert")]
	verb := draw(r, "verb", incident.Ack, incident.Resolve, incident.Resolve, incident.Reopen, incident.Update)
	if verb == incident.Update {
		a.alert.Title = p.words[a.inc] + draw(r, "title", " is down", " has errors", " nags")
	}
	into := p.alerts[rapid.IntRange(0, len(p.alerts)-1).Draw(r, "into")]
	if merged := rapid.IntRange(0, 5).Draw(r, "merged") == 0; merged && verb == incident.Resolve && into != a {
		p.merge = &into.ref
	}
	p.pager(a, verb, p.Now().Add(-time.Duration(rapid.IntRange(0, 15).Draw(r, "minutes ago"))*time.Minute))
}

// reload is another catalog.
func (p *papers) reload(r *rapid.T) {
	p.loaded = true
	p.load(draw(r, "owner", "ani@example.com", "dewi@example.com", ""), draw(r, "mode", incident.ModeLive, incident.ModeLive, incident.ModeShadow, incident.ModeMuted))
}

func (p *papers) live(r *rapid.T) {
	cmd := incident.Command{Incident: p.some(r), Verb: draw(r, "verb", incident.Resolve, incident.Ack, incident.Reopen, incident.AddNote, incident.Retry)}
	cmd.Args = incident.Args{Text: p.words[cmd.Incident] + " seen", Reason: p.words[cmd.Incident] + " again"}
	p.by(draw(r, "who", team...), cmd)
}

func (p *papers) level(r *rapid.T) {
	p.by(draw(r, "who", team...), incident.Command{Incident: p.some(r), Verb: incident.SetLevel, Args: incident.Args{
		Level: draw(r, "level", incident.HighErrorRate, incident.ServiceDown, incident.Other, "security"), Reason: "so it is",
	}})
}

func (p *papers) link(r *rapid.T) {
	cmd := incident.Command{Incident: p.some(r), Verb: draw(r, "verb", incident.SetLink, incident.SetLink, incident.Unlink, incident.Undo)}
	if cmd.Verb == incident.SetLink {
		cmd.Args = incident.Args{Parent: p.some(r), LinkKind: draw(r, "kind", incident.LinkDuplicate, incident.LinkCascade)}
	}
	p.by(draw(r, "who", team...), cmd)
}

func (p *papers) action(r *rapid.T) {
	id := p.some(r)
	n := len(p.inc(id).Actions)
	a := incident.ActionArgs{Op: draw(r, "op", "add", "add", "edit", "done", "reopen", "assign", "due")}
	if a.Op == "add" && n == 3 || a.Op != "add" && n == 0 {
		r.Skip("not now")
	}
	if a.Op != "add" {
		a.N = rapid.IntRange(1, n).Draw(r, "n")
	}
	a.Title = fmt.Sprint(p.words[id], " thing ", rapid.IntRange(1, 9).Draw(r, "title"))
	if a.Op != "edit" {
		a.Due = draw(r, "due", "", "2026-04-01", "2026-04-02")
		a.Owner = draw(r, "owner", nil, user("ani@example.com"), user("citra@example.com"), user("gone@example.com"))
	}
	p.by(draw(r, "who", team...), incident.Command{Verb: incident.DoAction, Incident: id, Args: incident.Args{Action: &a}})
}

func (p *papers) rca(r *rapid.T) {
	id := p.some(r)
	cmd := incident.Command{Verb: incident.WriteRCA, Incident: id, Args: incident.Args{RCA: map[string]string{"summary": p.words[id] + draw(r, "text", " broke", " failed")}}}
	switch draw(r, "what", "draft", "complete", "complete", "waive") {
	case "complete":
		for _, f := range []string{"impact", "root_cause", "resolution_steps"} {
			cmd.Args.RCA[f] = p.words[id]
		}
		cmd.Args.RCA["category"], cmd.Args.Complete = "code", true
	case "waive":
		cmd.Verb, cmd.Args = incident.Close, incident.Args{Waive: p.words[id] + " is known"}
	}
	p.by(draw(r, "who", team...), cmd)
}

func (p *papers) privacy(r *rapid.T) {
	cmd := incident.Command{Incident: p.some(r), Verb: draw(r, "verb", incident.Publicise, incident.Member), Args: incident.Args{Reason: "over"}}
	if cmd.Verb == incident.Member {
		cmd.Args.Person, cmd.Args.Remove = user(draw(r, "person", team...)), rapid.Bool().Draw(r, "remove")
	}
	p.by(draw(r, "who", team...), cmd)
}

func (p *papers) person(r *rapid.T) {
	cmd := incident.Command{Incident: p.some(r), Verb: draw(r, "verb", incident.Assign, incident.Subscribe, incident.Report, incident.Remind)}
	cmd.Args = incident.Args{Role: "commander", Person: user(draw(r, "person", append(team, "gone@example.com")...)), Text: p.words[cmd.Incident] + " goes on"}
	switch cmd.Verb {
	case incident.Subscribe:
		cmd.Args.Remove = rapid.Bool().Draw(r, "remove")
	case incident.Remind:
		cmd.Args.Op = draw(r, "op", incident.RemindStop, incident.RemindStart)
	}
	p.by(draw(r, "who", team...), cmd)
}

func (p *papers) prefer(r *rapid.T) {
	p.mute(draw(r, "who", append(team, "boss@example.com", "search-list@example.com")...), rapid.Bool().Draw(r, "no mail"))
}

// wait lets time pass.
func (p *papers) wait(r *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 60).Draw(r, "n"))
	switch draw(r, "unit", "seconds", "seconds", "minutes", "hours", "days") {
	case "seconds":
		d *= time.Second
	case "minutes":
		d *= time.Minute
	case "hours":
		d = (1 + d/4) * time.Hour
	case "days":
		d = (1 + d/10) * 24 * time.Hour
	}
	p.pass(d)
}

func (p *papers) restart(r *rapid.T) {
	p.forget = rapid.IntRange(0, 2).Draw(r, "forgotten")
	p.start()
}
