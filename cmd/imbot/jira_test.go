package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/integrations/jira/jirasim"
	"imbot/webhook"
)

const rigJiraSecret = "the-secret-of-the-jira-webhook"

// jiraRig is the app between a simulated Teams, PagerDuty and Jira.
func jiraRig(t *testing.T, extra string) (*rig, *jirasim.Server, string) {
	t.Helper()
	now := time.Now
	sim := jirasim.New(jirasim.Options{Now: func() time.Time { return now() }, Seed: 7})
	t.Cleanup(sim.Close)
	ani := sim.AddUser(jirasim.User{FullName: "Ani", Email: "ani@example.com"})
	sim.AddProject(jirasim.Project{Key: "OPS"})
	r := newRig(t, fmt.Sprintf("%s\njira: {url: %q, email: %q, api_token: %q, webhook_secret: %q, project: OPS, priorities: {high-error-rate: High}}\n",
		extra, sim.URL(), sim.Email(), sim.Token(), rigJiraSecret))
	now = r.Now
	sim.SetWebhook(r.url+"/webhooks/jira", rigJiraSecret)
	if err := r.app.tickets.learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, sim, ani
}

// ticketOf is the one issue with that marker.
func ticketOf(t *testing.T, sim *jirasim.Server, marker string) jirasim.Issue {
	t.Helper()
	all := sim.Issues()
	i := slices.IndexFunc(all, func(i jirasim.Issue) bool { return slices.Contains(i.Labels, marker) })
	if i < 0 {
		t.Fatalf("no issue with the marker %s", marker)
	}
	return all[i]
}

