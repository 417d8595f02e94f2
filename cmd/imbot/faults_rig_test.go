package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/confluence/confluencesim"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/jira/jirasim"
	"imbot/integrations/mail/mailsim"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/manifest"
	"imbot/outbox"
)

// office is the whole app between simulators of all that a service-down sets in
// motion. Each call of a vendor passes a gate, where it may go wrong. The app can
// be killed: another one then opens the same store.
type office struct {
	*rig
	graph    *graphsim.Server
	jira     *jirasim.Server
	wiki     *confluencesim.Server
	mail     *mailsim.Server
	cfg      *Config
	plan     plan
	dewi     string            // of PagerDuty: on standby for the database
	names    map[string]string // object id in Entra -> first name
	teamsIDs map[string]string // object id in Entra -> id in Teams

	began          time.Time
	alert          string // the id in PagerDuty
	starts         int    // of apps
	pressed, asked bool   // a person has pressed Retry; has asked for the room again

	current atomic.Pointer[http.Handler] // of the app that lives
	flying  sync.RWMutex                 // each call holds it for reading

	gate   sync.Mutex // guards all below
	end    func()     // of the app that lives, as the machine would end it
	armed  bool       // the incident has begun
	healed bool       // nothing goes wrong any more
	dead   bool       // the app has been killed, and no other one has been started
	calls  int        // all so far
	hits   int        // those that went wrong
	owed   time.Duration
	seen   map[step]int
}

const officeCatalog = `squads:
  - {key: payments, name: Payments, channel: %q, lead: ani@example.com, jira_project: PAY, bridge_url: "https://meet.example.com/payments"}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: budi@example.com, pagerduty_service_id: PSVC01, stakeholders: [citra@example.com, gone@example.com], standby: [dba]}
standby:
  dba: {pagerduty_escalation_policy: PEP1}
`

const officeConfig = `
listen: "127.0.0.1:0"
public_url: "https://imbot.example.com"
store: bolt:imbot.db
catalog: catalog.yaml
correlation: {hold: 0s}
pagerduty: {webhook_secrets: [%q], api_token: %q, url: %q, from: imbot@example.com, subscription_id: %q}
jira: {url: %q, email: %q, api_token: %q, webhook_secret: a-secret-of-jira, project: OPS, private_project: SEC}
confluence: {url: %q, email: %q, api_token: %q, space: OPS}
mail: {from: imbot@example.com, smtp: {host: %q, port: %d, tls: none}}
access: {admins: [ani@example.com]}
teams: {app_id: %q, tenant_id: %q, client_secret: %q, default_channel: %q, authority: %q, ca_file: %q, openid_metadata_url: %q,
  default_service_url: %q, service_url_hosts: [%q], rooms: true, profile: rooms, graph_url: %q, install_for_people: %t}
`

// hangs is how long, by the machine's clock, a mail may take where one is to hang:
// SMTP has no way to say so, see hurried. All else has the time that it has in
// production.
const hangs = 3 * time.Second

