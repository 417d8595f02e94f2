package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"imbot/commands"
	"imbot/incident"
	"imbot/internal/httpstatus"
)

// httpError is a failure that is about HTTP, or whose status is known better
// than by its kind.
type httpError struct {
	status int
	detail string
	field  string
	key    string
	header map[string]string
}

func (e *httpError) Error() string { return e.detail }

// problemDocument is the answer to what went wrong, see RFC 9457. Its type is
// stable: programs may tell problems apart by it.
type problemDocument struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	Errors    []fieldError `json:"errors,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
}

type fieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// statusOf is the one place where an error becomes a status. A filter that makes
// no sense, and a body that is no JSON, are 400; a body that asks for something
// impossible is 422.
func statusOf(r *http.Request, err error) int {
	var h *httpError
	if errors.As(err, &h) {
		return h.status
	}
	var p *incident.Problem
	if errors.As(err, &p) && errors.Is(err, incident.ErrInvalid) && (p.Key == commands.BadJSON || r.Method != http.MethodPost) {
		return http.StatusBadRequest
	}
	return httpstatus.Of(err)
}

// describe makes the document. Texts of errors that are not meant for users
// stay here: they get the number under which the log has them.
func describe(r *http.Request, err error) problemDocument {
	status := statusOf(r, err)
	d := problemDocument{Type: "about:blank", Title: http.StatusText(status), Status: status}
	var h *httpError
	var p *incident.Problem
	field := ""
	switch {
	case errors.As(err, &h):
		d.Detail, field = h.detail, h.field
		if h.key != "" {
			d.Type = "urn:imbot:" + h.key
		}
	case errors.As(err, &p):
		d.Detail, field = p.Detail, p.Field
		if p.Key != "" {
			d.Type = "urn:imbot:" + p.Key
		}
	case status == http.StatusServiceUnavailable:
		d.Detail = "Too much is going on. Come back in a moment."
	default:
		d.Detail, d.RequestID = "Internal error", tripOf(r).id
	}
	if field != "" {
		d.Errors = []fieldError{{Field: field, Detail: d.Detail}}
	}
	return d
}

// errWritten wraps what went wrong after the answer had begun: there is nobody
// left to tell.
type errWritten struct{ error }

func (e errWritten) Unwrap() error { return e.error }

func written(err error) error {
	if err == nil {
		return nil
	}
	return errWritten{err}
}

// fail answers with what went wrong, and leaves internal errors for the log.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.As(err, new(errWritten)) {
		return
	}
	d := describe(r, err)
	if d.RequestID != "" {
		tripOf(r).err = err
	}
	var h *httpError
	if errors.As(err, &h) {
		for k, v := range h.header {
			w.Header().Set(k, v)
		}
	}
	if d.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(d)
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(b, '\n'))
	return written(err)
}
