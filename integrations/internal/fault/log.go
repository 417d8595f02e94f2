package fault

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is a call as it came in.
type Request struct {
	At     time.Time
	Method string
	URL    string // path and query as sent
	Path   string // the path alone, not escaped
	Header http.Header
	Body   []byte
	Length int64 // Content-Length; -1 if none was given
}

// Log is the part of a simulator that keeps what came in. The zero value is
// empty. Its methods are safe for concurrent use.
type Log struct {
	mu       sync.Mutex
	received []Request
}

// Requests returns all calls so far, in order.
func (l *Log) Requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.received)
}

// Dump returns every byte that came in, to look for what should never have
// left: request lines, headers and bodies.
func (l *Log) Dump() []byte {
	var b strings.Builder
	for _, r := range l.Requests() {
		b.WriteString(r.Method + " " + r.URL + "\n")
		_ = r.Header.Write(&b) // a Builder takes everything
		b.WriteString("\n")
		b.Write(r.Body)
		b.WriteString("\n\n")
	}
	return []byte(b.String())
}

// Logged keeps each call with what it brought, up to a number of bytes of its
// body, before do answers it: do finds that much to read.
func Logged(l *Log, now func() time.Time, most int64, do http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, most))
		if err != nil {
			return // the caller is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		in := Request{At: now(), Method: r.Method, URL: r.URL.RequestURI(), Path: r.URL.Path, Header: r.Header.Clone(), Body: body, Length: r.ContentLength}
		l.mu.Lock()
		l.received = append(l.received, in)
		l.mu.Unlock()
		do.ServeHTTP(w, r)
	})
}
