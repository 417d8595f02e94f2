package entrasim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// signer is an RSA key with the id and certificate it is published with.
type signer struct {
	key  *rsa.PrivateKey
	kid  string
	cert []byte // DER, for x5c
}

// spare are the keys of simulators that were closed. Making one takes longer than
// most tests, so the next simulator has it, under an id of its own. No two that
// run at the same time share one.
var spare struct {
	sync.Mutex
	keys []*rsa.PrivateKey
}

func newKey() (*rsa.PrivateKey, error) {
	if key := spareKey(); key != nil {
		return key, nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("entra simulator: make signing key: %w", err)
	}
	return key, nil
}

func spareKey() *rsa.PrivateKey {
	spare.Lock()
	defer spare.Unlock()
	n := len(spare.keys)
	if n == 0 {
		return nil
	}
	key := spare.keys[n-1]
	spare.keys = spare.keys[:n-1]
	return key
}

func (k *signer) release() {
	spare.Lock()
	defer spare.Unlock()
	spare.keys = append(spare.keys, k.key)
}

func newSigner() (*signer, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate("signing"), certificate("signing"), &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("entra simulator: make signing certificate: %w", err)
	}
	return &signer{key: key, kid: randomHex(20), cert: der}, nil
}

// jwk is the key as Microsoft publishes it, endorsements included.
func (k *signer) jwk(endorsements []string) map[string]any {
	m := map[string]any{
		"kty": "RSA", "use": "sig", "kid": k.kid, "x5t": k.kid,
		"n":   base64.RawURLEncoding.EncodeToString(k.key.N.Bytes()),
		"e":   base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.key.E)).Bytes()),
		"x5c": []string{base64.StdEncoding.EncodeToString(k.cert)},
	}
	if endorsements != nil {
		m["endorsements"] = endorsements
	}
	return m
}

// newAuthority makes a certificate authority and a server certificate by it for
// loopback. The authority's key is dropped at once.
func newAuthority() (server tls.Certificate, caPEM []byte, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return server, nil, fmt.Errorf("entra simulator: make CA key: %w", err)
	}
	ca := certificate("loopback CA")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	// Who trusts the file trusts this authority for loopback only.
	ca.PermittedDNSDomainsCritical, ca.PermittedDNSDomains = true, []string{"localhost"}
	ca.PermittedIPRanges = []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return server, nil, fmt.Errorf("entra simulator: make CA: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return server, nil, fmt.Errorf("entra simulator: make TLS key: %w", err)
	}
	leaf := certificate("loopback token endpoint")
	leaf.DNSNames = []string{"localhost"}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return server, nil, fmt.Errorf("entra simulator: make TLS certificate: %w", err)
	}
	caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, caPEM, nil
}

// certificate is a template that is valid around the real present: TLS looks at
// the machine's clock, not at a test's.
func certificate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // never fails, see crypto/rand
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
	}
}
