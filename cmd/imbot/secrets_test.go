package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/mail/mailsim"
	"imbot/integrations/openid/openidsim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// secretive is a configuration in which everything is on and every secret is
// recognisable: "s3cret-" and the key. The vendors refuse them all.
const secretive = `
listen: "127.0.0.1:0"
public_url: "https://imbot.example.com"
store: bolt:imbot.db
catalog: catalog.yaml
correlation: {hold: 0s}
pagerduty: {webhook_secrets: [s3cret-pagerduty-webhook], api_token: s3cret-pagerduty-token, url: %[1]q, from: imbot@example.com}
jira: {url: %[1]q, %[2]s, webhook_secret: s3cret-jira-webhook, webhook_secrets: [s3cret-jira-webhooks], project: OPS}
confluence: {url: %[1]q, email: imbot@example.com, api_token: s3cret-confluence, space: OPS}
newrelic: {api_key: NRAK-s3cret-newrelic, account_id: "1", url: %[1]q}
prometheus: {url: %[1]q, %[3]s}
backstage: {url: %[1]q, token: s3cret-backstage}
standby: {token: s3cret-standby}
mail: {from: imbot@example.com, smtp: {host: 127.0.0.1, port: %[4]d, ca_file: %[5]q, user: imbot, password: s3cret-mail}}
hooks: [{name: other, url: "%[1]s/s3cret-hook-url", secret: s3cret-hook-signature, allow_private: true}]
api: {tokens: [{name: ci, role: admin, token: s3cret-api-token-0123456789}]}
web: {session_key: s3cret-session-key-0123456789abcdef, oidc: {issuer: %[6]q, client_id: pages, client_secret: s3cret-oidc}}
access: {admins: [ani@example.com]}
teams: {app_id: %[7]q, tenant_id: %[8]q, client_secret: s3cret-teams, default_channel: %[9]q, authority: %[10]q, ca_file: %[11]q,
  openid_metadata_url: %[12]q, default_service_url: %[13]q, service_url_hosts: [%[14]q], rooms: true, profile: rooms, graph_url: %[1]q}
`

const secretiveCatalog = `squads:
  - {key: payments, name: Payments, lead: ani@example.com, mail: payments@example.com}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com, pagerduty_service_id: PSVC01, standby: [dba]}
standby:
  dba: {url: "%s/standby?key=s3cret-standby-url"}
`

// unused are the secrets of which the test has the alternative, or that go into
// no request.
var unused = map[string]bool{"Teams.CertificatePassword": true}

// secrets finds the paths of all secrets that a configuration may have, and
// whether they are set.
func secrets(path string, v reflect.Value, found map[string]bool) {
	switch {
	case v.Type() == reflect.TypeFor[Secret]():
		found[path] = found[path] || v.Len() > 0
	case v.Kind() == reflect.Pointer && !v.IsNil():
		secrets(path, v.Elem(), found)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		for i := range v.Len() {
			secrets(path, v.Index(i), found)
		}
		if v.Len() == 0 && v.Type().Elem() == reflect.TypeFor[Secret]() {
			found[path] = found[path] || false
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				secrets(strings.TrimPrefix(path+"."+f.Name, "."), v.Field(i), found)
			}
		}
	}
}

// TestSecretsStayIn: with every secret of the configuration refused, and every
// vendor answering nonsense, nothing that imbot says, be it to the log, by
// doctor, in figures, on pages, by the API or on an incident, holds one.
func TestSecretsStayIn(t *testing.T) {
	found := map[string]bool{}
	for name, answer := range map[string]http.HandlerFunc{
		"refused": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":{"message":"who are you?"},"errorMessages":["who are you?"]}`, http.StatusUnauthorized)
		},
		"broken": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "<html><h1>Oops</h1>"+strings.Repeat("x", 1<<20))
		},
		"led elsewhere": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/elsewhere") {
				t.Errorf("a redirect is followed, with %v", r.Header)
			}
			w.Header().Set("Location", "/elsewhere"+r.URL.Path)
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSecretive(t, answer, name == "refused" || name == "broken")
			secrets("", reflect.ValueOf(*s.cfg), found)
			s.story()
			for _, said := range s.said {
				for _, secret := range []string{"s3cret", base64.StdEncoding.EncodeToString([]byte("imbot@example.com:s3cret"))[:30]} {
					if i := strings.Index(strings.ToLower(said.text), strings.ToLower(secret)); i >= 0 {
						t.Errorf("%s tells a secret: …%s…", said.channel, said.text[max(0, i-200):min(len(said.text), i+60)])
					}
				}
			}
		})
	}
	for path, set := range found {
		if !set && !unused[path] {
			t.Errorf("the secret %s is not tested: set it above", path)
		}
	}
}

type secretiveRig struct {
	*rig
	cfg  *Config
	idp  *openidsim.Server
	said []heard
}

