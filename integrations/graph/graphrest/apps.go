package graphrest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// RSC is a permission for a single chat, as the app's manifest asks for it.
// https://learn.microsoft.com/microsoftteams/platform/graph-api/rsc/resource-specific-consent
type RSC struct {
	Name      string // such as "ChatMember.Read.Chat"
	Delegated bool   // for a signed-in user; else for the app itself
}

type wireRSC struct {
	Value string `json:"permissionValue"`
	Type  string `json:"permissionType"` // "application" or "delegated"
}

type wirePermissionSet struct {
	Permissions []wireRSC `json:"resourceSpecificPermissions"`
}

func (w *wirePermissionSet) rsc() []RSC {
	if w == nil {
		return nil
	}
	var out []RSC
	for _, p := range w.Permissions {
		if permissionName.MatchString(p.Value) {
			out = append(out, RSC{Name: p.Value, Delegated: strings.EqualFold(p.Type, "delegated")})
		}
	}
	return out
}

// CatalogApp is an app in the organisation's catalog.
type CatalogApp struct {
	ID           string // of the catalog: what is installed
	ExternalID   string // of the manifest
	Name         string
	Distribution string // "organization", "store" or "sideloaded"
	Version      string // of the manifest that is published; empty if none is
	Permissions  []RSC  // that this version asks for
}

type wireApp struct {
	ID           string           `json:"id"`
	ExternalID   string           `json:"externalId"`
	Name         string           `json:"displayName"`
	Distribution string           `json:"distributionMethod"`
	Definitions  []wireDefinition `json:"appDefinitions"`
}

type wireDefinition struct {
	Name          string `json:"displayName"`
	Version       string `json:"version"`
	State         string `json:"publishingState"`
	Authorization struct {
		Required *wirePermissionSet `json:"requiredPermissionSet"`
	} `json:"authorization"`
}

func (w *wireApp) app() CatalogApp {
	a := CatalogApp{ID: w.ID, ExternalID: w.ExternalID, Name: w.Name, Distribution: w.Distribution}
	for i := range w.Definitions {
		d := &w.Definitions[i]
		if (d.State == "" || d.State == "published") && (a.Version == "" || compareVersions(d.Version, a.Version) > 0) {
			a.Version, a.Permissions = d.Version, d.Authorization.Required.rsc()
			a.Name = cmp.Or(d.Name, a.Name)
		}
	}
	return a
}

// compareVersions compares versions such as 1.10.0 number by number.
func compareVersions(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		if errX != nil || errY != nil {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(m, n)
	})
}

// CatalogApp finds an app in the organisation's catalog by the id in its
// manifest. It returns an error that is ErrNotFound, with ReasonNotInCatalog, if
// it is not there. It needs AppCatalog.Read.All.
// https://learn.microsoft.com/graph/api/appcatalogs-list-teamsapps
func (c *Client) CatalogApp(ctx context.Context, externalID string) (CatalogApp, error) {
	const op = "find the app in the catalog"
	if !guid.MatchString(externalID) {
		return CatalogApp{}, Refused(op, "the id is none of an app's manifest")
	}
	var found *CatalogApp
	query := url.Values{
		"$filter": {"externalId eq " + quote(externalID)},
		"$expand": {"appDefinitions($select=id,displayName,version,publishingState,authorization)"},
	}
	err := list(ctx, c, raw{op: op, method: kiota.GET, path: "/appCatalogs/teamsApps", query: query}, func(w wireApp) bool {
		if !guid.MatchString(w.ID) || !strings.EqualFold(w.ExternalID, externalID) {
			return true
		}
		if a := w.app(); found == nil || a.Distribution == "organization" {
			found = &a
		}
		return found.Distribution != "organization"
	})
	if err != nil {
		return CatalogApp{}, err
	}
	if found == nil {
		return CatalogApp{}, &Error{Op: op, Status: http.StatusNotFound, Message: "the organisation's catalog does not have the app", Reason: ReasonNotInCatalog}
	}
	return *found, nil
}

// InstallApp installs an app of the catalog in a chat, and consents to the
// permissions, which must be exactly those of the app's manifest. If it is
// installed already, that is no error. It needs
// TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All, or without
// permissions TeamsAppInstallation.ReadWriteSelfForChat.All.
// https://learn.microsoft.com/graph/api/chat-post-installedapps
func (c *Client) InstallApp(ctx context.Context, chat, catalogID string, consent []RSC) error {
	const op = "install the app in the chat"
	if err := CheckChatID(op, chat); err != nil {
		return err
	}
	return c.install(ctx, op, "/chats/"+url.PathEscape(chat)+"/installedApps", catalogID, consent)
}

// install adds an app to the apps at a path.
func (c *Client) install(ctx context.Context, op, path, catalogID string, consent []RSC) error {
	if !guid.MatchString(catalogID) {
		return Refused(op, "the id is none of an app in the catalog")
	}
	body := map[string]any{"teamsApp@odata.bind": c.base + "/appCatalogs/teamsApps/" + catalogID}
	var set wirePermissionSet
	for _, p := range consent {
		w := wireRSC{Value: p.Name, Type: "application"}
		if p.Delegated {
			w.Type = "delegated"
		}
		set.Permissions = append(set.Permissions, w)
	}
	if len(consent) > 0 {
		body["consentedPermissionSet"] = set
	}
	err := c.send(ctx, raw{op: op, method: kiota.POST, path: path, body: body})
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Status == http.StatusConflict:
		return nil
	case e.Status == http.StatusNotFound && e.Reason == "" && ofApp.MatchString(e.Message):
		e.Reason = ReasonNotInCatalog
	}
	return e
}

// ofApp tells an app that is not there from a chat or a person that is not there.
var ofApp = regexp.MustCompile(`(?i)\b(app with id|teamsapp|teams app|catalog)\b`)

// InstalledApp is an app in a chat.
type InstalledApp struct {
	ID         string // of the installation
	CatalogID  string
	ExternalID string // of the manifest
	Name       string
	Version    string
}

// InstalledApps returns the apps in a chat. It needs
// TeamsAppInstallation.ReadForChat.All or one of those with which it was
// installed, or Chat.Manage.Chat for the chat.
// https://learn.microsoft.com/graph/api/chat-list-installedapps
func (c *Client) InstalledApps(ctx context.Context, chat string) ([]InstalledApp, error) {
	const op = "list the apps in the chat"
	if err := CheckChatID(op, chat); err != nil {
		return nil, err
	}
	type wireInstallation struct {
		ID         string         `json:"id"`
		App        wireApp        `json:"teamsApp"`
		Definition wireDefinition `json:"teamsAppDefinition"`
	}
	var out []InstalledApp
	query := url.Values{"$expand": {"teamsApp,teamsAppDefinition"}}
	err := list(ctx, c, raw{op: op, method: kiota.GET, path: "/chats/" + url.PathEscape(chat) + "/installedApps", query: query}, func(w wireInstallation) bool {
		out = append(out, InstalledApp{
			ID: w.ID, CatalogID: w.App.ID, ExternalID: w.App.ExternalID, Name: cmp.Or(w.Definition.Name, w.App.Name), Version: w.Definition.Version,
		})
		return len(out) < 1000
	})
	return out, err
}
