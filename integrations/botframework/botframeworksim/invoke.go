package botframeworksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"imbot/integrations/botframework"
)

// InvokeResponse is the bot's answer to an invoke.
type InvokeResponse struct {
	Delivery
	// StatusCode and Type are those in the body of an answer to a card's button.
	StatusCode int
	Type       string
	// Card is the card in the answer, be it of a button or of a dialog.
	Card json.RawMessage
	// Text is the message in the answer, or that of its error.
	Text string
	// ErrorCode is the code of an application/vnd.microsoft.error.
	ErrorCode string
	// Results are what a message extension has found, best first.
	Results []Result
	// Title is a dialog's. Task is continue or message; "" if the dialog closed.
	Title string
	Task  string
}

// ErrShape is returned when the bot's answer is not one that Teams understands.
var ErrShape = errors.New("teams simulator: Teams would not understand the bot's answer")

// Click presses an Action.Execute button of a post.
func (s *Server) Click(ctx context.Context, userID, convID, activityID string, p Press) (*InvokeResponse, error) {
	action, data, err := s.pressOn(userID, convID, activityID, p, "Action.Execute")
	if err != nil {
		return nil, err
	}
	sent := map[string]any{"type": "Action.Execute", "data": data}
	for _, key := range []string{"id", "verb", "title"} {
		if action[key] != nil {
			sent[key] = action[key]
		}
	}
	value := map[string]any{"action": sent, "trigger": "manual"}
	return s.invoke(ctx, userID, convID, activityID, "adaptiveCard/action", value, s.o.Patience, readActionAnswer)
}

// Submit presses an Action.Submit button of a post, which sends a message with
// a value and no text.
func (s *Server) Submit(ctx context.Context, userID, convID, activityID string, p Press) (Delivery, error) {
	_, data, err := s.pressOn(userID, convID, activityID, p, "Action.Submit")
	if err != nil {
		return Delivery{}, err
	}
	if isFetch(data) {
		return Delivery{}, fmt.Errorf("teams simulator: the button %q opens a dialog: use TaskFetch", p.Title)
	}
	return s.event(ctx, botframework.TypeMessage, convID, userID, map[string]any{"value": data, "replyToId": activityID}, nil)
}

// TaskFetch presses an Action.Submit button that opens a dialog.
func (s *Server) TaskFetch(ctx context.Context, userID, convID, activityID string, p Press) (*InvokeResponse, error) {
	_, data, err := s.pressOn(userID, convID, activityID, p, "Action.Submit")
	if err != nil {
		return nil, err
	}
	if !isFetch(data) {
		return nil, fmt.Errorf("teams simulator: the button %q opens no dialog: use Submit", p.Title)
	}
	return s.task(ctx, userID, convID, activityID, "task/fetch", data)
}

// TaskSubmit sends what was filled into a dialog.
func (s *Server) TaskSubmit(ctx context.Context, userID, convID, activityID string, data any) (*InvokeResponse, error) {
	return s.task(ctx, userID, convID, activityID, "task/submit", data)
}

func (s *Server) task(ctx context.Context, userID, convID, activityID, name string, data any) (*InvokeResponse, error) {
	value := map[string]any{"data": data, "context": map[string]any{"theme": "default"}}
	return s.invoke(ctx, userID, convID, activityID, name, value, s.o.Patience, readTaskAnswer)
}

// Invoke sends any other invoke, such as composeExtension/query, for which the
// bot has five seconds.
func (s *Server) Invoke(ctx context.Context, userID, convID, name string, value any) (*InvokeResponse, error) {
	if strings.HasPrefix(name, "composeExtension/") {
		return s.invoke(ctx, userID, convID, "", name, value, s.o.Patience/3, readExtensionAnswer)
	}
	return s.invoke(ctx, userID, convID, "", name, value, s.o.Patience, func(*InvokeResponse) error { return nil })
}

func isFetch(data any) bool {
	d, _ := data.(map[string]any)
	m, _ := d["msteams"].(map[string]any)
	return m["type"] == "task/fetch"
}

