package botframework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"imbot/integrations/internal/fit"
	"imbot/integrations/internal/rest"
)

// Error is a connector call that did not succeed. It never contains a token, a
// URL or the content of a message that was to be sent.
type Error struct {
	// Op is the call, such as "send".
	Op string
	// Status is the HTTP status, or 0 if no answer was received.
	Status int
	// Code and Message are the connector's, shortened.
	Code    string
	Message string
	// Err is the cause where no answer was received.
	Err error

	permanent  bool
	ambiguous  bool
	retryAfter time.Duration
}

// Error says what was tried and what came back.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("connector " + e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether repeating the same call is pointless.
//
// Worth repeating are 408, 412, 425, 429, 5xx other than 501, whatever went
// wrong on the network or while getting a token, the client's own rate limit,
// and 401: tokens live an hour in the credential's cache, and a wrong secret or
// permission is mended by a person while the message waits.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
func (e *Error) Permanent() bool { return e.permanent }

// RetryAfter is how long to wait before repeating; 0 if unknown.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// Ambiguous reports whether a message may have been posted although the call
// returned an error: the request was on its way when the connection or the time
// ended, or a gateway gave up on it (500, 502, 504), or the answer could not be
// read. Repeating such a call may post twice. Updates, deletions and reads are
// never ambiguous, as they can be repeated without harm.
func (e *Error) Ambiguous() bool { return e.ambiguous }

// ConversationGone reports whether err says that the conversation cannot be
// written to any more: it is deleted or unknown, the bot is not (or not yet) in
// it, or the user blocked the bot. Right after an installation the bot may for
// up to a minute not be in the roster.
func ConversationGone(err error) bool {
	e := asError(err)
	if e == nil {
		return false
	}
	switch e.Status {
	case http.StatusForbidden:
		return NotInRoster(err) || e.Code == "MessageWritesBlocked"
	case http.StatusNotFound:
		if e.Op == "member" { // else it is the person who is not there
			return e.Code == "ConversationNotFound" || e.Code == "ThreadNotFound"
		}
		return !ActivityGone(err)
	}
	return false
}

// NotInRoster reports whether err says that the bot is not a member of the
// conversation: it was never installed there, or was removed.
func NotInRoster(err error) bool {
	e := asError(err)
	return e != nil && e.Status == http.StatusForbidden && e.Code == "BotNotInConversationRoster"
}

// ActivityGone reports whether err says that the message to be updated or
// deleted does not exist, while its conversation may. A 404 to an update or
// deletion that names neither counts as such.
func ActivityGone(err error) bool {
	e := asError(err)
	if e == nil || e.Status != http.StatusNotFound || e.Op != "update" && e.Op != "delete" {
		return false
	}
	return e.Code != "ConversationNotFound" && e.Code != "ThreadNotFound"
}

func asError(err error) *Error {
	var e *Error
	errors.As(err, &e)
	return e
}

// refused is an error found before anything was sent; repeating is pointless.
func refused(op, code string, err error) *Error {
	return &Error{Op: op, Code: code, Err: err, permanent: true}
}

// transportError is an error without an answer. sent says whether the request
// may have reached the connector.
func transportError(op string, post, sent bool, err error) *Error {
	var withURL *url.Error // its text would repeat the URL
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	return &Error{Op: op, Err: err, ambiguous: post && sent}
}

var aadsts = regexp.MustCompile(`AADSTS\d+`)

// tokenError shortens an error of azidentity, whose text is many lines long.
func tokenError(op string, err error) *Error {
	e := &Error{Op: op, Message: "no token from Entra", Err: err}
	if code := aadsts.FindString(err.Error()); code != "" {
		e.Code, e.Message = code, "Entra refused the app's credential"
	}
	e.Err = &shortError{err}
	return e
}

// shortError keeps the cause for errors.As and prints its first line.
type shortError struct{ err error }

func (s *shortError) Error() string {
	line, _, _ := strings.Cut(s.err.Error(), "\n")
	return fit.Line(line, 200)
}

func (s *shortError) Unwrap() error { return s.err }

// statusError is the one place that decides what an answer means.
func statusError(op string, post bool, resp *http.Response, body []byte, now time.Time) *Error {
	e := &Error{Op: op, Status: resp.StatusCode}
	e.Code, e.Message = parseErrorBody(body)
	switch s := resp.StatusCode; s {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusPreconditionFailed,
		http.StatusTooEarly, http.StatusTooManyRequests:
	case http.StatusNotImplemented:
		e.permanent = true
	default:
		e.permanent = s < 500
	}
	switch resp.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		e.ambiguous = post
	}
	if !e.permanent {
		e.retryAfter = min(rest.RetryAfter(resp.Header, now), maxRetryAfter)
	}
	return e
}

// parseErrorBody reads the connector's {"error":{"code","message"}}, the flat
// {"errorCode":209,"message":"{"subCode":…}"} of blocked users, and the
// {"message"} of its front door.
func parseErrorBody(body []byte) (code, message string) {
	var in struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
		SubCode string `json:"subCode"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &in) != nil {
		return "", ""
	}
	code, message = in.Error.Code, in.Error.Message
	if message == "" {
		message = in.Message
	}
	var inner struct {
		SubCode string `json:"subCode"`
	}
	if json.Unmarshal([]byte(message), &inner) == nil && inner.SubCode != "" {
		code, message = inner.SubCode, ""
	}
	if in.SubCode != "" {
		code = in.SubCode
	}
	return fit.Line(code, 80), fit.Line(message, 300)
}

// maxRetryAfter caps what a far end can make the caller wait.
const maxRetryAfter = time.Hour
