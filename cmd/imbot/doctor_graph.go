package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"imbot/catalog"
	"imbot/integrations/graph/graphrest"
)

// probing is what the doctor is told to look for in Microsoft Graph.
type probing struct {
	chat    string // a group chat to try the app's installation in; "" for none
	version string // of the app package that should be in use; "" for any
	person  string // somebody who should be found; "" for nobody
}

// rooms tells what stands in the way of war rooms. It makes none, and changes
// nothing, unless it is given a chat to try.
func (d *doctor) rooms(ctx context.Context) {
	t := d.cfg.Teams
	if !t.Rooms {
		d.add("war rooms", checkOff, "teams.rooms is not true: threads of cards serve instead", "")
		return
	}
	cred, err := teamsCredential(t)
	if err != nil {
		return // said already
	}
	c, err := graphrest.New(graphrest.Config{TenantID: t.TenantID, Credential: cred, BaseURL: t.GraphURL})
	if err != nil {
		d.add("war rooms", checkFail, err.Error(), "mend teams.graph_url")
		return
	}
	d.findings(c.Probe(ctx, graphrest.ProbeInput{
		ExternalID: t.manifestID(), CatalogID: t.CatalogAppID, Consent: t.consent(),
		Chat: d.probing.chat, Version: d.probing.version, Person: d.probing.person,
	}))
	d.lookups(ctx, c)
}

// findings puts what a probe finds into words.
func (d *doctor) findings(list []graphrest.Finding) {
	for _, f := range list {
		name, state := "war rooms: "+f.What, checkFail
		switch {
		case f.OK && f.What == "install the app in a chat" && d.probing.chat == "":
			d.add(name, checkOK, f.Message+"; whether the tenant's policies and consent let it into chats shows in a chat only: make one, and give its id with -chat (the app stays there)", "")
			continue
		case f.OK:
			d.add(name, checkOK, f.Message, "")
			continue
		case f.What == "find people", f.What == "find the app in the catalog" && f.Reason == graphrest.ReasonPermission && d.cfg.Teams.CatalogAppID != "":
			state = checkWarn // there is another way
		}
		detail, mend := graphWords(&f)
		d.add(name, state, detail, mend)
	}
}

// anybody is somebody of the catalog, to see whether people are found.
func anybody(cat *catalog.Catalog) string {
	if cat == nil {
		return ""
	}
	for _, s := range cat.Services() {
		if s.Owner != "" {
			return s.Owner
		}
	}
	for _, s := range cat.Squads() {
		if s.Lead != "" {
			return s.Lead
		}
	}
	return ""
}

// graphWords says what is wrong and how to mend it, more than a finding does
// where the way is known.
func graphWords(f *graphrest.Finding) (detail, mend string) {
	detail = f.Message
	if f.Err != nil {
		detail = f.Err.Error()
	}
	switch f.Reason {
	case graphrest.ReasonConsentOff:
		return "chat consent is off in the tenant: " + detail,
			"a Teams administrator sets isChatResourceSpecificConsentEnabled to true in Graph's teamwork/teamsAppSettings; or set teams.profile: minimal and upload that package"
	case graphrest.ReasonNotInCatalog:
		return "not in the org catalog: " + detail,
			"imbot manifest -config imbot.yaml -out imbot.zip; then Teams admin center, Teams apps, Manage apps, Upload new app (an app that was sideloaded for one team does not count)"
	case graphrest.ReasonAppBlocked:
		return "blocked by policy: " + detail,
			"Teams admin center, Teams apps, Manage apps: allow imbot; and see its availability, or the permission policies"
	case graphrest.ReasonOldVersion, graphrest.ReasonConsentMismatch:
		return "old version installed: " + detail,
			"imbot manifest -config imbot.yaml -package-version NEXT -out imbot.zip; then Manage apps, imbot, Upload file; chats take it over when one of their members agrees, new rooms at once"
	case graphrest.ReasonPermission:
		want := "the permission that it names"
		if len(f.Missing) > 0 {
			want = "one of " + strings.Join(f.Missing, ", ")
		}
		return "permission missing: " + detail, fmt.Sprintf("Entra, App registrations, API permissions, Application permissions: add %s, and grant admin consent (imbot permissions says which is least)", want)
	}
	return detail, cmp.Or(f.Reason.Fix(), "check that this machine reaches Microsoft Graph")
}
