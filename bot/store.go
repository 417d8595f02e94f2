package bot

import (
	"context"
	"time"

	"imbot/incident"
)

// Kinds of conversation, as Teams names them.
const (
	Personal  = "personal"
	GroupChat = "groupChat"
	Channel   = "channel"
)

// Conversation is a place where imbot can speak: learnt from installs, updates
// and messages.
type Conversation struct {
	ID         string         `json:"id"` // of a channel: without the ";messageid=" of a thread
	Kind       string         `json:"kind"`
	ServiceURL string         `json:"service_url"`
	TenantID   string         `json:"tenant_id"`
	BotID      string         `json:"bot_id"`
	TeamID     string         `json:"team_id,omitempty"`
	TeamName   string         `json:"team_name,omitempty"`
	Name       string         `json:"name,omitempty"`    // of a channel or group chat
	Person     string         `json:"person,omitempty"`  // of a personal chat: Person.ID
	Squad      string         `json:"squad,omitempty"`   // key of the squad that is bound to this channel
	BoundBy    incident.Actor `json:"bound_by,omitzero"` //
	BoundAt    time.Time      `json:"bound_at,omitzero"` //
	Gone       string         `json:"gone,omitempty"`    // why imbot can not speak there any more; empty: it can
	SeenAt     time.Time      `json:"seen_at"`           // last activity from there
}

// Person is somebody whom imbot has met in Teams.
type Person struct {
	ID           string    `json:"id"`              // incident.Actor.ID: lower-cased mail, else "aad:<oid>", else the Teams id
	Name         string    `json:"name"`            //
	Mail         string    `json:"mail,omitempty"`  // lower-cased
	AADObjectID  string    `json:"aad,omitempty"`   //
	TeamsID      string    `json:"teams,omitempty"` // "29:…"
	TenantID     string    `json:"tenant,omitempty"`
	Guest        bool      `json:"guest,omitempty"`        // of the home tenant, or anonymous in a meeting: reads only
	Language     string    `json:"language,omitempty"`     // chosen, or of the last activity: "en", "id"
	Timezone     string    `json:"timezone,omitempty"`     // of the last activity: "Asia/Jakarta"
	Conversation string    `json:"conversation,omitempty"` // personal chat with imbot
	SeenAt       time.Time `json:"seen_at"`
	LookedUpAt   time.Time `json:"looked_up_at,omitzero"` // when the roster was asked; a failed look-up counts little
}

// Store keeps conversations and people. Each method is one transaction of its
// own.
type Store interface {
	// Conversation returns incident.ErrNotFound where there is none.
	Conversation(ctx context.Context, id string) (Conversation, error)
	// Conversations returns all of them, by id.
	Conversations(ctx context.Context) ([]Conversation, error)
	SaveConversation(ctx context.Context, c Conversation) error
	// Person finds a person by any of ID, Mail, "aad:"+AADObjectID and TeamsID;
	// incident.ErrNotFound where there is none.
	Person(ctx context.Context, id string) (Person, error)
	SavePerson(ctx context.Context, p Person) error
}
