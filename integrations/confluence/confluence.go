// Package confluence keeps pages in Confluence Cloud: it creates a page once,
// even if the answer to the request gets lost, and updates it after
// ([Client.Put]), and it builds bodies of pages in which text from anywhere
// stays text ([Doc]).
//
// It decides nothing about what stands on a page and repeats nothing that
// failed: its errors say whether trying again makes sense, and when (see
// [Error]). It deletes no page, never writes to a page that it did not make,
// and knows nothing of Confluence Data Center, which has no version 2 of the
// REST API.
package confluence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	v2 "github.com/ctreminiom/go-atlassian/v2/confluence/v2"
	"github.com/ctreminiom/go-atlassian/v2/pkg/infra/models"

	"imbot/integrations/internal/atlassian"
	"imbot/integrations/internal/rest"
)

// maxBody bounds an answer: 25 pages with their bodies. Confluence takes 5 MB
// for one page; usual ones are below 100 KB.
const maxBody = 32 << 20

// Config says how to reach Confluence, and where its pages go.
type Config struct {
	// URL is where Confluence is, such as https://example.atlassian.net; a
	// trailing /wiki is understood. For a scoped API token it is
	// https://api.atlassian.com/ex/confluence/{cloudId}. Plain http is accepted
	// for loopback addresses only. Required.
	URL string

	// Email and APIToken are the credentials. Required. API tokens expire after a
	// year at most:
	// https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/
	Email    string
	APIToken string

	// Space is the key of the space that pages are made in, such as OPS.
	// Required.
	Space string

	// ParentID is the id of the page that new pages are put under. Default: the
	// home page of the space.
	ParentID string

	// HTTP makes the requests. Its Timeout bounds one request, default 20 s. Its
	// redirect policy is not used: redirects are not followed, for the token
	// would go with them. Default: a client of its own.
	HTTP *http.Client

	// Now tells the time. Default time.Now.
	Now func() time.Time
}

// Client calls Confluence's REST API. It is safe for concurrent use.
type Client struct {
	base, email, token string
	space, parent      string
	http               *http.Client
	timeout            time.Duration
	now                func() time.Time

	mu      sync.Mutex // guards spaceID
	spaceID string     // "" until Confluence was asked
}

var (
	idPattern    = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
	spacePattern = regexp.MustCompile(`^~?[A-Za-z0-9._-]{1,255}$`)
)

// New returns a client. It makes no request. It returns an error if something
// required is missing or can't be used.
func New(cfg Config) (*Client, error) {
	base, err := rest.Address("confluence", cfg.URL, "https://example.atlassian.net")
	if err != nil {
		return nil, err
	}
	if cfg.Email == "" || cfg.APIToken == "" {
		return nil, errors.New("confluence: the credentials are missing: configure e-mail and API token")
	}
	for _, secret := range []string{cfg.Email, cfg.APIToken} {
		if strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return nil, errors.New("confluence: the credentials hold spaces or control characters: copy them again")
		}
	}
	if !spacePattern.MatchString(cfg.Space) {
		return nil, fmt.Errorf("confluence: %.40q is no key of a space: it looks like OPS, and stands in the address of the space after /spaces/", cfg.Space)
	}
	if cfg.ParentID != "" && !idPattern.MatchString(cfg.ParentID) {
		return nil, fmt.Errorf("confluence: %.40q is no id of a page: it is the number in the address of the page after /pages/", cfg.ParentID)
	}
	c := &Client{
		base: strings.TrimRight(strings.TrimSuffix(base.String(), "/wiki"), "/"), email: cfg.Email, token: cfg.APIToken, space: cfg.Space, parent: cfg.ParentID,
		timeout: 20 * time.Second, now: cfg.Now,
		http: rest.Client(cfg.HTTP),
	}
	if cfg.HTTP != nil && cfg.HTTP.Timeout > 0 {
		c.timeout = cfg.HTTP.Timeout
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// call runs fn, which makes one request with api, and turns what goes wrong
// into an *Error. op says what was tried, such as "read page 123".
func (c *Client) call(ctx context.Context, op string, fn func(ctx context.Context, api *v2.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	x := &atlassian.Exchange{Product: product, HTTP: c.http, Now: c.now, MaxBody: maxBody, Words: reasons}
	api, err := v2.New(x, c.base)
	if err != nil {
		return &Error{Product: product, Op: op, Message: "the URL can't be used", Err: err, Final: true}
	}
	api.Auth.SetBasicAuth(c.email, c.token)
	return x.Result(op, fn(ctx, api))
}

// links are what the library leaves out of a page.
type links struct {
	Links struct {
		Base  string `json:"base"`
		WebUI string `json:"webui"`
	} `json:"_links"`
}

// made tells of a page as the answer has it.
func (c *Client) made(p *models.PageScheme, answer []byte) Made {
	m := Made{ID: p.ID, Title: p.Title}
	if p.Version != nil {
		m.Version = p.Version.Number
	}
	var l links
	_ = json.Unmarshal(answer, &l) // the library has decoded it: at worst there are no links
	m.URL = c.pageURL(p.ID, l.Links.Base, l.Links.WebUI)
	return m
}

// pageURL is where a person reads the page. What Confluence says is only taken
// if it is a plain web address, for people will click on it.
func (c *Client) pageURL(id, base, webui string) string {
	u, err := url.Parse(base + webui)
	ours, err2 := url.Parse(c.base)
	if err == nil && err2 == nil && webui != "" && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == ours.Scheme) {
		return u.String()
	}
	return c.base + "/wiki/pages/viewpage.action?pageId=" + id
}
