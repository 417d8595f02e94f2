package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Profile is how much the app may see and do in the chats it is installed in. It decides the resource-specific
// permissions of the manifest, nothing else: all profiles share one manifest id and one Entra app, so a tenant can
// start small and grow by uploading a new package.
type Profile string

// The profiles, each including the one before.
const (
	// Minimal asks for no permission: the bot hears messages that mention it, and answers.
	Minimal Profile = "minimal"
	// Rooms adds what a war room needs: to add people to its chat, to see who is in it, and to rename it.
	Rooms Profile = "rooms"
	// Timeline adds reading the messages of chats the app is in, so that a war room's conversation can go
	// into the incident's timeline.
	Timeline Profile = "timeline"
)

// Profiles are all profiles, smallest first.
var Profiles = []Profile{Minimal, Rooms, Timeline}

// ParseProfile returns the profile named s, in any case and with blanks around it; "" is Minimal, which asks a tenant
// for nothing. Any other name is an error that lists the valid ones.
func ParseProfile(s string) (Profile, error) {
	p := Profile(strings.ToLower(strings.TrimSpace(s)))
	if p == "" {
		return Minimal, nil
	}
	if !slices.Contains(Profiles, p) {
		return "", fmt.Errorf("manifest profile %q is unknown: use minimal, rooms or timeline", s)
	}
	return p, nil
}

// Permission is one resource-specific permission in the shape that Microsoft Graph wants in consentedPermissionSet
// when an app installs itself in a chat (https://learn.microsoft.com/graph/api/chat-post-installedapps).
type Permission struct {
	// Value is the permission's name, such as "ChatMember.Read.Chat".
	Value string `json:"permissionValue"`
	// Type is always "Application": the bot acts as itself, never for a signed-in user.
	Type string `json:"permissionType"`
}

// application is the type of every permission here.
const application = "Application"

// granted is the one table of permissions: the manifest and ConsentedPermissionSet both come from it, because Graph
// refuses an installation whose consented set is not equal to the manifest's. Each row counts from its profile up.
// ChannelMessage.Read.Group is left out on purpose: it would hand the bot every message of every channel of a team.
// Names: https://learn.microsoft.com/microsoftteams/platform/graph-api/rsc/resource-specific-consent
var granted = []struct {
	from Profile
	name string
}{
	{Rooms, "Chat.Manage.Chat"},
	{Rooms, "ChatMember.Read.Chat"},
	{Rooms, "ChatSettings.ReadWrite.Chat"},
	{Timeline, "ChatMessage.Read.Chat"},
}

// ConsentedPermissionSet returns the resource-specific permissions of profile p, equal in names and order to those of
// the manifest that Build makes for it. It is empty, not nil, for Minimal and for an unknown profile: an app without
// them installs itself with an empty set.
func ConsentedPermissionSet(p Profile) []Permission {
	set := []Permission{}
	level := slices.Index(Profiles, p)
	for _, g := range granted {
		if slices.Index(Profiles, g.from) <= level {
			set = append(set, Permission{Value: g.name, Type: application})
		}
	}
	return set
}
