package openid_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/integrations/openid"
	"imbot/integrations/openid/openidsim"
)

const (
	redirect = "http://127.0.0.1:1/sign-in/callback"
	tenant   = "T1"
)

// world is a client and the provider that it was made for.
type world struct {
	*openid.Client
	idp *openidsim.Server
	now atomic.Int64
}

func (w *world) clock() time.Time { return time.Unix(w.now.Load(), 0) }

func newWorld(t *testing.T, change ...func(*openid.Config)) *world {
	t.Helper()
	w := &world{}
	w.now.Store(1_800_000_000)
	var err error
	w.idp, err = openidsim.Start(openidsim.Options{ClientID: "app", ClientSecret: "s+e/c r%t", RedirectURL: redirect, Tenant: tenant, Now: w.clock, Users: []openidsim.User{{Object: "O1", Name: "Ani", Mail: "Ani@Example.com"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.idp.Close() })
	c := openid.Config{Issuer: w.idp.Issuer(), ClientID: "app", ClientSecret: w.idp.ClientSecret(), RedirectURL: redirect, Tenants: []string{"t1"}, Now: w.clock}
	for _, f := range change {
		f(&c)
	}
	if w.Client, err = openid.New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

// code goes to the provider and comes back with a code.
func (w *world) code(t *testing.T, a openid.Attempt) string {
	t.Helper()
	to, err := w.AuthURL(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	back, err := w.idp.Answer(t.Context(), to, "O1")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil || u.Query().Get("state") != a.State {
		t.Fatalf("back at %s, %v", back, err)
	}
	return u.Query().Get("code")
}

func TestExchange(t *testing.T) {
	w := newWorld(t)
	a := openid.NewAttempt()
	code := w.code(t, a)
	id, err := w.Exchange(t.Context(), a, code)
	want := openid.Identity{Subject: "sub-O1", Object: "o1", Tenant: "t1", Name: "Ani", Mail: "ani@example.com"}
	if err != nil || id != want {
		t.Fatalf("%+v, %v", id, err)
	}
	_, err = w.Exchange(t.Context(), a, code)
	permanent(t, "the same code again", err, true)
	if w.idp.TokensGiven() != 1 {
		t.Errorf("%d tokens given", w.idp.TokensGiven())
	}
}

func permanent(t *testing.T, what string, err error, want bool) {
	t.Helper()
	var e interface {
		Permanent() bool
		RetryAfter() time.Duration
	}
	if !errors.As(err, &e) || e.Permanent() != want || e.RetryAfter() != 0 {
		t.Errorf("%s: %v", what, err)
	}
}

func TestExchangeRefused(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*openid.Attempt){
		"another verifier": func(a *openid.Attempt) { a.Verifier = openid.NewAttempt().Verifier },
		"no verifier":      func(a *openid.Attempt) { a.Verifier = "" },
		"another nonce":    func(a *openid.Attempt) { a.Nonce = "x" },
		"no nonce":         func(a *openid.Attempt) { a.Nonce = "" },
		"late":             func(*openid.Attempt) { w.now.Add(int64(openidsim.CodeLife / time.Second)) },
	} {
		a := openid.NewAttempt()
		code := w.code(t, a)
		spoil(&a)
		_, err := w.Exchange(t.Context(), a, code)
		permanent(t, name, err, true)
	}
	for name, change := range map[string]func(*openid.Config){
		"another secret":   func(c *openid.Config) { c.ClientSecret = "hunter2" },
		"another redirect": func(c *openid.Config) { c.RedirectURL += "/x" },
	} {
		good, a := newWorld(t), openid.NewAttempt()
		code := good.code(t, a)
		bad := newWorld(t, func(c *openid.Config) {
			c.Issuer = good.idp.Issuer()
			change(c)
		})
		_, err := bad.Exchange(t.Context(), a, code)
		permanent(t, name, err, true)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error has the secret: %v", err)
		}
	}
	foreign := newWorld(t, func(c *openid.Config) { c.Tenants = []string{"another"} })
	a := openid.NewAttempt()
	if _, err := foreign.Exchange(t.Context(), a, foreign.code(t, a)); !errors.Is(err, openid.ErrTenant) {
		t.Errorf("a foreign tenant: %v", err)
	}
}

// TestProvider: the simulator itself is strict where that keeps intruders out.
func TestProvider(t *testing.T) {
	w := newWorld(t)
	to, err := w.AuthURL(t.Context(), openid.NewAttempt())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"redirect_uri": redirect + "/", "client_id": "x", "response_type": "token", "code_challenge": "", "code_challenge_method": "plain", "nonce": "", "state": "", "scope": "profile",
	} {
		u, _ := url.Parse(to)
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
		if back, err := w.idp.Answer(t.Context(), u.String(), "O1"); err == nil {
			t.Errorf("%s=%q leads back to %s", name, value, back)
		}
	}
}

func TestOutage(t *testing.T) {
	w := newWorld(t)
	w.idp.Fail(http.StatusBadGateway)
	_, err := w.AuthURL(t.Context(), openid.NewAttempt())
	permanent(t, "metadata", err, false)
	w.idp.Fail(0)
	if _, err := w.AuthURL(t.Context(), openid.NewAttempt()); err == nil {
		t.Error("the provider is asked again at once")
	}
	if _, err := w.Check(t.Context()); err != nil {
		t.Errorf("a check waits for no pause: %v", err)
	}
	a := openid.NewAttempt()
	code := w.code(t, a)
	w.idp.Fail(http.StatusServiceUnavailable)
	_, err = w.Exchange(t.Context(), a, code)
	permanent(t, "exchange", err, false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.idp.Fail(0)
	_, err = w.Exchange(ctx, a, code)
	permanent(t, "given up", err, false)
}

// TestMetadata: secrets are sent to nobody whom the issuer should not name.
func TestMetadata(t *testing.T) {
	for name, doc := range map[string]func(issuer string) string{
		"another issuer": func(string) string {
			return `{"issuer":"https://evil.example","authorization_endpoint":"https://x.example/a","token_endpoint":"https://x.example/t","jwks_uri":"https://x.example/k"}`
		},
		"plain http": func(i string) string {
			return `{"issuer":"` + i + `","authorization_endpoint":"https://x.example/a","token_endpoint":"http://x.example/t","jwks_uri":"https://x.example/k"}`
		},
		"too long": func(i string) string { return `{"issuer":"` + i + `","x":"` + strings.Repeat("x", 2<<20) + `"}` },
		"no json":  func(string) string { return "hello" },
	} {
		srv := httptest.NewServer(nil)
		srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(doc(srv.URL)))
		})
		c, err := openid.New(openid.Config{Issuer: srv.URL, ClientID: "a", ClientSecret: "b", RedirectURL: redirect})
		if err != nil {
			t.Fatal(err)
		}
		if u, err := c.AuthURL(t.Context(), openid.NewAttempt()); err == nil {
			t.Errorf("%s: %s", name, u)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
		srv.Close()
	}
}

