package resource_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/query"
	"imbot/resource"
)

// TestOf: lists are never null, what is not known is, and times are in UTC.
func TestOf(t *testing.T) {
	jakarta := time.FixedZone("WIB", 7*3600)
	inc := &incident.Incident{ID: 42, Title: "x", Status: incident.Open}
	inc.OpenedAt = time.Date(2026, 3, 1, 17, 0, 0, 0, jakarta)
	b, err := json.Marshal(resource.Of(&query.View{Incident: inc, URL: "https://imbot.example.com/incidents/INC-42"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"id":"INC-42"`, `"status":"open"`, `"opened_at":"2026-03-01T10:00:00Z"`, `"acknowledged_at":null`, `"acknowledged_by":null`, `"commander":null`,
		`"link":null`, `"major":null`, `"children":[]`, `"refs":[]`, `"intervals":[]`, `"causes":[]`, `"room":null`, `"paged":[]`, `"status_update":null`, `"scribe":null`, `"url":"https://imbot.example.com/incidents/INC-42"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

// TestOfLink: what an incident is tied to, and the way there.
func TestOfLink(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	inc := &incident.Incident{
		ID: 2, Link: &incident.Link{Kind: incident.LinkCascade, Parent: 1, Rule: "calls", Path: []incident.Via{{From: "a", To: "b", Source: "newrelic", SeenAt: at}, {From: "b", To: "c", Source: "catalog"}}},
		Children: []incident.Child{{ID: 3, Kind: incident.LinkDuplicate}}, Commander: incident.Actor{Kind: incident.KindUser, ID: "ani@example.com"},
	}
	d := resource.Of(&query.View{Incident: inc})
	switch {
	case d.Link == nil || *d.Link.Parent != "INC-1" || d.Link.Evidence == nil || len(d.Link.Path) != 2:
		t.Errorf("link: %+v", d.Link)
	case !d.Link.Path[0].SeenAt.Equal(at) || d.Link.Path[1].SeenAt != nil:
		t.Errorf("path: %+v", d.Link.Path)
	case len(d.Children) != 1 || d.Children[0].ID != "INC-3" || d.Commander == nil || d.Commander.ID != "ani@example.com":
		t.Errorf("children: %+v, commander: %+v", d.Children, d.Commander)
	}
}

// TestEvents: an entry without data has an empty object.
func TestEvents(t *testing.T) {
	b, err := json.Marshal(resource.Events([]incident.Event{{N: 1, Kind: incident.EvNote, Text: "hello"}}))
	if err != nil || !strings.Contains(string(b), `"data":{}`) || !strings.Contains(string(b), `"kind":"note"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestOfResponse: the room with who is missing, who was woken, and how it stands.
func TestOfResponse(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	dewi := incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi"}
	inc := &incident.Incident{
		ID: 2, Scribe: dewi, Update: &incident.StatusUpdate{Customers: "errors", Doing: "failing over", By: dewi, At: at},
		Room:  &incident.Room{State: incident.RoomShared, With: 1, URL: "https://teams.example.com/l/chat", People: []incident.RoomPerson{{Person: dewi, Part: "dba", State: incident.PersonIn}, {Part: "devops", State: incident.PersonMissing, Reason: "nobody is on duty"}}},
		Pages: []incident.Paged{{Person: dewi, Role: "dba", Also: []string{"squad:payments"}, State: incident.PageAnswered, At: at}, {Person: dewi, State: incident.PageSent, At: at}, {Role: "devops", State: incident.PageFailed, Detail: "nobody is on duty", At: at}},
	}
	b, err := json.Marshal(resource.Of(&query.View{Incident: inc}))
	if err != nil {
		t.Fatal(err)
	}
	const who = `{"kind":"user","id":"dewi@example.com","name":"Dewi"}`
	for _, want := range []string{
		`"scribe":` + who,
		`"status_update":{"customers":"errors","doing":"failing over","next_update":null,"by":` + who + `,"at":"2026-03-01T10:00:00Z"}`,
		`"room":{"state":"shared","with":"INC-1","reason":"","url":"https://teams.example.com/l/chat","meeting":"","people":[{"person":` + who + `,"part":"dba","state":"in","reason":""},{"person":null,"part":"devops","state":"missing","reason":"nobody is on duty"}]}`,
		`"paged":[{"person":` + who + `,"roles":["dba","squad:payments"],"state":"answered","detail":"","at":"2026-03-01T10:00:00Z"},{"person":` + who + `,"roles":[],"state":"paged","detail":"","at":"2026-03-01T10:00:00Z"},{"person":null,"roles":["devops"],"state":"not_paged","detail":"nobody is on duty","at":"2026-03-01T10:00:00Z"}]`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}
