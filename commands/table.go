package commands

import (
	"strings"

	"imbot/incident"
)

var (
	resolveWords = []string{"fix", "fixed", "resolved"}
	roleWords    = map[string]string{"commander": "commander", "scribe": "scribe"}
	actionOps    = map[string]string{"add": "add", "new": "add", "list": OpList, "done": "done", "reopen": "reopen", "edit": "edit", "due": "due", "assign": "assign"}
	memberOps    = map[string]string{"add": "add", "remove": "remove"}
	timeNames    = map[string]string{
		"impact_started": "impact_started", "impact": "impact_started", "started": "impact_started", "detected": "detected",
		"mitigated": "mitigated", "opened": "opened", "acknowledged": "acknowledged", "acked": "acknowledged",
		"resolved": "resolved", "fixed": "resolved",
	}
	categories = func() map[string]string {
		m := map[string]string{}
		for _, c := range incident.Categories {
			m[c] = c
		}
		return m
	}()
)

// table is all that can be said. Its order is that of the help.
var table = []verb{
	{
		name: "declare", aliases: []string{"new", "create"}, changes: true, menu: 1,
		example: "declare checkout is down service:checkout",
		args: []arg{
			{name: "title", kind: kindText, pos: true, put: func(r *Request, v value) { r.args().Title = v.str }},
			{name: "service", kind: kindWord, put: func(r *Request, v value) { r.args().Service = v.str }},
			{name: "level", kind: kindWord, put: func(r *Request, v value) { r.args().Level = v.str }},
			{name: "description", kind: kindText, put: func(r *Request, v value) { r.args().Description = v.str }},
			{name: "private", kind: kindFlag, put: func(r *Request, v value) { r.args().Private = v.on }},
		},
		finish: formWithout("title", FormDeclare),
	},
	{
		name: "list", aliases: []string{"ls", "incidents"}, menu: 2,
		example: "list open squad:payments since:7d",
		args:    listArgs,
		finish: func(r *Request, _ map[string]value, _ *Env) *incident.Problem {
			filter(r)
			return nil
		},
	},
	{
		name: "show", aliases: []string{"view", "status"}, id: true, menu: 3,
		example: "show INC-42",
	},
	{
		name: "ack", aliases: []string{"acknowledge"}, changes: true, id: true, menu: 4,
		example: "ack INC-42",
	},
	{
		name: "unack", aliases: []string{"unacknowledge"}, changes: true, id: true,
		example: "unack INC-42",
	},
	{
		name: "retry", changes: true, id: true,
		example: "retry INC-42",
	},
	{
		name: "resolve", aliases: resolveWords, changes: true, id: true, loose: true, menu: 5,
		example: "resolve INC-42 rolled back v2.3",
		args:    []arg{{name: "text", kind: kindText, pos: true, show: "what was done", put: putText}},
	},
	{
		name: "reopen", changes: true, id: true, loose: true,
		example: "reopen INC-42 errors are back",
		args:    []arg{{name: "reason", kind: kindText, pos: true, put: putReason}},
	},
	{
		name: "close", changes: true, id: true,
		example: `close INC-42 waive:"false alarm"`,
		args:    []arg{{name: "waive", kind: kindText, lead: true, put: func(r *Request, v value) { r.args().Waive = v.str }}},
	},
	{
		name: "rca", aliases: []string{"postmortem"}, changes: true, id: true, menu: 7,
		example: "rca INC-42",
		args:    append(rcaArgs(), arg{name: "complete", kind: kindFlag, lead: true, put: func(r *Request, v value) { r.args().Complete = v.on }}),
		finish: func(r *Request, got map[string]value, _ *Env) *incident.Problem {
			if len(got) == 0 {
				r.ask(FormRCA)
			}
			return nil
		},
	},
	{
		name: "action", aliases: []string{"actions", "todo"}, changes: true, id: true, loose: true, menu: 8,
		example: `action add INC-42 "add an alert on queue length" owner:me due:friday`,
		args: []arg{
			{name: "op", kind: kindChoice, pos: true, words: actionOps, show: "add|list|done|reopen|edit|due|assign", put: func(r *Request, v value) { action(r).Op = v.str }},
			{name: "n", kind: kindNumber, pos: true, put: func(r *Request, v value) { action(r).N = v.num }},
			{name: "title", kind: kindText, pos: true, put: func(r *Request, v value) { action(r).Title = v.str }},
			{name: "owner", kind: kindPerson, put: func(r *Request, v value) {
				if !v.me {
					action(r).Owner = &v.who
				}
			}},
			{name: "due", kind: kindDate, put: func(r *Request, v value) { action(r).Due = v.str }},
		},
		finish: finishAction,
	},
	{
		name: "note", aliases: []string{"comment"}, changes: true, id: true, loose: true, menu: 6,
		example: "note INC-42 restarted the pods",
		args:    []arg{{name: "text", kind: kindText, pos: true, put: putText}},
		finish:  formWithout("text", FormNote),
	},
	{
		name: "cause", changes: true, id: true, loose: true,
		example: "cause INC-42 deploy-42",
		args: []arg{
			{name: "change", kind: kindWord, pos: true, need: true, put: func(r *Request, v value) { r.args().Change = v.str }},
			{name: "was", kind: kindFlag, pos: true, show: "yes|no", put: func(r *Request, v value) { r.args().Was = v.on }},
		},
		finish: func(r *Request, got map[string]value, _ *Env) *incident.Problem {
			if _, said := got["was"]; !said {
				r.args().Was = true
			}
			return nil
		},
	},
	{
		name: "level", aliases: []string{"severity"}, changes: true, id: true, loose: true,
		example: "level INC-42 service-down all payments fail",
		args: []arg{
			{name: "level", kind: kindWord, pos: true, put: func(r *Request, v value) { r.args().Level = v.str }},
			{name: "reason", kind: kindText, pos: true, put: putReason},
		},
		finish: formWithout("level", FormLevel),
	},
	{
		name: "link", changes: true, id: true, args: linkArgs, arrange: arrangeLink, finish: finishLink,
		example: "link INC-42 duplicate-of INC-41",
	},
	{
		name: "unlink", aliases: []string{"not-related", "unrelated"}, changes: true, id: true, loose: true,
		example: "unlink INC-42 another disk",
		args:    []arg{{name: "reason", kind: kindText, pos: true, put: putReason}},
	},
	{
		name: "undo", changes: true, id: true,
		example: "undo INC-42",
	},
	{
		name: "time", changes: true, id: true,
		example: "time INC-42 detected 15:04 from the support tickets",
		form:    FormTime,
		args: []arg{
			{name: "time", kind: kindChoice, pos: true, need: true, words: timeNames, show: "which", put: func(r *Request, v value) { r.args().Time = v.str }},
			{name: "value", kind: kindClock, pos: true, need: true, show: "when", put: func(r *Request, v value) { r.args().Value = v.when }},
			{name: "reason", kind: kindText, pos: true, put: putReason},
		},
	},
	{
		name: "assign", changes: true, id: true, menu: 9,
		example: "assign INC-42 me",
		args: []arg{
			{name: "role", kind: kindChoice, pos: true, words: roleWords, show: "commander|scribe", put: func(r *Request, v value) { r.args().Role = v.str }},
			{name: "person", kind: kindPerson, pos: true, need: true, put: putPerson},
		},
	},
	{
		name: "room", aliases: []string{"warroom", "war-room"}, changes: true, id: true, loose: true, args: roomArgs, arrange: arrangeRoom,
		example: "room INC-42 add ani@example.com",
	},
	{
		name: "member", aliases: []string{"members"}, changes: true, id: true,
		example: "member INC-42 add ani@example.com",
		args: []arg{
			{name: "op", kind: kindChoice, pos: true, words: memberOps, show: "add|remove", put: func(r *Request, v value) { r.args().Remove = v.str == "remove" }},
			{name: "person", kind: kindPerson, pos: true, need: true, put: putPerson},
		},
	},
	{
		name: "public", changes: true, id: true, loose: true,
		example: "public INC-42 the fix is released",
		args:    []arg{{name: "reason", kind: kindText, pos: true, need: true, put: putReason}},
	},
	{
		name: "update", aliases: []string{"say"}, changes: true, id: true, loose: true, args: reportArgs, finish: formWithout("text", FormUpdate),
		example: `update INC-42 rolling back customers:"cannot pay by card" next_update:15:30`,
	},
	{
		name: "subscribe", aliases: []string{"follow"}, changes: true, id: true, finish: subscribing(false),
		example: "subscribe INC-42",
		args:    []arg{{name: "person", kind: kindPerson, pos: true, put: putPerson}},
	},
	{
		name: "unsubscribe", aliases: []string{"unfollow"}, changes: true, id: true, finish: subscribing(true),
		example: "unsubscribe INC-42",
		args:    []arg{{name: "person", kind: kindPerson, pos: true, put: putPerson}},
	},
	{
		name: "remind", changes: true, id: true, args: remindArgs,
		example: "remind INC-42 snooze 1h",
	},
	{
		name: "page", aliases: []string{"wake"}, changes: true, id: true, args: pageArgs, finish: finishPage, form: FormPage,
		example: "page INC-42 dba the primary is gone",
	},
	{
		name: "mute", aliases: []string{"mutes", "snooze"}, args: muteArgs, arrange: arrangeMute, finish: finishMute,
		example: "mute checkout 2h upgrading the database",
	},
	{
		name: "unmute", example: "unmute checkout",
		args: []arg{{name: "target", kind: kindText, pos: true, need: true, show: "service or squad", put: func(r *Request, v value) { r.Target = incident.Line(v.str) }}},
	},
	{
		name: "similar", id: true, example: "similar INC-42",
	},
	{
		name: "stats", example: "stats links since:90d",
		args: []arg{
			{name: "topic", kind: kindChoice, pos: true, words: map[string]string{"links": "links", "link": "links"}, put: func(r *Request, v value) { r.Topic = v.str }},
			{name: "since", kind: kindSince, pos: true, put: func(r *Request, v value) { r.Since = v.when }},
		},
		finish: func(r *Request, _ map[string]value, _ *Env) *incident.Problem {
			r.Topic = "links"
			return nil
		},
	},
	{
		name: "oncall", aliases: []string{"standby", "duty"}, example: "oncall checkout",
		args: []arg{{name: "about", kind: kindText, pos: true, show: "service, squad or role", put: func(r *Request, v value) { r.Target = v.str }}},
	},
	{
		name: "connect", example: "connect payments",
		args: []arg{{name: "squad", kind: kindKey, pos: true, need: true, put: putSquad}},
	},
	{
		name: "disconnect", example: "disconnect payments",
		args: []arg{{name: "squad", kind: kindKey, pos: true, put: putSquad}},
	},
	{
		name: "test", example: "test payments",
		args: []arg{{name: "squad", kind: kindKey, pos: true, put: putSquad}},
	},
	{
		name: "mail", example: "mail off",
		args: []arg{{name: "op", kind: kindChoice, pos: true, words: map[string]string{"on": OpOn, "off": OpOff}, show: "on|off", put: func(r *Request, v value) { r.Op = v.str }}},
	},
	{
		name: "help", aliases: []string{"?", "hi", "hello"}, menu: 10, example: "help",
		args:   []arg{{name: "topic", kind: kindWord, pos: true, show: "verb", put: func(r *Request, v value) { r.Topic = v.str }}},
		finish: finishHelp,
	},
}

