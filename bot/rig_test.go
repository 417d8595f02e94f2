package bot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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
	appID  = "11111111-1111-4111-8111-111111111111"
	tenant = "22222222-2222-4222-8222-222222222222"
	other  = "33333333-3333-4333-8333-333333333333" // a foreign tenant
)

// rig is the bot between a simulated Teams and a real store, with its answers
// carried out by the real effects. Time stands still until the test moves it.
type rig struct {
	t      *testing.T
	teams  *botframeworksim.Server
	store  *boltstore.Store
	busy   *busyStore
	bot    *bot.Bot
	svc    *incident.Service
	book   *bot.Directory
	runner *outbox.Runner
	cat    catalog.Holder
	log    lockedBuffer
	url    string
	file   string // of the catalog
	roster rosterSwitch

	// ani leads payments, budi is in it, dewi leads search, eko is in nothing,
	// citra is an admin, vera a viewer. Budi's client speaks Indonesian.
	ani, budi, citra, dewi, eko, vera  string
	general, payments, search, archive string // channels

	mu  sync.Mutex
	now time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// busyStore refuses changes as an overloaded store does.
type busyStore struct {
	*boltstore.Store

	mu   sync.Mutex
	plan []bool // of the next changes: whether each is refused
}

func (s *busyStore) refuse(plan ...bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = plan
}

func (s *busyStore) Update(ctx context.Context, fn func(incident.Tx) error) error {
	s.mu.Lock()
	refused := len(s.plan) > 0 && s.plan[0]
	s.plan = s.plan[min(1, len(s.plan)):]
	s.mu.Unlock()
	if refused {
		return incident.ErrBusy
	}
	return s.Store.Update(ctx, fn)
}

// rosterSwitch is the roster, as long as it works.
type rosterSwitch struct {
	*botframework.Client
	hang  atomic.Bool
	asked atomic.Int64
}

func (r *rosterSwitch) Member(ctx context.Context, ref botframework.Reference, id string) (*botframework.Member, error) {
	r.asked.Add(1)
	if r.hang.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return r.Client.Member(ctx, ref, id)
}

const catalogFile = `
squads:
  - {key: payments, name: Payments, lead: ani@example.com, members: [budi@example.com], language: id}
  - {key: search, name: Search, lead: dewi@example.com}
  - {key: tools, name: Tools}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com}
  - {key: finder, name: Finder, squad: search}
people:
  - {mail: dewi@example.com, name: Dewi, aad_id: 44444444-4444-4444-8444-444444444444}
`

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) sleep(ctx context.Context, d time.Duration) error {
	r.advance(d)
	return ctx.Err()
}

