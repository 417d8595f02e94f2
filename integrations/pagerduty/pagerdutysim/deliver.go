package pagerdutysim

import (
	"bytes"
	"container/heap"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"imbot/integrations/pagerduty"
)

// liveWorkers is how many webhooks are delivered at the same time in Live mode.
const liveWorkers = 16

// userAgent is what PagerDuty calls itself.
const userAgent = "PagerDuty-Webhook/V3.0"

// Mischief makes deliveries as unpleasant as PagerDuty's rules allow. Each
// share is a probability from 0 to 1. The zero value is no mischief.
type Mischief struct {
	Duplicate  float64       // share of webhooks that are delivered once more, even after later ones
	LoseAnswer float64       // share of good answers that get lost, so that the webhook is tried again
	Reorder    float64       // share of webhooks that overtake or fall behind those of other incidents
	Delay      time.Duration // webhooks wait up to so long before the first attempt
}

// Stats counts what happened to webhooks.
type Stats struct {
	Attempts  int // requests made
	Delivered int // answered with 2xx, duplicates included
	Retried   int // attempts that failed and are made again
	Dropped   int // refused with a 4xx
	Expired   int // given up after 48 h
	Lost      int // never sent: the subscription was disabled, or the body too long
	Disabled  int // times that a subscription was switched off
	Pending   int // waiting now
}

// SetMischief sets the mischief of what is delivered from now on.
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
	st.Pending = s.pending
	return st
}

// webhook is one event on its way to one subscription.
type webhook struct {
	id       string // the same over all attempts
	body     []byte
	rank     int64 // what is delivered first of those that are due together
	created  time.Time
	due      time.Time
	attempts int
	copy     bool // a duplicate by mischief
}

// lane holds the webhooks of one subscription and resource, in order: only the
// first is on its way.
type lane struct {
	sub      *subscription
	resource string
	queue    []*webhook
	busy     bool // the first is being delivered
	gone     bool // the queue was discarded
}

// laneHeap has the lane first whose first webhook is due first.
type laneHeap []*lane

func (h laneHeap) Len() int      { return len(h) }
func (h laneHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *laneHeap) Push(x any)   { *h = append(*h, x.(*lane)) }
func (h laneHeap) Less(i, j int) bool {
	a, b := h[i].queue[0], h[j].queue[0]
	if c := a.due.Compare(b.due); c != 0 {
		return c < 0
	}
	return a.rank < b.rank
}

func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h = old[:len(old)-1]
	return l
}

// deliveryTime is the clock of waiting: the real one in Live mode, where nobody
// steps the other.
func (s *Server) deliveryTime() time.Time {
	if s.opt.Live {
		return time.Now()
	}
	return s.now()
}

// enqueue puts an event on its way. The caller holds mu.
func (s *Server) enqueue(b *subscription, resource string, body []byte) {
	if s.disabled(b) || len(body) > maxWebhook {
		s.stats.Lost++
		return
	}
	w := &webhook{id: s.newUUID(), body: body, created: s.now(), due: s.deliveryTime()}
	s.push(b, resource, w)
}

// push gives w its place, and what mischief there is.
func (s *Server) push(b *subscription, resource string, w *webhook) {
	s.seq++
	w.rank = s.seq
	if s.rnd.Float64() < s.mischief.Reorder {
		w.rank = s.rnd.Int64N(s.seq + 1)
	}
	if s.mischief.Delay > 0 {
		w.due = w.due.Add(time.Duration(s.rnd.Int64N(int64(s.mischief.Delay))))
	}
	l := b.lanes[resource]
	if l == nil {
		l = &lane{sub: b, resource: resource}
		b.lanes[resource] = l
	}
	l.queue = append(l.queue, w)
	s.pending++
	if len(l.queue) == 1 {
		heap.Push(&s.ready, l)
	}
	s.signal()
}

// signal makes live delivery look again at what is due.
func (s *Server) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it will
	}
}

// next takes the lane that is due first, or says when one will be. The zero
// time says that there is none.
func (s *Server) next() (*lane, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		return nil, time.Time{}
	}
	if due := s.ready[0].queue[0].due; due.After(s.deliveryTime()) {
		return nil, due
	}
	l := heap.Pop(&s.ready).(*lane)
	l.busy = true
	return l, time.Time{}
}

