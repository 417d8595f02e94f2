package effects_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/bot"
	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
	"imbot/query"
	"imbot/store/boltstore"
)

const (
	appID  = "11111111-1111-4111-8111-111111111111"
	tenant = "22222222-2222-4222-8222-222222222222"
)

// rig runs the effects of a real store against simulated vendors. Time stands
// still until the test moves it.
type rig struct {
	t      *testing.T
	teams  *botframeworksim.Server
	pd     *pagerdutysim.Server
	store  *boltstore.Store
	svc    *incident.Service
	book   *bot.Directory
	client *botframework.Client
	say    *effects.Teams
	pager  *effects.Pager
	waker  *effects.Waker
	chain  rota // who is on standby
	runner *outbox.Runner
	cat    *catalog.Catalog

	ani, budi, eko            string // ani leads payments, budi is on call
	def, payments, everywhere string // channels: default, the squad's, broadcast

	mu       sync.Mutex
	now      time.Time
	refuse   int // changes that the store is too busy for
	repeated int
	dead     []string // keys of effects that failed for good
}

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

// Update makes the rig a store that can be too busy.
func (r *rig) Update(ctx context.Context, fn func(incident.Tx) error) error {
	r.mu.Lock()
	r.refuse--
	refused := r.refuse >= 0
	r.mu.Unlock()
	if refused {
		return incident.ErrBusy
	}
	return r.store.Update(ctx, fn)
}

func (r *rig) View(ctx context.Context, fn func(incident.Tx) error) error {
	return r.store.View(ctx, fn)
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Now().UTC().Truncate(time.Second)}
	dir := t.TempDir()
	var err error
	r.teams, err = botframeworksim.New(botframeworksim.Options{AppID: appID, TenantID: tenant, Now: r.Now, Dir: dir})
	must(t, err)
	t.Cleanup(func() { _ = r.teams.Close() })
	r.pd = pagerdutysim.New(pagerdutysim.Options{Now: r.Now, Seed: 7})
	t.Cleanup(r.pd.Close)
	r.store, err = boltstore.Open(filepath.Join(dir, "imbot.db"), boltstore.Options{Now: r.Now, NoSync: true})
	must(t, err)
	t.Cleanup(func() { _ = r.store.Close() })
	r.world()
	cred, err := botframework.NewCredential(botframework.CredentialConfig{
		TenantID: tenant, AppID: appID, ClientSecret: r.teams.ClientSecret(), Authority: r.teams.Authority(), CAFile: r.teams.CAFile(),
	})
	must(t, err)
	r.client, err = botframework.NewClient(botframework.ClientConfig{
		Credential: cred, AppID: appID, AllowHosts: []string{r.teams.Host()}, Now: r.Now, Timeout: patience,
		Sleep: func(ctx context.Context, d time.Duration) error { r.advance(d); return ctx.Err() },
	})
	must(t, err)
	api, err := pagerduty.New(pagerduty.Config{Token: r.pd.Token(), BaseURL: r.pd.URL(), From: "imbot@example.com", Now: r.Now, Timeout: patience})
	must(t, err)
	r.wire(api)
	return r
}

func (r *rig) wire(api *pagerduty.Client) {
	log := slog.New(slog.NewJSONHandler(&bytes.Buffer{}, nil))
	present := func() incident.Catalog { return r.cat }
	r.svc = &incident.Service{Store: r, Now: r.Now, Catalog: present, Details: true}
	reader := &query.Reader{Store: r.store, Catalog: present}
	r.book = &bot.Directory{
		Store: r.store, Catalog: func() bot.Squads { return r.cat }, Opener: r.client, BotID: "28:" + appID, Tenant: tenant, ServiceURL: r.teams.ServiceURL(),
	}
	r.say = &effects.Teams{
		Service: r.svc, View: reader, Poster: r.client, Now: r.Now, Logger: log, Book: r.book, Bot: effects.Look{Name: "imbot"},
		Default: func() string { return r.def },
		Repeated: func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.repeated++
		},
	}
	r.pager = &effects.Pager{API: api, Service: r.svc, View: reader, Now: r.Now}
	r.runner = &outbox.Runner{
		Store: r.store, Now: r.Now, Logger: log, Rand: func() float64 { return 0 },
		Handlers: map[string]outbox.Handler{
			incident.KindCard: r.say.Card, incident.KindReply: r.say.Reply, incident.KindAnswer: r.say.Answer,
			incident.KindPDAck: r.pager.Ack, incident.KindPDResolve: r.pager.Resolve, incident.KindPDNote: r.pager.Note, incident.KindDetails: r.pager.Details,
			incident.KindNudge:   effects.Again(r.svc, incident.Nudge),
			incident.KindRelink:  effects.Again(r.svc, incident.Relink),
			incident.KindUnpause: effects.Again(r.svc, incident.Unpause),
		},
		OnDead: func(_ context.Context, job outbox.Job, _ error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.dead = append(r.dead, job.Key)
		},
	}
	r.standby(api, reader)
	for _, kind := range []string{
		incident.KindRoom, incident.KindRoomSync, incident.KindRoomSay, incident.KindMail, incident.KindDirect, incident.KindTicket, incident.KindTask,
		incident.KindTaskSync, incident.KindPublish, incident.KindHook, incident.KindOverdue,
	} { // other rigs are for these
		r.runner.Handlers[kind] = func(context.Context, outbox.Job) error { return nil }
	}
}

