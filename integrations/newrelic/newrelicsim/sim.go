// Package newrelicsim is a New Relic to test and demonstrate against: an HTTP
// server on a loopback port that keeps entities and their relationships, and
// answers the NerdGraph queries that package newrelic makes by New Relic's
// rules: pages with cursors, errors in answers of status 200, at most 25
// requests at once, and relationships that vanish some time after the last call.
//
// It is no substitute for New Relic: it has no data but those, of the search
// language only =, AND and OR, and of GraphQL only queries.
package newrelicsim

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"imbot/integrations/internal/fault"
	"imbot/integrations/internal/loopback"
)

// DefaultTTL is how long a relationship outlives the last call, mostly.
// https://github.com/newrelic/entity-definitions/tree/main/relationships/synthesis
const DefaultTTL = 75 * time.Minute

// Options of a simulator. The zero value works.
type Options struct {
	// Key is the user key that requests must bring. Default "NRAK-SIM".
	Key string

	// Now tells the time. Default time.Now.
	Now func() time.Time

	// TTL is how long a relationship outlives the last call. Default DefaultTTL.
	TTL time.Duration

	// PageSize is how many entities or relationships a page has. Default 200.
	PageSize int

	// Concurrent is how many requests are answered at once; more get 429.
	// Default 25, as New Relic has it.
	Concurrent int

	// AccountID is the account that the key may read. Default 1.
	AccountID int

	// Latency is how long each answer takes. Default 0.
	Latency time.Duration
}

// Entity is something that New Relic watches.
type Entity struct {
	GUID   string
	Name   string
	Domain string // such as "APM"
	Type   string // such as "APPLICATION"
}

type entity struct {
	Entity
	stopped time.Time // zero: it reports
}

// relationship is made anew with each call, while both ends report.
type relationship struct {
	kind     string // such as "CALLS"
	from, to string // GUIDs
	created  time.Time
	ended    time.Time // zero: there are calls
}

// Request is a request as it came in.
type Request struct {
	Header    http.Header
	Query     string
	Variables map[string]any
}

// Server is a simulator. Its methods are safe for concurrent use.
type Server struct {
	*loopback.Server // nil where it has no port

	opt    Options
	url    string
	faults fault.Plan[Fault]

	mu       sync.Mutex // guards all below
	offset   time.Duration
	entities []*entity
	byGUID   map[string]*entity
	related  []*relationship
	changes  []Change // as they were told
	requests []Request
	active   int
	peak     int
}

// New starts a simulator on a free port of 127.0.0.1. It panics if there is
// none, for then nothing can be tested. Close ends it.
func New(o Options) *Server {
	s := Unstarted(o)
	s.Server = loopback.Start(s)
	s.url = s.Server.URL() + "/graphql"
	return s
}

// Unstarted returns a simulator without a port: it is reached as an
// [http.RoundTripper] only, at any URL.
func Unstarted(o Options) *Server {
	if o.Key == "" {
		o.Key = "NRAK-SIM"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TTL <= 0 {
		o.TTL = DefaultTTL
	}
	if o.PageSize <= 0 {
		o.PageSize = 200
	}
	if o.Concurrent <= 0 {
		o.Concurrent = 25
	}
	if o.AccountID <= 0 {
		o.AccountID = 1
	}
	return &Server{opt: o, url: "http://127.0.0.1/graphql", byGUID: make(map[string]*entity)}
}

// URL is the address of its NerdGraph.
func (s *Server) URL() string { return s.url }

// Key is the user key that requests must bring.
func (s *Server) Key() string { return s.opt.Key }

// RoundTrip answers a request without a network.
func (s *Server) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	type result struct {
		resp *http.Response
		err  error
	}
	done := make(chan result, 1)
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	go func() {
		w := httptest.NewRecorder()
		defer func() {
			if recover() != nil { // http.ErrAbortHandler
				done <- result{err: io.ErrUnexpectedEOF}
				return
			}
			done <- result{resp: w.Result()}
		}()
		s.ServeHTTP(w, r)
	}()
	select {
	case got := <-done:
		return got.resp, got.err
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// Advance moves the simulator's time on.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
}

func (s *Server) now() time.Time { return s.opt.Now().Add(s.offset).UTC() }

// AddService adds a service that New Relic's agents watch, and returns its id.
func (s *Server) AddService(name string) string {
	return s.Add(Entity{Name: name, Domain: "APM", Type: "APPLICATION"})
}

// Add adds an entity that reports, and returns its id, which it makes if there
// is none.
func (s *Server) Add(e Entity) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.GUID == "" {
		e.GUID = base64.RawStdEncoding.EncodeToString(fmt.Appendf(nil, "1|%s|%s|%d", e.Domain, e.Type, len(s.entities)+1))
	}
	added := &entity{Entity: e}
	s.entities = append(s.entities, added)
	s.byGUID[e.GUID] = added
	return e.GUID
}

// Call says that the entity from calls the entity to from now on. Both are
// GUIDs.
func (s *Server) Call(from, to string) { s.Relate(from, "CALLS", to) }

// Relate says that there is a relationship of any type from now on.
func (s *Server) Relate(from, kind, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.related = append(s.related, &relationship{kind: kind, from: from, to: to, created: s.now()})
}

// EndCalls says that from does not call to any more.
func (s *Server) EndCalls(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.related {
		if r.from == from && r.to == to && r.ended.IsZero() {
			r.ended = s.now()
		}
	}
}

// StopReporting is what New Relic sees of an entity that went down: nothing. Its
// relationships, in both directions, vanish when their time is over.
func (s *Server) StopReporting(guid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byGUID[guid]; e != nil && e.stopped.IsZero() {
		e.stopped = s.now()
	}
}

// StartReporting brings an entity back, and its calls with it.
func (s *Server) StartReporting(guid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byGUID[guid]; e != nil {
		e.stopped = time.Time{}
	}
}

// alive reports whether New Relic still has the relationship.
func (s *Server) alive(r *relationship) bool {
	last := s.now()
	for _, end := range []time.Time{r.ended, s.byGUID[r.from].stoppedAt(), s.byGUID[r.to].stoppedAt()} {
		if !end.IsZero() && end.Before(last) {
			last = end
		}
	}
	return s.now().Sub(last) <= s.opt.TTL
}

func (e *entity) stoppedAt() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.stopped
}

// Requests returns all requests so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Peak is how many requests there were at once, at most.
func (s *Server) Peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// wait takes d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
