package bot

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
)

// Commands of the message extension, as the app package names them.
const (
	CommandDeclare  = "declare"  // declare an incident, from a message or without one
	CommandTimeline = "timeline" // put a message onto an incident's timeline
	CommandFind     = "find"     // search for incidents
)

// ParameterWords is the parameter of CommandFind.
const ParameterWords = "q"

func isExtension(act *botframework.Activity) bool {
	return act.Type == botframework.TypeInvoke && strings.HasPrefix(act.Name, "composeExtension/")
}

// extension answers the message extension. It may be used in any chat, also
// where imbot is not: such a chat is not remembered, nothing is posted there, and
// it counts as one in which others read.
func (b *Bot) extension(ctx context.Context, act *botframework.Activity) (reply, error) {
	handle := map[string]func(*turn, context.Context, botframework.Extension) (reply, error){
		botframework.ExtensionQuery: (*turn).find, botframework.ExtensionQueryLink: (*turn).unfurl,
		botframework.ExtensionFetchTask: (*turn).extensionFetch, botframework.ExtensionSubmitAction: (*turn).extensionSubmit,
	}[act.Name]
	if handle == nil {
		return reply{status: http.StatusNotImplemented}, nil
	}
	rep, err := b.extend(ctx, act, handle)
	late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, incident.ErrBusy)
	if late && act.Name == botframework.ExtensionQuery {
		t := &turn{Bot: b, act: act, lang: act.Locale}
		return extensionMessage(t.text("extension.slow")), nil
	}
	return rep, err
}

func (b *Bot) extend(ctx context.Context, act *botframework.Activity, handle func(*turn, context.Context, botframework.Extension) (reply, error)) (reply, error) {
	at := root(act.Conversation.ID)
	here, err := b.present(ctx, act)
	if err != nil {
		return reply{}, err
	}
	if here {
		err = b.remember(ctx, act)
	} else {
		act = elsewhere(act)
	}
	if err != nil {
		return reply{}, err
	}
	t, err := b.turn(ctx, act)
	if err != nil {
		return reply{}, err
	}
	t.away, t.place = !here, at
	return handle(t, ctx, botframework.ReadExtension(act.Value))
}

// present reports whether imbot is in the activity's conversation, as far as it
// knows: it has been heard from, or it is a channel of a team that has.
func (b *Bot) present(ctx context.Context, act *botframework.Activity) (bool, error) {
	if act.Conversation.ID == "" {
		return false, nil
	}
	c, err := b.Store.Conversation(ctx, root(act.Conversation.ID))
	if err == nil {
		return c.Gone == "" && c.ServiceURL != "", nil
	}
	if !errors.Is(err, incident.ErrNotFound) {
		return false, err
	}
	cd := act.ChannelData
	if cd == nil || cd.Team == nil || cd.Team.ID == "" {
		return false, nil
	}
	all, err := b.Store.Conversations(ctx)
	for _, c := range all {
		if c.TeamID == cd.Team.ID && c.Gone == "" {
			return true, err
		}
	}
	return false, err
}

// elsewhere is the activity without its conversation: imbot can't speak there,
// and a 1:1 chat between two people is none with imbot.
func elsewhere(act *botframework.Activity) *botframework.Activity {
	out := *act
	out.Conversation = botframework.Conversation{ConversationType: GroupChat, TenantID: act.Conversation.TenantID}
	out.ReplyToID = ""
	return &out
}

// Answers of a message extension.
// https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/how-to/search-commands/respond-to-search
type extensionResult struct {
	Type        string                `json:"type"` // "result" or "message"
	Text        string                `json:"text,omitempty"`
	Layout      string                `json:"attachmentLayout,omitempty"`
	Attachments []extensionResultCard `json:"attachments,omitzero"`
}

// extensionResultCard is a card, and what is shown of it until it is sent.
type extensionResultCard struct {
	ContentType string           `json:"contentType"`
	Content     json.RawMessage  `json:"content"`
	Preview     extensionPreview `json:"preview"`
}

type extensionPreview struct {
	ContentType string        `json:"contentType"`
	Content     cards.Preview `json:"content"`
}

func extensionAnswer(r extensionResult) reply {
	return reply{status: http.StatusOK, body: map[string]any{"composeExtension": r}}
}

func extensionMessage(text string) reply {
	return extensionAnswer(extensionResult{Type: "message", Text: text})
}

func extensionResults(list []extensionResultCard) reply {
	if list == nil {
		list = []extensionResultCard{}
	}
	return extensionAnswer(extensionResult{Type: "result", Layout: "list", Attachments: list})
}

func resultCard(c *cards.Card, p cards.Preview) (extensionResultCard, error) {
	b, err := c.JSON()
	return extensionResultCard{botframework.ContentTypeAdaptiveCard, b, extensionPreview{botframework.ContentTypeThumbnail, p}}, err
}

func taskMessage(text string) reply {
	return reply{status: http.StatusOK, body: map[string]any{"task": map[string]any{"type": "message", "value": text}}}
}

// problem puts an error that a person can understand into words.
func (t *turn) problem(err error) (outcome, error) {
	var p *incident.Problem
	if !errors.As(err, &p) {
		return outcome{}, err
	}
	return outcome{problem: p, text: t.problemText(p)}, nil
}

// refused says in a dialog why something is not possible.
func (t *turn) refused(err error) (reply, error) {
	out, err := t.problem(err)
	return taskMessage(out.text), err
}
