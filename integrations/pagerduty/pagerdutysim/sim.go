// Package pagerdutysim is a PagerDuty to test and demonstrate against: an HTTP
// server on a loopback port that keeps services, users, schedules, escalation
// policies, incidents, alerts, notes, responders and histories, answers the REST
// calls that package pagerduty makes by PagerDuty's rules, and delivers v3
// webhooks by PagerDuty's rules: signed, retried, in order for each incident, and
// switched off after three refusals.
//
// It is no substitute for PagerDuty: it pages nobody, and has only the routes and
// fields that its client uses.
//
// A test either lets it deliver in the background ([Options.Live]), or steps
// through deliveries with [Server.Deliver] and [Server.Advance].
package pagerdutysim

import (
	"context"
	"encoding/binary"
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
	// Token is the API key that REST calls must bring. Default "sim-token".
	Token string

	// TokenUser is the id of the user whom the token belongs to. Empty: it is
	// an account key, for which /users/me does not work.
	TokenUser string

	// Now tells the time: of events that are given none, of rate limits,
	// retries and disabling. Default time.Now.
	Now func() time.Time

	// Live delivers webhooks in the background, as soon as they arise. Otherwise
	// they wait for Deliver or Advance.
	Live bool

	// HTTP makes the deliveries. Default: a client of its own. Redirects are
	// never followed.
	HTTP *http.Client

	// DeliveryTimeout is how long the receiver has for its answer. Default 5 s,
	// as PagerDuty has it.
	DeliveryTimeout time.Duration

	// Backoff is the wait before attempt n+1, after n failed ones. Default: 10 s
	// that double up to 1 h, in Live mode 20 ms that double up to 1 s.
	Backoff func(n int) time.Duration

	// RatePerMinute is how many REST calls a minute allows. Default 960.
	RatePerMinute int

	// Seed makes ids and mischief repeatable. Default: random, so that two
	// simulators never use the same ids.
	Seed uint64
}

// Server is a running simulator. Its methods are safe for concurrent use.
type Server struct {
	*loopback.Server // its URL is that of the REST API
	fault.Injector
	fault.Log
	*delivery.Queue[*subscription]

	opt Options

	mu        sync.Mutex // guards all below
	rnd       *mathrand.Rand
	offset    time.Duration // added to Options.Now by Advance
	users     []*User
	services  []*Service
	schedules []*Schedule
	policies  []*Policy
	needs     []dependency
	changes   []ChangeEvent
	incidents []*incident // by number: incidents[0] has number 1
	byID      map[string]*incident
	subs      []*subscription
	window    time.Time // start of the rate limit's minute
	used      int       // calls in that minute
}

// New starts a simulator on a free port of 127.0.0.1. It panics if there is
// none, for then nothing can be tested. Close ends it and live delivery: webhooks
// that wait are forgotten.
func New(o Options) *Server {
	if o.Token == "" {
		o.Token = "sim-token"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.DeliveryTimeout <= 0 {
		o.DeliveryTimeout = 5 * time.Second
	}
	if o.Backoff == nil {
		first, most := 10*time.Second, time.Hour
		if o.Live {
			first, most = 20*time.Millisecond, time.Second
		}
		o.Backoff = func(n int) time.Duration { return min(first<<min(n-1, 20), most) }
	}
	if o.RatePerMinute <= 0 {
		o.RatePerMinute = 960
	}
	s := &Server{opt: o, rnd: delivery.Rand(o.Seed), byID: make(map[string]*incident)}
	s.Queue = s.newQueue()
	s.Server = loopback.Start(s.handler(), func(ctx context.Context) { delivery.Run(ctx, s.Queue) })
	return s
}

// Token is the API key that REST calls must bring.
func (s *Server) Token() string { return s.opt.Token }

// Now is the simulator's time: that of Options.Now and all Advances.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Server) now() time.Time { return s.opt.Now().Add(s.offset).UTC() }

const idLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// newID returns an id in PagerDuty's manner: letter first, n letters and digits after.
func (s *Server) newID(first byte, n int) string {
	b := make([]byte, n+1)
	b[0] = first
	for i := 1; i <= n; i++ {
		b[i] = idLetters[s.rnd.IntN(len(idLetters))]
	}
	return string(b)
}

// newUUID returns a random UUID, of version 4 as RFC 9562 has it.
func (s *Server) newUUID() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], s.rnd.Uint64())
	binary.LittleEndian.PutUint64(b[8:], s.rnd.Uint64())
	return uuid(b)
}
