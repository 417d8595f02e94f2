package newrelic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"imbot/integrations/internal/fit"
)

// Kinds of edges.
const (
	KindHTTP  = "http"  // a request, by HTTP, gRPC or the like
	KindDB    = "db"    // a query to a database or cache
	KindQueue = "queue" // messages, either way: From depends on the queue or topic To
)

const (
	// maxPages bounds each list of pages.
	maxPages = 1000
	// maxName is the length of a name, in bytes, beyond which it is no name:
	// what has a longer one is left out, for cut names could be mistaken for
	// each other.
	maxName = 256
	// maxFailures is how many services may fail before the others are given up.
	maxFailures = 10
)

// Edge says that one entity depends on another.
type Edge struct {
	From, To         string    // names in New Relic, one line each, at most 256 bytes
	FromGUID, ToGUID string    // ids of the entities in New Relic; they differ
	Kind             string    // one of the Kind constants
	Rate             float64   // calls per second; always 0, unknown: New Relic's relationships don't say
	ErrorRate        float64   // share of them that failed, from 0 to 1; always 0, unknown
	At               time.Time // when New Relic said so, UTC
}

// Edges returns what the services call, by relationships of type CALLS,
// CONNECTS_TO, PRODUCES and CONSUMES, sorted by From, To, ids and kind, each
// once. Calls of an entity by itself are left out, and so is what has no name.
//
// Together with an error it returns the edges that were read nevertheless: they
// are true, but not all. It goes on after a service that can't be read.
func (c *Client) Edges(ctx context.Context) ([]Edge, error) {
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	services, err := c.services(ctx)
	if err != nil {
		return nil, err
	}
	r := reading{c: c, edges: make(map[Edge]bool)}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(c.concurrent)
	for _, s := range services {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return r.service(inner, s) })
	}
	switch err = group.Wait(); {
	case err != nil:
	case ctx.Err() != nil:
		err = &Error{Op: "read the calls of all services", Message: "there was no time for all of them", Err: ctx.Err()}
	default:
		err = r.failed(len(services))
	}
	return r.sorted(c.now().UTC()), err
}

// service is an entity whose calls are read.
type service struct{ guid, name string }

// services finds the services of the search, in New Relic's order.
func (c *Client) services(ctx context.Context) ([]service, error) {
	const op = "list the services"
	var out []service
	known := make(map[string]bool)
	err := c.pages(ctx, op, func(ctx context.Context, cursor any) (string, error) {
		var answer searchAnswer
		if err := c.ask(ctx, op, searchQuery, map[string]any{"q": c.search, "c": cursor}, &answer); err != nil {
			return "", err
		}
		if answer.Actor == nil || answer.Actor.EntitySearch == nil || answer.Actor.EntitySearch.Results == nil {
			return "", &Error{Op: op, Status: http.StatusOK, Message: "the answer holds no search result"}
		}
		page := answer.Actor.EntitySearch.Results
		for _, e := range page.Entities {
			name := cleanName(e.Name)
			if name == "" || !isGUID(e.GUID) || known[e.GUID] {
				continue
			}
			if len(out) == c.maxServices {
				return "", &Error{Op: op, Status: http.StatusOK, refused: true, Message: fmt.Sprintf("the search finds more than %d services; narrow it, or raise the limit", c.maxServices)}
			}
			known[e.GUID] = true
			out = append(out, service{e.GUID, name})
		}
		return page.NextCursor, nil
	})
	return out, err
}

// pages calls read with one cursor after the other; the first is nil. read
// returns the next one, "" after the last page.
func (c *Client) pages(ctx context.Context, op string, read func(ctx context.Context, cursor any) (string, error)) error {
	seen := make(map[string]bool)
	var cursor any
	for range maxPages {
		next, err := read(ctx, cursor)
		if err != nil || next == "" {
			return err
		}
		if seen[next] {
			return &Error{Op: op, Status: http.StatusOK, Message: "New Relic sent the same page mark twice: its list has no end"}
		}
		seen[next] = true
		cursor = next
	}
	return &Error{Op: op, Status: http.StatusOK, refused: true, Message: fmt.Sprintf("the list has more than %d pages; narrow the search", maxPages)}
}

// reading gathers the edges of all services.
type reading struct {
	c *Client

	mu     sync.Mutex
	edges  map[Edge]bool // without time
	faults []error       // of services, as they came
}

