package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imbot/integrations/openid/openidsim"
)

const rigAni = "33333333-3333-4333-8333-333333333333"

// rigSignIn is a provider for a rig, and the section that names it.
func rigSignIn(t *testing.T) (*openidsim.Server, string) {
	t.Helper()
	idp, err := openidsim.Start(openidsim.Options{
		ClientID: "pages", Tenant: rigTenant, RedirectURL: "https://imbot.example.com/sign-in/callback",
		Users: []openidsim.User{{Object: rigAni, Name: "Ani", Mail: "ani@example.com"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	return idp, fmt.Sprintf("web: {oidc: {issuer: %q, client_id: pages, client_secret: %q}}\n", idp.Issuer(), idp.ClientSecret())
}

// page fetches an address of the app as a browser with these cookies.
func (r *rig) page(target string, cookies []*http.Cookie) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+target, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range cookies {
		req.AddCookie(c)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(b)
}

// TestPages: signing in by the configured provider leads to an incident's page,
// cards lead there too, and the API stays what it is.
func TestPages(t *testing.T) {
	idp, section := rigSignIn(t)
	r := newRig(t, section)
	r.trigger("Checkout is down")
	r.settle(time.Minute)
	r.wantOn(r.channel, []string{"https://imbot.example.com/incidents/INC-1"})
	resp, _ := r.page("/sign-in?return=/incidents/INC-1", nil)
	back, err := idp.Answer(t.Context(), resp.Header.Get("Location"), rigAni)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil || u.Host != "imbot.example.com" {
		t.Fatalf("sent back to %s, %v", back, err)
	}
	resp, _ = r.page(u.RequestURI(), resp.Cookies())
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/incidents/INC-1" {
		t.Fatalf("%s to %q", resp.Status, resp.Header.Get("Location"))
	}
	session := resp.Cookies()
	if resp, body := r.page("/incidents/INC-1", session); resp.StatusCode != http.StatusOK || !strings.Contains(body, "Checkout is down") || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("%s: %s", resp.Status, body)
	}
	for target, want := range map[string]string{"/healthz": "text/plain; charset=utf-8", "/api/v1/nothing": "application/problem+json", "/nothing": "text/html; charset=utf-8"} {
		if resp, _ := r.page(target, session); resp.Header.Get("Content-Type") != want {
			t.Errorf("%s: %s %s", target, resp.Status, resp.Header.Get("Content-Type"))
		}
	}
	if strings.Contains(r.log.String(), u.Query().Get("code")) || strings.Contains(r.log.String(), u.Query().Get("state")) {
		t.Error("the log has the code or the state")
	}

	// Another run on the same store knows the session: the key is kept there.
	key, err := r.app.sessionKey(t.Context())
	again, err2 := r.app.sessionKey(t.Context())
	if err != nil || err2 != nil || len(key) != 32 || string(key) != string(again) {
		t.Errorf("the key in the store: %d bytes, %v, %v", len(key), err, err2)
	}
}

// TestPagesOff: without a provider there are no pages, and it is said what to
// configure.
func TestPagesOff(t *testing.T) {
	r := newRig(t, "")
	if resp, body := r.page("/", nil); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "web.oidc") {
		t.Errorf("%s: %s", resp.Status, body)
	}
	if !strings.Contains(strings.Join(r.app.off(), "\n"), "web.oidc") {
		t.Errorf("off: %q", r.app.off())
	}
	if r.app.reader.Pages {
		t.Error("cards lead to pages that are off")
	}
}

func TestWebConfig(t *testing.T) {
	const head = "listen: \":8080\"\nstore: bolt:x.db\n"
	const teams = "teams: {app_id: 11111111-1111-4111-8111-111111111111, tenant_id: 22222222-2222-4222-8222-222222222222, client_secret: s}\n"
	const good = "web: {oidc: {issuer: \"https://login.microsoftonline.com/22222222-2222-4222-8222-222222222222/v2.0\", client_id: a, client_secret: b}}\n"
	const public = "public_url: https://imbot.example.com\n"
	for _, tt := range []struct{ name, text, want string }{
		{"good", head + public + teams + good, ""},
		{"no section", head, ""},
		{"a slash at the end stays", head + public + "web: {oidc: {issuer: \"https://example.auth0.com/\", client_id: a, client_secret: b}}", ""},
		{"no public_url", head + good, "needs public_url"},
		{"public_url with a path", head + "public_url: https://example.com/imbot\n" + good, "without a path"},
		{"no secret", head + public + "web: {oidc: {issuer: \"https://login.example.com\", client_id: a}}", "client_secret is missing"},
		{"no issuer", head + public + "web: {oidc: {client_id: a, client_secret: b}}", "issuer is missing"},
		{"any tenant", head + public + strings.Replace(good, "22222222-2222-4222-8222-222222222222", "common", 1), "any tenant"},
		{"another tenant", head + public + teams + strings.Replace(good, "22222222", "33333333", 1), "not the one of teams.tenant_id"},
		{"plain http", head + public + strings.Replace(good, "https://login.microsoftonline.com", "http://login.example.com", 1), "plain http"},
		{"short key", head + public + "web: {session_key: abc}", "shorter than 32"},
	} {
		c, err := parseConfig([]byte(tt.text), "imbot.yaml", os.Getenv, os.ReadFile)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v", tt.name, err)
		case err == nil && strings.Contains(strings.Join(c.Warnings(), " "), "web"):
			t.Errorf("%s: %q", tt.name, c.Warnings())
		case tt.name == "a slash at the end stays" && c.Web.OIDC.Issuer != "https://example.auth0.com/":
			t.Errorf("the issuer has become %q", c.Web.OIDC.Issuer)
		}
	}
}

// TestDoctorPages: what doctor says of signing in.
func TestDoctorPages(t *testing.T) {
	idp, section := rigSignIn(t)
	for _, tt := range []struct{ text, state, says string }{
		{"", checkOff, "web.oidc"},
		{"public_url: https://imbot.example.com\n" + section, checkOK, "https://imbot.example.com/sign-in/callback"},
	} {
		path := filepath.Join(t.TempDir(), "imbot.yaml")
		c, err := parseConfig([]byte("listen: \":0\"\nstore: bolt:x.db\n"+tt.text), path, os.Getenv, os.ReadFile)
		if err != nil {
			t.Fatal(err)
		}
		d := &doctor{cfg: c}
		d.pages(t.Context())
		if len(d.checks) != 1 || d.checks[0].State != tt.state || !strings.Contains(d.checks[0].Detail, tt.says) {
			t.Errorf("%+v", d.checks)
		}
	}
	idp.Fail(http.StatusBadGateway)
	c, err := parseConfig([]byte("listen: \":0\"\nstore: bolt:x.db\npublic_url: https://imbot.example.com\n"+section), "imbot.yaml", os.Getenv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	d := &doctor{cfg: c}
	if d.pages(t.Context()); d.checks[0].State != checkFail || d.checks[0].Mend == "" {
		t.Errorf("%+v", d.checks)
	}
}
