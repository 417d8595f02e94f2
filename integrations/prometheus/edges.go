package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"imbot/integrations/internal/fit"
)

// maxName is the length of a name, in bytes, beyond which it is no name: what
// has a longer one is left out, for cut names could be mistaken for each other.
const maxName = 256

// Edge says that one service calls another.
type Edge struct {
	From, To                   string    // names as the metrics have them, one line each, at most 256 bytes
	FromNamespace, ToNamespace string    // of Kubernetes, where the metrics have them, else ""
	Kind                       string    // one of the Kind constants
	Rate                       float64   // calls per second, more than 0; connections for KindTCP
	ErrorRate                  float64   // share of them that failed, from 0 to 1
	At                         time.Time // when Prometheus said so, UTC
}

// key tells edges apart.
type key struct{ from, fromNamespace, to, toNamespace, kind string }

// Edges returns who called whom within the last window, from one minute to 90
// days, 0 for DefaultWindow: all graphs together, sorted by From, To, namespaces
// and kind, each once. Of an edge that several graphs have, the one with the
// higher rate counts. Calls of a service by itself are left out, and so is what
// has no name.
//
// Together with an error it returns the edges of the graphs that could be read:
// they are true, but not all.
func (c *Client) Edges(ctx context.Context, window time.Duration) ([]Edge, error) {
	if window == 0 {
		window = DefaultWindow
	}
	window = min(max(window, minWindow), maxWindow)
	all := make(map[key]Edge)
	var failed []error
	for _, g := range c.graphs {
		edges, err := c.graph(ctx, g, window)
		if err != nil {
			failed = append(failed, err)
			if e := (*Error)(nil); ctx.Err() != nil || errors.As(err, &e) && e.everything() {
				break // the others would fail the same way
			}
			continue
		}
		for k, e := range edges {
			if e.Rate > all[k].Rate {
				all[k] = e
			}
		}
	}
	return sorted(all, c.now().UTC()), errors.Join(failed...)
}

func sorted(all map[key]Edge, at time.Time) []Edge {
	out := make([]Edge, 0, len(all))
	for _, e := range all {
		e.At = at
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return cmp.Or(
			cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To),
			cmp.Compare(a.FromNamespace, b.FromNamespace), cmp.Compare(a.ToNamespace, b.ToNamespace), cmp.Compare(a.Kind, b.Kind),
		)
	})
	return out
}

// graph reads the edges of one graph. If only its failures can't be read, it
// warns.
func (c *Client) graph(ctx context.Context, g Graph, window time.Duration) (map[key]Edge, error) {
	op := "read the graph " + g.Name
	calls, err := c.query(ctx, op, g.Name, within(g.Calls, window))
	if err != nil {
		return nil, err
	}
	edges := make(map[key]Edge)
	for _, s := range calls {
		k, ok := g.key(s)
		if !ok {
			continue
		}
		e, known := edges[k]
		if !known && len(edges) == c.maxEdges {
			return nil, &Error{Op: op, Status: http.StatusOK, refused: true, Message: fmt.Sprintf("there are more than %d edges; narrow the query, or raise the limit", c.maxEdges)}
		}
		e = Edge{From: k.from, FromNamespace: k.fromNamespace, To: k.to, ToNamespace: k.toNamespace, Kind: k.kind, Rate: min(e.Rate+s.value, math.MaxFloat64)}
		edges[k] = e
	}
	if g.Failures == "" || len(edges) == 0 {
		return edges, nil
	}
	failures, err := c.query(ctx, op, g.Name, within(g.Failures, window))
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		c.warn(g.Name, fit.Line("the failures are unknown: "+err.Error(), maxMessage))
		return edges, nil
	}
	failing := make(map[key]float64)
	for _, s := range failures {
		if k, ok := g.key(s); ok {
			failing[k] += s.value
		}
	}
	for k, rate := range failing {
		if e, ok := edges[k]; ok {
			e.ErrorRate = min(rate/e.Rate, 1)
			edges[k] = e
		}
	}
	return edges, nil
}

// key returns which edge a series belongs to, and whether it is one.
func (g Graph) key(s sample) (key, bool) {
	k := key{
		from: cleanName(s.labels[g.From]), to: cleanName(s.labels[g.To]), kind: g.kind(s.labels),
		fromNamespace: cleanName(s.labels[g.FromNamespace]), toNamespace: cleanName(s.labels[g.ToNamespace]),
	}
	switch {
	case k.from == "", k.to == "", slices.Contains(g.Ignore, k.from), slices.Contains(g.Ignore, k.to):
		return k, false
	case k.from == k.to && k.fromNamespace == k.toNamespace:
		return k, false
	}
	return k, s.value > 0 && !math.IsInf(s.value, 0)
}

// cleanName returns a name as one line without control characters, or "" if
// there is none or it is too long.
func cleanName(s string) string {
	if len(s) > 4*maxName {
		return ""
	}
	if s = fit.Line(strings.ToValidUTF8(s, "�"), 4*maxName); len(s) > maxName {
		return ""
	}
	return s
}
