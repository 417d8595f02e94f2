package botframeworksim

import (
	"context"
	"fmt"
	"html"
	"slices"
	"strings"

	"imbot/integrations/botframework"
)

// SayOptions says how a message is written.
type SayOptions struct {
	// Mention puts a mention of the bot before the text. Without one, Teams
	// tells the bot nothing in channels and group chats.
	Mention bool
	// ReplyTo is a post in a channel whose thread is answered. "" starts a new
	// thread.
	ReplyTo string
	// People are ids of users that are mentioned where "@" and their name occur
	// in the text.
	People []string
	// Files are names of files that are attached.
	Files []string
	// Quotes is a message of the same chat that is answered, as people do where
	// there are no threads.
	Quotes string
}

// Say writes a message as the user does. In a channel angle brackets and
// ampersands arrive escaped and a mention is followed by &nbsp;.
func (s *Server) Say(ctx context.Context, userID, convID, text string, o SayOptions) (Delivery, error) {
	a, heard, err := s.say(userID, convID, text, o)
	if err != nil {
		return Delivery{}, err
	}
	if !heard {
		return Delivery{ActivityID: fmt.Sprint(a["id"])}, nil
	}
	return s.deliver(ctx, a, s.o.Patience)
}

func (s *Server) say(userID, convID, text string, o SayOptions) (a map[string]any, heard bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	base, root := splitThread(convID)
	c, u := s.convs[base], s.users[userID]
	if c == nil || c.deleted || u == nil || !slices.Contains(c.roster(), userID) {
		return nil, false, noSuch("conversation with this user", convID)
	}
	if o.ReplyTo != "" {
		p := c.post(o.ReplyTo)
		if p == nil {
			return nil, false, noSuch("post", o.ReplyTo)
		}
		root = p.ThreadID
	}
	gap := " "
	if c.kind == botframework.ConversationChannel {
		text, gap = html.EscapeString(text), "&nbsp;"
	}
	var entities []any
	for _, id := range o.People {
		if p := s.users[id]; p != nil {
			tag, e := botframework.Mention(p.ID, p.Name)
			text = strings.Replace(strings.Replace(text, "@"+p.Name, tag, 1), "@"+html.EscapeString(p.Name), tag, 1)
			entities = append(entities, e)
		}
	}
	if o.Mention {
		tag, e := botframework.Mention(s.BotID(), s.o.BotName)
		text, entities = tag+gap+text, append([]any{e}, entities...)
	}
	p := &Post{From: userID, Activity: botframework.Activity{Type: botframework.TypeMessage, Text: text}}
	for _, name := range o.Files {
		p.Activity.Attachments = append(p.Activity.Attachments, botframework.Attachment{ContentType: "reference", ContentURL: "https://example.sharepoint.com/" + name, Name: name})
	}
	attached, err := s.attached(c, o)
	if err != nil {
		return nil, false, err
	}
	s.add(c, root, p)
	a = s.envelope(botframework.TypeMessage, p.ID, c, p.ThreadID, u)
	if len(attached) > 0 {
		a["attachments"] = attached
	}
	a["text"], a["textFormat"] = text, "plain"
	a["entities"] = append(entities, a["entities"].([]any)...)
	s.touch()
	return a, c.hasBot() && (c.kind == botframework.ConversationPersonal || o.Mention || c.reads), nil
}

// attached is what the bot is told of a message besides its text: its HTML, with
// the beginning of the message that it answers, and its files.
func (s *Server) attached(c *conversation, o SayOptions) ([]any, error) {
	var out []any
	if o.Quotes != "" {
		p := c.post(o.Quotes)
		if p == nil {
			return nil, noSuch("post", o.Quotes)
		}
		name := s.o.BotName
		if u := s.users[p.From]; u != nil {
			name = u.Name
		}
		out = append(out, map[string]any{"contentType": "text/html", "content": fmt.Sprintf(
			"<blockquote itemscope itemtype=\"http://schema.skype.com/Reply\" itemid=\"%s\"><strong itemprop=\"mri\" itemid=\"8:orgid:x\">%s</strong>"+
				"<span itemprop=\"time\" itemid=\"%s\"></span><p itemprop=\"preview\">%s</p></blockquote><p>…</p>",
			p.ID, html.EscapeString(name), p.ID, html.EscapeString(p.Activity.Text))})
	}
	for _, name := range o.Files {
		out = append(out, map[string]any{"contentType": "application/vnd.microsoft.teams.file.download.info", "name": name})
	}
	return out, nil
}

