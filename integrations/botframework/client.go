package botframework

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// DefaultScope is the scope of connector tokens in the public cloud.
const DefaultScope = "https://api.botframework.com/.default"

// ClientConfig configures a [Client].
type ClientConfig struct {
	// Credential gives tokens, which it caches; see [NewCredential]. Required.
	Credential azcore.TokenCredential
	// AppID is the bot's Entra application id. Required.
	AppID string
	// Scope of the tokens. "" means [DefaultScope].
	Scope string
	// AllowHosts are hosts of service URLs to allow besides [DefaultHosts],
	// each "host" or "host:port". Plain http works on loopback only.
	AllowHosts []string
	// HTTP makes the requests. Nil means a client of its own. Redirects are
	// never followed.
	HTTP *http.Client
	// Timeout bounds one call, without the wait for a rate limit. 0 means 15 s.
	Timeout time.Duration
	// MaxWait is how long a call may wait for a rate limit before it returns a
	// retryable error. 0 means 2 s, negative means not at all.
	MaxWait time.Duration
	// Now is the clock of the rate limits. Nil means time.Now.
	Now func() time.Time
	// Sleep waits for a rate limit, or until the context ends. Nil means a timer.
	Sleep func(context.Context, time.Duration) error
}

// Client calls the connector service of Teams. It is safe for concurrent use.
//
// It repeats nothing: all errors are of type [*Error] and say whether and when
// the caller should. It keeps Teams' rate limits, as far as one process can:
// each call counts, be it a message, an update or a deletion.
type Client struct {
	credential azcore.TokenCredential
	scope      string
	botID      string
	hosts      []string
	http       *http.Client
	timeout    time.Duration
	now        func() time.Time
	limits     *limiter
}

// NewClient checks the configuration and returns a client. It makes no request.
func NewClient(c ClientConfig) (*Client, error) {
	if c.Credential == nil {
		return nil, errors.New("connector client: no credential")
	}
	if c.AppID == "" {
		return nil, errors.New("connector client: no app id")
	}
	if c.Scope == "" {
		c.Scope = DefaultScope
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.MaxWait == 0 {
		c.MaxWait = 2 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleepFor
	}
	t := baseTransport()
	t.MaxIdleConnsPerHost = 32 // all calls go to one or two hosts
	h := http.Client{Transport: t}
	if c.HTTP != nil {
		h = *c.HTTP
	}
	// A redirect would carry the message, and on the same host the token, to
	// an address that no one allowed.
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		credential: c.Credential,
		scope:      c.Scope,
		botID:      "28:" + c.AppID,
		hosts:      append(DefaultHosts(), c.AllowHosts...),
		http:       &h,
		timeout:    c.Timeout,
		now:        c.Now,
		limits:     newLimiter(c.Now, c.Sleep, max(c.MaxWait, 0)),
	}, nil
}

// baseTransport is the standard one, also where a program replaced that.
func baseTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second}
}

// call is one request to the connector.
type call struct {
	op     string
	method string
	ref    Reference
	path   []string // after /v3, escaped
	query  url.Values
	body   any    // nil for none
	thread string // key of the rate limit
	limits []limit
	once   bool // repeating it does it twice
	out    any  // where to decode the answer; nil to ignore it
}

// maxAnswer bounds an answer. A page of 500 members is about 200 KB.
const maxAnswer = 2 << 20

func (c *Client) do(ctx context.Context, k call) error {
	if ctx.Err() != nil {
		return transportError(k.op, false, false, ctx.Err())
	}
	target, err := c.target(k)
	if err != nil {
		return refused(k.op, "BadReference", err)
	}
	var body []byte
	if k.body != nil {
		if body, err = marshal(k.body); err != nil {
			return refused(k.op, "BadMessage", err)
		}
		if n := UTF16Size(body); n > MaxMessageSize {
			e := refused(k.op, "MessageSizeTooBig", fmt.Errorf("not sent: %d bytes as UTF-16, at most %d", n, MaxMessageSize))
			e.Status = http.StatusRequestEntityTooLarge
			return e
		}
	}
	if err := c.limits.wait(ctx, k.op, k.thread, k.limits); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := c.token(ctx)
	if err != nil {
		return tokenError(k.op, err)
	}
	err = c.exchange(ctx, k, target, body, token)
	if e := asError(err); e != nil && e.Status == http.StatusTooManyRequests && e.retryAfter > 0 {
		c.limits.pause(k.thread, k.limits, e.retryAfter)
	}
	return err
}

func (c *Client) target(k call) (string, error) {
	base, err := serviceBase(k.ref.ServiceURL, c.hosts)
	if err != nil {
		return "", err
	}
	target := base + "/v3"
	for _, segment := range k.path {
		target += "/" + segment
	}
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	return target, nil
}

func (c *Client) token(ctx context.Context) (string, error) {
	t, err := c.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.scope}})
	if err != nil {
		return "", err
	}
	if t.Token == "" {
		return "", errors.New("the credential gave an empty token")
	}
	return t.Token, nil
}

// exchange makes the request and reads the answer.
func (c *Client) exchange(ctx context.Context, k call, target string, body []byte, token string) error {
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, k.method, target, bytes.NewReader(body))
	if err != nil {
		return refused(k.op, "BadReference", errServiceURL)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return transportError(k.op, k.once, sent.Load(), err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return statusError(k.op, k.once, resp, answer, c.now())
	}
	if err != nil {
		return transportError(k.op, k.once, true, err)
	}
	if k.out == nil || len(bytes.TrimSpace(answer)) == 0 {
		return nil
	}
	if len(answer) > maxAnswer {
		return transportError(k.op, k.once, true, fmt.Errorf("the answer exceeds %d bytes", maxAnswer))
	}
	if err := json.Unmarshal(answer, k.out); err != nil {
		return transportError(k.op, k.once, true, errors.New("the answer is "+jsonProblem(err)))
	}
	return nil
}
