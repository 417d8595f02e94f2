// Package jirasim is a Jira to test and demonstrate against: an HTTP server on
// a loopback port that keeps projects, workflows, users, issues, comments and
// links, answers the REST calls that package jira makes by Jira's rules, of
// Cloud or of Data Center, and sends signed webhooks of what changes. Searches
// lag behind changes, as Jira's do.
//
// It is no substitute for Jira: it has only the routes that its client uses, of
// JQL only comparisons joined by AND, and no permissions but those of a good
// token.
//
// A test either lets it deliver webhooks in the background ([Options.Live]), or
// steps through deliveries with [Server.Deliver] and [Server.Advance].
package jirasim

import (
	"context"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"imbot/integrations/internal/delivery"
	"imbot/integrations/internal/fault"
	"imbot/integrations/internal/loopback"
)

// Options of a simulator. The zero value works.
type Options struct {
	// DataCenter makes it a Jira Data Center, which searches, names people and
	// authenticates in other ways. Default: Cloud.
	DataCenter bool

	// Email and Token are the credentials that REST calls must bring: both on
	// Cloud, the token alone on Data Center. Default "bot@example.com" and
	// "sim-token".
	Email string
	Token string

	// ContextPath is put before all paths, such as "/jira".
	ContextPath string

	// Now tells the time. Default time.Now.
	Now func() time.Time

	// IndexDelay is how long searches lag behind changes. Default 5 s;
	// negative: not at all.
	IndexDelay time.Duration

	// PageSize is how many entries a page has at most. Default 100.
	PageSize int

	// Unlimited turns Jira's rate limits off.
	Unlimited bool

	// Live delivers webhooks in the background, as soon as they arise. Otherwise
	// they wait for Deliver or Advance.
	Live bool

	// HTTP makes the deliveries. Default: a client of its own. Redirects are
	// never followed.
	HTTP *http.Client

	// DeliveryTimeout is how long the receiver has for its answer. Default 30 s.
	DeliveryTimeout time.Duration

	// Backoff is the wait before attempt n+1 to deliver a webhook, after n
	// failed ones. Default 5 min, growing to 15 min; in Live mode 20 ms that
	// double up to 1 s.
	Backoff func(n int) time.Duration

	// Seed makes ids and mischief repeatable. Default: random.
	Seed uint64
}

// Server is a running simulator. Its methods are safe for concurrent use.
type Server struct {
	*loopback.Server
	fault.Injector
	fault.Log
	*delivery.Queue[struct{}]

	opt    Options
	handle http.Handler

	mu       sync.Mutex // guards all below
	rnd      *mathrand.Rand
	offset   time.Duration // added to Options.Now by Advance
	users    []*User
	projects []*Project
	issues   []*issue // by id
	byKey    map[string]*issue
	lastID   int // of anything
	cursors  map[string][]string
	buckets  map[string]*bucket
	writes   map[string][]time.Time

	hookURL, hookSecret string
}

// New starts a simulator on a free port of 127.0.0.1. It has one user, the one
// of the credentials, and no project. It panics if there is no port, for then
// nothing can be tested. Close ends it and
// live delivery: webhooks that wait are forgotten.
func New(o Options) *Server {
	o.setDefaults()
	s := &Server{
		opt: o, rnd: delivery.Rand(o.Seed), lastID: 10_000,
		byKey: make(map[string]*issue), cursors: make(map[string][]string),
		buckets: make(map[string]*bucket), writes: make(map[string][]time.Time),
	}
	s.Queue = s.newQueue()
	s.AddUser(User{AccountID: "712020:bot", Name: "bot", FullName: "Incident Bot", Email: o.Email})
	s.handle = s.handler()
	s.Server = loopback.Start(s.handle, func(ctx context.Context) { delivery.Run(ctx, s.Queue) })
	return s
}

// ServeHTTP answers a REST call without a network.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handle.ServeHTTP(w, r) }

func (o *Options) setDefaults() {
	if o.Email == "" {
		o.Email = "bot@example.com"
	}
	if o.Token == "" {
		o.Token = "sim-token"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.IndexDelay == 0 {
		o.IndexDelay = 5 * time.Second
	}
	o.IndexDelay = max(o.IndexDelay, 0)
	if o.PageSize <= 0 {
		o.PageSize = 100
	}
	if o.DeliveryTimeout <= 0 {
		o.DeliveryTimeout = 30 * time.Second
	}
	if o.Backoff == nil {
		o.Backoff = func(n int) time.Duration { return min(time.Duration(n)*5*time.Minute, 15*time.Minute) }
		if o.Live {
			o.Backoff = func(n int) time.Duration { return min(20*time.Millisecond<<min(n-1, 20), time.Second) }
		}
	}
}

// URL is where Jira is.
func (s *Server) URL() string { return s.Server.URL() + s.opt.ContextPath }

// Email and Token are the credentials that REST calls must bring.
func (s *Server) Email() string { return s.opt.Email }

// Token is the API token, or the personal access token of a Data Center.
func (s *Server) Token() string { return s.opt.Token }

// Now is the simulator's time: that of Options.Now and all Advances.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// now is in milliseconds, as all of Jira's times.
func (s *Server) now() time.Time {
	return s.opt.Now().Add(s.offset).UTC().Truncate(time.Millisecond)
}

func (s *Server) newID() int {
	s.lastID++
	return s.lastID
}
