package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

func TestLifeOfAnIncident(t *testing.T) {
	a := newAPI(t)
	an := a.call("POST", "/api/v1/incidents", responderSecret, `{"title":"checkout is down","service":"checkout-api","description":"since the deploy"}`)
	if an.status != http.StatusCreated || an.header.Get("Location") != "/api/v1/incidents/INC-1" {
		t.Fatalf("declare = %d %v %s", an.status, an.header, an.body)
	}
	var got any
	if err := json.Unmarshal(an.body, &got); err != nil {
		t.Fatal(err)
	}
	at := "2026-12-31T08:30:00Z"
	want := map[string]any{
		"id": "INC-1", "title": "checkout is down", "description": "since the deploy", "service": "checkout", "squad": "payments",
		"level": "service-down", "status": "open", "private": false, "opened_at": at, "acknowledged_at": nil,
		"first_acknowledged_at": nil, "acknowledged_by": nil, "resolved_at": nil, "closed_at": nil,
		"impact_started_at": nil, "detected_at": nil, "mitigated_at": nil,
		"intervals": []any{map[string]any{"from": at, "to": nil}}, "episode": 1.0, "level_rule": "is down", "updated_at": at,
		"commander": nil, "link": nil, "children": []any{}, "more_children": 0.0, "recurrences": 0.0, "trouble": "down", "openings": 0.0, "paused_until": nil,
		"maintenance": "", "major": nil, "imported": false, "causes": []any{}, "refs": []any{},
		"scribe": nil, "status_update": nil, "paged": []any{},
		"room":       map[string]any{"state": "asked", "with": nil, "reason": "", "url": "", "meeting": "", "people": []any{}},
		"postmortem": map[string]any{"required": true, "state": "draft"}, "url": "https://imbot.example.com/incidents/INC-1",
	}
	if d := cmp.Diff(any(want), got); d != "" {
		t.Errorf("declared (-want +got):\n%s", d)
	}

	command := func(status int, secret, body string) map[string]any {
		t.Helper()
		a.pass(time.Minute)
		return a.must(status, "POST", "/api/v1/incidents/INC-1/commands", secret, body)
	}
	doc := command(200, responderSecret, `{"verb":"ack"}`)
	if d := cmp.Diff(map[string]any{"kind": "token", "id": "ci", "name": "ci"}, doc["acknowledged_by"]); d != "" {
		t.Errorf("acknowledged by (-want +got):\n%s", d)
	}
	again := command(200, responderSecret, `{"verb":"ack"}`)
	if d := cmp.Diff(doc, again); d != "" {
		t.Errorf("a second ack changed something:\n%s", d)
	}
	command(409, adminSecret, `{"verb":"close","waive":"false alarm"}`)
	command(200, responderSecret, `{"verb":"assign","person":{"id":"ani@example.com","name":"Ani"}}`)
	doc = command(200, responderSecret, `{"verb":"resolve","text":"rolled back"}`)
	if doc["status"] != "resolved" {
		t.Errorf("status = %v, want resolved", doc["status"])
	}
	command(409, responderSecret, `{"verb":"ack"}`)
	command(200, responderSecret, `{"verb":"action","op":"add","title":"alert on pool use","owner":"budi@example.com","due":"2027-01-15"}`)
	command(200, responderSecret, `{"verb":"action","op":"done","n":1}`)
	command(200, responderSecret, `{"verb":"action","op":"add","title":"raise the limit"}`)
	command(200, responderSecret, `{"verb":"rca","summary":"s","impact":"i","root_cause":"r","category":"capacity","five_whys":["a","b"]}`)
	p := command(409, responderSecret, `{"verb":"rca","summary":"t","impact":"i","rca_was":{"summary":"old","impact":"old"}}`)
	if detail, _ := p["detail"].(string); !strings.Contains(detail, "has changed summary meanwhile") {
		t.Errorf("changed meanwhile: %v", p)
	}
	p = command(422, adminSecret, `{"verb":"rca","complete":true}`)
	if errs := p["errors"].([]any); errs[0].(map[string]any)["field"] != "resolution_steps" {
		t.Errorf("errors = %v", errs)
	}
	command(403, responderSecret, `{"verb":"rca","resolution_steps":"rolled back","complete":true}`)
	doc = command(200, adminSecret, `{"verb":"rca","resolution_steps":"rolled back","complete":true}`)
	if doc["status"] != "closed" || doc["closed_at"] == nil {
		t.Errorf("status = %v, closed at %v", doc["status"], doc["closed_at"])
	}
	a.parts(t)
}

