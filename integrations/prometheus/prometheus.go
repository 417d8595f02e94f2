// Package prometheus reads from Prometheus, or from what speaks its HTTP API
// (Mimir, Thanos, VictoriaMetrics), which service calls which: from the metrics
// of service graphs, that traces are turned into, and of service meshes
// ([Client.Edges]).
//
// It remembers nothing. The metrics only have what was called within the time
// that is asked for, and a service that is down is called less and less. It does
// not map names to anything, and has nothing to do with alerts.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"imbot/integrations/internal/rest"
)

// DefaultWindow is over how long calls are counted where nobody says.
const DefaultWindow = 5 * time.Minute

const (
	minWindow = time.Minute // of most scrape intervals, twice; less finds nothing
	maxWindow = 90 * 24 * time.Hour
)

// Config says how to reach Prometheus, and what to read.
type Config struct {
	// URL is the base of the HTTP API: what comes before /api/v1/query. Mimir's
	// ends with /prometheus. Plain http is accepted for loopback addresses only.
	// Required.
	URL string

	// Token is sent as a bearer token. Optional.
	Token string

	// Username and Password are sent by basic authentication. Optional; not
	// together with Token.
	Username, Password string

	// OrgID is sent as X-Scope-OrgID: the tenant of a Mimir. Optional.
	OrgID string

	// Graphs are the metrics to read. Default DefaultGraphs: those that are not
	// there cost one query each.
	Graphs []Graph

	// HTTP makes the requests. Its timeout and redirect policy are not used:
	// Timeout rules, and redirects are not followed, for the password would go
	// with them. Default: a client of its own.
	HTTP *http.Client

	// Timeout bounds one query. Default 30 s.
	Timeout time.Duration

	// MaxEdges is how many edges one graph may have. Default 50,000.
	MaxEdges int

	// Warn is told what Prometheus warns of, such as results that are not
	// complete: one line, at most 500 bytes. Default: nobody is told.
	Warn func(graph, warning string)

	// Now tells the time. Default time.Now.
	Now func() time.Time
}

// Client reads from Prometheus. It is safe for concurrent use.
type Client struct {
	url      string
	token    string
	user     string
	password string
	orgID    string
	graphs   []Graph
	http     *http.Client
	timeout  time.Duration
	maxEdges int
	warn     func(graph, warning string)
	now      func() time.Time
}

// New returns a client. It makes no request. It returns an error if the URL
// can't be used, there are two ways to sign in, or a graph lacks something.
func New(c Config) (*Client, error) {
	base, err := rest.Address("prometheus", c.URL, "https://prometheus.example.com")
	if err != nil {
		return nil, err
	}
	if c.Token != "" && (c.Username != "" || c.Password != "") {
		return nil, errors.New("prometheus: there are both a token and a user name or password: keep one")
	}
	for _, s := range []string{c.Token, c.OrgID} {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return nil, errors.New("prometheus: the token or tenant has characters that can't be sent: copy it again")
		}
	}
	if len(c.Graphs) == 0 {
		c.Graphs = DefaultGraphs()
	}
	for _, g := range c.Graphs {
		if g.Name == "" || g.From == "" || g.To == "" || !strings.Contains(g.Calls, windowMark) {
			return nil, fmt.Errorf("prometheus: the graph %.40q needs a name, the labels of both ends, and a query with [%s]", g.Name, windowMark)
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxEdges <= 0 {
		c.MaxEdges = 50_000
	}
	if c.Warn == nil {
		c.Warn = func(string, string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{
		url: strings.TrimSuffix(base.String(), "/api/v1") + "/api/v1/query", token: c.Token, user: c.Username, password: c.Password, orgID: c.OrgID,
		graphs: c.Graphs, http: rest.Client(c.HTTP), timeout: c.Timeout, maxEdges: c.MaxEdges, warn: c.Warn, now: c.Now,
	}, nil
}

// Found is how many edges a graph has.
type Found struct {
	Graph string
	Edges int
}

// Check reads every graph once, and says how many edges each has: if all have
// none, nothing sends such metrics.
func (c *Client) Check(ctx context.Context) ([]Found, error) {
	var out []Found
	for _, g := range c.graphs {
		edges, err := c.graph(ctx, g, DefaultWindow)
		if err != nil {
			return out, err
		}
		out = append(out, Found{g.Name, len(edges)})
	}
	return out, nil
}
