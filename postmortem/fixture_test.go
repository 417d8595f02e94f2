package postmortem_test

import (
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/internal/example"
	"imbot/query"
)

// Who takes part, and where it begins: see package example.
var (
	t0   = example.Start
	ani  = example.Ani
	budi = example.Budi

	wib = time.FixedZone("Asia/Jakarta", 7*3600)
)

var template = map[string]string{
	"impact": "Who could not do what, and for how long?", "lessons": "What went well?\nWhat did not?", "category": "code", "five_whys": "Why?\nAnd why that?",
}

// newWorld is a world whose most urgent level has a template.
func newWorld(t testing.TB) *example.World {
	w := example.New(t)
	w.Facts.Levels[0].Template = template
	return w
}

func opened(t testing.TB) *example.World { return newWorld(t).Trigger("[prod] checkout_api is *down*") }

func resolved(t testing.TB) *example.World {
	return opened(t).Do(incident.Ack, ani, incident.Args{}).Do(incident.Resolve, budi, incident.Args{Text: "rolled back"})
}

// full is an incident with something of everything: two episodes, people, status
// updates, actions with tickets, relatives and a cause.
func full(t testing.TB) *query.View {
	w := opened(t).Do(incident.Ack, ani, incident.Args{}).Do(incident.Assign, ani, incident.Args{Person: &budi})
	w.Do(incident.Report, budi, incident.Args{Customers: "About one payment in three fails.\nCarts are kept.", Text: "Rolling back 2.3", NextUpdate: w.Now.Add(time.Hour)})
	w.Do(incident.AddNote, budi, incident.Args{Text: "connections: 500/500"})
	w.Do(incident.Resolve, budi, incident.Args{Text: "rolled back"}).Pass(24 * time.Hour)
	w.Do(incident.Reopen, ani, incident.Args{Reason: "errors again"}).Do(incident.Ack, budi, incident.Args{})
	w.Do(incident.Resolve, budi, incident.Args{Text: "limit raised"})
	for i, name := range []string{"impact_started", "detected", "mitigated"} {
		at := t0.Add([]time.Duration{-10, -2, 30}[i] * time.Minute)
		w.Do(incident.SetTime, budi, incident.Args{Time: name, Value: at, Reason: "from the logs"})
	}
	w.RCA(false)
	w.Do(incident.DoAction, ani, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: "Alert at 80 % of the pool", Owner: &budi, Due: "2027-01-15"}})
	w.Do(incident.DoAction, ani, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: "Mend the leak | now"}})
	w.Do(incident.DoAction, ani, incident.Args{Action: &incident.ActionArgs{Op: "done", N: 1}})
	w.RCA(true)
	inc := w.Inc
	inc.Actions[1].Ticket = &incident.Ticket{State: incident.TicketMade, Key: "OPS-8", URL: "https://example.atlassian.net/browse/OPS-8"}
	inc.Postmortem.Ticket = &incident.Ticket{State: incident.TicketMade, Key: "OPS-7", URL: "https://example.atlassian.net/browse/OPS-7"}
	inc.Scribe = ani
	inc.Pages = []incident.Paged{
		{Person: budi, Role: "dba", State: incident.PageAnswered, At: t0.Add(3 * time.Minute)},
		{Role: incident.PartSquad + "payments", State: incident.PageFailed, Detail: "the schedule is empty", At: t0.Add(4 * time.Minute)},
	}
	inc.Room = &incident.Room{State: incident.RoomOpen, URL: "https://teams.microsoft.com/l/chat/19:x", Meeting: "https://teams.microsoft.com/l/meetup-join/1"}
	inc.Refs = append(inc.Refs,
		incident.Ref{System: "teams", Role: incident.RoleCard, ID: "19:x;messageid=1", URL: "https://teams.microsoft.com/l/message/19:x/1", Target: "19:x"},
		incident.Ref{System: "jira", Role: incident.RolePostmortem, ID: "OPS-7", URL: "https://example.atlassian.net/browse/OPS-7"},
		incident.Ref{System: incident.SourceConfluence, Role: incident.RolePage, ID: "7", URL: "https://example.atlassian.net/wiki/spaces/OPS/pages/7"})
	inc.Causes = []incident.Cause{
		{Source: "api", ID: "d", Title: "Deploy checkout", Version: "v2.3", URL: "https://ci.example.com/runs/42", Service: "checkout", At: t0.Add(-12 * time.Minute), Was: true, By: budi},
		{Source: "api", ID: "e", Title: "Feature flag: not it", Service: "checkout", At: t0},
	}
	inc.Children = []incident.Child{{ID: 43, Kind: incident.LinkCascade}, {ID: 44, Kind: incident.LinkDuplicate}}
	inc.MoreChildren = 2
	inc.Link = &incident.Link{Kind: incident.LinkCascade, Parent: 41, Rule: incident.RuleCalls, Confidence: .9}
	return related(w.View())
}