// Deliver makes all attempts that are due, one after the other, until none is,
// and returns how many it made.
func (s *Server) Deliver(ctx context.Context) int {
	n := 0
	for ctx.Err() == nil {
		l, _ := s.next()
		if l == nil {
			break
		}
		s.attempt(ctx, l)
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
		due, ok := s.NextDue()
		last := !ok || due.After(end)
		if last {
			due = end
		}
		s.mu.Lock()
		s.offset += max(due.Sub(s.now()), 0)
		s.mu.Unlock()
		if last {
			return n + s.Deliver(ctx)
		}
	}
	return n
}

// NextDue returns when the next attempt will be made, if anything waits.
func (s *Server) NextDue() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		return time.Time{}, false
	}
	return s.ready[0].queue[0].due, true
}

// Wait returns when nothing waits to be delivered, or with ctx's error. It is
// for Live mode.
func (s *Server) Wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		pending, idle := s.pending, s.idle
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
		l, due := s.next()
		for l == nil {
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
			l, due = s.next()
		}
		workers.Go(func() {
			s.attempt(ctx, l)
			<-slots
		})
	}
}

// outcome is what becomes of an attempt.
type outcome int

const (
	delivered outcome = iota
	again             // no answer, 429 or 5xx
	refused           // anything else
)

// attempt delivers the first webhook of a lane that next has handed out.
func (s *Server) attempt(ctx context.Context, l *lane) {
	s.mu.Lock()
	if l.gone { // discarded since
		s.mu.Unlock()
		return
	}
	w, url := l.queue[0], l.sub.url
	h := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {userAgent},
		http.CanonicalHeaderKey(pagerduty.SignatureHeader):    {pagerduty.Sign(w.body, l.sub.secrets...)},
		http.CanonicalHeaderKey(pagerduty.WebhookIDHeader):    {w.id},
		http.CanonicalHeaderKey(pagerduty.SubscriptionHeader): {l.sub.id},
	}
	s.mu.Unlock()
	o := s.send(ctx, url, h, w.body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(l, w, o, ctx.Err() != nil)
	s.signal()
	close(s.idle)
	s.idle = make(chan struct{})
}

func (s *Server) send(ctx context.Context, url string, h http.Header, body []byte) outcome {
	ctx, cancel := context.WithTimeout(ctx, s.opt.DeliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return again
	}
	req.Header = h
	resp, err := s.client.Do(req)
	if err != nil {
		return again
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return again
	}
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return delivered
	case code == http.StatusTooManyRequests, code/100 == 5:
		return again
	}
	return refused
}

// settle applies the rules after an attempt. cut says that the attempt was cut
// short by its caller, and counts for nothing.
func (s *Server) settle(l *lane, w *webhook, o outcome, cut bool) {
	l.busy = false
	if l.gone {
		return
	}
	if cut {
		heap.Push(&s.ready, l)
		return
	}
	s.stats.Attempts++
	if o == delivered && s.rnd.Float64() < s.mischief.LoseAnswer {
		o = again
	}
	switch {
	case o == delivered:
		s.stats.Delivered++
		l.sub.drops = 0
		if !w.copy && s.rnd.Float64() < s.mischief.Duplicate {
			s.push(l.sub, "copy of "+w.id, &webhook{id: w.id, body: w.body, created: w.created, due: s.deliveryTime(), copy: true})
		}
	case o == again && s.now().Sub(w.created) < retryFor:
		s.stats.Retried++
		w.attempts++
		w.due = s.deliveryTime().Add(s.opt.Backoff(w.attempts))
		heap.Push(&s.ready, l)
		return
	case o == again:
		s.stats.Expired++
	default:
		s.stats.Dropped++
		l.sub.drops++
	}
	s.pending--
	if l.queue = l.queue[1:]; len(l.queue) > 0 {
		heap.Push(&s.ready, l)
	} else {
		delete(l.sub.lanes, l.resource)
	}
	if l.sub.drops >= maxDrops {
		s.disable(l.sub)
	}
}

// disable switches a subscription off for a day, and discards what waits.
func (s *Server) disable(b *subscription) {
	s.stats.Disabled++
	b.drops, b.disabledUntil = 0, s.now().Add(disabledFor)
	for _, l := range b.lanes {
		s.stats.Lost += len(l.queue)
		s.pending -= len(l.queue)
		l.gone = true
	}
	b.lanes = make(map[string]*lane)
	kept := s.ready[:0]
	for _, l := range s.ready {
		if !l.gone {
			kept = append(kept, l)
		}
	}
	s.ready = kept
	heap.Init(&s.ready)
}
