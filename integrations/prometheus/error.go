package prometheus

import (
	"encoding/json"
	"net/http"
	"time"

	"imbot/integrations/internal/fit"
	"imbot/integrations/internal/rest"
)

const maxMessage = 500 // bytes

// Error is what every method of [Client] fails with. errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds token,
// password or URL.
type Error struct {
	Op      string // what was tried, such as "read the graph istio"
	Status  int    // HTTP status; 0 if there was no answer, or the request was not sent
	Type    string // Prometheus' type of error, such as "bad_data", or ""
	Message string // Prometheus' words or ours, at most 600 bytes, one line
	Err     error  // the cause where there was no answer or it was not understood

	refused    bool // Prometheus understood, and will say the same again
	retryAfter time.Duration
}

func (e *Error) Error() string {
	return rest.Text("prometheus", e.Op, e.Message, e.Status, e.Err, e.Type)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again can't help. It can after no answer, an
// answer that was not understood, 408, 429 and 5xx.
func (e *Error) Permanent() bool { return e.refused }

// RetryAfter returns when to try again, counted from the answer; 0 if unknown.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// everything reports whether other queries would fail the same way.
func (e *Error) everything() bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests:
		return true
	}
	return e.Status/100 == 3
}

// wireError is the part of an answer that tells what is wrong.
type wireError struct {
	ErrorType string `json:"errorType"`
	Error     string `json:"error"`
}

// refusal is the error of an answer of status 200 that is none.
func (w wireError) refusal() *Error {
	e := &Error{Status: http.StatusOK, Type: fit.Line(w.ErrorType, 40), Message: fit.Line(w.Error, maxMessage)}
	if e.Message == "" {
		e.Message = "the answer is no success; is this the address of a Prometheus?"
	}
	return e
}

// refusal turns an answer into an error. It decides what is permanent.
// https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
func refusal(resp *http.Response, body []byte, now time.Time) *Error {
	var answer wireError
	_ = json.Unmarshal(body, &answer) // proxies answer anything
	e := answer.refusal()
	e.Status = resp.StatusCode
	if answer.Error == "" {
		e.Message = rest.Answered("Prometheus", resp.StatusCode)
	}
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		e.refused = true
		e.Message += "; check token, or user and password, and tenant"
	case e.Status/100 == 3:
		e.refused = true
		e.Message += "; redirects are not followed: check the URL"
	case e.Status == http.StatusNotFound, e.Status == http.StatusMethodNotAllowed:
		e.refused = true
		e.Message += "; check the URL: it is what comes before /api/v1/query"
	case e.Status == http.StatusTooManyRequests, e.Status/100 == 5:
		e.retryAfter = rest.RetryAfter(resp.Header, now)
	case e.Status == http.StatusRequestTimeout:
	default:
		e.refused = true
	}
	return e
}
