package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/oncall"
)

// onDuty gives the rig's catalog roles: Budi is on standby for the database, and
// after him Eko; an own tool says who is for the network.
func onDuty(t *testing.T, r *rig, tool string) {
	t.Helper()
	r.pd.AddUser(pagerdutysim.User{ID: "PEKO", Name: "Eko", Email: "eko@example.com"})
	r.pd.AddPolicy(pagerdutysim.Policy{ID: "PEP1", Levels: [][]string{{"PBUDI"}, {"PEKO"}}})
	old, err := os.ReadFile(r.app.cfg.Catalog)
	must(t, err)
	text := string(old) + "standby:\n  dba: {pagerduty_escalation_policy: PEP1}\n  network: {url: \"" + tool + "\"}\n"
	must(t, os.WriteFile(r.app.cfg.Catalog, []byte(text), 0o600))
	must(t, r.app.loadCatalog(t.Context()))
}

// TestOnCall: who is on duty is said in chat and by the API, with its gaps; the
// tool gets its token.
func TestOnCall(t *testing.T) {
	tool := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token-of-standby" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"on_call":[]}`))
	}))
	defer tool.Close()
	r := newRig(t, "standby: {token: the-token-of-standby, hosts: [127.0.0.1]}\n")
	onDuty(t, r, tool.URL+"/network")
	r.say(r.ani, r.channel, "oncall")
	r.settle(time.Minute)
	posts := r.teams.Posts(r.channel)
	last := posts[len(posts)-1]
	for _, want := range []string{"On call", "dba", "Budi", "PagerDuty policy PEP1", "network", "nobody is on call"} {
		if !last.Contains(want) {
			t.Errorf("the answer does not say %q:\n%s", want, last.Card())
		}
	}
	r.say(r.ani, r.channel, "oncall moon")
	r.settle(time.Minute)
	if posts = r.teams.Posts(r.channel); !posts[len(posts)-1].Contains("There is no service, squad or standby role") {
		t.Errorf("the answer is %s", posts[len(posts)-1].Activity.Text)
	}
	code, body := r.get("/api/v1/oncall?service=checkout")
	var doc struct {
		Name  string
		Roles []struct {
			Role   string
			OnCall []struct {
				Person struct{ ID string }
				Stale  bool
			} `json:"on_call"`
		}
	}
	must(t, json.Unmarshal([]byte(body), &doc))
	if code != 200 || doc.Name != "Checkout" || len(doc.Roles) != 1 || doc.Roles[0].Role != "dba" || len(doc.Roles[0].OnCall) != 1 || doc.Roles[0].OnCall[0].Person.ID != "budi@example.com" {
		t.Errorf("%d %s", code, body)
	}
}

// TestPaged is the whole way: somebody declares that a service is down, whoever
// is on standby is woken through PagerDuty, answers there, and no incident is
// made of that here. Who does not answer is followed by the next one.
func TestPaged(t *testing.T) {
	for _, answers := range []bool{true, false} {
		r := newRig(t, "")
		onDuty(t, r, "http://127.0.0.1:1/network")
		r.say(r.ani, r.channel, "declare Checkout is down service:checkout level:service-down")
		r.settle(time.Minute)
		woken := r.pd.Snapshot()
		if len(woken) != 1 || !strings.HasPrefix(woken[0].Key, "imbot/INC-1/budi@") || strings.Join(woken[0].Assignees, " ") != "PBUDI" {
			t.Fatalf("PagerDuty has %+v, want that Budi is woken", woken)
		}
		if answers {
			must(t, r.pd.Acknowledge(woken[0].ID, "PBUDI"))
		}
		r.settle(incident.PageWait + time.Minute)
		want := map[string]string{"budi@example.com": incident.PageAnswered}
		if !answers {
			want = map[string]string{"budi@example.com": incident.PageSilent, "eko@example.com": incident.PageSent}
		}
		got := pagesOf(t, r)
		for who, state := range want {
			if got[who] != state {
				t.Errorf("answers %v: %s is %q, want %q", answers, who, got[who], state)
			}
		}
		if _, ok := got["eko@example.com"]; ok == answers {
			t.Errorf("answers %v: Eko woken: %v", answers, ok)
		}
		var list struct{ Incidents []struct{ ID string } }
		_, body := r.get("/api/v1/incidents")
		must(t, json.Unmarshal([]byte(body), &list))
		if len(list.Incidents) != 1 {
			t.Errorf("%d incidents here, want the declared one only", len(list.Incidents))
		}
	}
}

