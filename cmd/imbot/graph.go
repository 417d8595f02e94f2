package main

import (
	"imbot/effects"
	"imbot/integrations/graph"
)

// newChats makes the client of Microsoft Graph that makes group chats. This is
// the only file that needs the Graph SDK, which takes minutes and gigabytes to
// compile once.
var newChats = func(c graph.Config) (effects.Chats, error) { return graph.New(c) }
