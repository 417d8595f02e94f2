package main

import (
	"strings"
	"testing"

	"imbot/integrations/graph/graphsim"
	"imbot/manifest"
)

// TestDoctorTellsApart: the four things that mostly stand in the way of war rooms
// are told apart, each with how to mend it.
func TestDoctorTellsApart(t *testing.T) {
	r, graph := newRoomRig(t)
	app := graphsim.App{ExternalID: manifest.ID(rigApp), Name: "imbot", Version: "1.0.0"}
	for _, p := range manifest.ConsentedPermissionSet(manifest.Rooms) {
		app.Permissions = append(app.Permissions, graphsim.Permission{Name: p.Value})
	}
	ani, err := r.app.store.Person(t.Context(), "ani@example.com")
	must(t, err)
	budi, err := r.app.store.Person(t.Context(), "budi@example.com")
	must(t, err)
	for _, tt := range []struct {
		name, version string
		breaks        func()
		check         string // that fails
		says, mend    string
	}{
		{"all is well", "1.0.0", func() {}, "", "", ""},
		{"consent is off", "", func() { graph.SetConsent(false) }, "install the app in a chat", "chat consent is off in the tenant", "isChatResourceSpecificConsentEnabled"},
		{"not in the catalog", "", func() { graph.RemoveApp(app.ExternalID) }, "find the app in the catalog", "not in the org catalog", "Upload new app"},
		{"blocked", "", func() {
			a := app
			a.Blocked = true
			graph.PutApp(a)
		}, "install the app in a chat", "blocked by policy", "allow imbot"},
		{"an old version", "2.0.0", func() {}, "find the app in the catalog", "old version installed", "-package-version"},
		{"an old package with other permissions", "", func() {
			a := app
			a.Permissions = a.Permissions[:1]
			graph.PutApp(a)
		}, "find the app in the catalog", "old version installed", "-package-version"},
		{"no permission", "", func() { graph.Revoke("TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All") }, "install the app in a chat", "permission missing", "TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			graph.SetConsent(true)
			graph.Grant(graphsim.DefaultPermissions...)
			graph.PutApp(app)
			chat := graph.AddChat("a try", ani.AADObjectID, budi.AADObjectID)
			tt.breaks()
			d := &doctor{cfg: r.app.cfg, probing: probing{chat: chat.ID, version: tt.version, person: "ani@example.com"}}
			d.rooms(t.Context())
			found := false
			for _, c := range d.checks {
				switch {
				case c.State == checkFail && tt.check == "":
					t.Errorf("%s fails: %s", c.Name, c.Detail)
				case c.State == checkFail && c.Name == "war rooms: "+tt.check:
					found = true
					if !strings.HasPrefix(c.Detail, tt.says) || !strings.Contains(c.Mend, tt.mend) {
						t.Errorf("it says %q, to be mended by %q; want %q and %q", c.Detail, c.Mend, tt.says, tt.mend)
					}
				}
			}
			if tt.check != "" && !found {
				t.Errorf("%q does not fail: %+v", tt.check, d.checks)
			}
		})
	}
}

// TestDoctorModes: the doctor says whether rooms are exactly one, or at most one
// extra.
func TestDoctorModes(t *testing.T) {
	r, graph := newRoomRig(t)
	mode := func() check {
		d := &doctor{cfg: r.app.cfg}
		d.rooms(t.Context())
		for _, c := range d.checks {
			if c.Name == "war rooms: find a chat again" {
				return c
			}
		}
		t.Fatalf("the doctor does not say which: %+v", d.checks)
		return check{}
	}
	if c := mode(); c.State != checkOK || !strings.Contains(c.Detail, "a room is made once") {
		t.Errorf("with the permission: %+v", c)
	}
	graph.Revoke("Chat.ReadBasic.All")
	if c := mode(); c.State != checkWarn || !strings.Contains(c.Detail, "one more chat may be made") || !strings.Contains(c.Mend, "Chat.ReadBasic.All") {
		t.Errorf("without it: %+v", c)
	}
}

// TestDoctorCatalogByHand: where the catalog can't be read, the id in the
// configuration serves: that is no failure.
func TestDoctorCatalogByHand(t *testing.T) {
	r, graph := newRoomRig(t)
	graph.Revoke("AppCatalog.Read.All")
	cfg := *r.app.cfg
	teams := *cfg.Teams
	cfg.Teams = &teams
	for id, want := range map[string]string{"": checkFail, "12345678-90ab-4def-8234-567890abcdef": checkWarn} {
		teams.CatalogAppID = id
		d := &doctor{cfg: &cfg}
		d.rooms(t.Context())
		for _, c := range d.checks {
			if c.Name == "war rooms: find the app in the catalog" && c.State != want {
				t.Errorf("with the id %q: %+v, want %s", id, c, want)
			}
		}
	}
}
