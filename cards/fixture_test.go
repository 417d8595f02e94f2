package cards

import (
	"slices"
	"testing"
	"time"

	"imbot/changes"
	"imbot/incident"
	"imbot/query"
)

var (
	t0   = time.Date(2026, 12, 31, 1, 4, 5, 678, time.UTC)
	ani  = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	budi = incident.Actor{Kind: incident.KindUser, ID: "budi@example.com", Name: "Budi_Santoso"}
	pd   = incident.Actor{Kind: incident.KindVendor, ID: "pagerduty"}
)

// world is an incident that is led through its life by the real rules.
type world struct {
	t     testing.TB
	inc   *incident.Incident
	facts incident.Facts
	now   time.Time
	log   []incident.Event
}

func newWorld(t testing.TB) *world {
	levels := incident.DefaultLevels()
	return &world{
		t: t, now: t0, inc: &incident.Incident{ID: 42},
		facts: incident.Facts{
			Levels:  levels,
			Verdict: incident.Verdict{Level: incident.ServiceDown, Rule: "is down", No: 3},
			Service: incident.ServiceInfo{
				Key: "checkout", Name: "Checkout", Squad: "payments", Owner: budi.ID, Tier: 1, Known: true,
				Links: []incident.LinkURL{{Title: "Runbook", URL: "https://wiki.example.com/checkout"}},
			},
			Squad:  incident.SquadInfo{Key: "payments", Name: "Payments", Lead: ani.ID, Known: true},
			Route:  incident.Route{Channel: "19:payments@thread.tacv2"},
			Notice: func(string) incident.Notice { return incident.Notice{Card: true} },
			Person: func(a incident.Actor) incident.Actor { return a },
		},
	}
}

func (w *world) do(verb incident.Verb, by incident.Actor, args incident.Args) *world {
	w.t.Helper()
	cmd := incident.Command{Verb: verb, Actor: by, Role: incident.RoleAdmin, Args: args}
	if by.Kind == incident.KindVendor {
		cmd.At, cmd.Source = w.now, by.ID
		cmd.Ref = &incident.Ref{System: by.ID, ID: "Q1", Role: incident.RoleAlert, URL: "https://example.pagerduty.com/incidents/Q1"}
	}
	events, _, err := incident.Apply(w.inc, cmd, w.facts, w.now)
	if err != nil {
		w.t.Fatalf("%s: %v", verb, err)
	}
	w.log = append(w.log, events...)
	return w.pass(11 * time.Minute)
}

func (w *world) pass(d time.Duration) *world {
	w.now = w.now.Add(d)
	return w
}

// trigger opens it by the pager.
func (w *world) trigger(title string) *world {
	w.t.Helper()
	return w.do(incident.Trigger, pd, incident.Args{Alert: &incident.Alert{
		Title: title, Service: "Checkout", ServiceID: "PABC123", Priority: "P1", Assignees: []incident.Actor{ani, budi},
		Links: []incident.LinkURL{{Title: "New Relic", URL: "https://one.newrelic.com/x?y=(1)"}},
	}})
}

func (w *world) rca(complete bool) *world {
	w.t.Helper()
	return w.do(incident.WriteRCA, ani, incident.Args{Complete: complete, RCA: map[string]string{
		"summary": "The pool ran dry.\nNobody could pay.", "impact": "1 of 3 payments failed <b>hard</b>", "root_cause": "A leak in *checkout_api* 2.3",
		"category": "code", "resolution_steps": "1. rolled back\n2. raised the limit", "five_whys": "the pool was empty\nconnections leaked",
	}})
}

func (w *world) action(title, due string, owner *incident.Actor) *world {
	w.t.Helper()
	return w.do(incident.DoAction, ani, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: title, Due: due, Owner: owner}})
}

// view is what query.Reader makes of it.
func (w *world) view() *query.View {
	v := &query.View{
		Incident: w.inc, Levels: w.facts.Levels, Service: w.facts.Service, Squad: w.facts.Squad,
		Links: append([]incident.LinkURL{}, w.facts.Service.Links...), Page: "https://imbot.example.com/incidents/" + w.inc.ID.String(), Timeline: w.log,
	}
	v.Level, _ = v.Levels.Get(w.inc.Level)
	if w.inc.Alert != nil {
		v.Links = append(v.Links, w.inc.Alert.Links...)
	}
	if ref, ok := w.inc.AlertRef(); ok {
		v.Links = append(v.Links, incident.LinkURL{Title: "PagerDuty", URL: ref.URL})
	}
	return v
}

func opened(t testing.TB) *world { return newWorld(t).trigger("[prod] checkout_api is *down*") }

func acked(t testing.TB) *world { return opened(t).do(incident.Ack, ani, incident.Args{}) }

func resolved(t testing.TB) *world {
	return acked(t).do(incident.Resolve, budi, incident.Args{Text: "rolled back"})
}

