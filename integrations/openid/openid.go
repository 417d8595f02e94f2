// Package openid signs people in with OpenID Connect: the authorization code
// flow with PKCE, state and nonce, against Entra or any other provider that
// publishes its metadata (https://openid.net/specs/openid-connect-core-1_0.html).
//
// It keeps no sessions and sets no cookies, and decides nothing about what
// somebody may do: it says who it is, as far as the provider vouches for it.
package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config says how to reach the provider. All but Tenants, Now and Timeout are
// required.
type Config struct {
	// Issuer is the provider, exactly as it calls itself: of Entra
	// "https://login.microsoftonline.com/<tenant id>/v2.0".
	Issuer       string
	ClientID     string
	ClientSecret string
	// RedirectURL is where the provider sends people back to, as it is registered
	// there.
	RedirectURL string
	// Tenants are the tenants whose people are let in, by the claim "tid". Tokens
	// without that claim are not of Entra, and pass. None: every tenant that the
	// issuer vouches for.
	Tenants []string
	// Now is the clock by which tokens expire. nil means time.Now.
	Now func() time.Time
	// Timeout is of one call of the provider. 0 means 10 s.
	Timeout time.Duration
}

// maxAnswer bounds what is read of one answer of the provider, in bytes.
const maxAnswer = 1 << 20

// pauseAfterFailure is how long the metadata is not asked for again after that
// went wrong: an outage of the provider must not queue up whoever signs in.
const pauseAfterFailure = 5 * time.Second

// Client is one application at one provider. It is safe for concurrent use.
type Client struct {
	c    Config
	http *http.Client

	mu       sync.Mutex // guards all below, and lets one fetch the metadata
	provider *oidc.Provider
	failed   error
	failedAt time.Time
}

// New checks the configuration. The provider is asked when somebody signs in,
// so that an outage there keeps nobody from starting.
func New(c Config) (*Client, error) {
	for name, v := range map[string]string{"issuer": c.Issuer, "redirect URL": c.RedirectURL} {
		if err := safe(v); err != nil {
			return nil, fmt.Errorf("openid: %s: %w", name, err)
		}
	}
	if c.ClientID == "" || c.ClientSecret == "" {
		return nil, errors.New("openid: client id and client secret are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	return &Client{c: c, http: &http.Client{
		Timeout: c.Timeout, Transport: bounded{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// safe refuses addresses that secrets must not be sent to: plain http is for
// this machine only.
func safe(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("this is not a web address")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || (u.Hostname() != "localhost" && !ip.IsLoopback())) {
		return errors.New("plain http is for this machine only")
	}
	return nil
}

// bounded cuts answers that are too long.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// Attempt is what ties the answer of the provider to the browser that was sent
// there. It is kept where only that browser, and nobody on the way, can read it.
type Attempt struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // of PKCE
}

// NewAttempt draws a new one.
func NewAttempt() Attempt {
	return Attempt{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
}

// AuthURL is where the browser is sent to sign in.
func (c *Client) AuthURL(ctx context.Context, a Attempt) (string, error) {
	p, err := c.metadata(ctx)
	if err != nil {
		return "", err
	}
	return c.oauth(p).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Exchange trades the code that the browser has brought back for who it is.
func (c *Client) Exchange(ctx context.Context, a Attempt, code string) (Identity, error) {
	p, err := c.metadata(ctx)
	if err != nil {
		return Identity{}, err
	}
	ctx = oidc.ClientContext(ctx, c.http)
	token, err := c.oauth(p).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Identity{}, exchangeError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Identity{}, &Error{text: "the provider gave no id token", permanent: true}
	}
	verifier := p.Verifier(&oidc.Config{ClientID: c.c.ClientID, Now: c.c.Now})
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, &Error{text: "check the id token", err: err, permanent: ctx.Err() == nil}
	}
	if id.Nonce == "" || id.Nonce != a.Nonce {
		return Identity{}, &Error{text: "the id token is of another attempt: its nonce differs", permanent: true}
	}
	var payload json.RawMessage
	if err := id.Claims(&payload); err != nil {
		return Identity{}, &Error{text: "read the id token", err: err, permanent: true}
	}
	return parseClaims(payload, id.Subject, c.c.Tenants)
}

// Check asks for the provider's metadata anew, and says what it is called.
func (c *Client) Check(ctx context.Context) (string, error) {
	c.mu.Lock()
	c.provider, c.failed = nil, nil
	c.mu.Unlock()
	p, err := c.metadata(ctx)
	if err != nil {
		return "", err
	}
	return "signs people in at " + p.Endpoint().AuthURL, nil
}

func (c *Client) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.c.ClientID, ClientSecret: c.c.ClientSecret, Endpoint: p.Endpoint(),
		RedirectURL: c.c.RedirectURL, Scopes: []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail},
	}
}

// metadata fetches the provider's metadata once it is needed, and keeps it.
func (c *Client) metadata(ctx context.Context) (*oidc.Provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.provider != nil {
		return c.provider, nil
	}
	if c.failed != nil && c.c.Now().Sub(c.failedAt) < pauseAfterFailure {
		return nil, c.failed
	}
	ctx, cancel := context.WithTimeout(ctx, c.c.Timeout)
	defer cancel()
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), c.c.Issuer)
	if err == nil {
		for _, u := range []string{p.Endpoint().AuthURL, p.Endpoint().TokenURL} {
			err = errors.Join(err, safe(u))
		}
	}
	if err != nil {
		c.failed, c.failedAt = &Error{text: "ask " + strings.TrimSuffix(c.c.Issuer, "/") + " for its metadata", err: err}, c.c.Now()
		return nil, c.failed
	}
	c.provider, c.failed = p, nil
	return p, nil
}
