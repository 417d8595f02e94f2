package pagerduty

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/internal/contract"
)

// seeds are webhooks made by hand, one of each shape.
var seeds = map[string]string{
	"triggered": `{"event":{"id":"01E1","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2026-03-01T10:00:00.125Z",
		"agent":null,"client":{"name":"Prometheus"},"data":{"id":"Q1","type":"incident","html_url":"https://x.example/i/Q1","number":17,"status":"triggered",
		"incident_key":"k/1","created_at":"2026-03-01T10:00:00Z","title":"checkout is down","incident_type":{"name":"major"},
		"service":{"id":"PS1","summary":"Checkout","type":"service_reference","self":"https://api/s","html_url":"https://x.example/s/PS1"},
		"assignees":[{"id":"PU1","summary":"Ani","type":"user_reference","html_url":null}],"escalation_policy":{"id":"PE1","summary":"Payments"},
		"teams":[{"id":"PT1","summary":"Pay"}],"priority":{"id":"PP1","summary":"P1"},"urgency":"high",
		"conference_bridge":{"conference_number":"+62 1,,2#","conference_url":"https://meet.example"},"resolve_reason":null}}}`,
	"merged": `{"event":{"id":"01E2","event_type":"incident.resolved","resource_type":"incident","occurred_at":"2026-03-01T17:00:00+07:00",
		"agent":{"id":"PU1","summary":"Ani","type":"user_reference"},"data":{"id":"Q2","type":"incident","number":18,"status":"resolved","title":"cart is slow",
		"service":{"id":"PS1","summary":null},"priority":null,"resolve_reason":{"type":"merge_resolve_reason","incident":{"id":"Q1","summary":"checkout is down"}}}}}`,
	"note": `{"event":{"id":"01E3","event_type":"incident.annotated","occurred_at":"2026-03-01T10:00:00Z","agent":{"id":"PU1","summary":"Ani"},
		"data":{"incident":{"id":"Q1","summary":null},"id":"PN1","content":"restarted\nthe pods","trimmed":true,"type":"incident_note"}}}`,
	"responder": `{"event":{"event_type":"incident.responder.added","data":{"incident":{"id":"Q1"},"user":{"id":"PU2","summary":"Budi"},
		"escalation_policy":{"id":"PE1","summary":"DBA"},"message":"please help","state":"pending","type":"incident_responder"}}}`,
	"status update": `{"event":{"event_type":"incident.status_update_published","data":{"incident":{"id":"Q1"},"id":"PX","message":"fix is out","trimmed":false,"type":"incident_status_update"}}}`,
	"bridge": `{"event":{"event_type":"incident.conference_bridge.updated","data":{"incident":{"id":"Q1"},"conference_numbers":[{"label":"","number":628123}],
		"conference_url":"https://meet.example/1","type":"incident_conference_bridge"}}}`,
	"fields": `{"event":{"event_type":"incident.custom_field_values.updated","data":{"incident":{"id":"Q1","summary":null},
		"custom_fields":[{"id":"F1","name":"env","value":"prod"},{"id":"F2","name":"region","value":"ID"},{"id":"F3","name":"shards","value":[1,2]}],
		"changed_custom_fields":[{"id":"F1","name":"env","value":null},{"id":"F3","value":[]}],"type":"incident_field_values"}}}`,
	"role": `{"event":{"event_type":"incident.role.assigned","data":{"type":"incident_role_assignment","incident_role_assignments":[
		{"assignee":{"id":"PU1","summary":"Ani"},"incident":{"id":"Q1"},"old_assignee":null,"role":{"id":"R1","summary":"Commander"},"status":"active"}]}}}`,
	"task":     `{"event":{"event_type":"incident.task.created","data":{"name":"look at disks","id":"T1","type":"incident_task","status":"todo","assignees":[{"id":"PU1","summary":"Ani"}],"incident":{"id":"Q1"}}}}`,
	"workflow": `{"event":{"event_type":"incident.workflow.started","data":{"id":"W1","type":"incident_workflow_instance","summary":"Major","incident":{"id":"Q1"},"service":{"id":"PS1"}}}}`,
	"action":   `{"event":{"event_type":"incident.action_invocation.created","data":{"id":"A1","html_url":"https://x/r","incident":{"id":"Q1"},"action":{"id":"AC","summary":"Restart"},"state":"created","type":"incident_action_invocation"}}}`,
	"service":  `{"event":{"event_type":"service.updated","resource_type":"service","data":{"id":"PS1","summary":"Checkout","type":"service"}}}`,
	"ping":     `{"event":{"id":"01E9","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-03-01T10:00:00Z","agent":{"id":"PU1"},"client":null,"data":{"message":"Hello","type":"ping"}}}`,
	"unknown":  `{"event":{"event_type":"incident.teleported","data":{"type":"incident_teleport","incident":{"id":"Q1"}}}}`,
}

