package jira

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"imbot/integrations/internal/rest"
)

// maxBody bounds an answer. A page of 100 issues is about 300 KB.
const maxBody = 8 << 20

// exchange is the HTTP client of one call of the library: it keeps Jira's
// limits, reads the whole answer within its bound, and remembers the error,
// which the library would flatten to text or lose.
type exchange struct {
	c       *Client
	status  int
	changes bool // the request changes something
	err     *Error
}

// Do implements the library's HTTP client.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	x.status, x.err = 0, nil
	x.changes = req.Method != http.MethodGet
	resp, err := x.do(req)
	if err != nil {
		x.err = err
		return nil, err
	}
	return resp, nil
}

func (x *exchange) do(req *http.Request) (*http.Response, *Error) {
	c := x.c
	path := strings.TrimPrefix(req.URL.Path, basePath(c.base))
	if err := c.gate.admit(c.now(), req.Method, path); err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if req.Body == nil {
		req.Header.Del("Content-Type") // of nothing
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, x.lost(req.Context(), 0, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, x.lost(req.Context(), resp.StatusCode, err)
	}
	x.status = resp.StatusCode
	if e := x.refusal(resp, body); e != nil {
		c.gate.observe(c.now(), req.Method, path, e)
		return nil, e
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// refusal returns the error that the answer is, or nil.
func (x *exchange) refusal(resp *http.Response, body []byte) *Error {
	e := loginRefused(resp)
	switch {
	case e != nil:
	case resp.StatusCode/100 != 2:
		e = answerError(resp, body, x.c.now())
	case len(body) > maxBody:
		e = &Error{Status: resp.StatusCode, Message: fmt.Sprintf("the answer is longer than %d MB", maxBody>>20)}
	case len(body) > 0 && !rest.IsJSON(resp.Header):
		e = &Error{Status: resp.StatusCode, Message: "the answer is no JSON, as of a login or maintenance page; check Jira's URL"}
	default:
		return nil
	}
	e.sent = x.changes && (e.Status/100 == 2 || e.Status/100 == 5 || e.Status == http.StatusRequestTimeout)
	return e
}

// loginRefused finds the answers to a visitor without a name: Jira gives them,
// with status 200 and nothing in them, where it does not accept the credentials.
func loginRefused(resp *http.Response) *Error {
	switch reason := resp.Header.Get("X-Seraph-LoginReason"); {
	case strings.Contains(reason, "AUTHENTICATION_DENIED"):
		return &Error{
			Status:  http.StatusForbidden,
			Message: "Jira wants a CAPTCHA after too many wrong logins; log in once in a browser as that user",
		}
	case strings.Contains(reason, "AUTHENTICATED_FAILED"):
		return &Error{Status: http.StatusUnauthorized, Message: "Jira does not accept the credentials" + checkToken}
	}
	return nil
}

// lost is the error for a request without a complete answer. It leaves out the
// URL, whose query may hold a person's mail address.
func (x *exchange) lost(ctx context.Context, status int, err error) *Error {
	return &Error{Status: status, Message: "Jira did not answer", Err: rest.Silence(ctx, err), cut: true, sent: x.changes}
}

func basePath(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return "" // New has checked it
	}
	return strings.TrimRight(u.Path, "/") + "/"
}
