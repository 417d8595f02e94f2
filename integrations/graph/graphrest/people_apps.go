package graphrest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// InstallForUser adds an app of the catalog to somebody's own apps, so that its
// bot may open a 1:1 chat with them. If it is there already, that is no error. It
// needs TeamsAppInstallation.ReadWriteSelfForUser.All, and a manifest whose
// webApplicationInfo names the app that calls: an app may install itself only.
// Whoever is not in the tenant is an error that is ErrNotFound.
//
// consent is what the app's manifest asks for. Microsoft's page wants it to be
// consented to, with TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All,
// and does not say whether that holds for permissions that count in chats only:
// so the app is installed without, and with it only where Graph insists.
// https://learn.microsoft.com/graph/api/userteamwork-post-installedapps
func (c *Client) InstallForUser(ctx context.Context, userID, catalogID string, consent []RSC) error {
	err := c.installForUser(ctx, userID, catalogID, nil)
	var e *Error
	if errors.As(err, &e) && e.Reason == ReasonConsentMismatch && len(consent) > 0 {
		err = c.installForUser(ctx, userID, catalogID, consent)
	}
	return err
}

func (c *Client) installForUser(ctx context.Context, userID, catalogID string, consent []RSC) error {
	const op = "install the app for the user"
	if err := CheckUserID(op, userID); err != nil {
		return err
	}
	return c.install(ctx, op, "/users/"+userID+"/teamwork/installedApps", catalogID, consent)
}

// PersonalChat returns the id of the 1:1 chat of somebody with an app that is
// installed for them; the app's bot can write there. It returns an error that can
// be tried again where Graph does not know of the chat yet. It needs
// TeamsAppInstallation.ReadForUser.All or one of those that install.
// https://learn.microsoft.com/graph/api/userteamwork-list-installedapps
// https://learn.microsoft.com/graph/api/userscopeteamsappinstallation-get-chat
// https://learn.microsoft.com/microsoftteams/platform/graph-api/proactive-bots-and-messages/graph-proactive-bots-and-messages
func (c *Client) PersonalChat(ctx context.Context, userID, catalogID string) (string, error) {
	const op = "find the 1:1 chat"
	if err := CheckUserID(op, userID); err != nil {
		return "", err
	}
	if !guid.MatchString(catalogID) {
		return "", Refused(op, "the id is none of an app in the catalog")
	}
	apps := "/users/" + userID + "/teamwork/installedApps"
	installation, err := c.installation(ctx, op, apps, catalogID)
	if err != nil {
		return "", err
	}
	var chat struct {
		ID string `json:"id"`
	}
	err = c.send(ctx, raw{op: op, method: kiota.GET, path: apps + "/" + url.PathEscape(installation) + "/chat", out: &chat})
	switch {
	case errors.Is(err, ErrNotFound):
		return "", notThere(op)
	case err != nil:
		return "", err
	case !chatID.MatchString(chat.ID):
		return "", &Error{Op: op, Status: http.StatusOK, Message: "the answer of Graph has no chat"}
	}
	return chat.ID, nil
}

// installation is the id of the app's installation.
func (c *Client) installation(ctx context.Context, op, path, catalogID string) (string, error) {
	type wireInstallation struct {
		ID  string  `json:"id"`
		App wireApp `json:"teamsApp"`
	}
	found := ""
	query := url.Values{"$expand": {"teamsApp"}, "$filter": {"teamsApp/id eq " + quote(catalogID)}}
	err := list(ctx, c, raw{op: op, method: kiota.GET, path: path, query: query}, func(w wireInstallation) bool {
		if strings.EqualFold(w.App.ID, catalogID) {
			found = w.ID
		}
		return found == ""
	})
	if err == nil && found == "" {
		err = notThere(op)
	}
	return found, err
}

// notThere is the error of what was made and is not shown yet.
func notThere(op string) *Error {
	return &Error{Op: op, Status: http.StatusOK, Message: "Graph does not show it yet"}
}
