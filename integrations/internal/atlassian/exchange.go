// Package atlassian is what the clients of Jira and Confluence have in common:
// requests made for a library so that nothing of what goes wrong is lost, and
// the error that they fail with.
//
// It knows no endpoint, and keeps no limits.
package atlassian

import (
	"fmt"
	"net/http"
	"time"

	"imbot/integrations/internal/rest"
)

// Exchange is the HTTP client of one call of a library: it reads the whole
// answer within its bound, and remembers the error, which the library would
// flatten to text or lose.
type Exchange struct {
	Product string // "Jira" or "Confluence"
	HTTP    *http.Client
	Now     func() time.Time
	MaxBody int64 // bytes of an answer

	// Words finds in a refusal's JSON what is wrong, and with which fields. Both
	// may be empty; they fit into one line each.
	Words func(body []byte) (message string, fields map[string]string)

	// Err is the error of the last request, nil if it had none.
	Err *Error

	status  int  // of the last complete answer
	changes bool // the request changes something
}

// Do implements the libraries' HTTP client.
func (x *Exchange) Do(req *http.Request) (*http.Response, error) {
	x.status, x.changes = 0, req.Method != http.MethodGet
	resp, err := x.do(req)
	if x.Err = err; err != nil {
		err.Product = x.Product
		return nil, err
	}
	return resp, nil
}

func (x *Exchange) do(req *http.Request) (*http.Response, *Error) {
	resp, body, err := rest.Whole(x.HTTP.Do, req, x.MaxBody)
	if err != nil {
		e := &Error{Message: x.Product + " did not answer", Err: err, cut: true, sent: x.changes}
		if resp != nil {
			e.Status = resp.StatusCode
		}
		return nil, e
	}
	x.status = resp.StatusCode
	if e := x.refusal(resp, body); e != nil {
		e.sent = x.changes && (e.Status/100 == 2 || e.Status/100 == 5 || e.Status == http.StatusRequestTimeout)
		return nil, e
	}
	return resp, nil
}

// refusal returns the error that the answer is, or nil.
func (x *Exchange) refusal(resp *http.Response, body []byte) *Error {
	e := loginRefused(x.Product, resp.Header)
	switch {
	case e != nil:
		return e
	case resp.StatusCode/100 != 2:
		return x.answerError(resp, body)
	case int64(len(body)) > x.MaxBody:
		return &Error{Status: resp.StatusCode, Message: fmt.Sprintf("the answer is longer than %d MB", x.MaxBody>>20)}
	case len(body) > 0 && !rest.IsJSON(resp.Header):
		return &Error{Status: resp.StatusCode, Message: "the answer is no JSON, as of a login or maintenance page; check " + x.Product + "'s URL"}
	}
	return nil
}

// Result turns what the library made of a call into nil or an *Error: what it
// makes of those can't be unwrapped.
func (x *Exchange) Result(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case x.Err != nil:
		x.Err.Op = op
		return x.Err
	}
	return &Error{Product: x.Product, Op: op, Status: x.status, Message: "the answer of " + x.Product + " was not understood", Err: err, sent: x.changes && x.status != 0}
}
