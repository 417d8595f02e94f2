// Package authproxy stands between Microsoft 365 Agents Playground and a bot.
// The Playground sends activities without any Authorization and accepts any
// token, while the bot checks every activity and signs every call. The proxy
// signs what goes to the bot, with a key that lives as long as the proxy, and
// demands of what comes from the bot a token that its own token endpoint gave.
// So the bot runs with all its checks on, and needs no switch to skip them.
//
// It is for demonstrations and tests on one machine: it listens on loopback
// only, and whoever can reach it there can speak to that bot as Teams.
package authproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"imbot/integrations/botframework/entrasim"
)

// Options configures a [Proxy].
type Options struct {
	// BotURL is the bot's messaging endpoint, such as
	// http://127.0.0.1:3978/api/messages. Required.
	BotURL string
	// AppID and TenantID are those of the bot's configuration, and TenantID also
	// that of the Playground's. Required.
	AppID    string
	TenantID string
	// Listen is a loopback address. "" means 127.0.0.1:0.
	Listen string
	// Playground is its base URL, such as http://127.0.0.1:56150. It may be set
	// later with SetPlayground, as the Playground needs the proxy's URLs first.
	Playground string
	// Dir is where the CA file is written. "" means a temporary folder that
	// Close removes.
	Dir string
	// HTTP makes the requests to both sides. Nil means a client of its own.
	HTTP *http.Client
	// Now is the clock of the tokens. Nil means time.Now.
	Now func() time.Time
	// Logger hears of refused and failed requests. Nil means none.
	Logger *slog.Logger
	// OnTraffic, if set, sees every exchange after it ended. It is called
	// concurrently and must not keep the slices.
	OnTraffic func(Traffic)
}

// Traffic is one exchange through the proxy.
type Traffic struct {
	// ToBot is true for what the Playground sends, false for what the bot sends.
	ToBot bool
	// Method and Path are those of the request to the proxy.
	Method string
	Path   string
	// Request and Response are the bodies, Status the answer's.
	Request  []byte
	Status   int
	Response []byte
}

// Proxy is a running proxy.
type Proxy struct {
	o          Options
	entra      *entrasim.Server
	server     *http.Server
	base       string
	playground atomic.Pointer[url.URL]
}

const (
	messagesPath  = "/api/messages"
	connectorPath = "/_connector"
	maxBody       = 1 << 20
	// Teams gives a bot 15 s; the proxy must not be the one who gives up first.
	exchangeTime = 30 * time.Second
)

// Start listens and returns at once.
func Start(o Options) (*Proxy, error) {
	if err := o.fill(); err != nil {
		return nil, fmt.Errorf("signing proxy: %w", err)
	}
	p := &Proxy{o: o}
	if o.Playground != "" {
		if err := p.SetPlayground(o.Playground); err != nil {
			return nil, err
		}
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("signing proxy: %w", err)
	}
	p.entra, err = entrasim.Start(entrasim.Options{AppID: o.AppID, TenantID: o.TenantID, Dir: o.Dir, Now: o.Now})
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	p.base = "http://" + ln.Addr().String()
	p.server = &http.Server{
		Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: exchangeTime, MaxHeaderBytes: 64 << 10,
	}
	go p.server.Serve(ln) //nolint:errcheck // ends with Close
	return p, nil
}

func (o *Options) fill() error {
	if o.AppID == "" || o.TenantID == "" {
		return errors.New("app id and tenant id are required")
	}
	if _, err := loopbackURL(o.BotURL); err != nil {
		return fmt.Errorf("bot URL: %w", err)
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil || net.ParseIP(host) == nil || !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("listen address %q: must be a loopback address with a port, such as 127.0.0.1:0", o.Listen)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	// No proxy from the environment: all is loopback. No connection is kept: Node
	// closes an idle one after five seconds, and a post that is under way just then
	// would be lost.
	h := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if o.HTTP != nil {
		h = *o.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTP = &h
	return nil
}

func loopbackURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || !loopbackHost(u.Hostname()) {
		return nil, errors.New("must be an http URL on loopback")
	}
	return u, nil
}

func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Close ends the proxy and its token services, and cuts what is under way.
func (p *Proxy) Close() error {
	err := errors.Join(p.server.Close(), p.entra.Close())
	p.o.HTTP.CloseIdleConnections()
	return err
}

// SetPlayground sets or changes the Playground's base URL, on loopback.
func (p *Proxy) SetPlayground(base string) error {
	u, err := loopbackURL(base)
	if err != nil {
		return fmt.Errorf("signing proxy: Playground URL: %w", err)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	p.playground.Store(u)
	return nil
}

// MessagesURL is the endpoint to give to the Playground (-e).
func (p *Proxy) MessagesURL() string { return p.base + messagesPath }

// ServiceURL is what to give to the Playground as --service-url, and its host
// to the bot as an allowed host.
func (p *Proxy) ServiceURL() string { return p.base + connectorPath }

// Host is the host and port of ServiceURL.
func (p *Proxy) Host() string { return strings.TrimPrefix(p.base, "http://") }

// OpenIDMetadataURL is where the bot's validator finds the signing key.
func (p *Proxy) OpenIDMetadataURL() string { return p.entra.OpenIDMetadataURL() }

// Authority is the https token service for the bot's credential.
func (p *Proxy) Authority() string { return p.entra.Authority() }

// CAFile is a PEM file with the root of the Authority's certificate.
func (p *Proxy) CAFile() string { return p.entra.CAFile() }

// ClientSecret is the random secret that the Authority accepts.
func (p *Proxy) ClientSecret() string { return p.entra.ClientSecret() }

// CheckBearer checks an Authorization header that the bot sent to somebody else
// whom the Authority gives tokens for, such as "https://graph.microsoft.com": a
// simulator of that.
func (p *Proxy) CheckBearer(authorization, audience string) error {
	return p.entra.CheckBearer(authorization, audience)
}
