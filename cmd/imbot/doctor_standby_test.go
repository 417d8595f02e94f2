package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoctorStandby names the roles that nobody is on call for, and hooks of
// squads that there are not.
func TestDoctorStandby(t *testing.T) {
	r := newRig(t, "hooks:\n  - {name: good, url: \"https://x.example.com\", secret: 0123456789abcdef, squads: [payments]}\n  - {name: bad, url: \"https://x.example.com\", secret: 0123456789abcdef, squads: [moon]}\n")
	look := func() map[string]check {
		d := &doctor{cfg: r.app.cfg}
		d.standby(t.Context(), r.app.catalog.Get())
		d.hooks(r.app.catalog.Get())
		out := map[string]check{}
		for _, c := range d.checks {
			out[c.Name] = c
		}
		return out
	}
	got := look()
	if c := got["standby"]; c.State != checkOff {
		t.Errorf("without standby: %+v", c)
	}
	if got["hook good"].State != checkOK || got["hook bad"].State != checkWarn || !strings.Contains(got["hook bad"].Detail, "moon") {
		t.Errorf("hooks: %+v", got)
	}
	onDuty(t, r, "http://127.0.0.1:1/network")
	got = look()
	if c := got["standby of network"]; c.State != checkWarn || !strings.Contains(c.Detail, "does not answer") {
		t.Errorf("a tool that is not there: %+v", c)
	}
	if _, ok := got["standby of dba"]; ok {
		t.Errorf("dba has somebody: %+v", got)
	}
}

// TestDoctorCatalog: a role that the notice table pages, and that the catalog does
// not have, is told before somebody is to be woken for it.
func TestDoctorCatalog(t *testing.T) {
	f := newFolder(t, "notice:\n  service-down: {page: [network]}\n")
	cfg, err := LoadConfig(filepath.Join(f.path, "imbot.yaml"), os.Getenv)
	must(t, err)
	cfg.Catalog = filepath.Join(f.path, "catalog.yaml")
	d := &doctor{cfg: cfg}
	d.catalog(nil)
	if n := len(d.checks); n != 2 || d.checks[1].State != checkWarn || !strings.Contains(d.checks[1].Detail, `"network"`) || d.checks[1].Mend == "" {
		t.Errorf("checks %+v", d.checks)
	}
}
