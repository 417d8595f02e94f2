package botframeworksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"imbot/integrations/botframework"
)

// MessageAction chooses a command of the message extension on a message, as
// whoever reads it can, also where the bot is not.
func (s *Server) MessageAction(ctx context.Context, userID, convID, activityID, commandID string) (*InvokeResponse, error) {
	payload, err := s.ChatMessage(convID, activityID)
	if err != nil {
		return nil, err
	}
	return s.extend(ctx, userID, convID, botframework.ExtensionFetchTask, map[string]any{
		"commandId": commandID, "commandContext": "message", "messagePayload": payload, "context": map[string]any{"theme": "default"},
	})
}

// ComposeAction chooses a command below the field in which messages are written.
func (s *Server) ComposeAction(ctx context.Context, userID, convID, commandID string) (*InvokeResponse, error) {
	return s.extend(ctx, userID, convID, botframework.ExtensionFetchTask, map[string]any{
		"commandId": commandID, "commandContext": "compose", "context": map[string]any{"theme": "default"},
	})
}

// SubmitAction presses a button in a dialog of the message extension, which was
// the answer to an action or to an earlier press.
func (s *Server) SubmitAction(ctx context.Context, userID, convID, commandID string, dialog *InvokeResponse, p Press) (*InvokeResponse, error) {
	data, err := dialog.press(p)
	if err != nil {
		return nil, err
	}
	return s.extend(ctx, userID, convID, botframework.ExtensionSubmitAction, map[string]any{
		"commandId": commandID, "commandContext": "message", "data": data, "context": map[string]any{"theme": "default"},
	})
}

// PressTask presses a button in a dialog that a card's button has opened.
func (s *Server) PressTask(ctx context.Context, userID, convID, activityID string, dialog *InvokeResponse, p Press) (*InvokeResponse, error) {
	data, err := dialog.press(p)
	if err != nil {
		return nil, err
	}
	return s.TaskSubmit(ctx, userID, convID, activityID, data)
}

// press is the data of a button of the dialog's card; only Action.Submit works in
// dialogs.
func (r *InvokeResponse) press(p Press) (any, error) {
	if r.Task != "continue" {
		return nil, noSuch("open dialog", r.Task)
	}
	post := Post{Activity: botframework.Activity{Attachments: []botframework.Attachment{botframework.AdaptiveCard(r.Card)}}}
	_, data, err := post.press(p, "Action.Submit")
	return data, err
}

// Search types words into the search of the message extension. Without a word it
// is the first run, as Teams does it when the search is opened.
func (s *Server) Search(ctx context.Context, userID, convID, commandID, parameter, words string, skip int) (*InvokeResponse, error) {
	p := map[string]any{"name": parameter, "value": words}
	if words == "" {
		p = map[string]any{"name": "initialRun", "value": "true"}
	}
	return s.extend(ctx, userID, convID, botframework.ExtensionQuery, map[string]any{
		"commandId": commandID, "parameters": []any{p}, "queryOptions": map[string]any{"skip": skip, "count": maxResults},
	})
}

// Choose takes one of the results: the bot is asked for the card where the preview
// says so.
func (s *Server) Choose(ctx context.Context, userID, convID string, r Result) (json.RawMessage, error) {
	if r.Tap == nil {
		return r.Card, nil
	}
	out, err := s.extend(ctx, userID, convID, botframework.ExtensionSelectItem, r.Tap)
	if err != nil {
		return nil, err
	}
	if len(out.Results) != 1 {
		return nil, fmt.Errorf("%w: %d cards for a chosen result", ErrShape, len(out.Results))
	}
	return out.Results[0].Card, nil
}

// extend sends an invoke of the message extension, for which the bot need not be
// in the conversation. In a 1:1 chat of people Teams does not say which it is.
func (s *Server) extend(ctx context.Context, userID, convID, name string, value any) (*InvokeResponse, error) {
	s.mu.Lock()
	base, root := splitThread(convID)
	c, u := s.convs[base], s.users[userID]
	if c == nil || u == nil || !slices.Contains(c.roster(), userID) {
		s.mu.Unlock()
		return nil, noSuch("conversation with this user", convID)
	}
	a := s.envelope(botframework.TypeInvoke, "f:"+s.newID("invoke"), c, root, u)
	a["name"], a["value"] = name, value
	a["channelData"].(map[string]any)["source"] = map[string]any{"name": "compose"}
	if c.kind == botframework.ConversationPersonal && !c.botIn {
		delete(a, "conversation")
	}
	s.mu.Unlock()
	d, err := s.deliver(ctx, a, s.o.Patience/3)
	r := &InvokeResponse{Delivery: d}
	if err != nil || !d.Delivered {
		return r, err
	}
	return r, readExtensionAnswer(r)
}

