package graphrest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"imbot/integrations/internal/rest"
)

// Kinds of errors that callers act on, to be found with errors.Is.
var (
	ErrNotFound  = errors.New("not found")       // there is no such thing, or none that the app may see
	ErrForbidden = errors.New("forbidden")       // a permission or a policy is missing, see Error.Reason
	ErrInvalid   = errors.New("invalid request") // Graph will never take it
)

// Error is what every method of [Client] fails with. errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds tokens or
// URLs.
type Error struct {
	Op        string // what was tried, such as "create the chat"
	Status    int    // HTTP status; 0 if there was no answer, or the request was not sent
	Code      string // Graph's, such as "Forbidden"; "" if it gave none
	Message   string // Graph's words or ours, at most 500 bytes, one line
	Reason    Reason // what is behind it, where that is known
	RequestID string // Graph's id of the request, for Microsoft's support; may be empty

	// Permissions are those of which Graph wants one, with ReasonPermission.
	Permissions []string
	// UserIDs are the members that stand in the way, with ReasonMember. Leave
	// them out to go on without them.
	UserIDs []string
	// Err is the cause where there was no answer or it was not understood.
	Err error

	retryAfter time.Duration
	cut        bool // there was no complete answer
	sent       bool // a change was sent, and it is not certain that it was refused
	noWay      bool // it will be the same the next time
}

func (e *Error) Error() string {
	request := ""
	if e.RequestID != "" {
		request = "request " + e.RequestID
	}
	text := rest.Text("graph", e.Op, e.Message, e.Status, e.Err, e.Code, request)
	if fix := e.Reason.Fix(); fix != "" {
		text += "; " + fix
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is tells the kinds of errors apart.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrForbidden:
		return e.Status == http.StatusForbidden || e.Reason == ReasonConsentOff || e.Reason == ReasonAppBlocked
	case ErrInvalid:
		return e.Status == http.StatusBadRequest || (e.Status == 0 && e.noWay)
	}
	return false
}

// Permanent reports whether trying again can't help. It can after no answer, an
// answer that was not understood, 401 (tokens live an hour in the credential's
// cache, and a secret is mended by a person meanwhile), 408, 409 (somebody else
// changed it at the same time), 423, 425, 429, 5xx but 501, and while the app's
// membership of a new chat is not yet known everywhere.
// https://learn.microsoft.com/graph/errors
func (e *Error) Permanent() bool {
	if e.noWay {
		return true
	}
	if e.cut || e.Status == 0 || e.Status/100 == 2 || e.Reason == ReasonNotInChat {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusConflict, http.StatusLocked,
		http.StatusTooEarly, http.StatusTooManyRequests:
		return e.Reason == ReasonMeetingPolicy // an old form of it comes with 401
	case http.StatusNotImplemented:
		return true
	}
	return e.Status/100 != 5
}

// RetryAfter returns when to try again, counted from the answer; 0 if unknown.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// MayBeDone reports whether the change may have been made although there is an
// error: the answer got lost, or Graph failed amid it. After creating a chat,
// look with [Client.FindChat] before trying again.
func (e *Error) MayBeDone() bool { return e.sent }

// Refused returns the error for what Graph would refuse anyhow, and is not sent.
func Refused(op, message string) *Error {
	return &Error{Op: op, Message: message, noWay: true}
}

// answerError reads Graph's refusal. It decides, with Permanent, what can be
// tried again.
func answerError(resp *http.Response, body []byte, now time.Time) *Error {
	e := &Error{Status: resp.StatusCode, RequestID: requestID(resp.Header.Get("request-id"))}
	if rest.IsJSON(resp.Header) {
		e.Code, e.Message = reasons(body)
	}
	if e.Message == "" {
		e.Message = rest.Answered("Graph", resp.StatusCode)
	}
	switch code := resp.StatusCode; {
	case code/100 == 3:
		e.Message += "; redirects are not followed: check Graph's URL"
	case code == http.StatusTooManyRequests, code/100 == 5:
		e.retryAfter = min(rest.RetryAfter(resp.Header, now), maxHold)
	}
	if e.Status == http.StatusTooManyRequests {
		e.Reason = ReasonLimit
	} else {
		e.Reason, e.Permissions = classify(e.Status, e.Code, e.Message)
	}
	return e
}

// reasons reads {"error": {"code", "message", "innerError": {"code",
// "message"}}}. The words of the innermost error say most, and are put first if
// the outer ones don't have them. https://learn.microsoft.com/graph/errors
func reasons(body []byte) (code, message string) {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", ""
	}
	level := answer.Error
	var said []string
	for depth := 0; depth < 5 && len(level) > 0; depth++ {
		var e struct {
			Code    json.RawMessage `json:"code"`
			Message json.RawMessage `json:"message"`
			Inner   json.RawMessage `json:"innerError"`
		}
		if json.Unmarshal(level, &e) != nil {
			break
		}
		c, m := text(e.Code), text(e.Message)
		if depth == 0 {
			code = oneLine(c, 80)
		} else if len(c) > 2 && !strings.EqualFold(c, code) { // numbers of one digit say nothing
			said = append(said, c)
		}
		if m != "" && !strings.Contains(strings.Join(said, " "), m) && !strings.EqualFold(m, code) {
			said = append(said, m)
		}
		level = e.Inner
	}
	return code, oneLine(strings.Join(said, ": "), 400)
}

// text returns a JSON string's content, or "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return strings.TrimSpace(s)
}

var requestIDs = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// requestID keeps the header from bringing anything else into errors.
func requestID(s string) string {
	if requestIDs.MatchString(s) {
		return s
	}
	return ""
}

var aadsts = regexp.MustCompile(`AADSTS\d+`)

// tokenError shortens an error of the credential, whose text is many lines long.
func tokenError(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return &Error{Message: "no token from Entra in time", Err: ctx.Err()}
	}
	e := &Error{Message: "no token from Entra", Err: &shortError{err}}
	if code := aadsts.FindString(err.Error()); code != "" {
		e.Code, e.Message = code, "Entra refused the app's credential: check tenant, app id and secret or certificate"
	}
	return e
}

// shortError keeps the cause for errors.As and prints its first line.
type shortError struct{ err error }

func (s *shortError) Error() string {
	line, _, _ := strings.Cut(s.err.Error(), "\n")
	return oneLine(withoutURLs.ReplaceAllString(line, "…"), 200)
}

func (s *shortError) Unwrap() error { return s.err }

var withoutURLs = regexp.MustCompile(`https?://\S+`)
