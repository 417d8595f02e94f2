package pages

import (
	"net/http"
	"strings"
	"testing"

	"imbot/incident"
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
	step(incident.RoomChange{Step: incident.RoomMade, Chat: "19:room@thread.v2", URL: "https://teams.microsoft.com/l/chat/room"})
	step(incident.RoomChange{Step: incident.RoomPeople, People: []incident.RoomPerson{
		{Person: incident.Actor{Kind: incident.KindUser, ID: "gone@example.com"}, Part: incident.PartStakeholder, State: incident.PersonMissing, Reason: "not found <in> Entra"},
	}})
	step(incident.RoomChange{Step: incident.RoomOpened})
	r.do(incident.Command{Verb: incident.Page, Incident: inc.ID, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "budi@example.com"}}})
	r.do(incident.Command{Verb: incident.Report, Incident: inc.ID, Args: incident.Args{Text: "failing over", Customers: "cannot <b>pay</b>"}})
	p := r.as(eko).get("/incidents/"+inc.ID.String()).want(t, http.StatusOK)
	for _, want := range []string{"failing over", "Customers: cannot <b>pay</b>", "Next update", "War room: 0 of", "gone@example.com: not found <in> Entra", "about to be woken"} {
		if !strings.Contains(p.text(), want) {
			t.Errorf("the page lacks %q:\n%s", want, p.text())
		}
	}
	if !strings.Contains(p.body, `href="https://teams.microsoft.com/l/chat/room"`) || strings.Contains(p.body, "<b>pay") {
		t.Errorf("link or escaping: %s", p.body)
	}
}