// ChatMessage is a message as Microsoft Graph, and the payload of an action,
// write it: the text is HTML.
// https://learn.microsoft.com/graph/api/resources/chatmessage
func (s *Server) ChatMessage(convID, activityID string) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	base, _ := splitThread(convID)
	c := s.convs[base]
	if c == nil {
		return nil, noSuch("conversation", convID)
	}
	p := c.post(activityID)
	if p == nil || p.Deleted {
		return nil, noSuch("post", activityID)
	}
	from := map[string]any{"device": nil, "conversation": nil, "application": nil, "user": nil}
	if u := s.users[p.From]; u != nil {
		from["user"] = map[string]any{"userIdentityType": "aadUser", "id": u.AADObjectID, "displayName": u.Name}
	} else {
		from["application"] = map[string]any{"applicationIdentityType": "bot", "id": s.o.AppID, "displayName": s.o.BotName}
	}
	files := []any{}
	for _, at := range p.Activity.Attachments {
		file := map[string]any{"id": at.Name, "contentType": at.ContentType, "contentUrl": at.ContentURL, "name": at.Name}
		if len(at.Content) > 0 {
			file["content"] = string(at.Content) // a card is JSON in a string
		}
		files = append(files, file)
	}
	return json.Marshal(map[string]any{
		"linkToMessage": "https://teams.microsoft.com/l/message/" + c.id + "/" + p.ID, "id": p.ID, "replyToId": nil,
		"createdDateTime": p.Posted.UTC().Format("2006-01-02T15:04:05.000Z"), "deleted": false, "summary": nil, "importance": "normal", "locale": "en-us",
		"body": map[string]any{"contentType": "html", "content": "<div><div>" + strings.ReplaceAll(p.Activity.Text, "\n", "<br>\n") + "</div>\n</div>"},
		"from": from, "reactions": []any{}, "mentions": []any{}, "attachments": files,
	})
}

// unfurlTime is how long Teams keeps what a link has become, and unfurlVersion the
// newest card that it shows of it.
// https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/how-to/link-unfurling
const (
	unfurlTime    = 30 * time.Minute
	unfurlVersion = "1.3"
)

type unfurled struct {
	until time.Time
	r     *InvokeResponse
}

// ErrNotUnfurled is returned for a link that the app does not unfurl.
var ErrNotUnfurled = errors.New("teams simulator: the app does not unfurl links of this domain")

// PasteLink pastes a link into the field in which messages are written. What Teams
// knows already it does not ask again.
func (s *Server) PasteLink(ctx context.Context, userID, convID, link string) (*InvokeResponse, error) {
	u, err := url.Parse(link)
	if err != nil || !slices.ContainsFunc(s.o.LinkDomains, func(d string) bool { return inDomain(strings.ToLower(u.Hostname()), d) }) {
		return nil, ErrNotUnfurled
	}
	s.mu.Lock()
	known, ok := s.unfurled[link]
	fresh := ok && s.o.Now().Before(known.until)
	s.mu.Unlock()
	if fresh {
		return known.r, nil
	}
	r, err := s.extend(ctx, userID, convID, botframework.ExtensionQueryLink, map[string]any{"url": link})
	if err != nil {
		return r, err
	}
	for _, res := range r.Results {
		var card struct {
			Version string `json:"version"`
		}
		if json.Unmarshal(res.Card, &card) != nil || card.Version > unfurlVersion {
			return r, fmt.Errorf("%w: a card of version %s for a link, at most %s", ErrShape, card.Version, unfurlVersion)
		}
		if newer := newerActions(res.Card); len(newer) > 0 {
			return r, fmt.Errorf("%w: a card for a link with %s", ErrShape, strings.Join(newer, ", "))
		}
	}
	s.mu.Lock()
	s.unfurled[link] = unfurled{s.o.Now().Add(unfurlTime), r}
	s.mu.Unlock()
	return r, nil
}

// inDomain reports whether a host is of a domain of the manifest.
func inDomain(host, domain string) bool {
	return slices.EqualFunc(strings.Split(host, "."), strings.Split(strings.ToLower(domain), "."), func(h, d string) bool {
		return d == "*" || d == h
	})
}

// newerActions lists what a card has that version 1.3 had not.
func newerActions(raw json.RawMessage) []string {
	var out []string
	for _, name := range []string{"Action.Execute", "Table", "refresh", "authentication"} {
		if strings.Contains(string(raw), `"`+name+`"`) {
			out = append(out, name)
		}
	}
	return out
}
