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
	"net/http"
	"sync"
	"time"

	"imbot/integrations/internal/fault"
	"imbot/integrations/internal/loopback"
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
	*loopback.Server // its URL is where Confluence is
	fault.Injector
	fault.Log

	opt    Options
	handle http.Handler

	mu     sync.Mutex // guards all below
	spaces []*Space
	pages  []*Page // by id, ascending
	lastID int     // of anything
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
	s := &Server{opt: o, lastID: 65_000}
	s.handle = s.handler()
	s.Server = loopback.Start(s.handle)
	return s
}

// ServeHTTP answers a REST call without a network.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handle.ServeHTTP(w, r) }

// Email is one half of the credentials that REST calls must bring.
func (s *Server) Email() string { return s.opt.Email }

// Token is the other half: the API token.
func (s *Server) Token() string { return s.opt.Token }

// now is in milliseconds, as all of Confluence's times.
func (s *Server) now() time.Time { return s.opt.Now().UTC().Truncate(time.Millisecond) }