func TestParseIncident(t *testing.T) {
	got := parse(t, seeds["triggered"])
	want := &Event{
		ID: "01E1", Type: "incident.triggered", ResourceType: "incident", Client: "Prometheus",
		OccurredAt: time.Date(2026, 3, 1, 10, 0, 0, 125e6, time.UTC),
		Incident: &Incident{
			ID: "Q1", Number: 17, Title: "checkout is down", Status: StatusTriggered, Urgency: "high", IncidentKey: "k/1",
			HTMLURL: "https://x.example/i/Q1", CreatedAt: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), IncidentType: "major",
			Service:          Reference{ID: "PS1", Summary: "Checkout", Type: "service_reference", Self: "https://api/s", HTMLURL: "https://x.example/s/PS1"},
			Priority:         &Reference{ID: "PP1", Summary: "P1"},
			Assignees:        []Reference{{ID: "PU1", Summary: "Ani", Type: "user_reference"}},
			EscalationPolicy: &Reference{ID: "PE1", Summary: "Payments"},
			Teams:            []Reference{{ID: "PT1", Summary: "Pay"}},
			ConferenceBridge: &ConferenceBridge{Number: "+62 1,,2#", URL: "https://meet.example"},
		},
	}
	want.Raw = got.Raw // checked below
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParseWebhook (-want +got):\n%s", diff)
	}
	var data struct{ ID string }
	if err := json.Unmarshal(got.Raw, &data); err != nil || data.ID != "Q1" {
		t.Errorf("Raw = %s", got.Raw)
	}
}

func TestParseMerge(t *testing.T) {
	e := parse(t, seeds["merged"])
	if got := e.Incident.MergedInto(); got != "Q1" {
		t.Errorf("MergedInto = %q, want Q1", got)
	}
	if e.Incident.Open() || e.Incident.Priority != nil || e.Incident.Service.Summary != "" {
		t.Errorf("Incident = %+v", e.Incident)
	}
	if want := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC); !e.OccurredAt.Equal(want) || e.OccurredAt.Location() != time.UTC {
		t.Errorf("OccurredAt = %v, want %v", e.OccurredAt, want)
	}
	if got := (*Incident)(nil).MergedInto(); got != "" {
		t.Errorf("MergedInto of nil = %q", got)
	}
}

func TestParseOtherData(t *testing.T) {
	tests := []struct {
		seed, id, text string
		check          func(*Event) bool
	}{
		{"triggered", "Q1", "PagerDuty triggered the incident: checkout is down", nil},
		{"merged", "Q2", "Ani resolved the incident: merged into checkout is down, Q1", nil},
		{"note", "Q1", "Ani added a note: restarted the pods", func(e *Event) bool { return e.Note.Trimmed && e.Note.ID == "PN1" }},
		{"responder", "Q1", "PagerDuty asked for a responder: Budi, DBA (pending), please help", func(e *Event) bool { return e.Responder.State == "pending" && e.Responder.User.ID == "PU2" }},
		{"status update", "Q1", "PagerDuty published a status update: fix is out", func(e *Event) bool { return !e.StatusUpdate.Trimmed }},
		{"bridge", "Q1", "PagerDuty changed the conference bridge: 628123, https://meet.example/1", func(e *Event) bool { return e.Bridge.Number == "628123" }},
		{"fields", "Q1", "PagerDuty changed custom fields: env = prod, shards = [1,2]", func(e *Event) bool { return len(e.Fields) == 2 }},
		{"role", "Q1", "PagerDuty assigned a role: Commander = Ani", func(e *Event) bool { return e.Roles[0].OldAssignee == nil }},
		{"task", "Q1", "PagerDuty created a task: look at disks (todo)", func(e *Event) bool { return e.Task.Assignees[0].ID == "PU1" }},
		{"workflow", "Q1", "PagerDuty started a workflow: Major", func(e *Event) bool { return e.Workflow.ID == "W1" }},
		{"action", "Q1", "PagerDuty started an automation action: Restart (created)", func(e *Event) bool { return e.Action.HTMLURL == "https://x/r" }},
		{"service", "", "PagerDuty changed the service: Checkout", func(e *Event) bool { return e.Service.ID == "PS1" }},
		{"ping", "", "PagerDuty tested the webhook subscription: Hello", func(e *Event) bool { return e.Agent.ID == "PU1" }},
		{"unknown", "Q1", "PagerDuty sent incident.teleported", func(e *Event) bool { return e.Raw != nil }},
	}
	for _, tt := range tests {
		t.Run(tt.seed, func(t *testing.T) {
			e := parse(t, seeds[tt.seed])
			if e.IncidentID() != tt.id {
				t.Errorf("IncidentID = %q, want %q", e.IncidentID(), tt.id)
			}
			if e.Text() != tt.text {
				t.Errorf("Text = %q, want %q", e.Text(), tt.text)
			}
			if Known(e) != (tt.seed != "unknown") {
				t.Errorf("Known = %v", Known(e))
			}
			if tt.check != nil && !tt.check(e) {
				t.Errorf("parsed to %+v", e)
			}
		})
	}
}

