package prometheus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
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
	var b strings.Builder
	b.WriteString("prometheus: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Message)
	var about []string
	if e.Status != 0 && e.Status != http.StatusOK {
		about = append(about, fmt.Sprintf("status %d", e.Status))
	}
	if e.Type != "" {
		about = append(about, e.Type)
	}
	if len(about) > 0 {
		b.WriteString(" (" + strings.Join(about, ", ") + ")")
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
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
	e := &Error{Status: http.StatusOK, Type: oneLine(w.ErrorType, 40), Message: oneLine(w.Error, maxMessage)}
	if e.Message == "" {
		e.Message = "the answer is no success; is this the address of a Prometheus?"
	}
	return e
}

// refusal turns an answer into an error. It decides what is permanent.
// https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
func refusal(resp *http.Response, body []byte) *Error {
	var answer wireError
	_ = json.Unmarshal(body, &answer) // proxies answer anything
	e := answer.refusal()
	e.Status = resp.StatusCode
	if answer.Error == "" {
		e.Message = "Prometheus answered " + strings.ToLower(http.StatusText(resp.StatusCode))
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
		if s, err := strconv.ParseFloat(resp.Header.Get("Retry-After"), 64); err == nil && s > 0 && s < 1e6 {
			e.retryAfter = time.Duration(s * float64(time.Second))
		}
	case e.Status == http.StatusRequestTimeout:
	default:
		e.refused = true
	}
	return e
}

// oneLine returns s as a single line of at most n bytes, without control
// characters.
func oneLine(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || hidden(r) }), " ")
	if len(s) <= n {
		return s
	}
	cut := strings.ToValidUTF8(s[:n-len("…")], "")
	return strings.TrimRight(cut, " ") + "…"
}

// hidden reports whether r is a control character, or turns the direction of
// the text around it.
func hidden(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
