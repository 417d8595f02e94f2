package bot

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
)

// message handles what somebody typed, and the buttons and forms of clients
// that know no Action.Execute. The command is carried out before the answer
// 200; only what is said in the chat follows behind.
func (b *Bot) message(ctx context.Context, act *botframework.Activity) (reply, error) {
	submit := len(act.Value) > 0 && strings.TrimSpace(act.Text) == ""
	if !submit && kindOf(act) != Personal && !botframework.MentionsBot(act) {
		return ok200, nil // with some permissions Teams delivers what is not for us
	}
	t, err := b.turn(ctx, act)
	if err != nil {
		return reply{}, err
	}
	var req commands.Request
	if submit {
		req, err = cardRequest(act.Value, "")
	} else {
		req, err = commands.Parse(botframework.StripMention(act), t.env)
	}
	var out outcome
	if err == nil {
		out, err = t.run(ctx, req)
	}
	if err != nil {
		if out, err = t.explain(ctx, err, req); err != nil {
			return reply{}, err
		}
	}
	return ok200, t.say(ctx, out)
}

// turn is one activity that asks for something, and all that is known of it.
type turn struct {
	*Bot
	act   *botframework.Activity
	asker asker
	kind  string // of the conversation
	lang  string // of the answer
	env   commands.Env
}

func (b *Bot) turn(ctx context.Context, act *botframework.Activity) (*turn, error) {
	who, err := b.who(ctx, act)
	if err != nil {
		return nil, err
	}
	t := &turn{Bot: b, act: act, asker: who, kind: kindOf(act)}
	if t.lang, err = b.language(ctx, t); err != nil {
		return nil, err
	}
	t.env = commands.Env{Now: b.Now(), Location: b.Location, Actor: who.actor}
	if t.kind != Personal {
		t.env.Prefix = "@" + b.Name + " "
	}
	if root := thread(act.Conversation.ID); root != "" {
		t.env.Incident, err = b.Reader.ByKey(ctx, cardKey(act.Conversation.ID, root))
	} else if act.ReplyToID != "" {
		t.env.Incident, err = b.Reader.ByKey(ctx, cardKey(act.Conversation.ID, act.ReplyToID))
	}
	if err != nil {
		return nil, err
	}
	t.env.Mentions, err = b.mentioned(ctx, act)
	return t, err
}

// cardKey is the key under which the incident of a card is found.
func cardKey(conversationID, activityID string) string {
	return incident.Ref{System: "teams", ID: root(conversationID) + ";messageid=" + activityID}.Key()
}

// language is that of the person in a 1:1 chat, and for what only they see;
// that of the channel's squad, or the company's, elsewhere.
func (b *Bot) language(ctx context.Context, t *turn) (string, error) {
	if t.kind == Personal || t.act.Type == botframework.TypeInvoke {
		if l := t.act.Locale; l != "" {
			return locale.Match(l), nil
		}
		if t.asker.Language != "" {
			return locale.Match(t.asker.Language), nil
		}
	}
	c, err := b.Store.Conversation(ctx, root(t.act.Conversation.ID))
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return "", err
	}
	return locale.Match(b.Catalog().Language(c.Squad)), nil
}

// mentioned are the people mentioned besides the bot.
func (b *Bot) mentioned(ctx context.Context, act *botframework.Activity) ([]commands.Mention, error) {
	var out []commands.Mention
	for _, e := range act.Entities {
		if e.Mentioned == nil || e.Mentioned.ID == act.Recipient.ID || len(out) == 20 {
			continue
		}
		actor := incident.Actor{Kind: incident.KindUser, ID: "teams:" + e.Mentioned.ID, Name: incident.Clip(incident.Line(e.Mentioned.Name), 80)}
		p, err := b.Store.Person(ctx, e.Mentioned.ID)
		switch {
		case err == nil:
			actor.ID = p.ID
		case !errors.Is(err, incident.ErrNotFound):
			return nil, err
		default:
			stranger := *act
			stranger.From, stranger.Locale = *e.Mentioned, ""
			stranger.Conversation.ConversationType = GroupChat // not this person's 1:1 chat
			met, err := b.who(ctx, &stranger)
			if err != nil {
				return nil, err
			}
			actor = met.actor
		}
		out = append(out, commands.Mention{Text: e.Mentioned.Name, Actor: actor})
	}
	return out, nil
}

// viewer is on whose behalf this conversation sees: a channel sees nothing
// private, whoever asks.
func (t *turn) public() bool { return t.kind != Personal }

// key makes the command happen once however often Teams sends the activity.
func (t *turn) key(suffix string) string {
	id := t.act.ID
	if id == "" {
		return ""
	}
	return "teams/" + root(t.act.Conversation.ID) + "/" + id + suffix
}

// explain turns an error that a person can understand into words; in a form it
// stands beside what was typed.
func (t *turn) explain(ctx context.Context, err error, req commands.Request) (outcome, error) {
	var p *incident.Problem
	if !errors.As(err, &p) {
		return outcome{}, err
	}
	if out, ferr := t.again(ctx, req, err); ferr == nil {
		return out, nil
	}
	return outcome{problem: p, text: locale.Problem(t.lang, p), incident: req.Incident}, nil
}

// say stores the answer; the outbox says it.
func (t *turn) say(ctx context.Context, out outcome) error {
	if out.text == "" && out.card == nil {
		return nil
	}
	o := botframework.Outgoing{Ref: t.act.Reference()}
	if t.kind == Channel {
		if o.ReplyTo = thread(t.act.Conversation.ID); o.ReplyTo == "" {
			o.ReplyTo = t.act.ID
		}
		o.Ref.ConversationID = root(o.Ref.ConversationID)
	}
	var err error
	if out.card != nil && (out.text == "" || out.form) {
		o.Activity, err = cardMessage(out.card, out.summary)
	} else {
		o.Activity = &botframework.Activity{Type: botframework.TypeMessage, Text: out.text, TextFormat: "plain", Summary: out.text}
	}
	if err != nil {
		return err
	}
	return t.answer(ctx, "answer/"+t.key(""), o)
}

// cardMessage is a message with a card. Its short text is the summary, which
// phones preview: Teams splits a message with both text and card in two.
func cardMessage(c *cards.Card, summary string) (*botframework.Activity, error) {
	b, err := c.JSON()
	if err != nil {
		return nil, err
	}
	return &botframework.Activity{Type: botframework.TypeMessage, Summary: summary, Attachments: []botframework.Attachment{botframework.AdaptiveCard(b)}}, nil
}

func (t *turn) answer(ctx context.Context, key string, o botframework.Outgoing) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return t.Service.Enqueue(ctx, incident.Effect{
		Key: key, Kind: incident.KindAnswer, Mode: incident.Once, Lane: "answers/" + root(t.act.Conversation.ID), Data: data, Urgent: true,
	})
}
