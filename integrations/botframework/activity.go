package botframework

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Activity types that Teams sends or accepts.
// https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference#activity-object
const (
	TypeMessage            = "message"
	TypeMessageUpdate      = "messageUpdate"
	TypeMessageDelete      = "messageDelete"
	TypeMessageReaction    = "messageReaction"
	TypeInvoke             = "invoke"
	TypeEvent              = "event"
	TypeTyping             = "typing"
	TypeConversationUpdate = "conversationUpdate"
	TypeInstallationUpdate = "installationUpdate"
)

// Kinds of conversation, as in conversation.conversationType.
const (
	ConversationPersonal = "personal"
	ConversationGroup    = "groupChat"
	ConversationChannel  = "channel"
)

// ContentTypeAdaptiveCard is the attachment content type of an Adaptive Card.
const ContentTypeAdaptiveCard = "application/vnd.microsoft.card.adaptive"

// Activity is one unit of the Bot Framework protocol, in either direction: a
// message, an invoke, a change of a conversation. Fields that are empty are
// left out of the JSON. Fields of the protocol that Teams does not use are not
// modelled and are dropped when an activity is decoded.
type Activity struct {
	// Type says what the activity is; see the Type constants.
	Type string `json:"type,omitempty"`
	// ID identifies the activity within its conversation. Teams assigns it.
	ID string `json:"id,omitempty"`
	// Timestamp is when Teams accepted the activity, UTC. Zero if it was absent
	// or unreadable.
	Timestamp time.Time `json:"timestamp,omitzero"`
	// LocalTimestamp is Timestamp with the sender's offset. Zero if absent.
	LocalTimestamp time.Time `json:"localTimestamp,omitzero"`
	// LocalTimezone is the sender's IANA time zone.
	LocalTimezone string `json:"localTimezone,omitempty"`
	// ServiceURL is where answers go. Only to be trusted after [Validator]
	// compared it with the signed claim.
	ServiceURL string `json:"serviceUrl,omitempty"`
	// ChannelID is "msteams" for Teams. It is not a Teams channel.
	ChannelID string `json:"channelId,omitempty"`
	// From is the sender.
	From Account `json:"from,omitzero"`
	// Conversation is where it happened.
	Conversation Conversation `json:"conversation,omitzero"`
	// Recipient is the bot on the way in.
	Recipient Account `json:"recipient,omitzero"`
	// Text is the message; HTML-like in channels. See [StripMention].
	Text string `json:"text,omitempty"`
	// TextFormat is plain, markdown or xml.
	TextFormat string `json:"textFormat,omitempty"`
	// Summary is what notifications and phones preview instead of a card.
	Summary string `json:"summary,omitempty"`
	// Locale is the sender's BCP 47 locale.
	Locale string `json:"locale,omitempty"`
	// Name is the operation of an invoke or event, such as adaptiveCard/action.
	Name string `json:"name,omitempty"`
	// Action is add or remove, with variants, in an installationUpdate.
	Action string `json:"action,omitempty"`
	// Value is the data of an invoke or of a pressed card button: JSON of any
	// kind. Nil if absent or null.
	Value json.RawMessage `json:"value,omitempty"`
	// ChannelData is what only Teams knows. Nil if absent.
	ChannelData *ChannelData `json:"channelData,omitempty"`
	// Entities are mentions and facts about the client.
	Entities []Entity `json:"entities,omitempty"`
	// Attachments are cards and files.
	Attachments []Attachment `json:"attachments,omitempty"`
	// AttachmentLayout is list or carousel.
	AttachmentLayout string `json:"attachmentLayout,omitempty"`
	// Importance is low, normal, high or urgent.
	Importance string `json:"importance,omitempty"`
	// ReplyToID is the activity that this one answers.
	ReplyToID string `json:"replyToId,omitempty"`
	// MembersAdded and MembersRemoved belong to a conversationUpdate.
	MembersAdded   []Account `json:"membersAdded,omitempty"`
	MembersRemoved []Account `json:"membersRemoved,omitempty"`
	// ReactionsAdded and ReactionsRemoved belong to a messageReaction.
	ReactionsAdded   []Reaction `json:"reactionsAdded,omitempty"`
	ReactionsRemoved []Reaction `json:"reactionsRemoved,omitempty"`
}

