package bot

import (
	"context"
	"slices"
	"strings"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
)

// bind lets a channel bind itself to a squad: connect, disconnect, test.
func (t *turn) bind(ctx context.Context, req commands.Request) (outcome, error) {
	if t.kind == Personal {
		return outcome{}, incident.NewProblem(incident.ErrInvalid, "", "channel_only", "Say that in the channel that it is about: @%s %s …", t.Name, req.Verb).
			With("bot", t.Name).With("verb", req.Verb)
	}
	c, err := t.Store.Conversation(ctx, root(t.act.Conversation.ID))
	if err != nil {
		return outcome{}, err
	}
	squad := strings.ToLower(req.Squad)
	if squad == "" {
		squad = c.Squad
	}
	if squad == "" && req.Verb == "test" {
		return outcome{text: t.text("bind.none", "bot", t.Name)}, nil
	}
	info := t.Catalog().Squad(squad)
	if !info.Known {
		known := strings.Join(t.Catalog().SquadKeys(), ", ")
		return outcome{}, incident.NewProblem(incident.ErrNotFound, "squad", "no_squad", "There is no squad %q. Squads are: %s.", incident.Clip(squad, 40), known).
			With("squad", incident.Clip(squad, 40)).With("squads", known)
	}
	args := []any{"squad", cards.Plain(info.Name), "channel", cards.Plain(c.Name)}
	if req.Verb == "test" {
		return outcome{text: t.text("bind.test", args...)}, nil
	}
	if err := t.mayBind(info); err != nil {
		return outcome{}, err
	}
	if req.Verb == "connect" {
		if err := t.release(ctx, squad, c.ID); err != nil {
			return outcome{}, err
		}
		c.Squad, c.BoundBy, c.BoundAt = squad, t.asker.actor, t.Now().UTC()
	} else {
		c.Squad, c.BoundBy, c.BoundAt = "", t.asker.actor, t.Now().UTC()
	}
	if err := t.Store.SaveConversation(ctx, c); err != nil {
		return outcome{}, err
	}
	t.Logger.Info("bot.Bot channel binding", "verb", req.Verb, "squad", squad, "by", t.asker.ID)
	return outcome{text: t.text("bind."+req.Verb, args...)}, t.Rebind(ctx)
}

// mayBind lets the squad's lead or an admin decide where its incidents go; any
// responder, where nobody leads it.
func (t *turn) mayBind(s incident.SquadInfo) error {
	if t.asker.role == incident.RoleAdmin || s.Lead == t.asker.ID {
		return nil
	}
	if t.asker.role == incident.RoleResponder && s.Lead == "" && (len(s.Members) == 0 || slices.Contains(s.Members, t.asker.ID)) {
		return nil
	}
	lead := s.Lead
	if lead == "" {
		lead = "a member of the squad"
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
		c.Squad = ""
		if err := t.Store.SaveConversation(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
