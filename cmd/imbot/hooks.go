package main

import (
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/hook"
	"imbot/outbox"
)

// hookHandlers adds what tells other systems.
func (a *app) hookHandlers(h map[string]outbox.Handler) {
	public, private := hook.New(hook.Config{Now: a.now}), hook.New(hook.Config{Now: a.now, Private: true})
	to := make(map[string]effects.Hook, len(a.cfg.Hooks))
	for _, c := range a.cfg.Hooks {
		api := public
		if c.AllowPrivate {
			api = private
		}
		to[c.Name] = effects.Hook{API: api, URL: c.URL.Reveal(), Secret: c.Secret.Reveal()}
	}
	h[incident.KindHook] = (&effects.Hooks{Hooks: to, View: a.reader}).Send
}
