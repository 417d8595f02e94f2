package botframeworksim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/entrasim"
)

// Delivery is an activity that was posted to the bot, or not.
type Delivery struct {
	// Delivered is false if Teams would not have sent the activity: nobody
	// mentioned the bot, or it is not installed, or it has no endpoint.
	Delivered bool
	// ActivityID is the id of the activity.
	ActivityID string
	// Activity is what was or would have been sent.
	Activity json.RawMessage
	// Status and Body are the bot's answer. Took is how long it took.
	Status int
	Body   []byte
	Took   time.Duration
}

// botTime is how long Teams waits for a bot. For message extensions it waits a
// third of it.
// https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/how-to/search-commands/respond-to-search
const botTime = 15 * time.Second

// ErrTooSlow is returned when the bot did not answer in the time Teams waits.
var ErrTooSlow = errors.New("teams simulator: the bot did not answer in time")

const maxBotAnswer = 1 << 20

// Redeliver posts the activity of an earlier delivery again, unchanged and with
// a fresh token, as Teams does when an answer got lost.
func (s *Server) Redeliver(ctx context.Context, d Delivery) (Delivery, error) {
	return s.Send(ctx, d.Activity)
}

// Send posts a raw activity to the bot, signed with a token for the service URL
// of the simulator, forged by the options.
func (s *Server) Send(ctx context.Context, activity json.RawMessage, options ...entrasim.TokenOption) (Delivery, error) {
	token, err := s.Token(options...)
	if err != nil {
		return Delivery{}, err
	}
	return s.SendWith(ctx, activity, "Bearer "+token)
}

// SendWith posts a raw activity with an Authorization header of the caller's
// making; "" means none.
func (s *Server) SendWith(ctx context.Context, activity json.RawMessage, authorization string) (Delivery, error) {
	return s.post(ctx, activity, authorization, s.o.Patience)
}

func (s *Server) post(ctx context.Context, activity json.RawMessage, authorization string, limit time.Duration) (Delivery, error) {
	d := Delivery{Activity: activity}
	var head struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(activity, &head) // raw activities may be anything
	d.ActivityID = head.ID
	s.mu.Lock()
	endpoint := s.endpoint
	s.mu.Unlock()
	if endpoint == "" {
		return d, nil
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, http.MethodPost, endpoint, bytes.NewReader(activity))
	if err != nil {
		return d, fmt.Errorf("teams simulator: bot endpoint: %w", err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	began := time.Now()
	resp, err := s.o.HTTP.Do(req)
	if err == nil {
		defer resp.Body.Close()
		d.Delivered, d.Status = true, resp.StatusCode
		d.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBotAnswer))
	}
	d.Took = time.Since(began)
	if err != nil {
		if bounded.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %s", ErrTooSlow, limit)
		}
		return d, err
	}
	s.mu.Lock()
	s.received(string(d.Body))
	s.touch()
	s.mu.Unlock()
	return d, nil
}

// deliver signs an activity and posts it; a refusal by the bot is an error.
func (s *Server) deliver(ctx context.Context, a map[string]any, limit time.Duration) (Delivery, error) {
	raw, err := json.Marshal(a)
	if err != nil {
		return Delivery{}, fmt.Errorf("teams simulator: encode activity: %w", err)
	}
	token, err := s.Token()
	if err != nil {
		return Delivery{}, err
	}
	d, err := s.post(ctx, raw, "Bearer "+token, limit)
	if err == nil && d.Delivered && (d.Status < 200 || d.Status > 299) {
		err = fmt.Errorf("teams simulator: the bot answered %d to %v %v", d.Status, a["type"], a["name"])
	}
	return d, err
}

// envelope makes the part of an activity that is the same for all kinds. s.mu
// is held.
func (s *Server) envelope(kind, id string, c *conversation, root string, u *User) map[string]any {
	now := s.o.Now()
	conv := map[string]any{"id": c.id, "conversationType": c.kind, "tenantId": c.tenant}
	data := map[string]any{"tenant": map[string]any{"id": c.tenant}}
	if c.kind != botframework.ConversationPersonal {
		conv["isGroup"] = true
	}
	if c.team != nil {
		data["channel"] = map[string]any{"id": c.id}
		data["team"] = map[string]any{"id": c.team.id}
		data["teamsChannelId"], data["teamsTeamId"] = c.id, c.team.id
		if root != "" {
			conv["id"] = c.id + ";messageid=" + root
		}
	}
	return map[string]any{
		"type": kind, "id": id, "channelId": channelID, "serviceUrl": s.ServiceURL(),
		"timestamp":      now.UTC().Format("2006-01-02T15:04:05.000Z"),
		"localTimestamp": now.Format("2006-01-02T15:04:05.000Z07:00"), "localTimezone": u.Timezone, "locale": u.Locale,
		"from": u.account(), "recipient": map[string]any{"id": s.BotID(), "name": s.o.BotName},
		"conversation": conv, "channelData": data,
		"entities": []any{map[string]any{"type": "clientInfo", "locale": u.Locale, "country": "ID", "platform": "Web", "timezone": u.Timezone}},
	}
}

// event sends the bot something about a conversation, unless it is not in it.
func (s *Server) event(ctx context.Context, kind, convID, userID string, body, data map[string]any) (Delivery, error) {
	s.mu.Lock()
	base, _ := splitThread(convID)
	c, u := s.convs[base], s.users[userID]
	if c == nil || u == nil {
		s.mu.Unlock()
		return Delivery{}, noSuch("conversation or user", convID+" "+userID)
	}
	a := s.envelope(kind, "f:"+s.newID(kind), c, "", u)
	if c.team != nil {
		a["channelData"].(map[string]any)["team"] = map[string]any{"id": c.team.id, "aadGroupId": c.team.aadGroupID, "name": c.team.name}
	}
	maps.Copy(a, body)
	maps.Copy(a["channelData"].(map[string]any), data)
	s.mu.Unlock()
	return s.deliver(ctx, a, s.o.Patience)
}
