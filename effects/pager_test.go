package effects_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
)

// byEko carries out something in the name of Eko, whom PagerDuty does not know.
func (r *rig) byEko(verb incident.Verb, id incident.ID, text string) {
	r.t.Helper()
	r.do(incident.Command{Verb: verb, Incident: id, Actor: incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko\nPratama"}, Role: incident.RoleAdmin, Args: incident.Args{Text: text}})
}

// find returns the effect whose key contains the text.
func (r *rig) find(id incident.ID, part string) incident.EffectState {
	r.t.Helper()
	return r.effectBy(id, part, strings.Contains)
}

// changes are the calls that changed something in PagerDuty, with whose name.
func (r *rig) changes() []string {
	var out []string
	for _, q := range r.pd.Requests() {
		if q.Method != http.MethodGet {
			out = append(out, q.Method+" from "+q.Header.Get("From"))
		}
	}
	return out
}

// TestWhoActsInPagerDuty: the person, where PagerDuty knows them, else the
// service user, and a note that names the person.
func TestWhoActsInPagerDuty(t *testing.T) {
	r := newRig(t)
	id, pd := r.trigger("Checkout is down", pagerdutysim.Alert{})
	r.settle(time.Hour)
	r.do(incident.Command{Verb: incident.Ack, Incident: id})
	r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "restarted\nthe pods"}})
	r.settle(time.Hour)
	if d := cmp.Diff([]string{"PUT from budi@example.com", "POST from budi@example.com"}, r.changes()); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	r.byEko(incident.Resolve, id, "limit raised")
	r.settle(time.Hour)
	if got := r.changes()[2:]; !slices.Equal(got, []string{"PUT from imbot@example.com", "POST from imbot@example.com"}) {
		t.Errorf("Eko's changes: %q", got)
	}
	st, err := r.pd.State(pd)
	must(t, err)
	if st.Status != "resolved" || len(st.Notes) != 3 || !strings.HasPrefix(st.Notes[2], "Eko Pratama: resolved in Microsoft Teams (INC-1 #") {
		t.Errorf("in PagerDuty: %s, %q", st.Status, st.Notes)
	}
	// What was done there meanwhile is no error.
	r.do(incident.Command{Verb: incident.Reopen, Incident: id})
	before := len(r.changes())
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.byEko(incident.AddNote, id, "after all")
	r.settle(time.Hour)
	if len(r.dead) != 0 || len(r.view(id).Trouble) != 0 {
		t.Errorf("resolved already: %q died, %+v, %q", r.dead, r.view(id).Trouble, r.changes()[before:])
	}
}

// TestPrivateInPagerDuty: the state is mirrored, the words stay here, also when
// the incident has become private since.
func TestPrivateInPagerDuty(t *testing.T) {
	r := newRig(t)
	id, pd := r.trigger("Checkout is down", pagerdutysim.Alert{})
	r.settle(time.Hour)
	r.byEko(incident.AddNote, id, "xylophone")
	r.byEko(incident.Ack, id, "")
	r.byEko(incident.Resolve, id, "xylophone keys revoked")
	r.makePrivate(id)
	r.settle(time.Hour)
	st, err := r.pd.State(pd)
	must(t, err)
	if st.Status != "resolved" || len(st.Notes) != 0 || strings.Contains(string(r.pd.Dump()), "xylophone") || strings.Contains(string(r.pd.Dump()), "Eko") {
		t.Errorf("in PagerDuty: %s, %q", st.Status, st.Notes)
	}
	if len(r.view(id).Trouble) != 0 {
		t.Errorf("trouble: %+v", r.view(id).Trouble)
	}
}

// TestBrokenPagerData is dead at once.
func TestBrokenPagerData(t *testing.T) {
	r := newRig(t)
	job := outbox.Job{Attempt: 1, Effect: incident.Effect{Kind: incident.KindPDAck, Data: []byte(`[`)}}
	for _, h := range []outbox.Handler{r.pager.Ack, r.pager.Resolve, r.pager.Note, r.pager.Details} {
		if err := h(t.Context(), job); !outbox.Permanent(err) {
			t.Errorf("broken data: %v", err)
		}
	}
}

// TestDetails: the alert's details arrive on the incident, with the mails of
// those on call.
func TestDetails(t *testing.T) {
	r := newRig(t)
	id, _ := r.trigger("Checkout alert", pagerdutysim.Alert{
		Summary: "p95 above 2 s", Severity: "warning", Client: "New Relic", Link: "https://one.example.com/a",
		Details: json.RawMessage(`{"condition_name":"High response time","account":12345678,"tags":{"region":"id","az":null},"list":["a",1,{"x":1}],"ok":true}`),
	})
	r.settle(time.Hour)
	al := r.view(id).Incident.Alert
	want := map[string]string{
		"condition_name": "High response time", "account": "12345678", "tags.region": "id", "list": "a, 1", "ok": "true", "severity": "warning",
	}
	if d := cmp.Diff(want, al.Labels); d != "" || al.Condition != "High response time" || !al.Details {
		t.Errorf("condition %q, details %v, labels (-want +got):\n%s", al.Condition, al.Details, d)
	}
	if d := cmp.Diff([]incident.LinkURL{{Title: "New Relic", URL: "https://one.example.com/a"}}, al.Links); d != "" {
		t.Errorf("links (-want +got):\n%s", d)
	}
	if got := r.view(id).Incident.Responders; len(got) != 1 || got[0].ID != "budi@example.com" {
		t.Errorf("on call: %+v", got)
	}
}

