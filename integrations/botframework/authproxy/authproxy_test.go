package authproxy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/authproxy"
)

const (
	appID    = "11111111-aaaa-4bbb-8ccc-222222222222"
	tenantID = "33333333-dddd-4eee-8fff-444444444444"
)

// playground does what Microsoft's does on the wire, as far as the proxy can
// see it: a connector that keeps posts, and activities without Authorization.
type playground struct {
	*httptest.Server
	mu      sync.Mutex
	posts   map[string]string // by id
	headers []http.Header
	paths   []string
	kept    int // requests after which the connection would be kept
}

func newPlayground(t *testing.T) *playground {
	p := &playground{posts: map[string]string{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		if p.kept > 0 {
			t.Errorf("%d calls used a connection that the Playground may close at any moment", p.kept)
		}
	})
	return p
}

func (p *playground) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !r.Close {
		p.kept++
	}
	p.headers, p.paths = append(p.headers, r.Header), append(p.paths, r.Method+" "+r.URL.RequestURI())
	w.Header().Set("Content-Type", "application/json")
	switch parts := strings.Split(r.URL.EscapedPath(), "/"); {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/activities"):
		id := fmt.Sprint(1000 + len(p.posts))
		p.posts[id] = string(body)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"`+id+`"}`)
	case r.Method == http.MethodPut && p.posts[parts[len(parts)-1]] != "":
		p.posts[parts[len(parts)-1]] = string(body)
		_, _ = io.WriteString(w, `{"id":"`+parts[len(parts)-1]+`"}`)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNotImplemented)
	case r.Method == http.MethodGet:
		_, _ = io.WriteString(w, `{"members":[{"id":"29:1","name":"A","aadObjectId":"o"}]}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// say posts an activity as the Playground does.
