package webhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/webhook"
)

var (
	vendor = incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty, Name: "PagerDuty"}
	pdAni  = incident.Actor{Kind: incident.KindUser, ID: "pd:PU1", Name: "Ani"}
)

// incidentQ1 is what PagerDuty says of an incident.
func incidentQ1() *pagerduty.Incident {
	return &pagerduty.Incident{
		ID: "Q1", Title: "checkout\nis down", Status: pagerduty.StatusTriggered, Urgency: "high", Priority: &pagerduty.Reference{ID: "PP", Summary: "P1"},
		Service: pagerduty.Reference{ID: "PABC123", Summary: "Checkout"}, IncidentKey: "k1", HTMLURL: "https://acme.example.com/incidents/Q1",
		CreatedAt: t0, Assignees: []pagerduty.Reference{{ID: "PU1", Type: "user_reference", Summary: "Ani"}},
	}
}

func alertQ1() *incident.Alert {
	return &incident.Alert{
		Title: "checkout is down", Service: "Checkout", ServiceID: "PABC123", Key: "k1", Urgency: "high", Priority: "P1", CreatedAt: t0, Assignees: []incident.Actor{pdAni},
	}
}

func TestMap(t *testing.T) {
	user := &pagerduty.Reference{ID: "PU1", Type: "user_reference", Summary: "Ani"}
	ref := func(url string) *incident.Ref {
		return &incident.Ref{System: "pagerduty", Role: incident.RoleAlert, ID: "Q1", URL: url}
	}
	url := "https://acme.example.com/incidents/Q1"
	merged := incidentQ1()
	merged.ResolveReason = &pagerduty.ResolveReason{Type: pagerduty.MergeResolveReason, Incident: &pagerduty.Reference{ID: "Q9"}}
	otherReason := incidentQ1()
	otherReason.ResolveReason = &pagerduty.ResolveReason{Type: "something_new", Incident: &pagerduty.Reference{ID: "Q9"}}
	about := &pagerduty.Reference{ID: "Q1"}
	cmd := func(verb incident.Verb, who incident.Actor, when time.Time, r *incident.Ref, args incident.Args) *incident.Command {
		return &incident.Command{Verb: verb, Actor: who, Source: "pagerduty", At: when, Ref: r, Args: args}
	}
	tests := []struct {
		name string
		ev   pagerduty.Event
		want *incident.Command // nil: nothing to do
	}{
		{
			"triggered by a monitor",
			pagerduty.Event{Type: "incident.triggered", OccurredAt: at(1), Incident: incidentQ1()},
			cmd(incident.Trigger, vendor, at(1), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"acknowledged by a person",
			pagerduty.Event{Type: "incident.acknowledged", OccurredAt: at(2), Agent: user, Incident: incidentQ1()},
			cmd(incident.Ack, pdAni, at(2), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"without a time: when it came",
			pagerduty.Event{Type: "incident.unacknowledged", Incident: incidentQ1()},
			cmd(incident.Unack, vendor, at(60), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"from before PagerDuty was",
			pagerduty.Event{Type: "incident.reopened", OccurredAt: time.Unix(0, 0), Incident: incidentQ1()},
			cmd(incident.Reopen, vendor, at(60), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"from the far future",
			pagerduty.Event{Type: "incident.reopened", OccurredAt: at(60).AddDate(0, 0, 2), Incident: incidentQ1()},
			cmd(incident.Reopen, vendor, at(60), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"a clock that runs ahead",
			pagerduty.Event{Type: "incident.reopened", OccurredAt: at(90), Incident: incidentQ1()},
			cmd(incident.Reopen, vendor, at(90), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"resolved",
			pagerduty.Event{Type: "incident.resolved", OccurredAt: at(3), Incident: incidentQ1()},
			cmd(incident.Resolve, vendor, at(3), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"merged",
			pagerduty.Event{Type: "incident.resolved", OccurredAt: at(3), Incident: merged},
			cmd(incident.Resolve, vendor, at(3), ref(url), incident.Args{Alert: alertQ1(), Merge: &incident.Ref{System: "pagerduty", Role: incident.RoleAlert, ID: "Q9"}}),
		},
		{
			"resolved for another reason",
			pagerduty.Event{Type: "incident.resolved", OccurredAt: at(3), Incident: otherReason},
			cmd(incident.Resolve, vendor, at(3), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"a merge's reason on another event",
			pagerduty.Event{Type: "incident.acknowledged", OccurredAt: at(3), Incident: merged},
			cmd(incident.Ack, vendor, at(3), ref(url), incident.Args{Alert: alertQ1()}),
		},
		{
			"changed",
			pagerduty.Event{Type: "incident.priority_updated", OccurredAt: at(3), Agent: user, Incident: incidentQ1()},
			cmd(incident.Update, pdAni, at(3), ref(url), incident.Args{Alert: alertQ1(), Text: "Ani changed the priority: P1"}),
		},
		{
			"note",
			pagerduty.Event{Type: "incident.annotated", OccurredAt: at(3), Agent: user, IncidentRef: about, Note: &pagerduty.Note{Content: "look\nhere"}},
			cmd(incident.AddNote, pdAni, at(3), ref(""), incident.Args{Text: "look\nhere"}),
		},
		{"own note", pagerduty.Event{Type: "incident.annotated", OccurredAt: at(3), Agent: user, IncidentRef: about, Note: &pagerduty.Note{Content: "Ani: look (INC-12 #3)"}}, nil},
		{"own request", pagerduty.Event{Type: "incident.responder.added", OccurredAt: at(3), Agent: user, IncidentRef: about, Responder: &pagerduty.Responder{User: &pagerduty.Reference{ID: "PU9"}, State: pagerduty.ResponderPending, Message: "INC-12 · Service down: x · you are on standby for dba"}}, nil},
		{
			"a word for people",
			pagerduty.Event{Type: "incident.status_update_published", OccurredAt: at(3), Agent: user, IncidentRef: about, StatusUpdate: &pagerduty.StatusUpdate{Message: "fix is out"}},
			cmd(incident.Log, pdAni, at(3), ref(""), incident.Args{Kind: incident.EvPager, Text: "Ani published a status update: fix is out"}),
		},
		{
			"a type still unknown",
			pagerduty.Event{Type: "incident.teleported", OccurredAt: at(3), Incident: incidentQ1()},
			cmd(incident.Log, vendor, at(3), ref(""), incident.Args{Kind: incident.EvPager, Text: "PagerDuty sent incident.teleported"}),
		},
		{
			"a known type without its data",
			pagerduty.Event{Type: "incident.triggered", OccurredAt: at(3), IncidentRef: about},
			cmd(incident.Log, vendor, at(3), ref(""), incident.Args{Kind: incident.EvPager, Text: "PagerDuty triggered the incident"}),
		},
		{"ping", pagerduty.Event{Type: pagerduty.PingType, Message: "Hello"}, nil},
		{"a service", pagerduty.Event{Type: "service.updated", Service: &pagerduty.Reference{ID: "PABC123"}}, nil},
		{"no id", pagerduty.Event{Type: "incident.triggered", Incident: &pagerduty.Incident{ID: " \n"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := webhook.Map(&tt.ev, at(60))
			if ok != (tt.want != nil) {
				t.Fatalf("mapped %v: %+v", ok, got)
			}
			if tt.want == nil {
				return
			}
			if d := cmp.Diff(*tt.want, got, cmpopts.IgnoreUnexported(incident.Command{})); d != "" {
				t.Errorf("command (-want +got):\n%s", d)
			}
		})
	}
}

func TestMapIsBounded(t *testing.T) {
	long := strings.Repeat("é", 5000)
	in := incidentQ1()
	in.ID, in.Title, in.IncidentKey, in.Urgency, in.HTMLURL = long, long, long, long, "https://x.example.com/"+long
	in.Service, in.Priority = pagerduty.Reference{ID: long, Summary: long}, &pagerduty.Reference{Summary: long}
	in.CreatedAt = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	in.Assignees = nil
	for range 30 {
		in.Assignees = append(in.Assignees, pagerduty.Reference{ID: long, Summary: long})
	}
	cmd, ok := webhook.Map(&pagerduty.Event{Type: "incident.triggered", Agent: &pagerduty.Reference{ID: long, Type: "user", Summary: long}, Incident: in}, at(60))
	if !ok {
		t.Fatal("not mapped")
	}
	al := cmd.Args.Alert
	for name, s := range map[string]string{
		"id": cmd.Ref.ID, "title": al.Title, "key": al.Key, "urgency": al.Urgency, "service": al.Service, "service id": al.ServiceID, "priority": al.Priority,
		"actor": cmd.Actor.ID, "name": cmd.Actor.Name, "assignee": al.Assignees[0].ID,
	} {
		if n := len([]rune(s)); n > 255 {
			t.Errorf("%s has %d runes", name, n)
		}
	}
	if cmd.Ref.URL != "" || len(al.Assignees) != 10 || !al.CreatedAt.IsZero() {
		t.Errorf("url of %d bytes, %d assignees, created at %s", len(cmd.Ref.URL), len(al.Assignees), al.CreatedAt)
	}
	for raw, want := range map[string]string{
		"https://a.example.com/x": "https://a.example.com/x", "http://a.example.com": "http://a.example.com", "javascript:alert(1)": "", "//a": "", "": "", "ftp://a.example.com": "",
		"https://a.example.com/x\ny": "https://a.example.com/x y",
	} {
		in := incidentQ1()
		in.HTMLURL = raw
		if cmd, _ := webhook.Map(&pagerduty.Event{Type: "incident.triggered", Incident: in}, at(60)); cmd.Ref.URL != want {
			t.Errorf("url %q became %q, want %q", raw, cmd.Ref.URL, want)
		}
	}
}

func TestAgent(t *testing.T) {
	for _, tt := range []struct {
		ref  *pagerduty.Reference
		want incident.Actor
	}{
		{nil, vendor},
		{&pagerduty.Reference{Type: "user_reference", Summary: "nobody"}, vendor},
		{&pagerduty.Reference{ID: "PU1", Type: "user_reference", Summary: "Ani"}, pdAni},
		{&pagerduty.Reference{ID: "PU1", Type: "user", Summary: "Ani"}, pdAni},
		{&pagerduty.Reference{ID: "PS1", Type: "service_reference", Summary: "Checkout\n"}, incident.Actor{Kind: incident.KindVendor, ID: "pagerduty", Name: "Checkout"}},
		{&pagerduty.Reference{ID: "PS1", Type: "service_reference"}, vendor},
	} {
		if got := webhook.Agent(tt.ref); got != tt.want {
			t.Errorf("Agent(%+v) = %+v, want %+v", tt.ref, got, tt.want)
		}
	}
}

func TestReplay(t *testing.T) {
	entry := func(kind string, minute int, agent *pagerduty.Reference) pagerduty.LogEntry {
		return pagerduty.LogEntry{Type: kind, CreatedAt: at(minute), Agent: agent}
	}
	user := &pagerduty.Reference{ID: "PU1", Type: "user_reference", Summary: "Ani"}
	in := incidentQ1()
	in.Title, in.UpdatedAt = "checkout is down", at(9)
	in.ResolveReason = &pagerduty.ResolveReason{Type: pagerduty.MergeResolveReason, Incident: &pagerduty.Reference{ID: "Q9"}}
	cmds := webhook.Replay(in, []pagerduty.LogEntry{
		entry("trigger_log_entry", 0, nil), entry("assign_log_entry", 0, nil), entry("notify_log_entry", 0, nil),
		entry("acknowledge_log_entry", 2, user), entry("unacknowledge_log_entry", 3, nil),
		{Type: "acknowledge_log_entry"},    // without a time
		entry("trigger_log_entry", 3, nil), // a further alert
		entry("resolve_log_entry", 4, user), entry("trigger_log_entry", 5, user), entry("resolve_log_entry", 5, nil), entry("reopen_log_entry", 7, user), entry("annotate_log_entry", 8, user),
	})
	var got []string
	for _, c := range cmds {
		got = append(got, strings.TrimSpace(string(c.Verb)+" "+c.At.Format("04:05.000")+" "+c.Actor.ID+" "+merge(c)))
		if c.Ref.ID != "Q1" || c.Ref.Role != incident.RoleAlert || !c.FromVendor() || len(c.Keys) != 0 || c.Args.Alert.Title != "checkout is down" {
			t.Errorf("command %+v", c)
		}
	}
	want := []string{
		"trigger 00:00.000 pagerduty", "ack 02:00.000 pd:PU1", "unack 03:00.000 pagerduty", "resolve 04:00.000 pd:PU1 Q9", "trigger 05:00.000 pd:PU1",
		"resolve 05:00.001 pagerduty Q9", // in the same second, but after
		"reopen 07:00.000 pd:PU1", "change 09:00.000 pagerduty",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("commands (-want +got):\n%s", d)
	}
	if cmds := webhook.Replay(incidentQ1(), nil); len(cmds) != 1 || cmds[0].Verb != incident.Trigger {
		t.Errorf("without a history: %+v", cmds)
	}
}

func merge(c incident.Command) string {
	if c.Args.Merge == nil {
		return ""
	}
	return c.Args.Merge.ID
}
