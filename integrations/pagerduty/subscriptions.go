package pagerduty

import (
	"context"
	"net/http"
	"net/url"
)

// Subscription is a v3 webhook subscription: what PagerDuty sends where.
type Subscription struct {
	ID          string
	URL         string // where webhooks go
	Description string
	Active      bool // false: switched off by a person

	// TemporarilyDisabled says that PagerDuty switched the subscription off for
	// 24 hours, for three webhooks in a row were refused. Events of that time
	// are lost. See Client.EnableSubscription.
	TemporarilyDisabled bool

	Events     []string // event types, such as "incident.triggered"
	FilterType string   // "account_reference", "service_reference" or "team_reference"
	FilterID   string   // the service or team; empty for the account
}

type wireSubscription struct {
	ID             text   `json:"id,omitempty"`
	Type           text   `json:"type"`
	Active         *bool  `json:"active,omitempty"`
	Description    text   `json:"description,omitempty"`
	Events         []text `json:"events"`
	DeliveryMethod struct {
		Type                text `json:"type"`
		URL                 text `json:"url"`
		Secret              text `json:"secret,omitempty"`
		TemporarilyDisabled bool `json:"temporarily_disabled,omitempty"`
	} `json:"delivery_method"`
	Filter struct {
		Type text `json:"type"`
		ID   text `json:"id,omitempty"`
	} `json:"filter"`
}

func (w *wireSubscription) subscription() Subscription {
	s := Subscription{
		ID: string(w.ID), URL: string(w.DeliveryMethod.URL), Description: string(w.Description),
		Active:              w.Active == nil || *w.Active,
		TemporarilyDisabled: w.DeliveryMethod.TemporarilyDisabled,
		FilterType:          string(w.Filter.Type), FilterID: string(w.Filter.ID),
	}
	for _, e := range w.Events {
		s.Events = append(s.Events, string(e))
	}
	return s
}

// Subscriptions returns all webhook subscriptions that the token may see.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	var out []Subscription
	err := c.each(ctx, "list webhook subscriptions", "/webhook_subscriptions", url.Values{}, func(p *wirePage) int {
		for i := range p.Subscriptions {
			out = append(out, p.Subscriptions[i].subscription())
		}
		return len(p.Subscriptions)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CreateSubscription creates a subscription from URL, Description, Events and
// the filter, which is the whole account if FilterType is empty. The secret
// signs its webhooks: PagerDuty never shows it again.
func (c *Client) CreateSubscription(ctx context.Context, s Subscription) (_ *Subscription, secret string, err error) {
	const op = "create a webhook subscription"
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || len(s.Events) == 0 {
		return nil, "", &Error{Op: op, Status: http.StatusBadRequest, Message: "it needs an absolute URL and at least one event type"}
	}
	w := wireSubscription{Type: "webhook_subscription", Description: text(s.Description)}
	for _, e := range s.Events {
		w.Events = append(w.Events, text(e))
	}
	w.DeliveryMethod.Type, w.DeliveryMethod.URL = "http_delivery_method", text(s.URL)
	w.Filter.Type, w.Filter.ID = text(s.FilterType), text(s.FilterID)
	if w.Filter.Type == "" {
		w.Filter.Type = "account_reference"
	}
	body := map[string]any{"webhook_subscription": w}
	var answer struct {
		Subscription wireSubscription `json:"webhook_subscription"`
	}
	if err := c.send(ctx, op, http.MethodPost, "/webhook_subscriptions", "", body, &answer); err != nil {
		return nil, "", err
	}
	created := answer.Subscription.subscription()
	return &created, string(answer.Subscription.DeliveryMethod.Secret), nil
}

// EnableSubscription switches a subscription on again that PagerDuty has
// temporarily disabled. What happened meanwhile is not sent: see Incidents.
func (c *Client) EnableSubscription(ctx context.Context, id string) error {
	return c.post(ctx, "enable webhook subscription "+id, id, "/enable")
}

// TestSubscription makes PagerDuty send an event of PingType to the
// subscription's URL.
func (c *Client) TestSubscription(ctx context.Context, id string) error {
	return c.post(ctx, "test webhook subscription "+id, id, "/ping")
}

func (c *Client) post(ctx context.Context, op, id, verb string) error {
	if err := checkID(op, id); err != nil {
		return err
	}
	return c.send(ctx, op, http.MethodPost, "/webhook_subscriptions/"+id+verb, "", nil, nil)
}
