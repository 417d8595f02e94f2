package jirasim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"imbot/integrations/internal/delivery"
	"imbot/integrations/jira"
)

const (
	liveWorkers = 4 // webhooks delivered at the same time in Live mode
	maxRetries  = 5 // of a webhook, on Cloud
)

// Mischief makes deliveries as unpleasant as Jira's may be.
type Mischief = delivery.Mischief

// Stats counts what happened to webhooks.
type Stats = delivery.Stats

// newQueue is the delivery of webhooks by Jira's rules, to the one receiver.
func (s *Server) newQueue() *delivery.Queue[struct{}] {
	o := delivery.Options[struct{}]{
		Lock: &s.mu, Rand: s.rnd, Now: s.now, Step: func(d time.Duration) { s.offset += d },
		HTTP: s.opt.HTTP, Timeout: s.opt.DeliveryTimeout, Backoff: s.opt.Backoff, Request: s.request, Judge: s.judge,
	}
	if s.opt.Live {
		o.Live = liveWorkers
	}
	return delivery.New(o)
}

// SetWebhook makes the simulator send webhooks to url, signed with secret, as an
// administrator does. An empty secret: unsigned; an empty url: none.
func (s *Server) SetWebhook(url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hookURL, s.hookSecret = url, secret
}

// issueEvent puts an event about an issue on its way. The caller holds mu.
func (s *Server) issueEvent(by *User, i *issue, kind, subtype string, items []object) {
	body := object{"webhookEvent": kind, "user": s.wireUser(by), "issue": s.wireIssue(&i.Issue, nil)}
	if subtype != "" {
		body["issue_event_type_name"] = subtype
	}
	if items != nil {
		body["changelog"] = object{"id": strconv.Itoa(s.newID()), "items": items}
	}
	s.emit(body)
}

// commentEvent puts a new comment on its way. Data Center tells of it as a
// change of the issue, too.
func (s *Server) commentEvent(by *User, i *issue, c Comment) {
	wire := s.wireComment(&i.Issue, c)
	body := object{"webhookEvent": "comment_created", "comment": wire}
	if s.opt.DataCenter {
		s.emit(object{"webhookEvent": "jira:issue_updated", "issue_event_type_name": "issue_commented", "user": s.wireUser(by), "issue": s.wireIssue(&i.Issue, nil), "comment": wire})
	} else {
		body["issue"] = s.wireIssue(&i.Issue, []string{"summary", "issuetype", "project", "assignee", "priority", "status"})
	}
	s.emit(body)
}

func (s *Server) emit(body object) {
	if s.hookURL == "" {
		return
	}
	body["timestamp"] = s.now().UnixMilli()
	raw, err := json.Marshal(body)
	if err != nil {
		panic("jirasim: " + err.Error()) // plain values
	}
	w := &delivery.Webhook{Body: raw}
	if !s.opt.DataCenter {
		w.ID = fmt.Sprintf("%016x%016x", s.rnd.Uint64(), s.rnd.Uint64())
	}
	delivery.Push(s.Queue, struct{}{}, w)
}

func (s *Server) request(_ struct{}, w *delivery.Webhook) (string, http.Header) {
	h := http.Header{"Content-Type": {"application/json;charset=UTF-8"}, "User-Agent": {"Atlassian HttpClient"}}
	if s.hookSecret != "" {
		h.Set(jira.SignatureHeader, jira.Sign(w.Body, s.hookSecret))
	}
	if !s.opt.DataCenter {
		h.Set(jira.IDHeader, w.ID)
		h.Set(jira.FlowHeader, "Primary")
		if w.Attempts > 0 {
			h.Set(jira.RetryHeader, strconv.Itoa(w.Attempts))
		}
	}
	return s.hookURL, h
}

// judge applies Jira's rules to an answer: Cloud tries again, up to five times,
// where there is no answer and after 408, 409, 425, 429 and 5xx; Data Center
// never does.
// https://developer.atlassian.com/cloud/jira/platform/webhooks/#retry-policy
func (s *Server) judge(_ struct{}, w *delivery.Webhook, status int) delivery.Verdict {
	passing := status == 0 || status/100 == 5 || slices.Contains([]int{408, 409, 425, 429}, status)
	switch {
	case status/100 == 2:
		return delivery.Delivered
	case passing && w.Attempts < maxRetries && !s.opt.DataCenter:
		return delivery.Again
	}
	return delivery.Dropped
}
