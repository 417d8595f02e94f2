package botframeworksim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"imbot/integrations/botframework"
)

// Post is one message in a conversation, by the bot or by a person.
type Post struct {
	// ID is the activity id.
	ID string
	// ConversationID is that of the chat or channel, without a thread.
	ConversationID string
	// ThreadID is the id of the thread's first post, in channels: the post's own
	// for the first one. "" elsewhere.
	ThreadID string
	// From is the id of the author, ByBot whether that is the bot.
	From  string
	ByBot bool
	// Activity is the current content as it was received.
	Activity botframework.Activity
	// History holds the earlier contents, oldest first.
	History []botframework.Activity
	// Deleted posts stay in the list.
	Deleted bool
	// Posted and Updated are times of the simulator's clock.
	Posted  time.Time
	Updated time.Time
	// TargetedTo is the only person who sees the post; "" means everybody.
	TargetedTo string
}

// Card returns the current Adaptive Card, nil if there is none.
func (p Post) Card() json.RawMessage { return card(p.Activity) }

func card(a botframework.Activity) json.RawMessage {
	for _, at := range a.Attachments {
		if at.ContentType == botframework.ContentTypeAdaptiveCard {
			return at.Content
		}
	}
	return nil
}

// Contains reports whether the current content has the text, be it in the
// message or in its card.
func (p Post) Contains(text string) bool {
	a := p.Activity
	if strings.Contains(a.Text, text) || strings.Contains(a.Summary, text) {
		return true
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return false
	}
	quoted = bytes.Trim(quoted, `"`)
	return slices.ContainsFunc(a.Attachments, func(at botframework.Attachment) bool {
		return bytes.Contains(at.Content, quoted) || bytes.Contains(at.Content, []byte(text))
	})
}

// Posts returns the bot's posts in a conversation in order, deleted ones
// included; with the id of a channel thread, those of the thread. They are
// copies.
func (s *Server) Posts(convID string) []Post {
	return s.list(convID, func(p *Post) bool { return p.ByBot })
}

// Transcript returns all posts in a conversation, people's included.
func (s *Server) Transcript(convID string) []Post {
	return s.list(convID, func(*Post) bool { return true })
}

func (s *Server) list(convID string, want func(*Post) bool) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	base, thread := splitThread(convID)
	c := s.convs[base]
	if c == nil {
		return nil
	}
	var out []Post
	for _, p := range c.posts {
		if want(p) && (thread == "" || p.ThreadID == thread) {
			cp := *p
			cp.History = slices.Clone(p.History)
			out = append(out, cp)
		}
	}
	return out
}

// PostCount returns how many posts the bot made in the conversation, deleted
// ones included; "" means in all.
func (s *Server) PostCount(convID string) int {
	return s.sum(convID, func(*Post) int { return 1 })
}

// UpdateCount returns how many updates the bot made in the conversation; ""
// means in all.
func (s *Server) UpdateCount(convID string) int {
	return s.sum(convID, func(p *Post) int { return len(p.History) })
}

func (s *Server) sum(convID string, of func(*Post) int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	base, _ := splitThread(convID)
	n := 0
	for id, c := range s.convs {
		if convID != "" && id != base {
			continue
		}
		for _, p := range c.posts {
			if p.ByBot {
				n += of(p)
			}
		}
	}
	return n
}

func splitThread(convID string) (base, root string) {
	base, root, _ = strings.Cut(convID, ";messageid=")
	return base, root
}
