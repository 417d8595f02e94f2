package botframework

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Bounds of what [DecodeActivity] accepts.
const (
	// MaxActivityBytes bounds an inbound activity. Teams sends at most about
	// 100 KB; forms with long texts stay far below this.
	MaxActivityBytes = 256 << 10
	// MaxActivityDepth bounds the nesting of JSON arrays and objects.
	MaxActivityDepth = 64
)

// Errors of [DecodeActivity], to be told apart with errors.Is.
var (
	// ErrTooLarge: the body exceeds [MaxActivityBytes] (HTTP 413).
	ErrTooLarge = errors.New("activity is too large")
	// ErrTooDeep: the body nests deeper than [MaxActivityDepth] (HTTP 400).
	ErrTooDeep = errors.New("activity is nested too deeply")
	// ErrMalformed: the body is no activity (HTTP 400).
	ErrMalformed = errors.New("malformed activity")
)

// DecodeActivity reads one inbound activity. It returns an error that is
// [ErrTooLarge], [ErrTooDeep] or [ErrMalformed]. What is secondary (entities,
// channel data) and has an unexpected shape is kept raw and is no error.
// Decoding proves nothing about the sender; that is [Validator]'s part.
func DecodeActivity(body []byte) (*Activity, error) {
	if len(body) > MaxActivityBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(body), MaxActivityBytes)
	}
	if depth(body) > MaxActivityDepth {
		return nil, fmt.Errorf("%w: more than %d levels", ErrTooDeep, MaxActivityDepth)
	}
	var a *Activity
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, jsonProblem(err))
	}
	if a == nil || a.Type == "" {
		return nil, fmt.Errorf("%w: it has no type", ErrMalformed)
	}
	return a, nil
}

// jsonProblem describes a decoding error without repeating any of the input,
// which may be private.
func jsonProblem(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("no valid JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("field %q has the wrong JSON type", kind.Field)
	}
	return "no valid JSON"
}

// depth returns the deepest nesting in b without building anything.
// Brackets inside strings do not count. Invalid JSON gives some number.
func depth(b []byte) int {
	deepest, level := 0, 0
	inString := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// ChannelData is the part of an activity that only Teams defines.
type ChannelData struct {
	// Tenant is the Entra tenant.
	Tenant *Ref
	// Team is the team of a channel.
	Team *Team
	// Channel is the Teams channel.
	Channel *Ref
	// SelectedChannel is the channel picked when the bot was installed into a
	// team (settings.selectedChannel).
	SelectedChannel *Ref
	// EventType names what a conversationUpdate, messageUpdate or messageDelete
	// is about, such as channelRenamed or softDeleteMessage.
	EventType string
	// NotificationAlert asks for an entry in the activity feed, on the way out.
	NotificationAlert bool
	// Raw is the whole object as received. Members of it that are not modelled
	// above are sent along; those above win.
	Raw json.RawMessage
}

// Ref is an id with an optional name.
type Ref struct {
	// ID identifies the tenant or channel.
	ID string `json:"id,omitempty"`
	// Name is the display name; absent for the General channel.
	Name string `json:"name,omitempty"`
}

// Team identifies a team.
type Team struct {
	// ID is the team's thread id, equal to that of its General channel.
	ID string `json:"id,omitempty"`
	// AADGroupID is the Entra group, the team's id in Microsoft Graph.
	AADGroupID string `json:"aadGroupId,omitempty"`
	// Name is the display name.
	Name string `json:"name,omitempty"`
}

type channelSettings struct {
	SelectedChannel *Ref `json:"selectedChannel,omitempty"`
}

type notification struct {
	Alert bool `json:"alert"`
}

// UnmarshalJSON never fails on valid JSON: a member of unexpected shape stays
// in Raw only.
func (d *ChannelData) UnmarshalJSON(b []byte) error {
	*d = ChannelData{Raw: append(json.RawMessage(nil), b...)}
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil {
		return nil
	}
	d.Tenant = member[Ref](members, "tenant")
	d.Team = member[Team](members, "team")
	d.Channel = member[Ref](members, "channel")
	if s := member[channelSettings](members, "settings"); s != nil {
		d.SelectedChannel = s.SelectedChannel
	}
	if n := member[notification](members, "notification"); n != nil {
		d.NotificationAlert = n.Alert
	}
	if e := member[string](members, "eventType"); e != nil {
		d.EventType = *e
	}
	return nil
}

func member[T any](members map[string]json.RawMessage, name string) *T {
	raw := members[name]
	if isNull(raw) {
		return nil
	}
	v := new(T)
	if json.Unmarshal(raw, v) != nil {
		return nil
	}
	return v
}

// MarshalJSON writes the typed members over those of Raw.
func (d ChannelData) MarshalJSON() ([]byte, error) {
	members := map[string]any{}
	var raw map[string]json.RawMessage
	if len(d.Raw) > 0 && json.Unmarshal(d.Raw, &raw) != nil {
		return d.Raw, nil // not an object: nothing can be laid over it
	}
	for k, v := range raw {
		members[k] = v
	}
	if d.Tenant != nil {
		members["tenant"] = d.Tenant
	}
	if d.Team != nil {
		members["team"] = d.Team
	}
	if d.Channel != nil {
		members["channel"] = d.Channel
	}
	if d.SelectedChannel != nil {
		members["settings"] = channelSettings{d.SelectedChannel}
	}
	if d.EventType != "" {
		members["eventType"] = d.EventType
	}
	if d.NotificationAlert {
		members["notification"] = notification{true}
	}
	return marshal(members)
}
