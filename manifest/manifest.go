// Package manifest makes the package that brings imbot into Microsoft Teams: manifest.json, two icons, and the zip
// that an administrator uploads. It also tells the permissions that package asks for, for those who install it in a
// chat by themselves.
//
// It reads no configuration and talks to nobody: the caller hands in Options. It does not check an uploaded or foreign
// manifest, and declares no tabs or single sign-on.
package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// The versions of the manifest schema.
const (
	// baseVersion is old enough for every client and government cloud, and has all that imbot uses. Newer is not
	// better here: from 1.25 on, Teams accepts the team scope only together with the claim that the app supports
	// shared and private channels in full, which wants care for people of other tenants.
	// https://learn.microsoft.com/microsoftteams/platform/build-apps-for-shared-private-channels
	baseVersion = "1.22"
	// previewVersion is the first one with slash triggers and messages that only one person sees.
	// https://learn.microsoft.com/microsoftteams/platform/agents-in-teams/agent-slash-commands
	previewVersion = "1.29"
)

// accentColor is the background of the colour icon.
const accentColor = "#B3261E"

type document struct {
	Schema          string            `json:"$schema"`
	ManifestVersion string            `json:"manifestVersion"`
	Version         string            `json:"version"`
	ID              string            `json:"id"`
	Developer       developer         `json:"developer"`
	Name            text              `json:"name"`
	Description     text              `json:"description"`
	Icons           icons             `json:"icons"`
	AccentColor     string            `json:"accentColor"`
	Bots            []bot             `json:"bots"`
	Extensions      []extension       `json:"composeExtensions,omitempty"`
	InstallScope    string            `json:"defaultInstallScope"`
	GroupCapability map[string]string `json:"defaultGroupCapability"`
	Permissions     []string          `json:"permissions"`
	ValidDomains    []string          `json:"validDomains,omitempty"`
	ChannelFeatures string            `json:"supportsChannelFeatures,omitempty"`
	WebApplication  *webApplication   `json:"webApplicationInfo,omitempty"`
	Authorization   *authorization    `json:"authorization,omitempty"`
}

type developer struct {
	Name       string `json:"name"`
	WebsiteURL string `json:"websiteUrl"`
	PrivacyURL string `json:"privacyUrl"`
	TermsURL   string `json:"termsOfUseUrl"`
}

type text struct {
	Short string `json:"short"`
	Full  string `json:"full"`
}

type icons struct {
	Color   string `json:"color"`
	Outline string `json:"outline"`
}

type bot struct {
	ID               string        `json:"botId"`
	Scopes           []string      `json:"scopes"`
	NotificationOnly bool          `json:"isNotificationOnly"`
	Files            bool          `json:"supportsFiles"`
	Targeted         bool          `json:"supportsTargetedMessages,omitempty"`
	CommandLists     []commandList `json:"commandLists,omitempty"`
}

type commandList struct {
	Scopes   []string  `json:"scopes"`
	Triggers []string  `json:"triggers,omitempty"`
	Commands []command `json:"commands"`
}

type command struct {
	Title       string `json:"title"`
	Description string `json:"description"`
}

type webApplication struct {
	ID       string `json:"id"`
	Resource string `json:"resource"`
}

type authorization struct {
	Permissions permissions `json:"permissions"`
}

type permissions struct {
	ResourceSpecific []resourceSpecific `json:"resourceSpecific"`
}