// pressOn finds the post, and the button in it.
func (s *Server) pressOn(userID, convID, activityID string, p Press, kind string) (map[string]any, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	base, _ := splitThread(convID)
	c := s.convs[base]
	if c == nil || c.deleted || !slices.Contains(c.roster(), userID) {
		return nil, nil, noSuch("conversation with this user", convID)
	}
	post := c.post(activityID)
	if post == nil || post.Deleted || post.TargetedTo != "" && post.TargetedTo != userID {
		return nil, nil, noSuch("post", activityID)
	}
	return post.press(p, kind)
}

func (s *Server) invoke(ctx context.Context, userID, convID, activityID, name string, value any, limit time.Duration, read func(*InvokeResponse) error) (*InvokeResponse, error) {
	s.mu.Lock()
	base, root := splitThread(convID)
	c, u := s.convs[base], s.users[userID]
	if c == nil || u == nil {
		s.mu.Unlock()
		return nil, noSuch("conversation or user", convID+" "+userID)
	}
	if p := c.post(activityID); p != nil {
		root = p.ThreadID
	}
	a := s.envelope(botframework.TypeInvoke, "f:"+s.newID("invoke"), c, root, u)
	a["name"], a["value"] = name, value
	if activityID != "" {
		a["replyToId"] = activityID
	}
	s.mu.Unlock()
	d, err := s.deliver(ctx, a, limit)
	r := &InvokeResponse{Delivery: d}
	if err != nil || !d.Delivered {
		return r, err
	}
	if d.Status != http.StatusOK {
		return r, fmt.Errorf("%w: status %d instead of 200", ErrShape, d.Status)
	}
	return r, read(r)
}

// readActionAnswer reads the answer to an Action.Execute.
// https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model
func readActionAnswer(r *InvokeResponse) error {
	var in struct {
		StatusCode int             `json:"statusCode"`
		Type       string          `json:"type"`
		Value      json.RawMessage `json:"value"`
	}
	if json.Unmarshal(r.Body, &in) != nil || in.StatusCode == 0 || in.Type == "" {
		return fmt.Errorf("%w: no statusCode and type", ErrShape)
	}
	r.StatusCode, r.Type = in.StatusCode, in.Type
	switch in.Type {
	case botframework.ContentTypeAdaptiveCard:
		r.Card = in.Value
		if in.StatusCode != http.StatusOK {
			return fmt.Errorf("%w: a card with statusCode %d", ErrShape, in.StatusCode)
		}
		return checkCard(in.Value)
	case "application/vnd.microsoft.activity.message":
		if json.Unmarshal(in.Value, &r.Text) != nil || r.Text == "" || in.StatusCode != http.StatusOK {
			return fmt.Errorf("%w: a message without text", ErrShape)
		}
		return nil
	case "application/vnd.microsoft.error":
		var e struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		}
		if json.Unmarshal(in.Value, &e) != nil || e.Code == "" || e.Message == "" || in.StatusCode < 400 {
			return fmt.Errorf("%w: an error without code and message", ErrShape)
		}
		r.ErrorCode, r.Text = e.Code, e.Message
		return nil
	}
	return fmt.Errorf("%w: type %q", ErrShape, in.Type)
}

func checkCard(raw json.RawMessage) error {
	if f := checkAttachment(botframework.AdaptiveCard(raw)); f != nil {
		return fmt.Errorf("%w: %s", ErrShape, f.text)
	}
	return nil
}

// readTaskAnswer reads the answer to task/fetch and task/submit: nothing closes
// the dialog.
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/task-modules/task-modules-bots
func readTaskAnswer(r *InvokeResponse) error {
	if len(r.Body) == 0 || string(r.Body) == "{}" {
		return nil
	}
	var in struct {
		Task *taskAnswer `json:"task"`
	}
	if json.Unmarshal(r.Body, &in) != nil || in.Task == nil {
		return fmt.Errorf("%w: no task", ErrShape)
	}
	return in.Task.into(r)
}

type taskAnswer struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

