// Package botframeworksim is a stateful, strict simulator of Teams as a bot sees
// it: the connector service, the Entra token endpoint, the OpenID metadata and
// keys, and people who write, press buttons and install the bot. It runs on
// loopback, needs no *testing.T, and its state can be inspected.
//
// It enforces what Teams is known to enforce: tokens, rosters, rate limits,
// sizes, mentions that occur in the text. It is written from Microsoft's
// documentation and proves nothing beyond it. Adaptive Cards are searched for
// their buttons and inputs, not rendered.
package botframeworksim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"imbot/integrations/botframework/entrasim"
)

// Options configures a [Server].
type Options struct {
	// AppID and TenantID are the bot's application and home tenant. Required.
	AppID    string
	TenantID string
	// BotName is how the bot is mentioned. "" means imbot.
	BotName string
	// ClientSecret is what the bot presents for a token. "" means a random one.
	ClientSecret string
	// BotEndpoint is where activities are posted; see also SetBotEndpoint.
	BotEndpoint string
	// Now is the clock of rate limits, activities and inbound tokens. Nil means
	// time.Now. Real time bounds the answers of the bot.
	Now func() time.Time
	// Dir is where the CA file is written. "" means a temporary folder.
	Dir string
	// HTTP posts to the bot. Nil means a client of its own.
	HTTP *http.Client
	// MaxMessage is the size above which a message is refused with 413, in bytes
	// of UTF-16. 0 means 100 KiB.
	MaxMessage int
	// Patience is how long the simulator waits for the bot; for message
	// extensions it waits a third of it. 0 means Teams' 15 s.
	Patience time.Duration
	// LinkDomains are those whose links the app unfurls, as in its manifest: each
	// "*" stands for one part of a name.
	LinkDomains []string
	// NoRateLimits switches the 429 answers off, for load tests of other parts.
	NoRateLimits bool
	// Entra passes ClientKey, FederatedToken and Endorsements to the token side;
	// its other fields are set by the simulator.
	Entra entrasim.Options
}

// Server is a running simulator. It is safe for concurrent use.
type Server struct {
	o     Options
	entra *entrasim.Server
	http  *http.Server
	host  string
	stop  context.CancelFunc
	ended context.Context

	mu       sync.Mutex // guards all below
	endpoint string
	seq      int
	lastID   int64
	users    map[string]*User
	order    []string // user ids as they were added
	teams    map[string]*team
	convs    map[string]*conversation
	windows  map[string][]time.Time
	fault    func(Call) Outcome
	calls    []Call
	dump     []byte
	unfurled map[string]unfurled // by link
	changed  chan struct{}       // closed and replaced at every change
}

// New starts a simulator without users and conversations.
func New(o Options) (*Server, error) {
	if o.AppID == "" || o.TenantID == "" {
		return nil, errors.New("teams simulator: app id and tenant id are required")
	}
	if o.BotName == "" {
		o.BotName = "imbot"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 100 << 10
	}
	if o.Patience == 0 {
		o.Patience = botTime
	}
	h := http.Client{}
	if o.HTTP != nil {
		h = *o.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTP = &h
	eo := o.Entra
	eo.AppID, eo.TenantID, eo.ClientSecret, eo.Dir, eo.Now = o.AppID, o.TenantID, o.ClientSecret, o.Dir, o.Now
	entra, err := entrasim.Start(eo)
	if err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("teams simulator: %w", err), entra.Close())
	}
	ended, stop := context.WithCancel(context.Background())
	s := &Server{
		o: o, entra: entra, host: ln.Addr().String(), ended: ended, stop: stop, endpoint: o.BotEndpoint,
		users: map[string]*User{}, teams: map[string]*team{}, convs: map[string]*conversation{},
		windows: map[string][]time.Time{}, unfurled: map[string]unfurled{}, changed: make(chan struct{}),
	}
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	go s.http.Serve(ln) //nolint:errcheck // ends with Close
	return s, nil
}

// Close ends the servers, hanging calls included.
func (s *Server) Close() error {
	s.stop()
	s.o.HTTP.CloseIdleConnections()
	return errors.Join(s.http.Close(), s.entra.Close())
}

// Entra is the token side, for key rotation, revocation and counting.
func (s *Server) Entra() *entrasim.Server { return s.entra }

// ServiceURL is the connector's base URL, as activities name it.
func (s *Server) ServiceURL() string { return "http://" + s.host + prefix + "/" }

// Host is the connector's host and port, for a client's list of allowed hosts.
func (s *Server) Host() string { return s.host }

// OpenIDMetadataURL is where a validator finds the signing keys.
func (s *Server) OpenIDMetadataURL() string { return s.entra.OpenIDMetadataURL() }

// Authority is the https token service, CAFile the PEM file with its root, and
// ClientSecret the secret it accepts.
func (s *Server) Authority() string { return s.entra.Authority() }

// CAFile is explained at Authority.
func (s *Server) CAFile() string { return s.entra.CAFile() }

// ClientSecret is explained at Authority.
func (s *Server) ClientSecret() string { return s.entra.ClientSecret() }

// BotID is the bot's account id.
func (s *Server) BotID() string { return "28:" + s.o.AppID }

// SetBotEndpoint changes where activities are posted.
func (s *Server) SetBotEndpoint(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoint = url
}

// Token makes a token for the bot as Teams signs it, forged by the options.
func (s *Server) Token(options ...entrasim.TokenOption) (string, error) {
	return s.entra.ChannelToken(s.ServiceURL(), options...)
}

// Await returns when cond holds. It is asked now and after every change of the
// simulator's state, without its lock, so it may call the simulator.
func (s *Server) Await(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("teams simulator: what was awaited did not happen: %w", ctx.Err())
		}
	}
}

// touch tells those who wait that something changed. s.mu is held.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Dump returns every byte the bot sent: paths and bodies of its calls, and its
// answers to activities. It is for proving that a secret is not among them.
func (s *Server) Dump() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]byte(nil), s.dump...)
}

// received adds to the dump. s.mu is held.
func (s *Server) received(parts ...string) {
	for _, p := range parts {
		s.dump = append(s.dump, p...)
		s.dump = append(s.dump, '\n')
	}
}

// newID makes an id that is the same in every run. s.mu is held.
func (s *Server) newID(kind string) string {
	s.seq++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, s.seq))
	return hex.EncodeToString(sum[:16])
}

func guid(hexID string) string {
	return strings.Join([]string{hexID[:8], hexID[8:12], hexID[12:16], hexID[16:20], hexID[20:32]}, "-")
}

// activityID makes an id as Teams does: the time in milliseconds, unique. s.mu
// is held.
func (s *Server) activityID() string {
	s.lastID = max(s.lastID+1, s.o.Now().UnixMilli())
	return fmt.Sprint(s.lastID)
}