func say(t *testing.T, url, body string, change func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("x-ms-agents-playground", "true")
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// bot is a handler with all checks on, which can only be configured after the
// proxy is started, as it needs its URLs.
type bot struct {
	mu        sync.Mutex
	validator *botframework.Validator
	refused   error
	heard     []*botframework.Activity
}

func (b *bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	a, err := botframework.DecodeActivity(body)
	if err == nil {
		err = b.validator.Validate(r.Context(), r.Header.Get("Authorization"), a)
	}
	if b.refused = err; err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	b.heard = append(b.heard, a)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"statusCode":200,"type":"application/vnd.microsoft.activity.message","value":"hi"}`)
}

type demo struct {
	proxy      *authproxy.Proxy
	playground *playground
	bot        *bot
	client     *botframework.Client
	mu         sync.Mutex
	traffic    []authproxy.Traffic
}

func newDemo(t *testing.T) *demo {
	t.Helper()
	d := &demo{playground: newPlayground(t), bot: &bot{}}
	srv := httptest.NewServer(d.bot)
	t.Cleanup(srv.Close)
	var err error
	d.proxy, err = authproxy.Start(authproxy.Options{
		BotURL: srv.URL + "/api/messages", AppID: appID, TenantID: tenantID, Dir: t.TempDir(),
		OnTraffic: func(x authproxy.Traffic) { d.mu.Lock(); defer d.mu.Unlock(); d.traffic = append(d.traffic, x) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.proxy.Close() })
	d.bot.validator, err = botframework.NewValidator(botframework.ValidatorConfig{
		AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: d.proxy.OpenIDMetadataURL(),
	})
	if err != nil {
		t.Fatal(err)
	}
	cred, err := botframework.NewCredential(botframework.CredentialConfig{
		TenantID: tenantID, AppID: appID, ClientSecret: d.proxy.ClientSecret(), Authority: d.proxy.Authority(), CAFile: d.proxy.CAFile(),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.client, err = botframework.NewClient(botframework.ClientConfig{Credential: cred, AppID: appID, AllowHosts: []string{d.proxy.Host()}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *demo) activity(tenant string) string {
	return `{"type":"message","id":"1","channelId":"msteams","text":"hi","serviceUrl":"` + d.proxy.ServiceURL() +
		`","conversation":{"id":"19:c@thread.tacv2;messageid=1","tenantId":"` + tenant + `"},"recipient":{"id":"28:` + appID + `"}}`
}

func TestBothWays(t *testing.T) {
	d := newDemo(t)
	status, answer := say(t, d.proxy.MessagesURL(), d.activity(tenantID), nil)
	if status != http.StatusOK || !strings.Contains(answer, `"value":"hi"`) {
		t.Fatalf("message: %d %s (%v)", status, answer, d.bot.refused)
	}
	ref := d.bot.heard[0].Reference()
	if _, err := d.client.Send(t.Context(), ref, &botframework.Activity{Text: "early"}); err == nil {
		t.Error("a call was answered without a Playground")
	} else if e := new(botframework.Error); !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable {
		t.Errorf("without a Playground: %v", err)
	}
	if err := d.proxy.SetPlayground(d.playground.URL + "/"); err != nil {
		t.Fatal(err)
	}
	id, err := d.client.Send(t.Context(), ref, &botframework.Activity{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.client.Update(t.Context(), ref, id, &botframework.Activity{Text: "changed"}); err != nil {
		t.Fatal(err)
	}
	if members, err := d.client.Members(t.Context(), ref); err != nil || len(members) != 1 || members[0].AADObjectID != "o" {
		t.Errorf("Members = %+v, %v", members, err)
	}
	if err := d.client.Delete(t.Context(), ref, id); err == nil {
		t.Error("the Playground's 501 was lost")
	}
	if got := d.playground.posts[id]; !strings.Contains(got, "changed") {
		t.Errorf("the post is %s", got)
	}
	if want := "POST /_connector/v3/conversations/19:c@thread.tacv2%3Bmessageid=1/activities"; d.playground.paths[0] != want {
		t.Errorf("path %s, want %s", d.playground.paths[0], want)
	}
	for _, h := range d.playground.headers {
		if h.Get("Authorization") != "" {
			t.Error("the bot's token was passed on")
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.traffic) != 5 || !d.traffic[0].ToBot || d.traffic[1].ToBot || !strings.Contains(string(d.traffic[1].Request), "hello") {
		t.Errorf("traffic: %d exchanges", len(d.traffic))
	}
}

func TestBotStillChecks(t *testing.T) {
	d := newDemo(t)
	if status, _ := say(t, d.proxy.MessagesURL(), d.activity("another tenant"), nil); status != http.StatusUnauthorized {
		t.Errorf("foreign tenant: %d", status)
	}
	var refused *botframework.AuthError
	if !errors.As(d.bot.refused, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("foreign tenant: %v", d.bot.refused)
	}
	// Past the proxy, straight to the bot.
	for _, header := range []string{"", "Bearer a.b.c"} {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPost, "/api/messages", strings.NewReader(d.activity(tenantID)))
		req.Header.Set("Authorization", header)
		d.bot.ServeHTTP(rec, req)
		if d.bot.refused == nil {
			t.Errorf("header %q was accepted", header)
		}
	}
}

func TestProxyRefuses(t *testing.T) {
	d := newDemo(t)
	if err := d.proxy.SetPlayground(d.playground.URL); err != nil {
		t.Fatal(err)
	}
	good := d.activity(tenantID)
	url := d.proxy.MessagesURL()
	connector := d.proxy.ServiceURL() + "/v3/conversations/x/activities"
	for _, tt := range []struct {
		name, url, body string
		change          func(*http.Request)
		want            int
	}{
		{"web page", url, good, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"rebound host", url, good, func(r *http.Request) { r.Host = "evil.example:80" }, 403},
		{"form", url, good, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		{"no JSON", url, "x", nil, 400},
		{"other service URL", url, `{"type":"message","serviceUrl":"http://localhost:1/_connector"}`, nil, 400},
		{"too large", url, strings.Repeat("x", 1<<20+1), nil, 413},
		{"GET", url, "", func(r *http.Request) { r.Method = http.MethodGet }, 405},
		{"other path", strings.TrimSuffix(url, "/api/messages"), "", nil, 404},
		{"dot segments", d.proxy.ServiceURL() + "/%2e%2e/api/x", "", nil, 400},
		{"call without token", connector, `{}`, nil, 401},
		{"call with a made-up token", connector, `{}`, func(r *http.Request) { r.Header.Set("Authorization", "Bearer a.b.c") }, 401},
		{"HEAD", url, "", func(r *http.Request) { r.Method = http.MethodHead }, 200},
	} {
		status, body := say(t, tt.url, tt.body, tt.change)
		if status != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, status, body, tt.want)
		}
		if status != http.StatusOK && !json.Valid([]byte(body)) {
			t.Errorf("%s: answer %s", tt.name, body)
		}
	}
	if len(d.bot.heard) != 0 || len(d.playground.paths) != 0 {
		t.Errorf("%d activities and %d calls came through", len(d.bot.heard), len(d.playground.paths))
	}
	if status, body := say(t, url, `{"type":"message","serviceUrl":"x"}`, nil); status != 400 || !strings.Contains(body, "--service-url "+d.proxy.ServiceURL()) {
		t.Errorf("the answer does not say what to do: %s", body)
	}
}

func TestStartRefuses(t *testing.T) {
	good := authproxy.Options{BotURL: "http://127.0.0.1:1/api/messages", AppID: appID, TenantID: tenantID}
	for name, change := range map[string]func(*authproxy.Options){
		"no app id":         func(o *authproxy.Options) { o.AppID = "" },
		"no tenant":         func(o *authproxy.Options) { o.TenantID = "" },
		"no bot":            func(o *authproxy.Options) { o.BotURL = "" },
		"remote bot":        func(o *authproxy.Options) { o.BotURL = "http://bot.example/api/messages" },
		"all interfaces":    func(o *authproxy.Options) { o.Listen = ":0" },
		"public interface":  func(o *authproxy.Options) { o.Listen = "0.0.0.0:0" },
		"remote playground": func(o *authproxy.Options) { o.Playground = "http://pg.example" },
	} {
		o := good
		change(&o)
		if p, err := authproxy.Start(o); err == nil {
			t.Errorf("%s: accepted", name)
			_ = p.Close()
		}
	}
	p, err := authproxy.Start(good)
	if err != nil {
		t.Fatal(err)
	}
	ca := p.CAFile()
	if pem, err := os.ReadFile(ca); err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") || strings.Contains(string(pem), "PRIVATE") {
		t.Errorf("CA file: %v", err)
	}
	if status, _ := say(t, p.MessagesURL(), `{"type":"message","serviceUrl":"`+p.ServiceURL()+`"}`, nil); status != http.StatusBadGateway {
		t.Errorf("without a bot: %d, want 502", status)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(ca); err == nil {
		t.Error("the temporary folder is still there")
	}
}

// A simulator beside the Playground takes the Authority's tokens for itself only.
func TestCheckBearer(t *testing.T) {
	d := newDemo(t)
	cred, err := botframework.NewCredential(botframework.CredentialConfig{
		TenantID: tenantID, AppID: appID, ClientSecret: d.proxy.ClientSecret(), Authority: d.proxy.Authority(), CAFile: d.proxy.CAFile(),
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	for audience, want := range map[string]bool{"https://graph.microsoft.com": true, "https://api.botframework.com": false} {
		if err := d.proxy.CheckBearer("Bearer "+token.Token, audience); (err == nil) != want {
			t.Errorf("for %s: %v", audience, err)
		}
	}
	if d.proxy.CheckBearer("Bearer a.b.c", "https://graph.microsoft.com") == nil {
		t.Error("a foreign token is taken")
	}
}
