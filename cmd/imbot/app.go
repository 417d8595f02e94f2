package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"imbot/bot"
	"imbot/catalog"
	"imbot/changes"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/integrations/confluence"
	"imbot/integrations/pagerduty"
	"imbot/outbox"
	"imbot/query"
	"imbot/store"
	"imbot/topology"
	"imbot/web"
	"imbot/webhook"
)

// app is imbot with everything wired, from the bottom up: what comes later in
// the struct needs what comes before.
type app struct {
	cfg *Config
	log *slog.Logger
	clock

	store    store.Store
	catalog  *catalog.Holder
	topology *topology.Keeper
	service  *incident.Service
	reader   *query.Reader
	changes  *changes.Poller
	runner   *outbox.Runner
	metrics  *prometheus.Registry

	teams      *botframework.Client // nil: the teams section is absent
	pager      *pagerduty.Client    // nil: no API token
	bot        *bot.Bot             // nil: the teams section is absent
	hook       *webhook.PagerDuty   // nil: the pagerduty section is absent
	reconciler *webhook.Reconciler  // nil: no API token
	tickets    ticketing            // in Jira
	wiki       *confluence.Client   // nil: the confluence section is absent
	mail       mailing              // by SMTP or Graph
	standby    standby              // who is on duty
	chats      chatClient           // makes war rooms; nil: they are off
	people     effects.PersonalApps // installs imbot for people; nil: for nobody
	repeated   prometheus.Counter   // posts made again after a lost answer
	imports    imports              // of PagerDuty's past
	pages      http.Handler         // one that says so where nobody can sign in
	listener   net.Listener
	live       atomic.Pointer[Config] // the last one loaded: bindings made in chat are joined with it
}

// clock is how the app tells the time and waits for rate limits. The zero value
// is that of the machine.
type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error // nil: a timer
	// timeouts are of one call, by the section of the configuration that it is for,
	// and of war rooms by "graph"; absent: the client's default.
	timeouts map[string]time.Duration
}

