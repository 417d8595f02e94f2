// Package entrasim plays the token services a Teams bot depends on, on loopback:
// the OpenID metadata and signing keys of the Bot Framework's channels, and an
// https token endpoint like Entra's for the bot's own tokens. Its keys and its
// certificate authority are made anew for each [Server] and are worth nothing
// elsewhere.
//
// It knows no activities and no conversations; the Teams simulator and the
// signing proxy are built on it. It proves nothing about Microsoft's services
// beyond the wire format.
package entrasim

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Options configures a [Server].
type Options struct {
	// AppID is the bot's application id. Required.
	AppID string
	// TenantID is the tenant whose token endpoint is served. Required.
	TenantID string
	// ClientSecret is what the bot must present. "" means a random one.
	ClientSecret string
	// ClientKey, if set, makes the endpoint also accept assertions signed by
	// the bot's certificate.
	ClientKey *rsa.PublicKey
	// FederatedToken, if set, is accepted as an assertion as it is, as the
	// token of a Kubernetes service account.
	FederatedToken string
	// Endorsements are the channel ids that the signing key may speak for. Nil
	// means msteams; an empty list endorses nothing.
	Endorsements []string
	// Dir is where the CA file is written. "" means a temporary folder that
	// Close removes.
	Dir string
	// Now is the clock of the tokens for the bot. Nil means time.Now. The
	// bot's own tokens live in real time, since azidentity caches them so.
	Now func() time.Time
}

// Server is a running pair of token services.
type Server struct {
	o        Options
	caFile   string
	ownDir   bool
	metadata *http.Server
	token    *http.Server
	metaURL  string
	tokenURL string
	released sync.Once // the signing key, by Close

	mu          sync.Mutex // guards all below
	channel     *signer    // signs the channel's tokens
	issued      []byte     // signs the bot's own tokens, which only this endpoint reads
	metaFetches int
	keyFetches  int
	tokensGiven int
	metaFault   int
}

// Issuers and audience as in the public cloud.
const (
	// ChannelIssuer is the issuer of tokens that the channel sends to the bot.
	ChannelIssuer = "https://api.botframework.com"
	// ConnectorAudience is the audience of tokens that the bot sends.
	ConnectorAudience = "https://api.botframework.com"
)

// Start listens on two free loopback ports.
func Start(o Options) (*Server, error) {
	if o.AppID == "" || o.TenantID == "" {
		return nil, errors.New("entra simulator: app id and tenant id are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Endorsements == nil {
		o.Endorsements = []string{"msteams"}
	}
	if o.ClientSecret == "" {
		o.ClientSecret = rand.Text()
	}
	s := &Server{o: o}
	if err := s.makeKeys(); err != nil {
		return nil, err
	}
	cert, caPEM, err := newAuthority()
	if err != nil {
		return nil, err
	}
	if err := s.writeCA(caPEM); err != nil {
		return nil, err
	}
	if err := s.listen(cert); err != nil {
		s.removeDir()
		return nil, err
	}
	return s, nil
}

func (s *Server) makeKeys() (err error) {
	if s.channel, err = newSigner(); err != nil {
		return err
	}
	s.issued = []byte(rand.Text())
	return nil
}

func (s *Server) writeCA(pem []byte) error {
	dir := s.o.Dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "entrasim-"); err != nil {
			return fmt.Errorf("entra simulator: %w", err)
		}
		s.ownDir = true
	}
	s.o.Dir, s.caFile = dir, dir+"/ca.pem"
	if err := os.WriteFile(s.caFile, pem, 0o600); err != nil {
		s.removeDir()
		return fmt.Errorf("entra simulator: write CA file: %w", err)
	}
	return nil
}

func (s *Server) removeDir() {
	if s.ownDir {
		_ = os.RemoveAll(s.o.Dir) // a left-over temporary folder harms no one
	}
}

// Close ends both servers and waits for neither's clients.
func (s *Server) Close() error {
	err := errors.Join(s.metadata.Close(), s.token.Close())
	s.removeDir()
	s.released.Do(func() {
		channel, _ := s.keys()
		channel.release()
	})
	return err
}

// OpenIDMetadataURL is the address of the channel's metadata document.
func (s *Server) OpenIDMetadataURL() string { return s.metaURL + metadataPath }

// Authority is the https base URL of the token endpoint, for credentials.
func (s *Server) Authority() string { return s.tokenURL }

// CAFile is a PEM file with the root of the token endpoint's certificate.
func (s *Server) CAFile() string { return s.caFile }

// ClientSecret is the secret that the token endpoint accepts.
func (s *Server) ClientSecret() string { return s.o.ClientSecret }

// MetadataFetches and KeyFetches count the reads of the metadata document and
// of the key set.
func (s *Server) MetadataFetches() int { return s.locked(&s.metaFetches) }

// KeyFetches is explained at MetadataFetches.
func (s *Server) KeyFetches() int { return s.locked(&s.keyFetches) }

// TokensGiven counts the tokens the bot was given.
func (s *Server) TokensGiven() int { return s.locked(&s.tokensGiven) }

func (s *Server) locked(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

// FailMetadata makes the metadata and key documents answer with this status; 0
// ends it.
func (s *Server) FailMetadata(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metaFault = status
}

// RotateKey replaces the channel's signing key by a new one with a new id.
func (s *Server) RotateKey() error {
	k, err := newSigner()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channel = k
	return nil
}

// SetEndorsements changes what the published key may speak for; nil leaves the
// member out.
func (s *Server) SetEndorsements(channels []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Endorsements = channels
}

// RevokeTokens makes all tokens invalid that the bot was given so far.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued = []byte(rand.Text())
}

func (s *Server) keys() (channel *signer, issued []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channel, s.issued
}

// listenLoopback takes a free port.
func listenLoopback() (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
}

func sameSecret(a, b string) bool {
	return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}
