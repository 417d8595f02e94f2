package graphrest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	kiota "github.com/microsoft/kiota-abstractions-go"
	kauth "github.com/microsoft/kiota-authentication-azure-go"
	khttp "github.com/microsoft/kiota-http-go"
	kjson "github.com/microsoft/kiota-serialization-json-go"

	"imbot/integrations/internal/rest"
)

// DefaultBaseURL is Graph in the public cloud. Others are listed at
// https://learn.microsoft.com/graph/deployments
const DefaultBaseURL = "https://graph.microsoft.com/v1.0"

// Config says how to reach Graph.
type Config struct {
	// TenantID is the tenant whose people and chats are meant: members of others
	// are marked as such. Required.
	TenantID string

	// Credential gives the app's tokens, and caches them. Required.
	Credential azcore.TokenCredential

	// BaseURL is where Graph is, with the version: that of a national cloud, or
	// of a simulator. Plain http is accepted for loopback addresses only.
	// Default DefaultBaseURL.
	BaseURL string

	// Scope is what tokens are asked for. Default "/.default" of BaseURL's host,
	// and of the public cloud's for a loopback address.
	Scope string

	// HTTP makes the requests. Only its transport is used: Timeout rules, and
	// redirects are not followed, for the token would go with them. Default: a
	// client of its own.
	HTTP *http.Client

	// Timeout bounds one request, the wait for a token included. Default 20 s.
	Timeout time.Duration

	// Now tells the time. Default time.Now.
	Now func() time.Time
}

// Client calls Graph. It is safe for concurrent use.
type Client struct {
	base    string
	host    string
	tenant  string
	timeout time.Duration
	now     func() time.Time
	adapter *khttp.NetHttpRequestAdapter
}

