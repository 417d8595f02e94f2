package bot

import (
	"context"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework"
)

// refreshAfter is how often a conversation that is unchanged is written again.
const refreshAfter = time.Hour

// Why imbot can not speak somewhere.
const (
	goneRemoved = "imbot was removed from here"
	goneChannel = "the channel was deleted"
	goneTeam    = "the team was deleted"
)

// root is the conversation without the thread: a channel is one place.
func root(conversationID string) string {
	id, _, _ := strings.Cut(conversationID, ";messageid=")
	return id
}

// thread is the id of the first message of the thread, or "".
func thread(conversationID string) string {
	_, id, _ := strings.Cut(conversationID, ";messageid=")
	return id
}

// kindOf is the kind of the activity's conversation; Teams leaves it out at
// times.
func kindOf(act *botframework.Activity) string {
	switch k := act.Conversation.ConversationType; {
	case k == Personal || k == GroupChat || k == Channel:
		return k
	case strings.Contains(act.Conversation.ID, "@thread.tacv2") || strings.Contains(act.Conversation.ID, "@thread.skype"):
		return Channel
	case act.Conversation.IsGroup || strings.HasPrefix(act.Conversation.ID, "19:"):
		return GroupChat
	}
	return Personal
}

// removal says why imbot can not speak any more where the activity comes from;
// "" for an activity that says nothing like that. An upgrade removes nothing.
func removal(act *botframework.Activity) string {
	switch act.Type {
	case botframework.TypeInstallationUpdate:
		if strings.HasPrefix(act.Action, "remove") && act.Action != "remove-upgrade" {
			return goneRemoved
		}
	case botframework.TypeConversationUpdate:
		if cd := act.ChannelData; cd != nil && (cd.EventType == "teamDeleted" || cd.EventType == "teamHardDeleted") {
			return goneTeam
		}
		for _, m := range act.MembersRemoved {
			if m.ID == act.Recipient.ID {
				return goneRemoved
			}
		}
	}
	return ""
}

// remember stores where imbot can speak. Every authentic activity proves that
// it can, and says at which service URL.
func (b *Bot) remember(ctx context.Context, act *botframework.Activity) error {
	back := false
	c, err := changeConversation(ctx, b.Store, root(act.Conversation.ID), func(c *Conversation) {
		old := *c
		if removal(act) == "" {
			c.Gone, back = "", c.Gone != ""
		}
		c.Kind = kindOf(act)
		c.place(act)
		setName(&c.Name, act.Conversation.Name)
		if cd := act.ChannelData; cd != nil && cd.Channel != nil && cd.Channel.ID == c.ID {
			setName(&c.Name, cd.Channel.Name)
		}
		if *c != old || b.Now().Sub(old.SeenAt) >= refreshAfter {
			c.SeenAt = b.Now().UTC()
		}
	})
	if err != nil {
		return err
	}
	if back && c.Squad != "" {
		b.rebind(ctx)
	}
	return nil
}

// place takes over how the conversation is reached, and its team.
func (c *Conversation) place(act *botframework.Activity) {
	for _, f := range []struct {
		to    *string
		value string
	}{{&c.ServiceURL, act.ServiceURL}, {&c.TenantID, act.Tenant()}, {&c.BotID, act.Recipient.ID}} {
		if f.value != "" {
			*f.to = f.value
		}
	}
	if cd := act.ChannelData; cd != nil && cd.Team != nil && cd.Team.ID != "" {
		c.TeamID = cd.Team.ID
		setName(&c.TeamName, cd.Team.Name)
	}
}

// setName takes a name over; Teams leaves it out at times.
func setName(to *string, name string) {
	if n := incident.Clip(incident.Line(name), 120); n != "" {
		*to = n
	}
}

// conversationChanged honours installs, removals and renames.
func (b *Bot) conversationChanged(ctx context.Context, act *botframework.Activity) error {
	if why := removal(act); why != "" {
		return b.left(ctx, act, why)
	}
	if act.Type == botframework.TypeInstallationUpdate {
		return b.installed(ctx, act)
	}
	if err := b.comeAndGo(ctx, act); err != nil {
		return err
	}
	cd := act.ChannelData
	if cd == nil {
		return nil
	}
	switch cd.EventType {
	case "teamRenamed", "teamRestored":
		return b.team(ctx, cd.Team, func(c *Conversation) {
			setName(&c.TeamName, cd.Team.Name)
			if c.Gone == goneTeam && cd.EventType == "teamRestored" {
				c.Gone = ""
			}
		})
	}
	if cd.Channel == nil || cd.Channel.ID == "" {
		return nil
	}
	switch cd.EventType {
	case "channelDeleted":
		return b.gone(ctx, cd.Channel.ID, goneChannel)
	case "channelCreated", "channelRenamed", "channelRestored":
		return b.channel(ctx, act, cd.Channel)
	}
	return nil
}

