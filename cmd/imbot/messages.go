package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"imbot/bot"
	"imbot/integrations/botframework"
	"imbot/integrations/graph/graphrest"
	"imbot/manifest"
	"imbot/outbox"
)

// chatMessages reads messages of war rooms by way of Microsoft Graph.
type chatMessages struct {
	graph interface {
		ChatMessage(ctx context.Context, chatID, messageID string) (json.RawMessage, error)
	}
}

// messageReader is what reads a message that is marked with a pin; nil where the
// app package does not ask for the permission, or there are no war rooms.
func (a *app) messageReader() bot.MessageReader {
	if t := a.cfg.Teams; a.chats == nil || t.Profile != string(manifest.Timeline) {
		return nil
	}
	return chatMessages{a.chats}
}

// Message implements bot.MessageReader. Graph gives no link to a message of a
// chat: the address of one is documented.
// https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
func (c chatMessages) Message(ctx context.Context, chatID, messageID string) (*botframework.Message, error) {
	raw, err := c.graph.ChatMessage(ctx, chatID, messageID)
	if errors.Is(err, graphrest.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := botframework.ReadMessage(raw)
	if err != nil {
		return nil, errors.Join(outbox.ErrPermanent, err)
	}
	if m.Link == "" {
		m.Link = "https://teams.microsoft.com/l/message/" + url.PathEscape(chatID) + "/" + url.PathEscape(messageID) +
			"?context=" + url.QueryEscape(`{"contextType":"chat"}`)
	}
	return m, nil
}
