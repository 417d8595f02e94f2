package web

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

// trigger makes the pager report something.
func (a *api) trigger(ref, title, key string) *incident.Incident {
	a.t.Helper()
	a.pass(time.Minute)
	inc, err := a.service.Do(a.t.Context(), incident.Command{
		Verb: incident.Trigger, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, Source: incident.SourcePagerDuty, At: a.clock(),
		Ref:  &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: ref},
		Args: incident.Args{Alert: &incident.Alert{Title: title, Service: "checkout", Key: key}},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return inc
}

func (a *api) command(status int, secret, id, body string) map[string]any {
	a.t.Helper()
	return a.must(status, "POST", "/api/v1/incidents/"+id+"/commands", secret, body)
}

func link(doc map[string]any) string {
	l, ok := doc["link"].(map[string]any)
	if !ok {
		return "none"
	}
	return strings.Join([]string{l["kind"].(string), l["parent"].(string), l["rule"].(string)}, " ")
}

// TestLinks corrects what the rules have decided, over the API.
func TestLinks(t *testing.T) {
	a := newAPI(t)
	a.trigger("Q1", "checkout is down", "k1")
	a.trigger("Q2", "checkout is down on host-7", "k1")
	a.trigger("Q3", "certificate expires", "k3")
	doc := a.must(200, "GET", "/api/v1/incidents/2", viewerSecret, "")
	if got := link(doc); got != "duplicate INC-1 alert_key" {
		t.Fatalf("link = %s", got)
	}
	l := doc["link"].(map[string]any)
	if l["at"] == nil || l["began"] == nil || l["confidence"] != 1.0 || len(l["path"].([]any)) != 0 || doc["trouble"] != "down" {
		t.Errorf("link = %v, trouble %v", l, doc["trouble"])
	}
	parent := a.must(200, "GET", "/api/v1/incidents/1", viewerSecret, "")
	if d := cmp.Diff([]any{map[string]any{"id": "INC-2", "kind": "duplicate"}}, parent["children"]); d != "" {
		t.Errorf("children (-want +got):\n%s", d)
	}
	for params, want := range map[string]string{"link=duplicate": "2", "link=none": "3 1", "link=cascade": ""} {
		if got := a.ids(a.must(200, "GET", "/api/v1/incidents?"+params, viewerSecret, "")); got != want {
			t.Errorf("%s lists %q, want %q", params, got, want)
		}
	}

	// Only the squad and admins correct.
	for _, body := range []string{`{"verb":"unlink"}`, `{"verb":"undo"}`, `{"verb":"link","kind":"cascade","parent":"INC-1"}`} {
		for _, secret := range []string{viewerSecret, responderSecret} {
			a.command(403, secret, "2", body)
		}
	}
	if got := link(a.command(200, adminSecret, "2", `{"verb":"unlink","reason":"another disk"}`)); got != "none" {
		t.Errorf("after unlink: %s", got)
	}
	if got := link(a.command(200, adminSecret, "2", `{"verb":"undo"}`)); got != "duplicate INC-1 alert_key" {
		t.Errorf("after undo: %s", got)
	}
	a.command(409, adminSecret, "2", `{"verb":"undo"}`)
	if got := link(a.command(200, adminSecret, "3", `{"verb":"link","kind":"cascade","parent":"INC-1"}`)); got != "cascade INC-1 person" {
		t.Errorf("after link: %s", got)
	}
	for body, field := range map[string]string{
		`{"verb":"link","kind":"cascade","parent":"INC-9"}`: "parent", `{"verb":"link","kind":"cascade","parent":"INC-3"}`: "parent",
		`{"verb":"link","kind":"cascade"}`: "parent", `{"verb":"link","parent":"INC-1"}`: "kind", `{"verb":"link","kind":"friend","parent":"INC-1"}`: "kind",
	} {
		p := a.command(422, adminSecret, "3", body)
		if got := p["errors"].([]any)[0].(map[string]any)["field"]; got != field {
			t.Errorf("%s: field %v, want %s", body, got, field)
		}
	}
	a.command(409, adminSecret, "1", `{"verb":"link","kind":"cascade","parent":"INC-3"}`)
}

// TestLinkToPrivate: a private incident can not be told from one that is not
// there, not even by trying to link to it.
func TestLinkToPrivate(t *testing.T) {
	a := newAPI(t)
	a.declare("checkout is down")
	a.by("ani@example.com", incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "a key was leaked", Private: true}})
	hidden := a.call("POST", "/api/v1/incidents/1/commands", adminSecret, `{"verb":"link","kind":"cascade","parent":"INC-2"}`)
	none := a.call("POST", "/api/v1/incidents/1/commands", adminSecret, `{"verb":"link","kind":"cascade","parent":"INC-3"}`)
	if hidden.status != 422 || strings.ReplaceAll(string(hidden.body), "INC-2", "INC-3") != string(none.body) {
		t.Errorf("private: %d %s\nnot there: %s", hidden.status, hidden.body, none.body)
	}
	a.must(404, "GET", "/api/v1/incidents/2/similar", adminSecret, "")
	a.must(404, "GET", "/api/v1/incidents/3/similar", adminSecret, "")
}

