package botframework_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/entrasim"
)

func writeFile(t *testing.T, name string, blocks ...*pem.Block) string {
	t.Helper()
	var data []byte
	for _, b := range blocks {
		data = append(data, pem.EncodeToMemory(b)...)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// clientCertificate makes a PEM file with a certificate and its key.
func clientCertificate(t *testing.T) (file string, public *rsa.PublicKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bot"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "bot.pem", &pem.Block{Type: "CERTIFICATE", Bytes: der}, &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), &key.PublicKey
}

func TestCredentials(t *testing.T) {
	certFile, public := clientCertificate(t)
	otherFile, _ := clientCertificate(t)
	federated := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(federated, []byte("federated-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", federated)
	entra, err := entrasim.Start(entrasim.Options{
		AppID: appID, TenantID: tenantID, ClientSecret: "s3cret", ClientKey: public, FederatedToken: "federated-token", Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer entra.Close()
	base := botframework.CredentialConfig{TenantID: tenantID, AppID: appID, Authority: entra.Authority(), CAFile: entra.CAFile()}
	for _, tt := range []struct {
		name   string
		change func(*botframework.CredentialConfig)
		ok     bool
	}{
		{"secret", func(c *botframework.CredentialConfig) { c.ClientSecret = "s3cret" }, true},
		{"wrong secret", func(c *botframework.CredentialConfig) { c.ClientSecret = "x" }, false},
		{"certificate", func(c *botframework.CredentialConfig) { c.CertificateFile = certFile }, true},
		{"wrong certificate", func(c *botframework.CredentialConfig) { c.CertificateFile = otherFile }, false},
		{"workload identity", func(c *botframework.CredentialConfig) { c.WorkloadIdentity = true }, true},
		{"own client", func(c *botframework.CredentialConfig) {
			c.ClientSecret, c.HTTP = "s3cret", &http.Client{Timeout: time.Minute}
		}, true},
		{"other tenant", func(c *botframework.CredentialConfig) {
			c.ClientSecret, c.TenantID = "s3cret", "99999999-dddd-4eee-8fff-444444444444"
		}, false},
		{"other app", func(c *botframework.CredentialConfig) { c.ClientSecret, c.AppID = "s3cret", "other" }, false},
		{"no CA", func(c *botframework.CredentialConfig) { c.ClientSecret, c.CAFile = "s3cret", "" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := base
			tt.change(&c)
			cred, err := botframework.NewCredential(c)
			if err != nil {
				t.Fatal(err)
			}
			token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{botframework.DefaultScope}})
			if (err == nil) != tt.ok {
				t.Fatalf("GetToken: %v", err)
			}
			if tt.ok {
				if err := entra.CheckBearer("Bearer "+token.Token, entrasim.ConnectorAudience); err != nil {
					t.Error(err)
				}
				if err := entra.CheckBearer("Bearer "+token.Token, "https://graph.microsoft.com"); err == nil {
					t.Error("the token serves for another audience")
				}
			} else if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestNewCredentialRefuses(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	noCert := writeFile(t, "key.pem", &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, c := range map[string]botframework.CredentialConfig{
		"no app id":           {TenantID: tenantID, ClientSecret: "x"},
		"no tenant":           {AppID: appID, ClientSecret: "x"},
		"no way":              {AppID: appID, TenantID: tenantID},
		"two ways":            {AppID: appID, TenantID: tenantID, ClientSecret: "x", ManagedIdentity: true},
		"http authority":      {AppID: appID, TenantID: tenantID, ClientSecret: "x", Authority: "http://127.0.0.1:1"},
		"odd authority":       {AppID: appID, TenantID: tenantID, ClientSecret: "x", Authority: "login"},
		"missing certificate": {AppID: appID, TenantID: tenantID, CertificateFile: "/nonexistent"},
		"no certificate":      {AppID: appID, TenantID: tenantID, CertificateFile: noCert},
		"missing CA":          {AppID: appID, TenantID: tenantID, ClientSecret: "x", CAFile: "/nonexistent"},
		"no CA":               {AppID: appID, TenantID: tenantID, ClientSecret: "x", CAFile: noCert},
	} {
		if _, err := botframework.NewCredential(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := botframework.NewCredential(botframework.CredentialConfig{AppID: appID, ManagedIdentity: true}); err != nil {
		t.Errorf("managed identity: %v", err)
	}
}