// installed learns who or which channel imbot was installed for, and says hello.
// Teams may tell of one installation several times.
func (b *Bot) installed(ctx context.Context, act *botframework.Activity) error {
	at := root(act.Conversation.ID)
	if kindOf(act) == Personal {
		if act.From.ID == "" {
			return nil
		}
		look, cancel := context.WithTimeout(ctx, lookUpTimeout)
		defer cancel()
		if _, err := b.who(ctx, look, act); err != nil {
			return err
		}
	} else if cd := act.ChannelData; cd != nil {
		if cd.SelectedChannel != nil && cd.SelectedChannel.ID != "" {
			at = cd.SelectedChannel.ID
			if err := b.channel(ctx, act, cd.SelectedChannel); err != nil {
				return err
			}
		}
		// A team's app is in all of its channels.
		if err := b.team(ctx, cd.Team, func(c *Conversation) {
			if c.Gone == goneRemoved {
				c.Gone = ""
			}
		}); err != nil {
			return err
		}
	}
	if act.Action != "add" {
		return nil
	}
	if id, err := b.roomOf(ctx, at); id != 0 || err != nil {
		return err // a war room: those in it have other things on their minds
	}
	return b.welcome(ctx, act, at)
}

// channel learns of a channel that the activity is about but does not come from.
func (b *Bot) channel(ctx context.Context, act *botframework.Activity, ch *botframework.Ref) error {
	back := false
	c, err := changeConversation(ctx, b.Store, ch.ID, func(c *Conversation) {
		back = c.Gone != ""
		c.Kind, c.Gone, c.SeenAt = Channel, "", b.Now().UTC()
		c.place(act)
		setName(&c.Name, ch.Name)
	})
	if err == nil && back && c.Squad != "" {
		b.rebind(ctx)
	}
	return err
}

// team changes all conversations of a team that are known.
func (b *Bot) team(ctx context.Context, team *botframework.Team, change func(*Conversation)) error {
	if team == nil || team.ID == "" {
		return nil
	}
	all, err := b.Store.Conversations(ctx)
	if err != nil {
		return err
	}
	bound := false
	for _, c := range all {
		if c.TeamID != team.ID {
			continue
		}
		was := c.Gone
		c, err := changeConversation(ctx, b.Store, c.ID, change)
		if err != nil {
			return err
		}
		bound = bound || (c.Squad != "" && c.Gone != was)
	}
	if bound {
		b.rebind(ctx)
	}
	return nil
}

// left records that imbot can not speak in a conversation, or in all channels of
// a team, any more.
func (b *Bot) left(ctx context.Context, act *botframework.Activity, why string) error {
	if err := b.gone(ctx, root(act.Conversation.ID), why); err != nil {
		return err
	}
	if cd := act.ChannelData; cd != nil && kindOf(act) == Channel {
		return b.team(ctx, cd.Team, func(c *Conversation) {
			if c.Gone == "" {
				c.Gone = why
			}
		})
	}
	return nil
}

// gone records that imbot can not speak there any more.
func (b *Bot) gone(ctx context.Context, id, why string) error {
	c, err := markGone(ctx, b.Store, id, why)
	if err != nil || c.Kind == "" {
		return err
	}
	b.Logger.Info("bot.Bot conversation gone", "reason", why, "kind", c.Kind)
	if c.Squad != "" {
		b.rebind(ctx)
	}
	return nil
}

// markGone leaves a conversation that is not known alone; it has no kind then.
func markGone(ctx context.Context, s Store, id, why string) (Conversation, error) {
	return changeConversation(ctx, s, id, func(c *Conversation) {
		if c.Kind != "" {
			c.Gone = why
		}
	})
}

// rebind makes bindings take effect. Where that fails the old ones stay until
// the next reload: no reason to refuse what Teams has told.
func (b *Bot) rebind(ctx context.Context) {
	if err := b.Rebind(ctx); err != nil {
		b.Logger.Error("bot.Bot bindings not in effect", "err", err)
	}
}
