package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"imbot/integrations/internal/fit"
)

const (
	userTTL   = 10 * time.Minute // how long a user is remembered
	noUserTTL = time.Minute      // how long it is remembered that there is none
	maxUsers  = 10_000           // in memory; beyond it, the memory starts anew
)

// User is a user of PagerDuty.
type User struct {
	ID       string
	Name     string
	Email    string
	TimeZone string // such as "Asia/Jakarta"
	HTMLURL  string
}

func userOf(u pd.User) User {
	return User{ID: u.ID, Name: u.Name, Email: u.Email, TimeZone: u.Timezone, HTMLURL: u.HTMLURL}
}

// User returns a user, from memory if he was asked for within ten minutes. If
// there is none it returns an *Error with NotFound.
func (c *Client) User(ctx context.Context, id string) (User, error) {
	op := "read user " + id
	if err := checkID(op, id); err != nil {
		return User{}, err
	}
	return c.users.get("id:"+id, op, c.now, func() (User, error) {
		var found User
		err := c.call(ctx, op, func(ctx context.Context, api *pd.Client) error {
			u, err := api.GetUserWithContext(ctx, id, pd.GetUserOptions{})
			if err == nil {
				found = userOf(*u)
			}
			return err
		})
		return found, err
	})
}

// UserByEmail returns the user with that mail address, upper or lower case,
// from memory as User does. If there is none it returns an *Error with NotFound.
func (c *Client) UserByEmail(ctx context.Context, email string) (User, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	op := "find the user of a mail address"
	if !strings.Contains(email, "@") {
		return User{}, &Error{Op: op, Status: http.StatusNotFound, Message: "that is no mail address"}
	}
	return c.users.get("mail:"+email, op, c.now, func() (User, error) { return c.searchUser(ctx, op, email) })
}

// searchUser pages through the users whose name or address contains email.
func (c *Client) searchUser(ctx context.Context, op, email string) (User, error) {
	for offset := uint(0); offset+pageSize <= maxOffset; offset += pageSize {
		var page *pd.ListUsersResponse
		err := c.call(ctx, op, func(ctx context.Context, api *pd.Client) (err error) {
			page, err = api.ListUsersWithContext(ctx, pd.ListUsersOptions{Query: email, Limit: pageSize, Offset: offset})
			return err
		})
		if err != nil {
			return User{}, err
		}
		for _, u := range page.Users {
			if strings.EqualFold(u.Email, email) {
				return userOf(u), nil
			}
		}
		if !page.More {
			break
		}
	}
	return User{}, noUser(op)
}

func noUser(op string) *Error {
	return &Error{Op: op, Status: http.StatusNotFound, Code: CodeNotFound, Message: "PagerDuty has no such user"}
}

// Check asks PagerDuty whether the token is good and whether Config.From, if
// set, is a user, and returns in words who the token belongs to. Account keys
// belong to nobody: for them it makes sure that they may read something.
func (c *Client) Check(ctx context.Context) (who string, err error) {
	var me *pd.User
	err = c.call(ctx, "read the token's user", func(ctx context.Context, api *pd.Client) (err error) {
		me, err = api.GetCurrentUserWithContext(ctx, pd.GetCurrentUserOptions{})
		return err
	})
	var e *Error
	switch {
	case err == nil:
		who = fmt.Sprintf("the key of %s <%s>", me.Name, me.Email)
	case errors.As(err, &e) && e.Status == http.StatusBadRequest: // PagerDuty's answer to account keys
		err = c.call(ctx, "read the account's abilities", func(ctx context.Context, api *pd.Client) error {
			_, err := api.ListAbilitiesWithContext(ctx)
			return err
		})
		if err != nil {
			return "", err
		}
		who = "an account key"
	default:
		return "", err
	}
	if c.from == "" {
		return who, nil
	}
	u, err := c.UserByEmail(ctx, c.from)
	if errors.As(err, &e) && e.NotFound() {
		return who, &Error{
			Op: "check the sender", Status: http.StatusNotFound, Code: CodeNotFound,
			Message: fmt.Sprintf("%s is no PagerDuty user: invite one with that address, or configure another", fit.Line(c.from, 100)),
		}
	}
	if err != nil {
		return who, err
	}
	return fmt.Sprintf("%s, acting as %s <%s>", who, u.Name, u.Email), nil
}

// userCache remembers users, and that there are none.
type userCache struct {
	mu    sync.Mutex
	byKey map[string]cachedUser
}

type cachedUser struct {
	user  User // zero if there is none
	until time.Time
}

// get returns what is remembered, or what find finds. Concurrent calls may both
// find: that costs a request, and no harm.
func (uc *userCache) get(key, op string, now func() time.Time, find func() (User, error)) (User, error) {
	uc.mu.Lock()
	got, ok := uc.byKey[key]
	uc.mu.Unlock()
	if ok && now().Before(got.until) {
		if got.user == (User{}) {
			return User{}, noUser(op)
		}
		return got.user, nil
	}
	u, err := find()
	ttl := userTTL
	var e *Error
	if errors.As(err, &e) && e.NotFound() {
		ttl = noUserTTL
	} else if err != nil {
		return User{}, err
	}
	uc.mu.Lock()
	defer uc.mu.Unlock()
	if len(uc.byKey) >= maxUsers {
		clear(uc.byKey)
	}
	uc.byKey[key] = cachedUser{user: u, until: now().Add(ttl)}
	return u, err
}
