package entrasim_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"imbot/integrations/botframework/entrasim"
)

func TestTokenEndpoint(t *testing.T) {
	s, err := entrasim.Start(entrasim.Options{AppID: "app", TenantID: "tid", ClientSecret: "s", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pem, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer h.CloseIdleConnections()
	good := func() url.Values {
		return url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"s"}, "scope": {"https://api.botframework.com/.default openid"}}
	}
	for _, tt := range []struct {
		name, path, key, value string
		status                 int
		code                   string
	}{
		{"good", "/tid/oauth2/v2.0/token", "", "", 200, ""},
		{"other tenant", "/other/oauth2/v2.0/token", "", "", 400, "AADSTS90002"},
		{"other grant", "/tid/oauth2/v2.0/token", "grant_type", "password", 400, "AADSTS70003"},
		{"other app", "/tid/oauth2/v2.0/token", "client_id", "x", 400, "AADSTS700016"},
		{"no scope", "/tid/oauth2/v2.0/token", "scope", "openid", 400, "AADSTS70011"},
		{"wrong secret", "/tid/oauth2/v2.0/token", "client_secret", "x", 401, "AADSTS7000215"},
		{"no secret", "/tid/oauth2/v2.0/token", "client_secret", "", 401, "AADSTS7000215"},
	} {
		form := good()
		if tt.key != "" {
			form.Set(tt.key, tt.value)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Authority()+tt.path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			AccessToken string `json:"access_token"`
			Description string `json:"error_description"`
		}
		err = json.NewDecoder(resp.Body).Decode(&out)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || !strings.HasPrefix(out.Description, tt.code) {
			t.Errorf("%s: %d %+v, %v", tt.name, resp.StatusCode, out, err)
		}
		if tt.status != http.StatusOK {
			continue
		}
		if err := s.CheckBearer("Bearer "+out.AccessToken, entrasim.ConnectorAudience); err != nil {
			t.Error(err)
		}
		s.RevokeTokens()
		if err := s.CheckBearer("Bearer "+out.AccessToken, entrasim.ConnectorAudience); err == nil {
			t.Error("a revoked token is accepted")
		}
	}
	if got := s.TokensGiven(); got != 1 {
		t.Errorf("%d tokens given, want 1", got)
	}
	channel, err := s.ChannelToken("https://x")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CheckBearer("Bearer "+channel, entrasim.ConnectorAudience); err == nil {
		t.Error("a token of the channel passes for one of the bot")
	}
}
