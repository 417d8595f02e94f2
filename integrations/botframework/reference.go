package botframework

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Reference is the address of a conversation: all that must be stored to post
// into it later. ServiceURL can change, so store it anew with every activity.
type Reference struct {
	// ServiceURL is the connector's base URL for this conversation.
	ServiceURL string `json:"serviceUrl"`
	// ChannelID is msteams for Teams.
	ChannelID string `json:"channelId,omitempty"`
	// ConversationID is as in [Conversation].
	ConversationID string `json:"conversationId"`
	// ConversationType is personal, groupChat or channel. "" is judged by the id.
	ConversationType string `json:"conversationType,omitempty"`
	// TenantID is the Entra tenant.
	TenantID string `json:"tenantId,omitempty"`
	// BotID is 28:<app id>. "" means the client's own.
	BotID string `json:"botId,omitempty"`
	// TeamID, TeamAADGroupID and TeamsChannelID are set in channels.
	TeamID         string `json:"teamId,omitempty"`
	TeamAADGroupID string `json:"teamAadGroupId,omitempty"`
	TeamsChannelID string `json:"teamsChannelId,omitempty"`
}

const threadMark = ";messageid="

// Channel reports whether the conversation is a channel or a thread in one.
func (r Reference) Channel() bool {
	if r.ConversationType != "" {
		return r.ConversationType == ConversationChannel
	}
	base, _, _ := strings.Cut(r.ConversationID, threadMark)
	return strings.HasSuffix(base, "@thread.tacv2") || strings.HasSuffix(base, "@thread.skype")
}

// Base returns the reference without a thread: of the channel itself. A
// message sent to it starts a new thread.
func (r Reference) Base() Reference {
	r.ConversationID, _, _ = strings.Cut(r.ConversationID, threadMark)
	return r
}

// Thread returns the reference of the channel thread that starts with the
// given activity.
func (r Reference) Thread(rootActivityID string) Reference {
	r = r.Base()
	r.ConversationID += threadMark + rootActivityID
	return r
}

// Root returns the activity that the thread starts with, "" outside threads.
func (r Reference) Root() string {
	_, root, _ := strings.Cut(r.ConversationID, threadMark)
	return root
}

// DefaultHosts are Microsoft's documented hosts of Teams' service URLs: public
// cloud, GCC and GCC High.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/send-proactive-messages
func DefaultHosts() []string {
	return []string{
		"smba.trafficmanager.net",
		"smba.infra.gcc.teams.microsoft.com",
		"smba.infra.gov.teams.microsoft.us",
	}
}

var errServiceURL = errors.New("service URL is not allowed")

// serviceBase checks a service URL against the allowed hosts and returns it
// without a trailing slash. The bot's token goes to that host, and references
// come from storage, so this is what keeps a forged one from collecting it.
func serviceBase(raw string, allowed []string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%w: it is no URL", errServiceURL)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return "", fmt.Errorf("%w: it has more than scheme, host and path", errServiceURL)
	}
	loopback := isLoopback(u.Hostname())
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return "", fmt.Errorf("%w: %s is not https", errServiceURL, u.Hostname())
	}
	if u.EscapedPath() != u.Path || strings.Contains(u.Path+"/", "/../") || strings.Contains(u.Path+"/", "/./") {
		return "", fmt.Errorf("%w: odd path", errServiceURL)
	}
	for _, host := range allowed {
		if hostAllowed(u, strings.ToLower(host), loopback) {
			return strings.TrimRight(u.Scheme+"://"+strings.ToLower(u.Host)+u.Path, "/"), nil
		}
	}
	return "", fmt.Errorf("%w: host %s is not listed", errServiceURL, u.Host)
}

// hostAllowed: an entry with a port allows that port only; one without allows
// the default port, or on loopback any.
func hostAllowed(u *url.URL, entry string, loopback bool) bool {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.ToLower(u.Host) == entry {
		return true
	}
	if strings.Trim(entry, "[]") != host {
		return host+":"+port == entry
	}
	return loopback || port == "" || port == "443"
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// pathID escapes an id for use as one path segment. The dot segments survive
// escaping and would climb out of the path, so they are refused.
func pathID(what, id string) (string, error) {
	switch {
	case id == "" || id == "." || id == "..":
		return "", fmt.Errorf("%s %q is no id", what, id)
	case len(id) > 1024:
		return "", fmt.Errorf("%s is %d bytes long", what, len(id))
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%s contains control characters", what)
	}
	return url.PathEscape(id), nil
}
