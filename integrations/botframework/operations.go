package botframework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Send posts the activity into the conversation and returns its id, with which
// it can be updated. In a channel it starts a new thread, unless the reference
// is that of a thread. The id is "" if the connector gave none: Teams does so
// for typing, Microsoft's Agents Playground also for a message with both text
// and card. An activity without a type is a message.
func (c *Client) Send(ctx context.Context, ref Reference, a *Activity) (activityID string, err error) {
	k, err := c.onConversation("send", http.MethodPost, ref, "activities")
	if err != nil {
		return "", err
	}
	var out struct {
		ID string `json:"id"`
	}
	k.body, k.query, k.once, k.out = outgoing(a), targeted(a), true, &out
	err = c.do(ctx, k)
	return out.ID, err
}

// ReplyInThread posts the activity as an answer to another one: in a channel
// into the thread that starts with rootID, elsewhere as a plain message.
func (c *Client) ReplyInThread(ctx context.Context, ref Reference, rootID string, a *Activity) (activityID string, err error) {
	if ref.Channel() {
		return c.Send(ctx, ref.Thread(rootID), a)
	}
	reply := outgoing(a)
	reply.ReplyToID = rootID
	return c.Send(ctx, ref, &reply)
}

// Update replaces a message of the bot as a whole, for everybody. It raises no
// notification.
func (c *Client) Update(ctx context.Context, ref Reference, activityID string, a *Activity) error {
	k, err := c.onActivity("update", http.MethodPut, ref, activityID)
	if err != nil {
		return err
	}
	out := outgoing(a)
	out.ID = activityID
	k.body, k.query = out, targeted(a)
	return c.do(ctx, k)
}

// Delete removes a message of the bot.
func (c *Client) Delete(ctx context.Context, ref Reference, activityID string) error {
	k, err := c.onActivity("delete", http.MethodDelete, ref, activityID)
	if err != nil {
		return err
	}
	return c.do(ctx, k)
}

// CreateChannelPost starts a new thread in a Teams channel that the bot may
// never have heard from; ref needs only the service URL. It returns the
// thread's conversation id and the id of its first message.
func (c *Client) CreateChannelPost(ctx context.Context, ref Reference, channelID string, a *Activity) (conversationID, activityID string, err error) {
	if channelID == "" {
		return "", "", refused("create", "BadReference", errors.New("no channel id"))
	}
	first := outgoing(a)
	body := conversationParameters{IsGroup: true, Bot: &Account{ID: c.bot(ref)}, TenantID: ref.TenantID, Activity: &first}
	body.ChannelData.Channel = &Ref{ID: channelID}
	if ref.TenantID != "" {
		body.ChannelData.Tenant = &Ref{ID: ref.TenantID}
	}
	ref.ConversationID = channelID
	out, err := c.create(ctx, ref, body)
	return out.ID, out.ActivityID, err
}

// CreatePersonal opens the personal chat with a user (29:…), or finds it, and
// returns its conversation id. The bot must be installed for the user, or share
// a team or chat with them. ref needs the service URL and the tenant.
func (c *Client) CreatePersonal(ctx context.Context, ref Reference, userID string) (conversationID string, err error) {
	if userID == "" {
		return "", refused("create", "BadReference", errors.New("no user id"))
	}
	if ref.TenantID == "" {
		return "", refused("create", "BadReference", errors.New("no tenant id"))
	}
	body := conversationParameters{Bot: &Account{ID: c.bot(ref)}, Members: []Account{{ID: userID}}, TenantID: ref.TenantID}
	body.ChannelData.Tenant = &Ref{ID: ref.TenantID}
	ref.ConversationID = "create"
	out, err := c.create(ctx, ref, body)
	if err == nil && out.ID == "" {
		err = transportError("create", false, true, errors.New("the answer has no conversation id"))
	}
	return out.ID, err
}

type conversationParameters struct {
	IsGroup     bool      `json:"isGroup"`
	Bot         *Account  `json:"bot,omitempty"`
	Members     []Account `json:"members,omitempty"`
	TenantID    string    `json:"tenantId,omitempty"`
	ChannelData struct {
		Tenant  *Ref `json:"tenant,omitempty"`
		Channel *Ref `json:"channel,omitempty"`
	} `json:"channelData"`
	Activity *Activity `json:"activity,omitempty"`
}

type conversationResource struct {
	ID         string `json:"id"`
	ActivityID string `json:"activityId"`
}

func (c *Client) create(ctx context.Context, ref Reference, body conversationParameters) (conversationResource, error) {
	var out conversationResource
	k := call{op: "create", method: http.MethodPost, ref: ref, path: []string{"conversations"}, body: body, out: &out}
	k.thread, k.limits = threadKey("send", ref), sendLimits
	k.once = body.Activity != nil // opening a personal chat twice gives the same one
	return out, c.do(ctx, k)
}

// Member is a person in a conversation's roster.
type Member struct {
	// ID is 29:…, the id that mentions and personal chats need.
	ID string
	// Name is the display name.
	Name string
	// Email and UPN may be empty for guests.
	Email string
	UPN   string
	// AADObjectID is the Entra object id.
	AADObjectID string
	// UserRole is how Teams sees the person: user, guest, or anonymous for somebody
	// who has joined a meeting by its link.
	UserRole string
	// TenantID is the person's home tenant.
	TenantID string
}