func pagesOf(t *testing.T, r *rig) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, r.app.store.View(t.Context(), func(tx incident.Tx) error {
		inc, err := tx.Incident(1)
		if err != nil {
			return err
		}
		for _, p := range inc.Pages {
			out[p.Person.ID] = p.State
		}
		return nil
	}))
	return out
}

// TestDryRunWakesNobody: with dry_run nobody is woken, and no other system told.
func TestDryRunWakesNobody(t *testing.T) {
	told := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told++ }))
	defer other.Close()
	r := newRig(t, "dry_run: true\nhooks: [{name: status, url: \""+other.URL+"\", secret: 0123456789abcdef, allow_private: true}]\n")
	onDuty(t, r, "http://127.0.0.1:1/network")
	r.say(r.ani, r.channel, "declare Checkout is down service:checkout level:service-down")
	r.say(r.ani, r.channel, "page 1 budi@example.com wake up")
	r.settle(time.Hour)
	if got := r.pd.Snapshot(); len(got) != 0 || told != 0 {
		t.Errorf("PagerDuty has %+v, and the other system was told %d times", got, told)
	}
}

// TestHookOut: another system is told of what PagerDuty triggers, signed.
func TestHookOut(t *testing.T) {
	var types, deliveries []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct {
			ID, Type string
			Incident struct{ URL string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Incident.URL != "https://imbot.example.com/incidents/INC-1" || !strings.HasPrefix(r.Header.Get("X-Imbot-Signature"), "v1=") {
			t.Errorf("body %+v, %v, signature %q", body, err, r.Header.Get("X-Imbot-Signature"))
		}
		types, deliveries = append(types, body.Type), append(deliveries, body.ID)
	}))
	defer other.Close()
	r := newRig(t, "hooks: [{name: status, url: \""+other.URL+"/?key=1\", secret: 0123456789abcdef, events: [opened, changed], squads: [Payments], allow_private: true}]\n")
	id := r.trigger("Odd things happen")
	r.settle(time.Minute)
	must(t, r.pd.Acknowledge(id, "PBUDI"))
	r.settle(time.Minute)
	must(t, r.pd.Resolve(id, "PBUDI"))
	r.settle(time.Minute)
	if len(types) < 2 || types[0] != "incident.opened" || types[1] != "incident.changed" || strings.Contains(strings.Join(types, " "), "closed") {
		t.Errorf("told %q", types)
	}
	if strings.Contains(r.log.String(), "key=1") {
		t.Error("the log has the address")
	}
	for i, d := range deliveries {
		if !strings.HasPrefix(d, "INC-1/hook/status/") || (i > 0 && d == deliveries[i-1]) {
			t.Errorf("delivery %d is %q", i, d)
		}
	}
}

// TestStandbyAdapter joins the names of people as imbot knows them with those of
// the sources.
func TestStandbyAdapter(t *testing.T) {
	turns := []oncall.Turn{
		{Mail: "Ani@Example.com", Name: "Ani", Until: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		{Mail: "budi@example.com", From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
	}
	plans := func() map[string]oncall.Plan {
		return map[string]oncall.Plan{"squad:payments": {Rota: turns}, "dba": {Schedule: "P1"}, "office": {Rota: turns}}
	}
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	s := standby{oncall.New(oncall.Config{Plans: plans, Now: func() time.Time { return now }}), plans}
	if got := strings.Join(s.Roles(), " "); got != "dba office squad:payments" {
		t.Errorf("roles: %s", got)
	}
	duties, gaps := s.On(t.Context(), []string{"office", "dba", "moon"})
	if len(duties) != 1 || duties[0].Person != (incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}) || duties[0].Source != "rota" || !duties[0].Till.Equal(turns[0].Until) {
		t.Errorf("duties: %+v", duties)
	}
	if len(gaps) != 2 || gaps[0].Why != oncall.ReasonOff || gaps[1].Why != oncall.ReasonUnknown {
		t.Errorf("gaps: %+v", gaps)
	}
	next, ok := s.Next(t.Context(), "office", duties[0].Person)
	if !ok || next.Person.ID != "budi@example.com" {
		t.Errorf("next: %+v, %v", next, ok)
	}
	if _, ok := s.Next(t.Context(), "dba", incident.Actor{Kind: incident.KindUser, ID: "pd:pani"}); ok {
		t.Error("a role that is off has somebody next")
	}
	if got := personOf(oncall.Person{PagerDutyID: "PANI"}); got.ID != "pd:pani" {
		t.Errorf("somebody without a mail is %+v", got)
	}
}
