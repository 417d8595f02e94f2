package bot

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
	"imbot/query"
)

// message handles what somebody typed, and the buttons and forms of clients
// that know no Action.Execute. The command is carried out before the answer
// 200; only what is said in the chat follows behind.
func (b *Bot) message(ctx context.Context, act *botframework.Activity) (reply, error) {
	submit := len(act.Value) > 0 && strings.TrimSpace(act.Text) == ""
	// A message that only its recipient sees is for the bot without a mention.
	if !submit && kindOf(act) != Personal && !botframework.MentionsBot(act) && !act.Recipient.IsTargeted {
		return ok200, nil // with some permissions Teams delivers what is not for us
	}
	t, err := b.turn(ctx, act)
	if err != nil {
		return reply{}, err
	}
	var req commands.Request
	if submit {
		req, t.submitted, err = t.cardRequest(act.Value, "")
	} else {
		req, err = commands.Parse(t.typed(), t.env)
	}
	var out outcome
	done := false
	if err == nil && !submit {
		out, done, err = t.withAttached(ctx, &req)
	}
	if err == nil && !done {
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
	id    string // of the activity, unlike that of any other in its conversation
	asker asker
	kind  string // of the conversation
	lang  string // of the answer
	env   commands.Env

	submitted bool             // a filled-in form
	away      bool             // imbot is not in the conversation: nothing can be posted there
	place     string           // the conversation, also where imbot is not in it
	group     []incident.Actor // the members of a private incident, in whose room it is said
}

// typed is what was written for imbot. A slash command may begin with imbot's
// own name, as it stands in Teams' menu.
func (t *turn) typed() string {
	s := botframework.StripMention(t.act)
	name, rest, _ := strings.Cut(s, " ")
	if t.act.Recipient.IsTargeted && strings.EqualFold(strings.TrimPrefix(name, "/"), t.Name) {
		return rest
	}
	return s
}

func (b *Bot) turn(ctx context.Context, act *botframework.Activity) (*turn, error) {
	look, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	who, err := b.who(ctx, look, act)
	if err != nil {
		return nil, err
	}
	t := &turn{Bot: b, act: act, id: activityID(act), asker: who, kind: kindOf(act), place: root(act.Conversation.ID)}
	if t.lang, err = t.language(ctx); err != nil {
		return nil, err
	}
	t.env = commands.Env{Now: b.Now(), Location: b.zoneOf(who.Person), Actor: who.actor}
	switch {
	case t.kind == Personal:
	case b.Slash:
		t.env.Prefix = "/incident "
	default:
		t.env.Prefix = "@" + b.Name + " "
	}
	if t.env.Incident, err = b.incidentHere(ctx, act); err != nil {
		return nil, err
	}
	if err := t.members(ctx); err != nil {
		return nil, err
	}
	t.env.Mentions, err = b.mentioned(ctx, look, act)
	return t, err
}

// activityID names the activity within its conversation: the ids of messages and
// invokes are counted apart. One without an id can not be recognised when it
// comes again, but must not be taken for another one without either.
func activityID(act *botframework.Activity) string {
	if act.ID == "" {
		return "once-" + rand.Text()
	}
	if act.Name != "" {
		return act.ID + "/" + incident.Clip(act.Name, 60)
	}
	return act.ID
}

// cardKey is the key under which the incident of a card is found.
func cardKey(conversationID, activityID string) string {
	return incident.Ref{System: "teams", ID: root(conversationID) + ";messageid=" + activityID}.Key()
}

// language is that of the person in a 1:1 chat, and for what only they see;
// that of the channel elsewhere.
func (t *turn) language(ctx context.Context) (string, error) {
	if t.kind == Personal || t.act.Type == botframework.TypeInvoke {
		if l := t.act.Locale; l != "" {
			return locale.Match(l), nil
		}
		if t.asker.Language != "" {
			return locale.Match(t.asker.Language), nil
		}
	}
	return t.shared(ctx)
}

// shared is the language of what everybody in the conversation reads: that of
// the channel's squad, else the company's.
func (t *turn) shared(ctx context.Context) (string, error) {
	squad, err := squadHere(ctx, t.Store, t.Catalog(), root(t.act.Conversation.ID))
	return locale.Match(t.Catalog().Language(squad)), err
}

// mentioned are the people mentioned besides the bot.
func (b *Bot) mentioned(ctx, look context.Context, act *botframework.Activity) ([]commands.Mention, error) {
	var out []commands.Mention
	for _, e := range act.Entities {
		if len(out) == maxMentions {
			break
		}
		if e.Mentioned == nil || e.Mentioned.ID == act.Recipient.ID || !isPerson(e.Mentioned.ID) {
			continue
		}
		stranger := *act
		stranger.From, stranger.Locale, stranger.LocalTimezone, stranger.Entities = *e.Mentioned, "", "", nil // those are of whoever speaks
		stranger.Conversation.ConversationType = GroupChat                                                    // not this person's 1:1 chat
		met, err := b.met(ctx, look, &stranger)
		if err != nil {
			return nil, err
		}
		text := e.Mentioned.Name
		if inner := botframework.StripMention(&botframework.Activity{Text: e.Text}); inner != "" {
			text = inner // as it stands in the message
		}
		out = append(out, commands.Mention{Text: text, Actor: met})
	}
	return out, nil
}

// maxMentions bounds the people whom one message can name.
const maxMentions = 20

// isPerson tells people from what else can be mentioned: bots, channels, teams.
func isPerson(id string) bool {
	return id != "" && len(id) <= maxID && !strings.HasPrefix(id, "28:") && !strings.HasPrefix(id, "19:")
}

// met is the person who is the activity's sender: as remembered, for a mention
// says nothing new.
func (b *Bot) met(ctx, look context.Context, act *botframework.Activity) (incident.Actor, error) {
	p, err := b.find(ctx, &act.From)
	if err == nil {
		return incident.Actor{Kind: incident.KindUser, ID: p.ID, Name: p.Name}, nil
	}
	if !errors.Is(err, incident.ErrNotFound) {
		return incident.Actor{}, err
	}
	who, err := b.who(ctx, look, act)
	return who.actor, err
}

// public reports whether others read what is said here: a channel sees nothing
// private, whoever asks.
func (t *turn) public() bool { return t.kind != Personal }

// viewer is on whose behalf this conversation sees.
func (t *turn) viewer() query.Viewer {
	switch {
	case len(t.group) > 0:
		return query.Viewer{Group: t.group}
	case t.public():
		return query.Everybody
	}
	return t.asker.viewer()
}

// key makes the command happen once however often Teams sends the activity.
func (t *turn) key(suffix string) string {
	return "teams/" + root(t.act.Conversation.ID) + "/" + t.id + suffix
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
	return outcome{problem: p, text: t.problemText(p), incident: req.Incident}, nil
}

// problemText puts a problem into words. What it tells to type begins as a message
// must begin here.
func (t *turn) problemText(p *incident.Problem) string {
	if _, ok := p.Args["prefix"]; ok {
		here := *p
		here.Args = maps.Clone(p.Args)
		p = here.With("prefix", t.env.Prefix)
	}
	return locale.Problem(t.lang, p)
}

// say stores the answer; the outbox says it.
func (t *turn) say(ctx context.Context, out outcome) error {
	if out.text == "" && out.card == nil {
		return nil
	}
	o := botframework.Outgoing{Ref: t.act.Reference()}
	if t.kind == Channel {
		if o.ReplyTo = thread(t.act.Conversation.ID); o.ReplyTo == "" && !t.act.Recipient.IsTargeted {
			o.ReplyTo = t.act.ID
		}
		o.Ref.ConversationID = root(o.Ref.ConversationID)
	}
	var err error
	if out.card != nil && (out.text == "" || out.form) {
		o.Activity, err = cardMessage(out.card, out.summary)
	} else {
		o.Activity = textMessage(out.text)
	}
	if err != nil {
		return err
	}
	if t.alone(out) {
		o.Activity.Recipient = botframework.Account{ID: t.act.From.ID, IsTargeted: true}
		if o.Else, err = t.ownChat(ctx); err != nil {
			return err
		}
	}
	return t.answer(ctx, "answer/"+t.key(""), o)
}

// alone reports whether only the asker sees the answer: nobody else has seen the
// question, or nobody else needs to.
func (t *turn) alone(out outcome) bool {
	if t.kind == Personal {
		return false
	}
	return t.act.Recipient.IsTargeted || t.Targeted && (out.form || out.own || out.aside || out.problem != nil)
}

// ownChat is the asker's 1:1 chat with imbot, where something is said that
// Teams does not let be said to them alone elsewhere; nil where there is none.
func (t *turn) ownChat(ctx context.Context) (*botframework.Reference, error) {
	if t.asker.Conversation == "" {
		return nil, nil
	}
	c, err := t.Store.Conversation(ctx, t.asker.Conversation)
	if errors.Is(err, incident.ErrNotFound) || err == nil && c.Gone != "" {
		return nil, nil
	}
	ref := c.reference()
	return &ref, err
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