func TestNew(t *testing.T) {
	good := openid.Config{Issuer: "https://login.example.com", ClientID: "a", ClientSecret: "b", RedirectURL: "https://imbot.example.com/sign-in/callback"}
	if _, err := openid.New(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*openid.Config){
		"issuer over http":   func(c *openid.Config) { c.Issuer = "http://login.example.com" },
		"no issuer":          func(c *openid.Config) { c.Issuer = "" },
		"redirect over http": func(c *openid.Config) { c.RedirectURL = "http://imbot.example.com" },
		"no id":              func(c *openid.Config) { c.ClientID = "" },
		"no secret":          func(c *openid.Config) { c.ClientSecret = "" },
	} {
		c := good
		spoil(&c)
		if _, err := openid.New(c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// FuzzIdentity: whatever the claims say, what comes of them is short, one line,
// and never a guest with a mail.
func FuzzIdentity(f *testing.F) {
	f.Add([]byte(`{"oid":"A","tid":"T1","email":"a@b.example","preferred_username":"x_b.example#EXT#@c.example"}`))
	f.Add([]byte(`{"oid":"A","tid":"T1","acct":"1","email":"a@b.example"}`))
	f.Add([]byte(`{"email":"a@b.example","email_verified":"true","name":"a\nb"}`))
	f.Add([]byte(`{"acct":{},"email_verified":[1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := openid.ParseClaims(b, "sub", []string{"t1"})
		if err != nil {
			return
		}
		if id.Guest && id.Mail != "" || id.Tenant != "" && id.Tenant != "t1" || strings.ContainsAny(id.Name+id.Mail+id.Object, "\r\n") || len([]rune(id.Name)) > 80 {
			t.Errorf("%s: %+v", b, id)
		}
		if out, err := json.Marshal(id); err != nil || len(out) > 3000 {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	})
}

func TestIdentity(t *testing.T) {
	for claims, want := range map[string]openid.Identity{
		`{"oid":"A1","tid":"T1","name":"Ani","email":"Ani@Example.com"}`:                                              {Object: "a1", Tenant: "t1", Name: "Ani", Mail: "ani@example.com"},
		`{"oid":"A1","tid":"T1","preferred_username":"ani@example.com"}`:                                              {Object: "a1", Tenant: "t1", Name: "ani@example.com", Mail: "ani@example.com"},
		`{"oid":"A1","tid":"T1","name":"Ani","email":"no mail","upn":"ani@example.com"}`:                              {Object: "a1", Tenant: "t1", Name: "Ani", Mail: "ani@example.com"},
		`{"oid":"A1","tid":"T1","name":"G","email":"ani@example.com","acct":1}`:                                       {Object: "a1", Tenant: "t1", Name: "G", Guest: true},
		`{"oid":"A1","tid":"T1","name":"G","email":"ani@example.com","idp":"https://sts.windows.net/T2/"}`:            {Object: "a1", Tenant: "t1", Name: "G", Guest: true},
		`{"oid":"A1","tid":"T1","name":"G","preferred_username":"ani@example.com","idp":"live.com"}`:                  {Object: "a1", Tenant: "t1", Name: "G", Guest: true},
		`{"oid":"A1","tid":"T1","name":"Ani","email":"ani@example.com","idp":"https://sts.windows.net/t1/","acct":0}`: {Object: "a1", Tenant: "t1", Name: "Ani", Mail: "ani@example.com"},
		`{"oid":"A1","tid":"T1","name":"G","email":"ani@example.com","upn":"g_x#ext#@example.com"}`:                   {Object: "a1", Tenant: "t1", Name: "G", Guest: true},
		`{"name":"L","email":"l@example.com","email_verified":true}`:                                                  {Name: "L", Mail: "l@example.com"},
		`{"name":"L","email":"l@example.com","email_verified":false,"preferred_username":"a@b.example"}`:              {Name: "L"},
		`{"name":"L","email":"l@example.com","preferred_username":"ani@example.com"}`:                                 {Name: "L"},
	} {
		want.Subject = "s"
		if got, err := openid.ParseClaims([]byte(claims), "s", []string{"T1"}); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", claims, got, err, want)
		}
	}
	for _, bad := range []string{`{"tid":"T2"}`, `{"oid":"a\nb"}`, `[]`, `{"oid":1}`} {
		if id, err := openid.ParseClaims([]byte(bad), "s", []string{"T1"}); err == nil {
			t.Errorf("%s: %+v", bad, id)
		}
	}
	if id, err := openid.ParseClaims([]byte(`{}`), "", nil); !errors.Is(err, openid.ErrNobody) {
		t.Errorf("no subject: %+v, %v", id, err)
	}
}
