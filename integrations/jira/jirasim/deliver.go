package jirasim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"imbot/integrations/jira"
)

const (
	liveWorkers = 4 // webhooks delivered at the same time in Live mode
	maxRetries  = 5 // of a webhook, on Cloud
)

// Mischief makes deliveries as unpleasant as Jira's may be. Each share is a
// probability from 0 to 1. The zero value is no mischief.
type Mischief struct {
	Lose      float64 // share of webhooks that never leave
	Duplicate float64 // share that are delivered twice
	Reorder   float64 // share that overtake others
}

// Stats counts what happened to webhooks.
type Stats struct {
	Attempts  int // requests made
	Delivered int // answered with 2xx, duplicates included
	Retried   int // attempts that failed and are made again
	Dropped   int // refused, or given up
	Lost      int // by mischief
	Pending   int // waiting now
}

// webhook is one event on its way.
type webhook struct {
	id       string // the same over all attempts; Cloud only
	body     []byte
	rank     int64 // what is delivered first of those that are due together
	due      time.Time
	attempts int
}

// SetWebhook makes the simulator send webhooks to url, signed with secret, as an
// administrator does. An empty secret: unsigned; an empty url: none.
func (s *Server) SetWebhook(url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hookURL, s.hookSecret = url, secret
}

// SetMischief sets the mischief of what happens from now on.
func (s *Server) SetMischief(m Mischief) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mischief = m
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Pending = len(s.queue) + s.busy
	return st
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
	if s.rnd.Float64() < s.mischief.Lose {
		s.stats.Lost++
		return
	}
	body["timestamp"] = s.now().UnixMilli()
	raw, err := json.Marshal(body)
	if err != nil {
		panic("jirasim: " + err.Error()) // plain values
	}
	w := &webhook{body: raw, due: s.deliveryTime()}
	if !s.opt.DataCenter {
		w.id = fmt.Sprintf("%016x%016x", s.rnd.Uint64(), s.rnd.Uint64())
	}
	s.push(w)
	if s.rnd.Float64() < s.mischief.Duplicate {
		again := *w
		s.push(&again)
	}
}

func (s *Server) push(w *webhook) {
	s.seq++
	w.rank = s.seq
	if s.rnd.Float64() < s.mischief.Reorder {
		w.rank = s.rnd.Int64N(s.seq)
	}
	s.queue = append(s.queue, w)
	select {
	case s.wake <- struct{}{}:
	default: // it will look
	}
}

// deliveryTime is the clock of waiting: the real one in Live mode, where nobody
// steps the other.
func (s *Server) deliveryTime() time.Time {
	if s.opt.Live {
		return time.Now()
	}
	return s.now()
}

// next takes the webhook that is due first, or says when one will be. The zero
// time says that there is none.
func (s *Server) next() (*webhook, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, time.Time{}
	}
	now, best := s.deliveryTime(), -1
	var soonest time.Time
	for n, w := range s.queue {
		if soonest.IsZero() || w.due.Before(soonest) {
			soonest = w.due
		}
		if !w.due.After(now) && (best < 0 || w.rank < s.queue[best].rank) {
			best = n
		}
	}
	if best < 0 {
		return nil, soonest
	}
	w := s.queue[best]
	s.queue = slices.Delete(s.queue, best, best+1)
	s.busy++
	return w, time.Time{}
}

// Deliver makes all attempts that are due, one after the other, until none is,
// and returns how many it made.
func (s *Server) Deliver(ctx context.Context) int {
	n := 0
	for ctx.Err() == nil {
		w, _ := s.next()
		if w == nil {
			break
		}
		s.attempt(ctx, w)
		n++
	}
	return n
}

// Advance moves the simulator's clock forward, stopping to deliver whenever
// something becomes due, and returns how many attempts were made.
func (s *Server) Advance(ctx context.Context, d time.Duration) int {
	end, n := s.Now().Add(d), 0
	for ctx.Err() == nil {
		n += s.Deliver(ctx)
		due := end
		s.mu.Lock()
		for _, w := range s.queue {
			if w.due.Before(due) {
				due = w.due
			}
		}
		s.offset += max(due.Sub(s.now()), 0)
		s.mu.Unlock()
		if !due.Before(end) {
			return n + s.Deliver(ctx)
		}
	}
	return n
}

// Wait returns when nothing waits to be delivered, or with ctx's error. It is
// for Live mode.
func (s *Server) Wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		pending, idle := len(s.queue)+s.busy, s.idle
		s.mu.Unlock()
		if pending == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deliverLive delivers in the background until ctx ends.
func (s *Server) deliverLive(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	slots := make(chan struct{}, liveWorkers)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		w, due := s.next()
		for w == nil {
			var timer <-chan time.Time
			if !due.IsZero() {
				timer = time.After(time.Until(due))
			}
			select {
			case <-s.wake:
			case <-timer:
			case <-ctx.Done():
				return
			}
			w, due = s.next()
		}
		workers.Go(func() {
			s.attempt(ctx, w)
			<-slots
		})
	}
}

// attempt delivers a webhook that next has handed out.
func (s *Server) attempt(ctx context.Context, w *webhook) {
	s.mu.Lock()
	url, secret := s.hookURL, s.hookSecret
	s.mu.Unlock()
	h := http.Header{"Content-Type": {"application/json;charset=UTF-8"}, "User-Agent": {"Atlassian HttpClient"}}
	if secret != "" {
		h.Set(jira.SignatureHeader, jira.Sign(w.body, secret))
	}
	if !s.opt.DataCenter {
		h.Set(jira.IDHeader, w.id)
		h.Set(jira.FlowHeader, "Primary")
		if w.attempts > 0 {
			h.Set(jira.RetryHeader, strconv.Itoa(w.attempts))
		}
	}
	status := s.post(ctx, url, h, w.body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(w, status, ctx.Err() != nil)
	close(s.idle)
	s.idle = make(chan struct{})
}

// post returns the status of the answer, or 0 if there was none.
func (s *Server) post(ctx context.Context, url string, h http.Header, body []byte) int {
	ctx, cancel := context.WithTimeout(ctx, s.opt.DeliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header = h
	resp, err := s.client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the status is the answer
	return resp.StatusCode
}

// settle applies Jira's rules after an attempt: Cloud tries again, up to five
// times, where there is no answer and after 408, 409, 425, 429 and 5xx; Data
// Center never does. cut says that the attempt was cut short by its caller, and
// counts for nothing.
// https://developer.atlassian.com/cloud/jira/platform/webhooks/#retry-policy
func (s *Server) settle(w *webhook, status int, cut bool) {
	s.busy--
	if cut {
		s.queue = append(s.queue, w)
		return
	}
	s.stats.Attempts++
	passing := status == 0 || status/100 == 5 || slices.Contains([]int{408, 409, 425, 429}, status)
	switch {
	case status/100 == 2:
		s.stats.Delivered++
	case passing && w.attempts < maxRetries && !s.opt.DataCenter:
		s.stats.Retried++
		w.attempts++
		w.due = s.deliveryTime().Add(s.opt.Backoff(w.attempts))
		s.queue = append(s.queue, w)
		select {
		case s.wake <- struct{}{}:
		default: // it will look
		}
	default:
		s.stats.Dropped++
	}
}
