package graphrest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// How many members a group chat has.
// https://learn.microsoft.com/microsoftteams/limits-specifications-teams#chat
const (
	MinMembers = 2
	MaxMembers = 250
)

// Member is one of the people in a chat.
type Member struct {
	UserID string // object id
	Guest  bool   // a guest of the tenant

	// What follows is in answers only.

	ID       string // of the membership
	Name     string
	Mail     string
	Owner    bool
	External bool // of another tenant
}

// LeftOut is somebody who could not be added to a chat, and why.
type LeftOut struct {
	UserID string
	Err    error
}

// NewChat is a group chat to be made. Graph makes everybody in it an owner, or
// a guest: there are no others in chats that an app makes.
// https://learn.microsoft.com/graph/api/chat-post
type NewChat struct {
	Topic   string // see CleanTopic
	Members []Member
}

// Clean returns the chat as it is asked for: with a clean topic, and everybody
// once. It returns an error that is ErrInvalid where Graph would refuse it.
func (n NewChat) Clean(op string) (NewChat, error) {
	out := NewChat{Topic: CleanTopic(n.Topic)}
	seen := make(map[string]bool)
	for _, m := range n.Members {
		id := strings.ToLower(m.UserID)
		if err := CheckUserID(op, id); err != nil {
			return out, err
		}
		if !seen[id] {
			seen[id] = true
			out.Members = append(out.Members, Member{UserID: id, Guest: m.Guest})
		}
	}
	switch {
	case len(out.Members) < MinMembers:
		return out, Refused(op, "a group chat has at least two members")
	case len(out.Members) > MaxMembers:
		return out, Refused(op, "a group chat has at most 250 members")
	}
	return out, nil
}

// Chat is a chat of people, and of apps.
type Chat struct {
	ID        string // also the id of the bot's conversation
	Topic     string // may be empty
	Type      string // "group", "oneOnOne" or "meeting"
	WebURL    string // opens it in Teams; may be empty
	CreatedAt time.Time
}

type wireChat struct {
	ID      string    `json:"id"`
	Topic   string    `json:"topic"`
	Type    string    `json:"chatType"`
	WebURL  string    `json:"webUrl"`
	Created time.Time `json:"createdDateTime"`
}

// FindChat returns the oldest group chat of a user that has the topic: the one
// that was made although the answer to the request got lost. userID is any of
// its members. It needs Chat.ReadBasic.All, and returns an error that is
// ErrForbidden where the app doesn't have it: then nobody can tell.
// https://learn.microsoft.com/graph/api/chat-list
func (c *Client) FindChat(ctx context.Context, userID, topic string) (_ Chat, found bool, _ error) {
	const op = "find the chat"
	if err := CheckUserID(op, userID); err != nil {
		return Chat{}, false, err
	}
	topic = CleanTopic(topic)
	if topic == "" {
		return Chat{}, false, Refused(op, "there is no topic to find it by")
	}
	var oldest Chat
	query := url.Values{"$filter": {"topic eq " + quote(topic)}, "$top": {"50"}}
	err := list(ctx, c, raw{op: op, method: kiota.GET, path: "/users/" + userID + "/chats", query: query}, func(w wireChat) bool {
		if w.Type != "group" || w.Topic != topic || !chatID.MatchString(w.ID) {
			return true
		}
		if !found || w.Created.Before(oldest.CreatedAt) {
			oldest, found = Chat{ID: w.ID, Topic: w.Topic, Type: w.Type, WebURL: w.WebURL, CreatedAt: w.Created}, true
		}
		return true
	})
	if err != nil {
		return Chat{}, false, err
	}
	return oldest, found, nil
}

// MemberError completes the error of a request that named members: which of them
// Graph will not take. Graph's own words name one at best, so the directory is
// asked for those in question. An error that has another cause is returned as it
// is.
func (c *Client) MemberError(ctx context.Context, err error, ids []string) error {
	e := asMemberError(err)
	if e == nil {
		return err
	}
	for _, id := range ids {
		if strings.Contains(strings.ToLower(e.Message), strings.ToLower(id)) {
			e.UserIDs = append(e.UserIDs, id)
		}
	}
	if missing, failed := c.Missing(ctx, ids); failed == nil {
		e.UserIDs = union(e.UserIDs, missing)
	}
	if len(e.UserIDs) > 0 {
		e.Reason = ReasonMember
	}
	return e
}

// asMemberError returns a copy of an error that may be due to a member: Graph
// did not take the body, or did not find something that it names.
func asMemberError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) || e.Reason != "" || (e.Status != http.StatusBadRequest && e.Status != http.StatusNotFound && e.Status != http.StatusForbidden) {
		return nil
	}
	with := *e
	return &with
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}