// newApp opens the store, wires everything and listens; a taken port is an
// error at start. The caller runs the app or closes it.
func newApp(cfg *Config, log *slog.Logger, c clock) (*app, error) {
	if c.now == nil {
		c.now = time.Now
	}
	a := &app{cfg: cfg, log: log, clock: c, metrics: prometheus.NewRegistry()}
	a.live.Store(cfg)
	if err := a.wire(); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *app) wire() error {
	var err error
	a.store, err = store.Open(a.cfg.Store, store.Options{
		Now: a.now, KeyRetention: a.cfg.Retention.Keys.Std(), RawRetention: a.cfg.Retention.Raw.Std(), Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.catalog = &catalog.Holder{}
	if err := a.loadCatalog(context.Background()); err != nil {
		return err
	}
	if err := a.wireClients(); err != nil {
		return err
	}
	a.wireStandby()
	if err := a.wireTopology(); err != nil {
		return err
	}
	a.service = &incident.Service{
		Store: a.store, Now: a.now, Details: a.pager != nil,
		Catalog:  func() incident.Catalog { return a.catalog.Get() },
		Topology: a.topology.Graph,
		Linking:  a.cfg.Linking(),
		Remind:   func() incident.Reminding { return a.live.Load().Reminding() },
		Hooks:    func() []incident.HookWish { return a.live.Load().Wishes() },
		Wake:     func() { a.runner.Wake() },
	}
	a.reader = &query.Reader{Store: a.store, PublicURL: a.cfg.PublicURL, Pages: a.cfg.Web != nil && a.cfg.Web.OIDC != nil, Catalog: func() incident.Catalog { return a.catalog.Get() }}
	a.reader.Standby, a.reader.Name = a.standby, a.nameOf
	for _, wire := range []func() error{a.wireChanges, a.wireMail, a.wireRooms, a.wireInstalls, a.wireTeams, a.wirePages, a.wireJira, a.wireConfluence} {
		if err := wire(); err != nil {
			return err
		}
	}
	a.wirePagerDuty()
	a.runner = &outbox.Runner{Store: a.store, Handlers: a.handlers(), Now: a.now, Logger: a.log, OnDead: a.dead, Drain: stopEffects}
	a.registerMetrics()
	a.listener, err = net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; change listen in the configuration, or end what uses that port", a.cfg.Listen, err)
	}
	return nil
}

// close gives back what wire has taken. Running it again does nothing.
func (a *app) close() error {
	var errs []error
	if a.listener != nil {
		if err := a.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
		a.store = nil
	}
	return errors.Join(errs...)
}

// loadCatalog reads the catalog's file and the bindings made in chat; all or
// nothing.
func (a *app) loadCatalog(ctx context.Context) error { return a.loadCatalogOf(ctx, a.live.Load()) }

func (a *app) loadCatalogOf(ctx context.Context, cfg *Config) error {
	err := a.catalog.Reload(func() (*catalog.Catalog, error) {
		all, err := a.store.Conversations(ctx)
		if err != nil {
			return nil, err
		}
		return loadCatalog(cfg, all)
	})
	if err != nil || a.topology == nil {
		return err
	}
	return a.topology.Rebuild(ctx) // names and depends_on may have changed
}

func loadCatalog(cfg *Config, conversations []bot.Conversation) (*catalog.Catalog, error) {
	file := &catalog.File{}
	if cfg.Catalog != "" {
		var err error
		if file, err = catalog.LoadFile(cfg.Catalog); err != nil {
			return nil, err
		}
	}
	bindings := map[string]string{}
	for _, c := range conversations {
		if c.Squad != "" && c.Gone == "" {
			bindings[c.Squad] = c.ID
		}
	}
	return catalog.New(file, cfg.Settings(), bindings)
}

// squads is the present snapshot as the bot wants it.
func (a *app) squads() bot.Squads { return a.catalog.Get() }

// maxWait is how long a call waits for Teams' rate limits. It is short: the
// outbox tries again later, and a busy channel must not hold up its workers.
const maxWait = 250 * time.Millisecond

func (a *app) wireClients() error {
	if t := a.cfg.Teams; t != nil {
		cred, err := teamsCredential(t)
		if err != nil {
			return fmt.Errorf("teams: %w", err)
		}
		a.teams, err = botframework.NewClient(botframework.ClientConfig{Credential: cred, AppID: t.AppID, AllowHosts: t.ServiceURLHosts, Now: a.now, Sleep: a.sleep, Timeout: a.timeouts["teams"], MaxWait: maxWait})
		if err != nil {
			return fmt.Errorf("teams: %w", err)
		}
	}
	if p := a.cfg.PagerDuty; p != nil && p.APIToken != "" {
		var err error
		a.pager, err = pagerduty.New(pagerduty.Config{Token: p.APIToken.Reveal(), BaseURL: p.URL, From: p.From, Timeout: a.timeouts["pagerduty"], Now: a.now})
		if err != nil {
			return fmt.Errorf("pagerduty: %w", err)
		}
	}
	return nil
}

func (a *app) wireTeams() error {
	t := a.cfg.Teams
	if t == nil {
		return nil
	}
	tenants := append([]string{t.TenantID}, t.Tenants...)
	validator, err := botframework.NewValidator(botframework.ValidatorConfig{
		AppID: t.AppID, Tenants: tenants, OpenIDMetadataURL: t.OpenIDMetadataURL, Issuer: t.Issuer, Now: a.now,
	})
	if err != nil {
		return fmt.Errorf("teams: %w", err)
	}
	a.bot = bot.New(bot.Config{
		Adapter: botframework.NewAdapter(t.AppID, validator, a.teams),
		Service: a.opener(), Reader: a.reader, Store: a.store, Preferences: a.mailPreferences(), Roster: a.teams,
		Catalog: a.squads, Rebind: a.loadCatalog,
		Tenants: tenants, Dialogs: t.Dialogs, Slash: t.SlashCommands, Targeted: t.Targeted, Location: a.cfg.Location(),
		Access: a.access(), Messages: a.messageReader(),
		Now: a.now, Logger: a.log,
	})
	return nil
}

func (a *app) wirePagerDuty() {
	p := a.cfg.PagerDuty
	if p == nil {
		return
	}
	secrets := make([]string, len(p.WebhookSecrets))
	for i, s := range p.WebhookSecrets {
		secrets[i] = s.Reveal()
	}
	a.hook = &webhook.PagerDuty{Secrets: secrets, Service: a.opener(), Now: a.now, Logger: a.log}
	if a.pager != nil {
		a.reconciler = &webhook.Reconciler{
			API: a.pager.Background(), Store: a.store, Service: a.opener(), SubscriptionID: p.SubscriptionID,
			URL: a.cfg.PublicURL + "/webhooks/pagerduty", Now: a.now, Logger: a.log,
		}
	}
}

// handler is everything that is served.
func (a *app) handler() http.Handler {
	tokens := make([]web.Token, 0, len(a.cfg.API.Tokens))
	for _, t := range a.cfg.API.Tokens {
		tokens = append(tokens, web.Token{Name: t.Name, Role: incident.Role(t.Role), Secret: t.Token.Reveal()})
	}
	mux := http.NewServeMux()
	if a.bot != nil {
		mux.Handle("/api/messages", a.bot)
	}
	if a.hook != nil {
		mux.Handle("POST /webhooks/pagerduty", a.hook)
	}
	a.jiraRoutes(mux)
	mux.HandleFunc("GET "+topologyPath, a.serveTopology)
	mux.HandleFunc("POST "+topologyPath, a.serveTopology)
	mux.HandleFunc("POST "+historyPath, a.serveImport)
	mux.Handle("/", web.New(web.Config{
		Service: a.opener(), Reader: a.reader, Changes: a.webChanges(), Tokens: tokens, Location: a.cfg.Location(), Language: a.cfg.Language, Now: a.now, Logger: a.log,
		Pages: a.pages, Unsubscribe: a.mail.unsubscribe, Ready: a.store.Writable, Backup: a.store.Backup, Metrics: promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}),
	}))
	return mux
}
