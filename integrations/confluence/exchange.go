package confluence

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"imbot/integrations/internal/rest"
)

// maxBody bounds an answer: 25 pages with their bodies. Confluence takes 5 MB
// for one page; usual ones are below 100 KB.
const maxBody = 32 << 20

// exchange is the HTTP client of one call of the library: it reads the whole
// answer within its bound, and remembers the error, which the library would
// reduce to its status.
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
	resp, err := x.c.http.Do(req)
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
		return nil, e
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// refusal returns the error that the answer is, or nil.
func (x *exchange) refusal(resp *http.Response, body []byte) *Error {
	var e *Error
	switch {
	case strings.Contains(resp.Header.Get("X-Seraph-LoginReason"), "AUTHENTICATED_FAILED"):
		// Visitors without a name are answered with nothing instead of an error:
		// that must not pass for "there is none".
		e = &Error{Status: http.StatusUnauthorized, Message: "Confluence does not accept the credentials" + checkToken}
	case resp.StatusCode/100 != 2:
		e = answerError(resp, body, x.c.now())
	case len(body) > maxBody:
		e = &Error{Status: resp.StatusCode, Message: fmt.Sprintf("the answer is longer than %d MB", maxBody>>20)}
	case !rest.IsJSON(resp.Header):
		e = &Error{Status: resp.StatusCode, Message: "the answer is no JSON, as of a login or maintenance page; check Confluence's URL"}
	default:
		return nil
	}
	e.sent = x.changes && (e.Status/100 == 2 || e.Status/100 == 5 || e.Status == http.StatusRequestTimeout)
	return e
}

// lost is the error for a request without a complete answer. It leaves out the
// URL, whose query may hold the title of a page.
func (x *exchange) lost(ctx context.Context, status int, err error) *Error {
	return &Error{Status: status, Message: "Confluence did not answer", Err: rest.Silence(ctx, err), cut: true, sent: x.changes}
}
