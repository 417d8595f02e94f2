package botframework_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/botframework/entrasim"
)

// countingTransport counts the bodies that are open.
type countingTransport struct{ open atomic.Int64 }

func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		c.open.Add(1)
		resp.Body = &countedBody{resp.Body, &c.open, sync.Once{}}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	open *atomic.Int64
	once sync.Once
}

func (b *countedBody) Close() error {
	b.once.Do(func() { b.open.Add(-1) })
	return b.ReadCloser.Close()
}

// guard is a validator before a simulator, with a clock that both share.
type guard struct {
	*botframework.Validator
	sim     *botframeworksim.Server
	now     time.Time
	bodies  countingTransport
	log     bytes.Buffer
	channel string // of the activities
}

func newGuard(t *testing.T) *guard {
	t.Helper()
	g := &guard{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), channel: "msteams"}
	clock := func() time.Time { return g.now }
	var err error
	g.sim, err = botframeworksim.New(botframeworksim.Options{AppID: appID, TenantID: tenantID, Dir: t.TempDir(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.sim.Close() })
	g.Validator, err = botframework.NewValidator(botframework.ValidatorConfig{
		AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: g.sim.OpenIDMetadataURL(), Now: clock,
		HTTP: &http.Client{Transport: &g.bodies}, Logger: slog.New(slog.NewTextHandler(&g.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guard) activity() *botframework.Activity {
	return &botframework.Activity{
		Type: "message", ChannelID: g.channel, ServiceURL: g.sim.ServiceURL(),
		Conversation: botframework.Conversation{ID: "a:1", TenantID: tenantID},
	}
}

func (g *guard) token(t *testing.T, options ...entrasim.TokenOption) string {
	t.Helper()
	token, err := g.sim.Token(options...)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// status returns the status of a refusal, 0 if the activity is accepted.
func status(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var e *botframework.AuthError
	if !errors.As(err, &e) || e.Reason == "" {
		t.Fatalf("error of type %T: %v", err, err)
	}
	return e.Status
}

func TestForgedTokens(t *testing.T) {
	g := newGuard(t)
	at := func(d time.Duration) int64 { return g.now.Add(d).Unix() }
	claim, without, header := entrasim.Claim, entrasim.Without, entrasim.Header
	for _, tt := range []struct {
		name    string
		options []entrasim.TokenOption
		want    int
	}{
		{"good", nil, 0},
		{"audience in a list", []entrasim.TokenOption{claim("aud", []string{"other", appID})}, 0},
		{"expired within the leeway", []entrasim.TokenOption{claim("exp", at(-4*time.Minute))}, 0},
		{"not before within the leeway", []entrasim.TokenOption{claim("nbf", at(4*time.Minute))}, 0},
		{"no nbf", []entrasim.TokenOption{without("nbf")}, 0},
		{"service URL in other case, no slash", []entrasim.TokenOption{claim("serviceurl", strings.ToUpper(strings.TrimSuffix(g.sim.ServiceURL(), "/")))}, 0},

		{"alg none", []entrasim.TokenOption{entrasim.None()}, 401},
		{"alg none, no kid", []entrasim.TokenOption{entrasim.None(), header("kid", nil)}, 401},
		{"HS256 with the public key as PEM", []entrasim.TokenOption{entrasim.HMAC(g.sim.Entra().PublicKeyPEM())}, 401},
		{"HS256 with an empty secret", []entrasim.TokenOption{entrasim.HMAC([]byte{})}, 401},
		{"RS384", []entrasim.TokenOption{entrasim.RSA("RS384")}, 401},
		{"RS512", []entrasim.TokenOption{entrasim.RSA("RS512")}, 401},
		{"PS256", []entrasim.TokenOption{entrasim.RSA("PS256")}, 401},
		{"another key under the known id", []entrasim.TokenOption{entrasim.ForeignKey()}, 401},
		{"another key under its own id", []entrasim.TokenOption{entrasim.ForeignKey(), header("kid", "mine")}, 401},
		{"no kid", []entrasim.TokenOption{header("kid", nil)}, 401},
		{"kid is a number", []entrasim.TokenOption{header("kid", 7)}, 401},
		{"kid is a path", []entrasim.TokenOption{header("kid", "../../etc/passwd")}, 401},
		{"key in the token's header", []entrasim.TokenOption{entrasim.ForeignKey(), header("kid", nil), header("jwk", map[string]any{"kty": "RSA"})}, 401},

		{"other issuer", []entrasim.TokenOption{claim("iss", "https://sts.windows.net/"+tenantID+"/")}, 401},
		{"issuer with a slash", []entrasim.TokenOption{claim("iss", "https://api.botframework.com/")}, 401},
		{"no issuer", []entrasim.TokenOption{without("iss")}, 401},
		{"issuer is a list", []entrasim.TokenOption{claim("iss", []string{"https://api.botframework.com"})}, 401},
		{"other audience", []entrasim.TokenOption{claim("aud", "55555555-0000-4000-8000-000000000000")}, 401},
		{"other audiences in a list", []entrasim.TokenOption{claim("aud", []string{"a", "b"})}, 401},
		{"empty list of audiences", []entrasim.TokenOption{claim("aud", []string{})}, 401},
		{"no audience", []entrasim.TokenOption{without("aud")}, 401},
		{"audience is a number", []entrasim.TokenOption{claim("aud", 5)}, 401},
		{"audience is an object", []entrasim.TokenOption{claim("aud", map[string]any{"a": appID})}, 401},
		{"empty audience", []entrasim.TokenOption{claim("aud", "")}, 401},

		{"no exp", []entrasim.TokenOption{without("exp")}, 401},
		{"exp is null", []entrasim.TokenOption{claim("exp", nil)}, 401},
		{"exp is a string", []entrasim.TokenOption{claim("exp", "tomorrow")}, 401},
		{"exp is huge", []entrasim.TokenOption{claim("exp", json.Number("1e400"))}, 401},
		{"expired", []entrasim.TokenOption{claim("exp", at(-6*time.Minute))}, 401},
		{"not valid yet", []entrasim.TokenOption{claim("nbf", at(6*time.Minute))}, 401},

		{"other service URL", []entrasim.TokenOption{claim("serviceurl", "https://smba.trafficmanager.net/amer/")}, 403},
		{"service URL as a prefix", []entrasim.TokenOption{claim("serviceurl", g.sim.ServiceURL()+"x")}, 403},
		{"no service URL", []entrasim.TokenOption{without("serviceurl")}, 403},
		{"empty service URL", []entrasim.TokenOption{claim("serviceurl", "")}, 403},
		{"service URL is a list", []entrasim.TokenOption{claim("serviceurl", []string{g.sim.ServiceURL()})}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := g.Validate(t.Context(), "Bearer "+g.token(t, tt.options...), g.activity())
			if got := status(t, err); got != tt.want {
				t.Errorf("status %d (%v), want %d", got, err, tt.want)
			}
		})
	}
	if n := g.sim.Entra().KeyFetches(); n != 1 {
		t.Errorf("%d key fetches for the whole table, want 1", n)
	}
}

func TestHeaders(t *testing.T) {
	g := newGuard(t)
	good := g.token(t)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	for _, h := range []string{
		"", " ", "Bearer", "Bearer ", "Basic " + good, good, "Bearer a.b", "Bearer a.b.c", "Bearer a.b.c.d",
		"Bearer " + strings.Repeat(".", 5000), "Bearer " + strings.Repeat("a", botframework.MaxTokenBytes+1),
		"Bearer " + parts[0] + "." + parts[1] + ".", "Bearer " + parts[0] + "." + parts[1] + "." + b64([]byte("x")),
		"Bearer " + good + ", Bearer " + good, "Bearer " + good + "=", "Bearer \x00" + good,
		"Bearer " + b64([]byte(`{"alg":"RS256","kid":"x"}`)) + "." + b64([]byte(`[]`)) + ".AA",
		"Bearer " + b64([]byte(`null`)) + "." + b64([]byte(`null`)) + ".AA",
	} {
		if got := status(t, g.Validate(t.Context(), h, g.activity())); got != http.StatusUnauthorized {
			t.Errorf("header %.40q: status %d, want 401", h, got)
		}
	}
	for _, h := range []string{"Bearer " + good, "bearer " + good, "BEARER  " + good + " "} {
		if err := g.Validate(t.Context(), h, g.activity()); err != nil {
			t.Errorf("header %.10q…: %v", h, err)
		}
	}
}

func TestTenants(t *testing.T) {
	g := newGuard(t)
	header := "Bearer " + g.token(t)
	tenant := func(id string) *botframework.ChannelData {
		return &botframework.ChannelData{Tenant: &botframework.Ref{ID: id}}
	}
	for _, tt := range []struct {
		name, outer string
		data        *botframework.ChannelData
		want        int
	}{
		{"conversation", tenantID, nil, 0},
		{"channel data", "", tenant(tenantID), 0},
		{"both, other case", strings.ToUpper(tenantID), tenant(tenantID), 0},
		{"none", "", nil, 403},
		{"foreign", "other", nil, 403},
		{"foreign in channel data", "", tenant("other"), 403},
		{"home outside, foreign inside", tenantID, tenant("other"), 403},
		{"foreign outside, home inside", "other", tenant(tenantID), 403},
	} {
		a := g.activity()
		a.Conversation.TenantID, a.ChannelData = tt.outer, tt.data
		if got := status(t, g.Validate(t.Context(), header, a)); got != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestEndorsements(t *testing.T) {
	for _, tt := range []struct {
		name         string
		endorsements []string
		channel      string
		want         int
	}{
		{"endorsed", []string{"webchat", "msteams"}, "msteams", 0},
		{"not endorsed", []string{"webchat"}, "msteams", 403},
		{"endorsed for nothing", []string{}, "msteams", 403},
		{"no list", nil, "msteams", 0},
		{"no channel", []string{"msteams"}, "", 403},
	} {
		g := newGuard(t)
		g.sim.Entra().SetEndorsements(tt.endorsements)
		g.channel = tt.channel
		if got := status(t, g.Validate(t.Context(), "Bearer "+g.token(t), g.activity())); got != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestUnknownKeyStorm sends many tokens with made-up key ids at once and over
// an hour: keys are read once in five minutes, and nothing is left open.
func TestUnknownKeyStorm(t *testing.T) {
	g := newGuard(t)
	if err := g.Validate(t.Context(), "Bearer "+g.token(t), g.activity()); err != nil {
		t.Fatal(err)
	}
	var tokens []string
	for i := range 100 {
		tokens = append(tokens, g.token(t, entrasim.Header("kid", strings.Repeat("k", i+1))))
	}
	goroutines := runtime.NumGoroutine()
	storm := func() {
		var all sync.WaitGroup
		for _, token := range tokens {
			all.Go(func() {
				err := g.Validate(context.Background(), "Bearer "+token, g.activity())
				var e *botframework.AuthError
				if !errors.As(err, &e) || e.Status != http.StatusUnauthorized {
					t.Errorf("unknown key: %v", err)
				}
			})
		}
		all.Wait()
	}
	for range 12 {
		g.now = g.now.Add(4 * time.Minute)
		storm()
	}
	// 48 minutes: at most one every five.
	if n := g.sim.Entra().KeyFetches(); n < 2 || n > 1+48/5 {
		t.Errorf("%d key fetches in 48 minutes of storm", n)
	}
	before := g.sim.Entra().KeyFetches()
	g.now = g.now.Add(10 * time.Minute)
	for range 5 {
		storm() // the clock stands still
	}
	if n := g.sim.Entra().KeyFetches() - before; n != 1 {
		t.Errorf("%d key fetches within five minutes, want 1", n)
	}
	if n := g.bodies.open.Load(); n != 0 {
		t.Errorf("%d bodies are open", n)
	}
	// A few more serve kept connections.
	if n := runtime.NumGoroutine(); n > goroutines+10 {
		t.Errorf("%d goroutines after the storm, %d before", n, goroutines)
	}
	if err := g.Validate(t.Context(), "Bearer "+g.token(t), g.activity()); err != nil {
		t.Errorf("a good token after the storm: %v", err)
	}
}

func TestKeyRollover(t *testing.T) {
	g := newGuard(t)
	old := g.token(t, entrasim.Claim("exp", g.now.Add(100*time.Hour).Unix()))
	if err := g.Validate(t.Context(), "Bearer "+old, g.activity()); err != nil {
		t.Fatal(err)
	}
	if err := g.sim.Entra().RotateKey(); err != nil {
		t.Fatal(err)
	}
	if err := g.Validate(t.Context(), "Bearer "+g.token(t), g.activity()); status(t, err) != 401 {
		t.Errorf("new key within five minutes of a fetch: %v", err)
	}
	g.now = g.now.Add(6 * time.Minute)
	if err := g.Validate(t.Context(), "Bearer "+g.token(t), g.activity()); err != nil {
		t.Errorf("new key: %v", err)
	}
	if err := g.Validate(t.Context(), "Bearer "+old, g.activity()); status(t, err) != 401 {
		t.Errorf("withdrawn key: %v", err)
	}
}

func TestKeysUnavailable(t *testing.T) {
	g := newGuard(t)
	g.sim.Entra().FailMetadata(http.StatusServiceUnavailable)
	for range 20 {
		err := g.Validate(t.Context(), "Bearer "+g.token(t), g.activity())
		if status(t, err) != 401 {
			t.Fatalf("without keys: %v", err)
		}
	}
	if n := g.sim.Entra().MetadataFetches(); n != 1 {
		t.Errorf("%d fetches while the keys are unavailable, want 1", n)
	}
	if !strings.Contains(g.log.String(), "503") {
		t.Errorf("nothing useful in the log: %s", g.log.String())
	}
	g.sim.Entra().FailMetadata(0)
	g.now = g.now.Add(11 * time.Second) // without any key it tries again soon
	if err := g.Validate(t.Context(), "Bearer "+g.token(t), g.activity()); err != nil {
		t.Fatal(err)
	}
	// Days later the key server is down: the old keys serve on.
	g.sim.Entra().FailMetadata(http.StatusInternalServerError)
	for range 3 {
		g.now = g.now.Add(25 * time.Hour)
		for range 10 {
			if err := g.Validate(t.Context(), "Bearer "+g.token(t), g.activity()); err != nil {
				t.Fatalf("stale keys: %v", err)
			}
		}
	}
	if n := g.sim.Entra().MetadataFetches(); n != 2+3 {
		t.Errorf("%d fetches, want 5", n)
	}
	g.sim.Entra().FailMetadata(0)
	if n, err := g.Refresh(t.Context()); n != 1 || err != nil {
		t.Errorf("Refresh = %d, %v", n, err)
	}
}

func TestNewValidatorRefuses(t *testing.T) {
	for name, c := range map[string]botframework.ValidatorConfig{
		"no app id":     {Tenants: []string{tenantID}},
		"no tenants":    {AppID: appID},
		"empty tenant":  {AppID: appID, Tenants: []string{tenantID, ""}},
		"plain http":    {AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: "http://login.example/x"},
		"no URL at all": {AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: "login.example"},
	} {
		if _, err := botframework.NewValidator(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := botframework.NewValidator(botframework.ValidatorConfig{AppID: appID, Tenants: []string{tenantID}}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestRefreshSaysWhatIsWrong(t *testing.T) {
	g := newGuard(t)
	v, err := botframework.NewValidator(botframework.ValidatorConfig{
		AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: g.sim.OpenIDMetadataURL(), Issuer: "https://api.botframework.us",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "same cloud") {
		t.Errorf("metadata of another cloud: %v", err)
	}
}

func FuzzAuthenticate(f *testing.F) {
	v, err := botframework.NewValidator(botframework.ValidatorConfig{
		AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: "http://127.0.0.1:1/x", Now: func() time.Time { return time.Unix(1e9, 0) },
	})
	if err != nil {
		f.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	for _, s := range []string{"", "Bearer a.b.c", "Bearer " + b64([]byte(`{"alg":"RS256","kid":"x"}`)) + "." + b64([]byte(`{"aud":[1],"exp":1e99}`)) + ".AA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if _, err := v.Authenticate(t.Context(), header); status(t, err) != http.StatusUnauthorized {
			t.Errorf("%q was accepted", header)
		}
	})
}
