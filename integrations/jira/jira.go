// Package jira talks with Jira, Cloud and Data Center: it creates issues so
// that one is made even if the answer to the request gets lost
// ([Client.CreateOnce]), changes them, moves them through their workflow and
// searches them, and it verifies and decodes the webhooks that Jira sends
// ([VerifySignature], [ParseWebhook]).
//
// It decides nothing about issues and retries nothing: its errors say whether
// trying again makes sense, when, and whether the change may have been made all
// the same (see [Error]). It keeps within Jira's limits by refusing, never by
// waiting. It registers no webhooks: an administrator does that in Jira, with a
// secret, for only such webhooks are signed and last.
//
// It speaks version 2 of the REST API, in which texts are wiki markup, for that
// is the one that Cloud and Data Center have in common.
package jira

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	gojira "github.com/andygrunwald/go-jira"

	"imbot/integrations/internal/atlassian"
	"imbot/integrations/internal/rest"
)

// Config says how to reach Jira.
type Config struct {
	// URL is where Jira is, with its context path if it has one: such as
	// https://example.atlassian.net or https://jira.example.com/jira. For a
	// scoped API token it is https://api.atlassian.com/ex/jira/{cloudId}. Plain
	// http is accepted for loopback addresses only. Required.
	URL string

	// Email and APIToken are the credentials for Jira Cloud. API tokens expire
	// after a year at most:
	// https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/
	Email    string
	APIToken string

	// PersonalToken is a personal access token of Jira Data Center. Either this
	// or Email and APIToken are required.
	PersonalToken string

	// Project is the key of the project of new issues that name none.
	Project string

	// HTTP makes the requests. Its timeout and redirect policy are not used:
	// Timeout rules, and redirects are not followed, for the token would go
	// with them. Default: a client of its own.
	HTTP *http.Client

	// Timeout bounds one request. Default 20 s.
	Timeout time.Duration

	// Settle is how long after a change a search may still not know of it.
	// Default 1 min; Jira promises none.
	// https://developer.atlassian.com/cloud/jira/platform/search-and-reconcile/
	Settle time.Duration

	// MaxIssues is how many issues a search gives before it fails. Default 10,000.
	MaxIssues int

	// Now tells the time. Default time.Now.
	Now func() time.Time
}

// Client calls Jira's REST API. It is safe for concurrent use.
type Client struct {
	base      string
	path      string // of base, with a slash at its end
	project   string
	http      *http.Client
	timeout   time.Duration
	settle    time.Duration
	maxIssues int
	now       func() time.Time
	gate      *gate

	mu     sync.Mutex // guards server
	server *Server    // nil until Jira was asked
}

// New returns a client. It makes no request. It returns an error if the
// credentials are missing or the URL can't be used.
func New(c Config) (*Client, error) {
	base, err := rest.Address("jira", c.URL, "https://example.atlassian.net or https://jira.example.com/jira")
	if err != nil {
		return nil, err
	}
	transport, err := c.transport()
	if err != nil {
		return nil, err
	}
	if c.Project != "" && !projectPattern.MatchString(c.Project) {
		return nil, fmt.Errorf("jira: %.40q is no project key: it looks like OPS", c.Project)
	}
	if c.Timeout <= 0 {
		c.Timeout = 20 * time.Second
	}
	if c.Settle <= 0 {
		c.Settle = time.Minute
	}
	if c.MaxIssues <= 0 {
		c.MaxIssues = 10_000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{
		base: base.String(), path: base.Path + "/", project: c.Project, timeout: c.Timeout, settle: c.Settle, maxIssues: c.MaxIssues, now: c.Now,
		gate: newGate(),
		http: rest.Client(&http.Client{Transport: transport}),
	}, nil
}

// transport puts the credentials on each request.
func (c *Config) transport() (http.RoundTripper, error) {
	var under http.RoundTripper
	if c.HTTP != nil {
		under = c.HTTP.Transport
	}
	for _, secret := range []string{c.APIToken, c.PersonalToken, c.Email} {
		if strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return nil, errors.New("jira: the credentials hold spaces or control characters: copy them again")
		}
	}
	switch {
	case c.PersonalToken != "" && c.APIToken != "":
		return nil, errors.New("jira: configure either e-mail and API token (Cloud) or a personal access token (Data Center), not both")
	case c.PersonalToken != "":
		return &gojira.PATAuthTransport{Token: c.PersonalToken, Transport: under}, nil
	case c.APIToken != "" && c.Email != "":
		return &gojira.BasicAuthTransport{Username: c.Email, Password: c.APIToken, Transport: under}, nil
	}
	return nil, errors.New("jira: the credentials are missing: configure e-mail and API token (Cloud) or a personal access token (Data Center)")
}

// call runs fn, which makes one request with api, and turns what goes wrong
// into an *Error. op says what was tried, such as "read OPS-1".
func (c *Client) call(ctx context.Context, op string, fn func(ctx context.Context, api *gojira.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	x := &exchange{atlassian.Exchange{Product: product, HTTP: c.http, Now: c.now, MaxBody: maxBody, Words: reasons}, c}
	api, err := gojira.NewClient(x, c.base)
	if err != nil {
		return &Error{Product: product, Op: op, Message: "the URL can't be used", Err: err, Final: true}
	}
	err = fn(ctx, api)
	if x.Err != nil && x.Err.Unauthorized() {
		op = "sign in" // whatever was asked for: the same every time
	}
	return x.Result(op, err)
}

// done is call for a change whose answer does not matter: if Jira said yes, it
// is done, whatever else it said.
func (c *Client) done(ctx context.Context, op string, fn func(ctx context.Context, api *gojira.Client) error) error {
	err := c.call(ctx, op, fn)
	var e *Error
	if errors.As(err, &e) && e.Status/100 == 2 && e.Err != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// send makes a request that the library has no method for, or none that does it
// right. path is relative to Jira's URL. out, if not nil, receives the answer.
func (c *Client) send(ctx context.Context, op, method, path string, query url.Values, body, out any) error {
	run := c.call
	if out == nil {
		run = c.done
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return run(ctx, op, func(ctx context.Context, api *gojira.Client) error {
		req, err := api.NewRequestWithContext(ctx, method, path, body)
		if err != nil {
			return err
		}
		_, err = api.Do(req, out)
		return err
	})
}

var (
	keyPattern     = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]{0,254}-[0-9]{1,18}|[0-9]{1,18})$`)
	projectPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,254}$`)
	idPattern      = regexp.MustCompile(`^[0-9]{1,18}$`)
)

// checkKey refuses what can't be the key or id of an issue, before it becomes
// part of a URL.
func checkKey(op, key string) error {
	if !keyPattern.MatchString(key) {
		return invalid(op, fmt.Sprintf("%.40q is no issue key", key))
	}
	return nil
}
