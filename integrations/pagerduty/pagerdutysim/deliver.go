package pagerdutysim

import (
	"net/http"
	"time"

	"imbot/integrations/internal/delivery"
	"imbot/integrations/pagerduty"
)

const (
	// liveWorkers is how many webhooks are delivered at the same time in Live mode.
	liveWorkers = 16
	// userAgent is what PagerDuty calls itself.
	userAgent = "PagerDuty-Webhook/V3.0"
)

// Mischief makes deliveries as unpleasant as PagerDuty's rules allow: webhooks of
// one incident stay in order.
type Mischief = delivery.Mischief

// Stats counts what happened to webhooks.
type Stats = delivery.Stats

// newQueue is the delivery of webhooks by PagerDuty's rules.
func (s *Server) newQueue() *delivery.Queue[*subscription] {
	o := delivery.Options[*subscription]{
		Lock: &s.mu, Rand: s.rnd, Now: s.now, Step: func(d time.Duration) { s.offset += d },
		HTTP: s.opt.HTTP, Timeout: s.opt.DeliveryTimeout, Backoff: s.opt.Backoff, Request: request, Judge: s.judge,
	}
	if s.opt.Live {
		o.Live = liveWorkers
	}
	return delivery.New(o)
}

// enqueue puts an event on its way. The caller holds mu.
func (s *Server) enqueue(b *subscription, resource string, body []byte) {
	if s.disabled(b) || len(body) > maxWebhook {
		delivery.Lost(s.Queue)
		return
	}
	delivery.Push(s.Queue, b, &delivery.Webhook{ID: s.newUUID(), Lane: resource, Body: body})
}

func request(b *subscription, w *delivery.Webhook) (string, http.Header) {
	return b.url, http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {userAgent},
		http.CanonicalHeaderKey(pagerduty.SignatureHeader):    {pagerduty.Sign(w.Body, b.secrets...)},
		http.CanonicalHeaderKey(pagerduty.WebhookIDHeader):    {w.ID},
		http.CanonicalHeaderKey(pagerduty.SubscriptionHeader): {b.id},
	}
}

// judge applies PagerDuty's rules to an answer: no answer, 429 and 5xx are tried
// again for two days, and three refusals in a row switch a subscription off for
// a day.
func (s *Server) judge(b *subscription, w *delivery.Webhook, status int) delivery.Verdict {
	switch {
	case status/100 == 2:
		b.drops = 0
		return delivery.Delivered
	case status != 0 && status != http.StatusTooManyRequests && status/100 != 5:
		if b.drops++; b.drops < maxDrops {
			return delivery.Dropped
		}
		b.drops, b.disabledUntil = 0, s.now().Add(disabledFor)
		return delivery.Off
	case s.now().Sub(w.Created) < retryFor:
		return delivery.Again
	}
	return delivery.Expired
}