func TestTextOfChanges(t *testing.T) {
	const data = `"data":{"id":"Q1","type":"incident","status":"triggered","incident_type":{"name":"major"},"service":{"id":"S","summary":"Cart"},
		"assignees":[{"id":"A","summary":"Ani"},{"id":"B","summary":"Budi"}],"escalation_policy":{"id":"E","summary":"DBA"},"priority":null}}}`
	for eventType, want := range map[string]string{
		"incident.priority_updated":      "PagerDuty changed the priority: none",
		"incident.incident_type.changed": "PagerDuty changed the incident type: major",
		"incident.service_updated":       "PagerDuty moved the incident to another service: Cart",
		"incident.delegated":             "PagerDuty delegated the incident to another escalation policy: DBA",
		"incident.reassigned":            "PagerDuty reassigned the incident: Ani, Budi",
		"incident.escalated":             "PagerDuty escalated the incident: Ani, Budi",
		"incident.acknowledged":          "PagerDuty acknowledged the incident",
	} {
		if got := parse(t, `{"event":{"event_type":"`+eventType+`",`+data).Text(); got != want {
			t.Errorf("Text = %q, want %q", got, want)
		}
	}
}

func TestParseLenient(t *testing.T) {
	body := `{"event":{"id":7,"event_type":"incident.triggered","occurred_at":"yesterday","agent":"nobody","client":[],
		"data":{"id":123,"type":"incident","number":"42","title":404,"status":null,"urgency":true,"created_at":1700000000,
		"service":"PS1","assignees":{"id":"PU1"},"teams":[{"id":1,"summary":2},"x",null],"priority":"P1","conference_bridge":{"conference_number":62812},
		"incident_type":"major","resolve_reason":{"type":"merge_resolve_reason","incident":null},"escalation_policy":{"id":"PE1","summary":null}},"more":{"deep":[[[]]]}}}`
	e := parse(t, body)
	if e.ID != "7" || !e.OccurredAt.IsZero() || e.Agent != nil || e.Client != "" {
		t.Errorf("envelope = %+v", e)
	}
	want := &Incident{
		ID: "123", Number: 42, Title: "404", Urgency: "true", Teams: []Reference{{ID: "1", Summary: "2"}},
		ConferenceBridge: &ConferenceBridge{Number: "62812"}, ResolveReason: &ResolveReason{Type: MergeResolveReason},
		EscalationPolicy: &Reference{ID: "PE1"},
	}
	if diff := cmp.Diff(want, e.Incident); diff != "" {
		t.Errorf("Incident (-want +got):\n%s", diff)
	}
}