func related(v *query.View) *query.View {
	level, _ := v.Levels.Get(incident.HighErrorRate)
	one := func(id incident.ID, title, service, kind string) query.Related {
		r := query.Related{ID: id, Title: title, Service: service, Status: incident.Resolved, Level: level, OpenedAt: t0.Add(time.Duration(id) * time.Second)}
		if kind != "" {
			r.Link = &incident.Link{Kind: kind, Parent: v.Incident.ID, Rule: incident.RuleCalls}
		}
		return r
	}
	parent := one(41, "payments_db is slow", "Payments DB", "")
	v.Parent = &parent
	v.Children = []query.Related{one(43, "cart: errors", "Cart", incident.LinkCascade), one(44, "checkout is down", "Checkout", incident.LinkDuplicate)}
	v.Below = map[incident.ID][]query.Related{43: {one(45, "cart: errors again", "Cart", incident.LinkDuplicate)}}
	v.Similar = []query.Similar{{Related: one(7, "checkout is down", "Checkout", ""), Same: true, Lasted: 90 * time.Minute, Cause: "a leak", Fix: "restarted"}}
	return v
}

// hostile is an incident of which every text is against us.
func hostile(t testing.TB, evil string) *query.View {
	v := full(t)
	inc := v.Incident
	who := incident.Actor{Kind: incident.KindUser, ID: evil, Name: evil}
	inc.Title, inc.Description, inc.ServiceName, inc.Squad, inc.LevelRule = evil, evil, evil, evil, evil
	inc.Commander, inc.Scribe, inc.AcknowledgedBy, inc.ResolvedBy, inc.DeclaredBy = who, who, who, who, who
	inc.Responders = []incident.Actor{who, who}
	inc.Alert.Priority = evil
	inc.Link.Rule, inc.Link.By = evil, who
	inc.Pages[0].Person, inc.Pages[0].Role, inc.Pages[0].Detail = who, evil, evil
	inc.Room.URL, inc.Room.Meeting = evil, "https://c.example/"+evil
	for i := range inc.Actions {
		a := &inc.Actions[i]
		a.Title, a.Owner, a.Due, a.DoneBy = evil, who, evil, who
	}
	inc.Actions[1].Ticket.Key, inc.Actions[1].Ticket.URL = evil, evil
	inc.Causes[0].Title, inc.Causes[0].Version, inc.Causes[0].URL, inc.Causes[0].Service, inc.Causes[0].By = evil, evil, evil, evil, who
	inc.Refs = append(inc.Refs, incident.Ref{System: evil, Role: evil, ID: evil, URL: "https://b.example/?" + evil})
	pm := &inc.Postmortem
	pm.RCA = incident.RCA{Summary: evil, Impact: evil, Detection: evil, RootCause: evil, Category: evil, FiveWhys: []string{evil, evil}, ContributingFactors: evil, ResolutionSteps: evil, Lessons: evil}
	pm.Reason = evil
	pm.Revisions[0].By = who
	v.Level.Title, v.Squad.Name, v.Lead.Name, v.Service.Name, v.Owner.Name, v.Page = evil, evil, evil, evil, evil, evil
	v.Links = append(v.Links, incident.LinkURL{Title: evil, URL: evil}, incident.LinkURL{Title: evil, URL: "https://a.example/" + evil})
	v.Timeline = nil
	for i, kind := range []incident.EventKind{incident.EvNote, incident.EvUpdate, incident.EvLevel, incident.EvDeclared, "made up"} {
		v.Timeline = append(v.Timeline, incident.Event{N: i, At: t0, Kind: kind, Actor: who, Text: evil, Data: map[string]string{"customers": evil, "title": evil, "from": evil, "to": evil, "rule": evil}})
	}
	for _, r := range []*query.Related{v.Parent, &v.Children[0], &v.Below[43][0], &v.Similar[0].Related} {
		r.Title, r.Service = evil, evil
	}
	v.Similar[0].Cause, v.Similar[0].Fix = evil, evil
	return v
}

var evils = []string{
	"<script>alert(1)</script><img src=x onerror=alert(1)>\"'`><a href=\"javascript:alert(1)\">x</a>",
	"# Heading\n\n---\n===\n> quote\n1. one\n- two\n+ three\n\tcode\n    code\n```\nfence\n```\n| a | b |\n|---|---|\n| c | d |\n:-:\n",
	"[x](https://evil.example) ![y](https://evil.example/i.png) <https://evil.example> https://evil.example www.evil.example [x]: https://evil.example",
	"a\r\nb\u2028c\u0085d **bold** __bold__ *it* _it_ ~~gone~~ `code` $x$ \\ &lt;b&gt; &#60; {#id .class} [^1] [ ] [x]",
	"\u202egnp.exe \u200bhid\u2066den\u00ad \x00\x1b[31m \ufeff\U000e0041 \x80\xff \ufffe",
	"</p></td></tr></table></ac:rich-text-body><ac:structured-macro ac:name=\"html\"> ]]> &amp; <!-- ",
	"javascript:alert(document.cookie)", "https://user@evil.example/", "HTTPS://EVIL.example/\"onclick=alert(1)", "//evil.example", "data:text/html,x",
	"{{.Title}} {id} {who} %s ${x} \\", " * ", "_", "**", "\\", "-", "1)", "=",
	strings.Repeat("Long ", 2000), strings.Repeat("x", 10000), strings.Repeat("\n<", 3000), strings.Repeat("界", 4000), strings.Repeat("*_", 3000), "",
}