// Install puts the bot into a personal chat, a group chat or, by any of its
// channels, a team, and tells it with installationUpdate and
// conversationUpdate. The error is that of the bot.
func (s *Server) Install(ctx context.Context, userID, convID string) error {
	if err := s.SetInstalled(convID, true); err != nil {
		return err
	}
	data := map[string]any{}
	s.mu.Lock()
	c := s.convs[convID]
	added := []botframework.Account{{ID: s.BotID(), Name: s.o.BotName}}
	if c.kind == botframework.ConversationPersonal {
		added = append(added, botframework.Account{ID: userID})
	}
	if c.team != nil {
		data["settings"] = map[string]any{"selectedChannel": map[string]any{"id": c.id}}
	}
	s.mu.Unlock()
	if _, err := s.event(ctx, botframework.TypeInstallationUpdate, convID, userID, map[string]any{"action": "add"}, data); err != nil {
		return err
	}
	_, err := s.event(ctx, botframework.TypeConversationUpdate, convID, userID, map[string]any{"membersAdded": added}, nil)
	return err
}

// Uninstall takes the bot out, and tells it.
func (s *Server) Uninstall(ctx context.Context, userID, convID string) error {
	if err := s.SetInstalled(convID, false); err != nil {
		return err
	}
	removed := []botframework.Account{{ID: s.BotID(), Name: s.o.BotName}}
	if _, err := s.event(ctx, botframework.TypeInstallationUpdate, convID, userID, map[string]any{"action": "remove"}, nil); err != nil {
		return err
	}
	_, err := s.event(ctx, botframework.TypeConversationUpdate, convID, userID, map[string]any{"membersRemoved": removed}, nil)
	return err
}

// AddMember puts a person into a group chat or a channel's team, and tells the
// bot if it is there.
func (s *Server) AddMember(ctx context.Context, userID, convID string) error {
	return s.changeMember(ctx, userID, convID, "membersAdded", func(members []string) []string {
		return append(members, userID)
	})
}

// RemoveMember takes a person out, and tells the bot if it is there.
func (s *Server) RemoveMember(ctx context.Context, userID, convID string) error {
	return s.changeMember(ctx, userID, convID, "membersRemoved", func(members []string) []string {
		return slices.DeleteFunc(members, func(id string) bool { return id == userID })
	})
}

func (s *Server) changeMember(ctx context.Context, userID, convID, field string, change func([]string) []string) error {
	s.mu.Lock()
	c, u := s.convs[convID], s.users[userID]
	if c == nil || u == nil {
		s.mu.Unlock()
		return noSuch("conversation or user", convID+" "+userID)
	}
	if c.team != nil {
		c.team.members = change(slices.Clone(c.team.members))
	} else {
		c.members = change(slices.Clone(c.members))
	}
	tell := c.hasBot()
	account := u.account()
	s.mu.Unlock()
	if !tell {
		return nil
	}
	_, err := s.event(ctx, botframework.TypeConversationUpdate, convID, userID, map[string]any{field: []botframework.Account{account}}, nil)
	return err
}

// RenameChannel renames a channel, and tells the bot if it is in the team.
func (s *Server) RenameChannel(ctx context.Context, userID, convID, name string) error {
	return s.changeChannel(ctx, userID, convID, "channelRenamed", func(c *conversation) { c.name = name })
}

