package bot

import (
	"context"
	"errors"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework"
)

// refreshAfter is how often a conversation that is unchanged is written again.
const refreshAfter = time.Hour

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

// remember stores where imbot can speak. Every authentic activity proves that
// it can, and says at which service URL.
func (b *Bot) remember(ctx context.Context, act *botframework.Activity) error {
	old, err := b.Store.Conversation(ctx, root(act.Conversation.ID))
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return err
	}
	c := old
	c.ID, c.Kind, c.ServiceURL, c.TenantID, c.BotID = root(act.Conversation.ID), kindOf(act), act.ServiceURL, act.Tenant(), act.Recipient.ID
	if n := incident.Clip(incident.Line(act.Conversation.Name), 120); n != "" {
		c.Name = n
	}
	if cd := act.ChannelData; cd != nil {
		if cd.Team != nil {
			c.TeamID = cd.Team.ID
			if cd.Team.Name != "" {
				c.TeamName = incident.Clip(incident.Line(cd.Team.Name), 120)
			}
		}
		if cd.Channel != nil && cd.Channel.Name != "" && cd.Channel.ID == c.ID {
			c.Name = incident.Clip(incident.Line(cd.Channel.Name), 120)
		}
	}
	if act.Type != botframework.TypeInstallationUpdate || !strings.HasPrefix(act.Action, "remove") {
		c.Gone = ""
	}
	c.SeenAt = old.SeenAt
	if c == old && b.Now().Sub(old.SeenAt) < refreshAfter {
		return nil
	}
	c.SeenAt = b.Now().UTC()
	return b.Store.SaveConversation(ctx, c)
}

// conversationChanged honours installs, removals and renames.
func (b *Bot) conversationChanged(ctx context.Context, act *botframework.Activity) error {
	if act.Type == botframework.TypeInstallationUpdate {
		if strings.HasPrefix(act.Action, "remove") && act.Action != "remove-upgrade" {
			return b.gone(ctx, root(act.Conversation.ID), "imbot was removed from here")
		}
		if kindOf(act) == Personal {
			_, err := b.who(ctx, act)
			return err
		}
		return b.selected(ctx, act)
	}
	for _, m := range act.MembersRemoved {
		if m.ID == act.Recipient.ID {
			return b.gone(ctx, root(act.Conversation.ID), "imbot was removed from here")
		}
	}
	cd := act.ChannelData
	if cd == nil || cd.Channel == nil || cd.Channel.ID == "" {
		return nil
	}
	switch cd.EventType {
	case "channelDeleted":
		return b.gone(ctx, cd.Channel.ID, "the channel was deleted")
	case "channelCreated", "channelRenamed", "channelRestored":
		return b.channel(ctx, act, cd.Channel)
	}
	return nil
}

// selected learns the channel that was picked when imbot was installed.
func (b *Bot) selected(ctx context.Context, act *botframework.Activity) error {
	if cd := act.ChannelData; cd != nil && cd.SelectedChannel != nil && cd.SelectedChannel.ID != "" {
		return b.channel(ctx, act, cd.SelectedChannel)
	}
	return nil
}

// channel learns of a channel that the activity is about but does not come from.
func (b *Bot) channel(ctx context.Context, act *botframework.Activity, ch *botframework.Ref) error {
	c, err := b.Store.Conversation(ctx, ch.ID)
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return err
	}
	c.ID, c.Kind, c.ServiceURL, c.TenantID, c.BotID = ch.ID, Channel, act.ServiceURL, act.Tenant(), act.Recipient.ID
	if ch.Name != "" {
		c.Name = incident.Clip(incident.Line(ch.Name), 120)
	}
	if act.ChannelData.Team != nil {
		c.TeamID, c.TeamName = act.ChannelData.Team.ID, incident.Clip(incident.Line(act.ChannelData.Team.Name), 120)
	}
	c.Gone, c.SeenAt = "", b.Now().UTC()
	return b.Store.SaveConversation(ctx, c)
}

// gone records that imbot can not speak there any more.
func (b *Bot) gone(ctx context.Context, id, why string) error {
	c, err := b.Store.Conversation(ctx, id)
	if errors.Is(err, incident.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	c.Gone = why
	if err := b.Store.SaveConversation(ctx, c); err != nil {
		return err
	}
	b.Logger.Info("bot.Bot conversation gone", "reason", why, "kind", c.Kind)
	if c.Squad != "" {
		return b.Rebind(ctx)
	}
	return nil
}
