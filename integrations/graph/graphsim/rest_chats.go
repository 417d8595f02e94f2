package graphsim

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"
)

// Limits of a chat.
// https://learn.microsoft.com/graph/api/chat-patch
// https://learn.microsoft.com/microsoftteams/limits-specifications-teams#chat
const (
	maxTopic   = 250
	maxMembers = 250
	minMembers = 2
)

func (s *Server) wireChat(c *chat) object {
	o := object{
		"@odata.context": s.URL() + "/$metadata#chats/$entity",
		"id":             c.ID, "topic": nil, "chatType": "group", "tenantId": s.opt.TenantID,
		"createdDateTime": stamp(c.CreatedAt), "lastUpdatedDateTime": stamp(c.updated),
		"webUrl": s.opt.ChatURL(c.ID),
	}
	if c.Topic != "" {
		o["topic"] = c.Topic
	}
	return o
}

// getChats works for signed-in people only.
func (s *Server) getChats(w http.ResponseWriter, _ *http.Request) {
	s.refuse(w, http.StatusPreconditionFailed, "PreconditionFailed", "Requested API is not supported in application-only context")
}

// getUserChats lists a user's chats, the latest first.
// https://learn.microsoft.com/graph/api/chat-list
func (s *Server) getUserChats(w http.ResponseWriter, r *http.Request) {
	if wanted := []string{"Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All"}; !s.allowed(nil, wanted...) {
		s.missing(w, wanted...)
		return
	}
	q := r.URL.Query()
	if !s.options(w, q, "$filter", "$top", "$expand", "$orderby") {
		return
	}
	fits, ok := filter(q.Get("$filter"), map[string]func(object) string{"topic": field("topic"), "chatType": field("chatType")})
	u := s.user(r.PathValue("user"))
	switch {
	case !ok:
		s.bad(w, "Invalid filter clause.")
		return
	case u == nil:
		s.notFound(w, "User not found.")
		return
	}
	var found []object
	for i := len(s.chats) - 1; i >= 0; i-- {
		if o := s.wireChat(s.chats[i]); s.chats[i].member(u.ID) && fits(o) {
			found = append(found, o)
		}
	}
	s.page(w, r, found)
}

// postChat makes a group chat.
// https://learn.microsoft.com/graph/api/chat-post
func (s *Server) postChat(w http.ResponseWriter, r *http.Request) {
	if !s.allowed(nil, "Chat.Create") {
		s.missing(w, "Chat.Create")
		return
	}
	body, ok := s.decode(w, r, "chatType", "topic", "members", "@odata.type")
	if !ok || !s.topicFits(w, body) {
		return
	}
	if field("chatType")(body) != "group" {
		s.bad(w, "Only chats of type group can be made here.")
		return
	}
	list, _ := body["members"].([]any)
	if len(list) < minMembers || len(list) > maxMembers {
		s.bad(w, fmt.Sprintf("A chat of type group must have %d to %d members.", minMembers, maxMembers))
		return
	}
	var members []Member
	seen := map[string]bool{}
	for _, item := range list {
		m, ok := s.readMember(w, item, r)
		if !ok {
			return
		}
		if seen[m.UserID] {
			s.bad(w, "Duplicate chat members is specified in the request body.")
			return
		}
		seen[m.UserID] = true
		members = append(members, m)
	}
	c := s.addChat(field("topic")(body), members)
	s.dirty = append(s.dirty, c)
	answer(w, http.StatusCreated, s.wireChat(c))
}

func (s *Server) topicFits(w http.ResponseWriter, body object) bool {
	topic := field("topic")(body)
	if len(utf16.Encode([]rune(topic))) > maxTopic || strings.Contains(topic, ":") {
		s.bad(w, "The topic is too long or has characters that are not allowed.")
		return false
	}
	return true
}

var bind = regexp.MustCompile(`^https?://[^/]+/v1\.0/users(?:\('([^']+)'\)|/([^/]+))$`)

