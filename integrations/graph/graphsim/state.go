package graphsim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

// User is somebody in the directory.
type User struct {
	ID        string // object id; given if empty
	Name      string
	Mail      string
	UPN       string // default Mail
	Disabled  bool
	Guest     bool
	NoMailbox bool // can't send mail
	Guarded   bool // Exchange does not let the app send from this mailbox
}

// Permission is one for a single chat, as a manifest asks for it.
type Permission struct {
	Name      string
	Delegated bool
}

// App is an app of the catalog.
type App struct {
	ID          string // of the catalog; given if empty
	ExternalID  string // of the manifest
	ClientID    string // the Entra app; default the one that calls
	Name        string
	Version     string
	Permissions []Permission
	Store       bool // of Microsoft's store, else the organisation's
	Blocked     bool // by an administrator
	Submitted   bool // waits to be published
}

// Member is somebody in a chat.
type Member struct {
	UserID  string
	Role    string    // "owner" or "guest"
	History time.Time // from when on messages can be read; year 1: all of them
}

// Installed is an app in a chat, or of somebody.
type Installed struct {
	CatalogID, ExternalID, Version string
	Permissions                    []Permission // consented to
}

// Chat is a group chat.
type Chat struct {
	ID        string
	Topic     string
	CreatedAt time.Time
	Members   []Member
	Apps      []Installed
}

// Meeting is an online meeting.
type Meeting struct {
	ID, Key, Organizer, Subject, JoinURL string
	Start, End                           time.Time
}

// Mail is one that was sent.
type Mail struct {
	From    string // object id
	At      time.Time
	Subject string
	Type    string // "html", "text", or "mime"
	Body    string // of a MIME message all of it
	To      []string
	ID      string // Message-ID; given if empty
	Headers map[string]string
	Kept    bool
}

type chat struct {
	Chat
	updated  time.Time
	apps     []installation
	messages map[string]Message // by id
}

type installation struct {
	app     App // as it was in the catalog
	consent []Permission
}

func (i *installation) view() Installed {
	return Installed{CatalogID: i.app.ID, ExternalID: i.app.ExternalID, Version: i.app.Version, Permissions: slices.Clone(i.consent)}
}

func (c *chat) consents(clientID, permission string) bool {
	return slices.ContainsFunc(c.apps, func(i installation) bool {
		return i.app.ClientID == clientID && slices.Contains(i.consent, Permission{Name: permission})
	})
}

func (c *chat) member(userID string) bool {
	return slices.ContainsFunc(c.Members, func(m Member) bool { return strings.EqualFold(m.UserID, userID) })
}

// newID makes ids that look like Microsoft's.
func (s *Server) newID() string {
	s.lastID++
	return fmt.Sprintf("%08x-5151-4000-8000-%012x", 0xc0de0000+s.lastID, s.lastID)
}

// AddUser adds somebody to the directory, and returns them with their id.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.ID == "" {
		u.ID = s.newID()
	}
	if u.UPN == "" {
		u.UPN = u.Mail
	}
	s.users = append(s.users, &u)
	return u
}

// RemoveUser deletes somebody from the directory. They stay in their chats.
func (s *Server) RemoveUser(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = slices.DeleteFunc(s.users, func(u *User) bool { return strings.EqualFold(u.ID, id) })
}

// PutApp adds an app to the catalog, or replaces the one with the same
// ExternalID, and returns it with its id. Chats keep the version that they have.
func (s *Server) PutApp(a App) App {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.ClientID == "" {
		a.ClientID = s.opt.AppID
	}
	for _, there := range s.apps {
		if strings.EqualFold(there.ExternalID, a.ExternalID) {
			a.ID = there.ID
			*there = a
			return a
		}
	}
	if a.ID == "" {
		a.ID = s.newID()
	}
	s.apps = append(s.apps, &a)
	return a
}

// RemoveApp takes an app out of the catalog.
func (s *Server) RemoveApp(externalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps = slices.DeleteFunc(s.apps, func(a *App) bool { return strings.EqualFold(a.ExternalID, externalID) })
}

// Chats returns all chats, oldest first.
func (s *Server) Chats() []Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Chat
	for _, c := range s.chats {
		out = append(out, c.view())
	}
	return out
}

// Chat returns a chat.
func (s *Server) Chat(id string) (Chat, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.chat(id); c != nil {
		return c.view(), true
	}
	return Chat{}, false
}

func (c *chat) view() Chat {
	v := c.Chat
	v.Members = slices.Clone(c.Members)
	for _, i := range c.apps {
		v.Apps = append(v.Apps, i.view())
	}
	return v
}

// AddChat makes a chat without any call, as people do in Teams.
func (s *Server) AddChat(topic string, userIDs ...string) Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	var members []Member
	for _, id := range userIDs {
		members = append(members, Member{UserID: id, Role: "owner"})
	}
	return s.addChat(topic, members).view()
}

// Leave takes somebody out of a chat, as if they had left it.
func (s *Server) Leave(chatID, userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.chat(chatID); c != nil {
		c.Members = slices.DeleteFunc(c.Members, func(m Member) bool { return strings.EqualFold(m.UserID, userID) })
	}
}

func (s *Server) addChat(topic string, members []Member) *chat {
	id := "19:" + strings.ReplaceAll(s.newID(), "-", "") + "@thread.v2"
	if n := len(s.chats); n < len(s.opt.ChatIDs) {
		id = s.opt.ChatIDs[n]
	}
	now := s.now()
	c := &chat{Chat: Chat{ID: id, Topic: topic, CreatedAt: now, Members: members}, updated: now}
	s.chats = append(s.chats, c)
	return c
}

// Meetings returns all meetings, oldest first.
func (s *Server) Meetings() []Meeting {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Meeting
	for _, m := range s.meetings {
		out = append(out, *m)
	}
	return out
}

// Mails returns all mails that were sent, oldest first.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

func (s *Server) chat(id string) *chat {
	for _, c := range s.chats {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// user finds somebody by object id or user principal name.
func (s *Server) user(id string) *User {
	for _, u := range s.users {
		if strings.EqualFold(u.ID, id) || strings.EqualFold(u.UPN, id) {
			return u
		}
	}
	return nil
}

func (s *Server) app(id string) *App {
	for _, a := range s.apps {
		if strings.EqualFold(a.ID, id) {
			return a
		}
	}
	return nil
}

// membership is the id of somebody's place in a chat: opaque, as Graph's.
func (s *Server) membership(c *chat, userID string) string {
	return base64.StdEncoding.EncodeToString([]byte("MCMj" + s.opt.TenantID + "##" + c.ID + "##" + userID))
}
