package confluencesim

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault makes REST calls go wrong.
type Fault struct {
	Method string // the calls it is for; empty: any
	Path   string // prefix of their path, such as "/wiki/api/v2/pages"; empty: any
	Times  int    // how many of them; 0: all, until ClearFaults

	Status     int           // answer with this status
	RetryAfter time.Duration // with it, say when to come back; 0: don't say
	Body       string        // answer with this instead of Confluence's form of an error
	Type       string        // media type of Body; default text/html
	Location   string        // with Status 3xx, where to go instead

	Meanwhile func() // happens first, such as somebody else's edit; alone, the call is answered as ever

	After bool // do what is asked for first: it is done, but the answer is another or lost
	Drop  bool // close the connection instead of answering
	Hang  bool // don't answer before the caller gives up
}

// Inject adds a fault. Of several that fit a call, the oldest counts.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault returns the fault for a call, and uses it up.
func (s *Server) fault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, f := range s.faults {
		if (f.Method != "" && f.Method != r.Method) || !strings.HasPrefix(r.URL.Path, f.Path) {
			continue
		}
		now := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, n, n+1)
			}
		}
		return &now
	}
	return nil
}

// fail answers a call as the fault says.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, f *Fault, do http.Handler) {
	if f.Meanwhile != nil {
		f.Meanwhile()
	}
	if f.Meanwhile != nil && f.Status == 0 && f.Body == "" && !f.After && !f.Drop && !f.Hang {
		do.ServeHTTP(w, r)
		return
	}
	if f.After {
		do.ServeHTTP(httptest.NewRecorder(), r)
	}
	switch {
	case f.Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Drop || (f.Status == 0 && f.Body == ""):
		panic(http.ErrAbortHandler) // closes the connection
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	if f.Location != "" {
		w.Header().Set("Location", f.Location)
	}
	if f.Body != "" {
		if f.Type == "" {
			f.Type = "text/html;charset=UTF-8"
		}
		w.Header().Set("Content-Type", f.Type)
		w.WriteHeader(max(f.Status, http.StatusOK))
		_, _ = io.WriteString(w, f.Body) // the caller may be gone
		return
	}
	refuse(w, f.Status, http.StatusText(f.Status))
}

// Request is a REST call as it came in.
type Request struct {
	At     time.Time
	Method string
	URL    string // path and query
	Header http.Header
	Body   []byte
}

// Requests returns all REST calls so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Dump returns every byte that came in by REST, to look for what should never
// have left: request lines, headers and bodies.
func (s *Server) Dump() []byte {
	var b strings.Builder
	for _, r := range s.Requests() {
		b.WriteString(r.Method + " " + r.URL + "\n")
		_ = r.Header.Write(&b) // a Builder takes everything
		b.WriteString("\n")
		b.Write(r.Body)
		b.WriteString("\n\n")
	}
	return []byte(b.String())
}