// New returns a client. It makes no request. It returns an error if something
// is missing or the URL can't be used.
func New(c Config) (*Client, error) {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	u, err := rest.Address("graph", c.BaseURL, DefaultBaseURL)
	switch {
	case err != nil:
		return nil, err
	case c.Credential == nil:
		return nil, errors.New("graph: the credential is missing")
	case !guid.MatchString(c.TenantID):
		return nil, fmt.Errorf("graph: the tenant %.40q is no id such as 33333333-dddd-4eee-8fff-444444444444", c.TenantID)
	}
	if c.Scope == "" {
		c.Scope = "https://" + u.Host + "/.default"
		if rest.Loopback(u.Hostname()) {
			c.Scope = "https://graph.microsoft.com/.default"
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = 20 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	client := &Client{
		base: u.String(), host: u.Host, tenant: strings.ToLower(c.TenantID), timeout: c.Timeout, now: c.Now,
	}
	client.adapter, err = c.newAdapter(u)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	client.adapter.SetBaseUrl(client.base)
	return client, nil
}

// newAdapter puts the way of a request together by hand: the library's default
// compresses bodies and repeats requests, in an order that differs from process
// to process, which sends empty bodies after a 429. Only the decoding of query
// parameters' names is kept, because generated code relies on it.
func (c *Config) newAdapter(u *url.URL) (*khttp.NetHttpRequestAdapter, error) {
	hosts := []string{u.Host, u.Hostname()}
	// A token with continuous access evaluation lives for a day and is revoked by
	// a challenge that generated code can't answer: ordinary ones live an hour.
	auth, err := kauth.NewAzureIdentityAuthenticationProviderWithScopesAndValidHostsAndObservabilityOptionsAndIsCaeEnabled(
		tokens{c.Credential}, []string{c.Scope}, hosts, kauth.ObservabilityOptions{}, false)
	if err != nil {
		return nil, err
	}
	x := &exchange{now: c.Now, prefix: strings.TrimRight(u.EscapedPath(), "/"), budget: newBudget(), under: http.RoundTripper(newTransport())}
	if c.HTTP != nil && c.HTTP.Transport != nil {
		x.under = c.HTTP.Transport
	}
	hc := &http.Client{
		Transport:     khttp.NewCustomTransportWithParentTransport(x, khttp.NewParametersNameDecodingHandler()),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return khttp.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, kjson.NewJsonParseNodeFactory(), kjson.NewJsonSerializationWriterFactory(), hc)
}

func newTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
}

// Adapter makes the requests of generated code, under the same rules. Use it
// within [Client.Call] only.
func (c *Client) Adapter() kiota.RequestAdapter { return c.adapter }

// BaseURL is where Graph is, without a slash at its end.
func (c *Client) BaseURL() string { return c.base }

// Call runs fn, which makes one request with the adapter, and turns what goes
// wrong into an *Error. op says what was tried, such as "rename the chat".
func (c *Client) Call(ctx context.Context, op string, fn func(ctx context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	a := &attempt{}
	defer func() {
		if p := recover(); p != nil { // generated code takes the shape of an answer for granted
			err = a.notUnderstood(op, fmt.Errorf("%v", p))
		}
	}()
	err = fn(context.WithValue(ctx, attemptKey{}, a))
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		e.Op = op
		return e
	}
	if ctx.Err() != nil && a.status == 0 {
		return &Error{Op: op, Message: "Graph did not answer", Err: ctx.Err(), cut: true, sent: a.changes}
	}
	return a.notUnderstood(op, err)
}

// raw is one request that generated code is not used for.
type raw struct {
	op     string
	method kiota.HttpMethod
	path   string // after the base URL, escaped; or a whole URL
	query  url.Values
	header map[string]string
	media  string // of the body; default JSON
	body   any    // JSON, or []byte with another media type
	out    any    // receives the answer; nil if it does not matter
}

// send makes the request. An answer that does not matter is not read, for if
// Graph said yes it is done.
func (c *Client) send(ctx context.Context, r raw) error {
	return c.Call(ctx, r.op, func(ctx context.Context) error {
		info, err := c.request(r)
		if err != nil {
			return Refused(r.op, err.Error())
		}
		answer, err := c.adapter.SendPrimitive(ctx, info, "[]byte", nil)
		if err != nil || r.out == nil {
			return err
		}
		body, _ := answer.([]byte) // nil if there was none
		return json.Unmarshal(body, r.out)
	})
}

func (c *Client) request(r raw) (*kiota.RequestInformation, error) {
	target := r.path
	if strings.HasPrefix(target, "/") {
		target = c.base + target
	}
	u, err := url.Parse(target)
	if err != nil || u.Host != c.host {
		return nil, errors.New("the address is not one of Graph's")
	}
	if len(r.query) > 0 {
		u.RawQuery = strings.ReplaceAll(r.query.Encode(), "+", "%20") // Graph's filters take + for a plus
	}
	info := kiota.NewRequestInformation()
	info.Method = r.method
	info.SetUri(*u)
	info.Headers.Add("Accept", "application/json")
	for name, value := range r.header {
		info.Headers.Add(name, value)
	}
	if r.body == nil {
		return info, nil
	}
	body, ok := r.body.([]byte)
	if !ok {
		if body, err = encode(r.body); err != nil {
			return nil, err
		}
	}
	if r.media == "" {
		r.media = "application/json"
	}
	info.SetStreamContentAndContentType(body, r.media)
	return info, nil
}

// encode leaves < and > as they are: bodies of mails are half of them.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// page is an answer with a list.
type page[T any] struct {
	Value []T    `json:"value"`
	Next  string `json:"@odata.nextLink"`
}

// list reads the pages of a list until visit returns false.
func list[T any](ctx context.Context, c *Client, r raw, visit func(T) bool) error {
	for range maxPages {
		var p page[T]
		r.out = &p
		if err := c.send(ctx, r); err != nil {
			return err
		}
		for _, item := range p.Value {
			if !visit(item) {
				return nil
			}
		}
		if p.Next == "" {
			return nil
		}
		r.path, r.query = p.Next, nil
	}
	return &Error{Op: r.op, Status: http.StatusOK, Message: fmt.Sprintf("the list has more than %d pages", maxPages), noWay: true}
}

// maxPages bounds how far a list is read: 5000 chats of 50 a page.
const maxPages = 100

// External reports whether a tenant is another one than the client's; "" is not.
func (c *Client) External(tenant string) bool {
	return tenant != "" && !strings.EqualFold(tenant, c.tenant)
}
