package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"imbot/bot"
	"imbot/effects"
	"imbot/incident"
	"imbot/outbox"
)

// handlers maps kinds of effect to what carries them out. What is turned off is
// skipped with its reason, and shown so.
func (a *app) handlers() map[string]outbox.Handler {
	h := map[string]outbox.Handler{
		incident.KindRelink:  effects.Again(a.service, incident.Relink),
		incident.KindUnpause: effects.Again(a.service, incident.Unpause),
	}
	off := func(reason string, kinds ...string) {
		for _, k := range kinds {
			h[k] = effects.Off(reason)
		}
	}
	teamsKinds := []string{incident.KindCard, incident.KindReply, incident.KindAnswer}
	pagerKinds := []string{incident.KindPDAck, incident.KindPDResolve, incident.KindPDNote}
	off("teams off", append(teamsKinds, roomKinds...)...)
	off("pagerduty off: no api_token", append(pagerKinds, incident.KindDetails)...)
	var say *effects.Teams // nil: Teams is off
	if a.teams != nil {
		t := a.teamsEffects()
		say = t
		h[incident.KindCard], h[incident.KindReply], h[incident.KindAnswer] = t.Card, t.Reply, t.Answer
		h[bot.KindPin] = func(ctx context.Context, job outbox.Job) error { return a.bot.Pin(ctx, job.Data) }
	}
	a.roomHandlers(h, say)
	if a.pager != nil {
		p := &effects.Pager{API: a.pager, Service: a.service, View: a.reader, Now: a.now}
		h[incident.KindPDAck], h[incident.KindPDResolve], h[incident.KindPDNote], h[incident.KindDetails] = p.Ack, p.Resolve, p.Note, p.Details
	}
	a.jiraHandlers(h)
	a.confluenceHandlers(h)
	a.standbyHandlers(h)
	a.mailHandlers(h, say)
	a.hookHandlers(h)
	if a.cfg.DryRun { // answers to whoever asks, and reading, go on
		off("dry run", incident.KindCard, incident.KindReply)
		off("dry run", roomKinds...)
		off("dry run", incident.KindPage, incident.KindWake, incident.KindPageOver, incident.KindHook)
		off("dry run", pagerKinds...)
	}
	return h
}

func (a *app) teamsEffects() *effects.Teams {
	t := a.cfg.Teams
	a.repeated = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "imbot_teams_posts_repeated_total", Help: "Posts made again after an answer was lost: each may stand twice in Teams.",
	})
	book := &bot.Directory{
		Store: a.store, Opener: a.teams, BotID: "28:" + t.AppID, Tenant: t.TenantID, ServiceURL: t.DefaultServiceURL,
		Catalog: a.squads, Rebind: a.loadCatalog,
	}
	return &effects.Teams{
		Service: a.service, View: a.reader, Poster: a.teams, Now: a.now, Logger: a.log, Repeated: a.repeated.Inc,
		Bot:     effects.Look{Name: "imbot", Dialogs: t.Dialogs, Slash: t.SlashCommands},
		Default: func() string { return t.DefaultChannel },
		Book:    book, Install: a.installs(book), MailOf: a.mailOf,
	}
}

// dead puts an effect that has failed for good on the incident's timeline.
func (a *app) dead(ctx context.Context, job outbox.Job, err error) {
	a.log.Error("effect failed for good", "kind", job.Kind, "incident", job.Incident.String(), "attempts", job.Attempt, "err", err)
	if job.Incident == 0 {
		return
	}
	_, doErr := a.service.Do(ctx, incident.Command{
		Verb: incident.Fail, Incident: job.Incident, Actor: incident.System,
		Args: incident.Args{Text: incident.Clip(incident.Line(err.Error()), 300), Data: map[string]string{"effect": job.Kind}},
	})
	if doErr != nil {
		a.log.Error("failure not recorded on the timeline", "incident", job.Incident.String(), "err", doErr)
	}
}
