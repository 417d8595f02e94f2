// Package pagerduty talks with PagerDuty: it verifies and decodes the v3
// webhooks that PagerDuty sends ([VerifySignature], [ParseWebhook]), and calls
// the REST API ([Client]) to acknowledge, resolve and annotate incidents, to
// read them with their alerts and history, and to look after the webhook
// subscription.
//
// It decides nothing about incidents, keeps no state but a few cached users,
// and retries nothing: its errors say whether trying again makes sense, and
// when (see [Error]). It can't reopen an incident, for PagerDuty's REST API
// does not let anybody do that: a resolved incident stays resolved there, except
// for a person who reopens it in PagerDuty's own pages.
package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"imbot/integrations/internal/rest"
)

// DefaultBaseURL is the REST API of PagerDuty's US region. The EU region is at
// https://api.eu.pagerduty.com.
const DefaultBaseURL = "https://api.pagerduty.com"

// maxBody bounds an answer. A page of 100 incidents is about 500 KB.
const maxBody = 8 << 20

// Config says how to reach PagerDuty.
type Config struct {
	// Token is a REST API key, of an account or of a user. Required.
	Token string

	// BaseURL is where the REST API is. Default DefaultBaseURL. Plain http is
	// accepted for loopback addresses only.
	BaseURL string

	// From is the e-mail address of the PagerDuty user in whose name things are
	// done where the caller names nobody. Account keys need one for each
	// change.
	From string

	// HTTP makes the requests. Its timeout and redirect policy are not used:
	// Timeout rules, and redirects are not followed, for the token would go
	// with them. Default: a client of its own.
	HTTP *http.Client

	// Timeout bounds one request with the wait before it. Default 10 s.
	Timeout time.Duration

	// MaxWait is how long a request may wait for the request budget before it
	// is given up with an error that asks to try later. Default 2 s.
	MaxWait time.Duration

	// RatePerMinute is how many requests may be made in any 60 seconds.
	// Default 960, PagerDuty's limit for one key:
	// https://developer.pagerduty.com/docs/rest-api-rate-limits
	RatePerMinute int

	// Now tells the time. Default time.Now.
	Now func() time.Time
}

// Client calls PagerDuty's REST API. It is safe for concurrent use.
type Client struct {
	token   string
	base    string
	from    string
	http    *http.Client
	timeout time.Duration
	maxWait time.Duration
	now     func() time.Time
	budget  *budget
	users   *userCache
	urgent  bool
}

// New returns a client. It makes no request. It returns an error if the token is
// missing or the base URL can't be used.
func New(c Config) (*Client, error) {
	if c.Token == "" {
		return nil, errors.New("pagerduty: the API token is missing: make one in PagerDuty under Integrations, API Access Keys")
	}
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	base, err := rest.Address("pagerduty", c.BaseURL, DefaultBaseURL)
	if err != nil {
		return nil, err
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.MaxWait <= 0 {
		c.MaxWait = 2 * time.Second
	}
	if c.RatePerMinute <= 0 {
		c.RatePerMinute = 960
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{
		token: c.Token, base: base.String(), from: c.From, http: rest.Client(c.HTTP),
		timeout: c.Timeout, maxWait: c.MaxWait, now: c.Now,
		budget: newBudget(c.RatePerMinute),
		users:  &userCache{byKey: make(map[string]cachedUser)},
		urgent: true,
	}, nil
}

// Background returns a client for work that may wait, such as reconciling: it
// shares everything with c, and leaves the last quarter of the request budget's
// burst to calls that are made on c itself.
func (c *Client) Background() *Client {
	b := *c
	b.urgent = false
	return &b
}

// call runs fn, which makes one request with api, and turns what goes wrong
// into an *Error. op says what was tried, such as "acknowledge PABC123".
func (c *Client) call(ctx context.Context, op string, fn func(ctx context.Context, api *pd.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	x := &exchange{c: c}
	api := pd.NewClient(c.token, pd.WithAPIEndpoint(c.base))
	api.HTTPClient = x
	err := fn(ctx, api)
	switch {
	case err == nil:
		return nil
	case x.err != nil: // what the library makes of it can't be unwrapped
		x.err.Op = op
		return x.err
	}
	return &Error{Op: op, Status: x.status, Message: "the answer of PagerDuty was not understood", Err: err}
}

// done is call for a change whose answer does not matter: if PagerDuty said
// yes, it is done, whatever else it said.
func (c *Client) done(ctx context.Context, op string, fn func(ctx context.Context, api *pd.Client) error) error {
	err := c.call(ctx, op, fn)
	var e *Error
	if errors.As(err, &e) && e.Status/100 == 2 && e.Err != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// exchange is the HTTP client of one request of the library: it keeps the
// request budget, reads the whole answer within its limit, and remembers the
// error, which the library would flatten to text.
type exchange struct {
	c      *Client
	status int
	err    *Error
}

// Do implements the library's HTTPClient.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	x.status = 0
	resp, err := x.do(req)
	if err != nil {
		x.err = err
		return nil, err
	}
	return resp, nil
}

func (x *exchange) do(req *http.Request) (*http.Response, *Error) {
	c := x.c
	if err := c.budget.wait(req.Context(), c.now, c.maxWait, c.urgent); err != nil {
		return nil, err
	}
	resp, body, err := rest.Whole(c.http.Do, req, maxBody)
	if err != nil {
		return nil, &Error{Message: "PagerDuty did not answer", Err: err}
	}
	x.status = resp.StatusCode
	c.budget.observe(c.now(), resp)
	if resp.StatusCode/100 != 2 {
		return nil, answerError(resp, body)
	}
	if len(body) > maxBody {
		return nil, &Error{Status: resp.StatusCode, Message: fmt.Sprintf("the answer is longer than %d MB", maxBody>>20)}
	}
	return resp, nil
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkID refuses what can't be the id of a PagerDuty object, before it becomes
// part of a URL.
func checkID(op, id string) error {
	if !idPattern.MatchString(id) {
		return &Error{Op: op, Status: http.StatusNotFound, Message: fmt.Sprintf("%.40q is no PagerDuty id", id)}
	}
	return nil
}
