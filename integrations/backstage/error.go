package backstage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
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
	var b strings.Builder
	b.WriteString("backstage: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Message)
	if e.Status != 0 && e.Status != http.StatusOK {
		fmt.Fprintf(&b, " (status %d)", e.Status)
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

// refusal turns an answer into an error. It decides what is permanent.
func refusal(resp *http.Response, body []byte) *Error {
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // proxies answer anything
	e := &Error{Status: resp.StatusCode, Message: oneLine(answer.Error.Message, 400)}
	if e.Message == "" {
		e.Message = "Backstage answered " + strings.ToLower(http.StatusText(resp.StatusCode))
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
