package botframeworksim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"imbot/integrations/botframework"
)

// create opens a personal chat or starts a thread in a channel. s.mu is held.
func (s *Server) create(call Call) (int, any, *failure) {
	var in createBody
	if json.Unmarshal(call.Body, &in) != nil || in.IsGroup == nil {
		return 0, nil, fail(http.StatusBadRequest, "BadSyntax", "no conversation parameters")
	}
	if in.Bot.ID != "" && in.Bot.ID != s.BotID() {
		return 0, nil, fail(http.StatusForbidden, "Forbidden", "another bot")
	}
	if *in.IsGroup {
		return s.createThread(in)
	}
	return s.createPersonal(in)
}

func (s *Server) createThread(in createBody) (int, any, *failure) {
	if in.ChannelData == nil || in.ChannelData.Channel == nil || len(in.Activity) == 0 {
		return 0, nil, fail(http.StatusBadRequest, "BadArgument", "a channel and an activity are needed: a bot cannot create group chats")
	}
	c, root, f := s.find(in.ChannelData.Channel.ID)
	if f != nil {
		return 0, nil, f
	}
	if c.kind != botframework.ConversationChannel || root != "" {
		return 0, nil, fail(http.StatusBadRequest, "BadArgument", "not a channel")
	}
	if f := s.limit("send "+c.id, sendWindows); f != nil {
		return 0, nil, f
	}
	if f := s.writable(c); f != nil {
		return 0, nil, f
	}
	a, f := s.readMessage(in.Activity)
	if f != nil {
		return 0, nil, f
	}
	p := &Post{From: s.BotID(), ByBot: true, Activity: *a}
	s.add(c, "", p)
	return http.StatusCreated, map[string]string{
		"id": c.id + ";messageid=" + p.ID, "activityId": p.ID, "serviceUrl": s.ServiceURL(),
	}, nil
}

func (s *Server) createPersonal(in createBody) (int, any, *failure) {
	if len(in.Members) != 1 || in.Bot.ID == "" {
		return 0, nil, fail(http.StatusBadRequest, "BadArgument", "a bot and exactly one member are needed")
	}
	u := s.users[in.Members[0].ID]
	if u == nil {
		return 0, nil, fail(http.StatusBadRequest, "BadArgument", "the member is no user id of this bot")
	}
	tenant := in.TenantID
	if in.ChannelData != nil && in.ChannelData.Tenant != nil {
		tenant = in.ChannelData.Tenant.ID
	}
	if tenant != u.TenantID {
		return 0, nil, fail(http.StatusForbidden, "Forbidden", "the user is not of this tenant")
	}
	if f := s.limit("create", sendWindows); f != nil {
		return 0, nil, f
	}
	c := s.convs[personalID(u.ID)]
	if !c.botIn && !s.meets(u.ID) {
		return 0, nil, s.writable(c)
	}
	c.botIn = true
	return http.StatusCreated, map[string]string{"id": c.id, "serviceUrl": s.ServiceURL()}, nil
}

// meets reports whether the bot shares a team or group chat with the user.
func (s *Server) meets(userID string) bool {
	for _, c := range s.convs {
		if c.kind != botframework.ConversationPersonal && c.hasBot() && slices.Contains(c.roster(), userID) {
			return true
		}
	}
	return false
}

// readMessage checks an activity that the bot sends.
func (s *Server) readMessage(body []byte) (*botframework.Activity, *failure) {
	if size := botframework.UTF16Size(body); size > s.o.MaxMessage {
		return nil, fail(http.StatusRequestEntityTooLarge, "MessageSizeTooBig", fmt.Sprintf("%d bytes", size))
	}
	a, err := botframework.DecodeActivity(body)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "BadSyntax", err.Error())
	}
	switch a.Type {
	case botframework.TypeTyping:
		return a, nil
	case botframework.TypeMessage:
	default:
		return nil, fail(http.StatusBadRequest, "BadArgument", "Unknown activity type "+a.Type)
	}
	if a.Text == "" && len(a.Attachments) == 0 {
		return nil, fail(http.StatusBadRequest, "BadSyntax", "Activity must include non empty 'text' field or at least 1 attachment")
	}
	for _, e := range a.Entities {
		if e.Type != "mention" {
			continue
		}
		if e.Mentioned == nil || e.Mentioned.ID == "" || !strings.HasPrefix(e.Text, "<at>") || !strings.Contains(a.Text, e.Text) {
			return nil, fail(http.StatusBadRequest, "BadArgument", "a mention's text must be <at>…</at> and occur in the text")
		}
	}
	for _, at := range a.Attachments {
		if f := checkAttachment(at); f != nil {
			return nil, f
		}
	}
	return a, nil
}

func checkAttachment(at botframework.Attachment) *failure {
	if at.ContentType == "" {
		return fail(http.StatusBadRequest, "BadSyntax", "an attachment without contentType")
	}
	if at.ContentType != botframework.ContentTypeAdaptiveCard {
		return nil
	}
	var c struct {
		Type    string `json:"type"`
		Version string `json:"version"`
	}
	if json.Unmarshal(at.Content, &c) != nil || c.Type != "AdaptiveCard" || c.Version == "" {
		return fail(http.StatusBadRequest, "BadArgument", "the attachment is no Adaptive Card")
	}
	return nil
}
