package jira

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"imbot/integrations/internal/fit"
	"imbot/integrations/internal/rest"
)

// Error is what every method of [Client] fails with. errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds
// credentials or URLs.
type Error struct {
	Op      string            // what was tried, such as "read OPS-1"
	Status  int               // HTTP status; 0 if there was no answer, or the request was not sent
	Message string            // Jira's words or ours, at most 500 bytes, one line
	Fields  map[string]string // what Jira says about single fields of an issue, by field id; nil if nothing
	Reason  string            // after 429, which limit it was: one of the Reason constants, or "" where Jira does not say
	Err     error             // the cause where there was no answer or it was not understood

	retryAfter time.Duration
	cut        bool // there was no complete answer
	sent       bool // a change was sent, and it is not certain that it was refused
	noWay      bool // it will be the same the next time
}

func (e *Error) Error() string {
	return rest.Text("jira", e.Op, e.Message, e.Status, e.Err, e.Reason)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again can't help. It can after no answer, an
// answer that was not understood, 408, 409 (somebody else changed the issue at
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
// error: the answer got lost, or Jira failed amid it. After creating an issue,
// look with [Client.FindByMarker] before trying again.
func (e *Error) MayBeDone() bool { return e.sent }

// NotFound reports whether Jira has no such thing, or none that the user may
// see.
func (e *Error) NotFound() bool { return e.Status == http.StatusNotFound }

// Unauthorized reports whether Jira does not accept the credentials: mostly
// because the token has expired.
func (e *Error) Unauthorized() bool { return e.Status == http.StatusUnauthorized }

const checkToken = "; the token may have expired or been revoked: make a new one"

// answerError reads Jira's refusal. It decides, with Permanent, what can be
// tried again.
func answerError(resp *http.Response, body []byte, now time.Time) *Error {
	e := &Error{Status: resp.StatusCode}
	if rest.IsJSON(resp.Header) {
		e.Message, e.Fields = reasons(body)
	}
	if e.Message == "" {
		e.Message = rest.Answered("Jira", resp.StatusCode)
	}
	switch code := resp.StatusCode; {
	case code/100 == 3:
		e.Message += "; redirects are not followed: check Jira's URL"
	case code == http.StatusUnauthorized:
		e.Message += checkToken
	case code == http.StatusForbidden:
		e.Message += "; the user may not do this: check his permissions in Jira"
	case code == http.StatusTooManyRequests:
		e.Reason = knownReason(resp.Header.Get("RateLimit-Reason"))
		e.retryAfter = rest.RetryAfter(resp.Header, now)
	case code/100 == 5:
		e.retryAfter = rest.RetryAfter(resp.Header, now)
	}
	return e
}

// knownReason keeps the header from bringing anything else into errors.
func knownReason(s string) string {
	if slices.Contains([]string{ReasonQuotaGlobal, ReasonQuotaTenant, ReasonBurst, ReasonIssueWrites}, s) {
		return s
	}
	return ""
}

// reasons finds the messages in an error of any of the forms that Jira and the
// gateways before it have:
//   - {"errorMessages": […], "errors": {field: …}}, https://developer.atlassian.com/cloud/jira/platform/rest/v2/intro/#status-codes
//   - {"message": "…"}, {"error": "…", "error_description": "…"}
func reasons(body []byte) (string, map[string]string) {
	var answer struct {
		Messages    json.RawMessage `json:"errorMessages"`
		Errors      json.RawMessage `json:"errors"`
		Message     text            `json:"message"`
		Error       text            `json:"error"`
		Description text            `json:"error_description"`
	}
	if err := json.Unmarshal(body, &answer); err != nil && !onlyTypes(err) {
		return "", nil
	}
	var said []string
	var list []text
	_ = json.Unmarshal(answer.Messages, &list) // else there is none
	for _, m := range list {
		said = append(said, string(m))
	}
	var byField map[string]text
	_ = json.Unmarshal(answer.Errors, &byField) // a list in some versions
	fields := make(map[string]string)
	for name, m := range byField {
		if m != "" && len(fields) < 50 {
			fields[fit.Line(name, 100)] = fit.Line(string(m), 300)
		}
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		said = append(said, name+": "+fields[name])
	}
	if len(said) == 0 {
		said = []string{string(answer.Message), string(answer.Error), string(answer.Description)}
	}
	said = slices.DeleteFunc(said, func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(fields) == 0 {
		fields = nil
	}
	return fit.Line(strings.Join(said, "; "), 400), fields
}