// DeleteChannel deletes a channel, and tells the bot if it is in the team. Calls
// for it are answered with 404 from then on.
func (s *Server) DeleteChannel(ctx context.Context, userID, convID string) error {
	return s.changeChannel(ctx, userID, convID, "channelDeleted", func(c *conversation) { c.deleted = true })
}

func (s *Server) changeChannel(ctx context.Context, userID, convID, event string, change func(*conversation)) error {
	s.mu.Lock()
	c := s.convs[convID]
	if c == nil || c.team == nil {
		s.mu.Unlock()
		return noSuch("channel", convID)
	}
	change(c)
	tell := c.hasBot()
	data := map[string]any{"eventType": event, "channel": map[string]any{"id": c.id, "name": c.name}}
	s.mu.Unlock()
	if !tell {
		return nil
	}
	_, err := s.event(ctx, botframework.TypeConversationUpdate, convID, userID, nil, data)
	return err
}

// React adds a reaction such as like to a post. The bot is told if the post is its
// own, or if it may read the conversation.
func (s *Server) React(ctx context.Context, userID, convID, activityID, reaction string) (Delivery, error) {
	_, heard, err := s.told(convID, activityID)
	if err != nil || !heard {
		return Delivery{}, err
	}
	body := map[string]any{"replyToId": activityID, "reactionsAdded": []botframework.Reaction{{Type: reaction}}}
	return s.event(ctx, botframework.TypeMessageReaction, convID, userID, body, nil)
}

// told finds a post, and whether the bot is told of what becomes of it.
func (s *Server) told(convID, activityID string) (*Post, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	base, _ := splitThread(convID)
	c := s.convs[base]
	if c == nil {
		return nil, false, noSuch("conversation", convID)
	}
	p := c.post(activityID)
	if p == nil || p.Deleted {
		return nil, false, noSuch("post", activityID)
	}
	mentioned := strings.Contains(p.Activity.Text, "<at>"+html.EscapeString(s.o.BotName)+"</at>")
	return p, c.hasBot() && (p.ByBot || c.reads || c.kind == botframework.ConversationPersonal || mentioned), nil
}

// Edit changes a person's own message, and tells the bot if it has heard it.
func (s *Server) Edit(ctx context.Context, userID, convID, activityID, text string) (Delivery, error) {
	return s.change(ctx, userID, convID, activityID, botframework.TypeMessageUpdate, "editMessage", func(p *Post) { p.Activity.Text = text })
}

// Unsend deletes a person's own message, and tells the bot if it has heard it.
func (s *Server) Unsend(ctx context.Context, userID, convID, activityID string) (Delivery, error) {
	return s.change(ctx, userID, convID, activityID, botframework.TypeMessageDelete, "softDeleteMessage", func(p *Post) { p.Deleted = true })
}

// Restore brings a person's deleted message back.
func (s *Server) Restore(ctx context.Context, userID, convID, activityID string) (Delivery, error) {
	s.mu.Lock()
	base, _ := splitThread(convID)
	if c := s.convs[base]; c != nil {
		if p := c.post(activityID); p != nil {
			p.Deleted = false
		}
	}
	s.mu.Unlock()
	return s.change(ctx, userID, convID, activityID, botframework.TypeMessageUpdate, "undeleteMessage", func(*Post) {})
}

func (s *Server) change(ctx context.Context, userID, convID, activityID, kind, event string, do func(*Post)) (Delivery, error) {
	p, heard, err := s.told(convID, activityID)
	if err != nil {
		return Delivery{}, err
	}
	if p.From != userID {
		return Delivery{}, noSuch("message of this person", activityID)
	}
	s.mu.Lock()
	do(p)
	body := map[string]any{"id": p.ID}
	if kind == botframework.TypeMessageUpdate {
		body["text"] = p.Activity.Text
	}
	s.touch()
	s.mu.Unlock()
	if !heard {
		return Delivery{}, nil
	}
	return s.event(ctx, kind, convID, userID, body, map[string]any{"eventType": event})
}