// TestJiraBothWays: from PagerDuty's webhook to a task in Jira, from a button's
// command to its status, and from Jira to the follow-up and the card.
func TestJiraBothWays(t *testing.T) {
	r, sim, ani := jiraRig(t, "")
	r.trigger("Checkout: error rate is high")
	r.settle(time.Minute)
	rca := ticketOf(t, sim, "imbot-INC-1-rca")
	if rca.Assignee != ani || rca.Priority != "High" || len(rca.Links) != 1 {
		t.Errorf("the RCA's task is %+v", rca)
	}
	if status, body := r.post("/api/v1/incidents/INC-1/commands", `{"verb":"action","op":"add","title":"raise the limit","owner":"ani@example.com","due":"2030-01-31"}`); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	r.settle(time.Minute)
	task := ticketOf(t, sim, "imbot-INC-1-a1")
	if task.Due != "2030-01-31" || task.Assignee != ani {
		t.Errorf("the follow-up's task is %+v", task)
	}
	sim.Deliver(t.Context()) // its own changes come back
	if err := sim.Move(ani, task.Key, "Done"); err != nil {
		t.Fatal(err)
	}
	sim.Deliver(t.Context())
	r.settle(time.Minute)
	if _, body := r.get("/api/v1/incidents/INC-1/actions"); !strings.Contains(body, `"done":true`) {
		t.Errorf("the follow-up is %s", body)
	}
	if _, body := r.get("/api/v1/incidents/INC-1/timeline"); !strings.Contains(body, `"ticket_moved"`) {
		t.Errorf("timeline %s", body)
	}
	_, metrics := r.get("/metrics")
	for _, want := range []string{`imbot_jira_webhooks_total{outcome="accepted"} 1`, `imbot_jira_drift_total{what="edited"} 0`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if h := r.app.tickets.hook; h.Refused.Load()+h.Failed.Load() != 0 {
		t.Errorf("%d webhooks refused, %d failed", h.Refused.Load(), h.Failed.Load())
	}
}

// TestJiraDryRun: nothing is written to Jira; what was skipped says so.
func TestJiraDryRun(t *testing.T) {
	r, sim, _ := jiraRig(t, "dry_run: true")
	r.trigger("Checkout: error rate is high")
	r.settle(time.Minute)
	if n := len(sim.Issues()); n != 0 {
		t.Errorf("%d issues", n)
	}
	wantSkipped(t, r, "dry run")
}

func TestJiraOff(t *testing.T) {
	r := newRig(t, "")
	r.trigger("Checkout: error rate is high")
	r.settle(time.Minute)
	wantSkipped(t, r, "jira off")
	if status, _ := r.post("/webhooks/jira", "{}"); status != http.StatusNotFound {
		t.Errorf("the webhook answers %d", status)
	}
	if status, body := r.post(jiraDriftPath, ""); status != http.StatusConflict {
		t.Errorf("a comparison answers %d %s", status, body)
	}
}

func wantSkipped(t *testing.T, r *rig, reason string) {
	t.Helper()
	err := r.app.store.View(t.Context(), func(tx incident.Tx) error {
		all, err := tx.Effects(1)
		for _, e := range all {
			if e.Kind == incident.KindTicket && e.State == incident.EffectSkipped && e.Error == reason {
				return err
			}
		}
		t.Errorf("no ticket was skipped as %q: %+v", reason, all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestJiraDriftCommand: the command line asks the running imbot.
func TestJiraDriftCommand(t *testing.T) {
	r, sim, ani := jiraRig(t, "")
	r.trigger("Checkout: error rate is high")
	r.settle(time.Minute)
	r.app.cfg.Listen = r.app.address()
	drift := func(now bool) string {
		var out bytes.Buffer
		report, err := driftOf(t.Context(), r.app.cfg, now)
		if err == nil {
			err = printDrift(&out, report.Report)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := drift(false); !strings.Contains(got, "Nothing was compared") {
		t.Errorf("before: %s", got)
	}
	r.advance(2 * time.Minute)
	if got := drift(true); !strings.Contains(got, "1 tickets with 1 issues in Jira, 0 differences") {
		t.Errorf("nothing differs: %s", got)
	}
	sim.SetWebhook("", "")
	if err := sim.Move(ani, ticketOf(t, sim, "imbot-INC-1-rca").Key, "Done"); err != nil {
		t.Fatal(err)
	}
	r.advance(2 * time.Minute)
	got := drift(true)
	if !strings.Contains(got, "INC-1  RCA  OPS-1  edited done  it is read again") || drift(false) != got {
		t.Errorf("report:\n%s\nthe stored one:\n%s", got, drift(false))
	}
	if status, _ := r.get(jiraDriftPath); status != http.StatusOK {
		t.Errorf("the report answers %d", status)
	}
	sim.Inject(jirasim.Fault{Path: "/rest/", Status: 503})
	if _, err := driftOf(t.Context(), r.app.cfg, true); err == nil || !strings.Contains(err.Error(), "search for imbot's tickets") {
		t.Errorf("an outage says %v", err)
	}
}

func TestJiraCommandUsage(t *testing.T) {
	var out, errOut bytes.Buffer
	for _, args := range [][]string{{}, {"paint"}, {"drift", "x"}} {
		if err := runJiraCommand(t.Context(), args, &out, &errOut); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if err := runJiraCommand(t.Context(), []string{"--help"}, &out, &errOut); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
}

func TestPrintDrift(t *testing.T) {
	var out bytes.Buffer
	err := printDrift(&out, &webhook.JiraReport{At: time.Date(2026, 3, 1, 2, 3, 0, 0, time.UTC), Tickets: 3, Issues: 4, More: 2, Private: 1, Drifts: []webhook.JiraDrift{
		{Incident: "INC-1", N: 2, Key: "OPS-1", What: webhook.DriftEdited, Fields: []string{"due"}, Did: "x"},
		{Incident: "INC-20", Key: "OPS-22", What: webhook.DriftCopy, Did: "y"},
	}})
	want := `Compared at 2026-03-01 02:03 UTC: 3 tickets with 4 issues in Jira, 5 differences.
INC-1   action 2  OPS-1   edited due  x
INC-20  copy      OPS-22  copy        y
… and 2 more
… and 1 of private incidents
`
	if d := cmp.Diff(want, out.String()); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// TestJiraNight: after a start both sides are compared, unless they were just
// now; and then every night.
func TestJiraNight(t *testing.T) {
	r, sim, ani := jiraRig(t, "")
	r.trigger("Checkout: error rate is high")
	r.settle(time.Minute)
	sim.SetWebhook("", "")
	if err := sim.Move(ani, ticketOf(t, sim, "imbot-INC-1-rca").Key, "Done"); err != nil {
		t.Fatal(err)
	}
	r.advance(2 * time.Minute)
	runJira := func(until func() bool) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.app.runJira(ctx)
		}()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && !until() {
			<-tick.C
		}
		stop()
		<-done
	}
	compared := func() bool {
		_, ok, err := webhook.LastJiraReport(t.Context(), r.app.store)
		return ok && err == nil
	}
	runJira(compared)
	if n := r.app.tickets.reconciler.Counts()[webhook.DriftEdited]; n != 1 {
		t.Errorf("%d drifts after the start, want 1", n)
	}
	asked := len(sim.Requests())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.app.runJira(ctx) // ends at once
	if r.app.waitUntil(ctx, r.Now()) || len(sim.Requests()) != asked {
		t.Error("it goes on after the end")
	}
}

func TestDoctorJira(t *testing.T) {
	r, sim, _ := jiraRig(t, "")
	checks := func(change func(j *JiraConfig)) string {
		c, j := *r.app.cfg, *r.app.cfg.Jira
		change(&j)
		c.Jira = &j
		d := &doctor{cfg: &c}
		d.jira(t.Context(), r.app.catalog.Get())
		var out []string
		for _, k := range d.checks {
			out = append(out, k.State+" "+k.Name+": "+k.Detail)
		}
		return strings.Join(out, "\n")
	}
	before := len(sim.Issues())
	for _, c := range []struct {
		name   string
		change func(j *JiraConfig)
		want   []string
	}{
		{"good", func(*JiraConfig) {}, []string{"ok jira: Incident Bot on Jira Cloud, project OPS", "ok jira OPS Task: takes all", "ok jira webhook: 1 secret(s)"}},
		{"token", func(j *JiraConfig) { j.APIToken = "wrong-token-0123" }, []string{"fail jira: ", "token may have expired"}},
		{"project", func(j *JiraConfig) { j.Project = "NONE" }, []string{"fail jira: ", "NONE"}},
		{"type", func(j *JiraConfig) { j.PostmortemType = "Postmortem" }, []string{"fail jira OPS Postmortem: ", "Task, Bug"}},
		{"priority", func(j *JiraConfig) { j.Priorities = map[string]string{"service-down": "P0"} }, []string{"warn jira OPS Task: does not take: priority P0 (of service-down)"}},
		{"field", func(j *JiraConfig) { j.Fields = map[string]string{"customfield_9": "x"} }, []string{"does not take: customfield_9"}},
	} {
		got := checks(c.change)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, got)
			}
		}
		if strings.Contains(got, sim.Token()) || strings.Contains(got, rigJiraSecret) {
			t.Errorf("%s: a secret is told", c.name)
		}
	}
	sim.AddProject(jirasim.Project{Key: "SEC", Types: []jirasim.IssueType{{Name: "Task", Fields: []jirasim.Field{{ID: "customfield_1", Name: "Environment", Required: true, Type: "string"}}}}})
	if got := checks(func(j *JiraConfig) { j.PrivateProject = "SEC" }); !strings.Contains(got, "fail jira SEC Task: the project SEC wants Environment (customfield_1)") {
		t.Errorf("a required field: %s", got)
	}
	sim.AddProject(jirasim.Project{Key: "BARE", Types: []jirasim.IssueType{{Name: "Task", NoLabels: true}}})
	if got := checks(func(j *JiraConfig) { j.PrivateProject = "BARE" }); !strings.Contains(got, "fail jira BARE Task: the project BARE takes no labels") {
		t.Errorf("no labels: %s", got)
	}
	if len(sim.Issues()) != before {
		t.Error("the doctor has made an issue")
	}
}

func TestJiraConfig(t *testing.T) {
	good := minimal + "jira: {url: \"https://example.atlassian.net/\", email: imbot@example.com, api_token: \"${JIRA_TOKEN}\", webhook_secret: \"${JIRA_SECRET}\", project: OPS"
	c, err := loadText(good + "}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &JiraConfig{
		URL: "https://example.atlassian.net", Email: "imbot@example.com", APIToken: "jira-t0ken-value", WebhookSecret: "jira-s3cret-value", Project: "OPS",
		Type: "Task", PostmortemType: "Task", Label: "imbot", Due: JiraDueConfig{Postmortem: Duration(5 * 24 * time.Hour)},
	}
	if d := cmp.Diff(want, c.Jira); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
	if b, err := json.Marshal(c.Jira); err != nil || bytes.Contains(b, []byte("jira-")) {
		t.Errorf("a secret is told: %s %v", b, err)
	}
	for _, bad := range []struct{ text, want string }{
		{"jira:\n", "the section jira is empty"},
		{"jira: {}\n", "jira.url is missing"},
		{"jira: {project: OPS}\n", "jira has no credentials"},
		{"jira: {url: \"http://jira.example.com\"}\n", "plain http is for this machine only"},
		{"jira: {project: ops}\n", `"ops" is not a key of a Jira project`},
		{"jira: {api_token: x}\n", "jira.email is missing"},
		{"jira: {api_token: x, personal_token: y}\n", "there are two credentials"},
		{"jira: {project: OPS}\n", "jira.webhook_secret is missing"},
		{"jira: {webhook_secrets: [\"\"]}\n", "this secret is empty"},
		{"jira: {project: OPS, private_project: OPS}\n", "private incidents would be seen by all who see OPS"},
		{"jira: {labels: [\"a b\"]}\n", "is no label"},
		{"jira: {labels: [\"\"]}\n", "this label is empty"},
		{"jira: {label: \"9\"}\n", "is no label"},
		{"jira: {priorities: {service-up: High}}\n", `there is no level "service-up"; did you mean "service-down"?`},
		{"jira: {fields: {summary: x}}\n", "imbot sets the field summary itself"},
		{"jira: {fields: {\"a b\": x}}\n", "is not an id of a field"},
		{"jira: {due: {postmortem: 400d}}\n", "is too short or too long"},
		{"jira: {duedate: 4d}\n", `unknown key "duedate"`},
	} {
		if _, err := loadText(minimal + bad.text); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%q: no %q in %v", bad.text, bad.want, err)
		}
	}
}
