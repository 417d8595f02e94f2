package bot

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
)

// bind lets a channel bind itself to a squad: connect, disconnect, test.
func (t *turn) bind(ctx context.Context, req commands.Request) (outcome, error) {
	if t.kind == Personal {
		return outcome{}, incident.NewProblem(incident.ErrInvalid, "", "channel_only", "Say that in the channel that it is about: @%s %s …", t.Name, req.Verb).
			With("bot", t.Name).With("verb", req.Verb)
	}
	here := root(t.act.Conversation.ID)
	c, err := t.Store.Conversation(ctx, here)
	if err != nil {
		return outcome{}, err
	}
	squad := strings.ToLower(req.Squad)
	if squad == "" {
		if squad = c.Squad; squad == "" && req.Verb == "test" {
			squad = squadOf(t.Catalog(), c)
		}
	}
	if squad == "" {
		return outcome{text: t.text("bind.none", "bot", t.Name)}, nil
	}
	info := t.Catalog().Squad(squad)
	if !info.Known && (req.Verb != "disconnect" || squad != c.Squad) {
		known := strings.Join(t.Catalog().SquadKeys(), ", ")
		return outcome{}, incident.NewProblem(incident.ErrNotFound, "squad", "no_squad", "There is no squad %q. Squads are: %s.", incident.Clip(squad, 40), known).
			With("squad", incident.Clip(squad, 40)).With("squads", known)
	}
	if req.Verb == "test" {
		if t.asker.role == incident.RoleViewer { // it is posted where others read
			return outcome{}, incident.NewProblem(incident.ErrForbidden, "", "forbidden_viewer", "You may read, but not %s: guests and viewers read only.", req.Verb).With("verb", req.Verb)
		}
		return t.testPost(ctx, squad, info)
	}
	if err := t.mayBind(ctx, info); err != nil {
		return outcome{}, err
	}
	if req.Verb == "connect" {
		err = t.connect(ctx, here, squad)
	} else {
		err = t.disconnect(ctx, here, squad)
	}
	if err != nil {
		return outcome{}, err
	}
	t.Logger.Info("bot.Bot channel binding", "verb", req.Verb, "squad", squad, "by", t.asker.ID)
	if err := t.Rebind(ctx); err != nil {
		t.Logger.Error("bot.Bot bindings not in effect", "err", err)
		return outcome{text: t.text("bind.later")}, nil
	}
	return outcome{text: t.text("bind."+req.Verb, "squad", cards.Plain(squadName(info, squad)), "channel", cards.Plain(c.Name))}, nil
}

func squadName(s incident.SquadInfo, key string) string {
	if s.Name != "" {
		return s.Name
	}
	return key
}

// connect binds the channel, and releases the squad from others. A channel that
// belongs to another squad is not taken away from it.
func (t *turn) connect(ctx context.Context, id, squad string) error {
	var taken string
	_, err := changeConversation(ctx, t.Store, id, func(c *Conversation) {
		switch {
		case c.Squad != "" && c.Squad != squad && t.Catalog().Squad(c.Squad).Known:
			taken = c.Squad
		case c.Squad != squad:
			c.Squad, c.BoundBy, c.BoundAt = squad, t.asker.actor, t.Now().UTC()
		}
	})
	if err != nil {
		return err
	}
	if taken != "" {
		return incident.NewProblem(incident.ErrConflict, "squad", "channel_taken", "This channel is connected to %s. Say that first: @%s disconnect %s", taken, t.Name, taken).
			With("squad", taken).With("bot", t.Name)
	}
	return t.release(ctx, squad, id)
}

// disconnect takes the binding of just this squad back.
func (t *turn) disconnect(ctx context.Context, id, squad string) error {
	bound := false
	_, err := changeConversation(ctx, t.Store, id, func(c *Conversation) {
		if bound = c.Squad == squad; bound {
			c.Squad, c.BoundBy, c.BoundAt = "", t.asker.actor, t.Now().UTC()
		}
	})
	if err == nil && !bound {
		return incident.NewProblem(incident.ErrConflict, "squad", "not_bound", "%s is not connected to this channel.", squad).With("squad", squad)
	}
	return err
}

// mayBind lets the squad's lead or an admin decide where its incidents go; any
// responder, where nobody leads it.
func (t *turn) mayBind(ctx context.Context, s incident.SquadInfo) error {
	if t.asker.role == incident.RoleAdmin {
		return nil
	}
	if t.asker.role == incident.RoleResponder && s.Known {
		if s.Lead == t.asker.ID {
			return nil
		}
		if s.Lead == "" && (len(s.Members) == 0 || slices.Contains(s.Members, t.asker.ID)) {
			return nil
		}
	}
	lead := t.Reader.Named(ctx, incident.Actor{Kind: incident.KindUser, ID: s.Lead}).Label()
	if lead == "" {
		lead = t.text("bind.member")
	}
	return incident.NewProblem(incident.ErrForbidden, "", "bind_forbidden", "Only %s or an admin may connect a channel to %s: let them say it here.", lead, s.Name).
		With("lead", lead).With("squad", s.Name)
}

// release unbinds the squad from other channels: a squad has one.
func (t *turn) release(ctx context.Context, squad, except string) error {
	all, err := t.Store.Conversations(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Squad != squad || c.ID == except {
			continue
		}
		if _, err := changeConversation(ctx, t.Store, c.ID, func(c *Conversation) {
			if c.Squad == squad {
				c.Squad, c.BoundBy, c.BoundAt = "", t.asker.actor, t.Now().UTC()
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// testPost says something where the squad's incidents go, be it here or
// elsewhere.
func (t *turn) testPost(ctx context.Context, squad string, info incident.SquadInfo) (outcome, error) {
	cat := t.Catalog()
	name := cards.Plain(squadName(info, squad))
	to := cat.Route(squad).Channel
	switch to {
	case root(t.act.Conversation.ID):
		return outcome{text: t.text("bind.test", "squad", name)}, nil
	case "":
		return outcome{text: t.text("bind.nowhere", "squad", name, "bot", t.Name)}, nil
	}
	c, err := t.Store.Conversation(ctx, to)
	switch {
	case errors.Is(err, incident.ErrNotFound): // configured, and not heard from yet
		c.ID = to
		c.place(t.act)
	case err != nil:
		return outcome{}, err
	case c.Gone != "":
		return outcome{text: t.text("bind.unreachable", "squad", name)}, nil
	}
	text := locale.For(cat.Language(squad)).Text("bind.test", "squad", name)
	data, err := json.Marshal(botframework.Outgoing{Ref: c.reference(), Activity: textMessage(text)})
	if err != nil {
		return outcome{}, err
	}
	return outcome{text: t.text("bind.elsewhere", "squad", name)}, t.Service.Enqueue(ctx, incident.Effect{
		Key: "test/" + t.key(""), Kind: incident.KindAnswer, Mode: incident.Once, Lane: "answers/" + c.ID, Data: data, Urgent: true,
	})
}
