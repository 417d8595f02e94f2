package effects

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"imbot/incident"
	"imbot/integrations/hook"
	"imbot/outbox"
	"imbot/query"
	"imbot/resource"
)

// HookAPI delivers a webhook; *hook.Client is one. Its errors may say that they
// are permanent, and when to try again.
type HookAPI interface {
	Send(ctx context.Context, d hook.Delivery) error
}

// Hook is one other system that is told of incidents.
type Hook struct {
	API    HookAPI
	URL    string
	Secret string
}

// Hooks tells other systems by signed webhooks.
type Hooks struct {
	Hooks map[string]Hook // by name
	View  Viewer
}

// hookBody is what a webhook says. The incident is as it is when the webhook is
// sent: of several in a row the last has the newest state, as have all that are
// repeated.
type hookBody struct {
	ID       string            `json:"id"`   // of the delivery, the same when it is repeated
	Type     string            `json:"type"` // "incident." and opened, changed or closed
	At       time.Time         `json:"at"`   // when imbot learnt of what has happened
	Incident resource.Incident `json:"incident"`
	Event    resource.Event    `json:"event"` // what has happened
}

// Send delivers one webhook. An incident that has become private meanwhile is
// told of no more.
func (h *Hooks) Send(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.HookData](job)
	if err != nil {
		return err
	}
	to, ok := h.Hooks[d.Hook]
	if !ok {
		return outbox.Skip("the configuration has no hook " + d.Hook + " any more")
	}
	v, err := h.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	if v.Incident.Private {
		return nil // nothing is told; nor is it later, when it is no news any more
	}
	body, err := json.Marshal(hookBody{
		ID: job.Key, Type: "incident." + d.Type, At: d.Event.Recorded.UTC(),
		Incident: resource.Of(v), Event: resource.EventOf(d.Event),
	})
	if err != nil {
		return fmt.Errorf("%w: hook: %w", outbox.ErrPermanent, err)
	}
	if err := to.API.Send(ctx, hook.Delivery{ID: job.Key, URL: to.URL, Secret: to.Secret, Body: body}); err != nil {
		return fmt.Errorf("the hook %s: %w", d.Hook, err)
	}
	return nil
}
