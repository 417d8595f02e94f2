// Package backstage reads from Backstage, or from the catalog-info.yaml files
// that Backstage reads, which component depends on which: what its owners have
// declared ([Client.Edges], [ParseCatalogInfo], [Join]).
//
// It knows of no real calls, neither their number nor whether there are any, and
// does not map names to anything.
package backstage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"imbot/integrations/internal/rest"
)

const (
	// pageSize is how many entities are asked for at once.
	pageSize = 500
	// maxPages bounds the list of entities.
	maxPages = 1000
	// maxBody bounds a page. An entity with 20 relations has about 2 KB.
	maxBody = 16 << 20
)

// Config says how to reach Backstage, and how much to read.
type Config struct {
	// URL is the base of Backstage's backend, such as
	// https://backstage.example.com. Plain http is accepted for loopback
	// addresses only. Required.
	URL string

	// Token is a static token for external access. Optional, for Backstages that
	// ask for none.
	// https://backstage.io/docs/auth/service-to-service-auth#static-tokens
	Token string

	// HTTP makes the requests. Its timeout and redirect policy are not used:
	// Timeout rules, and redirects are not followed, for the token would go with
	// them. Default: a client of its own.
	HTTP *http.Client

	// Timeout bounds one request. Default 30 s.
	Timeout time.Duration

	// Total bounds one call of Edges with all its requests. Default 5 min.
	Total time.Duration

	// MaxEntities is how many entities are read. Default 50,000.
	MaxEntities int

	// MaxEdges is how many edges Edges returns. Default 100,000.
	MaxEdges int

	// Now tells the time. Default time.Now.
	Now func() time.Time
}

// Client reads from Backstage's catalog. It is safe for concurrent use.
type Client struct {
	url         string
	token       string
	http        *http.Client
	timeout     time.Duration
	total       time.Duration
	maxEntities int
	maxEdges    int
	now         func() time.Time
}

// New returns a client. It makes no request. It returns an error if the URL
// can't be used.
func New(c Config) (*Client, error) {
	base, err := rest.Address("backstage", c.URL, "https://backstage.example.com")
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("backstage: the token has characters that no token has: copy it again")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{
		url: strings.TrimSuffix(base.String(), "/api/catalog") + "/api/catalog/entities/by-query", token: c.Token, http: rest.Client(c.HTTP), now: c.Now,
		timeout: orElse(c.Timeout, 30*time.Second), total: orElse(c.Total, 5*time.Minute),
		maxEntities: orElse(c.MaxEntities, 50_000), maxEdges: orElse(c.MaxEdges, 100_000),
	}, nil
}

func orElse[T int | time.Duration](n, otherwise T) T {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Check asks Backstage how many components it has, which also shows whether the
// token works.
func (c *Client) Check(ctx context.Context) (components int, err error) {
	page, err := c.page(ctx, "count the components", url.Values{"filter": {"kind=component"}, "fields": {"kind"}, "limit": {"1"}})
	if err != nil {
		return 0, err
	}
	return page.total, nil
}

// Edges returns what the components and resources in the catalog depend on, as
// [Join] makes it of [Client.Entities].
func (c *Client) Edges(ctx context.Context) ([]Edge, error) {
	entities, err := c.Entities(ctx)
	if err != nil {
		return nil, err
	}
	return Join(entities, c.now(), c.maxEdges)
}

// Entities returns the components, resources and APIs in the catalog, in
// Backstage's order, each once. Relations to what can't be a reference are left
// out.
func (c *Client) Entities(ctx context.Context) ([]Entity, error) {
	const op = "list the entities"
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	query := url.Values{
		"filter": {"kind=component", "kind=resource", "kind=api"}, // any of them
		"fields": {"kind,metadata.name,metadata.namespace,spec.type,relations"},
		"limit":  {fmt.Sprint(pageSize)},
	}
	var out []Entity
	known, seen := make(map[string]bool), make(map[string]bool)
	for range maxPages {
		page, err := c.page(ctx, op, query)
		if err != nil {
			return nil, err
		}
		for _, e := range page.entities {
			if known[e.Ref()] {
				continue
			}
			if len(out) == c.maxEntities {
				return nil, &Error{Op: op, Status: http.StatusOK, refused: true, Message: fmt.Sprintf("there are more than %d entities; raise the limit", c.maxEntities)}
			}
			known[e.Ref()] = true
			out = append(out, e)
		}
		next := page.next
		if next == "" {
			return out, nil
		}
		if seen[next] {
			return nil, &Error{Op: op, Status: http.StatusOK, Message: "Backstage sent the same page mark twice: its list has no end"}
		}
		seen[next] = true
		query.Set("cursor", next) // which holds the filter, too
		query.Del("filter")
	}
	return nil, &Error{Op: op, Status: http.StatusOK, refused: true, Message: fmt.Sprintf("the list has more than %d pages", maxPages)}
}

// page is an answer of /entities/by-query.
// https://backstage.io/docs/features/software-catalog/software-catalog-api/#get-entitiesby-query
type page struct {
	entities []Entity // those that depend on others
	total    int
	next     string // cursor of the next page; empty after the last
}

func (c *Client) page(ctx context.Context, op string, query url.Values) (*page, error) {
	body, e := c.get(ctx, c.url+"?"+query.Encode())
	if e != nil {
		e.Op = op
		return nil, e
	}
	page, e := decodePage(body)
	if e != nil {
		e.Op = op
		return nil, e
	}
	return page, nil
}

// decodePage passes over fields of odd types in entities: one of them must not
// cost the page.
func decodePage(body []byte) (*page, *Error) {
	var answer struct {
		Items      []json.RawMessage `json:"items"`
		TotalItems int               `json:"totalItems"`
		PageInfo   *struct {
			NextCursor string `json:"nextCursor"`
		} `json:"pageInfo"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, &Error{Status: http.StatusOK, Message: "the answer was not understood; is this the address of Backstage's backend?", Err: err}
	}
	if answer.PageInfo == nil {
		return nil, &Error{Status: http.StatusOK, Message: "the answer is no page of entities; is this the address of Backstage's backend, of version 1.12 or later?"}
	}
	p := &page{total: answer.TotalItems, next: answer.PageInfo.NextCursor}
	for _, item := range answer.Items {
		var w wireEntity
		_ = json.Unmarshal(item, &w) // it is JSON: only types can be wrong
		if e, ok := w.entity(); ok {
			p.entities = append(p.entities, e)
		}
	}
	return p, nil
}

func (c *Client) get(ctx context.Context, address string) ([]byte, *Error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &Error{Message: "the request can't be made", Err: err, refused: true}
	}
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, body, err := rest.Whole(c.http.Do, req, maxBody)
	switch {
	case err != nil:
		return nil, &Error{Message: "Backstage did not answer", Err: err}
	case resp.StatusCode != http.StatusOK:
		return nil, refusal(resp, body, c.now())
	case len(body) > maxBody:
		return nil, &Error{Status: resp.StatusCode, Message: fmt.Sprintf("the answer is longer than %d MB", maxBody>>20)}
	}
	return body, nil
}
