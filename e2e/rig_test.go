package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
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

// rig is a configuration on disk, and the simulated vendors that it names.
type rig struct {
	t             *testing.T
	dir, addr     string
	teams         *botframeworksim.Server
	pd            *pagerdutysim.Server
	secret        string // of the webhook subscription
	ani           string // a person's id
	channel       string // of the squad payments
	process       *process
	configuration map[string]string // section -> line of imbot.yaml
}

const rigCatalog = `squads:
  - {key: payments, name: Payments, channel: %q}
services:
  - {key: checkout, name: Checkout, squad: payments, pagerduty_service_id: PSVCCO1}
`

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), addr: freePort(t)}
	var err error
	r.teams, err = botframeworksim.New(botframeworksim.Options{
		AppID: rigApp, TenantID: rigTenant, Dir: r.dir, BotEndpoint: r.url("/api/messages"), NoRateLimits: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.teams.Close() })
	r.pd = pagerdutysim.New(pagerdutysim.Options{})
	t.Cleanup(r.pd.Close)
	r.pd.AddUser(pagerdutysim.User{Name: "imbot", Email: "imbot@example.com"})
	r.pd.AddService(pagerdutysim.Service{ID: "PSVCCO1", Name: "Checkout"})
	_, r.secret = r.pd.Subscribe(r.url("/webhooks/pagerduty"))
	r.ani = r.teams.AddUser(botframeworksim.User{Name: "Ani", Mail: "ani@example.com"}).ID
	if r.channel, err = r.teams.AddChannel(r.teams.AddTeam("Shop", r.ani), "Payments incidents"); err != nil {
		t.Fatal(err)
	}
	for _, conv := range []string{r.channel, r.teams.Personal(r.ani)} {
		if err := r.teams.SetInstalled(conv, true); err != nil {
			t.Fatal(err)
		}
	}
	write(t, r.path("catalog.yaml"), fmt.Sprintf(rigCatalog, r.channel))
	r.configuration = map[string]string{
		"listen": fmt.Sprintf("%q", r.addr), "public_url": r.url(""), "store": "bolt:imbot.db", "catalog": "catalog.yaml",
		"pagerduty": fmt.Sprintf("{webhook_secrets: [%q], api_token: %q, url: %q, from: imbot@example.com}", r.secret, r.pd.Token(), r.pd.URL()),
		"api":       fmt.Sprintf("{tokens: [{name: test, role: admin, token: %q}]}", rigToken),
		"teams": fmt.Sprintf("{app_id: %q, tenant_id: %q, client_secret: %q, authority: %q, ca_file: %q, openid_metadata_url: %q, default_service_url: %q, service_url_hosts: [%q]}",
			rigApp, rigTenant, r.teams.ClientSecret(), r.teams.Authority(), r.teams.CAFile(), r.teams.OpenIDMetadataURL(), r.teams.ServiceURL(), r.teams.Host()),
	}
	r.configure()
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }
func (r *rig) url(path string) string  { return "http://" + r.addr + path }

// configure writes imbot.yaml.
func (r *rig) configure() {
	var b strings.Builder
	for section, text := range r.configuration {
		fmt.Fprintf(&b, "%s: %s\n", section, text)
	}
	write(r.t, r.path("imbot.yaml"), b.String())
}

// serve starts imbot, and returns when it takes work.
func (r *rig) serve() *process {
	r.t.Helper()
	p := start(r.t, "serve", "-config", r.path("imbot.yaml"))
	r.process = p
	p.see(`"msg":"imbot serves"`)
	if !until(r.t, func() bool { code, _ := r.get("/readyz"); return code == http.StatusOK }) {
		r.t.Fatalf("imbot does not become ready:\n%s", p.out)
	}
	return p
}

// stop ends imbot politely.
func (r *rig) stop() {
	r.t.Helper()
	r.process.signal(syscall.SIGTERM)
	if code := r.process.wait(patience); code != 0 {
		r.t.Fatalf("imbot ended with code %d:\n%s", code, r.process.out)
	}
}

func (r *rig) get(path string) (int, []byte) {
	r.t.Helper()
	return ask(r.t, http.MethodGet, r.url(path), rigToken, nil, nil)
}

// read reads JSON of the API into out.
func (r *rig) read(path string, out any) {
	r.t.Helper()
	code, body := r.get(path)
	if code != http.StatusOK {
		r.t.Fatalf("GET %s: %d %s", path, code, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		r.t.Fatalf("GET %s: %v", path, err)
	}
}

// webhook sends what PagerDuty sends when an incident triggers.
func (r *rig) webhook(id, title string) int {
	r.t.Helper()
	body, header := pagerdutysim.Webhook(pagerdutysim.WebhookSpec{
		ID: id, Title: title, Service: pagerdutysim.Service{ID: "PSVCCO1", Name: "Checkout"}, At: time.Now(),
	}, r.secret)
	code, _ := ask(r.t, http.MethodPost, r.url("/webhooks/pagerduty"), "", body, header)
	return code
}

// declare declares an incident over the API, and returns its id.
func (r *rig) declare(title string) string {
	r.t.Helper()
	code, body := ask(r.t, http.MethodPost, r.url("/api/v1/incidents"), rigToken, []byte(fmt.Sprintf(`{"title":%q,"service":"checkout"}`, title)), http.Header{"Content-Type": {"application/json"}})
	var inc struct{ ID string }
	if err := json.Unmarshal(body, &inc); err != nil || code != http.StatusCreated {
		r.t.Fatalf("declare: %d %s", code, body)
	}
	return inc.ID
}

// say says something in the 1:1 chat, and awaits a post of imbot that has the
// text.
func (r *rig) say(text, want string) {
	r.t.Helper()
	chat := r.teams.Personal(r.ani)
	d, err := r.teams.Say(r.t.Context(), r.ani, chat, text, botframeworksim.SayOptions{})
	if err != nil || d.Status != http.StatusOK {
		r.t.Fatalf("say %q: %d %v", text, d.Status, err)
	}
	ok := until(r.t, func() bool {
		for _, p := range r.teams.Posts(chat) {
			if p.Contains(want) {
				return true
			}
		}
		return false
	})
	if !ok {
		r.t.Fatalf("no answer to %q with %q; imbot printed:\n%s", text, want, r.process.out)
	}
}

// metric reads one line of the metrics; 0 where it is not there.
func (r *rig) metric(line string) float64 {
	r.t.Helper()
	_, body := r.get("/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + ` (\S+)$`).FindSubmatch(body)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}
