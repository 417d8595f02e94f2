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
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
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
	opt    Options
	handle http.Handler
	http   *http.Server
	url    string
	client *http.Client
	served chan struct{} // closed when the server has ended

	stop context.CancelFunc // ends live delivery and hanging answers
	live sync.WaitGroup
	wake chan struct{} // has room for one: something may be due

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
	faults   []*Fault
	received []Request

	hookURL, hookSecret string
	queue               []*webhook
	busy                int // webhooks being delivered
	seq                 int64
	mischief            Mischief
	stats               Stats
	idle                chan struct{} // closed and replaced whenever a webhook is settled
}

// New starts a simulator on a free port of 127.0.0.1. It has one user, the one
// of the credentials, and no project. It panics if there is no port, for then
// nothing can be tested. Close ends it.
func New(o Options) *Server {
	o.setDefaults()
	s := &Server{
		opt: o, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: liveWorkers}},
		served: make(chan struct{}), wake: make(chan struct{}, 1),
		rnd: mathrand.New(mathrand.NewPCG(o.Seed, 1)), lastID: 10_000,
		byKey: make(map[string]*issue), cursors: make(map[string][]string),
		buckets: make(map[string]*bucket), writes: make(map[string][]time.Time), idle: make(chan struct{}),
	}
	if o.HTTP != nil {
		s.client.Transport = o.HTTP.Transport
	}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.AddUser(User{AccountID: "712020:bot", Name: "bot", FullName: "Incident Bot", Email: o.Email})
	s.handle = s.handler()
	s.start()
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
	if o.Seed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		o.Seed = binary.LittleEndian.Uint64(b[:])
	}
}

func (s *Server) start() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("jirasim: " + err.Error())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.url = "http://" + l.Addr().String() + s.opt.ContextPath
	s.http = &http.Server{
		Handler:           s.handle,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(l) // ends by Close
	}()
	if s.opt.Live {
		s.live.Add(1)
		go func() {
			defer s.live.Done()
			s.deliverLive(ctx)
		}()
	}
}

// URL is where Jira is.
func (s *Server) URL() string { return s.url }

// Email and Token are the credentials that REST calls must bring.
func (s *Server) Email() string { return s.opt.Email }

// Token is the API token, or the personal access token of a Data Center.
func (s *Server) Token() string { return s.opt.Token }

// Close ends the server and live delivery. Webhooks that wait are forgotten.
func (s *Server) Close() {
	s.stop()
	_ = s.http.Close()
	<-s.served
	s.live.Wait()
	s.client.CloseIdleConnections()
}

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
