package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imbot/catalog"
	"imbot/store"
)

// TestDoctorMachine: a port that another program has, and a folder that can't
// be made, fail; what a running imbot holds does not.
func TestDoctorMachine(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	path, file := filepath.Join(dir, "imbot.db"), filepath.Join(dir, "a file")
	must(t, os.WriteFile(file, nil, 0o600))
	look := func(listen, path string) map[string]check {
		d := &doctor{cfg: &Config{Listen: listen, Store: "bolt:" + path}}
		d.machine(t.Context())
		out := map[string]check{}
		for _, c := range d.checks {
			out[c.Name] = c
		}
		return out
	}
	for _, tt := range []struct {
		name, listen, path string
		check, state       string
		says, mend         string
	}{
		{"nothing yet", "127.0.0.1:0", path, "store", checkOK, "can be created at " + path, ""},
		{"free port", "127.0.0.1:0", path, "listen", checkOK, "127.0.0.1:0 is free", ""},
		{"port of another", taken.Addr().String(), path, "listen", checkFail, "in use by another program", "change listen"},
		{"address of another machine", "192.0.2.1:8080", path, "listen", checkFail, "192.0.2.1:8080", "an address of this machine"},
		{"a folder that imbot makes", "127.0.0.1:0", filepath.Join(dir, "new", "er", "imbot.db"), "store", checkOK, "can be created at " + dir, ""},
		{"no folder", "127.0.0.1:0", filepath.Join(file, "new", "imbot.db"), "store", checkFail, "it can't be created at " + file, "create the folder " + filepath.Join(file, "new")},
	} {
		if c := look(tt.listen, tt.path)[tt.check]; c.State != tt.state || !strings.Contains(c.Detail, tt.says) || !strings.Contains(c.Mend, tt.mend) || strings.Contains(c.Detail, ".imbot-doctor") {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
	s, err := store.Open("bolt:"+path, store.Options{})
	must(t, err)
	running := look(taken.Addr().String(), path)
	must(t, s.Close())
	if l, st := running["listen"], running["store"]; l.State != checkOK || st.State != checkOK || !strings.Contains(st.Detail, "in use") {
		t.Errorf("while imbot runs: %+v, %+v", l, st)
	}
	cat := mustCatalog(t, "squads: [{key: payments}]")
	d := &doctor{cfg: &Config{}}
	d.channels(cat, nil, true)
	d.channels(cat, nil, false)
	if len(d.checks) != 2 || d.checks[0].State != checkOK || d.checks[1].State != checkWarn || !strings.Contains(d.checks[1].Mend, "@imbot connect payments") {
		t.Errorf("channels that nobody knows of yet: %+v", d.checks)
	}
	broken := filepath.Join(dir, "broken.db")
	must(t, os.WriteFile(broken, []byte(strings.Repeat("no store ", 2000)), 0o600))
	if c := look("127.0.0.1:0", broken)["store"]; c.State != checkFail || !strings.Contains(c.Mend, "imbot restore") {
		t.Errorf("a broken store: %+v", c)
	}
}

func mustCatalog(t *testing.T, text string) *catalog.Catalog {
	t.Helper()
	file, err := catalog.Parse([]byte(text), "catalog.yaml")
	must(t, err)
	cat, err := catalog.New(file, (&Config{}).Settings(), nil)
	must(t, err)
	return cat
}