func closed(t testing.TB) *world { return resolved(t).rca(true) }

// judged says that one change was the cause, and that another was not.
func judged(w *world) *world {
	w.t.Helper()
	for i := range nearby {
		c := &nearby[i]
		if c.Verdict == "" {
			continue
		}
		w.do(incident.Judge, ani, incident.Args{Was: c.Verdict == query.VerdictCause, Cause: &incident.Cause{
			Source: c.Source, ID: c.ID, Title: c.Title, URL: c.URL, Service: c.Service, At: c.At,
		}})
	}
	return w
}

// nearby are changes as query.Reader finds them, with the verdicts that judged
// gives.
var nearby = []query.ChangeClaim{
	{
		Change: changes.Change{
			Source: changes.SourceAPI, ID: "deploy-42", Service: "checkout", Title: "Deploy <at>all</at> v2.3 [x](https://evil.example)",
			By: "Dewi_S", Version: "v2.3", URL: "https://ci.example.com/runs/(42)", At: t0.Add(-10 * time.Minute),
		},
		ServiceName: "Checkout", Verdict: query.VerdictCause, DecidedBy: ani,
	},
	{
		Change:      changes.Change{Source: changes.SourceNewRelic, ID: "n1", Service: "checkout", Title: "Feature flag: new-cart", At: t0.Add(-time.Hour), URL: "javascript:alert(1)"},
		ServiceName: "Checkout", Verdict: query.VerdictNot, DecidedBy: budi,
	},
	{
		Change: changes.Change{Source: changes.SourcePagerDuty, ID: "p1", Service: "payments-db", Title: "Raise max_connections", Version: "15.2", At: t0.Add(-time.Minute)},
		Callee: true, ServiceName: "Payments DB",
	},
}

// changed is the view with those changes, as far as they were judged.
func changed(t testing.TB, w *world) *query.View {
	t.Helper()
	v := w.view()
	v.Changes = slices.Clone(nearby)
	for i := range v.Changes {
		c := &v.Changes[i]
		if !slices.ContainsFunc(w.inc.Causes, func(o incident.Cause) bool { return o.Key() == c.Key() }) {
			c.Verdict, c.DecidedBy = "", incident.Actor{}
		}
	}
	return v
}

func unknownService(t testing.TB) *query.View {
	w := newWorld(t)
	w.facts.Service = incident.ServiceInfo{Key: "pd:PXYZ", Name: "legacy-ftp"}
	w.facts.Squad = incident.SquadInfo{}
	w.facts.Verdict = incident.Verdict{Level: incident.Other}
	w.facts.Route = incident.Route{Channel: "19:default", Default: true}
	w.trigger("Certificate expires in 3 days")
	v := w.view()
	v.Links, v.Page = nil, ""
	return v
}

func troubled(t testing.TB) *query.View {
	v := resolved(t).action("Raise the pool limit", "2027-01-15", &budi).action("Alert on pool use", "", nil).view()
	v.Incident.Cards = append(v.Incident.Cards, "19:x")
	for _, e := range []struct{ kind, state, err string }{
		{incident.KindPDResolve, incident.EffectDead, "PagerDuty says 403 [see](https://evil.example)"},
		{incident.KindCard, incident.EffectSkipped, "dry run"},
		{"jira.postmortem", incident.EffectDead, ""},
		{"mail", incident.EffectDead, "x"},
	} {
		v.Trouble = append(v.Trouble, incident.EffectState{Effect: incident.Effect{Kind: e.kind}, State: e.state, Error: e.err})
	}
	return v
}

func related(t testing.TB) *query.View {
	w := resolved(t).pass(time.Hour).do(incident.Reopen, ani, incident.Args{Reason: "errors again"})
	w.facts.Route.Default = true
	w.do(incident.SetLevel, ani, incident.Args{Level: incident.HighErrorRate})
	v := w.view()
	v.Incident.DefaultChan, v.Incident.Shadow, v.Incident.Recurrences = true, true, 3
	v.Incident.Children = []incident.Child{{ID: 43, Kind: incident.LinkDuplicate}, {ID: 44, Kind: incident.LinkDuplicate}, {ID: 45, Kind: incident.LinkCascade}}
	v.Incident.Link = &incident.Link{Kind: incident.LinkCascade, Parent: 41, Rule: "calls", Evidence: []string{"checkout → payments-db, edge last seen 12m before"}, Confidence: .93}
	return v
}

func private(t testing.TB) *query.View {
	w := newWorld(t)
	w.do(incident.Declare, ani, incident.Args{Title: "Customer data in a public bucket", Private: true, Description: "Found by a researcher.\nKeep it quiet."})
	return w.view()
}

func duplicate(t testing.TB) *query.View {
	w := opened(t)
	w.do(incident.Resolve, pd, incident.Args{Merge: &incident.Ref{System: "pagerduty", ID: "Q0"}})
	return w.view()
}
