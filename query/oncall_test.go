package query_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"imbot/catalog"
	"imbot/incident"
	"imbot/query"
)

// rota is who is on duty, by role.
type rota map[string]string

func (r rota) Roles() []string {
	var out []string
	for role := range r {
		out = append(out, role)
	}
	slices.Sort(out)
	return out
}

func (r rota) On(_ context.Context, roles []string) (duties []query.Duty, gaps []query.Gap) {
	for _, role := range roles {
		switch who, ok := r[role]; {
		case !ok:
			gaps = append(gaps, query.Gap{Role: role, Why: "unknown_role"})
		case who == "":
			gaps = append(gaps, query.Gap{Role: role, Why: "nobody"})
		default:
			duties = append(duties, query.Duty{Role: role, Person: incident.Actor{Kind: incident.KindUser, ID: who}})
		}
	}
	return duties, gaps
}

const onCallCatalog = `
standby:
  dba: {pagerduty_schedule: PDBA}
  network: {pagerduty_schedule: PNET}
squads:
  - {key: payments, name: Payments, standby: {pagerduty_escalation_policy: PEP1}}
  - {key: search, name: Search}
services:
  - {key: checkout, name: Checkout, squad: payments, standby: [network, dba], aliases: [checkout-api]}
  - {key: cart, name: Cart, squad: payments}
  - {key: finder, name: Finder, squad: search}
  - {key: lonely, name: Lonely}
`

// TestOnCall: which roles belong to what was asked for.
func TestOnCall(t *testing.T) {
	file, err := catalog.Parse([]byte(onCallCatalog), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New(file, catalog.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &query.Reader{Catalog: func() incident.Catalog { return cat }, Standby: rota{"dba": "ani@example.com", "network": "", "squad:payments": "budi@example.com"}}
	const dba, network, payments = "dba=ani@example.com", "network!nobody", "squad:payments=budi@example.com"
	for _, tt := range []struct{ about, name, want string }{
		{"", "", ": " + dba + " " + network + " " + payments},
		{"", "checkout", "Checkout: " + network + " " + dba + " " + payments},
		{"", " Checkout-API ", "Checkout: " + network + " " + dba + " " + payments},
		{"service", "checkout", "Checkout: " + network + " " + dba + " " + payments},
		{"service", "cart", "Cart: " + dba + " " + payments}, // it lists none: what the most urgent level pages, as far as there are such roles
		{"service", "finder", "Finder: " + dba},
		{"service", "lonely", "Lonely: " + dba},
		{"", "DBA", "dba: " + dba},
		{"role", "dba", "dba: " + dba},
		{"role", "squad:payments", "squad:payments: " + payments},
		{"", "payments", "Payments: " + payments},
		{"squad", "Payments", "Payments: " + payments},
		{"squad", "search", "Search: squad:search!unknown_role"},
		{"role", "checkout", "?"},
		{"service", "dba", "?"},
		{"squad", "checkout", "?"},
		{"", "moon", "?"},
	} {
		o, err := r.OnCall(t.Context(), tt.about, tt.name)
		if tt.want == "?" {
			var p *incident.Problem
			if !errors.As(err, &p) || p.Key != "unknown_oncall" || p.Args["name"] != tt.name {
				t.Errorf("OnCall(%q, %q) = %+v, %v, want a problem", tt.about, tt.name, o, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("OnCall(%q, %q): %v", tt.about, tt.name, err)
			continue
		}
		if got := said(o); got != tt.want {
			t.Errorf("OnCall(%q, %q) = %q, want %q", tt.about, tt.name, got, tt.want)
		}
	}
	r.Standby = nil
	if o, err := r.OnCall(t.Context(), "", "checkout"); err != nil || !strings.Contains(said(o), "dba!unknown_role") {
		t.Errorf("without standby: %+v, %v", o, err)
	}
}

func said(o *query.OnCall) string {
	var out []string
	for _, r := range o.Roles {
		if r.Gap != "" {
			out = append(out, r.Role+"!"+r.Gap)
		}
		for _, d := range r.Duties {
			out = append(out, r.Role+"="+d.Person.ID)
		}
	}
	return o.Name + ": " + strings.Join(out, " ")
}

// TestOnCallMany: a company with a hundred roles asks for some at a time.
func TestOnCallMany(t *testing.T) {
	all := rota{}
	for i := range 100 {
		all["role-"+string(rune('a'+i/26))+string(rune('a'+i%26))] = "ani@example.com"
	}
	l := newLibrary(t)
	l.Standby, l.Name = all, func(context.Context, string) string { return "Ani" }
	o, err := l.OnCall(t.Context(), "", "")
	if err != nil || len(o.Roles)+o.Others != 100 || o.Others == 0 {
		t.Errorf("%d roles and %d others, %v", len(o.Roles), o.Others, err)
	}
	if who := o.Roles[0].Duties[0].Person; who.Label() != "Ani" {
		t.Errorf("on duty is %q", who.Label())
	}
}
