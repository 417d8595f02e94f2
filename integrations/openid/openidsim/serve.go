package openidsim

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// maxForm bounds the body of a request, in bytes.
const maxForm = 16 << 10

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	base := "/" + s.o.Tenant
	mux.HandleFunc("GET "+base+"/v2.0/.well-known/openid-configuration", s.metadata)
	mux.HandleFunc("GET "+base+"/discovery/v2.0/keys", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.jwks()) })
	mux.HandleFunc("GET "+base+"/oauth2/v2.0/authorize", s.pick)
	mux.HandleFunc("POST "+base+"/oauth2/v2.0/authorize", s.authorize)
	mux.HandleFunc("POST "+base+"/oauth2/v2.0/token", s.token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		fault := s.fault
		s.mu.Unlock()
		if fault != 0 {
			http.Error(w, "simulated outage", fault)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	base := s.url + "/" + s.o.Tenant
	answer(w, http.StatusOK, map[string]any{
		"issuer": s.Issuer(), "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		"jwks_uri": base + "/discovery/v2.0/keys", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"scopes_supported":                      []string{"openid", "profile", "email"},
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// refusal of a request to sign in. What is wrong with client or redirect URI is
// told to the person, and never sent to that URI.
func (s *Server) refusal(q url.Values) string {
	challenge, err := base64.RawURLEncoding.DecodeString(q.Get("code_challenge"))
	switch {
	case q.Get("client_id") != s.o.ClientID:
		return "AADSTS700016: there is no such application"
	case q.Get("redirect_uri") != s.o.RedirectURL:
		return "AADSTS50011: the redirect URI does not match the one that is registered"
	case q.Get("response_type") != "code":
		return "AADSTS70005: only response_type=code is supported"
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		return "AADSTS70011: the scope openid is missing"
	case q.Get("code_challenge_method") != "S256" || err != nil || len(challenge) != sha256.Size:
		return "AADSTS9002325: PKCE with S256 is required"
	case q.Get("nonce") == "" || q.Get("state") == "":
		return "AADSTS90014: state and nonce are required here"
	}
	return ""
}

var pickPage = template.Must(template.New("pick").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Sign in: simulation</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:24rem;margin:3rem auto;padding:0 1rem}button{font:inherit;display:block;width:100%;margin:.5rem 0;padding:.6rem 1rem;text-align:left;border:1px solid #8888;border-radius:.5rem;background:none;color:inherit;cursor:pointer}small{opacity:.75}</style></head>
<body><h1>Who are you?</h1><p>This stands in for your company's sign-in. It asks for no password, and is for this machine only.</p>
<form method="post">{{range .}}<button name="user" value="{{.Object}}">{{.Name}}<br><small>{{.Mail}}{{if .Guest}} · guest{{end}}</small></button>{{end}}
<button name="user" value="">Cancel</button></form></body></html>`))

func (s *Server) pick(w http.ResponseWriter, r *http.Request) {
	if why := s.refusal(r.URL.Query()); why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	_ = pickPage.Execute(w, s.o.Users)
}

func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if why := s.refusal(q); why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	user, ok := s.user(r.PostFormValue("user"))
	switch {
	case r.PostFormValue("user") == "":
		back.Set("error", "access_denied")
		back.Set("error_description", "AADSTS65004: the person has declined")
	case !ok:
		http.Error(w, "AADSTS50034: there is no such person", http.StatusBadRequest)
		return
	default:
		code := rand.Text()
		s.mu.Lock()
		s.grants[code] = &grant{user: user, nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), link: q.Get("redirect_uri"), ends: s.o.Now().Add(CodeLife)}
		s.mu.Unlock()
		back.Set("code", code)
	}
	http.Redirect(w, r, s.o.RedirectURL+"?"+back.Encode(), http.StatusFound)
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	answer(w, status, map[string]any{"error": code, "error_description": text})
}

// token exchanges a code, once.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if basic { // percent-encoded, see https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
		id, secret = unescape(id), unescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != s.o.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(s.o.ClientSecret)) != 1 {
		refuse(w, http.StatusUnauthorized, "invalid_client", "AADSTS7000215: invalid client secret provided")
		return
	}
	if r.PostFormValue("grant_type") != "authorization_code" {
		refuse(w, http.StatusBadRequest, "unsupported_grant_type", "AADSTS70003: only authorization_code is supported")
		return
	}
	g, code, text := s.redeem(r)
	if g == nil {
		refuse(w, http.StatusBadRequest, code, text)
		return
	}
	token, err := s.sign(g)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error", err.Error())
		return
	}
	answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": int(TokenLife.Seconds()), "access_token": rand.Text(), "id_token": token, "scope": "openid profile email"})
}

func unescape(s string) string {
	if v, err := url.QueryUnescape(s); err == nil {
		return v
	}
	return s
}

// redeem finds and uses up the code. A code that is tried with a wrong verifier
// is used up, too.
func (s *Server) redeem(r *http.Request) (*grant, string, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants[r.PostFormValue("code")]
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case g == nil:
		return nil, "invalid_grant", "AADSTS9002313: the code is not one of ours"
	case g.used:
		return nil, "invalid_grant", "AADSTS54005: the code was redeemed already"
	}
	g.used = true
	switch {
	case !s.o.Now().Before(g.ends):
		return nil, "invalid_grant", "AADSTS70008: the code has expired"
	case r.PostFormValue("redirect_uri") != g.link:
		return nil, "invalid_grant", "AADSTS500112: the redirect URI differs from that of the request"
	case base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge:
		return nil, "invalid_grant", "AADSTS50148: the code_verifier does not match the code_challenge"
	}
	s.tokens++
	return g, "", ""
}

func (s *Server) sign(g *grant) (string, error) {
	now := s.o.Now()
	u := g.user
	claims := jwt.MapClaims{
		"iss": s.Issuer(), "aud": s.o.ClientID, "sub": "sub-" + u.Object, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(TokenLife).Unix(),
		"nonce": g.nonce, "ver": "2.0", "name": u.Name, "email": u.Mail, "preferred_username": u.Username,
	}
	if u.Username == "" {
		claims["preferred_username"] = u.Mail
	}
	if !u.NoEntra {
		claims["oid"], claims["tid"] = u.Object, s.o.Tenant
		if u.Tenant != "" {
			claims["tid"] = u.Tenant
		}
	}
	if u.Guest {
		claims["idp"] = "https://sts.windows.net/99999999-0000-4000-8000-000000000001/"
	}
	if u.Verified {
		claims["email_verified"] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.change != nil {
		s.change(claims)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = s.kid
	return t.SignedString(s.key)
}
