// Package openidsim plays an OpenID provider on loopback, shaped as Entra is: a
// page on which one picks who to be, one-time codes bound to client, redirect
// URI, PKCE challenge and nonce, and id tokens signed by a key made anew for
// each [Server]. It is as strict as the real one where that keeps intruders out.
//
// It asks for no password: it is for tests and for the demo, on this machine
// only. Its tokens are worth nothing elsewhere.
package openidsim

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// User is somebody who can sign in.
type User struct {
	Object   string // object id; required
	Name     string
	Mail     string
	Username string // preferred_username; "" means Mail
	Tenant   string // "" means that of the server
	Guest    bool   // signs in at another tenant, which the claim idp names
	NoEntra  bool   // the token has neither oid nor tid, as of other providers
	Verified bool   // the claim email_verified is true
}

// Options configures a [Server]. ClientID, Tenant and RedirectURL are required.
type Options struct {
	ClientID     string
	ClientSecret string // "" means a random one
	RedirectURL  string // the only one that is let pass, exactly
	Tenant       string
	Users        []User
	Now          func() time.Time // nil means time.Now
}

// CodeLife is how long a code may be exchanged.
const CodeLife = 10 * time.Minute

// TokenLife is how long an id token holds.
const TokenLife = time.Hour

// Server is a running provider.
type Server struct {
	o   Options
	srv *http.Server
	url string

	mu     sync.Mutex // guards all below
	key    *rsa.PrivateKey
	kid    string
	grants map[string]*grant
	change func(claims map[string]any)
	fault  int
	tokens int
}

// grant is what a code stands for.
type grant struct {
	user                   User
	nonce, challenge, link string
	ends                   time.Time
	used                   bool
}

// Start listens on a free port of loopback.
func Start(o Options) (*Server, error) {
	if o.ClientID == "" || o.Tenant == "" || o.RedirectURL == "" {
		return nil, errors.New("openid simulator: client id, tenant and redirect URL are required")
	}
	if o.ClientSecret == "" {
		o.ClientSecret = rand.Text()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{o: o, grants: map[string]*grant{}}
	if err := s.RotateKey(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("openid simulator: listen: %w", err)
	}
	s.url = "http://" + l.Addr().String()
	s.srv = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.srv.Serve(l) }() // ends with Close
	return s, nil
}

// Close ends the server and waits for nobody.
func (s *Server) Close() error { return s.srv.Close() }

// Issuer is what the provider calls itself.
func (s *Server) Issuer() string { return s.url + "/" + s.o.Tenant + "/v2.0" }

// ClientSecret is the secret that the token endpoint accepts.
func (s *Server) ClientSecret() string { return s.o.ClientSecret }

// TokensGiven counts the codes that were exchanged.
func (s *Server) TokensGiven() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

// RotateKey replaces the signing key by a new one with a new id.
func (s *Server) RotateKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("openid simulator: make signing key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key, s.kid = key, rand.Text()
	return nil
}

// Change lets a test alter the claims of the tokens that follow; nil ends it.
func (s *Server) Change(f func(claims map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change = f
}

// Fail makes every address answer with this status; 0 ends it.
func (s *Server) Fail(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = status
}

func (s *Server) user(object string) (User, bool) {
	i := slices.IndexFunc(s.o.Users, func(u User) bool { return u.Object == object })
	if i < 0 {
		return User{}, false
	}
	return s.o.Users[i], true
}

// jwks is the public half of the key.
func (s *Server) jwks() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": s.kid,
		"n": base64.RawURLEncoding.EncodeToString(s.key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(s.key.E)).Bytes()),
	}}}
}

// Answer does what a person does on the page that authURL shows: it picks the
// user of this object id ("" declines), and returns where the browser is sent.
func (s *Server) Answer(ctx context.Context, authURL, object string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, authURL, strings.NewReader(url.Values{"user": {object}}.Encode()))
	if err != nil {
		return "", fmt.Errorf("openid simulator: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		return "", fmt.Errorf("openid simulator: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, maxForm))
		return "", fmt.Errorf("openid simulator: %s: %s", resp.Status, strings.TrimSpace(string(b)))
	}
	return resp.Header.Get("Location"), nil
}
