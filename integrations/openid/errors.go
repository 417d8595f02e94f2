package openid

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"golang.org/x/oauth2"
)

// Error is what went wrong with the provider, or with what it said. It holds no
// secrets, codes or tokens.
type Error struct {
	text      string
	err       error
	permanent bool
}

// Error says what was tried, and what came of it in one line.
func (e *Error) Error() string {
	if e.err == nil {
		return "openid: " + e.text
	}
	return "openid: " + e.text + ": " + line(e.err.Error())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// Permanent reports whether the same attempt can not succeed later.
func (e *Error) Permanent() bool { return e.permanent }

// RetryAfter is 0: providers do not say.
func (e *Error) RetryAfter() time.Duration { return 0 }

// ErrTenant says that somebody is of a tenant that is not let in.
var ErrTenant = errors.New("this tenant is not let in")

// ErrNobody says that the token tells nothing by which a person could be known.
var ErrNobody = errors.New("the token names nobody")

// exchangeError keeps the provider's code and words, and leaves the rest of its
// answer out. See https://www.rfc-editor.org/rfc/rfc6749#section-5.2.
func exchangeError(err error) error {
	var r *oauth2.RetrieveError
	if !errors.As(err, &r) {
		return &Error{text: "exchange the code", err: err}
	}
	text := "exchange the code: the provider answers " + http.StatusText(r.Response.StatusCode)
	if r.ErrorCode != "" {
		text += ": " + line(r.ErrorCode)
	}
	if r.ErrorDescription != "" {
		text += ": " + line(r.ErrorDescription)
	}
	s := r.Response.StatusCode
	return &Error{text: text, permanent: s != http.StatusTooManyRequests && s < 500}
}

// maxLine bounds outside words in errors, in runes.
const maxLine = 300

// line makes one short line of outside text.
func line(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if r := []rune(s); len(r) > maxLine {
		s = string(r[:maxLine-1]) + "…"
	}
	return s
}
