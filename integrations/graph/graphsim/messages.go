package graphsim

import (
	"net/http"
	"time"
)

// Message is one of a chat.
type Message struct {
	ID      string
	UserID  string // of its author; "" for an app
	Author  string // name of the author; default that of the user
	HTML    string
	At      time.Time // when it was written; default now
	Edited  bool
	Deleted bool // Graph shows that there was one, and not what it said
}

// PutMessage writes a message into a chat, or replaces the one with its id, as
// people do in Teams. It reports whether there is such a chat.
func (s *Server) PutMessage(chatID string, m Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chat(chatID)
	if c == nil {
		return false
	}
	if m.At.IsZero() {
		m.At = s.now()
	}
	if c.messages == nil {
		c.messages = map[string]Message{}
	}
	c.messages[m.ID] = m
	return true
}

// getMessage answers with one message of a chat. Links to messages are of
// channels only.
// https://learn.microsoft.com/graph/api/chatmessage-get
func (s *Server) getMessage(w http.ResponseWriter, r *http.Request) {
	c := s.find(w, r, "ChatMessage.Read.Chat", "Chat.Read.All", "Chat.ReadWrite.All")
	if c == nil || !s.options(w, r.URL.Query()) {
		return
	}
	m, ok := c.messages[r.PathValue("message")]
	if !ok {
		s.notFound(w, "NotFound")
		return
	}
	answer(w, http.StatusOK, s.wireMessage(c, &m))
}

// wireMessage writes a message. Objects that are null are left out: Microsoft's
// description and its examples differ on them.
// https://learn.microsoft.com/graph/api/resources/chatmessage
func (s *Server) wireMessage(c *chat, m *Message) object {
	from := object{}
	name := m.Author
	if u := s.user(m.UserID); u != nil && name == "" {
		name = u.Name
	}
	if m.UserID != "" {
		from["user"] = object{"@odata.type": "#microsoft.graph.teamworkUserIdentity", "id": m.UserID, "displayName": name, "userIdentityType": "aadUser"}
	} else {
		from["application"] = object{"@odata.type": "#microsoft.graph.teamworkApplicationIdentity", "id": s.opt.AppID, "displayName": name, "applicationIdentityType": "bot"}
	}
	o := object{
		"@odata.context": s.URL() + "/$metadata#chats('" + c.ID + "')/messages/$entity",
		"id":             m.ID, "replyToId": nil, "etag": m.ID, "messageType": "message", "chatId": c.ID,
		"createdDateTime": stamp(m.At), "lastModifiedDateTime": stamp(m.At), "lastEditedDateTime": nil, "deletedDateTime": nil,
		"subject": nil, "summary": nil, "importance": "normal", "locale": "en-us", "webUrl": nil,
		"from": from, "body": object{"contentType": "html", "content": m.HTML},
		"attachments": []object{}, "mentions": []object{}, "reactions": []object{},
	}
	if m.Edited {
		o["lastEditedDateTime"] = stamp(s.now())
	}
	if m.Deleted {
		o["deletedDateTime"], o["body"] = stamp(s.now()), object{"contentType": "html", "content": ""}
	}
	return o
}
