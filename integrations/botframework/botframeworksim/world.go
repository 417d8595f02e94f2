package botframeworksim

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"imbot/integrations/botframework"
)

// User is a person in Teams.
type User struct {
	// ID is 29:…; AADObjectID the Entra object id. Empty ones are made up.
	ID          string
	AADObjectID string
	// Name is the display name.
	Name string
	// Mail and UPN are reported in rosters. An empty UPN becomes the mail.
	Mail string
	UPN  string
	// Guest marks a guest of the home tenant.
	Guest bool
	// Anonymous marks somebody who has joined a meeting by its link: no tenant
	// knows them, and they may choose any name.
	Anonymous bool
	// TenantID is the person's tenant. "" means the home tenant.
	TenantID string
	// Locale of the person's client. "" means en-US.
	Locale string
	// Timezone of the person's client. "" means Asia/Jakarta.
	Timezone string

	blocked bool
}

func (u *User) account() botframework.Account {
	return botframework.Account{ID: u.ID, Name: u.Name, AADObjectID: u.AADObjectID}
}

type team struct {
	id, aadGroupID, name string
	members              []string
	botIn                bool
	channels             []string
}

type conversation struct {
	id, kind, name, tenant string
	team                   *team // of a channel
	members                []string
	botIn, deleted         bool
	reads                  bool // the bot may read all messages
	posts                  []*Post
}

func (c *conversation) roster() []string {
	if c.team != nil {
		return c.team.members
	}
	return c.members
}

func (c *conversation) hasBot() bool {
	if c.team != nil {
		return c.team.botIn
	}
	return c.botIn
}

func (c *conversation) setBot(in bool) {
	if c.team != nil {
		c.team.botIn = in
		return
	}
	c.botIn = in
}

func (c *conversation) post(id string) *Post {
	for _, p := range c.posts {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// ErrNoSuch is returned where a user, conversation, activity or button does not
// exist.
var ErrNoSuch = errors.New("teams simulator: no such")

func noSuch(what, id string) error { return fmt.Errorf("%w %s %q", ErrNoSuch, what, id) }

// AddUser adds a person and returns them with all ids set. The personal chat
// with the bot exists at once, but the bot is not in it before Install.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.newID("user")
	if u.ID == "" {
		u.ID = "29:1" + id
	}
	if u.AADObjectID == "" && !u.Anonymous {
		u.AADObjectID = guid(id)
	}
	if u.UPN == "" {
		u.UPN = u.Mail
	}
	if u.TenantID == "" {
		u.TenantID = s.o.TenantID
	}
	if u.Locale == "" {
		u.Locale = "en-US"
	}
	if u.Timezone == "" {
		u.Timezone = "Asia/Jakarta"
	}
	s.users[u.ID] = &u
	s.order = append(s.order, u.ID)
	chat := personalID(u.ID)
	s.convs[chat] = &conversation{id: chat, kind: botframework.ConversationPersonal, tenant: u.TenantID, members: []string{u.ID}}
	return u
}

func personalID(userID string) string { return "a:" + strings.TrimPrefix(userID, "29:") }

// Personal returns the id of the person's 1:1 chat with the bot.
func (s *Server) Personal(userID string) string { return personalID(userID) }

// GraphChat returns the id that Microsoft Graph has for the person's 1:1 chat
// with the bot. The bot can write there by either id.
// https://learn.microsoft.com/microsoftteams/platform/graph-api/proactive-bots-and-messages/graph-proactive-bots-and-messages
func (s *Server) GraphChat(userID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[userID]
	if u == nil {
		return ""
	}
	return s.graphChat(u)
}

func (s *Server) graphChat(u *User) string {
	return "19:" + strings.ToLower(s.o.AppID+"_"+u.AADObjectID) + "@unq.gbl.spaces"
}

// AddPersonalChat makes the 1:1 chat of two people and returns its id. The bot is
// not in it, and cannot be.
func (s *Server) AddPersonalChat(one, other string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "19:" + s.newID("chat") + "@unq.gbl.spaces"
	s.convs[id] = &conversation{id: id, kind: botframework.ConversationPersonal, tenant: s.o.TenantID, members: []string{one, other}}
	return id
}

// SetReads gives the bot the permission to read all messages of a group chat, or
// takes it away: it then hears also what does not mention it, and learns of edits,
// deletions and reactions.
func (s *Server) SetReads(convID string, reads bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.convs[convID]
	if c == nil || c.kind != botframework.ConversationGroup {
		return noSuch("group chat", convID)
	}
	c.reads = reads
	return nil
}

// Block makes the person block the bot, or lets it in again.
func (s *Server) Block(userID string, blocked bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[userID]
	if u == nil {
		return noSuch("user", userID)
	}
	u.blocked = blocked
	return nil
}

// AddGroupChat makes a group chat and returns its id. The bot is not in it
// before Install. An id of "" is made up; another one is that of a chat that
// Microsoft Graph made.
func (s *Server) AddGroupChat(id, name string, userIDs ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" {
		id = "19:" + s.newID("chat") + "@thread.v2"
	}
	s.convs[id] = &conversation{
		id: id, kind: botframework.ConversationGroup, name: name, tenant: s.o.TenantID, members: slices.Clone(userIDs),
	}
	return id
}

