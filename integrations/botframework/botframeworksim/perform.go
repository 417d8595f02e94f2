package botframeworksim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"imbot/integrations/botframework"
)

// perform does what was asked. s.mu is held.
func (s *Server) perform(r *http.Request, path []string, call Call) (status int, out any, f *failure) {
	switch call.Op {
	case "create":
		return s.create(call)
	case "unknown":
		return 0, nil, fail(http.StatusNotFound, "NotFound", "no such operation")
	case "channels", "team":
		return s.teamCall(call)
	}
	c, root, f := s.find(call.ConversationID)
	if f != nil {
		return 0, nil, f
	}
	windows, kind := sendWindows, "send "
	if r.Method == http.MethodGet {
		windows, kind = readWindows, "read "
	}
	if f := s.limit(kind+c.id, windows); f != nil {
		return 0, nil, f
	}
	if f := s.writable(c); f != nil {
		return 0, nil, f
	}
	switch call.Op {
	case "send", "reply":
		return s.send(c, root, call, r.URL.Query().Get("isTargetedActivity") == "true")
	case "update":
		return s.update(c, root, call)
	case "delete":
		return s.remove(c, root, call)
	case "member":
		return s.member(c, path[3])
	}
	return s.members(c, r)
}

func (s *Server) limit(key string, windows []window) *failure {
	if early := s.take(key, windows); early > 0 {
		f := fail(http.StatusTooManyRequests, "TooManyRequests", "the rate limit is reached")
		f.retryAfter = early
		return f
	}
	return nil
}

// find returns the conversation and, for a thread, its first post's id.
func (s *Server) find(convID string) (*conversation, string, *failure) {
	base, root := splitThread(convID)
	c := s.convs[base]
	for _, u := range s.users {
		if c == nil && base == s.graphChat(u) {
			c = s.convs[personalID(u.ID)]
		}
	}
	if c == nil || c.deleted {
		return nil, "", fail(http.StatusNotFound, "ConversationNotFound", "Conversation not found.")
	}
	if root != "" {
		p := c.post(root)
		if c.kind != botframework.ConversationChannel || p == nil || p.ThreadID != root {
			return nil, "", fail(http.StatusNotFound, "ThreadNotFound", "Thread not found.")
		}
	}
	return c, root, nil
}

func (s *Server) writable(c *conversation) *failure {
	if !c.hasBot() {
		return fail(http.StatusForbidden, "BotNotInConversationRoster", "The bot is not part of the conversation roster.")
	}
	if c.kind == botframework.ConversationPersonal && s.users[c.members[0]].blocked {
		return &failure{status: http.StatusForbidden, body: map[string]any{
			"errorCode": 209, "message": `{"subCode":"MessageWritesBlocked","details":"Thread is blocked from message writes."}`,
		}}
	}
	return nil
}

func (s *Server) send(c *conversation, root string, call Call, targeted bool) (int, any, *failure) {
	a, f := s.readMessage(call.Body)
	if f != nil {
		return 0, nil, f
	}
	if a.Type == botframework.TypeTyping {
		return http.StatusAccepted, nil, nil
	}
	if call.Op == "reply" {
		p := c.post(call.ActivityID)
		if p == nil || p.Deleted {
			return 0, nil, fail(http.StatusNotFound, "ActivityNotFoundInConversation", "The activity is not in the conversation.")
		}
		root = p.ThreadID
	}
	p := &Post{From: s.BotID(), ByBot: true, Activity: *a}
	if targeted || a.Recipient.IsTargeted {
		if !targeted || !a.Recipient.IsTargeted || c.kind == botframework.ConversationPersonal || !slices.Contains(c.roster(), a.Recipient.ID) {
			return 0, nil, fail(http.StatusBadRequest, "BadArgument", "a targeted message needs the query, the recipient and a group")
		}
		p.TargetedTo = a.Recipient.ID
	}
	s.add(c, root, p)
	return http.StatusCreated, map[string]string{"id": p.ID}, nil
}

// add puts a post into the conversation: in a channel into a thread, or as the
// first of a new one.
func (s *Server) add(c *conversation, root string, p *Post) {
	p.ID, p.ConversationID, p.Posted = s.activityID(), c.id, s.o.Now()
	if c.kind == botframework.ConversationChannel {
		if p.ThreadID = root; root == "" {
			p.ThreadID = p.ID
		}
	}
	p.Activity.ID = p.ID
	c.posts = append(c.posts, p)
}