func newOffice(t *testing.T, p plan) *office {
	t.Helper()
	began := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	o := &office{rig: &rig{t: t, now: began, log: &lockedBuffer{}}, plan: p, seen: map[step]int{}, names: map[string]string{}, teamsIDs: map[string]string{}}
	dir := t.TempDir()
	var err error
	o.teams, err = botframeworksim.New(botframeworksim.Options{AppID: rigApp, TenantID: rigTenant, Now: o.Now, Dir: dir})
	must(t, err)
	t.Cleanup(func() { _ = o.teams.Close() })
	o.pd = pagerdutysim.New(pagerdutysim.Options{Now: o.Now, Seed: 7})
	t.Cleanup(o.pd.Close)
	o.jira = jirasim.New(jirasim.Options{Now: o.Now, Seed: 7})
	t.Cleanup(o.jira.Close)
	o.wiki = confluencesim.New(confluencesim.Options{Now: o.Now})
	t.Cleanup(o.wiki.Close)
	o.mail = mailsim.New(mailsim.Options{TLS: mailsim.TLSNone, Now: o.Now})
	t.Cleanup(o.mail.Close)
	o.newGraph()
	o.people()
	o.furnish()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*o.current.Load()).ServeHTTP(w, r) }))
	t.Cleanup(front.Close)
	o.url = front.URL
	hook, secret := o.pd.Subscribe(o.url + "/webhooks/pagerduty")
	o.jira.SetWebhook(o.url+"/webhooks/jira", "a-secret-of-jira")
	conf := fmt.Sprintf(officeConfig, secret, o.pd.Token(), o.gated("pagerduty", o.pd.URL()), hook,
		o.gated("jira", o.jira.URL()), o.jira.Email(), o.jira.Token(), o.gated("confluence", o.wiki.URL()), o.wiki.Email(), o.wiki.Token(),
		o.mail.Host(), o.mail.Port(), rigApp, rigTenant, o.teams.ClientSecret(), o.other, o.teams.Authority(), o.teams.CAFile(),
		o.teams.OpenIDMetadataURL(), o.teams.ServiceURL(), o.teams.Host(), o.gated("graph", o.graph.URL()), p.install)
	must(t, os.WriteFile(filepath.Join(dir, "catalog.yaml"), fmt.Appendf(nil, officeCatalog, o.channel), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "imbot.yaml"), []byte(conf+p.extra), 0o600))
	o.cfg, err = LoadConfig(filepath.Join(dir, "imbot.yaml"), os.Getenv)
	must(t, err)
	o.start()
	t.Cleanup(func() { must(t, o.app.close()) })
	o.teams.SetBotEndpoint(o.url + "/api/messages")
	o.teams.Fault(o.teamsGate)
	for _, conv := range []string{o.channel, o.teams.Personal(o.ani), o.teams.Personal(o.budi)} {
		must(t, o.teams.Install(t.Context(), o.ani, conv))
	}
	o.settle(time.Minute) // the welcomes
	return o
}

// newGraph is a Graph whose chats are there in Teams, too.
func (o *office) newGraph() {
	o.graph = graphsim.New(graphsim.Options{
		TenantID: rigTenant, AppID: rigApp, Now: o.Now,
		Verify: func(authorization string) error {
			if !strings.HasPrefix(authorization, "Bearer ey") {
				return errors.New("no token")
			}
			return nil
		},
		Changed: func(c graphsim.Chat) {
			var in []string
			for _, m := range c.Members {
				in = append(in, o.teamsIDs[m.UserID])
			}
			if o.teams.SetMembers(c.ID, in...) != nil {
				o.teams.AddGroupChat(c.ID, c.Topic, in...)
			}
			if len(c.Apps) > 0 {
				_ = o.teams.SetInstalled(c.ID, true) // it is there: see above
			}
		},
		Installed: func(userID, _ string) { // Teams does not tell imbot
			_ = o.teams.SetInstalled(o.teams.Personal(o.teamsIDs[userID]), true) // it is there: see people
		},
	})
	o.t.Cleanup(o.graph.Close)
	if o.plan.blind {
		o.graph.Revoke("Chat.ReadBasic.All")
	}
	app := graphsim.App{ExternalID: manifest.ID(rigApp), Name: "imbot", Version: "1.0.0"}
	for _, p := range manifest.ConsentedPermissionSet(manifest.Rooms) {
		app.Permissions = append(app.Permissions, graphsim.Permission{Name: p.Value})
	}
	o.graph.PutApp(app)
}

// people are in Teams, Entra and PagerDuty. Dewi is on standby for the database.
func (o *office) people() {
	ids := map[string]string{}
	for _, name := range []string{"Ani", "Budi", "Citra", "Dewi"} {
		mail := strings.ToLower(name) + "@example.com"
		u := o.teams.AddUser(botframeworksim.User{Name: name, Mail: mail, AADObjectID: objectOf(mail)})
		o.graph.AddUser(graphsim.User{ID: u.AADObjectID, Name: name, Mail: mail})
		ids[name], o.teamsIDs[u.AADObjectID], o.names[u.AADObjectID] = u.ID, u.ID, strings.ToLower(name)
		o.pd.AddUser(pagerdutysim.User{ID: "P" + strings.ToUpper(name), Name: name, Email: mail})
		o.jira.AddUser(jirasim.User{FullName: name, Email: mail})
	}
	o.ani, o.budi, o.dewi = ids["Ani"], ids["Budi"], "PDEWI"
	o.other = o.teams.AddTeam("Shop", ids["Ani"], ids["Budi"], ids["Citra"], ids["Dewi"])
	var err error
	o.channel, err = o.teams.AddChannel(o.other, "Payments incidents")
	must(o.t, err)
	o.pd.AddUser(pagerdutysim.User{ID: "PIMBOT", Name: "imbot", Email: "imbot@example.com"})
	o.pd.AddPolicy(pagerdutysim.Policy{ID: "PEP1", Levels: [][]string{{o.dewi}, {"PANI"}}})
	o.pd.AddService(pagerdutysim.Service{ID: "PSVC01", Name: "Checkout"})
}