func TestParseNumbers(t *testing.T) {
	for in, want := range map[string]int64{
		`5`: 5, `"5"`: 5, `" 5 "`: 5, `5.0`: 5, `5e2`: 500, `"five"`: 0, `null`: 0, `-1`: -1, `1e300`: 0, `[5]`: 0, `{}`: 0, `true`: 0,
	} {
		e := parse(t, `{"event":{"event_type":"incident.triggered","data":{"id":"Q","type":"incident","number":`+in+`}}}`)
		if e.Incident.Number != want {
			t.Errorf("number %s = %d, want %d", in, e.Incident.Number, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"empty": ``, "no JSON": `hello`, "cut": seeds["triggered"][:200], "two": seeds["ping"] + seeds["ping"],
		"no event": `{}`, "event is null": `{"event":null}`, "event is a list": `{"event":[]}`, "no type": `{"event":{"id":"1"}}`,
		"a list": `[]`, "version 2": `{"messages":[{"event":"incident.trigger"}]}`, "nested too deep": strings.Repeat(`{"event":`, 20000),
	} {
		if e, err := ParseWebhook([]byte(body)); !errors.Is(err, ErrWebhook) {
			t.Errorf("%s: ParseWebhook = %+v, %v; want ErrWebhook", name, e, err)
		}
	}
}

func TestTextIsOneBoundedLine(t *testing.T) {
	e := &Event{Type: "incident.annotated", Agent: &Reference{Summary: "Ani\r\n"}, Note: &Note{Content: strings.Repeat("é\n", 1000)}}
	got := e.Text()
	if len(got) > maxText || strings.ContainsAny(got, "\r\n") || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("Text = %q (%d bytes)", got, len(got))
	}
}

// Every documented event parses, is known, and names its incident.
func TestContractWebhooks(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(contract.Dir(t), "pagerduty", "webhook-v3-examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Events map[string]json.RawMessage }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Events) != len(types)-1 { // and the ping, which is documented elsewhere
		t.Errorf("%d examples for %d types", len(file.Events), len(types)-1)
	}
	for name, body := range file.Events {
		e := parse(t, string(body))
		if e.Type != name || !Known(e) || e.OccurredAt.IsZero() || e.Agent == nil || e.ID == "" {
			t.Errorf("%s: parsed to %+v", name, e)
		}
		if isIncident := strings.HasPrefix(name, "incident."); isIncident != (e.IncidentID() != "") {
			t.Errorf("%s: incident %q", name, e.IncidentID())
		}
		if !strings.HasPrefix(e.Text(), e.Agent.Summary+" ") || strings.Contains(e.Text(), "sent "+name) {
			t.Errorf("%s: Text = %q", name, e.Text())
		}
		if i := e.Incident; i != nil && (i.Number != 2 || i.Title == "" || i.Service.ID == "" || i.Priority == nil || i.ConferenceBridge == nil ||
			len(i.Assignees) != 1 || len(i.Teams) != 1 || i.EscalationPolicy == nil || i.CreatedAt.IsZero() || i.IncidentType == "") {
			t.Errorf("%s: incident %+v", name, i)
		}
		one := e.Incident != nil || e.Note != nil || e.Responder != nil || e.StatusUpdate != nil || e.Bridge != nil || e.Fields != nil ||
			e.Roles != nil || e.Task != nil || e.Workflow != nil || e.Action != nil || e.Service != nil
		if !one {
			t.Errorf("%s: nothing but the envelope was understood", name)
		}
	}
}

func FuzzParseWebhook(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"event":{"event_type":"x","data":{"type":"incident","id":"a","title":"\ud83d\ude00\u0000","data":"\"}"}}}`))
	f.Add([]byte(`{"EVENT":{"event_type":"x","data":[[{"data":1}]]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := ParseWebhook(body)
		if err != nil {
			if !errors.Is(err, ErrWebhook) {
				t.Errorf("%v does not wrap ErrWebhook", err)
			}
			return
		}
		if e.Raw != nil && !json.Valid(e.Raw) {
			t.Errorf("Raw = %q", e.Raw)
		}
		if text := e.Text(); len(text) > maxText || strings.ContainsAny(text, "\r\n\x00") {
			t.Errorf("Text = %q", text)
		}
		_ = e.IncidentID()
	})
}

// member finds what encoding/json finds.
func FuzzMember(f *testing.F) {
	f.Add([]byte(`{"a":1,"data":{"x":"}\"]"},"b":[1,{"data":2}]}`))
	f.Add([]byte(" {\n\"data\" : [ ] , \"z\":null } "))
	f.Add([]byte(`{"data":-1.5e3}`))
	f.Add([]byte(`{"data":1,"data":"2"}`))
	f.Fuzz(func(t *testing.T, obj []byte) {
		var want map[string]json.RawMessage
		if json.Unmarshal(obj, &want) != nil || want == nil {
			return
		}
		got := member(obj, "data")
		if bytes.Contains(obj, []byte(`\`)) {
			if got != nil && !json.Valid(got) { // a key may be written with escapes
				t.Errorf("member = %q", got)
			}
			return
		}
		if string(got) != string(want["data"]) {
			t.Errorf("member(%q) = %q, want %q", obj, got, want["data"])
		}
	})
}

func parse(t testing.TB, body string) *Event {
	t.Helper()
	e, err := ParseWebhook([]byte(body))
	if err != nil {
		t.Fatalf("ParseWebhook(%.200s): %v", body, err)
	}
	return e
}
