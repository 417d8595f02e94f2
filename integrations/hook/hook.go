package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"imbot/integrations/internal/rest"
)

// Headers of a delivery.
const (
	HeaderSignature = "X-Imbot-Signature" // "v1=" and Sign, in hexadecimal
	HeaderTimestamp = "X-Imbot-Timestamp" // when it was sent: seconds since 1970
	HeaderDelivery  = "X-Imbot-Delivery"  // the delivery's id; the same when it is repeated
)

// Scheme stands before the signature: another way to sign would have another.
const Scheme = "v1="

// maxAnswer is how much of an answer is read, so that the connection can be used
// again. Nobody looks at it.
const maxAnswer = 64 << 10

// Config says how to deliver.
type Config struct {
	// Private allows addresses of this machine and of private networks, and the
	// proxies that the environment names. Without it they are refused when the
	// connection is made: whoever may name an address in the configuration, or owns
	// its DNS entry, must not reach what only this machine can reach.
	Private bool

	// Timeout bounds one delivery. Default 10 s.
	Timeout time.Duration

	// Now tells the time. Default time.Now.
	Now func() time.Time
}

// Client delivers webhooks. It is safe for concurrent use.
type Client struct {
	http *http.Client
	now  func() time.Time
}

// New returns a client.
func New(c Config) *Client {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	dialer := &net.Dialer{Timeout: c.Timeout}
	transport := &http.Transport{
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: c.Timeout, ResponseHeaderTimeout: c.Timeout, MaxResponseHeaderBytes: maxAnswer,
	}
	if c.Private {
		transport.Proxy = http.ProxyFromEnvironment
	} else {
		dialer.Control = refusePrivate
	}
	transport.DialContext = dialer.DialContext
	return &Client{now: c.Now, http: &http.Client{
		Transport: transport, Timeout: c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Delivery is one webhook. All of it is required.
type Delivery struct {
	ID     string // of one line, the same when it is repeated
	URL    string
	Secret string
	Body   []byte // JSON
}

// Send delivers. The error is an *Error; it holds neither address nor secret.
func (c *Client) Send(ctx context.Context, d Delivery) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err != nil || d.Secret == "" {
		return &Error{Message: "the address or the secret can't be used", permanent: true}
	}
	at := strconv.FormatInt(c.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "imbot")
	req.Header.Set(HeaderDelivery, d.ID)
	req.Header.Set(HeaderTimestamp, at)
	req.Header.Set(HeaderSignature, Scheme+Sign(d.Secret, at, d.Body))
	resp, err := c.http.Do(req)
	if err != nil {
		return noAnswer(err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // what is lost of the answer does not matter
	_ = resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return c.refused(resp)
}

// Sign returns the HMAC-SHA256 of "timestamp.body" in hexadecimal.
func Sign(secret, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(timestamp + "."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// noAnswer says why there was none, without the address, which may hold a secret.
func noAnswer(err error) *Error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, errPrivate):
		return &Error{Message: "the address leads into a private network: set allow_private for this hook if that is wanted", permanent: true}
	case errors.As(err, &dns):
		return &Error{Message: "its host name is not found", Err: errors.New(dns.Err)}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{Message: "no answer in time", Err: errors.Unwrap(err)}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return &Error{Message: "no answer", Err: err}
}

// refused turns an answer into an error.
func (c *Client) refused(resp *http.Response) *Error {
	e := &Error{Status: resp.StatusCode, Message: "it answered " + strconv.Itoa(resp.StatusCode)}
	switch s := resp.StatusCode; {
	case s == http.StatusGone:
		e.Message, e.permanent = "it answered 410: it wants no more deliveries; remove the hook from the configuration", true
	case s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s == http.StatusTooEarly, s/100 == 5:
		e.retryAfter = min(rest.RetryAfter(resp.Header, c.now()), maxRetryAfter)
	case s/100 == 3:
		e.Message, e.permanent = fmt.Sprintf("it answered %d: redirects are not followed; write the new address into the configuration", s), true
	default:
		e.permanent = true
	}
	return e
}

// maxRetryAfter bounds how long a receiver can hold up what comes after.
const maxRetryAfter = time.Hour

// Error is what Send fails with.
type Error struct {
	Status  int    // of the answer; 0: there was none
	Message string // for people: what is wrong, and what to do where that is known
	Err     error  // the cause, where there was no answer

	permanent  bool
	retryAfter time.Duration
}

func (e *Error) Error() string {
	if e.Err != nil {
		return "deliver the webhook: " + e.Message + ": " + e.Err.Error()
	}
	return "deliver the webhook: " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again can't help: it can after no answer,
// 408, 425, 429 and 5xx.
func (e *Error) Permanent() bool { return e.permanent }

// RetryAfter returns when to try again, at most an hour; 0 if unknown.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }
