package main

import (
	"context"
	"encoding/json"

	"imbot/effects"
	"imbot/integrations/graph"
)

// chatClient makes group chats, reads what is said in them, and installs imbot
// for people.
type chatClient interface {
	effects.Chats
	effects.PersonalApps
	ChatMessage(ctx context.Context, chatID, messageID string) (json.RawMessage, error)
}

// newChats makes the client of Microsoft Graph that makes group chats. This is
// the only file that needs the Graph SDK, which takes minutes and gigabytes to
// compile once.
var newChats = func(c graph.Config) (chatClient, error) { return graph.New(c) }