// Account is a person or a bot.
type Account struct {
	// ID is 29:… for a person and 28:<app id> for a bot. It differs for every
	// bot; AADObjectID does not.
	ID string `json:"id,omitempty"`
	// Name is the display name.
	Name string `json:"name,omitempty"`
	// AADObjectID is the Entra object id.
	AADObjectID string `json:"aadObjectId,omitempty"`
	// Role is user, bot or skill.
	Role string `json:"role,omitempty"`
	// UserRole is how Teams sees the account in its tenant, such as guest.
	UserRole string `json:"userRole,omitempty"`
	// UserPrincipalName, Email and TenantID are present where Teams tells them.
	UserPrincipalName string `json:"userPrincipalName,omitempty"`
	Email             string `json:"email,omitempty"`
	TenantID          string `json:"tenantId,omitempty"`
	// IsTargeted marks a message that only its recipient sees.
	IsTargeted bool `json:"isTargeted,omitempty"`
}

// Conversation is a personal chat, a group chat, a channel or a channel thread.
type Conversation struct {
	// ID is a:… (personal), 19:…@thread.v2 (group chat), 19:…@thread.tacv2
	// (channel), with ;messageid=… for a thread in a channel.
	ID string `json:"id,omitempty"`
	// Name is the topic, where Teams tells it.
	Name string `json:"name,omitempty"`
	// ConversationType is personal, groupChat or channel.
	ConversationType string `json:"conversationType,omitempty"`
	// TenantID is the Entra tenant that owns the conversation.
	TenantID string `json:"tenantId,omitempty"`
	// IsGroup is true for everything but personal chats.
	IsGroup bool `json:"isGroup,omitempty"`
}

// Attachment is a card or a file.
type Attachment struct {
	// ContentType is the media type, such as [ContentTypeAdaptiveCard].
	ContentType string `json:"contentType,omitempty"`
	// ContentURL is where the content is, instead of Content.
	ContentURL string `json:"contentUrl,omitempty"`
	// Content is the card itself, or HTML as a JSON string.
	Content json.RawMessage `json:"content,omitempty"`
	// Name is a file's name.
	Name string `json:"name,omitempty"`
	// ThumbnailURL is a picture.
	ThumbnailURL string `json:"thumbnailUrl,omitempty"`
}

// Reaction is one emotional answer to a message, such as like.
type Reaction struct {
	// Type is like, heart, laugh, surprised, sad, angry and others.
	Type string `json:"type,omitempty"`
}

// AdaptiveCard wraps a card's JSON as an attachment.
func AdaptiveCard(card json.RawMessage) Attachment {
	return Attachment{ContentType: ContentTypeAdaptiveCard, Content: card}
}

// Tenant returns the tenant the activity claims to come from, or "" if it
// claims none or contradicts itself.
func (a *Activity) Tenant() string {
	inner := ""
	if a.ChannelData != nil && a.ChannelData.Tenant != nil {
		inner = a.ChannelData.Tenant.ID
	}
	outer := a.Conversation.TenantID
	switch {
	case outer == "":
		return inner
	case inner != "" && !strings.EqualFold(inner, outer):
		return ""
	}
	return outer
}

// Reference returns the address at which the activity can be answered.
func (a *Activity) Reference() Reference {
	ref := Reference{
		ServiceURL:       a.ServiceURL,
		ChannelID:        a.ChannelID,
		ConversationID:   a.Conversation.ID,
		ConversationType: a.Conversation.ConversationType,
		TenantID:         a.Tenant(),
		BotID:            a.Recipient.ID,
	}
	if d := a.ChannelData; d != nil {
		if d.Team != nil {
			ref.TeamID, ref.TeamAADGroupID = d.Team.ID, d.Team.AADGroupID
		}
		if d.Channel != nil {
			ref.TeamsChannelID = d.Channel.ID
		}
	}
	return ref
}

// UnmarshalJSON reads an activity. Times that are not RFC 3339 become zero
// rather than an error: emulators send other forms, and a message must not be
// refused for them.
func (a *Activity) UnmarshalJSON(b []byte) error {
	type plain Activity
	in := struct {
		*plain
		Timestamp      json.RawMessage `json:"timestamp"`
		LocalTimestamp json.RawMessage `json:"localTimestamp"`
	}{plain: (*plain)(a)}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	a.Timestamp = readTime(in.Timestamp).UTC()
	a.LocalTimestamp = readTime(in.LocalTimestamp)
	if isNull(a.Value) {
		a.Value = nil
	}
	return nil
}

// readTime accepts RFC 3339 and Unix milliseconds.
func readTime(raw json.RawMessage) time.Time {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return time.Time{}
		}
		return t
	}
	if ms, err := strconv.ParseInt(string(raw), 10, 64); err == nil && ms > 0 && ms < 1<<46 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// marshal encodes v without HTML escaping: an escaped < takes six characters,
// and Teams counts characters.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode as JSON: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