// TestAlertDetails: hostile and odd details are bounded.
func TestAlertDetails(t *testing.T) {
	many := map[string]any{}
	for i := range 200 {
		many[strings.Repeat("k", 100)+string(rune('a'+i%26))+string(rune('a'+i/26))] = strings.Repeat("v", 5000)
	}
	big, err := json.Marshal(many)
	must(t, err)
	al := effects.AlertDetails([]pagerduty.Alert{{Details: big}})
	if len(al.Labels) > incident.MaxLabels {
		t.Errorf("%d labels", len(al.Labels))
	}
	for _, tt := range []struct {
		name   string
		alerts []pagerduty.Alert
		labels map[string]string
		links  int
	}{
		{"none", nil, map[string]string{}, 0},
		{"a string", []pagerduty.Alert{{Details: json.RawMessage(`"down"`)}}, map[string]string{}, 0},
		{"a list", []pagerduty.Alert{{Details: json.RawMessage(`["a"]`)}}, map[string]string{}, 0},
		{"broken", []pagerduty.Alert{{Details: json.RawMessage(`{`)}}, map[string]string{}, 0},
		{"null", []pagerduty.Alert{{Details: json.RawMessage(`null`)}}, map[string]string{}, 0},
		{"lines", []pagerduty.Alert{{Details: json.RawMessage(`{"a\nb":"c\nd"}`)}}, map[string]string{"a b": "c d"}, 0},
		{"deep", []pagerduty.Alert{{Details: json.RawMessage(`{"a":{"b":{"c":{"d":{"e":1}}}},"f":1.50}`)}}, map[string]string{"f": "1.50"}, 0},
		{"first wins", []pagerduty.Alert{{Details: json.RawMessage(`{"a":"1"}`)}, {Details: json.RawMessage(`{"a":"2","b":"3"}`)}}, map[string]string{"a": "1", "b": "3"}, 0},
		{"links", []pagerduty.Alert{
			{Link: "javascript:alert(1)"},
			{Link: "https://a.example.com"},
			{Link: "https://a.example.com"},
			{Link: "ftp://a.example.com"},
			{Link: "https://"},
			{Link: "http://b.example.com"},
			{Link: "https://user:pw@c.example.com"},
			{Link: "https://d.example.com/" + strings.Repeat("x", 2000)},
			{Link: "https://e.example.com"},
			{Link: "https://f.example.com"},
		}, map[string]string{}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			al := effects.AlertDetails(tt.alerts)
			if d := cmp.Diff(tt.labels, al.Labels); d != "" || len(al.Links) != tt.links {
				t.Errorf("links %+v, labels (-want +got):\n%s", al.Links, d)
			}
		})
	}
}

// FuzzAlertDetails: whatever a monitor sends, what is kept is bounded and clean.
func FuzzAlertDetails(f *testing.F) {
	for _, s := range []string{`{}`, `{"condition":"x"}`, `{"a":{"b":[1,"x"]}}`, `[[[]]]`, `"x"`, `1e400`, `{"a":1e400}`, `null`, `{"\u0000":"\ud800"}`} {
		f.Add([]byte(s), "https://example.com")
	}
	f.Fuzz(func(t *testing.T, details []byte, link string) {
		al := effects.AlertDetails([]pagerduty.Alert{{Details: details, Link: link, Client: link}})
		if len(al.Labels) > incident.MaxLabels || len(al.Links) > 3 {
			t.Fatalf("%d labels, %d links", len(al.Labels), len(al.Links))
		}
		for _, k := range slices.Sorted(maps.Keys(al.Labels)) {
			v := al.Labels[k]
			if utf8.RuneCountInString(v) > 501 || utf8.RuneCountInString(k) > 400 || strings.ContainsAny(k+v, "\n\r") {
				t.Fatalf("label %q = %q", k, v)
			}
		}
		for _, l := range al.Links {
			if !strings.HasPrefix(strings.ToLower(l.URL), "http") {
				t.Fatalf("link %q", l.URL)
			}
		}
	})
}

// TestReopenedBeforePagerDutyWasTold: a person's later word is not undone by our
// own late write.
func TestReopenedBeforePagerDutyWasTold(t *testing.T) {
	r := newRig(t)
	id, pd := r.trigger("Checkout is down", pagerdutysim.Alert{})
	r.settle(time.Hour)
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.do(incident.Command{Verb: incident.Reopen, Incident: id})
	r.settle(time.Hour)
	if st, err := r.pd.State(pd); err != nil || st.Status == "resolved" {
		t.Errorf("PagerDuty's incident is %s, %v, want it not resolved", st.Status, err)
	}
	if e := r.find(id, incident.KindPDResolve); e.State != incident.EffectSkipped {
		t.Errorf("the write is %s, want skipped", e.State)
	}
}
