package openid

import (
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"imbot/integrations/internal/fit"
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
	return "openid: " + e.text + ": " + fit.Line(e.err.Error(), maxLine)
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
		text += ": " + fit.Line(r.ErrorCode, maxLine)
	}
	if r.ErrorDescription != "" {
		text += ": " + fit.Line(r.ErrorDescription, maxLine)
	}
	s := r.Response.StatusCode
	return &Error{text: text, permanent: s != http.StatusTooManyRequests && s < 500}
}

// maxLine bounds outside words in errors, in bytes.
const maxLine = 300
