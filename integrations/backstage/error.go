package backstage

import (
	"encoding/json"
	"net/http"
	"time"

	"imbot/integrations/internal/fit"
	"imbot/integrations/internal/rest"
)

// Error is what every method of [Client] fails with. errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds the token
// or the URL.
type Error struct {
	Op      string // what was tried, such as "list the entities"
	Status  int    // HTTP status; 0 if there was no answer, or the request was not sent
	Message string // Backstage's words or ours, at most 500 bytes, one line
	Err     error  // the cause where there was no answer or it was not understood

	refused    bool // Backstage understood, and will say the same again
	retryAfter time.Duration
}

func (e *Error) Error() string {
	return rest.Text("backstage", e.Op, e.Message, e.Status, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again can't help. It can after no answer, an
// answer that was not understood, 408, 429 and 5xx.
func (e *Error) Permanent() bool { return e.refused }

// RetryAfter returns when to try again, counted from the answer; 0 if unknown.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// refusal turns an answer into an error. It decides what is permanent.
func refusal(resp *http.Response, body []byte, now time.Time) *Error {
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // proxies answer anything
	e := &Error{Status: resp.StatusCode, Message: fit.Line(answer.Error.Message, 400)}
	if e.Message == "" {
		e.Message = rest.Answered("Backstage", resp.StatusCode)
	}
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		e.refused = true
		e.Message += "; check the token: a static one, which may read the catalog"
	case e.Status/100 == 3:
		e.refused = true
		e.Message += "; redirects are not followed: check the URL"
	case e.Status == http.StatusNotFound:
		e.refused = true
		e.Message += "; check the URL: it is what comes before /api/catalog, of Backstage 1.12 or later"
	case e.Status == http.StatusTooManyRequests, e.Status/100 == 5:
		e.retryAfter = rest.RetryAfter(resp.Header, now)
	case e.Status == http.StatusRequestTimeout:
	default:
		e.refused = true
	}
	return e
}
