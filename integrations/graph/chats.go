package graph

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/chats"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"imbot/integrations/graph/graphrest"
)

// CreateChat makes a group chat of people. The app itself is not in it before
// [graphrest.Client.InstallApp]. Graph does not recognise a repeated request:
// after an error with MayBeDone, look with [graphrest.Client.FindChat] before
// trying again. If people can't be members the error has ReasonMember and names
// them. It needs Chat.Create.
// https://learn.microsoft.com/graph/api/chat-post
func (c *Client) CreateChat(ctx context.Context, n graphrest.NewChat) (graphrest.Chat, error) {
	const op = "create the chat"
	n, err := n.Clean(op)
	if err != nil {
		return graphrest.Chat{}, err
	}
	body := models.NewChat()
	group := models.GROUP_CHATTYPE
	body.SetChatType(&group)
	if n.Topic != "" {
		body.SetTopic(&n.Topic)
	}
	var members []models.ConversationMemberable
	var ids []string
	for _, m := range n.Members {
		members = append(members, c.member(m, false))
		ids = append(ids, m.UserID)
	}
	body.SetMembers(members)
	var made graphrest.Chat
	err = c.Call(ctx, op, func(ctx context.Context) error {
		answer, err := c.chats.Post(ctx, body, nil)
		if err != nil {
			return err
		}
		made, err = chat(answer)
		return err
	})
	if err != nil {
		return graphrest.Chat{}, c.MemberError(ctx, err, ids)
	}
	return made, nil
}

// member is how somebody is named to Graph. Nobody may be without a role.
func (c *Client) member(m graphrest.Member, history bool) models.ConversationMemberable {
	w := models.NewAadUserConversationMember()
	w.SetRoles([]string{"owner"})
	if m.Guest {
		w.SetRoles([]string{"guest"})
	}
	if history {
		w.SetVisibleHistoryStartDateTime(&time.Time{}) // all of it
	}
	w.SetAdditionalData(map[string]any{"user@odata.bind": c.BaseURL() + "/users('" + m.UserID + "')"})
	return w
}

// Chat reads a chat. It needs a permission to read it: Chat.ReadBasic.All, or one
// for the chat such as ChatSettings.Read.Chat or Chat.Manage.Chat.
// https://learn.microsoft.com/graph/api/chat-get
func (c *Client) Chat(ctx context.Context, id string) (graphrest.Chat, error) {
	const op = "read the chat"
	if err := graphrest.CheckChatID(op, id); err != nil {
		return graphrest.Chat{}, err
	}
	var read graphrest.Chat
	err := c.Call(ctx, op, func(ctx context.Context) error {
		answer, err := c.chats.ByChatId(id).Get(ctx, nil)
		if err != nil {
			return err
		}
		read, err = chat(answer)
		return err
	})
	return read, err
}

