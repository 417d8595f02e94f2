package catalog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStandbyRoles(t *testing.T) {
	c := newCatalog(t, parsed(t, `
squads:
  - {key: Payments, bridge_url: "https://meet.example.com/pay", jira_project: PAY, standby: {pagerduty_escalation_policy: PEP1}}
  - {key: platform}
services:
  - {key: checkout, name: Checkout, squad: payments, aliases: [checkout-api], pagerduty_service_id: PABC123, standby: [devops, dba]}
  - {key: db, squad: platform, standby: [dba], bridge_url: "https://meet.example.com/db"}
  - {key: cart, squad: payments}
  - {key: orphan}
standby:
  dba: {pagerduty_schedule: PDBA001}
  devops: {url: "https://standby.example.com/devops"}
`), Settings{}, nil)
	for _, tt := range []struct {
		service string
		roles   []string
		bridge  string
	}{
		{"checkout", []string{"devops", "dba", "squad:Payments"}, "https://meet.example.com/pay"},
		{"Checkout-API", []string{"devops", "dba", "squad:Payments"}, "https://meet.example.com/pay"},
		{"pd:PABC123", []string{"devops", "dba", "squad:Payments"}, "https://meet.example.com/pay"},
		{"db", []string{"dba"}, "https://meet.example.com/db"},
		{"cart", []string{"squad:Payments"}, "https://meet.example.com/pay"},
		{"orphan", nil, ""},
		{"unheard of", nil, ""},
		{"", nil, ""},
	} {
		if diff := cmp.Diff(tt.roles, c.StandbyRoles(tt.service)); diff != "" {
			t.Errorf("StandbyRoles(%q) (-want +got):\n%s", tt.service, diff)
		}
		if got := c.BridgeURL(tt.service); got != tt.bridge {
			t.Errorf("BridgeURL(%q) = %q, want %q", tt.service, got, tt.bridge)
		}
	}
	if got := c.JiraProject("PAYMENTS") + "," + c.JiraProject("platform") + "," + c.JiraProject("x"); got != "PAY,," {
		t.Errorf("Jira projects %s", got)
	}
	if diff := cmp.Diff([]string{"dba", "devops", "squad:Payments"}, c.Roles()); diff != "" {
		t.Errorf("Roles (-want +got):\n%s", diff)
	}
	// What is returned is the caller's own.
	if roles := c.StandbyRoles("checkout"); len(roles) > 0 {
		roles[0] = "x"
	}
	if got := c.StandbyRoles("checkout"); got[0] != "devops" {
		t.Errorf("StandbyRoles = %v after its answer was changed", got)
	}
	want := map[string]StandbyPlan{
		"dba": {Schedule: "PDBA001"}, "devops": {URL: "https://standby.example.com/devops"}, "squad:Payments": {Policy: "PEP1"},
	}
	if diff := cmp.Diff(want, c.StandbyPlans()); diff != "" {
		t.Errorf("StandbyPlans (-want +got):\n%s", diff)
	}
}

func TestRota(t *testing.T) {
	jakarta := time.FixedZone("WIB", 7*3600)
	c := newCatalog(t, parsed(t, `
squads:
  - key: a
    standby:
      rota:
        - {who: budi@example.com, from: 2026-01-12 09:00, until: 2026-01-19T02:00:00Z}
        - {who: Ani@example.com, from: 2026-01-05, until: 2026-01-12 09:00}
        - {who: citra@example.com, from: 2026-01-19 09:00}
people:
  - {mail: ANI@example.com, name: Ani, pagerduty_id: PANI}
`), Settings{Zone: jakarta}, nil)
	plan := c.StandbyPlans()["squad:a"]
	if len(plan.Rota) != 3 || plan.Rota[0].Name != "Ani" || plan.Rota[0].PagerDutyID != "PANI" || plan.Rota[1].Name != "" {
		t.Fatalf("the rota is %+v", plan.Rota)
	}
	for at, want := range map[string][]string{
		"2026-01-04T16:59:59Z": nil,
		"2026-01-04T17:00:00Z": {"ani@example.com"},
		"2026-01-12T01:59:59Z": {"ani@example.com"},
		"2026-01-12T02:00:00Z": {"budi@example.com"},
		"2026-01-19T01:59:59Z": {"budi@example.com"},
		"2026-01-19T02:00:00Z": {"citra@example.com"},
		"2036-01-01T00:00:00Z": {"citra@example.com"},
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, turn := range plan.Rota {
			if turn.Now(now) {
				got = append(got, turn.Mail)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("on duty at %s (-want +got):\n%s", at, diff)
		}
	}
}

func TestIdentity(t *testing.T) {
	c := newCatalog(t, parsed(t, "people: [{mail: ani@example.com, name: Ani, pagerduty_id: PANI}, {mail: budi@example.com}]\n"), Settings{}, nil)
	for _, tt := range []struct{ mail, id, want string }{
		{"ani@corp.example.com", "PANI", "ani@example.com"},
		{"BUDI@example.com", "PBUDI", "budi@example.com"},
		{"", "pani", "ani@example.com"},
		{"eko@example.com", "PEKO", ""},
		{"", "", ""},
	} {
		p, ok := c.Identity(tt.mail, tt.id)
		if p.Mail != tt.want || ok != (tt.want != "") {
			t.Errorf("Identity(%q, %q) = %+v, %v, want %q", tt.mail, tt.id, p, ok, tt.want)
		}
	}
}
