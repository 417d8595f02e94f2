// Package confluencesim is a Confluence Cloud to test and demonstrate against:
// an HTTP server on a loopback port that keeps spaces and pages with their
// versions, and answers the REST calls that package confluence makes by
// Confluence's rules. It is stricter than Confluence: what its API does not
// describe is refused.
//
// It is no substitute for Confluence: it has only the routes that its client
// uses, no drafts, no rendering, and of permissions only whether a page is seen
// and whether the user may create and edit pages in a space.
package confluencesim

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options of a simulator. The zero value works.
type Options struct {
	// Email and Token are the credentials that REST calls must bring. Default
	// "bot@example.com" and "sim-token".
	Email string
	Token string

	// Now tells the time. Default time.Now.
	Now func() time.Time

	// PageSize is how many entries an answer has at most. Default 250, which is
	// Confluence's own bound.
	PageSize int

	// VagueTitles has updates to a title that another page has refused with 409
	// and words that don't mention the title, as Confluence does at times.
	VagueTitles bool
}

// Server is a running simulator. Its methods are safe for concurrent use.
type Server struct {
	opt    Options
	handle http.Handler
	http   *http.Server
	url    string
	served chan struct{} // closed when the server has ended
	stop   context.CancelFunc

	mu       sync.Mutex // guards all below
	spaces   []*Space
	pages    []*Page // by id, ascending
	lastID   int     // of anything
	faults   []*Fault
	received []Request
}

// New starts a simulator on a free port of 127.0.0.1, without any space. It
// panics if there is no port, for then nothing can be tested. Close ends it.
func New(o Options) *Server {
	if o.Email == "" {
		o.Email = "bot@example.com"
	}
	if o.Token == "" {
		o.Token = "sim-token"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PageSize <= 0 {
		o.PageSize = 250
	}
	s := &Server{opt: o, served: make(chan struct{}), lastID: 65_000}
	s.handle = s.handler()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("confluencesim: " + err.Error())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.url = "http://" + l.Addr().String()
	s.http = &http.Server{
		Handler:           s.handle,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(l) // ends by Close
	}()
	return s
}

// ServeHTTP answers a REST call without a network.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handle.ServeHTTP(w, r) }

// URL is where Confluence is.
func (s *Server) URL() string { return s.url }

// Email is one half of the credentials that REST calls must bring.
func (s *Server) Email() string { return s.opt.Email }

// Token is the other half: the API token.
func (s *Server) Token() string { return s.opt.Token }

// Close ends the server.
func (s *Server) Close() {
	s.stop()
	_ = s.http.Close()
	<-s.served
}

// now is in milliseconds, as all of Confluence's times.
func (s *Server) now() time.Time { return s.opt.Now().UTC().Truncate(time.Millisecond) }