type resourceSpecific struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Build returns manifest.json, indented and ending in a newline, the same bytes for the same options. The error names
// every mistake in o and how to mend it.
func Build(o Options) ([]byte, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("app manifest: %w", err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(describe(o)); err != nil {
		return nil, fmt.Errorf("app manifest: encode: %w", err)
	}
	return b.Bytes(), nil
}

// describe turns complete options into the manifest.
func describe(o Options) document {
	d := document{
		ManifestVersion: baseVersion,
		Version:         o.Version,
		ID:              o.ManifestID,
		Developer:       developer{o.Developer.Name, o.Developer.WebsiteURL, o.Developer.PrivacyURL, o.Developer.TermsURL},
		Name:            text{Short: o.Name, Full: o.Name + " incident management"},
		Description:     description(o.Profile),
		Icons:           icons{Color: colorFile, Outline: outlineFile},
		AccentColor:     accentColor,
		Bots:            []bot{{ID: o.AppID, Scopes: scopes, CommandLists: commandLists(o)}},
		InstallScope:    ScopeTeam,
		GroupCapability: map[string]string{"team": "bot", "groupchat": "bot"},
		Permissions:     []string{"identity", "messageTeamMembers"},
	}
	if o.Dialogs {
		d.ValidDomains = []string{domain(o.PublicURL)}
	}
	if x := extend(o); x != nil {
		d.Extensions = []extension{*x}
	}
	if o.Preview || o.Targeted {
		d.ManifestVersion = previewVersion
		d.Bots[0].Targeted = true
		d.ChannelFeatures = "tier1" // the only value there is, and from 1.25 on mandatory beside the team scope
	}
	d.Schema = "https://developer.microsoft.com/json-schemas/teams/v" + d.ManifestVersion + "/MicrosoftTeams.schema.json"
	if set := ConsentedPermissionSet(o.Profile); len(set) > 0 {
		a := &authorization{}
		for _, p := range set {
			a.Permissions.ResourceSpecific = append(a.Permissions.ResourceSpecific, resourceSpecific{Name: p.Value, Type: p.Type})
		}
		d.Authorization = a
	}
	if d.Authorization != nil || o.SelfInstall {
		// Resource-specific consent, and an app that installs itself, need the Entra app named here; the resource is not
		// read without single sign-on.
		// https://learn.microsoft.com/microsoftteams/platform/graph-api/rsc/grant-resource-specific-consent
		// https://learn.microsoft.com/microsoftteams/platform/graph-api/proactive-bots-and-messages/graph-proactive-bots-and-messages
		d.WebApplication = &webApplication{ID: o.AppID, Resource: "api://botid-" + o.AppID}
	}
	return d
}

// description promises no more than the profile allows: a war room takes permissions.
func description(p Profile) text {
	room := ""
	if p != Minimal {
		room = "opens a war room when a service is down, "
	}
	return text{
		Short: "Declare, run and learn from incidents without leaving Teams.",
		Full: "Records what broke and how urgent it is, tells the right people in the right channel, " + room +
			"and keeps the card up to date for everyone. Acknowledge, resolve, assign and note from a button or a message; " +
			"the postmortem and its follow-up work start from the same card.\n\n" +
			"Mention the bot in a channel or group chat, or write to it directly. Write help to see what it understands.",
	}
}

// slashCommand takes every verb: what is typed behind it is for the bot.
var slashCommand = command{"incident", "Followed by what you want: ack INC-42, list open, help"}

// commandLists makes one menu for each set of scopes that share the same entries: Teams takes at most three lists and
// wants each scope in one of them. The slash works in channels and group chats only.
func commandLists(o Options) []commandList {
	var lists []commandList
	for _, scope := range scopes {
		l := commandList{Scopes: []string{scope}}
		if o.Preview && scope != ScopePersonal {
			l.Triggers = []string{"mention", "slash"}
		}
		if len(l.Triggers) > 0 {
			l.Commands = append(l.Commands, slashCommand)
		}
		for _, c := range o.Commands {
			if c.in(scope) {
				l.Commands = append(l.Commands, command{c.Title, c.Description})
			}
		}
		if len(l.Commands) == 0 || len(o.Commands) == 0 {
			continue
		}
		same := slices.IndexFunc(lists, func(x commandList) bool {
			return slices.Equal(x.Commands, l.Commands) && slices.Equal(x.Triggers, l.Triggers)
		})
		if same >= 0 {
			lists[same].Scopes = append(lists[same].Scopes, scope)
			continue
		}
		lists = append(lists, l)
	}
	return lists
}

// domain is the host, with its port if it has one, of an address that complete has accepted.
func domain(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}