func TestSimilar(t *testing.T) {
	a := newAPI(t)
	a.trigger("Q1", "checkout is down on host-1", "k1")
	a.command(200, responderSecret, "1", `{"verb":"resolve"}`)
	a.command(200, adminSecret, "1", `{"verb":"rca","summary":"s","impact":"i","root_cause":"a leak\nin the pool","category":"code","resolution_steps":"rolled back","complete":true}`)
	a.pass(48 * time.Hour)
	a.trigger("Q2", "checkout is down on host-2", "k2")
	list := a.must(200, "GET", "/api/v1/incidents/2/similar", viewerSecret, "")["incidents"].([]any)
	if len(list) != 1 {
		t.Fatalf("similar = %v", list)
	}
	x := list[0].(map[string]any)
	if x["id"] != "INC-1" || x["same"] != true || x["root_cause"] != "a leak in the pool" || x["resolution_steps"] != "rolled back" || x["status"] != "closed" {
		t.Errorf("similar = %v", x)
	}
	if list := a.must(200, "GET", "/api/v1/incidents/1/similar", viewerSecret, "")["incidents"].([]any); len(list) != 0 {
		t.Errorf("what is open is no example: %v", list)
	}
}

func TestMutes(t *testing.T) {
	a := newAPI(t)
	const body = `{"target":"Checkout","for":"2h","reason":"an upgrade"}`
	for _, secret := range []string{viewerSecret, responderSecret} {
		a.must(403, "POST", "/api/v1/mutes", secret, body)
	}
	doc := a.must(201, "POST", "/api/v1/mutes", adminSecret, body)
	want := map[string]any{
		"service": "checkout", "squad": nil, "name": "Checkout", "from": "2026-12-31T08:30:00Z", "until": "2026-12-31T10:30:00Z", "reason": "an upgrade",
		"by": map[string]any{"kind": "token", "id": "ops", "name": "ops"},
	}
	if d := cmp.Diff(want, doc); d != "" {
		t.Errorf("mute (-want +got):\n%s", d)
	}
	a.must(201, "POST", "/api/v1/mutes", adminSecret, `{"target":"payments","for":"1h"}`)
	if inc := a.trigger("Q1", "checkout is down", "k1"); inc.NoticeGap != incident.GapMaintenance {
		t.Errorf("an alert while muted: gap %q", inc.NoticeGap)
	}
	if doc := a.must(200, "GET", "/api/v1/incidents/1", viewerSecret, ""); doc["maintenance"] == "" {
		t.Error("the incident does not say that it was muted")
	}
	names := func() string {
		var out []string
		for _, m := range a.must(200, "GET", "/api/v1/mutes", viewerSecret, "")["mutes"].([]any) {
			out = append(out, m.(map[string]any)["name"].(string))
		}
		return strings.Join(out, ", ")
	}
	if got := names(); got != "Payments, Checkout" {
		t.Errorf("mutes by their end = %s", got)
	}
	a.must(403, "DELETE", "/api/v1/mutes?target=checkout", responderSecret, "")
	a.must(200, "DELETE", "/api/v1/mutes?target=checkout", adminSecret, "")
	a.must(409, "DELETE", "/api/v1/mutes?target=checkout", adminSecret, "")
	if got := names(); got != "Payments" {
		t.Errorf("after the end of one = %s", got)
	}
	a.pass(2 * time.Hour)
	if got := names(); got != "" {
		t.Errorf("after the end of all = %s", got)
	}
	for body, field := range map[string]string{
		`{"target":"nobody","for":"2h"}`: "target", `{"target":"checkout","for":"31d"}`: "for", `{"target":"checkout","for":"soon"}`: "for", `{"target":"checkout"}`: "for",
		`{"for":"2h"}`: "target", `{"target":"checkout","for":"2h","reason":"` + strings.Repeat("x", 256) + `"}`: "reason", `{"target":"checkout","for":"2h","until":"x"}`: "until",
	} {
		p := a.must(422, "POST", "/api/v1/mutes", adminSecret, body)
		if got := p["errors"].([]any)[0].(map[string]any)["field"]; got != field {
			t.Errorf("%s: field %v, want %s", body, got, field)
		}
	}
	for _, params := range []string{"", "?target=", "?target=a&target=b", "?squad=x", "?target=nobody"} {
		a.must(400, "DELETE", "/api/v1/mutes"+params, adminSecret, "")
	}
}