func putText(r *Request, v value)   { r.args().Text = v.str }
func putReason(r *Request, v value) { r.args().Reason = v.str }
func putSquad(r *Request, v value)  { r.Squad = v.str }

func putPerson(r *Request, v value) {
	if !v.me {
		r.args().Person = &v.who
	}
}

func action(r *Request) *incident.ActionArgs {
	if r.args().Action == nil {
		r.args().Action = &incident.ActionArgs{}
	}
	return r.args().Action
}

// rcaArgs are the fields of an RCA, in the order of its form.
func rcaArgs() []arg {
	names := []string{"summary", "impact", "detection", "root_cause", "category", "five_whys", "contributing_factors", "resolution_steps", "lessons"}
	out := make([]arg, len(names))
	for i, n := range names {
		out[i] = arg{name: n, kind: kindText, put: func(r *Request, v value) {
			if r.args().RCA == nil {
				r.args().RCA = map[string]string{}
			}
			r.args().RCA[n] = v.str
		}}
		if n == "category" {
			out[i].kind, out[i].words = kindChoice, categories
		}
	}
	return out
}

// formWithout shows the form where the argument that matters is missing.
func formWithout(name, form string) func(*Request, map[string]value, *Env) *incident.Problem {
	return func(r *Request, got map[string]value, _ *Env) *incident.Problem {
		if strings.TrimSpace(got[name].str) == "" {
			r.ask(form)
		}
		return nil
	}
}

