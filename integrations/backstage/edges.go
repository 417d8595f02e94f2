package backstage

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Kinds of edges.
const (
	KindHTTP       = "http"       // From calls an API of To
	KindDB         = "db"         // To is a database or cache
	KindQueue      = "queue"      // To is a queue, or its API is one of messages
	KindDependency = "dependency" // Backstage does not say how
)

// Edge says that one entity depends on another, which are components or
// resources.
type Edge struct {
	From, To       string    // names, with the namespace where it is not the default one: "checkout", "shop/checkout"
	FromRef, ToRef string    // whole references: "component:default/checkout"; they differ
	Kind           string    // one of the Kind constants
	Rate           float64   // calls per second; always 0, unknown
	ErrorRate      float64   // share of them that failed; always 0, unknown
	At             time.Time // when it was read, UTC
}

// Join makes edges of entities: from those that depend on others, and from
// those that consume an API to all that provide it. It returns each once, sorted
// by From, To, references and kind. What depends on itself is left out, and so is
// an API that nobody in the catalog provides. It returns an error if there would
// be more than limit edges, or 100,000 if that is 0.
func Join(entities []Entity, at time.Time, limit int) ([]Edge, error) {
	j := joining{
		entities: make(map[string]Entity, len(entities)), providers: make(map[string]map[string]bool),
		edges: make(map[joined]bool), limit: orElse(limit, 100_000),
	}
	for _, e := range entities {
		j.entities[e.Ref()] = e
		for _, api := range e.Provides {
			j.provides(e.Ref(), api)
		}
		for _, provider := range e.ProvidedBy {
			j.provides(provider, e.Ref())
		}
	}
	type dependency struct{ from, to string }
	dependencies := make(map[dependency]bool)
	for _, e := range entities {
		for _, to := range slices.Concat(e.DependsOn, e.Consumes) {
			dependencies[dependency{e.Ref(), to}] = true
		}
		for _, from := range slices.Concat(e.DependencyOf, e.ConsumedBy) {
			dependencies[dependency{from, e.Ref()}] = true
		}
	}
	for d := range dependencies {
		j.depends(d.from, d.to)
	}
	if len(j.edges) > j.limit {
		return nil, &Error{Op: "join the entities", Status: http.StatusOK, refused: true, Message: fmt.Sprintf("there are more than %d edges; raise the limit", j.limit)}
	}
	out := make([]Edge, 0, len(j.edges))
	for e := range j.edges {
		out = append(out, Edge{From: j.name(e.from), To: j.name(e.to), FromRef: e.from, ToRef: e.to, Kind: e.kind, At: at.UTC()})
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.FromRef, b.FromRef), cmp.Compare(a.ToRef, b.ToRef), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}

type joining struct {
	entities  map[string]Entity          // by reference
	providers map[string]map[string]bool // references of providers by API
	edges     map[joined]bool
	limit     int
}

// joined is an edge between two references.
type joined struct{ from, to, kind string }

func (j *joining) provides(component, api string) {
	if kindOf(api) != kindAPI || !runs(component) {
		return
	}
	if j.providers[api] == nil {
		j.providers[api] = make(map[string]bool)
	}
	j.providers[api][component] = true
}

// depends adds the edges of a dependency: one, or for an API one to each of its
// providers. It stops at one edge more than the limit.
func (j *joining) depends(from, to string) {
	if !runs(from) || len(j.edges) > j.limit {
		return
	}
	switch kindOf(to) {
	case kindAPI:
		kind := KindHTTP
		if strings.EqualFold(j.entities[to].Type, "asyncapi") {
			kind = KindQueue
		}
		for provider := range j.providers[to] {
			j.add(from, provider, kind)
			if len(j.edges) > j.limit {
				return
			}
		}
	case kindResource:
		j.add(from, to, resourceKind(j.entities[to].Type))
	case kindComponent:
		j.add(from, to, KindDependency)
	}
}

func (j *joining) add(from, to, kind string) {
	if from != to {
		j.edges[joined{from, to, kind}] = true
	}
}

// name is the short name of an end of an edge, as the entity writes it if it is
// known.
func (j *joining) name(ref string) string {
	if e, ok := j.entities[ref]; ok {
		return Ref{e.Kind, e.Namespace, e.Name}.Short()
	}
	kind, rest, _ := strings.Cut(ref, ":")
	namespace, name, _ := strings.Cut(rest, "/")
	return Ref{kind, namespace, name}.Short()
}

// runs reports whether a reference is to something that can call, be called and
// fail.
func runs(ref string) bool { return kindOf(ref) == kindComponent || kindOf(ref) == kindResource }

func kindOf(ref string) string {
	kind, _, _ := strings.Cut(ref, ":")
	return kind
}

// Types of resources, which everybody chooses for himself.
var (
	queueTypes = regexp.MustCompile(`queue|topic|kafka|sqs|rabbitmq|broker|pub-?sub|event-?bus|service-?bus`)
	dbTypes    = regexp.MustCompile(`(^|[^a-z])db|db([^a-z]|$)|database|sql|postgres|mongo|redis|cache|elasticsearch|opensearch|oracle|cassandra`)
)

func resourceKind(typ string) string {
	typ = strings.ToLower(typ)
	switch {
	case queueTypes.MatchString(typ):
		return KindQueue
	case dbTypes.MatchString(typ):
		return KindDB
	}
	return KindDependency
}