// chat reads an answer that has to be a chat.
func chat(w models.Chatable) (graphrest.Chat, error) {
	if w == nil || graphrest.CheckChatID("", str(w.GetId())) != nil {
		return graphrest.Chat{}, errors.New("there is no chat in it")
	}
	out := graphrest.Chat{ID: str(w.GetId()), Topic: str(w.GetTopic())}
	if t := w.GetChatType(); t != nil {
		out.Type = t.String()
	}
	if at := w.GetCreatedDateTime(); at != nil {
		out.CreatedAt = at.UTC()
	}
	if u, err := url.Parse(str(w.GetWebUrl())); err == nil && u.Scheme == "https" {
		out.WebURL = u.String()
	}
	return out, nil
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Members returns the people in a chat. It needs ChatMember.Read.Chat or
// Chat.Manage.Chat for the chat, or ChatMember.Read.All.
// https://learn.microsoft.com/graph/api/chat-list-members
func (c *Client) Members(ctx context.Context, id string) ([]graphrest.Member, error) {
	const op = "list the members of the chat"
	if err := graphrest.CheckChatID(op, id); err != nil {
		return nil, err
	}
	var out []graphrest.Member
	next := c.chats.ByChatId(id).Members()
	for range maxPages {
		var more string
		err := c.Call(ctx, op, func(ctx context.Context) error {
			answer, err := next.Get(ctx, nil)
			if err != nil {
				return err
			}
			if answer == nil || answer.GetValue() == nil {
				return errors.New("there is no list in it")
			}
			for _, w := range answer.GetValue() {
				if m, ok := c.readMember(w); ok {
					out = append(out, m)
				}
			}
			more = str(answer.GetOdataNextLink())
			return nil
		})
		if err != nil {
			return nil, err
		}
		if more == "" {
			return out, nil
		}
		next = chats.NewItemMembersRequestBuilder(more, c.Adapter())
	}
	return nil, &graphrest.Error{Op: op, Status: http.StatusOK, Message: "the list of members does not end"}
}

// maxPages bounds how far the members are read: a chat has 250 at most.
const maxPages = 30

func (c *Client) readMember(w models.ConversationMemberable) (graphrest.Member, bool) {
	u, ok := w.(models.AadUserConversationMemberable)
	if !ok { // bots and the like
		return graphrest.Member{}, false
	}
	m := graphrest.Member{UserID: strings.ToLower(str(u.GetUserId())), ID: str(u.GetId()), Name: str(u.GetDisplayName()), Mail: str(u.GetEmail())}
	m.Owner, m.Guest = slices.Contains(u.GetRoles(), "owner"), slices.Contains(u.GetRoles(), "guest")
	m.External = c.External(str(u.GetTenantId()))
	return m, m.UserID != ""
}

// AddMembers adds people to a chat and lets them read all that was said before.
// Those who are in it already are passed over, so that it can be repeated after
// any error. Who can't be added is left out and returned; the error is for what
// concerns all. It needs Chat.Manage.Chat for the chat, or
// ChatMember.ReadWrite.All.
// https://learn.microsoft.com/graph/api/chat-post-members
func (c *Client) AddMembers(ctx context.Context, id string, members []graphrest.Member) ([]graphrest.LeftOut, error) {
	const op = "add members to the chat"
	if err := graphrest.CheckChatID(op, id); err != nil {
		return nil, err
	}
	there := make(map[string]bool)
	present, err := c.Members(ctx, id)
	known := err == nil
	if !known && !errors.Is(err, graphrest.ErrForbidden) { // without that permission Graph tells one by one
		return nil, err
	}
	for _, m := range present {
		there[m.UserID] = true
	}
	var out []graphrest.LeftOut
	for _, m := range members {
		m.UserID = strings.ToLower(m.UserID)
		if there[m.UserID] {
			continue
		}
		there[m.UserID] = true
		err := c.addMember(ctx, op, id, m)
		var e *graphrest.Error
		switch {
		case err == nil:
		case errors.As(err, &e) && concernsOne(e, m.UserID, known):
			out = append(out, graphrest.LeftOut{UserID: m.UserID, Err: err})
		default:
			return out, err
		}
	}
	return out, nil
}

// concernsOne tells the refusal of a person from one that would meet everybody.
// known says that the chat is there.
func concernsOne(e *graphrest.Error, userID string, known bool) bool {
	switch {
	case e.Reason != "" && e.Reason != graphrest.ReasonMember:
		return false
	case errors.Is(e, graphrest.ErrNotFound):
		return known || strings.Contains(strings.ToLower(e.Message), userID)
	}
	return errors.Is(e, graphrest.ErrInvalid) || e.Status == http.StatusForbidden
}

func (c *Client) addMember(ctx context.Context, op, id string, m graphrest.Member) error {
	if err := graphrest.CheckUserID(op, m.UserID); err != nil {
		return err
	}
	err := c.Call(ctx, op, func(ctx context.Context) error {
		_, err := c.chats.ByChatId(id).Members().Post(ctx, c.member(m, true), nil)
		return err
	})
	var e *graphrest.Error
	if !errors.As(err, &e) {
		return err
	}
	already := e.Status == http.StatusConflict || (e.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(e.Message), "already"))
	if already || saidYes(ctx, e) {
		return nil
	}
	return e
}

// Rename changes a chat's topic, see [graphrest.CleanTopic]. It can be repeated. It
// needs ChatSettings.ReadWrite.Chat for the chat, or Chat.ReadWrite.All.
// https://learn.microsoft.com/graph/api/chat-patch
func (c *Client) Rename(ctx context.Context, id, topic string) error {
	const op = "rename the chat"
	if err := graphrest.CheckChatID(op, id); err != nil {
		return err
	}
	if topic = graphrest.CleanTopic(topic); topic == "" {
		return graphrest.Refused(op, "the topic is empty")
	}
	body := models.NewChat()
	body.SetTopic(&topic)
	err := c.Call(ctx, op, func(ctx context.Context) error {
		_, err := c.chats.ByChatId(id).Patch(ctx, body, nil)
		return err
	})
	var e *graphrest.Error
	if errors.As(err, &e) && saidYes(ctx, e) {
		return nil
	}
	return err
}

// saidYes reports whether a change is done although what Graph said besides was
// not understood. A page of something else than Graph is no yes.
func saidYes(ctx context.Context, e *graphrest.Error) bool {
	return e.Status/100 == 2 && e.Err != nil && ctx.Err() == nil
}