// patience is how long, in real time, a call of a vendor may take that is not
// known to hang.
const patience = time.Minute

// hurried gives a call up as soon as the far end says that it will not answer,
// not when its time is over: so no test waits for a time-out, and none meets one
// because the machine is slow.
func hurried(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		if code == http.StatusProcessing {
			return context.DeadlineExceeded
		}
		return nil
	}})
}

// world makes people and channels, in Teams and PagerDuty, in the catalog, and
// as far as imbot has met them.
func (r *rig) world() {
	user := func(name string) string {
		u := r.teams.AddUser(botframeworksim.User{Name: name, Mail: strings.ToLower(name) + "@example.com"})
		must(r.t, r.teams.SetInstalled(r.teams.Personal(u.ID), true))
		must(r.t, r.store.SavePerson(r.t.Context(), bot.Person{
			ID: u.Mail, Mail: u.Mail, Name: name, TeamsID: u.ID, AADObjectID: u.AADObjectID, TenantID: tenant, Conversation: r.teams.Personal(u.ID),
		}))
		r.meet(r.teams.Personal(u.ID), bot.Personal)
		return u.ID
	}
	r.ani, r.budi, r.eko = user("Ani"), user("Budi"), user("Eko")
	r.def = r.teams.AddTeam("Shop", r.ani, r.budi, r.eko)
	for name, to := range map[string]*string{"Payments": &r.payments, "Everywhere": &r.everywhere} {
		id, err := r.teams.AddChannel(r.def, name)
		must(r.t, err)
		*to = id
	}
	must(r.t, r.teams.SetInstalled(r.def, true))
	for _, id := range []string{r.def, r.payments, r.everywhere} {
		r.meet(id, bot.Channel)
	}
	r.pd.AddUser(pagerdutysim.User{ID: "PIMBOT", Name: "imbot", Email: "imbot@example.com"})
	r.pd.AddUser(pagerdutysim.User{ID: "PBUDI", Name: "Budi", Email: "budi@example.com"})
	r.pd.AddService(pagerdutysim.Service{ID: "PSVC01", Name: "Checkout"})
	file, err := catalog.Parse([]byte(fmt.Sprintf(`
squads:
  - {key: payments, name: Payments, channel: %q, lead: ani@example.com, members: [budi@example.com]}
  - {key: search, name: Search}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com, pagerduty_service_id: PSVC01}
  - {key: finder, name: Finder, squad: search}
people:
  - {mail: budi@example.com, name: Budi, pagerduty_id: PBUDI}
`, r.payments)), "catalog.yaml")
	must(r.t, err)
	r.cat, err = catalog.New(file, catalog.Settings{
		DefaultChannel: r.def, BroadcastChannel: r.everywhere,
		Notices: map[string]incident.Notice{incident.ServiceDown: {Card: true, Broadcast: true, Mention: []string{"oncall", "owner", "lead"}}},
	}, nil)
	must(r.t, err)
}

func (r *rig) meet(id, kind string) {
	must(r.t, r.store.SaveConversation(r.t.Context(), bot.Conversation{
		ID: id, Kind: kind, ServiceURL: r.teams.ServiceURL(), TenantID: tenant, BotID: "28:" + appID, SeenAt: r.Now(),
	}))
}

var person = incident.Actor{Kind: incident.KindUser, ID: "budi@example.com", Name: "Budi"}

