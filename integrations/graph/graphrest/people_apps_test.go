package graphrest_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

const (
	selfForUser     = "TeamsAppInstallation.ReadWriteSelfForUser.All"
	consentsForUser = "TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All"
)

// An app is installed for a person once, with no more than Graph wants, and its
// chat is found.
func TestInstallForUser(t *testing.T) {
	for _, insists := range []bool{false, true} {
		w := newWorld(t, graphsim.Options{Permissions: []string{selfForUser}}, graphrest.Config{})
		w.SetPersonalConsent(insists)
		if insists {
			e := wantError(t, "without the right to consent", w.client.InstallForUser(t.Context(), w.ani.ID, w.app.ID, consent), 403, true)
			if e.Reason != graphrest.ReasonPermission || !slices.Contains(e.Permissions, consentsForUser) {
				t.Errorf("%v: %q", e, e.Permissions)
			}
			w.Grant(consentsForUser)
		}
		for range 2 { // there already is fine, too
			must(t, "install", w.client.InstallForUser(t.Context(), w.ani.ID, w.app.ID, consent))
		}
		own := w.OwnApps(w.ani.ID)
		if len(own) != 1 || own[0].CatalogID != w.app.ID || (len(own[0].Permissions) > 0) != insists {
			t.Errorf("Ani has %+v", own)
		}
		chat, err := w.client.PersonalChat(t.Context(), w.ani.ID, w.app.ID)
		if err != nil || !strings.HasSuffix(chat, "@unq.gbl.spaces") || !strings.Contains(chat, w.ani.ID) {
			t.Errorf("the chat is %q, %v", chat, err)
		}
		if len(w.OwnApps(w.budi.ID)) != 0 {
			t.Error("it was installed for somebody else, too")
		}
	}
}

// Refusals are told apart.
func TestInstallForUserRefused(t *testing.T) {
	const nobody = "00000000-0000-4000-8000-000000000000"
	for name, tt := range map[string]struct {
		prepare func(w *world)
		user    string // "": Ani
		app     string // "": the app
		status  int
		reason  graphrest.Reason
		is      error
	}{
		"no permission": {func(w *world) { w.Revoke(selfForUser) }, "", "", 403, graphrest.ReasonPermission, graphrest.ErrForbidden},
		"nobody":        {nil, nobody, "", 404, "", graphrest.ErrNotFound},
		"no app":        {nil, "", nobody, 404, graphrest.ReasonNotInCatalog, graphrest.ErrNotFound},
		"not published": {func(w *world) { a := w.app; a.Submitted = true; w.PutApp(a) }, "", "", 404, graphrest.ReasonNotInCatalog, graphrest.ErrNotFound},
		"blocked":       {func(w *world) { a := w.app; a.Blocked = true; w.PutApp(a) }, "", "", 403, graphrest.ReasonAppBlocked, graphrest.ErrForbidden},
		"a policy":      {func(w *world) { w.SetAppPolicy(w.ani.ID, false) }, "", "", 403, graphrest.ReasonAppBlocked, graphrest.ErrForbidden},
		"another's app": {func(w *world) { a := w.app; a.ClientID = "another"; w.PutApp(a) }, "", "", 403, graphrest.ReasonNotOwn, graphrest.ErrForbidden},
		"an old package": {func(w *world) {
			w.SetPersonalConsent(true)
			w.Grant(consentsForUser)
			a := w.app
			a.Permissions = a.Permissions[:1]
			w.PutApp(a)
		}, "", "", 400, graphrest.ReasonConsentMismatch, graphrest.ErrInvalid},
		"a mail address":   {nil, "ani@example.com", "", 0, "", graphrest.ErrInvalid},
		"no path":          {nil, "../chats", "", 0, "", graphrest.ErrInvalid},
		"no id of an app":  {nil, "", "imbot", 0, "", graphrest.ErrInvalid},
		"ids with a space": {nil, w36, "", 0, "", graphrest.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphsim.Options{}, graphrest.Config{})
			if tt.prepare != nil {
				tt.prepare(w)
			}
			user, app := tt.user, tt.app
			if user == "" {
				user = w.ani.ID
			}
			if app == "" {
				app = w.app.ID
			}
			e := wantError(t, "install", w.client.InstallForUser(t.Context(), user, app, consent), tt.status, true)
			if e.Reason != tt.reason || !errors.Is(e, tt.is) || len(w.OwnApps(w.ani.ID)) != 0 {
				t.Errorf("%v: reason %q, want %q; Ani has %+v", e, e.Reason, tt.reason, w.OwnApps(w.ani.ID))
			}
			if tt.reason == graphrest.ReasonPermission && !slices.Equal(e.Permissions[:1], []string{selfForUser}) {
				t.Errorf("it wants %q", e.Permissions)
			}
		})
	}
}

const w36 = "00000000-0000-4000-8000-00000000 000"

// What was made and is not shown yet is asked for again; a chat that is none is
// not taken.
func TestPersonalChat(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	get := func() error { _, err := w.client.PersonalChat(t.Context(), w.ani.ID, w.app.ID); return err }
	wantError(t, "not installed", get(), 200, false)
	must(t, "install", w.client.InstallForUser(t.Context(), w.ani.ID, w.app.ID, nil))
	for name, f := range map[string]graphsim.Fault{
		"chat not there yet": {Path: "/chat", Status: 404},
		"no chat":            {Path: "/chat", Status: 200, Body: `{"id":"../../users"}`, Type: "application/json"},
		"no id":              {Path: "/chat", Status: 200, Body: `{}`, Type: "application/json"},
		"another app":        {Path: "/installedApps", Status: 200, Body: `{"value":[{"id":"x","teamsApp":{"id":"y"}}]}`, Type: "application/json"},
	} {
		f.Times, f.Method = 1, http.MethodGet
		w.Inject(f)
		wantError(t, name, get(), 200, false)
	}
	must(t, "chat", get())
	_, err := w.client.PersonalChat(t.Context(), "x", w.app.ID)
	wantError(t, "no id of a user", err, 0, true)
	_, err = w.client.PersonalChat(t.Context(), w.ani.ID, "x")
	wantError(t, "no id of an app", err, 0, true)
	w.Revoke(selfForUser)
	wantError(t, "no permission", get(), 403, true)
}

// The probe of what installs for people finds what is missing, and installs
// nothing.
func TestProbePeople(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	in := graphrest.ProbeInput{ExternalID: manifestID, Person: w.ani.Mail}
	bad := func() (out []string) {
		for _, f := range w.client.ProbePeople(t.Context(), in) {
			if !f.OK {
				out = append(out, f.What+": "+string(f.Reason)+" "+strings.Join(f.Missing[:min(1, len(f.Missing))], ""))
			}
		}
		return out
	}
	if got := bad(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	w.Revoke(selfForUser, "AppCatalog.Read.All")
	if got, want := bad(), []string{"find the app in the catalog: permission AppCatalog.Read.All", "install the app for people: permission " + selfForUser}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	in.CatalogID = w.app.ID
	if got := bad(); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if len(w.OwnApps(w.ani.ID)) != 0 {
		t.Error("the probe has installed something")
	}
}
