package main

import (
	"context"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/hook"
	"imbot/outbox"
)

// hookHandlers adds what tells other systems.
func (a *app) hookHandlers(h map[string]outbox.Handler) {
	public, private := hook.New(hook.Config{Now: a.now}), hook.New(hook.Config{Now: a.now, Private: true})
	h[incident.KindHook] = func(ctx context.Context, job outbox.Job) error {
		hooks := a.live.Load().Hooks
		to := make(map[string]effects.Hook, len(hooks))
		for _, c := range hooks {
			api := public
			if c.AllowPrivate {
				api = private
			}
			to[c.Name] = effects.Hook{API: api, URL: c.URL.Reveal(), Secret: c.Secret.Reveal()}
		}
		return (&effects.Hooks{Hooks: to, View: a.reader}).Send(ctx, job)
	}
}