// do carries out a command of Budi's, who may do everything.
func (r *rig) do(cmd incident.Command) *incident.Incident {
	r.t.Helper()
	if cmd.Actor.IsZero() {
		cmd.Actor, cmd.Role = person, incident.RoleAdmin
	}
	r.advance(time.Second)
	inc, err := r.svc.Do(r.t.Context(), cmd)
	must(r.t, err)
	return inc
}

// declare makes an incident that goes to the channel of payments only.
func (r *rig) declare(title string) incident.ID {
	r.t.Helper()
	return r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: title, Service: "checkout", Level: "other"}}).ID
}

// trigger makes an incident in PagerDuty, and here, as its webhook would.
func (r *rig) trigger(title string, alert pagerdutysim.Alert) (incident.ID, string) {
	r.t.Helper()
	st := r.pd.Trigger(pagerdutysim.Spec{Title: title, Service: "PSVC01", Assignee: "PBUDI", Alert: alert})
	inc := r.do(incident.Command{
		Verb: incident.Trigger, Source: incident.SourcePagerDuty, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, At: r.Now(),
		Ref: &incident.Ref{System: "pagerduty", ID: st.ID},
		Args: incident.Args{Alert: &incident.Alert{
			Title: title, ServiceID: "PSVC01", Service: "Checkout", CreatedAt: r.Now(),
			Assignees: []incident.Actor{{Kind: incident.KindUser, ID: "pd:PBUDI", Name: "Budi"}},
		}},
	})
	return inc.ID, st.ID
}

// settle runs what is due within the time.
func (r *rig) settle(within time.Duration) {
	r.t.Helper()
	untilRest(r.t, r.runner, r.Now, r.advance, within)
}

// untilRest runs what is due within the time, and lets time pass to what is next.
func untilRest(t testing.TB, runner *outbox.Runner, now func() time.Time, pass func(time.Duration), within time.Duration) {
	t.Helper()
	end := now().Add(within)
	for range 1000 {
		_, next, err := runner.RunDue(hurried(t.Context()))
		must(t, err)
		if next.IsZero() || next.After(end) {
			return
		}
		if d := next.Sub(now()); d > 0 {
			pass(d)
		}
	}
	t.Fatal("the outbox never comes to rest")
}

func (r *rig) view(id incident.ID) *query.View {
	r.t.Helper()
	v, err := r.say.View.Get(r.t.Context(), query.Self, id, true)
	must(r.t, err)
	return v
}

// count counts the entries of a kind on the timeline.
func (r *rig) count(id incident.ID, kind incident.EventKind) int {
	n := 0
	for _, e := range r.view(id).Timeline {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// effect returns what became of the effect whose key ends so.
func (r *rig) effect(id incident.ID, suffix string) incident.EffectState {
	r.t.Helper()
	return r.effectBy(id, suffix, strings.HasSuffix)
}

// effectBy returns what became of the effect whose key matches.
func (r *rig) effectBy(id incident.ID, part string, match func(key, part string) bool) incident.EffectState {
	r.t.Helper()
	var out []incident.EffectState
	must(r.t, r.store.View(r.t.Context(), func(tx incident.Tx) error {
		var err error
		out, err = tx.Effects(id)
		return err
	}))
	for _, e := range out {
		if match(e.Key, part) {
			return e
		}
	}
	r.t.Fatalf("%s has no effect …%s", id, part)
	return incident.EffectState{}
}

// makePrivate makes an incident Budi's own, behind the back of the rules.
func (r *rig) makePrivate(id incident.ID) {
	r.t.Helper()
	must(r.t, r.store.Update(r.t.Context(), func(tx incident.Tx) error {
		inc, err := tx.Incident(id)
		if err != nil {
			return err
		}
		inc.Private, inc.Members = true, []incident.Actor{person}
		return tx.PutIncident(inc)
	}))
}

// cards returns the posts with cards in a conversation that were not deleted.
func (r *rig) cards(conv string) []botframeworksim.Post {
	var out []botframeworksim.Post
	for _, p := range r.teams.Posts(conv) {
		if p.Card() != nil && !p.Deleted {
			out = append(out, p)
		}
	}
	return out
}

// one wants a single card in the conversation.
func (r *rig) one(conv string) botframeworksim.Post {
	r.t.Helper()
	got := r.cards(conv)
	if len(got) != 1 {
		r.t.Fatalf("%d cards, want 1", len(got))
	}
	return got[0]
}
