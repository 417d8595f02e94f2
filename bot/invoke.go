package bot

import (
	"context"
	"encoding/json"
	"net/http"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
)

// Names of the invokes that are answered.
const (
	invokeAction     = "adaptiveCard/action"
	invokeTaskFetch  = "task/fetch"
	invokeTaskSubmit = "task/submit"
)

// invoke answers a button or a dialog with the HTTP response. Teams waits for at
// most 15 s; what happens here takes milliseconds.
func (b *Bot) invoke(ctx context.Context, act *botframework.Activity) (reply, error) {
	switch act.Name {
	case invokeAction, invokeTaskFetch, invokeTaskSubmit:
	default:
		return reply{status: http.StatusNotImplemented}, nil
	}
	t, err := b.turn(ctx, act)
	if err != nil {
		return reply{}, err
	}
	var value struct {
		Action struct {
			Verb string          `json:"verb"`
			Data json.RawMessage `json:"data"`
		} `json:"action"`
		Data json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(act.Value, &value) // what does not fit is an unknown verb below
	data, verb := value.Data, ""
	if act.Name == invokeAction {
		data, verb = value.Action.Data, value.Action.Verb
	}
	var req commands.Request
	req, t.submitted, err = t.cardRequest(data, verb)
	var out outcome
	if err == nil {
		out, err = t.run(ctx, req)
	}
	if err != nil {
		if out, err = t.explain(ctx, err, req); err != nil {
			return reply{}, err
		}
	}
	if act.Name == invokeAction {
		return t.actionReply(ctx, req, out)
	}
	return t.taskReply(out)
}

// cardRequest reads the data of a button or form; submitted says that it is a
// form that was filled in. Times in a form are of the zone that stands beside
// their inputs, also where somebody else fills it in than has asked for it.
func (t *turn) cardRequest(raw json.RawMessage, verb string) (req commands.Request, submitted bool, err error) {
	var data map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &data); err != nil {
			return commands.Request{}, false, incident.NewProblem(incident.ErrInvalid, "", "bad_card", "This button is from another version: ask for the card again.")
		}
	}
	if data == nil { // nothing, or null
		data = map[string]any{}
	}
	if _, ok := data["verb"]; !ok && verb != "" {
		data["verb"] = verb
	}
	if name, ok := data["zone"].(string); ok {
		if z, ok := incident.Zone(name); ok {
			t.env.Location = z
		}
	}
	req, err = commands.FromCardAt(data, t.env)
	submitted = data["verb"] == "submit"
	if form, ok := data["form"].(string); ok && submitted && err == nil && req.Form == "" {
		// Whoever filled a form in gets an answer in its place: what it has led to,
		// or the form again with what was typed.
		req.Form, req.Op = form, commands.OpSave
	}
	return req, submitted, err
}

// answer bodies of adaptiveCard/action: the HTTP status is 200 always.
// https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model
type actionAnswer struct {
	StatusCode int    `json:"statusCode"`
	Type       string `json:"type"`
	Value      any    `json:"value"`
}

func cardAnswer(c *cards.Card) (reply, error) {
	b, err := c.JSON()
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: actionAnswer{http.StatusOK, "application/vnd.microsoft.card.adaptive", json.RawMessage(b)}}, nil
}

func textAnswer(text string) reply {
	return reply{status: http.StatusOK, body: actionAnswer{http.StatusOK, "application/vnd.microsoft.activity.message", text}}
}

// actionReply answers a button on a card. Whoever clicked sees the present card
// at once; everybody else gets it by the update that the command has stored.
func (t *turn) actionReply(ctx context.Context, req commands.Request, out outcome) (reply, error) {
	onForm := req.Form != "" && t.submitted
	switch {
	case out.form && onForm: // the form's next step, or the same one with its errors
		return cardAnswer(out.card)
	case out.form:
		// A form never takes the place of a card that is updated: it is its own
		// message to whoever asked.
		if err := t.say(ctx, out); err != nil {
			return reply{}, err
		}
		return textAnswer(t.text("form.below")), nil
	case out.problem != nil:
		return t.staleReply(ctx, req, out)
	case out.own && out.card != nil: // a list is not the card that it was asked from
		if err := t.say(ctx, out); err != nil {
			return reply{}, err
		}
		return textAnswer(t.text("list.below")), nil
	case onForm: // the form is done: it becomes what it has led to
		card := cards.Message(out.text, t.options())
		return cardAnswer(&card)
	case out.card == nil:
		return textAnswer(out.text), nil
	}
	if err := t.follow(ctx, req, out); err != nil {
		return reply{}, err
	}
	return cardAnswer(out.card)
}

// staleReply answers a button that came too late: that is no error, the answer
// is the present card. Other problems are said.
func (t *turn) staleReply(ctx context.Context, req commands.Request, out outcome) (reply, error) {
	if out.problem.Kind == incident.ErrConflict && req.Incident != 0 && req.Form == "" {
		if now, err := t.show(ctx, req.Incident); err == nil {
			return cardAnswer(now.card)
		}
	}
	return textAnswer(out.text), nil
}

// follow updates a card that was shown on request, and that no effect keeps up
// to date, for everybody else who sees it.
func (t *turn) follow(ctx context.Context, req commands.Request, out outcome) error {
	if !out.live || req.Command == nil || t.act.ReplyToID == "" {
		return nil
	}
	id, err := t.Reader.ByKey(ctx, cardKey(t.act.Conversation.ID, t.act.ReplyToID))
	if err != nil || id != 0 {
		return err
	}
	msg, err := t.forAll(ctx, out)
	if err != nil {
		return err
	}
	return t.answer(ctx, "follow/"+t.key(""), botframework.Outgoing{Ref: t.act.Reference(), Update: t.act.ReplyToID, Activity: msg})
}

// forAll is the card in the language of those who see it, and with what all of
// them may see.
func (t *turn) forAll(ctx context.Context, out outcome) (*botframework.Activity, error) {
	o := t.options()
	if t.public() {
		var err error
		if o.Lang, err = t.shared(ctx); err != nil {
			return nil, err
		}
	}
	if out.view == nil { // it has become private
		card := cards.Redacted(out.incident, o)
		return cardMessage(&card, out.incident.String())
	}
	card := cards.Incident(out.view, o)
	return cardMessage(&card, cards.Summary(out.view, o.Lang))
}

// taskReply answers a dialog.
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/task-modules/task-modules-bots
func (t *turn) taskReply(out outcome) (reply, error) {
	if !out.form {
		text := out.text
		if text == "" {
			text = out.summary
		}
		return reply{status: http.StatusOK, body: map[string]any{"task": map[string]any{"type": "message", "value": text}}}, nil
	}
	b, err := out.card.JSON()
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: map[string]any{"task": map[string]any{"type": "continue", "value": map[string]any{
		"title": incident.Clip(out.title, 64), "height": "medium", "width": "medium",
		"card": botframework.AdaptiveCard(b),
	}}}}, nil
}
