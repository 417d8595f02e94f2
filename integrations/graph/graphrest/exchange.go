package graphrest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"imbot/integrations/internal/rest"
)

const (
	// maxBody bounds an answer. The members of a full chat are about 100 KB.
	maxBody = 8 << 20
	// maxSend bounds a request: Graph takes 4 MB.
	// https://learn.microsoft.com/graph/api/user-sendmail
	maxSend = 4 << 20
)

// attempt is what is known of the one request of a call.
type attempt struct {
	status  int  // of a complete answer
	changes bool // a request was sent that changes something
}

type attemptKey struct{}

// notUnderstood is the error of an answer that can't be read, or of a request
// that could not be made.
func (a *attempt) notUnderstood(op string, err error) *Error {
	if a.status == 0 {
		return &Error{Op: op, Message: "the request could not be made", Err: &shortError{err}, sent: a.changes, noWay: !a.changes}
	}
	return &Error{Op: op, Status: a.status, Message: "the answer of Graph was not understood", Err: &shortError{err}, sent: a.changes}
}

// exchange is the last step of a request: it keeps Graph's limits, reads the
// whole answer within its bound, and turns refusals into errors, which the
// library would flatten to text or lose.
type exchange struct {
	now    func() time.Time
	prefix string // path of the base URL
	budget *budget
	under  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	a, ok := req.Context().Value(attemptKey{}).(*attempt)
	if !ok {
		a = &attempt{}
	}
	resp, e := x.do(req, a)
	if e != nil {
		return nil, e
	}
	return resp, nil
}

func (x *exchange) do(req *http.Request, a *attempt) (*http.Response, *Error) {
	if !strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ") {
		return nil, Refused("", "not sent: the address is none that the token may go to")
	}
	req, err := whole(req)
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(req.URL.Path, x.prefix)
	release, err := x.budget.admit(x.now(), req.Method, path)
	if err != nil {
		return nil, err
	}
	defer release()
	a.changes = req.Method != http.MethodGet
	resp, body, failed := rest.Whole(x.under.RoundTrip, req, maxBody)
	if failed != nil {
		e := &Error{Message: "Graph did not answer", Err: failed, cut: true, sent: a.changes}
		if resp != nil {
			e.Status = resp.StatusCode
		}
		return nil, e
	}
	a.status = resp.StatusCode
	if e := x.refusal(resp, body); e != nil {
		e.sent = a.changes && (e.Status/100 == 2 || e.Status/100 == 5 || e.Status == http.StatusRequestTimeout)
		x.budget.observe(x.now(), req.Method, path, e)
		return nil, e
	}
	return resp, nil
}

// whole returns the request with its body in one piece, which has a length and
// can't be sent a second time.
func whole(req *http.Request) (*http.Request, *Error) {
	req = req.Clone(req.Context())
	if req.Body == nil {
		return req, nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxSend+1))
	_ = req.Body.Close() // it is memory
	if err != nil || len(body) > maxSend {
		return nil, Refused("", fmt.Sprintf("not sent: the request is longer than the %d MB that Graph takes", maxSend>>20))
	}
	req.Body, req.ContentLength, req.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return req, nil
}

// refusal returns the error that the answer is, or nil.
func (x *exchange) refusal(resp *http.Response, body []byte) *Error {
	switch {
	case resp.StatusCode/100 != 2:
		return answerError(resp, body, x.now())
	case len(body) > maxBody:
		return &Error{Status: resp.StatusCode, Message: fmt.Sprintf("the answer is longer than %d MB", maxBody>>20)}
	case len(body) > 0 && !rest.IsJSON(resp.Header):
		return &Error{Status: resp.StatusCode, Message: "the answer is no JSON, as of a proxy or login page; check Graph's URL"}
	}
	return nil
}

// tokens gives the credential's tokens, and errors that fit into a line.
type tokens struct{ azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (t tokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := t.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, tokenError(ctx, err)
	}
	return token, nil
}
