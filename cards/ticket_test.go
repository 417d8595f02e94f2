package cards

import (
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/query"
)

func TestTicketText(t *testing.T) {
	v := &query.View{
		Incident: &incident.Incident{
			ID: 42, Title: "checkout is down\u2028*now*", ServiceName: "Checkout", Life: incident.Life{OpenedAt: t0},
			Actions: []incident.Action{{N: 1, Title: "raise the limit"}},
		},
		Level: incident.DefaultLevels()[0], URL: "https://imbot.example.com/incidents/INC-42",
	}
	for _, c := range []struct {
		n           int
		lang, title string
		text        []string
	}{
		{0, "en", "RCA of INC-42: checkout is down *now*", []string{"INC-42 needs an RCA", "Service: Checkout", "Level: Service down", "https://imbot.example.com/incidents/INC-42"}},
		{0, "id", "RCA INC-42: checkout is down *now*", []string{"INC-42 memerlukan RCA", "Layanan: Checkout"}},
		{1, "en", "raise the limit", []string{"An action of INC-42: checkout is down *now*"}},
	} {
		title, text := TicketText(v, c.n, c.lang)
		if title != c.title {
			t.Errorf("title %q, want %q", title, c.title)
		}
		for _, want := range c.text {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %q", want, text)
			}
		}
	}
	v.Incident.Title = strings.Repeat("x", 300)
	if title, _ := TicketText(v, 0, "en"); len([]rune(title)) != incident.MaxTitle {
		t.Errorf("the title has %d characters", len([]rune(title)))
	}
}

func TestTicketEvents(t *testing.T) {
	event := func(kind incident.EventKind, text string, data ...string) incident.Event {
		e := incident.Event{Kind: kind, Actor: incident.Jira, Text: text, Data: map[string]string{}}
		for i := 0; i < len(data); i += 2 {
			e.Data[data[i]] = data[i+1]
		}
		return e
	}
	for _, c := range []struct {
		e    incident.Event
		want string
	}{
		{event(incident.EvTicket, "", "key", "OPS-1", "action", "created"), "Ticket OPS-1 was made in Jira"},
		{event(incident.EvTicket, "assignee", "key", "OPS-1", "action", "left_out"), "Left out of the ticket, because Jira refused it: assignee"},
		{event(incident.EvTicketMoved, "", "key", "OPS-1", "field", "done", "from", "open", "to", "done"), "Changed in Jira (OPS-1): Status from “open” to “done”"},
		{event(incident.EvTicketMoved, "", "key", "OPS-1", "field", "due", "from", "2026-01-01", "to", "", "how", "both"), "Changed on both sides (OPS-1): Due date is “nothing”, as in Jira; “2026-01-01” was dropped"},
		{event(incident.EvTicketMoved, "", "key", "OPS-1", "field", "done", "from", "open", "to", "done", "how", "owed"), "OPS-1 was closed in Jira, but the RCA is still owed"},
		{event(incident.EvTicketMoved, "no way", "key", "OPS-1", "field", "done", "from", "open", "to", "done", "how", "refused"), "Jira refused Status “done” for OPS-1: no way"},
		{event(incident.EvActionEdit, "fix it", "n", "1", "field", "due", "from", "2026-01-01", "to", ""), "Jira changed Due date of action 1 from “2026-01-01” to “nothing”: fix it"},
	} {
		if got := EventText(c.e, "en", time.UTC); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestTicketOnCard(t *testing.T) {
	if got := ticketLink(&incident.Ticket{State: incident.TicketMade, Key: "OPS-1", URL: "https://jira.example.com/browse/OPS-1"}); got != "[OPS-1](https://jira.example.com/browse/OPS-1)" {
		t.Errorf("link %q", got)
	}
	for _, none := range []*incident.Ticket{nil, {State: incident.TicketAsked}, {State: incident.TicketGone, Key: "OPS-1", URL: "https://jira.example.com/"}, {State: incident.TicketMade, Key: "OPS-1", URL: "javascript:alert(1)"}} {
		if got := ticketLink(none); got != "" {
			t.Errorf("%+v links to %q", none, got)
		}
	}
}