// parts reads the parts of INC-1 at the end of its life.
func (a *api) parts(t *testing.T) {
	t.Helper()
	pm := a.must(200, "GET", "/api/v1/incidents/INC-1/postmortem", viewerSecret, "")
	if pm["state"] != "complete" || len(pm["missing"].([]any)) != 0 || pm["revision"] != 1.0 || len(pm["revisions"].([]any)) != 1 {
		t.Errorf("postmortem = %v", pm)
	}
	if d := cmp.Diff([]any{"a", "b"}, pm["rca"].(map[string]any)["five_whys"]); d != "" {
		t.Error(d)
	}
	actions := a.must(200, "GET", "/api/v1/incidents/INC-1/actions", viewerSecret, "")["actions"].([]any)
	if len(actions) != 2 {
		t.Fatalf("actions = %v", actions)
	}
	first, second := actions[0].(map[string]any), actions[1].(map[string]any)
	if first["done"] != true || first["due"] != "2027-01-15" || second["done_at"] != nil || second["owner"] != nil || second["due"] != nil {
		t.Errorf("actions = %v", actions)
	}
	events := a.must(200, "GET", "/api/v1/incidents/INC-1/timeline", viewerSecret, "")["events"].([]any)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.(map[string]any)["kind"].(string))
	}
	want := []string{"declared", "acknowledged", "assigned", "resolved", "action_added", "action_done", "action_added", "rca_saved", "rca_saved", "rca_complete", "closed"}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Errorf("timeline (-want +got):\n%s", d)
	}
}

func TestIDs(t *testing.T) {
	a := newAPI(t)
	a.declare("checkout is down")
	for _, id := range []string{"INC-1", "inc-1", "1", "%231"} {
		if got := a.must(200, "GET", "/api/v1/incidents/"+id, viewerSecret, "")["id"]; got != "INC-1" {
			t.Errorf("%s is %v", id, got)
		}
	}
	for _, id := range []string{"INC-2", "0", "-1", "INC-", "x", "9999999999999999999999", "1%2F..", "%00"} {
		for _, part := range []string{"", "/timeline", "/postmortem", "/actions"} {
			if an := a.call("GET", "/api/v1/incidents/"+id+part, viewerSecret, ""); an.status != 404 {
				t.Errorf("GET %s%s = %d %s", id, part, an.status, an.body)
			}
		}
		if an := a.call("POST", "/api/v1/incidents/"+id+"/commands", responderSecret, `{"verb":"ack"}`); an.status != 404 {
			t.Errorf("POST %s = %d %s", id, an.status, an.body)
		}
	}
}