// AddTeam makes a team with its General channel, which has the team's id.
func (s *Server) AddTeam(name string, userIDs ...string) (teamID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hexID := s.newID("team")
	t := &team{id: "19:" + hexID + "@thread.tacv2", aadGroupID: guid(hexID), name: name, members: slices.Clone(userIDs)}
	s.teams[t.id] = t
	s.addChannel(t, t.id, "")
	return t.id
}

// AddChannel makes a channel in the team and returns its conversation id.
func (s *Server) AddChannel(teamID, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.teams[teamID]
	if t == nil {
		return "", noSuch("team", teamID)
	}
	id := "19:" + s.newID("channel") + "@thread.tacv2"
	s.addChannel(t, id, name)
	return id, nil
}

func (s *Server) addChannel(t *team, id, name string) {
	t.channels = append(t.channels, id)
	s.convs[id] = &conversation{id: id, kind: botframework.ConversationChannel, name: name, tenant: s.o.TenantID, team: t}
}

// TeamGroupID returns the team's Entra group id.
func (s *Server) TeamGroupID(teamID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.teams[teamID]; t != nil {
		return t.aadGroupID
	}
	return ""
}

// SetMembers replaces the people of a group chat or of a channel's team,
// without telling the bot.
func (s *Server) SetMembers(convID string, userIDs ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.convs[convID]
	if c == nil {
		return noSuch("conversation", convID)
	}
	if c.team != nil {
		c.team.members = slices.Clone(userIDs)
	} else {
		c.members = slices.Clone(userIDs)
	}
	return nil
}

// SetInstalled puts the bot into the conversation, or its team, or takes it
// out, without telling it: events of Teams can get lost.
func (s *Server) SetInstalled(convID string, in bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.convs[convID]
	if c == nil {
		return noSuch("conversation", convID)
	}
	c.setBot(in)
	s.touch()
	return nil
}

// Reference is the address of a conversation as the bot would store it.
func (s *Server) Reference(convID string) botframework.Reference {
	s.mu.Lock()
	defer s.mu.Unlock()
	base, _ := splitThread(convID)
	r := botframework.Reference{
		ServiceURL: s.ServiceURL(), ChannelID: channelID, ConversationID: convID, TenantID: s.o.TenantID, BotID: s.BotID(),
	}
	if c := s.convs[base]; c != nil {
		r.ConversationType, r.TenantID = c.kind, c.tenant
		if c.team != nil {
			r.TeamID, r.TeamAADGroupID, r.TeamsChannelID = c.team.id, c.team.aadGroupID, c.id
		}
	}
	return r
}
