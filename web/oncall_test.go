package web

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"imbot/incident"
	"imbot/query"
)

type onDuty struct{}

func (onDuty) Roles() []string { return []string{"dba", "network"} }

func (onDuty) On(_ context.Context, roles []string) (duties []query.Duty, gaps []query.Gap) {
	for _, r := range roles {
		if r == "dba" {
			duties = append(duties, query.Duty{Role: r, Person: incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}, Since: begin, Source: "rota", Stale: true})
			continue
		}
		gaps = append(gaps, query.Gap{Role: r, Why: "nobody"})
	}
	return duties, gaps
}

// TestOnCall: every answer is as the OpenAPI document says; see call.
func TestOnCall(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Reader.Standby = onDuty{} })
	an := a.call("GET", "/api/v1/oncall", viewerSecret, "")
	var d onCallDoc
	if err := json.Unmarshal(an.body, &d); err != nil || an.status != 200 || d.Name != "" || len(d.Roles) != 2 {
		t.Fatalf("%d %s, %v", an.status, an.body, err)
	}
	ani := d.Roles[0]
	if ani.Role != "dba" || ani.Gap != nil || len(ani.OnCall) != 1 || ani.OnCall[0].Person.ID != "ani@example.com" || !ani.OnCall[0].Since.Equal(begin) || ani.OnCall[0].Until != nil || !ani.OnCall[0].Stale {
		t.Errorf("dba: %+v", ani)
	}
	if gap := d.Roles[1]; gap.Gap == nil || *gap.Gap != "nobody" || len(gap.OnCall) != 0 {
		t.Errorf("network: %+v", gap)
	}
	for path, want := range map[string]int{
		"/api/v1/oncall?service=checkout-api": 200, "/api/v1/oncall?squad=payments": 200, "/api/v1/oncall?role=dba": 200,
		"/api/v1/oncall?service=moon": 400, "/api/v1/oncall?service=dba": 400,
		"/api/v1/oncall?service=checkout&role=dba": 400, "/api/v1/oncall?service=": 400, "/api/v1/oncall?who=ani": 400, "/api/v1/oncall?role=dba&role=network": 400,
	} {
		if an := a.call("GET", path, viewerSecret, ""); an.status != want {
			t.Errorf("GET %s: %d %s, want %d", path, an.status, an.body, want)
		}
	}
	if an := a.call("GET", "/api/v1/oncall", "", ""); an.status != 401 {
		t.Errorf("without a token: %d", an.status)
	}
	none := newAPI(t)
	if an := none.call("GET", "/api/v1/oncall?service=checkout", viewerSecret, ""); an.status != 200 || !strings.Contains(string(an.body), `"gap":"unknown_role"`) {
		t.Errorf("without standby: %d %s", an.status, an.body)
	}
}
