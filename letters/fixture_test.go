package letters

import (
	"strings"
	"testing"
	"time"

	"imbot/changes"
	"imbot/incident"
	"imbot/query"
)

var (
	t0      = time.Date(2026, 12, 31, 1, 4, 5, 678, time.UTC)
	ani     = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	budi    = incident.Actor{Kind: incident.KindUser, ID: "budi@example.com", Name: "Budi Santoso"}
	pd      = incident.Actor{Kind: incident.KindVendor, ID: "pagerduty"}
	jakarta = time.FixedZone("WIB", 7*60*60)
)

// world is an incident that is led through its life by the real rules.
type world struct {
	t     testing.TB
	inc   *incident.Incident
	facts incident.Facts
	now   time.Time
}

func newWorld(t testing.TB) *world {
	return &world{
		t: t, now: t0, inc: &incident.Incident{ID: 42},
		facts: incident.Facts{
			Levels:  incident.DefaultLevels(),
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
	if _, _, err := incident.Apply(w.inc, cmd, w.facts, w.now); err != nil {
		w.t.Fatalf("%s: %v", verb, err)
	}
	return w.pass(11 * time.Minute)
}

func (w *world) pass(d time.Duration) *world {
	w.now = w.now.Add(d)
	return w
}

func (w *world) trigger(title string) *world {
	w.t.Helper()
	return w.do(incident.Trigger, pd, incident.Args{Alert: &incident.Alert{
		Title: title, Service: "Checkout", ServiceID: "PABC123", Priority: "P1", Assignees: []incident.Actor{ani, budi},
		Links: []incident.LinkURL{{Title: "New Relic", URL: "https://one.newrelic.com/x?y=(1)&z=2"}},
	}})
}

func (w *world) rca(complete bool) *world {
	w.t.Helper()
	return w.do(incident.WriteRCA, ani, incident.Args{Complete: complete, RCA: map[string]string{
		"summary":    "The pool ran dry.\nNobody could pay.",
		"impact":     "1 of 3 payments failed <b>hard</b>",
		"root_cause": "A leak of connections in checkout_api 2.3: each request that timed out kept the connection it had, until none was left for anybody.",
		"category":   "code", "resolution_steps": "1. rolled back\n2. raised the limit",
	}})
}

func (w *world) action(title, due string, owner *incident.Actor) *world {
	w.t.Helper()
	return w.do(incident.DoAction, ani, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: title, Due: due, Owner: owner}})
}

// rooms are where people meet, and the ticket.
func (w *world) rooms() *world {
	w.inc.Room = &incident.Room{URL: "https://teams.microsoft.com/l/chat/19:x", Meeting: "https://teams.microsoft.com/l/meetup-join/1"}
	w.inc.Refs = append(w.inc.Refs, incident.Ref{System: "jira", Role: incident.RolePostmortem, ID: "OPS-7", URL: "https://example.atlassian.net/browse/OPS-7"})
	return w
}

