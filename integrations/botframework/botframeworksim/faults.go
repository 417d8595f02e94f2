package botframeworksim

import (
	"net/http"
	"slices"
	"time"
)

// Call is one call of the bot to the connector.
type Call struct {
	// N counts the calls from 1.
	N int
	// Op is send, reply, update, delete, create, member, members, channels, team
	// or unknown.
	Op string
	// Method and Path are as received, the path still escaped.
	Method string
	Path   string
	// ConversationID and ActivityID are unescaped. A create has neither.
	ConversationID string
	ActivityID     string
	// Body is the request's.
	Body []byte
	// Status is what was answered; 0 while it is decided, and if nothing was.
	Status int
}

// Outcome says what happens to a call.
type Outcome struct {
	kind       outcomeKind
	status     int
	retryAfter time.Duration
}

type outcomeKind int

const (
	pass outcomeKind = iota
	answer
	hang
	drop
	lose
)

// Pass lets the call through.
func Pass() Outcome { return Outcome{} }

// Answer answers with a status and does nothing.
func Answer(status int) Outcome { return Outcome{kind: answer, status: status} }

// AnswerAfter is Answer with a Retry-After header, in whole seconds.
func AnswerAfter(status int, retryAfter time.Duration) Outcome {
	return Outcome{kind: answer, status: status, retryAfter: retryAfter}
}

// Hang does nothing until the caller gives up, whom a 102 tells that it may as
// well do so at once.
func Hang() Outcome { return Outcome{kind: hang} }

// Drop closes the connection and does nothing.
func Drop() Outcome { return Outcome{kind: drop} }

// LoseAnswer does what was asked and closes the connection without an answer.
func LoseAnswer() Outcome { return Outcome{kind: lose} }

// Fault sets what decides on every call before anything else; nil ends it. The
// function runs without the simulator's lock.
func (s *Server) Fault(f func(Call) Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Calls returns all calls so far, in the order of their arrival.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// discard is a writer that remembers nothing but the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

func closeConnection(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.Close() // that it breaks is the point
}
