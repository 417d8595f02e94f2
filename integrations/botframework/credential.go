package botframework

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// CredentialConfig says how the bot proves its identity to Entra. Exactly one of
// ClientSecret, CertificateFile, ManagedIdentity and WorkloadIdentity is given.
type CredentialConfig struct {
	// TenantID is the bot's home tenant. Required, but for a managed identity.
	TenantID string
	// AppID is the application id, or the managed identity's client id. Required.
	AppID string
	// ClientSecret is a secret of the app registration.
	ClientSecret string
	// CertificateFile is a PEM or PFX file with certificate and private key;
	// CertificatePassword opens a PFX.
	CertificateFile     string
	CertificatePassword string
	// ManagedIdentity uses the user-assigned managed identity of the host.
	ManagedIdentity bool
	// WorkloadIdentity uses the federated token of a Kubernetes service account,
	// whose file is named by AZURE_FEDERATED_TOKEN_FILE.
	WorkloadIdentity bool
	// Authority is the token service, always https. "" means the public cloud's.
	// Another one is trusted as it is, without asking Microsoft about it.
	Authority string
	// CAFile is a PEM file with roots to trust besides the system's.
	CAFile string
	// HTTP makes the requests. Nil means a client of its own.
	HTTP *http.Client
}

// NewCredential returns a credential that caches its tokens and is safe for
// concurrent use. It reads the files it was given and makes no request.
func NewCredential(c CredentialConfig) (azcore.TokenCredential, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	options, err := c.clientOptions()
	if err != nil {
		return nil, err
	}
	own := c.Authority != ""
	var cred azcore.TokenCredential
	switch {
	case c.ClientSecret != "":
		cred, err = azidentity.NewClientSecretCredential(c.TenantID, c.AppID, c.ClientSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: own})
	case c.CertificateFile != "":
		cred, err = c.certificate(options)
	case c.ManagedIdentity:
		cred, err = azidentity.NewManagedIdentityCredential(
			&azidentity.ManagedIdentityCredentialOptions{ClientOptions: options, ID: azidentity.ClientID(c.AppID)})
	default:
		cred, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: c.AppID, TenantID: c.TenantID, DisableInstanceDiscovery: own,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("bot credential: %w", err)
	}
	return cred, nil
}

func (c CredentialConfig) check() error {
	ways := 0
	for _, given := range []bool{c.ClientSecret != "", c.CertificateFile != "", c.ManagedIdentity, c.WorkloadIdentity} {
		if given {
			ways++
		}
	}
	switch {
	case c.AppID == "":
		return errors.New("bot credential: no app id")
	case c.TenantID == "" && !c.ManagedIdentity:
		return errors.New("bot credential: no tenant id")
	case ways != 1:
		return errors.New("bot credential: give exactly one of client secret, certificate file, managed identity, workload identity")
	}
	return nil
}

func (c CredentialConfig) certificate(options azcore.ClientOptions) (azcore.TokenCredential, error) {
	data, err := os.ReadFile(c.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate file: %w", err)
	}
	certs, key, err := azidentity.ParseCertificates(data, []byte(c.CertificatePassword))
	if err != nil {
		return nil, fmt.Errorf("certificate file %s: %w", c.CertificateFile, err)
	}
	return azidentity.NewClientCertificateCredential(c.TenantID, c.AppID, certs, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: c.Authority != ""})
}

func (c CredentialConfig) clientOptions() (azcore.ClientOptions, error) {
	o := azcore.ClientOptions{
		// Tokens can be asked for again without harm, but a call waits for one:
		// few and short tries, the caller repeats later.
		Retry:     policy.RetryOptions{MaxRetries: 2, RetryDelay: 300 * time.Millisecond, MaxRetryDelay: 2 * time.Second, TryTimeout: 5 * time.Second},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
	if c.Authority != "" {
		u, err := url.Parse(c.Authority)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return o, errors.New("bot credential: authority must be an https URL such as https://login.microsoftonline.us")
		}
		o.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: strings.TrimRight(c.Authority, "/") + "/"}
	}
	if c.HTTP != nil {
		o.Transport = c.HTTP
	}
	if c.CAFile != "" {
		h, err := trusting(c.CAFile, c.HTTP)
		if err != nil {
			return o, err
		}
		o.Transport = h
	}
	return o, nil
}

// trusting returns a copy of the client that also trusts the roots in the file.
func trusting(caFile string, base *http.Client) (*http.Client, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("bot credential: read CA file: %w", err)
	}
	var h http.Client
	t := baseTransport()
	if base != nil {
		h = *base
		switch bt := base.Transport.(type) {
		case nil:
		case *http.Transport:
			t = bt.Clone()
		default:
			return nil, errors.New("bot credential: a CA file cannot be combined with this HTTP client's transport")
		}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // no system roots, as in an empty container image
	}
	if t.TLSClientConfig != nil && t.TLSClientConfig.RootCAs != nil {
		roots = t.TLSClientConfig.RootCAs.Clone()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("bot credential: %s holds no PEM certificate", caFile)
	}
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.TLSClientConfig.RootCAs = roots
	h.Transport = t
	return &h, nil
}
