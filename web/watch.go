package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// trip is what is known of one request while it is answered, for the log.
type trip struct {
	id    string
	token string // name of the caller; "" before it is known
	err   error  // the internal error behind a 5xx answer
}

type tripKey struct{}

func tripOf(r *http.Request) *trip {
	if t, ok := r.Context().Value(tripKey{}).(*trip); ok {
		return t
	}
	return &trip{}
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	return rec.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// watched names each request, protects its answer, survives its panics and logs
// it: once, without bodies, queries and tokens.
func (s *server) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := s.Now()
		t := &trip{id: requestID()}
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), tripKey{}, t))
		h := w.Header()
		h.Set("X-Request-Id", t.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		defer func() {
			if p := recover(); p != nil {
				s.panicked(rec, r, p)
			}
			s.log(r, t, r.Pattern, rec.status, slog.Duration("duration", s.Now().Sub(begin)))
		}()
		next.ServeHTTP(rec, r)
	})
}

// panicked answers for a handler that did not survive. http.ErrAbortHandler is
// the way to cut a connection, and goes on its way.
func (s *server) panicked(rec *recorder, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	s.Logger.Error("web.server panic", "request", tripOf(r).id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if rec.status == 0 {
		s.fail(rec, r, fmt.Errorf("panic: %v", p))
	}
}

func (s *server) log(r *http.Request, t *trip, route string, status int, duration slog.Attr) {
	level := slog.LevelInfo
	switch {
	case t.err != nil:
		level = slog.LevelError
	case route == "GET /healthz" || route == "GET /readyz" || route == "GET /metrics":
		level = slog.LevelDebug
	}
	if route == "" {
		route = "none"
	}
	attrs := []slog.Attr{slog.String("method", method(r)), slog.String("route", route), slog.Int("status", status), duration, slog.String("request", t.id)}
	if t.token != "" {
		attrs = append(attrs, slog.String("token", t.token))
	}
	if t.err != nil {
		attrs = append(attrs, slog.Any("err", t.err))
	}
	s.Logger.LogAttrs(r.Context(), level, "web.server request", attrs...)
}

// method is the request's method where it is a known one: others are outside
// text.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

func requestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