func (t *taskAnswer) into(r *InvokeResponse) error {
	r.Task = t.Type
	switch t.Type {
	case "message":
		if json.Unmarshal(t.Value, &r.Text) != nil || r.Text == "" {
			return fmt.Errorf("%w: a task message without text", ErrShape)
		}
		return nil
	case "continue":
		var v struct {
			Title string                  `json:"title"`
			URL   string                  `json:"url"`
			Card  botframework.Attachment `json:"card"`
		}
		if json.Unmarshal(t.Value, &v) != nil {
			return fmt.Errorf("%w: a dialog without content", ErrShape)
		}
		r.Title, r.Card = v.Title, v.Card.Content
		if strings.HasPrefix(v.URL, "https://") {
			return nil
		}
		if v.Card.ContentType != botframework.ContentTypeAdaptiveCard {
			return fmt.Errorf("%w: a dialog with neither card nor https URL", ErrShape)
		}
		return checkCard(v.Card.Content)
	}
	return fmt.Errorf("%w: task type %q", ErrShape, t.Type)
}

// Result is one card that a message extension offers.
type Result struct {
	// Card is what is sent if the result is chosen.
	Card json.RawMessage
	// Title and Text are those of its preview.
	Title, Text string
	// Tap is what choosing it sends to the bot. Nil: the bot is not asked.
	Tap json.RawMessage
}

// maxResults is what Teams shows of one answer.
const maxResults = 25

// readExtensionAnswer reads the answer to composeExtension invokes.
// https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/how-to/search-commands/respond-to-search
func readExtensionAnswer(r *InvokeResponse) error {
	if len(r.Body) == 0 || string(r.Body) == "{}" {
		return nil
	}
	var in struct {
		Task             *taskAnswer `json:"task"`
		ComposeExtension *struct {
			Type        string `json:"type"`
			Text        string `json:"text"`
			Attachments []struct {
				botframework.Attachment
				Preview botframework.Attachment `json:"preview"`
			} `json:"attachments"`
		} `json:"composeExtension"`
	}
	if json.Unmarshal(r.Body, &in) != nil || (in.Task == nil) == (in.ComposeExtension == nil) {
		return fmt.Errorf("%w: neither task nor composeExtension", ErrShape)
	}
	if in.Task != nil {
		return in.Task.into(r)
	}
	r.Type, r.Text = in.ComposeExtension.Type, in.ComposeExtension.Text
	switch r.Type {
	case "message":
		if r.Text == "" {
			return fmt.Errorf("%w: a message without text", ErrShape)
		}
	case "result":
		if n := len(in.ComposeExtension.Attachments); n > maxResults {
			return fmt.Errorf("%w: %d results, at most %d", ErrShape, n, maxResults)
		}
		for _, at := range in.ComposeExtension.Attachments {
			if f := checkAttachment(at.Attachment); f != nil {
				return fmt.Errorf("%w: %s", ErrShape, f.text)
			}
			preview := at.Preview.ContentType
			if at.ContentType == botframework.ContentTypeAdaptiveCard &&
				preview != "application/vnd.microsoft.card.thumbnail" && preview != "application/vnd.microsoft.card.hero" {
				return fmt.Errorf("%w: a result without a thumbnail or hero preview", ErrShape)
			}
			res, err := readPreview(at.Preview.Content)
			if err != nil {
				return err
			}
			res.Card = at.Content
			r.Results = append(r.Results, res)
		}
	case "auth", "config", "botMessagePreview", "silentAuth":
	default:
		return fmt.Errorf("%w: composeExtension type %q", ErrShape, r.Type)
	}
	return nil
}

// readPreview reads the thumbnail or hero card of a result. Of its actions only a
// tap that invokes is allowed.
func readPreview(raw json.RawMessage) (Result, error) {
	var in struct {
		Title   string            `json:"title"`
		Text    string            `json:"text"`
		Buttons []json.RawMessage `json:"buttons"`
		Tap     *struct {
			Type  string          `json:"type"`
			Value json.RawMessage `json:"value"`
		} `json:"tap"`
	}
	if len(raw) == 0 {
		return Result{}, nil
	}
	if json.Unmarshal(raw, &in) != nil || len(in.Buttons) > 0 || in.Tap != nil && (in.Tap.Type != "invoke" || len(in.Tap.Value) == 0) {
		return Result{}, fmt.Errorf("%w: a preview with something else than title, text and a tap that invokes", ErrShape)
	}
	r := Result{Title: in.Title, Text: in.Text}
	if in.Tap != nil {
		r.Tap = in.Tap.Value
	}
	return r, nil
}
