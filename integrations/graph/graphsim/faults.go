package graphsim

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault makes calls go wrong.
type Fault struct {
	Method string // the calls it is for; empty: any
	Path   string // how their path ends after the version, such as "/chats" or "/installedApps"; empty: any
	Skip   int    // how many such calls go well first
	Times  int    // how many go wrong then; 0: all, until ClearFaults

	Status     int           // answer with this status
	Code       string        // with it, Graph's code; default from the status
	Message    string        // with it
	RetryAfter time.Duration // with it, say when to come back; 0: don't say
	Body       string        // answer with this instead of Graph's form of an error
	Type       string        // media type of Body; default text/html
	Location   string        // with Status 3xx, where to go instead

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
		if (f.Method != "" && f.Method != r.Method) || !strings.HasSuffix(r.URL.Path, f.Path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return nil
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
		w.Header().Set("Retry-After", strconv.FormatFloat(f.RetryAfter.Seconds(), 'f', -1, 64))
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
	if f.Code == "" {
		f.Code = code(f.Status)
	}
	s.refuse(w, f.Status, f.Code, f.Message)
}

// code is what Graph calls a status where it says no more.
// https://learn.microsoft.com/graph/errors
func code(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "BadRequest"
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusInternalServerError:
		return "InternalServerError"
	}
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

// Request is a call as it came in.
type Request struct {
	At     time.Time
	Method string
	Path   string // after the version, not escaped
	URL    string // path and query as sent
	Header http.Header
	Body   []byte
	Length int64 // Content-Length; -1 if none was given
}

// Requests returns all calls so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Dump returns every byte that came in, to look for what should never have
// left: request lines, headers and bodies.
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