func newRig(t *testing.T, change ...func(*bot.Config)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Now().UTC().Truncate(time.Millisecond), file: catalogFile}
	dir := t.TempDir()
	var err error
	r.teams, err = botframeworksim.New(botframeworksim.Options{AppID: appID, TenantID: tenant, Now: r.Now, Dir: dir, LinkDomains: []string{"imbot.example.com"}})
	must(t, err)
	t.Cleanup(func() { _ = r.teams.Close() })
	r.world()
	r.store, err = boltstore.Open(filepath.Join(dir, "imbot.db"), boltstore.Options{Now: r.Now, NoSync: true})
	must(t, err)
	t.Cleanup(func() { _ = r.store.Close() })
	r.busy = &busyStore{Store: r.store}
	must(t, r.rebind(t.Context()))
	cred, err := botframework.NewCredential(botframework.CredentialConfig{
		TenantID: tenant, AppID: appID, ClientSecret: r.teams.ClientSecret(), Authority: r.teams.Authority(), CAFile: r.teams.CAFile(),
	})
	must(t, err)
	client, err := botframework.NewClient(botframework.ClientConfig{Credential: cred, AppID: appID, AllowHosts: []string{r.teams.Host()}, Now: r.Now, Sleep: r.sleep})
	must(t, err)
	validator, err := botframework.NewValidator(botframework.ValidatorConfig{AppID: appID, Tenants: []string{tenant}, OpenIDMetadataURL: r.teams.OpenIDMetadataURL(), Now: r.Now})
	must(t, err)
	r.roster.Client = client
	r.svc = &incident.Service{Store: r.busy, Now: r.Now, Catalog: func() incident.Catalog { return r.cat.Get() }}
	reader := &query.Reader{Store: r.store, PublicURL: "https://imbot.example.com", Catalog: func() incident.Catalog { return r.cat.Get() }}
	cfg := bot.Config{
		Adapter: botframework.NewAdapter(appID, validator, client), Service: r.svc, Reader: reader, Store: r.store,
		Catalog: func() bot.Squads { return r.cat.Get() }, Rebind: r.rebind, Roster: &r.roster, Tenants: []string{tenant},
		Access: bot.Access{Admins: []string{"citra@example.com"}, Viewers: []string{"vera@example.com"}},
		Now:    r.Now, Logger: slog.New(slog.NewJSONHandler(&r.log, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	r.bot = bot.New(cfg)
	r.book = &bot.Directory{Store: r.store, Catalog: cfg.Catalog, Opener: client, BotID: "28:" + appID, Tenant: tenant, ServiceURL: r.teams.ServiceURL(), Rebind: r.rebind}
	say := &effects.Teams{
		Service: r.svc, View: reader, Poster: client, Now: r.Now, Logger: cfg.Logger, Book: r.book,
		Bot: effects.Look{Name: "imbot", Dialogs: cfg.Dialogs}, Default: func() string { return r.general },
	}
	r.runner = &outbox.Runner{Store: r.store, Now: r.Now, Logger: cfg.Logger, Handlers: map[string]outbox.Handler{
		incident.KindCard: say.Card, incident.KindReply: say.Reply, incident.KindAnswer: say.Answer,
		bot.KindPin: func(ctx context.Context, job outbox.Job) error { return r.bot.Pin(ctx, job.Data) },
	}}
	srv := httptest.NewServer(r.bot)
	t.Cleanup(srv.Close)
	r.url = srv.URL
	r.teams.SetBotEndpoint(srv.URL)
	return r
}

func (r *rig) world() {
	user := func(name, aad string) string {
		locale := "en-US"
		if name == "Budi" {
			locale = "id-ID"
		}
		return r.teams.AddUser(botframeworksim.User{Name: name, Mail: strings.ToLower(name) + "@example.com", AADObjectID: aad, Locale: locale}).ID
	}
	r.ani, r.budi, r.citra = user("Ani", ""), user("Budi", ""), user("Citra", "")
	r.dewi, r.eko, r.vera = user("Dewi", "44444444-4444-4444-8444-444444444444"), user("Eko", ""), user("Vera", "")
	r.general = r.teams.AddTeam("Shop", r.ani, r.budi, r.citra, r.dewi, r.eko, r.vera)
	for name, to := range map[string]*string{"Payments incidents": &r.payments, "Search": &r.search, "Archive": &r.archive} {
		id, err := r.teams.AddChannel(r.general, name)
		must(r.t, err)
		*to = id
	}
}

// rebind makes the catalog anew, with the bindings made in chat.
func (r *rig) rebind(ctx context.Context) error {
	return r.cat.Reload(func() (*catalog.Catalog, error) {
		file, err := catalog.Parse([]byte(r.file), "catalog.yaml")
		if err != nil {
			return nil, err
		}
		all, err := r.store.Conversations(ctx)
		if err != nil {
			return nil, err
		}
		bindings := map[string]string{}
		for _, c := range all {
			if c.Squad != "" && c.Gone == "" {
				bindings[c.Squad] = c.ID
			}
		}
		levels := append(incident.DefaultLevels(), incident.Level{Key: "security", Title: "Security", Rank: 8, Private: true, Postmortem: true})
		return catalog.New(file, catalog.Settings{Levels: levels, DefaultChannel: r.general}, bindings)
	})
}

// install puts the bot into the team, by its payments channel, and into the 1:1
// chats, and runs the welcomes.
func (r *rig) install(users ...string) {
	r.t.Helper()
	must(r.t, r.teams.Install(r.t.Context(), r.ani, r.payments))
	for _, u := range users {
		must(r.t, r.teams.Install(r.t.Context(), u, r.teams.Personal(u)))
	}
	r.settle()
}

// settle runs what is due within an hour.
func (r *rig) settle() {
	r.t.Helper()
	end := r.Now().Add(time.Hour)
	for range 1000 {
		_, next, err := r.runner.RunDue(r.t.Context())
		must(r.t, err)
		if next.IsZero() || next.After(end) {
			return
		}
		if d := next.Sub(r.Now()); d > 0 {
			r.advance(d)
		}
	}
	r.t.Fatal("the outbox never comes to rest")
}

// say writes to imbot, mentions it outside 1:1 chats, runs what follows, and
// returns what imbot has posted there since.
func (r *rig) say(user, conv, text string, people ...string) []botframeworksim.Post {
	r.t.Helper()
	before := len(r.teams.Posts(base(conv)))
	d := r.write(user, conv, text, people...)
	if d.Status != http.StatusOK {
		r.t.Fatalf("say %q: status %d", text, d.Status)
	}
	r.settle()
	return r.teams.Posts(base(conv))[before:]
}

func base(conv string) string {
	id, _, _ := strings.Cut(conv, ";")
	return id
}

// write is say without what follows; the status may be any.
func (r *rig) write(user, conv, text string, people ...string) botframeworksim.Delivery {
	r.t.Helper()
	d, err := r.teams.Say(r.t.Context(), user, conv, text, botframeworksim.SayOptions{Mention: !strings.HasPrefix(conv, "a:"), People: people})
	if err != nil && d.Status == 0 {
		r.t.Fatalf("say %q: %v", text, err)
	}
	return d
}

// answered says something and wants one post that contains the words.
func (r *rig) answered(user, conv, text string, words ...string) botframeworksim.Post {
	r.t.Helper()
	posts := r.say(user, conv, text)
	for _, p := range posts {
		if containsAll(p, words) {
			return p
		}
	}
	r.t.Fatalf("%q was answered with %s, want %q", text, texts(posts), words)
	return botframeworksim.Post{}
}

func containsAll(p botframeworksim.Post, words []string) bool {
	for _, w := range words {
		if !p.Contains(w) {
			return false
		}
	}
	return true
}

func texts(posts []botframeworksim.Post) string {
	var out []string
	for _, p := range posts {
		out = append(out, p.Activity.Text+" "+p.Activity.Summary+" "+string(p.Card()))
	}
	b, _ := json.Marshal(out)
	return string(b)
}

// get reads an incident as imbot itself.
func (r *rig) get(id incident.ID) *query.View {
	r.t.Helper()
	v, err := (&query.Reader{Store: r.store, Catalog: func() incident.Catalog { return r.cat.Get() }}).Get(r.t.Context(), query.Self, id, true)
	must(r.t, err)
	return v
}

// count counts the entries of a kind on an incident's timeline.
func (r *rig) count(id incident.ID, kind incident.EventKind) int {
	n := 0
	for _, e := range r.get(id).Timeline {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// card returns the incident's own card in a conversation.
func (r *rig) card(id incident.ID, target, conv string) botframeworksim.Post {
	r.t.Helper()
	ref, ok := r.get(id).Incident.HasRef("teams", incident.RoleCard, target)
	if !ok {
		r.t.Fatalf("%s has no card in %s", id, target)
	}
	_, message, _ := strings.Cut(ref.ID, ";messageid=")
	for _, p := range r.teams.Posts(conv) {
		if p.ID == message {
			return p
		}
	}
	r.t.Fatalf("the card of %s is not there", id)
	return botframeworksim.Post{}
}

func (r *rig) conversation(id string) bot.Conversation {
	r.t.Helper()
	c, err := r.store.Conversation(r.t.Context(), id)
	must(r.t, err)
	return c
}

// activity makes a raw activity as Teams sends it, changed by the test.
func (r *rig) activity(kind, conv string, change map[string]any) json.RawMessage {
	a := map[string]any{
		"type": kind, "id": "raw-1", "channelId": "msteams", "serviceUrl": r.teams.ServiceURL(),
		"from": map[string]any{"id": r.ani, "name": "Ani"}, "recipient": map[string]any{"id": r.teams.BotID()},
		"conversation": map[string]any{"id": conv, "tenantId": tenant}, "channelData": map[string]any{"tenant": map[string]any{"id": tenant}},
	}
	for k, v := range change {
		if v == nil {
			delete(a, k)
			continue
		}
		a[k] = v
	}
	b, err := json.Marshal(a)
	must(r.t, err)
	return b
}

// send posts a raw activity with a good token.
func (r *rig) send(activity json.RawMessage) botframeworksim.Delivery {
	r.t.Helper()
	d, err := r.teams.Send(r.t.Context(), activity)
	must(r.t, err)
	return d
}
