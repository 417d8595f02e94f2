package newrelic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"imbot/integrations/internal/fit"
	"imbot/integrations/internal/rest"
)

// Error is what every method of [Client] fails with. errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds the key.
type Error struct {
	Op      string // what was tried, such as "read the calls of checkout"
	Status  int    // HTTP status; 0 if there was no answer, or the request was not sent
	Class   string // New Relic's class of GraphQL error, such as "SERVER_ERROR", or ""
	Message string // New Relic's words or ours, at most 500 bytes, one line
	Err     error  // the cause where there was no answer or it was not understood

	refused    bool // New Relic understood, and will say the same again
	final      bool // and so it will for everything else
	retryAfter time.Duration
}

func (e *Error) Error() string {
	return rest.Text("newrelic", e.Op, e.Message, e.Status, e.Err, e.Class)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again can't help. It can after no answer, an
// answer that was not understood, 408, 429, 5xx, and GraphQL errors of New
// Relic's own making.
func (e *Error) Permanent() bool { return e.refused }

// RetryAfter returns when to try again, counted from the answer; 0 if unknown.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// graphQLError is one entry of "errors" in an answer.
type graphQLError struct {
	Message    string `json:"message"`
	Extensions struct {
		Class string `json:"errorClass"`
		Code  string `json:"error_code"`
	} `json:"extensions"`
}

// Classes of GraphQL errors that pass.
// https://github.com/newrelic/newrelic-client-go/blob/main/pkg/errors/graphql.go
var passing = []string{"TIMEOUT", "INTERNAL_SERVER_ERROR", "SERVER_ERROR", classTooMany}

// classTooMany is the class of a refusal for too many requests.
const classTooMany = "TOO_MANY_REQUESTS"

// refusal turns an answer into an error, or nil if it is none: New Relic answers
// most of its errors with 200 and a list of them. It decides what is permanent.
func refusal(status int, h http.Header, errs []graphQLError, now time.Time) *Error {
	if status == http.StatusOK && len(errs) == 0 {
		return nil
	}
	e := &Error{Status: status}
	var said []string
	for _, g := range errs[:min(len(errs), 5)] {
		said = append(said, g.Message)
		if class := firstOf(g.Extensions.Code, g.Extensions.Class); e.Class == "" {
			e.Class = fit.Line(class, 60)
		}
	}
	e.Message = fit.Line(strings.Join(said, "; "), 400)
	if e.Message == "" {
		e.Message = "New Relic answered " + firstOf(strings.ToLower(http.StatusText(status)), "with an error")
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, e.Class == "BAD_API_KEY", e.Class == "UNAUTHORIZED", e.Class == "ACCESS_DENIED":
		e.refused, e.final = true, true
		e.Message += "; check the API key: it has to be a user key (NRAK-…) of this region"
	case status == http.StatusTooManyRequests, e.Class == classTooMany:
		e.Message += fmt.Sprintf("; New Relic allows a user %d requests at once", MaxConcurrent)
		e.retryAfter = rest.RetryAfter(h, now)
	case status/100 == 3:
		e.refused, e.final = true, true
		e.Message += "; redirects are not followed: check region and URL"
	case status == http.StatusNotFound:
		e.refused, e.final = true, true
		e.Message += "; check region and URL"
	case status == http.StatusRequestTimeout:
	case status/100 == 5:
		e.retryAfter = rest.RetryAfter(h, now)
	case status/100 == 4, !slices.Contains(passing, e.Class):
		e.refused = true
	}
	return e
}

// tooMany reports whether New Relic wants fewer requests at once.
func (e *Error) tooMany() bool {
	return e.Status == http.StatusTooManyRequests || e.Class == classTooMany
}

// hopeless reports whether the next request would fail the same way, so that
// there is no use in making it.
func (e *Error) hopeless() bool { return e.final || e.tooMany() }

// decodeErrors finds the list of errors in an answer that may be of any form.
func decodeErrors(body []byte) []graphQLError {
	var answer struct {
		Errors []graphQLError `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	return answer.Errors
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
