package graphrest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// ProbeInput is what a probe looks for. Fields left empty leave the checks out
// that need them.
type ProbeInput struct {
	ExternalID string // of the app's manifest
	CatalogID  string // of the app in the catalog, where that can't be looked up
	Version    string // of the manifest that should be in the catalog
	Consent    []RSC  // what that manifest asks for
	// Chat is one in which to try the installation. The app stays there.
	Chat string
	// Person is somebody's mail address or object id.
	Person string
	// Organizer is the object id of somebody who meetings are made for. Trying
	// it makes a meeting, always the same one.
	Organizer string
}

// Finding is one answer of a probe.
type Finding struct {
	What    string // what was tried, such as "make a chat"
	OK      bool
	Reason  Reason   // why not; empty if it is not known
	Missing []string // permissions of which one would do
	Message string   // for people: what is wrong and what to do, or what was found
	Err     error    // nil if OK
}

// Probe tries what the app may do, and tells what stands in the way: a
// permission, the catalog, a version, a policy, or consent that is turned off.
// It changes nothing but what the input says: where a permission can be seen
// only by using it, a request that Graph must refuse is made.
func (c *Client) Probe(ctx context.Context, in ProbeInput) []Finding {
	var out []Finding
	add := func(what, found string, err error) {
		out = append(out, finding(what, found, err))
	}
	if in.Person != "" {
		u, err := c.User(ctx, in.Person)
		add("find people", "found "+u.Name, err)
	}
	add("make a chat", "the permission is there", c.probeCreate(ctx))
	catalogID := in.CatalogID
	if in.ExternalID != "" {
		app, err := c.CatalogApp(ctx, in.ExternalID)
		if err == nil {
			catalogID = app.ID
			err = matches(app, in)
		}
		add("find the app in the catalog", "version "+app.Version, err)
	}
	if in.Chat != "" && catalogID != "" {
		add("install the app in a chat", "it is installed", c.InstallApp(ctx, in.Chat, catalogID, in.Consent))
	} else {
		add("install the app in a chat", "the permission is there", c.probeInstall(ctx, in.Consent))
	}
	if in.Chat != "" && in.ExternalID != "" {
		found, err := c.probeInstalled(ctx, in)
		add("see the installed version", found, err)
	}
	if in.Organizer != "" {
		m, err := c.CreateMeeting(ctx, in.Organizer, NewMeeting{Key: "probe", Subject: "Check of the incident bot"})
		add("make a meeting", m.Subject, err)
	}
	return out
}

// ProbePeople tries, as Probe does, what is needed to install the app for people.
// It installs nothing.
func (c *Client) ProbePeople(ctx context.Context, in ProbeInput) []Finding {
	var out []Finding
	if in.Person != "" {
		u, err := c.User(ctx, in.Person)
		out = append(out, finding("find people", "found "+u.Name, err))
	}
	if in.CatalogID == "" {
		app, err := c.CatalogApp(ctx, in.ExternalID)
		out = append(out, finding("find the app in the catalog", "version "+app.Version, err))
	}
	// An app for a person, neither of whom exists.
	err := unless(c.InstallForUser(ctx, nothing, nothing, nil), http.StatusBadRequest, http.StatusNotFound)
	return append(out, finding("install the app for people", "the permission is there", err))
}

// nothing is an id that nothing has.
const nothing = "00000000-0000-0000-0000-000000000000"

func finding(what, found string, err error) Finding {
	if err == nil {
		return Finding{What: what, OK: true, Message: found}
	}
	f := Finding{What: what, Message: err.Error(), Err: err}
	var e *Error
	if errors.As(err, &e) {
		f.Reason, f.Missing = e.Reason, e.Permissions
		f.Message = e.Message
		if fix := e.Reason.Fix(); fix != "" {
			f.Message += "; " + fix
		}
	}
	return f
}

// matches compares the app in the catalog with the manifest.
func matches(app CatalogApp, in ProbeInput) error {
	const op = "compare the app in the catalog"
	old := &Error{Op: op, Status: http.StatusOK, Reason: ReasonOldVersion, noWay: true}
	switch {
	case app.Version == "":
		old.Message = "the catalog has the app, but none of its versions is published"
	case in.Version != "" && app.Version != in.Version:
		old.Message = fmt.Sprintf("the catalog has version %s of the app, not %s", oneLine(app.Version, 40), oneLine(in.Version, 40))
	case in.Consent != nil && app.Permissions != nil && !sameRSC(app.Permissions, in.Consent):
		old.Message, old.Reason = "the app in the catalog asks for other permissions of a chat than this one", ReasonConsentMismatch
	default:
		return nil
	}
	return old
}

func sameRSC(a, b []RSC) bool {
	order := func(x, y RSC) int { return strings.Compare(x.Name, y.Name) }
	return slices.Equal(slices.Compact(slices.SortedFunc(slices.Values(a), order)), slices.Compact(slices.SortedFunc(slices.Values(b), order)))
}

// probeCreate asks for a chat of nobody: without the permission that is
// forbidden, with it it is a bad request.
func (c *Client) probeCreate(ctx context.Context) error {
	err := c.send(ctx, raw{op: "make a chat", method: kiota.POST, path: "/chats", body: map[string]any{"chatType": "group", "members": []any{}}})
	return unless(err, http.StatusBadRequest)
}

// probeInstall asks for an app and a chat that don't exist.
func (c *Client) probeInstall(ctx context.Context, consent []RSC) error {
	err := c.InstallApp(ctx, "19:"+strings.ReplaceAll(nothing, "-", "")+"@thread.v2", nothing, consent)
	return unless(err, http.StatusBadRequest, http.StatusNotFound)
}

// unless takes an error with one of the statuses for success.
func unless(err error, statuses ...int) error {
	var e *Error
	if errors.As(err, &e) && slices.Contains(statuses, e.Status) {
		return nil
	}
	return err
}

func (c *Client) probeInstalled(ctx context.Context, in ProbeInput) (string, error) {
	const op = "see the installed version"
	apps, err := c.InstalledApps(ctx, in.Chat)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(apps, func(a InstalledApp) bool { return strings.EqualFold(a.ExternalID, in.ExternalID) })
	if i < 0 {
		return "", &Error{Op: op, Status: http.StatusNotFound, Message: "the chat does not have the app", Reason: ReasonNotInChat}
	}
	if in.Version != "" && apps[i].Version != "" && apps[i].Version != in.Version {
		return "", &Error{
			Op: op, Status: http.StatusOK, Reason: ReasonOldVersion, noWay: true,
			Message: fmt.Sprintf("the chat has version %s of the app, not %s", oneLine(apps[i].Version, 40), oneLine(in.Version, 40)),
		}
	}
	return "version " + apps[i].Version, nil
}
