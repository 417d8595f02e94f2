package entrasim

import (
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	metadataPath = "/v1/.well-known/openidconfiguration"
	keysPath     = "/v1/.well-known/keys"
	tokenLife    = 3599 * time.Second // what Entra gives
)

func (s *Server) listen(cert tls.Certificate) error {
	meta, err := listenLoopback()
	if err != nil {
		return fmt.Errorf("entra simulator: %w", err)
	}
	token, err := listenLoopback()
	if err != nil {
		_ = meta.Close()
		return fmt.Errorf("entra simulator: %w", err)
	}
	s.metaURL, s.tokenURL = "http://"+meta.Addr().String(), "https://"+token.Addr().String()
	s.metadata = newHTTPServer(s.metadataHandler())
	s.token = newHTTPServer(s.tokenHandler())
	s.token.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	go s.metadata.Serve(meta)          //nolint:errcheck // ends with Close
	go s.token.ServeTLS(token, "", "") //nolint:errcheck // ends with Close
	return nil
}

func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
}

func (s *Server) metadataHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+metadataPath, func(w http.ResponseWriter, r *http.Request) {
		if s.count(&s.metaFetches, w) {
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer": ChannelIssuer, "authorization_endpoint": "https://invalid.botframework.com",
			"jwks_uri":                              s.metaURL + keysPath,
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"token_endpoint_auth_methods_supported": []string{"private_key_jwt"},
		})
	})
	mux.HandleFunc("GET "+keysPath, func(w http.ResponseWriter, r *http.Request) {
		if s.count(&s.keyFetches, w) {
			return
		}
		s.mu.Lock()
		key := s.channel.jwk(s.o.Endorsements)
		s.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{"keys": []any{key}})
	})
	return mux
}

// count notes a fetch and answers it if a fault is set.
func (s *Server) count(n *int, w http.ResponseWriter) (failed bool) {
	s.mu.Lock()
	*n++
	fault := s.metaFault
	s.mu.Unlock()
	if fault != 0 {
		w.WriteHeader(fault)
	}
	return fault != 0
}

func (s *Server) tokenHandler() http.Handler {
	mux := http.NewServeMux()
	tenant := "/" + s.o.TenantID
	mux.HandleFunc("GET "+tenant+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := s.tokenURL + tenant
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer": base + "/v2.0", "token_endpoint": base + "/oauth2/v2.0/token",
			"authorization_endpoint": base + "/oauth2/v2.0/authorize", "jwks_uri": base + "/discovery/v2.0/keys",
		})
	})
	mux.HandleFunc("POST "+tenant+"/oauth2/v2.0/token", s.serveToken)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusBadRequest, "invalid_request", "AADSTS90002", "Tenant not found.")
	})
	return mux
}

// serveToken answers the client credentials grant.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", "AADSTS900144", "The body cannot be read.")
		return
	}
	f := r.PostForm
	audience, ok := "", false
	for scope := range strings.FieldsSeq(f.Get("scope")) { // MSAL adds openid and others
		if a, isDefault := strings.CutSuffix(scope, "/.default"); isDefault && a != "" {
			audience, ok = a, true
		}
	}
	switch {
	case f.Get("grant_type") != "client_credentials":
		refuse(w, http.StatusBadRequest, "unsupported_grant_type", "AADSTS70003", "Unsupported grant type.")
	case f.Get("client_id") != s.o.AppID:
		refuse(w, http.StatusBadRequest, "unauthorized_client", "AADSTS700016", "Application was not found in the directory.")
	case !ok:
		refuse(w, http.StatusBadRequest, "invalid_scope", "AADSTS70011", "The scope is not valid.")
	case !s.authentic(f.Get("client_secret"), f.Get("client_assertion_type"), f.Get("client_assertion")):
		refuse(w, http.StatusUnauthorized, "invalid_client", "AADSTS7000215", "Invalid client secret provided.")
	default:
		s.give(w, audience)
	}
}

func (s *Server) give(w http.ResponseWriter, audience string) {
	signed, err := s.issue(audience)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error", "AADSTS90033", "The token could not be made.")
		return
	}
	s.mu.Lock()
	s.tokensGiven++
	s.mu.Unlock()
	life := int(tokenLife.Seconds())
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": signed,
	})
}

func (s *Server) authentic(secret, assertionType, assertion string) bool {
	if sameSecret(secret, s.o.ClientSecret) {
		return true
	}
	if assertionType != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || assertion == "" {
		return false
	}
	if sameSecret(assertion, s.o.FederatedToken) {
		return true
	}
	return s.o.ClientKey != nil && s.signedByClient(assertion, s.o.ClientKey)
}

// signedByClient checks an assertion made with the app's certificate.
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
func (s *Server) signedByClient(assertion string, key *rsa.PublicKey) bool {
	_, err := jwt.Parse(assertion, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{"RS256", "PS256"}), jwt.WithIssuer(s.o.AppID), jwt.WithSubject(s.o.AppID),
		jwt.WithAudience(s.tokenURL+"/"+s.o.TenantID+"/oauth2/v2.0/token"), jwt.WithExpirationRequired())
	return err == nil
}

func refuse(w http.ResponseWriter, status int, code, aadsts, text string) {
	writeJSON(w, status, map[string]any{
		"error": code, "error_description": aadsts + ": " + text + " Trace ID: 0 Correlation ID: 0", "error_codes": []int{},
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}
