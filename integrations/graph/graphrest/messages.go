package graphrest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// ChatMessage returns a message of a chat as Graph writes it: a chatMessage of
// at most 8 MB. It needs ChatMessage.Read.Chat, consented to in that chat, and
// returns an error that is ErrForbidden without it. A message that was deleted
// is ErrNotFound: Graph keeps an empty shell of it, for a while.
// https://learn.microsoft.com/graph/api/chatmessage-get
func (c *Client) ChatMessage(ctx context.Context, chatID, messageID string) (json.RawMessage, error) {
	const op = "read the message"
	if err := CheckChatID(op, chatID); err != nil {
		return nil, err
	}
	if !messageIDs.MatchString(messageID) {
		return nil, Refused(op, "the id is none of a message")
	}
	var body json.RawMessage
	path := "/chats/" + url.PathEscape(chatID) + "/messages/" + url.PathEscape(messageID)
	if err := c.send(ctx, raw{op: op, method: kiota.GET, path: path, out: &body}); err != nil {
		return nil, err
	}
	var w struct {
		ID      string `json:"id"`
		Deleted string `json:"deletedDateTime"`
	}
	switch err := json.Unmarshal(body, &w); {
	case err != nil || w.ID != messageID:
		return nil, &Error{Op: op, Status: http.StatusOK, Message: "the answer of Graph has not this message"}
	case w.Deleted != "":
		return nil, &Error{Op: op, Status: http.StatusNotFound, Message: "the message was deleted"}
	}
	return body, nil
}
