package jira

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	gojira "github.com/andygrunwald/go-jira"

	"imbot/integrations/internal/fit"
)

// User is a user of Jira.
type User struct {
	AccountID string // Cloud: the only id there
	Name      string // Data Center: login name
	Email     string // often hidden on Cloud
	FullName  string
	Active    bool
}

// Ref is what identifies the user for Jira: AccountID on Cloud, Name on Data
// Center.
func (u User) Ref() string { return firstOf(u.AccountID, u.Name) }

func userOf(u *gojira.User) User {
	return User{AccountID: u.AccountID, Name: u.Name, Email: u.EmailAddress, FullName: u.DisplayName, Active: u.Active}
}

type wireUser struct {
	AccountID   text  `json:"accountId"`
	AccountType text  `json:"accountType"`
	Name        text  `json:"name"`
	Email       text  `json:"emailAddress"`
	FullName    text  `json:"displayName"`
	Active      *bool `json:"active"`
}

// user returns nil for nobody.
func (w *wireUser) user() *User {
	if w == nil || (w.AccountID == "" && w.Name == "") {
		return nil
	}
	return &User{
		AccountID: string(w.AccountID), Name: string(w.Name), Email: string(w.Email), FullName: string(w.FullName),
		Active: w.Active == nil || *w.Active,
	}
}

// Server is which Jira it is.
type Server struct {
	Cloud   bool   // else Data Center, or Server
	Version string // of Data Center, such as "10.3.2"
	URL     string // for people, without a slash at the end
	Title   string
}

func (s Server) browse(key string) string { return s.URL + "/browse/" + key }

// assignee returns the user in Jira's form; nobody for "".
func (s Server) assignee(ref string) any {
	switch {
	case ref == "":
		return nil
	case s.Cloud:
		return map[string]string{"accountId": ref}
	}
	return map[string]string{"name": ref}
}

// Server asks which Jira it is, once: Cloud and Data Center differ in how they
// search, name people and describe fields.
func (c *Client) Server(ctx context.Context) (Server, error) {
	c.mu.Lock()
	server := c.server
	c.mu.Unlock()
	if server != nil {
		return *server, nil
	}
	var info struct {
		Deployment text `json:"deploymentType"`
		BaseURL    text `json:"baseUrl"`
		Version    text `json:"version"`
		Title      text `json:"serverTitle"`
	}
	const op = "ask which Jira it is"
	if err := c.send(ctx, op, http.MethodGet, "rest/api/2/serverInfo", nil, nil, &info); err != nil {
		return Server{}, err
	}
	if info.Deployment == "" && info.Version == "" {
		return Server{}, &Error{Product: product, Op: op, Status: http.StatusOK, Message: "the answer is not Jira's: check its URL"}
	}
	server = &Server{Cloud: info.Deployment == "Cloud", Version: fit.Line(string(info.Version), 40), URL: c.base, Title: fit.Line(string(info.Title), 100)}
	if u, err := url.Parse(string(info.BaseURL)); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		server.URL = strings.TrimRight(string(info.BaseURL), "/")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server
	return *server, nil
}

// Myself returns the user whom the credentials belong to.
func (c *Client) Myself(ctx context.Context) (User, error) {
	var me *gojira.User
	err := c.call(ctx, "read the credentials' user", func(ctx context.Context, api *gojira.Client) (err error) {
		me, _, err = api.User.GetSelfWithContext(ctx)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return userOf(me), nil
}

// Check asks Jira whether the credentials are good and, if Config.Project is
// set, whether issues can be created there. It returns in words who and where.
func (c *Client) Check(ctx context.Context) (who string, err error) {
	server, err := c.Server(ctx)
	if err != nil {
		return "", err
	}
	me, err := c.Myself(ctx)
	if err != nil {
		return "", err
	}
	where := "Data Center " + server.Version
	if server.Cloud {
		where = "Cloud"
	}
	who = fmt.Sprintf("%s on Jira %s", firstOf(fit.Line(me.FullName, 100), me.Ref()), where)
	if c.project == "" {
		return who, nil
	}
	types, err := c.IssueTypes(ctx, c.project)
	var e *Error
	if (err == nil && len(types) == 0) || (errors.As(err, &e) && (e.NotFound() || e.Status == http.StatusBadRequest)) {
		return who, &Error{
			Product: product, Op: "check the project", Status: http.StatusNotFound,
			Message: fmt.Sprintf("there is no project %s in which the user can create issues: give him access, or configure another", c.project),
		}
	}
	if err != nil {
		return who, err
	}
	return fmt.Sprintf("%s, project %s", who, c.project), nil
}

// UserByEmail returns the active user with that mail address, upper or lower
// case. If there is none it returns an *Error with NotFound. Jira's answer is
// worth remembering: this is a search.
//
// Cloud finds users by addresses that it does not show. So a single user found
// whose address is hidden is taken to be the one.
func (c *Client) UserByEmail(ctx context.Context, email string) (User, error) {
	const op = "find the user of a mail address"
	email = strings.TrimSpace(email)
	if !strings.Contains(email, "@") {
		return User{}, &Error{Product: product, Op: op, Status: http.StatusNotFound, Message: "that is no mail address"}
	}
	server, err := c.Server(ctx)
	if err != nil {
		return User{}, err
	}
	param := "username" // Data Center looks for it in name and address, too
	if server.Cloud {
		param = "query"
	}
	// The library does not escape the address.
	var found []wireUser
	if err := c.send(ctx, op, http.MethodGet, "rest/api/2/user/search", url.Values{param: {email}, "maxResults": {"50"}}, nil, &found); err != nil {
		return User{}, err
	}
	var hidden []User
	for i := range found {
		u := found[i].user()
		switch {
		case u == nil, !u.Active, found[i].AccountType == "app":
		case strings.EqualFold(u.Email, email):
			return *u, nil
		case u.Email == "" && server.Cloud:
			hidden = append(hidden, *u)
		}
	}
	if len(hidden) == 1 {
		return hidden[0], nil
	}
	return User{}, &Error{Product: product, Op: op, Status: http.StatusNotFound, Message: "Jira has no such user, or does not show the address"}
}
