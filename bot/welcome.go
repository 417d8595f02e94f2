package bot

import (
	"context"
	"encoding/json"
	"strings"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
)

// welcome says once in a conversation what imbot is, and what to do next.
func (b *Bot) welcome(ctx context.Context, act *botframework.Activity, id string) error {
	ref := act.Reference()
	ref.ConversationID = id
	text, err := b.hello(ctx, act, id)
	if err != nil {
		return err
	}
	data, err := json.Marshal(botframework.Outgoing{Ref: ref, Activity: textMessage(text)})
	if err != nil {
		return err
	}
	return b.Service.Enqueue(ctx, incident.Effect{
		Key: "welcome/" + id, Kind: incident.KindAnswer, Mode: incident.Once, Lane: "answers/" + id, Data: data,
	})
}

// hello is the text of a welcome: a channel that incidents come to already must
// not be told that nothing is posted there.
func (b *Bot) hello(ctx context.Context, act *botframework.Activity, id string) (string, error) {
	cat := b.Catalog()
	o := cards.Options{BotName: b.Name, Slash: b.Slash, Place: kindOf(act)}
	if o.Place == Personal {
		lang := act.Locale
		if lang == "" {
			lang = cat.Language("")
		}
		return locale.For(lang).Text("welcome.personal", "bot", b.Name, "help", o.Hint("help"), "declare", o.Hint("declare")), nil
	}
	squad, err := squadHere(ctx, b.Store, cat, id)
	if err != nil {
		return "", err
	}
	say := locale.For(cat.Language(squad))
	if squad != "" {
		return say.Text("welcome.squad", "bot", b.Name, "squad", cards.Plain(cat.Squad(squad).Name), "help", o.Hint("help")), nil
	}
	if r := cat.Route(""); r.Default && r.Channel == id {
		return say.Text("welcome.default", "bot", b.Name, "help", o.Hint("help")), nil
	}
	keys := cat.SquadKeys()
	if len(keys) == 0 {
		return say.Text("welcome.alone", "bot", b.Name, "help", o.Hint("help")), nil
	}
	return say.Text("welcome.channel", "bot", b.Name, "connect", o.Hint("connect "+keys[0]), "squads", incident.Clip(strings.Join(keys, ", "), 300)), nil
}

// textMessage is a message without a card.
func textMessage(text string) *botframework.Activity {
	return &botframework.Activity{Type: botframework.TypeMessage, Text: text, TextFormat: "plain", Summary: text}
}
