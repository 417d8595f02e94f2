package graphrest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// User is somebody in the directory.
type User struct {
	ID   string // object id
	Name string // for people to read; may be empty
	Mail string // may be empty
	UPN  string // user principal name, with which the user signs in
	// Enabled is false where the account is known to be blocked. Graph says so
	// only with the permission User.Read.All.
	Enabled bool
	Guest   bool // a guest of the tenant
}

type wireUser struct {
	ID      string `json:"id"`
	Name    string `json:"displayName"`
	Mail    string `json:"mail"`
	UPN     string `json:"userPrincipalName"`
	Enabled *bool  `json:"accountEnabled"`
	Type    string `json:"userType"`
}

const userFields = "id,displayName,mail,userPrincipalName,accountEnabled,userType"

func (w *wireUser) user() User {
	return User{
		ID: strings.ToLower(w.ID), Name: w.Name, Mail: w.Mail, UPN: w.UPN,
		Enabled: w.Enabled == nil || *w.Enabled,
		Guest:   strings.EqualFold(w.Type, "Guest") || strings.Contains(strings.ToUpper(w.UPN), "#EXT#"),
	}
}

// User finds somebody by object id, or by mail address: first as user principal
// name, then as primary mail address. Of several with that address an enabled
// one counts. It returns an error that is ErrNotFound if there is nobody, and
// ErrInvalid if it is no such text. It needs User.ReadBasic.All.
// https://learn.microsoft.com/graph/api/user-get
func (c *Client) User(ctx context.Context, idOrMail string) (User, error) {
	const op = "find the user"
	isMail := mailAddress.MatchString(idOrMail)
	if !isMail && !guid.MatchString(idOrMail) {
		return User{}, Refused(op, "what is given is neither a mail address nor the object id of a user")
	}
	// In a path an apostrophe or a leading $ means something else.
	if !isMail || !strings.ContainsAny(idOrMail, "'$") {
		u, err := c.userAt(ctx, op, idOrMail)
		if err == nil || !isMail || !errors.Is(err, ErrNotFound) {
			return u, err
		}
	}
	return c.userByMail(ctx, op, idOrMail)
}

func (c *Client) userAt(ctx context.Context, op, id string) (User, error) {
	var w wireUser
	err := c.send(ctx, raw{op: op, method: kiota.GET, path: "/users/" + url.PathEscape(id), query: url.Values{"$select": {userFields}}, out: &w})
	if err != nil {
		return User{}, err
	}
	if !guid.MatchString(w.ID) {
		return User{}, &Error{Op: op, Status: http.StatusOK, Message: "the answer of Graph has no user"}
	}
	return w.user(), nil
}

func (c *Client) userByMail(ctx context.Context, op, mail string) (User, error) {
	var found []User
	query := url.Values{"$select": {userFields}, "$filter": {"mail eq " + quote(mail) + " or userPrincipalName eq " + quote(mail)}, "$top": {"5"}}
	err := list(ctx, c, raw{op: op, method: kiota.GET, path: "/users", query: query}, func(w wireUser) bool {
		if guid.MatchString(w.ID) {
			found = append(found, w.user())
		}
		return len(found) < 5
	})
	if err != nil {
		return User{}, err
	}
	if len(found) == 0 {
		return User{}, &Error{Op: op, Status: http.StatusNotFound, Message: "nobody in the directory has this mail address"}
	}
	if i := slices.IndexFunc(found, func(u User) bool { return u.Enabled }); i > 0 {
		return found[i], nil
	}
	return found[0], nil
}

// inFilter is how many values a filter takes in one "in".
// https://learn.microsoft.com/graph/aad-advanced-queries
const inFilter = 15

// Missing returns those of the ids of users that the directory does not have, or
// whose account is blocked. It needs User.ReadBasic.All, and User.Read.All to
// see who is blocked.
func (c *Client) Missing(ctx context.Context, ids []string) ([]string, error) {
	const op = "look the members up"
	there := make(map[string]bool)
	for some := range slices.Chunk(ids, inFilter) {
		var quoted []string
		for _, id := range some {
			if err := CheckUserID(op, id); err != nil {
				return nil, err
			}
			quoted = append(quoted, quote(id))
		}
		query := url.Values{"$select": {"id,accountEnabled"}, "$filter": {"id in (" + strings.Join(quoted, ",") + ")"}}
		err := list(ctx, c, raw{op: op, method: kiota.GET, path: "/users", query: query}, func(w wireUser) bool {
			there[strings.ToLower(w.ID)] = w.user().Enabled
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	var out []string
	for _, id := range ids {
		if !there[strings.ToLower(id)] {
			out = append(out, id)
		}
	}
	return out, nil
}