func TestList(t *testing.T) {
	a := newAPI(t)
	for i := range 5 {
		a.declare(fmt.Sprintf("checkout is down in zone-%c", 'a'+i))
		a.pass(time.Hour)
	}
	a.must(200, "POST", "/api/v1/incidents/2/commands", responderSecret, `{"verb":"resolve"}`)
	a.must(201, "POST", "/api/v1/incidents", responderSecret, `{"title":"the disk is filling up"}`)
	for _, tt := range []struct{ params, want string }{
		{"", "6 5 4 3 2 1"},
		{"status=open", "6 5 4 3 1"},
		{"status=resolved", "2"},
		{"status=open,resolved", "6 5 4 3 2 1"},
		{"status=open&status=resolved", "6 5 4 3 2 1"},
		{"status=closed", ""},
		{"level=service-down&limit=2", "5 4"},
		{"service=Checkout-API", "5 4 3 2 1"},
		{"service=nothing", ""},
		{"squad=payments&q=DOWN+zone-c", "3"},
		{"since=2026-12-31T10:30:00Z", "6 5 4 3"}, // inclusive
		{"until=2026-12-31T10:30:00Z", "2 1"},     // exclusive
		{"since=2h", "6 5 4"},
		{"since=2026-12-31&until=2027-01-01T00:00:00%2B07:00", "6 5 4 3 2 1"},
		{"since=2027-01-01", ""},
		{"link=none", "6 5 4 3 2 1"},
		{"link=duplicate", ""},
		{"level=", "6 5 4 3 2 1"},
	} {
		if got := a.ids(a.must(200, "GET", "/api/v1/incidents?"+tt.params, viewerSecret, "")); got != tt.want {
			t.Errorf("%s lists %s, want %s", tt.params, got, tt.want)
		}
	}
	var all []string
	cursor := ""
	for range 10 {
		page := a.must(200, "GET", "/api/v1/incidents?limit=2&cursor="+cursor, viewerSecret, "")
		all = append(all, a.ids(page))
		if cursor = page["next_cursor"].(string); cursor == "" {
			break
		}
	}
	if d := cmp.Diff([]string{"6 5", "4 3", "2 1"}, all); d != "" {
		t.Errorf("pages (-want +got):\n%s", d)
	}
}

func (a *api) ids(page map[string]any) string {
	var out []string
	for _, inc := range page["incidents"].([]any) {
		out = append(out, strings.TrimPrefix(inc.(map[string]any)["id"].(string), "INC-"))
	}
	return strings.Join(out, " ")
}

func TestBadFilters(t *testing.T) {
	a := newAPI(t)
	for params, field := range map[string]string{
		"statuss=open": "statuss", "status=broken": "status", "limit=0": "limit", "limit=201": "limit", "limit=x": "limit",
		"since=whenever": "since", "until=1": "until", "link=friend": "link", "cursor=xyz": "cursor", "cursor=AAAA": "cursor",
		"level=a&level=b": "level", "q=" + strings.Repeat("x", 300): "q", "q=%ff": "q", "a;b": "",
		"since=2026-12-31&until=2026-12-30": "until", "q=%zz": "",
	} {
		p := a.must(400, "GET", "/api/v1/incidents?"+params, viewerSecret, "")
		got := ""
		if errs, ok := p["errors"].([]any); ok {
			got = errs[0].(map[string]any)["field"].(string)
		}
		if got != field {
			t.Errorf("%s: field %q, want %q", params, got, field)
		}
	}
}

func TestPrivateIncidentsAreNotThere(t *testing.T) {
	a := newAPI(t)
	a.declare("checkout is down")
	secret := a.by("ani@example.com", incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "a key was leaked", Private: true}})
	if secret.ID != 2 {
		t.Fatalf("id = %s", secret.ID)
	}
	for _, token := range []string{viewerSecret, responderSecret, adminSecret} {
		for _, part := range []string{"", "/timeline", "/postmortem", "/actions"} {
			hidden := a.call("GET", "/api/v1/incidents/2"+part, token, "")
			none := a.call("GET", "/api/v1/incidents/3"+part, token, "")
			if hidden.status != 404 || strings.ReplaceAll(string(hidden.body), "INC-2", "INC-3") != string(none.body) {
				t.Errorf("GET INC-2%s = %d %s; nothing = %s", part, hidden.status, hidden.body, none.body)
			}
		}
		if an := a.call("POST", "/api/v1/incidents/2/commands", token, `{"verb":"note","text":"hello"}`); an.status != 404 {
			t.Errorf("POST = %d %s", an.status, an.body)
		}
		if got := a.ids(a.must(200, "GET", "/api/v1/incidents", token, "")); got != "1" {
			t.Errorf("list = %s", got)
		}
	}
	// A token may declare one, and hears no more of it than its number.
	body := `{"title":"another key was leaked","private":true}`
	for range 2 {
		doc := a.must(201, "POST", "/api/v1/incidents", responderSecret, body, "Idempotency-Key", "leak")
		if d := cmp.Diff(map[string]any{"id": "INC-3", "private": true}, doc); d != "" {
			t.Errorf("answer (-want +got):\n%s", d)
		}
	}
	a.must(404, "GET", "/api/v1/incidents/3", adminSecret, "")
}