// service reads the calls of one service. It returns an error only if that ends
// everything.
func (r *reading) service(ctx context.Context, s service) error {
	op := "read the calls of " + s.name
	err := r.c.pages(ctx, op, func(ctx context.Context, cursor any) (string, error) {
		var answer edgesAnswer
		if err := r.c.ask(ctx, op, edgesQuery, map[string]any{"guid": s.guid, "c": cursor}, &answer); err != nil {
			return "", err
		}
		if answer.Actor == nil {
			return "", &Error{Op: op, Status: http.StatusOK, Message: "the answer holds no data"}
		}
		if answer.Actor.Entity == nil || answer.Actor.Entity.Related == nil {
			return "", nil // it has gone since it was found
		}
		page := answer.Actor.Entity.Related
		return page.NextCursor, r.add(op, s, page.Results)
	})
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) || e.hopeless() || ctx.Err() != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults = append(r.faults, err); len(r.faults) > maxFailures {
		return fmt.Errorf("gave up after %d services that could not be read, one of them: %w", len(r.faults), err)
	}
	return nil
}

// add takes a page of the relationships of s.
func (r *reading) add(op string, s service, results []wireRelationship) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range results {
		e, ok := w.edge(s)
		if !ok || r.edges[e] {
			continue
		}
		if len(r.edges) == r.c.maxEdges {
			return &Error{
				Op: op, Status: http.StatusOK, refused: true, final: true,
				Message: fmt.Sprintf("there are more than %d edges; narrow the search, or raise the limit", r.c.maxEdges),
			}
		}
		r.edges[e] = true
	}
	return nil
}

// failed returns what is to be said of the services that could not be read.
func (r *reading) failed(services int) error {
	if len(r.faults) == 0 {
		return nil
	}
	first := slices.MinFunc(r.faults, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return fmt.Errorf("%d of %d services could not be read, one of them: %w", len(r.faults), services, first)
}

func (r *reading) sorted(at time.Time) []Edge {
	out := make([]Edge, 0, len(r.edges))
	for e := range r.edges {
		e.At = at
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.FromGUID, b.FromGUID), cmp.Compare(a.ToGUID, b.ToGUID), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// edge is the relationship as an edge, if it is one of s.
func (w wireRelationship) edge(s service) (Edge, bool) {
	e := Edge{From: s.name, To: cleanName(w.Target.Entity.Name), FromGUID: s.guid, ToGUID: w.Target.GUID, Kind: w.kind()}
	return e, e.Kind != "" && w.Source.GUID == s.guid && e.ToGUID != s.guid && isGUID(e.ToGUID) && e.To != ""
}

// Parts of the types of entities that are no services, such as
// POSTGRESQLINSTANCE, AZUREREDISCACHE and AWSSQSQUEUE.
var (
	queueTypes = regexp.MustCompile(`KAFKA|SQS|QUEUE|TOPIC|BROKER|RABBITMQ|AWSMQ|MSK|KINESIS|SERVICEBUS|EVENTHUB|EVENTGRID|AMQP|PUBSUB`)
	dbTypes    = regexp.MustCompile(`DATABASE|SQL|POSTGRES|MARIADB|ORACLE|MONGO|DOCDB|COSMOS|DYNAMO|AWSRDS|REDIS|MEMCACHE|ELASTICACHE|CASSANDRA|REDSHIFT|ELASTICSEARCH|OPENSEARCH|VALKEY`)
)

// kind returns the kind of the edge, or "" if the relationship is no call.
func (w wireRelationship) kind() string {
	switch w.Type {
	case "PRODUCES", "CONSUMES":
		return KindQueue
	case "CALLS", "CONNECTS_TO":
	default:
		return ""
	}
	what := strings.ToUpper(w.Target.Entity.Type)
	switch {
	case w.Target.Entity.Domain == "APM":
		return KindHTTP
	case queueTypes.MatchString(what):
		return KindQueue
	case dbTypes.MatchString(what):
		return KindDB
	}
	return KindHTTP
}

var guidPattern = regexp.MustCompile(`^[A-Za-z0-9+/=_|-]{1,256}$`)

func isGUID(s string) bool { return guidPattern.MatchString(s) }

// cleanName returns a name as one line without control characters, or "" if
// there is none or it is too long.
func cleanName(s string) string {
	if len(s) > 4*maxName {
		return ""
	}
	if s = fit.Line(s, 4*maxName); len(s) > maxName {
		return ""
	}
	return s
}
