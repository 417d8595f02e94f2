package graphrest_test

import (
	"strings"
	"testing"

	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

// A probe tells what stands in the way, and changes nothing that it need not.
func TestProbe(t *testing.T) {
	const create, catalog, install, installed, people, meeting = "make a chat", "find the app in the catalog", "install the app in a chat", "see the installed version", "find people", "make a meeting"
	all := graphsim.DefaultPermissions
	without := func(name string) []string {
		var out []string
		for _, p := range all {
			if p != name {
				out = append(out, p)
			}
		}
		return out
	}
	for name, tt := range map[string]struct {
		granted []string
		prepare func(w *world, in *graphrest.ProbeInput)
		want    map[string]graphrest.Reason // what is not OK
	}{
		"all is well":          {all, nil, nil},
		"consent off":          {all, func(w *world, _ *graphrest.ProbeInput) { w.SetConsent(false) }, map[string]graphrest.Reason{install: graphrest.ReasonConsentOff, installed: graphrest.ReasonNotInChat}},
		"not in catalog":       {all, func(w *world, _ *graphrest.ProbeInput) { w.RemoveApp(manifestID) }, map[string]graphrest.Reason{catalog: graphrest.ReasonNotInCatalog, installed: graphrest.ReasonNotInChat}},
		"blocked":              {all, func(w *world, _ *graphrest.ProbeInput) { a := w.app; a.Blocked = true; w.PutApp(a) }, map[string]graphrest.Reason{install: graphrest.ReasonAppBlocked, installed: graphrest.ReasonNotInChat}},
		"old in catalog":       {all, func(_ *world, in *graphrest.ProbeInput) { in.Version = "1.3.0" }, map[string]graphrest.Reason{catalog: graphrest.ReasonOldVersion, installed: graphrest.ReasonOldVersion}},
		"not published":        {all, func(w *world, _ *graphrest.ProbeInput) { a := w.app; a.Submitted = true; w.PutApp(a) }, map[string]graphrest.Reason{catalog: graphrest.ReasonOldVersion, install: graphrest.ReasonNotInCatalog, installed: graphrest.ReasonNotInChat}},
		"other permissions":    {all, func(w *world, _ *graphrest.ProbeInput) { a := w.app; a.Permissions = a.Permissions[:1]; w.PutApp(a) }, map[string]graphrest.Reason{catalog: graphrest.ReasonConsentMismatch, install: graphrest.ReasonConsentMismatch, installed: graphrest.ReasonNotInChat}},
		"no Chat.Create":       {without("Chat.Create"), nil, map[string]graphrest.Reason{create: graphrest.ReasonPermission}},
		"no AppCatalog":        {without("AppCatalog.Read.All"), nil, map[string]graphrest.Reason{catalog: graphrest.ReasonPermission}},
		"no installation":      {without("TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All"), nil, map[string]graphrest.Reason{install: graphrest.ReasonPermission, installed: graphrest.ReasonPermission}},
		"no chat, nor install": {without("TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All"), func(_ *world, in *graphrest.ProbeInput) { in.Chat = "" }, map[string]graphrest.Reason{install: graphrest.ReasonPermission}},
		"no users":             {without("User.Read.All"), nil, map[string]graphrest.Reason{people: graphrest.ReasonPermission}},
		"no meetings":          {without("OnlineMeetings.ReadWrite.All"), nil, map[string]graphrest.Reason{meeting: graphrest.ReasonPermission}},
		"no meeting policy":    {all, func(w *world, in *graphrest.ProbeInput) { w.SetMeetingPolicy(in.Organizer, false) }, map[string]graphrest.Reason{meeting: graphrest.ReasonMeetingPolicy}},
		"without a chat":       {all, func(_ *world, in *graphrest.ProbeInput) { in.Chat = "" }, nil},
		"old in the chat": {all, func(w *world, in *graphrest.ProbeInput) {
			if err := w.client.InstallApp(t.Context(), in.Chat, w.app.ID, consent); err != nil {
				t.Fatal(err)
			}
			a := w.app
			a.Version, in.Version = "2.0.0", "2.0.0"
			w.PutApp(a)
		}, map[string]graphrest.Reason{installed: graphrest.ReasonOldVersion}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphsim.Options{Permissions: tt.granted}, graphrest.Config{})
			in := graphrest.ProbeInput{
				ExternalID: manifestID, CatalogID: w.app.ID, Version: "1.2.0", Consent: consent, Person: w.budi.Mail, Organizer: w.ani.ID,
				Chat: w.AddChat("x", w.ani.ID, w.budi.ID).ID,
			}
			if tt.prepare != nil {
				tt.prepare(w, &in)
			}
			if name == "not in catalog" {
				in.CatalogID = "" // then there is nothing to install
			}
			before := len(w.Chats())
			findings := w.client.Probe(t.Context(), in)
			for _, f := range findings {
				reason, bad := tt.want[f.What]
				if f.OK == bad || f.Reason != reason || f.Message == "" || (f.Err == nil) != f.OK {
					t.Errorf("%+v, want %q", f, reason)
				}
				if f.Reason == graphrest.ReasonPermission && f.What != people && len(f.Missing) == 0 {
					t.Errorf("%s: which permission is missing?", f.What)
				}
			}
			wantN := 6
			if in.Chat == "" {
				wantN = 5
			}
			if len(findings) != wantN || len(w.Chats()) != before {
				t.Errorf("%d findings, want %d; %d chats", len(findings), wantN, len(w.Chats()))
			}
		})
	}
}

// What a probe says fits into a line for a person.
func TestProbeWords(t *testing.T) {
	w := newWorld(t, graphsim.Options{Permissions: []string{"x"}}, graphrest.Config{})
	for _, f := range w.client.Probe(t.Context(), graphrest.ProbeInput{}) {
		if f.OK || !strings.Contains(f.Message, "API requires one of") || !strings.Contains(f.Message, "grant the permission") || strings.Contains(f.Message, "\n") {
			t.Errorf("%+v", f)
		}
	}
}