// readMember reads somebody who is to be a member. Who is unknown is refused
// without a name: Microsoft documents no words for it.
func (s *Server) readMember(w http.ResponseWriter, item any, r *http.Request) (Member, bool) {
	o, _ := item.(object)
	if !s.known(w, o, "@odata.type", "roles", "user@odata.bind", "visibleHistoryStartDateTime", "tenantId") {
		return Member{}, false
	}
	if field("@odata.type")(o) != "#microsoft.graph.aadUserConversationMember" {
		s.bad(w, "'odata.type' must be specified in the request body.")
		return Member{}, false
	}
	roles, _ := o["roles"].([]any)
	role := ""
	if len(roles) == 1 {
		role, _ = roles[0].(string)
	}
	found := bind.FindStringSubmatch(field("user@odata.bind")(o))
	if found == nil {
		s.bad(w, "Bind requests expect a user.")
		return Member{}, false
	}
	u := s.user(found[1] + found[2])
	switch {
	case u == nil:
		s.notFound(w, "NotFound")
	case u.Disabled:
		s.refuse(w, http.StatusForbidden, "Forbidden", "Forbidden")
	case role != "owner" && role != "guest", (role == "guest") != u.Guest:
		s.bad(w, "Invalid role specified for member.")
	default:
		m := Member{UserID: u.ID, Role: role, History: s.now()}
		if v := field("visibleHistoryStartDateTime")(o); v != "" {
			at, err := time.Parse(time.RFC3339, v)
			if err != nil {
				s.bad(w, "The time is not valid.")
				return Member{}, false
			}
			m.History = at.UTC()
		}
		return m, true
	}
	return Member{}, false
}

// find returns the chat of a call if one of the permissions is granted, or
// answers.
func (s *Server) find(w http.ResponseWriter, r *http.Request, wanted ...string) *chat {
	c := s.chat(r.PathValue("chat"))
	switch {
	case !s.allowed(c, wanted...):
		s.missing(w, wanted...)
		return nil
	case c == nil:
		s.notFound(w, "NotFound")
	}
	return c
}

func (s *Server) getChat(w http.ResponseWriter, r *http.Request) {
	c := s.find(w, r, "ChatSettings.Read.Chat", "ChatSettings.ReadWrite.Chat", "Chat.Manage.Chat", "Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All")
	if c != nil && s.options(w, r.URL.Query(), "$select", "$expand") {
		answer(w, http.StatusOK, s.wireChat(c))
	}
}

func (s *Server) patchChat(w http.ResponseWriter, r *http.Request) {
	c := s.find(w, r, "ChatSettings.ReadWrite.Chat", "Chat.Manage.Chat", "Chat.ReadWrite.All")
	if c == nil {
		return
	}
	body, ok := s.decode(w, r, "topic", "@odata.type")
	if !ok || !s.topicFits(w, body) {
		return
	}
	c.Topic, c.updated = field("topic")(body), s.now()
	s.dirty = append(s.dirty, c)
	answer(w, http.StatusOK, s.wireChat(c))
}

func (s *Server) getMembers(w http.ResponseWriter, r *http.Request) {
	c := s.find(w, r, "ChatMember.Read.Chat", "Chat.Manage.Chat", "ChatMember.Read.All", "ChatMember.ReadWrite.All", "Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All")
	if c == nil || !s.options(w, r.URL.Query(), "$top", "$filter") {
		return
	}
	var all []object
	for _, m := range c.Members {
		o := object{
			"@odata.type": "#microsoft.graph.aadUserConversationMember", "id": s.membership(c, m.UserID), "roles": []string{m.Role},
			"displayName": nil, "userId": m.UserID, "email": nil, "tenantId": s.opt.TenantID, "visibleHistoryStartDateTime": stamp(m.History),
		}
		if u := s.user(m.UserID); u != nil {
			o["displayName"], o["email"] = u.Name, u.Mail
		}
		all = append(all, o)
	}
	s.page(w, r, all)
}

// postMember adds somebody to a chat. Somebody who is there is a conflict; that
// is a guess.
// https://learn.microsoft.com/graph/api/chat-post-members
func (s *Server) postMember(w http.ResponseWriter, r *http.Request) {
	c := s.find(w, r, "Chat.Manage.Chat", "ChatMember.ReadWrite.All", "Chat.ReadWrite.All")
	if c == nil {
		return
	}
	body, ok := s.decode(w, r, "@odata.type", "roles", "user@odata.bind", "visibleHistoryStartDateTime", "tenantId")
	if !ok {
		return
	}
	m, ok := s.readMember(w, body, r)
	switch {
	case !ok:
	case c.member(m.UserID):
		s.refuse(w, http.StatusConflict, "Conflict", "The member is already part of the chat.")
	case len(c.Members) >= maxMembers:
		s.bad(w, "The chat has as many members as it can have.")
	default:
		c.Members, c.updated = append(c.Members, m), s.now()
		s.dirty = append(s.dirty, c)
		w.Header().Set("Location", "/chats/"+c.ID+"/members/"+s.membership(c, m.UserID))
		w.WriteHeader(http.StatusCreated)
	}
}
