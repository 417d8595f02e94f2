package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"imbot/integrations/newrelic/newrelicsim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// TestRememberedEdgeOnCard: a database dies; ten minutes later New Relic, which
// sees no calls to it any more, has forgotten who calls it. What suffers alerts
// after that, and is tied to its cause all the same; the card says by which
// edge, and when that was seen last.
func TestRememberedEdgeOnCard(t *testing.T) {
	r, nr := graphRig(t, "")
	r.rewrite(fmt.Sprintf(`
squads:
  - {key: payments, name: Payments, channel: %q, lead: ani@example.com}
  - {key: shop, name: Shop, lead: budi@example.com}
services:
  - {key: payments-db, name: Payments DB, squad: payments, pagerduty_service_id: PSVC02}
  - {key: cart, name: Cart, squad: shop, pagerduty_service_id: PSVC03, newrelic_guid: GUIDCART}
`, r.channel))
	r.pd.AddService(pagerdutysim.Service{ID: "PSVC02", Name: "Payments DB"})
	r.pd.AddService(pagerdutysim.Service{ID: "PSVC03", Name: "Cart"})
	cart := nr.Add(newrelicsim.Entity{GUID: "GUIDCART", Name: "cart production", Domain: "APM", Type: "APPLICATION"})
	db := nr.AddService("payments-db")
	nr.Call(cart, db)
	must(t, r.app.topology.Refresh(t.Context()))
	seen := r.Now()

	r.advance(time.Minute)
	r.pd.Trigger(pagerdutysim.Spec{Title: "Payments DB is down", Service: "PSVC02", Assignee: "PBUDI"})
	r.settle(time.Minute)
	nr.StopReporting(db)
	nr.Advance(11 * time.Minute)
	r.advance(9 * time.Minute)
	must(t, r.app.topology.Refresh(t.Context()))
	if s := r.source("newrelic"); s.Edges != 0 {
		t.Fatalf("New Relic still has %d edges", s.Edges)
	}
	r.pd.Trigger(pagerdutysim.Spec{Title: "High error rate on cart", Service: "PSVC03", Assignee: "PBUDI"})
	r.settle(time.Minute)

	_, body := r.get("/api/v1/incidents/INC-2")
	for _, want := range []string{`"kind":"cascade"`, `"parent":"INC-1"`, `"rule":"calls"`, `cart → payments-db, edge last seen`, seen.Format("2006-01-02T15:04")} {
		if !strings.Contains(body, want) {
			t.Errorf("the API has no %s: %s", want, body)
		}
	}
	var text string
	for _, p := range r.teams.Posts(r.other) {
		if strings.Contains(p.Activity.Summary, "INC-2") {
			text = string(p.Card())
		}
	}
	for _, want := range []string{"INC-1", "Payments DB", "cart → payments-db", "New Relic", "{{TIME(" + seen.Format("2006-01-02T15:04:05Z") + ")}}", "Not related"} {
		if !strings.Contains(text, want) {
			t.Errorf("the card has no %q:\n%s", want, text)
		}
	}
	var parent string
	for _, p := range r.teams.Posts(r.channel) {
		if p.Card() != nil && strings.Contains(p.Activity.Summary, "INC-1") {
			parent = string(p.Card())
		}
	}
	if !strings.Contains(parent, "INC-2") {
		t.Errorf("the card of the cause does not name its consequence:\n%s", parent)
	}
}
