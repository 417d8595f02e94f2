package atlassian

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"imbot/integrations/internal/rest"
)

// Error is what every method of a product's client fails with. errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds
// credentials or URLs.
type Error struct {
	Product string            // "Jira" or "Confluence"
	Op      string            // what was tried, such as "read OPS-1"
	Status  int               // HTTP status; 0 if there was no answer, or the request was not sent
	Message string            // the product's words or ours, at most 500 bytes, one line
	Fields  map[string]string // what Jira says about single fields of an issue, by field id; nil if nothing
	Reason  string            // after 429, which limit it was, such as "jira-burst-based"; "" where that is not said
	Err     error             // the cause where there was no answer or it was not understood
	Wait    time.Duration     // when to try again, counted from the answer; 0 if unknown
	Final   bool              // it will be the same the next time, whatever the status

	cut  bool // there was no complete answer
	sent bool // a change was sent, and it is not certain that it was refused
}

// Invalid is the error for what the product would refuse anyhow: it is not sent.
func Invalid(product, op, message string) *Error {
	return &Error{Product: product, Op: op, Message: message, Final: true}
}

func (e *Error) Error() string {
	return rest.Text(strings.ToLower(e.Product), e.Op, e.Message, e.Status, e.Err, e.Reason)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again can't help. It can after no answer, an
// answer that was not understood, 408, 409 (somebody else changed the thing at
// the same time), 425, 429 and 5xx.
func (e *Error) Permanent() bool {
	if e.Final {
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
func (e *Error) RetryAfter() time.Duration { return e.Wait }

// MayBeDone reports whether the change may have been made although there is an
// error: the answer got lost, or the product failed amid it. Look before trying
// again: Jira's CreateOnce and Confluence's Put do.
func (e *Error) MayBeDone() bool { return e.sent }

// NotFound reports whether the product has no such thing, or none that the user
// may see or change.
func (e *Error) NotFound() bool { return e.Status == http.StatusNotFound }

// Unauthorized reports whether the product does not accept the credentials:
// mostly because the token has expired.
func (e *Error) Unauthorized() bool { return e.Status == http.StatusUnauthorized }

const checkToken = "; the token may have expired or been revoked: make a new one"

// answerError reads a refusal. It decides, with Permanent, what can be tried
// again.
func (x *Exchange) answerError(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode}
	if rest.IsJSON(resp.Header) {
		e.Message, e.Fields = x.Words(body)
	}
	if e.Message == "" {
		e.Message = rest.Answered(x.Product, resp.StatusCode)
	}
	switch code := resp.StatusCode; {
	case code/100 == 3:
		e.Message += "; redirects are not followed: check " + x.Product + "'s URL"
	case code == http.StatusUnauthorized:
		e.Message += checkToken
	case code == http.StatusForbidden:
		e.Message += "; the user may not do this: check his permissions in " + x.Product
	case code == http.StatusTooManyRequests:
		e.Reason = knownReason(resp.Header.Get("RateLimit-Reason"))
		e.Wait = rest.RetryAfter(resp.Header, x.Now())
	case code/100 == 5:
		e.Wait = rest.RetryAfter(resp.Header, x.Now())
	}
	return e
}

// https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
var reasons = regexp.MustCompile(`^(jira|confluence)-[a-z-]{1,40}$`)

// knownReason keeps the header from bringing anything else into errors.
func knownReason(s string) string {
	if reasons.MatchString(s) {
		return s
	}
	return ""
}

// loginRefused finds the answers to a visitor without a name: they come with
// status 200 and nothing in them where the credentials are not accepted, and
// must not pass for "there is none".
func loginRefused(product string, h http.Header) *Error {
	switch reason := h.Get("X-Seraph-LoginReason"); {
	case strings.Contains(reason, "AUTHENTICATION_DENIED"):
		return &Error{
			Status:  http.StatusForbidden,
			Message: product + " wants a CAPTCHA after too many wrong logins; log in once in a browser as that user",
		}
	case strings.Contains(reason, "AUTHENTICATED_FAILED"):
		return &Error{Status: http.StatusUnauthorized, Message: product + " does not accept the credentials" + checkToken}
	}
	return nil
}