func newSecretive(t *testing.T, answer http.HandlerFunc, other bool) *secretiveRig {
	t.Helper()
	s := &secretiveRig{rig: &rig{t: t, now: time.Now().UTC().Truncate(time.Second), log: &lockedBuffer{}}}
	dir := t.TempDir()
	vendor := httptest.NewServer(answer)
	vendor.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	t.Cleanup(vendor.Close)
	post := mailsim.New(mailsim.Options{Now: s.Now, Users: []mailsim.User{{Name: "imbot", Password: "another"}}})
	t.Cleanup(post.Close)
	must(t, os.WriteFile(filepath.Join(dir, "mail.pem"), post.CA(), 0o600))
	var err error
	s.idp, err = openidsim.Start(openidsim.Options{
		ClientID: "pages", Tenant: rigTenant, RedirectURL: "https://imbot.example.com/sign-in/callback", Now: s.Now,
		Users: []openidsim.User{{Object: rigAni, Name: "Ani", Mail: "ani@example.com"}},
	})
	must(t, err)
	t.Cleanup(func() { _ = s.idp.Close() })
	s.teams, err = botframeworksim.New(botframeworksim.Options{AppID: rigApp, TenantID: rigTenant, Now: s.Now, Dir: dir})
	must(t, err)
	t.Cleanup(func() { _ = s.teams.Close() })
	s.pd = pagerdutysim.New(pagerdutysim.Options{Now: s.Now, Seed: 7})
	t.Cleanup(s.pd.Close)
	s.people()
	jira, prometheus := "email: imbot@example.com, api_token: s3cret-jira-token", "bearer_token: s3cret-prometheus"
	if other {
		jira, prometheus = "personal_token: s3cret-jira-personal", "user: imbot, password: s3cret-prometheus-password"
	}
	conf := fmt.Sprintf(secretive, vendor.URL, jira, prometheus, post.Port(), filepath.Join(dir, "mail.pem"), s.idp.Issuer(), rigApp, rigTenant, s.other,
		s.teams.Authority(), s.teams.CAFile(), s.teams.OpenIDMetadataURL(), s.teams.ServiceURL(), s.teams.Host())
	must(t, os.WriteFile(filepath.Join(dir, "imbot.yaml"), []byte(conf), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "catalog.yaml"), fmt.Appendf(nil, secretiveCatalog, vendor.URL), 0o600))
	s.cfg, err = LoadConfig(filepath.Join(dir, "imbot.yaml"), os.Getenv)
	must(t, err)
	s.serve(s.cfg)
	s.teams.SetBotEndpoint(s.url + "/api/messages")
	return s
}

func (s *secretiveRig) hear(channel, text string) { s.said = append(s.said, heard{channel, "", text}) }

// ask sends a request, and hears the answer.
func (s *secretiveRig) ask(method, path, authorization, body string, cookies ...*http.Cookie) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	must(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	for _, c := range cookies {
		req.AddCookie(c)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(s.t, err)
	s.hear(method+" "+path, fmt.Sprint(resp.Header)+string(b))
	return resp
}

// story has everything go wrong, and hears what is said about it.
func (s *secretiveRig) story() {
	ctx := s.t.Context()
	const token = "Bearer s3cret-api-token-0123456789"
	must(s.t, s.teams.Install(ctx, s.ani, s.channel))
	s.say(s.ani, s.channel, "declare checkout is down service:checkout level:service-down")
	s.say(s.ani, s.channel, "page 1 dba it is down")
	s.say(s.ani, s.channel, "action add 1 \"mend it\"")
	s.say(s.ani, s.channel, "room 1")
	s.settle(20 * time.Minute)
	for _, path := range []string{
		"/", "/incidents/INC-1", "/metrics", "/healthz", "/readyz", "/api/v1/incidents/1", "/api/v1/incidents/1/timeline", "/api/v1/incidents?limit=0", "/api/v1/oncall?service=checkout",
		"/api/v1/nothing", "/sign-in", "/unsubscribe?a=ani@example.com&t=x", topologyPath,
	} {
		s.ask(http.MethodGet, path, token, "")
		s.ask(http.MethodGet, path, "Bearer wrong", "")
	}
	for _, path := range []string{"/webhooks/pagerduty", "/webhooks/jira", "/api/messages", "/api/v1/incidents", "/sign-out", historyPath} {
		s.ask(http.MethodPost, path, token, `{"title":`)
		s.ask(http.MethodPost, path, "", `{}`)
	}
	start := s.ask(http.MethodGet, "/sign-in", "", "")
	back, err := s.idp.Answer(ctx, start.Header.Get("Location"), rigAni)
	must(s.t, err)
	to, err := url.Parse(back)
	must(s.t, err)
	if resp := s.ask(http.MethodGet, to.RequestURI(), "", "", start.Cookies()...); resp.StatusCode != http.StatusForbidden {
		s.t.Errorf("the provider refuses the secret, and the answer is %s", resp.Status)
	}
	var out bytes.Buffer
	err = runDoctor(ctx, []string{"-config", s.cfg.Path}, &out, &out)
	s.hear("doctor", out.String()+fmt.Sprint(err))
	for _, section := range []string{"pagerduty", "teams", "jira", "confluence", "mail"} {
		if !strings.Contains(out.String(), section) {
			s.t.Errorf("doctor says nothing of %s: %s", section, out.String())
		}
	}
	s.hear("the configuration", fmt.Sprintf("%+v %+v %+v %+v", s.cfg, *s.cfg.Teams, s.cfg.Hooks, s.app.off()))
	s.hear("the log", s.log.String())
	if !strings.Contains(s.log.String(), `"level":"ERROR"`) || !strings.Contains(out.String(), "fail") {
		s.t.Errorf("nothing went wrong: the test proves nothing: %s", out.String())
	}
}