// own finds the bot's post that is to be changed.
func (s *Server) own(c *conversation, root, id string) (*Post, *failure) {
	p := c.post(id)
	if p == nil || p.Deleted || root != "" && p.ThreadID != root {
		return nil, fail(http.StatusNotFound, "ActivityNotFoundInConversation", "The activity is not in the conversation.")
	}
	if !p.ByBot {
		return nil, fail(http.StatusForbidden, "Forbidden", "The message is not the bot's.")
	}
	return p, nil
}

func (s *Server) update(c *conversation, root string, call Call) (int, any, *failure) {
	p, f := s.own(c, root, call.ActivityID)
	if f != nil {
		return 0, nil, f
	}
	a, f := s.readMessage(call.Body)
	if f != nil {
		return 0, nil, f
	}
	if a.Type != botframework.TypeMessage || a.ID != "" && a.ID != p.ID {
		return 0, nil, fail(http.StatusBadRequest, "BadArgument", "an update is a message with the same id")
	}
	p.History = append(p.History, p.Activity)
	p.Activity, p.Updated = *a, s.o.Now()
	p.Activity.ID = p.ID
	return http.StatusOK, map[string]string{"id": p.ID}, nil
}

func (s *Server) remove(c *conversation, root string, call Call) (int, any, *failure) {
	p, f := s.own(c, root, call.ActivityID)
	if f != nil {
		return 0, nil, f
	}
	p.Deleted, p.Updated = true, s.o.Now()
	return http.StatusOK, nil, nil
}

func (s *Server) member(c *conversation, id string) (int, any, *failure) {
	for _, uid := range c.roster() {
		if u := s.users[uid]; u != nil && (u.ID == id || u.AADObjectID == id) {
			return http.StatusOK, memberJSON(u), nil
		}
	}
	return 0, nil, fail(http.StatusNotFound, "MemberNotFoundInConversation", "The user is not in the conversation.")
}

func memberJSON(u *User) map[string]string {
	role := "user"
	switch {
	case u.Anonymous: // https://learn.microsoft.com/microsoftteams/platform/apps-in-teams-meetings/build-apps-for-anonymous-user
		return map[string]string{"id": u.ID, "name": u.Name, "tenantId": u.TenantID, "userRole": "anonymous"}
	case u.Guest:
		role = "guest"
	}
	return map[string]string{
		"id": u.ID, "name": u.Name, "aadObjectId": u.AADObjectID, "objectId": u.AADObjectID, "email": u.Mail,
		"userPrincipalName": u.UPN, "tenantId": u.TenantID, "userRole": role,
	}
}

// members answers both forms of the roster. Pages hold 50 to 500 people.
func (s *Server) members(c *conversation, r *http.Request) (int, any, *failure) {
	all := []map[string]string{}
	for _, uid := range c.roster() {
		if u := s.users[uid]; u != nil {
			all = append(all, memberJSON(u))
		}
	}
	q := r.URL.Query()
	if len(q) == 0 {
		return http.StatusOK, all, nil
	}
	size, _ := strconv.Atoi(q.Get("pageSize"))
	size = min(max(size, 50), 500)
	from, _ := strconv.Atoi(q.Get("continuationToken"))
	from = min(max(from, 0), len(all))
	to := min(from+size, len(all))
	page := map[string]any{"members": all[from:to]}
	if to < len(all) {
		page["continuationToken"] = strconv.Itoa(to)
	}
	return http.StatusOK, page, nil
}

func (s *Server) teamCall(call Call) (int, any, *failure) {
	t := s.teams[call.ConversationID]
	if t == nil {
		return 0, nil, fail(http.StatusNotFound, "TeamNotFound", "Team not found.")
	}
	if f := s.limit("read "+t.id, readWindows); f != nil {
		return 0, nil, f
	}
	if !t.botIn {
		return 0, nil, fail(http.StatusForbidden, "BotNotInConversationRoster", "The bot is not part of the team.")
	}
	if call.Op == "team" {
		return http.StatusOK, map[string]any{"id": t.id, "name": t.name, "aadGroupId": t.aadGroupID}, nil
	}
	var list []botframework.Ref
	for _, id := range t.channels {
		if c := s.convs[id]; !c.deleted {
			list = append(list, botframework.Ref{ID: id, Name: c.name})
		}
	}
	return http.StatusOK, map[string]any{"conversations": list}, nil
}

type createBody struct {
	IsGroup     *bool                     `json:"isGroup"`
	Bot         botframework.Account      `json:"bot"`
	Members     []botframework.Account    `json:"members"`
	TenantID    string                    `json:"tenantId"`
	ChannelData *botframework.ChannelData `json:"channelData"`
	Activity    json.RawMessage           `json:"activity"`
}
