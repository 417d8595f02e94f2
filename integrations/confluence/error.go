package confluence

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"imbot/integrations/internal/rest"
)

// Error is what every method of [Client] fails with. errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds
// credentials or URLs.
type Error struct {
	Op      string // what was tried, such as "read page 123"
	Status  int    // HTTP status; 0 if there was no answer, or the request was not sent
	Message string // Confluence's words or ours, at most 500 bytes, one line
	Err     error  // the cause where there was no answer or it was not understood

	retryAfter time.Duration
	cut        bool // there was no complete answer
	sent       bool // a change was sent, and it is not certain that it was refused
	noWay      bool // it will be the same the next time
}

func (e *Error) Error() string {
	return rest.Text("confluence", e.Op, e.Message, e.Status, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again can't help. It can after no answer, an
// answer that was not understood, 408, 409 (somebody else changed the page at
// the same time), 425, 429 and 5xx.
func (e *Error) Permanent() bool {
	if e.noWay {
		return true
	}
	switch e.Status {
	case 0:
		return false
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return !e.cut && e.Status/100 != 2 && e.Status/100 != 5
}

// RetryAfter returns when to try again, counted from the answer; 0 if unknown.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// MayBeDone reports whether the change may have been made although there is an
// error: the answer got lost, or Confluence failed amid it. [Client.Put] finds
// out when it is tried again.
func (e *Error) MayBeDone() bool { return e.sent }

// NotFound reports whether Confluence has no such thing, or none that the user
// may see or change.
func (e *Error) NotFound() bool { return e.Status == http.StatusNotFound }

// Unauthorized reports whether Confluence does not accept the credentials:
// mostly because the token has expired.
func (e *Error) Unauthorized() bool { return e.Status == http.StatusUnauthorized }

const checkToken = "; the token may have expired or been revoked: make a new one"

// invalid is the error for what Confluence would refuse anyhow: it is not sent.
func invalid(op, message string) *Error {
	return &Error{Op: op, Message: message, noWay: true}
}

// answerError reads Confluence's refusal. It decides, with Permanent, what can
// be tried again.
func answerError(resp *http.Response, body []byte, now time.Time) *Error {
	e := &Error{Status: resp.StatusCode}
	if rest.IsJSON(resp.Header) {
		e.Message = reasons(body)
	}
	if e.Message == "" {
		e.Message = rest.Answered("Confluence", resp.StatusCode)
	}
	switch code := resp.StatusCode; {
	case code/100 == 3:
		e.Message += "; redirects are not followed: check Confluence's URL"
	case code == http.StatusUnauthorized:
		e.Message += checkToken
	case code == http.StatusForbidden:
		e.Message += "; the user may not do this: check his permissions in Confluence"
	case code == http.StatusTooManyRequests, code/100 == 5:
		e.retryAfter = rest.RetryAfter(resp.Header, now)
	}
	return e
}

// reasons finds the messages in an error of any of the forms that Confluence
// and the gateways before it have:
//   - {"errors": [{"status", "code", "title", "detail"}]}, of version 2 of the API
//   - {"statusCode", "message"}, of version 1, with the Java class before the words
//   - {"message": "…"}, {"error": "…", "error_description": "…"}
func reasons(body []byte) string {
	var answer struct {
		Errors      json.RawMessage `json:"errors"`
		Message     text            `json:"message"`
		Error       text            `json:"error"`
		Description text            `json:"error_description"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	var list []struct {
		Title  text `json:"title"`
		Detail text `json:"detail"`
	}
	_ = json.Unmarshal(answer.Errors, &list) // else there is none
	var said []string
	for _, e := range list {
		said = append(said, string(e.Title), string(e.Detail))
	}
	said = append(said, string(answer.Message), string(answer.Error), string(answer.Description))
	for i, s := range said {
		if java, words, ok := strings.Cut(s, ": "); ok && strings.HasPrefix(java, "com.atlassian.") {
			said[i] = words
		}
	}
	said = slices.DeleteFunc(said, func(s string) bool { return strings.TrimSpace(s) == "" })
	return oneLine(strings.Join(slices.Compact(said), "; "), 400)
}