// UnmarshalJSON reads a TeamsChannelAccount. The Entra id has two names.
func (m *Member) UnmarshalJSON(b []byte) error {
	var in struct {
		Account
		ObjectID string `json:"objectId"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*m = Member{
		ID: in.ID, Name: in.Name, Email: in.Email, UPN: in.UserPrincipalName,
		AADObjectID: in.AADObjectID, UserRole: in.UserRole, TenantID: in.TenantID,
	}
	if m.AADObjectID == "" {
		m.AADObjectID = in.ObjectID
	}
	return nil
}

// Member looks a person up in the conversation's roster, by 29:… or by Entra
// object id. A person who is not in it gives an error with Status 404.
func (c *Client) Member(ctx context.Context, ref Reference, userID string) (*Member, error) {
	id, err := pathID("user id", userID)
	if err != nil {
		return nil, refused("member", "BadReference", err)
	}
	k, err := c.onConversation("member", http.MethodGet, ref, "members", id)
	if err != nil {
		return nil, err
	}
	var out Member
	k.out = &out
	if err := c.do(ctx, k); err != nil {
		return nil, err
	}
	return &out, nil
}

// memberPages bounds a roster at 50,000 people, beyond what Teams allows in a
// team, so that a page that points to itself cannot keep the loop going.
const memberPages = 100

// Members returns the conversation's whole roster, without bots.
func (c *Client) Members(ctx context.Context, ref Reference) ([]Member, error) {
	k, err := c.onConversation("members", http.MethodGet, ref, "pagedmembers")
	if err != nil {
		return nil, err
	}
	var all []Member
	k.query = url.Values{"pageSize": {"500"}}
	for range memberPages {
		var page struct {
			Members           []Member `json:"members"`
			ContinuationToken string   `json:"continuationToken"`
		}
		k.out = &page
		if err := c.do(ctx, k); err != nil {
			return nil, err
		}
		all = append(all, page.Members...)
		if page.ContinuationToken == "" {
			return all, nil
		}
		k.query.Set("continuationToken", page.ContinuationToken)
	}
	return nil, refused("members", "TooManyPages", fmt.Errorf("the roster has more than %d pages", memberPages))
}

// TeamChannels lists the channels of a team. The General channel has no name
// and the team's id.
func (c *Client) TeamChannels(ctx context.Context, ref Reference, teamID string) ([]Ref, error) {
	id, err := pathID("team id", teamID)
	if err != nil {
		return nil, refused("channels", "BadReference", err)
	}
	var out struct {
		Conversations []Ref `json:"conversations"`
	}
	ref.ConversationID = teamID
	err = c.do(ctx, call{
		op: "channels", method: http.MethodGet, ref: ref, path: []string{"teams", id, "conversations"},
		thread: threadKey("read", ref), limits: readLimits, out: &out,
	})
	return out.Conversations, err
}

// Ping checks the way to the connector without posting anything. A nil error
// proves that Entra gave a token, that the service URL is allowed and answers,
// that the connector accepted the token, and, with a conversation in ref, that
// the bot is in its roster. Without a conversation it asks for one that cannot
// exist, and takes a 403 or 404 as "accepted, but no such conversation"; an
// accepted token does not prove that the bot is installed anywhere.
func (c *Client) Ping(ctx context.Context, ref Reference) error {
	probe := ref.ConversationID == ""
	if probe {
		ref.ConversationID = "19:00000000000000000000000000000000@thread.v2"
	}
	k, err := c.onConversation("ping", http.MethodGet, ref, "pagedmembers")
	if err != nil {
		return err
	}
	k.query = url.Values{"pageSize": {"50"}}
	err = c.do(ctx, k)
	if e := asError(err); probe && e != nil && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound) {
		return nil
	}
	return err
}

func (c *Client) onConversation(op, method string, ref Reference, rest ...string) (call, error) {
	id, err := pathID("conversation id", ref.ConversationID)
	if err != nil {
		return call{}, refused(op, "BadReference", err)
	}
	k := call{op: op, method: method, ref: ref, path: append([]string{"conversations", id}, rest...)}
	k.thread, k.limits = threadKey("send", ref), sendLimits
	if method == http.MethodGet {
		k.thread, k.limits = threadKey("read", ref), readLimits
	}
	return k, nil
}

func (c *Client) onActivity(op, method string, ref Reference, activityID string) (call, error) {
	id, err := pathID("activity id", activityID)
	if err != nil {
		return call{}, refused(op, "BadReference", err)
	}
	return c.onConversation(op, method, ref, "activities", id)
}

// threadKey names what a rate limit counts: for Teams a channel with all its
// threads is one.
func threadKey(kind string, ref Reference) string {
	return kind + " " + strings.ToLower(ref.ServiceURL) + " " + ref.Base().ConversationID
}

func (c *Client) bot(ref Reference) string {
	if ref.BotID != "" {
		return ref.BotID
	}
	return c.botID
}

// outgoing copies the activity and removes what only Teams may say.
func outgoing(a *Activity) Activity {
	out := *a
	if out.Type == "" {
		out.Type = TypeMessage
	}
	out.ID, out.ServiceURL, out.ChannelID = "", "", ""
	return out
}

func targeted(a *Activity) url.Values {
	if a.Recipient.IsTargeted {
		return url.Values{"isTargetedActivity": {"true"}}
	}
	return nil
}
