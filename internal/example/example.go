// Package example leads an incident through its life by the real rules, for the
// tests of what shows incidents: cards, letters and documents.
package example

import (
	"slices"
	"testing"
	"time"

	"imbot/incident"
	"imbot/query"
)

// Start is when the incident begins. Each command takes eleven minutes.
var Start = time.Date(2026, 12, 31, 1, 4, 5, 678, time.UTC)

// Who takes part: the squad's lead, the service's owner, and the pager.
var (
	Ani       = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	Budi      = incident.Actor{Kind: incident.KindUser, ID: "budi@example.com", Name: "Budi_Santoso"}
	PagerDuty = incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}
)

// World is the incident and what is known besides.
type World struct {
	T     testing.TB
	Inc   *incident.Incident
	Facts incident.Facts
	Now   time.Time
	Log   []incident.Event
}

// New returns a world in which nothing has happened yet.
func New(t testing.TB) *World {
	return &World{
		T: t, Now: Start, Inc: &incident.Incident{ID: 42},
		Facts: incident.Facts{
			Levels:  incident.DefaultLevels(),
			Verdict: incident.Verdict{Level: incident.ServiceDown, Rule: "is down", No: 3},
			Service: incident.ServiceInfo{
				Key: "checkout", Name: "Checkout", Squad: "payments", Owner: Budi.ID, Tier: 1, Known: true,
				Links: []incident.LinkURL{{Title: "Runbook", URL: "https://wiki.example.com/checkout"}},
			},
			Squad:  incident.SquadInfo{Key: "payments", Name: "Payments", Lead: Ani.ID, Known: true},
			Route:  incident.Route{Channel: "19:payments@thread.tacv2", Mode: incident.ModeLive},
			Notice: func(string) incident.Notice { return incident.Notice{Card: true} },
			Person: func(a incident.Actor) incident.Actor { return a },
		},
	}
}

// Do carries a command out.
func (w *World) Do(verb incident.Verb, by incident.Actor, args incident.Args) *World {
	w.T.Helper()
	cmd := incident.Command{Verb: verb, Actor: by, Role: incident.RoleAdmin, Args: args}
	if by.Kind == incident.KindVendor {
		cmd.At, cmd.Source = w.Now, by.ID
		cmd.Ref = &incident.Ref{System: by.ID, ID: "Q1", Role: incident.RoleAlert, URL: "https://example.pagerduty.com/incidents/Q1"}
	}
	events, _, err := incident.Apply(w.Inc, cmd, w.Facts, w.Now)
	if err != nil {
		w.T.Fatalf("%s: %v", verb, err)
	}
	w.Log = append(w.Log, events...)
	return w.Pass(11 * time.Minute)
}

// Pass lets time pass.
func (w *World) Pass(d time.Duration) *World {
	w.Now = w.Now.Add(d)
	return w
}

// Trigger opens it by the pager.
func (w *World) Trigger(title string) *World {
	w.T.Helper()
	return w.Do(incident.Trigger, PagerDuty, incident.Args{Alert: &incident.Alert{
		Title: title, Service: "Checkout", ServiceID: "PABC123", Priority: "P1", Assignees: []incident.Actor{Ani, Budi},
		Links: []incident.LinkURL{{Title: "New Relic", URL: "https://one.newrelic.com/x?y=(1)&z=2"}},
	}})
}

// RCA writes an RCA with markup and long lines in it.
func (w *World) RCA(complete bool) *World {
	w.T.Helper()
	return w.Do(incident.WriteRCA, Ani, incident.Args{Complete: complete, RCA: map[string]string{
		"summary": "The pool ran dry.\nNobody could pay.\n\n# Not a heading", "impact": "1 of 3 payments failed <b>hard</b>",
		"root_cause": "A leak of connections in *checkout_api* 2.3: each request that timed out kept the connection it had, until none was left for anybody.",
		"category":   "capacity", "five_whys": "the pool was empty\nconnections leaked", "resolution_steps": "1. rolled back\n2. raised the limit",
	}})
}

// Action adds an action. due is a date, or empty; owner may be nil.
func (w *World) Action(title, due string, owner *incident.Actor) *World {
	w.T.Helper()
	return w.Do(incident.DoAction, Ani, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: title, Due: due, Owner: owner}})
}

// View is what query.Reader makes of it.
func (w *World) View() *query.View {
	v := &query.View{
		Incident: w.Inc, Levels: w.Facts.Levels, Service: w.Facts.Service, Squad: w.Facts.Squad, Timeline: w.Log,
		Links: slices.Clone(w.Facts.Service.Links), Page: "https://imbot.example.com/incidents/" + w.Inc.ID.String(),
	}
	v.Level, _ = v.Levels.Get(w.Inc.Level)
	v.Owner, v.Lead = called(w.Facts.Service.Owner), called(w.Facts.Squad.Lead)
	if w.Inc.Alert != nil {
		v.Links = append(v.Links, w.Inc.Alert.Links...)
	}
	if ref, ok := w.Inc.AlertRef(); ok {
		v.Links = append(v.Links, incident.LinkURL{Title: "PagerDuty", URL: ref.URL})
	}
	return v
}

// called is somebody of whom the catalog tells the mail.
func called(mail string) incident.Actor {
	for _, p := range []incident.Actor{Ani, Budi} {
		if p.ID == mail {
			return p
		}
	}
	return incident.Actor{Kind: incident.KindUser, ID: mail}
}

// Opened is one that the pager has reported.
func Opened(t testing.TB) *World {
	t.Helper()
	return New(t).Trigger("[prod] checkout_api is *down*")
}

// Acked is one that Ani has.
func Acked(t testing.TB) *World {
	t.Helper()
	return Opened(t).Do(incident.Ack, Ani, incident.Args{})
}

// Resolved is one that Budi has resolved: its RCA is owed.
func Resolved(t testing.TB) *World {
	t.Helper()
	return Acked(t).Do(incident.Resolve, Budi, incident.Args{Text: "rolled back"})
}

// Closed is one with its RCA.
func Closed(t testing.TB) *World {
	t.Helper()
	return Resolved(t).RCA(true)
}
