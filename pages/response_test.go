package pages

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/locale"
)

// TestResponse: the page says how it stands, where people talk, who is missing
// there, and who was woken.
func TestResponse(t *testing.T) {
	r := newRig(t)
	inc := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Payments DB is down", Service: "payments-db", Level: "service-down"}})
	step := func(c incident.RoomChange) {
		r.do(incident.Command{Verb: incident.RoomStep, Incident: inc.ID, Actor: incident.System, Args: incident.Args{Room: &c}})
	}
	step(incident.RoomChange{Step: incident.RoomBegin})
	step(incident.RoomChange{Step: incident.RoomTried, Tried: r.now})
	step(incident.RoomChange{Step: incident.RoomTried, Tried: r.now}) // the answer to the first was lost
	step(incident.RoomChange{Step: incident.RoomMade, Chat: "19:room@thread.v2", URL: "https://teams.microsoft.com/l/chat/room"})
	step(incident.RoomChange{Step: incident.RoomPeople, People: []incident.RoomPerson{
		{Person: incident.Actor{Kind: incident.KindUser, ID: "gone@example.com"}, Part: incident.PartStakeholder, State: incident.PersonMissing, Reason: "not found <in> Entra"},
		{Person: incident.Actor{Kind: incident.KindUser, ID: "later@example.com"}, Part: incident.PartStakeholder, State: incident.PersonInvited},
	}})
	step(incident.RoomChange{Step: incident.RoomOpened})
	r.do(incident.Command{Verb: incident.Page, Incident: inc.ID, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "budi@example.com"}}})
	r.do(incident.Command{Verb: incident.PageStep, Incident: inc.ID, Actor: incident.System, Args: incident.Args{Page: &incident.PageChange{
		Step: incident.PageFound, Found: []incident.Paged{{Role: "dba", Detail: "no_token"}},
	}}})
	r.do(incident.Command{Verb: incident.Report, Incident: inc.ID, Args: incident.Args{Text: "failing over", Customers: "cannot <b>pay</b>"}})
	p := r.as(eko).get("/incidents/"+inc.ID.String()).want(t, http.StatusOK)
	for _, want := range []string{"failing over", "Customers: cannot <b>pay</b>", "Next update", "War room: 0 of", "1 more may join if needed: later@example.com", "there may be an empty chat of the same name", "dba: not woken: imbot has no API token for PagerDuty", "gone@example.com: not found <in> Entra", "about to be woken"} {
		if !strings.Contains(p.text(), want) {
			t.Errorf("the page lacks %q:\n%s", want, p.text())
		}
	}
	if !strings.Contains(p.body, `href="https://teams.microsoft.com/l/chat/room"`) || strings.Contains(p.body, "<b>pay") {
		t.Errorf("link or escaping: %s", p.body)
	}
}

// TestRoomHeld: the page says until when a room waits.
func TestRoomHeld(t *testing.T) {
	u := ui{say: locale.For("en"), zone: time.UTC}
	out := &response{}
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	inc := &incident.Incident{Room: &incident.Room{State: incident.RoomAsked}, RoomAfter: at.Add(30 * time.Second)}
	inc.UpdatedAt = at
	if u.roomLines(out, inc); len(out.Lines) != 1 || !strings.Contains(out.Lines[0], "opens at") {
		t.Errorf("lines %q", out.Lines)
	}
	inc.Room.AskedBy = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com"}
	if u.roomLines(out, inc); !strings.Contains(out.Lines[1], "is being opened") {
		t.Errorf("lines %q", out.Lines)
	}
}