// view is what query.Reader makes of it.
func (w *world) view() *query.View {
	v := &query.View{
		Incident: w.inc, Levels: w.facts.Levels, Service: w.facts.Service, Squad: w.facts.Squad,
		Links: append([]incident.LinkURL{}, w.facts.Service.Links...), Page: "https://imbot.example.com/incidents/" + w.inc.ID.String(),
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

func opened(t testing.TB) *world { return newWorld(t).trigger("[prod] checkout is down") }

func acked(t testing.TB) *world { return opened(t).do(incident.Ack, ani, incident.Args{}) }

func resolved(t testing.TB) *world {
	return acked(t).do(incident.Resolve, budi, incident.Args{Text: "rolled back"})
}

func closed(t testing.TB) *world { return resolved(t).rca(true) }

const secretTitle = "Customer data in a public bucket"

func private(t testing.TB) *world {
	return newWorld(t).do(incident.Declare, ani, incident.Args{Title: secretTitle, Private: true, Description: "Found by a researcher.\nKeep it quiet."})
}

func withChanges(v *query.View) *query.View {
	v.Changes = []query.ChangeClaim{
		{
			Change:      changes.Change{Source: changes.SourceAPI, ID: "d", Service: "checkout", Title: "Deploy checkout", By: "Dewi", Version: "v2.3", URL: "https://ci.example.com/runs/42", At: t0.Add(-10 * time.Minute)},
			ServiceName: "Checkout",
		},
		{Change: changes.Change{Title: "Feature flag: not it", At: t0}, Verdict: query.VerdictNot, DecidedBy: budi},
		{Change: changes.Change{Title: "Raise max_connections", At: t0.Add(-time.Minute), URL: "javascript:alert(1)"}, ServiceName: "Payments DB", Callee: true},
	}
	return v
}

// hostile is an incident of which every text is against us.
func hostile(t testing.TB, evil string) *query.View {
	w := acked(t).rooms()
	v := withChanges(w.view())
	inc := w.inc
	who := incident.Actor{Kind: incident.KindUser, ID: evil, Name: evil}
	inc.Title, inc.Description, inc.ServiceName, inc.Squad, inc.LevelRule = evil, evil, evil, evil, evil
	inc.AcknowledgedBy, inc.Commander, inc.DeclaredBy, inc.ResolvedBy = who, who, who, who
	inc.Responders = []incident.Actor{who, who, who, who, who, who, who, who}
	inc.Alert.Priority = evil
	inc.Link = &incident.Link{Kind: incident.LinkCascade, Parent: 41}
	v.Parent = &query.Related{ID: 41, Title: evil}
	v.Level.Title, v.Squad.Name, v.Service.Name, v.Page = evil, evil, evil, evil
	for i := range v.Changes {
		c := &v.Changes[i]
		c.Title, c.By, c.Version, c.ServiceName, c.URL = evil, evil, evil, evil, evil
	}
	for range 12 {
		v.Links = append(v.Links, incident.LinkURL{Title: evil, URL: evil}, incident.LinkURL{Title: evil, URL: "https://a.example/" + evil})
		inc.Actions = append(inc.Actions, incident.Action{N: len(inc.Actions) + 1, Title: evil, Due: evil, Owner: who})
		inc.Refs = append(inc.Refs, incident.Ref{Role: incident.RolePostmortem, URL: "https://b.example/?" + evil})
	}
	inc.Room = &incident.Room{URL: evil, Meeting: "https://c.example/" + evil}
	inc.Update = &incident.StatusUpdate{Customers: evil, Doing: evil, By: who}
	inc.Causes = []incident.Cause{{Title: evil, Version: evil, Was: true}}
	rca := &inc.Postmortem.RCA
	rca.Summary, rca.Impact, rca.RootCause, rca.ResolutionSteps, rca.Category = evil, evil, evil, evil, evil
	inc.Postmortem.Reason = evil
	return v
}

// over makes a closed incident of a hostile one.
func over(v *query.View, state string) *query.View {
	inc := *v.Incident
	inc.Status, inc.ResolvedAt, inc.Postmortem.State = incident.Closed, t0.Add(time.Hour), state
	inc.Intervals = []incident.Interval{{From: t0, To: t0.Add(time.Hour)}}
	c := *v
	c.Incident = &inc
	return &c
}

// all are the letters about one incident, by name.
func all(v *query.View, o Options, said string) map[string]Letter {
	u := incident.StatusUpdate{Customers: said, Doing: said, Next: t0.Add(2 * time.Hour), By: ani}
	out := map[string]Letter{
		"declared": Declared(v, o), "raised": Raised(v, incident.Level{Key: "x", Title: said}, o), "update": StatusUpdate(v, u, o),
		"complete": Closed(over(v, incident.PostmortemComplete), o), "waived": Closed(over(v, incident.PostmortemWaived), o),
		"late": Declared(over(v, incident.PostmortemDraft), o), "overdue": Overdue([]*query.View{over(v, incident.PostmortemDraft)}, o),
	}
	for _, reason := range []string{incident.DirectHelp, incident.DirectUpdate, said} {
		out["direct "+incident.Clip(reason, 20)] = Direct(v, incident.DirectData{Reason: reason, By: ani}, o)
	}
	var many []*query.View
	for range showOverdue + 1 {
		many = append(many, over(v, incident.PostmortemDraft))
	}
	out["overdue many"] = Overdue(many, o)
	return out
}

var evils = []string{
	"<script>alert(1)</script><img src=x onerror=alert(1)>\"'`><a href=\"javascript:alert(1)\">x</a>",
	"down\r\nBcc: everybody@example.com\r\n\r\n<b>mail</b>\r\n.\r\nQUIT",
	"-- \nUnsubscribe:\nhttps://evil.example/unsubscribe\n\nRoot cause\n",
	"\u202egnp.exe \u200bhid\u2066den\u00ad \x00\x1b[31m \ufeff\U000e0041 \x80\xff",
	"</style></title></head><style>*{display:none}</style><!-- ",
	"{{.Subject}} {id} {what} ${x} %s %n &amp; &#60;script&#62; ]]>",
	"javascript:alert(document.cookie)", "https://user@evil.example/", "HTTPS://EVIL.example/\"onclick=alert(1)", "//evil.example", "data:text/html,x",
	strings.Repeat("Long ", 2000), strings.Repeat("x", 10000), strings.Repeat("\"&'+", 2500), strings.Repeat("\n<", 5000), strings.Repeat("界", 10000), "",
}
