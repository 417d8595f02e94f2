package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"imbot/bot"
	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/outbox"
	"imbot/query"
	"imbot/store/boltstore"
)

const (
	appID    = "11111111-aaaa-4bbb-8ccc-222222222222"
	tenantID = "33333333-dddd-4eee-8fff-444444444444"
	people   = 20 // who press buttons
)

// teams is imbot with its bot, all checks on, and a simulated Teams.
type teams struct {
	*imbot
	sim    *botframeworksim.Server
	client *botframework.Client
	cat    *catalog.Catalog
	users  []botframeworksim.User
	rooms  []string // the squads' channels
	runner *outbox.Runner
	server *server
	stop   context.CancelFunc
	ended  sync.WaitGroup // of the runner

	mu   sync.Mutex
	took []time.Duration // of each activity, in the handler
}

func (b *bench) openTeams() (_ *teams, err error) {
	t := &teams{}
	t.sim, err = botframeworksim.New(botframeworksim.Options{AppID: appID, TenantID: tenantID, Dir: b.dir})
	if err != nil {
		return nil, err
	}
	if err := t.populate(); err != nil {
		return nil, err
	}
	if t.cat, err = catalogOf(t.rooms); err != nil {
		return nil, err
	}
	if t.imbot, err = b.open(b.stored[0], t.cat, boltstore.Options{}); err != nil {
		return nil, err
	}
	handler, err := t.wire()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/messages", handler)
	mux.Handle("POST /webhooks/pagerduty", t.hook)
	if t.server, err = serve(mux); err != nil {
		return nil, err
	}
	t.sim.SetBotEndpoint("http://" + t.server.addr + "/api/messages")
	ctx, cancel := context.WithCancel(context.Background())
	t.stop = cancel
	t.ended.Go(func() { t.runner.Run(ctx) })
	return t, nil
}

// populate makes the team, its channels and people.
func (t *teams) populate() error {
	var ids []string
	for i := range people {
		u := t.sim.AddUser(botframeworksim.User{Name: fmt.Sprintf("Person %02d", i), Mail: fmt.Sprintf("person%02d@example.com", i)})
		t.users, ids = append(t.users, u), append(ids, u.ID)
	}
	team := t.sim.AddTeam("Engineering", ids...)
	for i := range squads {
		id, err := t.sim.AddChannel(team, fmt.Sprintf("squad %02d", i))
		if err != nil {
			return err
		}
		t.rooms = append(t.rooms, id)
	}
	return t.sim.SetInstalled(team, true)
}

// wire builds bot and outbox as imbot does.
func (t *teams) wire() (http.Handler, error) {
	cred, err := botframework.NewCredential(botframework.CredentialConfig{
		TenantID: tenantID, AppID: appID, ClientSecret: t.sim.ClientSecret(), Authority: t.sim.Authority(), CAFile: t.sim.CAFile(),
	})
	if err != nil {
		return nil, err
	}
	t.client, err = botframework.NewClient(botframework.ClientConfig{Credential: cred, AppID: appID, AllowHosts: []string{t.sim.Host()}})
	if err != nil {
		return nil, err
	}
	validator, err := botframework.NewValidator(botframework.ValidatorConfig{AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: t.sim.OpenIDMetadataURL()})
	if err != nil {
		return nil, err
	}
	now := t.service.Now
	reader := &query.Reader{Store: t.store, Catalog: func() incident.Catalog { return t.cat }}
	squads := func() bot.Squads { return t.cat }
	teams := &effects.Teams{
		Service: t.service, View: reader, Poster: t.client, Now: now, Logger: quiet, Bot: effects.Look{Name: "imbot"}, Default: func() string { return t.rooms[0] },
		Book: &bot.Directory{Store: t.store, Opener: t.client, BotID: t.sim.BotID(), Tenant: tenantID, ServiceURL: t.sim.ServiceURL(), Catalog: squads},
	}
	off := effects.Off("no pager here")
	t.runner = &outbox.Runner{Store: t.store, Now: now, Logger: quiet, Handlers: map[string]outbox.Handler{
		incident.KindCard: teams.Card, incident.KindReply: teams.Reply, incident.KindAnswer: teams.Answer,
		incident.KindPDAck: off, incident.KindPDResolve: off, incident.KindPDNote: off, incident.KindDetails: off,
	}}
	t.service.Wake = t.runner.Wake
	return t.timed(bot.New(bot.Config{
		Adapter: botframework.NewAdapter(appID, validator, t.client), Service: t.service, Reader: reader, Store: t.store, Roster: t.client,
		Catalog: squads, Rebind: func(context.Context) error { return nil }, Tenants: []string{tenantID}, Now: now, Logger: quiet,
	})), nil
}

// timed notes how long the bot takes for each activity.
func (t *teams) timed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		h.ServeHTTP(w, r)
		took := time.Since(start)
		t.mu.Lock()
		t.took = append(t.took, took)
		t.mu.Unlock()
	})
}

// times returns what was noted, and begins anew.
func (t *teams) times() []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.took
	t.took = nil
	return out
}

func (t *teams) close() error {
	t.stop()
	t.ended.Wait()
	return errors.Join(t.server.close(), t.store.Close(), t.sim.Close())
}