// TestLabels exports corrections, and publishes what they say about the rules.
func TestLabels(t *testing.T) {
	a := newAPI(t)
	a.trigger("Q1", "checkout is down", "k1")
	a.trigger("Q2", "=HYPERLINK() checkout is down", "k1")
	a.trigger("Q3", "certificate expires", "k3")
	a.command(200, adminSecret, "2", `{"verb":"unlink"}`)
	a.command(200, adminSecret, "3", `{"verb":"link","kind":"cascade","parent":"INC-1"}`)
	a.pass(time.Hour)
	a.command(200, adminSecret, "3", `{"verb":"level","level":"high-error-rate"}`)
	read := func(params string) [][]string {
		t.Helper()
		an := a.call("GET", "/api/v1/labels.csv"+params, viewerSecret, "")
		rows, err := csv.NewReader(strings.NewReader(string(an.body))).ReadAll()
		if an.status != http.StatusOK || err != nil || len(rows) == 0 {
			t.Fatalf("labels = %d %s, %v", an.status, an.body, err)
		}
		if d := cmp.Diff(labelColumns, rows[0]); d != "" {
			t.Errorf("columns: %s", d)
		}
		return rows[1:]
	}
	var got []string
	for _, r := range read("") {
		got = append(got, strings.Join(append(r[:1:1], r[4:12]...), " "))
	}
	want := []string{"1 INC-2 INC-1 not_related duplicate alert_key   false", "2 INC-3 INC-1 also_related cascade    false", "3 INC-3  level   other high-error-rate false"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
	if got := read("?since=2026-12-31T09:00:00Z"); len(got) != 1 {
		t.Errorf("labels since nine = %v", got)
	}
	doc := a.must(200, "GET", "/api/v1/stats/links", viewerSecret, "")
	rules := map[string]any{}
	for _, r := range doc["rules"].([]any) {
		m := r.(map[string]any)
		rules[m["rule"].(string)] = m
	}
	if d := cmp.Diff(map[string]any{"rule": "alert_key", "made": 1.0, "wrong": 1.0, "missed": 0.0, "precision": 0.0}, rules["alert_key"]); d != "" {
		t.Errorf("alert_key: %s", d)
	}
	if d := cmp.Diff(map[string]any{"rule": "calls", "made": 0.0, "wrong": 0.0, "missed": 1.0, "precision": nil}, rules["calls"]); d != "" {
		t.Errorf("calls: %s", d)
	}
	kinds := doc["kinds"].([]any)
	if d := cmp.Diff([]any{map[string]any{"kind": "duplicate", "right": 0.0, "missed": 0.0, "recall": nil}, map[string]any{"kind": "cascade", "right": 0.0, "missed": 1.0, "recall": 0.0}}, kinds); d != "" {
		t.Errorf("kinds: %s", d)
	}
	for _, bad := range []string{"/api/v1/labels.csv?since=whenever", "/api/v1/stats/links?until=7d", "/api/v1/stats/links?since=1d&since=2d"} {
		a.must(400, "GET", bad, viewerSecret, "")
	}
	a.must(401, "GET", "/api/v1/labels.csv", "", "")
}

// TestLabelsOfPrivate: a correction that names what is private by now is not
// exported, and does not count.
func TestLabelsOfPrivate(t *testing.T) {
	a := newAPI(t)
	a.trigger("Q1", "checkout is down", "k1")
	a.trigger("Q2", "checkout is down", "k1")
	a.command(200, adminSecret, "2", `{"verb":"unlink"}`)
	wrong := func() float64 {
		doc := a.must(200, "GET", "/api/v1/stats/links", adminSecret, "")
		return doc["rules"].([]any)[0].(map[string]any)["wrong"].(float64)
	}
	if n := wrong(); n != 1 {
		t.Fatalf("%v wrong links", n)
	}
	err := a.service.Store.Update(t.Context(), func(tx incident.Tx) error {
		inc, err := tx.Incident(2)
		if err != nil {
			return err
		}
		inc.Private, inc.Members = true, []incident.Actor{{Kind: incident.KindUser, ID: "ani@example.com"}}
		return tx.PutIncident(inc)
	})
	if err != nil {
		t.Fatal(err)
	}
	an := a.call("GET", "/api/v1/labels.csv", adminSecret, "")
	if strings.Contains(string(an.body), "INC-") || wrong() != 0 {
		t.Errorf("labels = %s, %v wrong", an.body, wrong())
	}
	tl := a.call("GET", "/api/v1/incidents/1/timeline", adminSecret, "")
	if strings.Contains(string(tl.body), "INC-2") {
		t.Errorf("the timeline names it: %s", tl.body)
	}
}

func TestCells(t *testing.T) {
	in := []string{"a", "", "=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "a=b", "|calc", "\x00=1"}
	want := []string{"a", "", "'=1+1", "'+1", "'-1", "'@x", "'\t=1", "'\r=1", "a=b", "'|calc", "'=1"}
	if d := cmp.Diff(want, cells(append([]string{}, in...)...)); d != "" {
		t.Errorf("cells (-want +got):\n%s", d)
	}
}
