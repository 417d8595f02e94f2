package pagerduty

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"imbot/integrations/internal/fit"
	"imbot/integrations/internal/rest"
)

// Codes of PagerDuty's own that mean something to a caller.
// https://developer.pagerduty.com/docs/errors
const (
	CodeAlreadyResolved = 1001
	CodeUnknownSender   = 1008
	CodeInvalidInput    = 2001
	CodeRateLimited     = 2020
	CodeNotFound        = 2100
)

// ErrSender is found by errors.Is in the error of a change that PagerDuty has
// no user for: nobody has the mail address that it was to be done as, or none is
// known. That is permanent until somebody invites the user or configures
// another.
var ErrSender = errors.New("no PagerDuty user to do it as")

// Error is what every method of [Client] fails with. errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds the token.
type Error struct {
	Op      string // what was tried, such as "acknowledge PABC123"
	Status  int    // HTTP status; 0 if there was no answer, or the request was not sent
	Code    int    // PagerDuty's error code, or 0
	Message string // PagerDuty's words or ours, at most 500 bytes, one line
	Err     error  // the cause where there was no answer or it was not understood

	retryAfter time.Duration
}

func (e *Error) Error() string {
	code := ""
	if e.Code != 0 {
		code = fmt.Sprintf("code %d", e.Code)
	}
	return rest.Text("pagerduty", e.Op, e.Message, e.Status, e.Err, code)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is ErrSender and e is of that kind.
func (e *Error) Is(target error) bool { return target == ErrSender && e.Code == CodeUnknownSender }

// unknownSender says that nobody has the address that a change was to be done
// as, in PagerDuty's code for that.
func unknownSender(op, from string) *Error {
	return &Error{
		Op: op, Status: http.StatusBadRequest, Code: CodeUnknownSender,
		Message: fmt.Sprintf("%s is no PagerDuty user: invite one with that address, or configure another", fit.Line(from, 100)),
	}
}

// Permanent reports whether trying again can't help. It can after no answer, an
// answer that was not understood, 408, 429 and 5xx.
func (e *Error) Permanent() bool {
	switch {
	case e.Status == 0, e.Status/100 == 2, e.Status/100 == 5:
		return false
	}
	return e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

// RetryAfter returns when to try again, counted from the answer; 0 if unknown.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// NotFound reports whether PagerDuty has no such thing, or none that the token
// may see.
func (e *Error) NotFound() bool { return e.Status == http.StatusNotFound || e.Code == CodeNotFound }

// AlreadyResolved reports whether the change was refused because the incident
// is resolved: nothing but notes can be done to it any more.
func (e *Error) AlreadyResolved() bool {
	return e.Code == CodeAlreadyResolved || strings.Contains(strings.ToLower(e.Message), "already resolved")
}

// answerError reads PagerDuty's refusal.
func answerError(resp *http.Response, body []byte) *Error {
	var answer struct {
		Error struct {
			Message text            `json:"message"`
			Code    text            `json:"code"`
			Errors  json.RawMessage `json:"errors"` // a list; a map in newer parts of the API
		} `json:"error"`
	}
	e := &Error{Status: resp.StatusCode}
	if err := json.Unmarshal(body, &answer); err == nil || onlyTypes(err) {
		e.Code = int(answer.Error.Code.int())
		e.Message = joinReasons(string(answer.Error.Message), answer.Error.Errors)
	}
	if e.Message == "" {
		e.Message = rest.Answered("PagerDuty", resp.StatusCode)
	}
	if e.Code == CodeUnknownSender {
		e.Message += "; no PagerDuty user has the sender's mail address: invite one with it, or configure another"
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		e.Message += "; check the API token"
	case http.StatusPaymentRequired:
		e.Message += "; the account's PagerDuty plan does not have this"
	case http.StatusForbidden:
		e.Message += "; the API token may not do this (is it read-only?)"
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode/100 == 5 {
		e.retryAfter = resetAfter(resp.Header)
	}
	return e
}

func joinReasons(message string, errs json.RawMessage) string {
	var reasons []string
	var byField map[string][]string
	if json.Unmarshal(errs, &reasons) != nil {
		var one string
		if json.Unmarshal(errs, &one) == nil {
			reasons = []string{one}
		} else if json.Unmarshal(errs, &byField) == nil {
			for field, all := range byField {
				reasons = append(reasons, field+": "+strings.Join(all, ", "))
			}
		}
	}
	if len(reasons) > 0 {
		message += ": " + strings.Join(reasons, "; ")
	}
	return fit.Line(message, 500)
}