// objectOf is the id in Entra of whoever has this mail.
func objectOf(mail string) string {
	return fmt.Sprintf("%08x-0000-4000-8000-000000000000", crc32.ChecksumIEEE([]byte(mail)))
}

func (o *office) furnish() {
	o.jira.AddProject(jirasim.Project{Key: "PAY"})
	o.jira.AddProject(jirasim.Project{Key: "OPS"})
	o.jira.AddProject(jirasim.Project{Key: "SEC"})
	o.wiki.AddSpace("OPS", "Operations")
}

// start opens the store with a new app, which remembers nothing else.
func (o *office) start() {
	o.t.Helper()
	c := clock{now: o.Now, sleep: o.sleep, timeouts: map[string]time.Duration{}}
	if o.plan.vendor == "mail" && o.plan.fault == timeout {
		c.timeouts["mail"] = hangs
	}
	a, err := newApp(o.cfg, slog.New(slog.NewJSONHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug})), c)
	must(o.t, err)
	if o.plan.killed() { // one effect after the other: so the steps have an order
		a.runner.Workers = 1
	}
	a.runner.Store = &mortal{Store: a.store, office: o}
	a.runner.Rand = func() float64 { return 0.5 }
	o.app = a
	o.starts++
	h := a.handler()
	o.current.Store(&h)
	o.gate.Lock()
	o.dead = false
	o.gate.Unlock()
	_ = a.tickets.learn(hurried(o.t.Context())) // as it does after a start; it may fail, and is tried again
}

// mortal is the store of a runner whose app may have been killed: what it runs
// is then never ended.
type mortal struct {
	outbox.Store
	office *office
}

func (m *mortal) Finish(ctx context.Context, job outbox.Job, out outbox.Outcome) error {
	if m.office.isDead() {
		return outbox.ErrOutdated
	}
	return m.Store.Finish(ctx, job, out)
}

func (m *mortal) Lease(ctx context.Context, now, until time.Time, n int) ([]outbox.Job, error) {
	if m.office.isDead() {
		return nil, errKilled
	}
	return m.Store.Lease(ctx, now, until, n)
}

var errKilled = errors.New("killed")

func (o *office) isDead() bool {
	o.gate.Lock()
	defer o.gate.Unlock()
	return o.dead
}

// kill ends the app as the machine would: nothing more is stored, sent or heard.
func (o *office) kill() {
	o.gate.Lock()
	was, end := o.dead, o.end
	o.dead = true
	o.gate.Unlock()
	if !was {
		end()
	}
}

// settle runs what is due, and moves time to what is next, until nothing waits
// or the given time has passed; then time has passed. An app that was killed is
// started again.
func (o *office) settle(within time.Duration) {
	o.t.Helper()
	end := o.Now().Add(within)
	for range 10_000 {
		o.pd.Deliver(o.t.Context())
		o.jira.Deliver(o.t.Context())
		_, next, err := o.run()
		if o.isDead() {
			o.arrive()
			must(o.t, o.app.close())
			o.start()
			continue
		}
		must(o.t, err)
		if d := o.waited(); d > 0 {
			o.advance(d)
			if o.Now().Before(end) {
				continue
			}
			return
		}
		if next.IsZero() || next.After(end) {
			o.advance(max(0, end.Sub(o.Now())))
			return
		}
		o.advance(max(0, next.Sub(o.Now())))
	}
	o.t.Fatal("the outbox never comes to rest")
}

// arrive waits until all that was under way has arrived, so that the next app
// finds it when it looks.
func (o *office) arrive() {
	o.flying.Lock()
	defer o.flying.Unlock()
}

// run runs what is due, until all is done or the app is killed.
func (o *office) run() (ran int, next time.Time, err error) {
	ctx, cancel := context.WithCancel(o.t.Context())
	defer cancel()
	store := o.app.store
	o.gate.Lock()
	o.end = func() {
		_ = store.Close()
		cancel()
	}
	o.gate.Unlock()
	return o.app.runner.RunDue(hurried(ctx))
}

// waited is how long, in production, was waited for calls that hung.
func (o *office) waited() time.Duration {
	o.gate.Lock()
	defer o.gate.Unlock()
	d := o.owed
	o.owed = 0
	return d
}
