package commands

import (
	"errors"
	"maps"
	"strings"
	"time"

	"imbot/incident"
)

// remindOps is how people answer a reminder.
var remindOps = map[string]string{
	"working": incident.RemindWorking, "still": incident.RemindWorking,
	"mitigated": incident.RemindMitigated,
	"help":      incident.RemindHelp,
	"snooze":    incident.RemindSnooze, "later": incident.RemindSnooze,
	"stop": incident.RemindStop, "off": incident.RemindStop,
	"start": incident.RemindStart, "on": incident.RemindStart,
}

var reportArgs = []arg{
	{name: "text", kind: kindText, pos: true, show: "what is being done", put: putText},
	{name: "customers", kind: kindText, put: func(r *Request, v value) { r.args().Customers = v.str }},
	{name: "next_update", kind: kindClock, ahead: true, show: "next_update", put: func(r *Request, v value) { r.args().NextUpdate = v.when }},
}

var remindArgs = []arg{
	{name: "op", kind: kindChoice, pos: true, need: true, words: remindOps, show: "working|mitigated|help|snooze|stop|start", put: putOp},
	{name: "for", kind: kindSpan, pos: true, put: func(r *Request, v value) { r.args().For = v.span }},
	{name: "person", kind: kindPerson, put: putPerson},
	{name: "role", kind: kindWord, put: func(r *Request, v value) { r.args().Role = strings.ToLower(v.str) }},
	{name: "reason", kind: kindText, put: putReason},
}

// pageArgs: whom is a person, or else a role of standby.
var pageArgs = []arg{
	{name: "who", kind: kindWord, pos: true, need: true, show: "role or person", put: func(*Request, value) {}},
	{name: "reason", kind: kindText, pos: true, put: putReason},
}

// FromCardAt is FromCard where the clock is known and whoever pressed: the hour
// of the next status update is understood as it is typed, such as "15:30".
func FromCardAt(data map[string]any, env Env) (Request, error) {
	const name = "next_update"
	typed, _ := data[name].(string)
	if typed = clean(typed); typed == "" || data["form"] != FormUpdate {
		return FromCard(data)
	}
	at, unclear := clock(name, typed, &env, true)
	if unclear == nil {
		data = maps.Clone(data)
		data[name] = at.Format(time.RFC3339)
	}
	r, err := FromCard(data)
	if r.Values != nil { // the form is shown again as it was filled in
		r.Values[name] = typed
	}
	var p *incident.Problem
	if unclear != nil && errors.As(err, &p) && p.Field == name {
		err = unclear
	}
	return r, err
}

func putOp(r *Request, v value) { r.args().Op = v.str }

// finishPage tells a person from a role: a person is mentioned, has an address,
// or is oneself.
func finishPage(r *Request, got map[string]value, env *Env) *incident.Problem {
	word := got["who"].str
	who, me, p := person("who", word, env)
	switch {
	case p == nil && me:
		r.Me = true
	case p == nil:
		r.args().Person = &who
	case strings.ContainsAny(word, "@<"):
		return p // it was meant to be a person
	default:
		r.args().Role = strings.ToLower(word)
	}
	return nil
}

func subscribing(remove bool) func(*Request, map[string]value, *Env) *incident.Problem {
	return func(r *Request, _ map[string]value, _ *Env) *incident.Problem {
		r.Command.Verb, r.args().Remove = incident.Subscribe, remove
		return nil
	}
}
