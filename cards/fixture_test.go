package cards

import (
	"slices"
	"testing"
	"time"

	"imbot/changes"
	"imbot/incident"
	"imbot/internal/example"
	"imbot/query"
)

// Who takes part, and where it begins: see package example.
var (
	t0   = example.Start
	ani  = example.Ani
	budi = example.Budi
)

func opened(t testing.TB) *example.World   { return example.Opened(t) }
func acked(t testing.TB) *example.World    { return example.Acked(t) }
func resolved(t testing.TB) *example.World { return example.Resolved(t) }
func closed(t testing.TB) *example.World   { return example.Closed(t) }

// judged says that one change was the cause, and that another was not.
func judged(w *example.World) *example.World {
	w.T.Helper()
	for i := range nearby {
		c := &nearby[i]
		if c.Verdict == "" {
			continue
		}
		w.Do(incident.Judge, ani, incident.Args{Was: c.Verdict == query.VerdictCause, Cause: &incident.Cause{
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
func changed(t testing.TB, w *example.World) *query.View {
	t.Helper()
	v := w.View()
	v.Changes = slices.Clone(nearby)
	for i := range v.Changes {
		c := &v.Changes[i]
		if !slices.ContainsFunc(w.Inc.Causes, func(o incident.Cause) bool { return o.Key() == c.Key() }) {
			c.Verdict, c.DecidedBy = "", incident.Actor{}
		}
	}
	return v
}

func unknownService(t testing.TB) *query.View {
	w := example.New(t)
	w.Facts.Service = incident.ServiceInfo{Key: "pd:PXYZ", Name: "legacy-ftp"}
	w.Facts.Squad = incident.SquadInfo{}
	w.Facts.Verdict = incident.Verdict{Level: incident.Other}
	w.Facts.Route = incident.Route{Channel: "19:default", Default: true}
	w.Trigger("Certificate expires in 3 days")
	v := w.View()
	v.Links, v.Page = nil, ""
	return v
}

func troubled(t testing.TB) *query.View {
	v := resolved(t).Action("Raise the pool limit", "2027-01-15", &budi).Action("Alert on pool use", "", nil).View()
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
	w := resolved(t).Pass(time.Hour).Do(incident.Reopen, ani, incident.Args{Reason: "errors again"})
	w.Facts.Route.Default = true
	w.Do(incident.SetLevel, ani, incident.Args{Level: incident.HighErrorRate})
	v := w.View()
	v.Incident.DefaultChan, v.Incident.Shadow, v.Incident.Recurrences = true, true, 3
	v.Incident.Children = []incident.Child{{ID: 43, Kind: incident.LinkDuplicate}, {ID: 44, Kind: incident.LinkDuplicate}, {ID: 45, Kind: incident.LinkCascade}}
	v.Incident.Link = &incident.Link{Kind: incident.LinkCascade, Parent: 41, Rule: "calls", Evidence: []string{"checkout → payments-db, edge last seen 12m before"}, Confidence: .93}
	return v
}

func private(t testing.TB) *query.View {
	w := example.New(t)
	w.Do(incident.Declare, ani, incident.Args{Title: "Customer data in a public bucket", Private: true, Description: "Found by a researcher.\nKeep it quiet."})
	return w.View()
}

func duplicate(t testing.TB) *query.View {
	w := opened(t)
	w.Do(incident.Resolve, example.PagerDuty, incident.Args{Merge: &incident.Ref{System: "pagerduty", ID: "Q0"}})
	return w.View()
}
