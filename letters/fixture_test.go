package letters

import (
	"strings"
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

	jakarta = time.FixedZone("WIB", 7*60*60)
)

// rooms are where people meet, and the ticket.
func rooms(w *example.World) *example.World {
	w.Inc.Room = &incident.Room{URL: "https://teams.microsoft.com/l/chat/19:x", Meeting: "https://teams.microsoft.com/l/meetup-join/1"}
	w.Inc.Refs = append(w.Inc.Refs, incident.Ref{System: "jira", Role: incident.RolePostmortem, ID: "OPS-7", URL: "https://example.atlassian.net/browse/OPS-7"})
	return w
}

const secretTitle = "Customer data in a public bucket"

func private(t testing.TB) *example.World {
	return example.New(t).Do(incident.Declare, ani, incident.Args{Title: secretTitle, Private: true, Description: "Found by a researcher.\nKeep it quiet."})
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
	w := rooms(example.Acked(t))
	v := withChanges(w.View())
	inc := w.Inc
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
