// Package rest is what the clients of vendors' APIs have in common: an address
// that secrets may go to, and how answers, or the lack of one, become errors
// that are safe to show.
//
// It knows no vendor. Which answers can be tried again, and what a vendor's
// words mean, is for the vendor's package.
package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that a far end can ask for.
const maxRetryAfter = 24 * time.Hour

// Whole sends a request by do, and reads the whole answer, of which limit+1 bytes
// tell that it is too long. They are returned, and are the body of the response,
// too, which need not be closed. Where the answer is not complete, the error is
// why, see [Silence], and the response is nil, or the part that came.
func Whole(do func(*http.Request) (*http.Response, error), req *http.Request, limit int64) (*http.Response, []byte, error) {
	resp, err := do(req)
	if err != nil {
		return nil, nil, Silence(req.Context(), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return resp, nil, Silence(req.Context(), err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, body, nil
}

// RetryAfter reads when to try again: Retry-After in seconds, also with a
// fraction, or as a date, and else X-RateLimit-Reset as a time in ISO 8601, as
// Atlassian has it. 0 means that neither says; it is never more than a day.
// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
// https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(value, 64); err == nil && s > 0 {
		return time.Duration(min(s, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	until, err := http.ParseTime(value)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999Z0700"} {
		if err != nil {
			until, err = time.Parse(layout, strings.TrimSpace(h.Get("X-RateLimit-Reset")))
		}
	}
	if err != nil {
		return 0
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
}

// IsJSON reports whether an answer says that it is JSON of any kind.
func IsJSON(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// Silence returns why there was no complete answer, without the URL, which may
// hold a secret or a person's mail address.
func Silence(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Answered says what a vendor answered that gave no words for it: "Jira answered
// not found".
func Answered(vendor string, status int) string {
	if text := http.StatusText(status); text != "" {
		return vendor + " answered " + strings.ToLower(text)
	}
	return fmt.Sprintf("%s answered with status %d", vendor, status)
}

// Text is the text of an error: "jira: read OPS-1: no such issue (status 404,
// about): cause". What is empty is left out, and a status of 0 or 200.
func Text(vendor, op, message string, status int, cause error, about ...string) string {
	var b strings.Builder
	b.WriteString(vendor + ": ")
	if op != "" {
		b.WriteString(op + ": ")
	}
	b.WriteString(message)
	var all []string
	if status != 0 && status != http.StatusOK {
		all = append(all, fmt.Sprintf("status %d", status))
	}
	for _, s := range about {
		if s != "" {
			all = append(all, s)
		}
	}
	if len(all) > 0 {
		b.WriteString(" (" + strings.Join(all, ", ") + ")")
	}
	if cause != nil {
		fmt.Fprintf(&b, ": %v", cause)
	}
	return b.String()
}
