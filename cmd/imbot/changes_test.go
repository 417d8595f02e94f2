package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/changes"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/newrelic/newrelicsim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// post sends JSON to the API.
func (r *rig) post(path, body string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+rigToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// card is the one card in a conversation.
func (r *rig) card(conv string) botframeworksim.Post {
	r.t.Helper()
	var found []botframeworksim.Post
	for _, p := range r.teams.Posts(conv) {
		if p.Card() != nil && !p.Deleted && p.Contains("INC-") {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d cards in %s, want one", len(found), conv)
	}
	return found[0]
}

func (r *rig) wantOn(conv string, there []string, notThere ...string) {
	r.t.Helper()
	c := r.card(conv)
	for _, s := range there {
		if !c.Contains(s) {
			r.t.Errorf("the card does not say %q: %s", s, c.Card())
		}
	}
	for _, s := range notThere {
		if c.Contains(s) {
			r.t.Errorf("the card says %q: %s", s, c.Card())
		}
	}
}

func (r *rig) press(user, conv, title string) {
	r.t.Helper()
	if _, err := r.teams.Click(r.t.Context(), user, conv, r.card(conv).ID, botframeworksim.Press{Title: title}); err != nil {
		r.t.Fatal(err)
	}
	r.settle(time.Minute)
}

func (r *rig) causes() string {
	r.t.Helper()
	status, body := r.get("/api/v1/incidents/1")
	var doc struct {
		Causes []struct {
			ID, Source string
			By         struct{ ID string }
		}
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || status != http.StatusOK {
		r.t.Fatalf("%d %s: %v", status, body, err)
	}
	var out []string
	for _, c := range doc.Causes {
		out = append(out, c.Source+"/"+c.ID+" by "+c.By.ID)
	}
	return strings.Join(out, ", ")
}

// TestCause: a pipeline reports a deploy, an alert comes, the card asks whether
// the deploy was it, somebody says yes, and the incident shows it.
func TestCause(t *testing.T) {
	r := newRig(t, "")
	deploy := fmt.Sprintf(`{"service":"Checkout","title":"Deploy checkout","version":"v2.3","url":"https://ci.example.com/42","by":"Dewi","id":"deploy-42","at":%q}`,
		r.Now().Add(-20*time.Minute).Format(time.RFC3339))
	if status, body := r.post("/api/v1/changes", deploy); status != http.StatusCreated || !strings.Contains(body, `"service":"checkout"`) {
		t.Fatalf("POST = %d %s", status, body)
	}
	r.trigger("Checkout is down")
	r.settle(time.Minute)
	r.wantOn(r.channel, []string{"What changed?", "Deploy checkout (v2.3)", "API", "by Dewi", "https://ci.example.com/42", "Was the cause", "Was not"}, "Cause:")

	r.press(r.budi, r.channel, "Was the cause")
	r.wantOn(r.channel, []string{"Cause: Deploy checkout (v2.3) of Checkout, confirmed by Budi", "Was not"}, "Was the cause")
	if got := r.causes(); got != "api/deploy-42 by budi@example.com" {
		t.Errorf("causes = %s", got)
	}
	if _, body := r.get("/api/v1/incidents/1/timeline"); !strings.Contains(body, `"kind":"cause"`) || !strings.Contains(body, "api/deploy-42") {
		t.Errorf("timeline = %s", body)
	}

	// Somebody else takes it back, and then it does not count any more.
	r.press(r.eko, r.channel, "Was not")
	r.wantOn(r.channel, []string{"Not the cause, says Eko", "Was the cause"}, "Cause:")
	if got := r.causes(); got != "" {
		t.Errorf("causes = %s, want none", got)
	}
	r.say(r.ani, r.channel, "cause INC-1 deploy-42")
	r.settle(time.Minute)
	if got := r.causes(); got != "api/deploy-42 by ani@example.com" {
		t.Errorf("causes = %s", got)
	}

	// What is not near the incident can not have caused it, whoever says so.
	for _, tt := range []struct {
		body   string
		status int
	}{
		{`{"verb":"cause","change":"deploy-41"}`, 422},
		{`{"verb":"cause"}`, 422},
		{`{"verb":"cause","change":"api/deploy-42","was":false}`, 200},
		{`{"verb":"cause","change":"deploy-42","was":true}`, 200},
	} {
		if status, body := r.post("/api/v1/incidents/1/commands", tt.body); status != tt.status {
			t.Errorf("%s = %d %s", tt.body, status, body)
		}
	}
	// The verdict outlives the change.
	r.advance(40 * 24 * time.Hour)
	if err := r.app.pruneChanges(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, body := r.get("/api/v1/changes"); body != "{\"changes\":[]}\n" {
		t.Errorf("changes after their time = %s", body)
	}
	r.say(r.ani, r.channel, "resolve 1")
	r.settle(time.Minute)
	r.wantOn(r.channel, []string{"Cause: Deploy checkout (v2.3) of Checkout, confirmed by ci"})
}

// TestLateChange: what is reported after the card was posted is on it, too.
func TestLateChange(t *testing.T) {
	r := newRig(t, "")
	r.trigger("Checkout is down")
	r.settle(time.Minute)
	r.wantOn(r.channel, nil, "What changed?")
	for i, tt := range []struct {
		service string
		ago     time.Duration
		shown   bool
	}{
		{"checkout", 3 * time.Hour, false}, {"pd:POTHER", 10 * time.Minute, false}, {"checkout", 10 * time.Minute, true},
	} {
		status, body := r.post("/api/v1/changes", fmt.Sprintf(`{"service":%q,"title":"Change number %d","at":%q}`, tt.service, i, r.Now().Add(-tt.ago).Format(time.RFC3339)))
		if status != http.StatusCreated {
			t.Fatalf("POST = %d %s", status, body)
		}
		r.settle(time.Minute)
		if got := r.card(r.channel).Contains(fmt.Sprint("Change number ", i)); got != tt.shown {
			t.Errorf("change %d is on the card: %v, want %v", i, got, tt.shown)
		}
	}
}

// TestChangesOfVendors: PagerDuty and New Relic are asked, at the latest when an
// incident opens, and what they say is on the card; also what was done to a
// service that this one calls.
func TestChangesOfVendors(t *testing.T) {
	nr := newrelicsim.New(newrelicsim.Options{AccountID: 77})
	t.Cleanup(nr.Close)
	r := newRig(t, fmt.Sprintf("newrelic: {api_key: %q, account_id: \"77\", url: %q}\n", nr.Key(), nr.URL()))
	ago := func(d time.Duration) time.Time { return r.Now().Add(-d) }
	guid := nr.AddService("Checkout")
	nr.AddChange(newrelicsim.Change{ID: "flag-1", Entity: guid, Category: "Feature Flag", Flag: "new-cart", User: "eko", At: ago(time.Hour)})
	nr.AddChange(newrelicsim.Change{ID: "nobody", Entity: nr.AddService("legacy"), At: ago(time.Hour)})
	r.pd.AddChangeEvent(pagerdutysim.ChangeEvent{ID: "01C", Summary: "Build Success: checkout v7", Services: []string{"PSVC01"}, Link: "https://ci.example.com/7", At: ago(30 * time.Minute)})
	r.pd.AddChangeEvent(pagerdutysim.ChangeEvent{ID: "02C", Summary: "of two", Services: []string{"PSVC01", "PUNKNOWN"}, At: ago(time.Minute)})
	r.trigger("Checkout is down")
	r.settle(time.Minute)
	r.app.changes.Poll(t.Context())
	r.settle(time.Minute)
	r.wantOn(r.channel, []string{"Feature flag new-cart", "New Relic", "by eko", "Build Success: checkout v7", "PagerDuty", "https://ci.example.com/7", "of two"}, "legacy")
	list, err := r.app.store.Changes(t.Context(), "", time.Time{}, time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range list {
		got = append(got, list[i].Service+" "+list[i].Key())
	}
	if want := "checkout pagerduty/02C/PSVC01, pd:PUNKNOWN pagerduty/02C/PUNKNOWN, checkout pagerduty/01C, checkout newrelic/flag-1"; strings.Join(got, ", ") != want &&
		strings.Join(got, ", ") != "pd:PUNKNOWN pagerduty/02C/PUNKNOWN, checkout pagerduty/02C/PSVC01, checkout pagerduty/01C, checkout newrelic/flag-1" {
		t.Errorf("changes = %v, want %s", got, want)
	}

	// One vendor is out: the other is heard, and the log has it once.
	r.pd.Inject(pagerdutysim.Fault{Path: "/change_events", Status: 500})
	nr.AddChange(newrelicsim.Change{ID: "late", Entity: guid, Summary: "Rolled back", At: r.Now()})
	for range 3 {
		r.app.changes.Poll(t.Context())
	}
	if list, err = r.app.store.Changes(t.Context(), "checkout", time.Time{}, time.Time{}, 1); err != nil || len(list) != 1 || list[0].Key() != "newrelic/late" {
		t.Errorf("the newest = %+v, %v", list, err)
	}
	if n := strings.Count(r.log.String(), "a source is left out"); n != 1 {
		t.Errorf("%d lines in the log, want one", n)
	}
}

// TestNudge: as soon as an incident opens, those are asked who know what was
// changed.
func TestNudge(t *testing.T) {
	r := newRig(t, "")
	asked := func() int {
		n := 0
		for _, q := range r.pd.Requests() {
			if strings.HasPrefix(q.URL, "/change_events") {
				n++
			}
		}
		return n
	}
	o := opener{r.app.service, func(string) { r.app.changes.Poll(t.Context()) }}
	ani := incident.Actor{Kind: incident.KindUser, ID: "ani@example.com"}
	for _, tt := range []struct {
		cmd  incident.Command
		want int
	}{
		{incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Checkout is down"}}, 1},
		{incident.Command{Verb: incident.Ack, Incident: 1}, 1},
		{incident.Command{Verb: incident.Resolve, Incident: 1}, 1},
		{incident.Command{Verb: incident.Reopen, Incident: 1}, 2},
		{incident.Command{Verb: incident.Reopen, Incident: 9}, 2}, // there is none
	} {
		tt.cmd.Actor, tt.cmd.Role = ani, incident.RoleAdmin
		_, _ = o.Do(t.Context(), tt.cmd)
		if got := asked(); got != tt.want {
			t.Errorf("after %s PagerDuty was asked %d times, want %d", tt.cmd.Verb, got, tt.want)
		}
	}
}

// TestCalleeChange: a change of what a service calls is a suspect, too.
func TestCalleeChange(t *testing.T) {
	r := newRig(t, "")
	c := changes.Change{Source: changes.SourceAPI, ID: "db", Service: "payments-db", Title: "Raise max_connections", At: r.Now().Add(-time.Minute)}
	if _, err := r.app.store.SaveChanges(t.Context(), []changes.Change{c}); err != nil {
		t.Fatal(err)
	}
	r.trigger("Checkout is down")
	r.settle(time.Minute)
	r.wantOn(r.channel, []string{"Raise max_connections", "on Payments DB, which it calls"})
}
