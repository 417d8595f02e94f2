// Package newrelic reads from New Relic which service calls which: it finds the
// services that New Relic watches, and asks for the relationships of each
// ([Client.Edges]), by NerdGraph, New Relic's GraphQL API. It also reads what was
// changed, as change tracking was told ([Client.Changes]).
//
// It remembers nothing. New Relic forgets a relationship some time after the
// last call (mostly 75 minutes, see
// https://github.com/newrelic/entity-definitions/tree/main/relationships/synthesis),
// and a service that is down is no longer called: so the edge that explains an
// outage is the one that gets lost while it lasts. Whoever needs it then has to
// keep what was read before.
//
// It changes nothing in New Relic, and does not map names to anything.
package newrelic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"imbot/integrations/internal/rest"
)

// Regions of New Relic, each with a NerdGraph of its own.
// https://docs.newrelic.com/docs/apis/nerdgraph/get-started/introduction-new-relic-nerdgraph/
const (
	RegionUS = "us"
	RegionEU = "eu"
	RegionJP = "jp"
)

var endpoints = map[string]string{
	"":       "https://api.newrelic.com/graphql",
	RegionUS: "https://api.newrelic.com/graphql",
	RegionEU: "https://api.eu.newrelic.com/graphql",
	RegionJP: "https://api.jp.newrelic.com/graphql",
}

// MaxConcurrent is how many requests New Relic accepts from one user at once;
// it answers more with 429.
// https://docs.newrelic.com/docs/apis/nerdgraph/get-started/nerdgraph-usage-limits/
const MaxConcurrent = 25

// DefaultSearch finds what reports as a service: with New Relic's agents, and
// with OpenTelemetry.
const DefaultSearch = "(domain = 'APM' AND type = 'APPLICATION') OR (domain = 'EXT' AND type = 'SERVICE')"

// Config says how to reach New Relic, and how much to read.
type Config struct {
	// Key is a user key (NRAK-…). Keys that send data in don't work. Required.
	Key string

	// Region is RegionUS, RegionEU or RegionJP. Default RegionUS.
	Region string

	// URL is where NerdGraph is, instead of the region's address. Without a path
	// it gets /graphql. Plain http is accepted for loopback addresses only.
	URL string

	// AccountID is the account whose changes are read. Default: none, and Changes
	// fails.
	AccountID int

	// Search finds the services whose calls are read, in the language of
	// entitySearch. Default DefaultSearch.
	// https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-entities-api-tutorial/
	Search string

	// HTTP makes the requests. Its timeout and redirect policy are not used:
	// Timeout rules, and redirects are not followed, for the key would go with
	// them. Default: a client of its own.
	HTTP *http.Client

	// Timeout bounds one request. Default 30 s.
	Timeout time.Duration

	// Total bounds one call of Edges with all its requests. Default 5 min.
	Total time.Duration

	// Concurrent is how many requests Edges makes at once, at most
	// MaxConcurrent. Default 10: the limit is counted by user, and the user may
	// have other programs.
	Concurrent int

	// MaxServices is how many services Edges reads. Default 5000.
	MaxServices int

	// MaxEdges is how many edges Edges returns. Default 100,000.
	MaxEdges int

	// Now tells the time. Default time.Now.
	Now func() time.Time
}

// Client reads from NerdGraph. It is safe for concurrent use.
type Client struct {
	key         string
	endpoint    string
	search      string
	account     int
	http        *http.Client
	timeout     time.Duration
	total       time.Duration
	concurrent  int
	maxServices int
	maxEdges    int
	now         func() time.Time
}

// New returns a client. It makes no request. It returns an error if the key is
// missing, the region is unknown, or the URL can't be used.
func New(c Config) (*Client, error) {
	if c.Key == "" {
		return nil, errors.New("newrelic: the API key is missing: make a user key in New Relic under API keys")
	}
	if strings.ContainsFunc(c.Key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("newrelic: the API key has characters that no key has: copy it again")
	}
	endpoint, err := endpointOf(c.Region, c.URL)
	if err != nil {
		return nil, err
	}
	if c.Search == "" {
		c.Search = DefaultSearch
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{
		key: c.Key, endpoint: endpoint, search: c.Search, account: max(c.AccountID, 0), http: rest.Client(c.HTTP), now: c.Now,
		timeout: orElse(c.Timeout, 30*time.Second), total: orElse(c.Total, 5*time.Minute),
		concurrent: min(orElse(c.Concurrent, 10), MaxConcurrent), maxServices: orElse(c.MaxServices, 5000), maxEdges: orElse(c.MaxEdges, 100_000),
	}, nil
}

func orElse[T int | time.Duration](n, otherwise T) T {
	if n <= 0 {
		return otherwise
	}
	return n
}

func endpointOf(region, raw string) (string, error) {
	if raw == "" {
		endpoint, ok := endpoints[strings.ToLower(region)]
		if !ok {
			return "", fmt.Errorf("newrelic: the region %.20q is unknown: use us, eu or jp", region)
		}
		return endpoint, nil
	}
	u, err := rest.Address("newrelic", raw, "https://api.newrelic.com/graphql")
	if err != nil {
		return "", err
	}
	if u.Path == "" {
		u.Path = "/graphql"
	}
	return u.String(), nil
}

// Check asks New Relic how many services the search finds, which also shows
// whether the key works.
func (c *Client) Check(ctx context.Context) (services int, err error) {
	var answer searchAnswer
	if err := c.ask(ctx, "count the services", countQuery, map[string]any{"q": c.search}, &answer); err != nil {
		return 0, err
	}
	if answer.Actor == nil || answer.Actor.EntitySearch == nil {
		return 0, &Error{Op: "count the services", Status: http.StatusOK, Message: "the answer holds no search result"}
	}
	return answer.Actor.EntitySearch.Count, nil
}
