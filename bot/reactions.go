package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
	"imbot/query"
)

// MessageReader reads one message of a chat. It takes the permission
// ChatMessage.Read.Chat, which only the app package's profile "timeline" asks
// for. An error with a method Permanent() bool that returns true is not tried
// again; a nil message means that it is there no more.
type MessageReader interface {
	Message(ctx context.Context, chatID, messageID string) (*botframework.Message, error)
}

// KindPin is the kind of effect that reads a message that was marked with a pin,
// and puts it onto the timeline: see Bot.Pin.
const KindPin = "pin"

// pinData is what KindPin needs.
type pinData struct {
	Incident incident.ID    `json:"incident"`
	Chat     string         `json:"chat"`
	Message  string         `json:"message"`
	By       incident.Actor `json:"by"`
	Role     incident.Role  `json:"role"`
}

// isPin reports whether a reaction is a pin. Teams names the reactions beyond
// its first six by the code points of the emoji, and a word: "1f4cc_pushpin".
func isPin(r botframework.Reaction) bool {
	s := strings.ToLower(r.Type)
	return s == "📌" || s == "pushpin" || s == "1f4cc" || strings.HasPrefix(s, "1f4cc_") || strings.HasPrefix(s, "1f4cc-")
}

// reacted marks a message of an incident's room for the timeline. Who reacts is
// told, but not what the message says: that is read later, as an effect.
func (b *Bot) reacted(ctx context.Context, act *botframework.Activity) error {
	if b.Messages == nil || act.ReplyToID == "" || act.From.ID == "" || kindOf(act) != GroupChat || !slices.ContainsFunc(act.ReactionsAdded, isPin) {
		return nil
	}
	id, err := b.roomOf(ctx, act.Conversation.ID)
	if err != nil || id == 0 {
		return err
	}
	t, err := b.turn(ctx, act)
	if err != nil {
		return err
	}
	if incident.Allowed(incident.AddNote, false, t.asker.actor, t.asker.role, nil, &incident.Facts{}) != nil {
		return nil // who reads only marks nothing; a reaction is no question that is answered
	}
	chat := root(act.Conversation.ID)
	data, err := json.Marshal(pinData{id, chat, act.ReplyToID, t.asker.actor, t.asker.role})
	if err != nil {
		return err
	}
	return b.Service.Enqueue(ctx, incident.Effect{
		Key: id.String() + "/" + KindPin + "/" + chat + "/" + act.ReplyToID, Kind: KindPin, Mode: incident.Once, Incident: id,
		Lane: id.String() + "/" + KindPin, Target: chat, Data: data,
	})
}

// Pin carries an effect of KindPin out: it reads the message and puts it onto the
// timeline, once.
func (b *Bot) Pin(ctx context.Context, data json.RawMessage) error {
	var d pinData
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("read what was pinned: %w", err)
	}
	if b.Messages == nil {
		return &noWay{text: "messages are not read: the app package's profile is not timeline"}
	}
	m, err := b.Messages.Message(ctx, d.Chat, d.Message)
	if err != nil {
		return fmt.Errorf("read the pinned message: %w", err)
	}
	if m == nil {
		return nil // taken back since
	}
	q := quoteOf(m)
	q.ID = d.Message
	squad, err := squadHere(ctx, b.Store, b.Catalog(), d.Chat)
	if err != nil {
		return err
	}
	_, err = b.Service.Do(ctx, messageNote(d.Incident, d.Chat, q, d.By, d.Role, locale.For(b.Catalog().Language(squad)), b.Now()))
	if errors.Is(err, incident.ErrNotFound) || errors.Is(err, incident.ErrForbidden) {
		return nil // it has become private, or they may not any more
	}
	return err
}

// What becomes of a message that stands on a timeline, by type and event of the
// activity that tells it.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/conversation-messages
func changeOf(act *botframework.Activity) string {
	event := ""
	if act.ChannelData != nil {
		event = act.ChannelData.EventType
	}
	switch {
	case act.Type == botframework.TypeMessageDelete && (event == "" || event == "softDeleteMessage"):
		return "deleted"
	case act.Type == botframework.TypeMessageUpdate && event == "undeleteMessage":
		return "restored"
	case act.Type == botframework.TypeMessageUpdate && (event == "" || event == "editMessage"):
		return "edited"
	}
	return ""
}

// messageChanged follows a message that stands on the timeline of this room's or
// thread's incident: an entry says what became of it. What was written stays.
func (b *Bot) messageChanged(ctx context.Context, act *botframework.Activity) error {
	change := changeOf(act)
	if change == "" || act.ID == "" {
		return nil
	}
	id, err := b.incidentHere(ctx, act)
	if err != nil || id == 0 {
		return err
	}
	v, err := b.Reader.Get(ctx, query.Self, id, true)
	if err != nil {
		return err
	}
	first, last := entriesOf(v.Timeline, act.ID)
	text := botframework.PlainBody(botframework.StripMention(act), botframework.MaxMessageText)
	if first == nil || change == "edited" && text == strings.TrimSpace(last) {
		return nil // it is not on the timeline, or only a reaction has come
	}
	if change == "deleted" {
		text = ""
	}
	data := map[string]string{"message": act.ID, "author": first.Data["author"], "change": change}
	if first.Data["url"] != "" {
		data["url"] = first.Data["url"]
	}
	sum := sha256.Sum256([]byte(text))
	_, err = b.Service.Do(ctx, incident.Command{
		Verb: incident.Log, Incident: id, Actor: incident.System, Source: incident.SourceTeams,
		Keys: []string{strings.Join([]string{"teams", root(act.Conversation.ID), change, act.ID, strconv.FormatInt(act.Timestamp.UnixMilli(), 10), hex.EncodeToString(sum[:8])}, "/")},
		Args: incident.Args{Kind: incident.EvNote, Text: text, Data: data},
	})
	return err
}

// entriesOf finds the entry that a message was first put on the timeline by, and
// what the message says by now, as far as the timeline tells.
func entriesOf(timeline []incident.Event, message string) (first *incident.Event, text string) {
	for i := range timeline {
		e := &timeline[i]
		if e.Kind != incident.EvNote || e.Data["message"] != message {
			continue
		}
		if first == nil {
			first = e
		}
		text = e.Text
	}
	return first, text
}

// incidentHere is the incident whose card's thread, or whose room, the activity
// comes from; 0 for none. A button's activity names the card itself.
func (b *Bot) incidentHere(ctx context.Context, act *botframework.Activity) (incident.ID, error) {
	conv := act.Conversation.ID
	if r := thread(conv); r != "" {
		return b.Reader.ByKey(ctx, cardKey(conv, r))
	}
	if act.ReplyToID != "" {
		if id, err := b.Reader.ByKey(ctx, cardKey(conv, act.ReplyToID)); id != 0 || err != nil {
			return id, err
		}
	}
	if kindOf(act) != GroupChat {
		return 0, nil
	}
	return b.roomOf(ctx, conv)
}

// roomOf is the incident whose war room a group chat is; 0 for none.
func (b *Bot) roomOf(ctx context.Context, conversation string) (incident.ID, error) {
	if conversation == "" {
		return 0, nil
	}
	return b.Reader.ByKey(ctx, incident.Ref{System: "teams", ID: root(conversation)}.Key())
}
