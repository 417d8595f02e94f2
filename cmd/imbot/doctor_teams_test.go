package main

import (
	"strings"
	"testing"
)

// TestDoctorCredential: the usual mistakes with the credential are told apart, in
// one line each, and what needs the same token is not tried in vain.
func TestDoctorCredential(t *testing.T) {
	r, _ := newRoomRig(t)
	good := *r.app.cfg.Teams
	for _, tt := range []struct {
		name       string
		change     func(*TeamsConfig)
		says, mend string
	}{
		{"secret", func(t *TeamsConfig) { t.ClientSecret = "wrong" }, "the client secret is wrong (AADSTS7000215)", "the secret's Value, not its Secret ID"},
		{"tenant", func(t *TeamsConfig) { t.TenantID = "00000000-0000-4000-8000-0000000000ff" }, "there is no such tenant (AADSTS90002)", "check teams.tenant_id"},
		{"app", func(t *TeamsConfig) { t.AppID = "00000000-0000-4000-8000-0000000000ff" }, "the tenant has no such app (AADSTS700016)", "check teams.app_id"},
		{"no answer", func(t *TeamsConfig) { t.Authority = "https://127.0.0.1:1" }, "no token: ", "check that this machine reaches"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, teams := *r.app.cfg, good
			tt.change(&teams)
			cfg.Teams = &teams
			d := &doctor{cfg: &cfg}
			d.teams(t.Context(), nil, nil)
			if len(d.checks) != 2 || d.checks[0].Name != "teams token" || d.checks[1].Name != "microsoft graph" || d.checks[1].State != checkWarn {
				t.Fatalf("checks = %+v", d.checks)
			}
			c := d.checks[0]
			if c.State != checkFail || !strings.HasPrefix(c.Detail, tt.says) || strings.Contains(c.Detail, "\n") || !strings.Contains(c.Mend, tt.mend) {
				t.Errorf("it says %q, to be mended by %q", c.Detail, c.Mend)
			}
			if strings.Contains(c.Detail, good.ClientSecret.Reveal()) {
				t.Errorf("the secret is told: %q", c.Detail)
			}
		})
	}
}