// changeAction reads what a follow-up is to be changed to: the text after its
// number, or the argument of that name. "none" takes a date or an owner away.
func changeAction(a *incident.ActionArgs, got map[string]value, r *Request, env *Env) *incident.Problem {
	text := strings.TrimSpace(a.Title)
	none := strings.EqualFold(text, "none")
	var p *incident.Problem
	switch {
	case a.Op == "edit" && text != "":
	case a.Op == "due" && got["due"].str != "":
	case a.Op == "due" && none:
		a.Due = ""
	case a.Op == "due" && text != "":
		a.Due, p = date("due", text, env)
	case a.Op == "assign" && (a.Owner != nil || got["owner"].me):
	case a.Op == "assign" && none:
		a.Owner = nil
	case a.Op == "assign" && text != "":
		var who incident.Actor
		var me bool
		if who, me, p = person("owner", text, env); me {
			r.Me = true
		} else {
			a.Owner = &who
		}
	default:
		what := map[string]string{"edit": "a new title", "due": "2026-12-31", "assign": "ani@example.com"}[a.Op]
		return problem("title", "usage", "verb", "action", "usage", "action "+a.Op+" <incident> <n> …", "example", env.Prefix+"action "+a.Op+" INC-42 1 "+what)
	}
	if a.Op != "edit" {
		a.Title = ""
	}
	return p
}

// finishAction tells apart what can be done with follow-ups.
func finishAction(r *Request, got map[string]value, env *Env) *incident.Problem {
	a := action(r)
	switch {
	case a.Op == "" && got["title"].str != "":
		a.Op = "add"
	case a.Op == "":
		a.Op = OpList
	}
	r.Op = a.Op
	switch {
	case a.Op == OpList:
		r.Command = nil
	case a.Op == "add" && strings.TrimSpace(a.Title) == "":
		r.ask(FormAction)
	case a.Op != "add" && a.N == 0:
		return problem("n", "usage", "verb", "action", "usage", "action "+a.Op+" <incident> <n>", "example", env.Prefix+"action "+a.Op+" INC-42 1")
	case a.Op == "edit" || a.Op == "due" || a.Op == "assign":
		return changeAction(a, got, r, env)
	case a.Op != "add" && a.Title != "":
		return problem("title", "too_much", "typed", quote(a.Title), "verb", "action "+a.Op, "example", env.Prefix+"action "+a.Op+" INC-42 1")
	}
	return nil
}
