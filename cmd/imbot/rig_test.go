package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

const (
	rigApp    = "11111111-1111-4111-8111-111111111111"
	rigTenant = "22222222-2222-4222-8222-222222222222"
	rigToken  = "a-token-of-the-tests"
)

// rig is the whole app, wired as serve does it, between a simulated Teams and a
// simulated PagerDuty. Time stands still until the test moves it.
type rig struct {
	t     *testing.T
	app   *app
	teams *botframeworksim.Server
	pd    *pagerdutysim.Server
	log   *lockedBuffer
	url   string

	ani, budi, eko string // users: ani leads payments, budi is in it, eko is not
	channel, other string // of payments; the company's default

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

// sleep lets simulated time pass instead of waiting.
func (r *rig) sleep(ctx context.Context, d time.Duration) error {
	r.advance(d)
	return ctx.Err()
}

func newRig(t *testing.T, extra string) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Now().UTC().Truncate(time.Millisecond), log: &lockedBuffer{}}
	dir := t.TempDir()
	var err error
	r.teams, err = botframeworksim.New(botframeworksim.Options{AppID: rigApp, TenantID: rigTenant, Now: r.Now, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.teams.Close() })
	r.pd = pagerdutysim.New(pagerdutysim.Options{Now: r.Now, Seed: 7})
	t.Cleanup(r.pd.Close)
	r.people()
	id, secret := r.pd.Subscribe("http://127.0.0.1/later")
	conf := fmt.Sprintf(`
listen: "127.0.0.1:0"
public_url: "https://imbot.example.com"
store: bolt:imbot.db
catalog: catalog.yaml
pagerduty: {webhook_secrets: [%q], api_token: %q, url: %q, from: imbot@example.com, subscription_id: %q}
api: {tokens: [{name: ci, role: admin, token: %q}]}
access: {admins: [ani@example.com]}
teams:
  app_id: %q
  tenant_id: %q
  client_secret: %q
  default_channel: %q
  authority: %q
  ca_file: %q
  openid_metadata_url: %q
  default_service_url: %q
  service_url_hosts: [%q]
%s`, secret, r.pd.Token(), r.pd.URL(), id, rigToken, rigApp, rigTenant, r.teams.ClientSecret(), r.other,
		r.teams.Authority(), r.teams.CAFile(), r.teams.OpenIDMetadataURL(), r.teams.ServiceURL(), r.teams.Host(), extra)
	catalogue := fmt.Sprintf(`
squads:
  - {key: payments, name: Payments, channel: %q, lead: ani@example.com, members: [budi@example.com]}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com, pagerduty_service_id: PSVC01, depends_on: [payments-db]}
  - {key: payments-db, name: Payments DB, squad: payments, owner: ani@example.com, pagerduty_service_id: PSVC02}
`, r.channel)
	for _, w := range words {
		catalogue += fmt.Sprintf("  - {key: %s, name: Checkout %s, squad: payments, pagerduty_service_id: %s}\n", w, w, serviceOf(w))
	}
	for name, text := range map[string]string{"imbot.yaml": conf, "catalog.yaml": catalogue} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := LoadConfig(filepath.Join(dir, "imbot.yaml"), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	r.serve(cfg)
	if err := r.pd.SetURL(id, r.url+"/webhooks/pagerduty"); err != nil {
		t.Fatal(err)
	}
	r.teams.SetBotEndpoint(r.url + "/api/messages")
	r.install()
	r.settle(time.Minute) // the welcomes
	return r
}

func (r *rig) people() {
	user := func(name, mail string) string {
		return r.teams.AddUser(botframeworksim.User{Name: name, Mail: mail}).ID
	}
	r.ani, r.budi, r.eko = user("Ani", "ani@example.com"), user("Budi", "budi@example.com"), user("Eko", "eko@example.com")
	team := r.teams.AddTeam("Shop", r.ani, r.budi, r.eko)
	r.other = team
	var err error
	if r.channel, err = r.teams.AddChannel(team, "Payments incidents"); err != nil {
		r.t.Fatal(err)
	}
	r.pd.AddUser(pagerdutysim.User{ID: "PIMBOT", Name: "imbot", Email: "imbot@example.com"})
	r.pd.AddUser(pagerdutysim.User{ID: "PBUDI", Name: "Budi", Email: "budi@example.com"})
	r.pd.AddService(pagerdutysim.Service{ID: "PSVC01", Name: "Checkout"})
}

func (r *rig) serve(cfg *Config) {
	a, err := newApp(cfg, slog.New(slog.NewJSONHandler(r.log, nil)), clock{now: r.Now, sleep: r.sleep})
	if err != nil {
		r.t.Fatal(err)
	}
	r.app = a
	r.url = "http://" + a.listener.Addr().String()
	srv := &http.Server{Handler: a.handler()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(a.listener) // ends with Close below
	}()
	r.t.Cleanup(func() {
		_ = srv.Close()
		<-done
		if err := a.close(); err != nil {
			r.t.Error(err)
		}
	})
}

func (r *rig) install() {
	ctx := r.t.Context()
	for _, in := range []struct{ user, conv string }{
		{r.ani, r.channel}, {r.ani, r.teams.Personal(r.ani)}, {r.budi, r.teams.Personal(r.budi)}, {r.eko, r.teams.Personal(r.eko)},
	} {
		if err := r.teams.Install(ctx, in.user, in.conv); err != nil {
			r.t.Fatal(err)
		}
	}
}

// settle runs what is due, and moves time to what is next, until nothing waits
// or the given time has passed.
func (r *rig) settle(within time.Duration) {
	r.t.Helper()
	end := r.Now().Add(within)
	for range 10_000 {
		r.pd.Deliver(r.t.Context())
		_, next, err := r.app.runner.RunDue(hurried(r.t.Context()))
		if err != nil {
			r.t.Fatal(err)
		}
		if next.IsZero() || next.After(end) {
			return
		}
		if d := next.Sub(r.Now()); d > 0 {
			r.advance(d)
		}
	}
	r.t.Fatal("the outbox never comes to rest")
}

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

// trigger makes an incident in PagerDuty and delivers its webhook.
func (r *rig) trigger(title string) string {
	st := r.pd.Trigger(pagerdutysim.Spec{Title: title, Service: "PSVC01", Assignee: "PBUDI"})
	r.pd.Deliver(r.t.Context())
	return st.ID
}

// get asks the API.
func (r *rig) get(path string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+rigToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

// say writes to imbot, mentions it outside 1:1 chats, and wants the message taken.
func (r *rig) say(user, conv, text string) {
	r.t.Helper()
	d, err := r.teams.Say(r.t.Context(), user, conv, text, botframeworksim.SayOptions{Mention: !strings.HasPrefix(conv, "a:")})
	if err != nil || d.Status != http.StatusOK {
		r.t.Fatalf("say %q: status %d, %v", text, d.Status, err)
	}
}
