// Package topology remembers which service calls which.
//
// Sources (a monitor, a mesh's metrics, a service catalogue, PagerDuty) are asked
// again and again; what they say is kept with when it was seen first and last,
// because a callee that is dead is not called any more: a live map loses exactly
// the edge that explains the outage. [Keeper] asks, maps the vendors' names to
// services, stores, and offers immutable snapshots ([Graph]) to whoever decides.
//
// It knows no vendor: sources and the services of the catalogue are handed in.
// It decides nothing about incidents.
package topology

import (
	"context"
	"time"
)

// Names of sources that are no vendors.
const (
	SourceCatalog = "catalog" // depends_on of the catalogue: holds always, and is never stored
	SourceImport  = "import"  // read from a file by hand
)

// Edge says that the service From calls the service To, as one source told it.
// From, To and Source together are its identity.
type Edge struct {
	From      string    `json:"from"`             // key of a service, or "pd:PABC123"
	To        string    `json:"to"`               //
	Source    string    `json:"source"`           // "newrelic", "prometheus", "backstage", "pagerduty", "catalog", "import"
	Kind      string    `json:"kind,omitempty"`   // such as "http", "db" or "queue"; "": not known
	FirstSeen time.Time `json:"first,omitzero"`   // zero: since ever
	LastSeen  time.Time `json:"last,omitzero"`    // zero: said by hand, holds always
	Rate      float64   `json:"rate,omitempty"`   // calls a second when last seen; 0: not known
	ErrorRate float64   `json:"errors,omitempty"` // share of them that failed, from 0 to 1
}

// Merge joins what is stored of an edge with what was seen of it now: the time
// that the edge spans grows, and whichever saw it last says the rest. A zero
// time is further than every other, in both directions.
func Merge(stored, seen Edge) Edge {
	out := seen
	if later(stored.LastSeen, seen.LastSeen) {
		out = stored
	}
	out.FirstSeen = stored.FirstSeen
	if seen.FirstSeen.Before(stored.FirstSeen) {
		out.FirstSeen = seen.FirstSeen
	}
	return out
}

// later compares times of LastSeen, of which zero is the latest.
func later(a, b time.Time) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() && !b.IsZero()
	}
	return a.After(b)
}

// SourceState says when a source was asked, and how that went.
type SourceState struct {
	Name     string    `json:"name"`
	At       time.Time `json:"at"`                 // asked last
	OKAt     time.Time `json:"ok_at,omitzero"`     // answered last, in full; zero: never
	Error    string    `json:"error,omitempty"`    // what was wrong last time, one line; "": nothing
	Failures int       `json:"failures,omitempty"` // how often in a row

	// Of the last answer, an incomplete one included:
	Edges   int `json:"edges"`             // calls between services
	Loops   int `json:"loops,omitempty"`   // left out: both ends are the same service
	Unknown int `json:"unknown,omitempty"` // left out: an end is no service of the catalogue
	Refused int `json:"refused,omitempty"` // left out: a name or number can not be true
	Over    int `json:"over,omitempty"`    // left out: more than MaxEdges

	// Unmapped are names that no service has, by how many edges they cost. A name
	// is forgotten when it was not seen for the edge memory.
	Unmapped []Unmapped `json:"unmapped,omitempty"`
}

// Unmapped is a vendor's name for something that is no service of the catalogue.
type Unmapped struct {
	Name     string    `json:"name"`
	Edges    int       `json:"edges"` // ends of edges with it, when last seen
	Times    int       `json:"times"` // in how many answers it was
	LastSeen time.Time `json:"last"`
}

// Bounds against sources that lie or go mad.
const (
	// MaxEdges is how many edges are taken from one answer of a source.
	MaxEdges = 20_000
	// MaxStored is how many edges of one source are remembered: those seen last.
	MaxStored = 2 * MaxEdges
	// MaxUnmapped is how many names without a service are remembered of a source.
	MaxUnmapped = 500
	// MaxName is the length of a name, in bytes. A longer one is no name: cut ones
	// could be mistaken for each other.
	MaxName = 256
)

// Store keeps edges and states. All methods are durable when they return, and
// safe for concurrent use.
type Store interface {
	// SaveEdges joins each edge with the stored one of the same From, To and
	// Source, as Merge says. It may take several transactions, so that other
	// changes need not wait for all: when it fails, some edges may be stored. An
	// edge without From, To or Source, or with a NUL in one of them, is an error
	// before anything is stored.
	SaveEdges(ctx context.Context, edges []Edge) error
	// DeleteEdges forgets edges, by From, To and Source. One that is not there is
	// no error. It may take several transactions.
	DeleteEdges(ctx context.Context, edges []Edge) error
	// Edges returns all edges, by From, To and Source.
	Edges(ctx context.Context) ([]Edge, error)
	// SaveSource stores the state of a source; the name is required.
	SaveSource(ctx context.Context, s SourceState) error
	// Sources returns the states of all sources, by name.
	Sources(ctx context.Context) ([]SourceState, error)
}

// Source is who can be asked for calls.
type Source interface {
	// Edges returns who called whom within the last window, as far as the source
	// looks back at all. Together with an error it returns what could be read
	// nevertheless. An error may have the method RetryAfter() time.Duration: not
	// to be asked before.
	Edges(ctx context.Context, window time.Duration) ([]Seen, error)
}

// Seen is one call between two things, in the words of a source.
type Seen struct {
	From, To  End
	Kind      string
	Rate      float64   // calls a second; 0: not known
	ErrorRate float64   // share of them that failed, from 0 to 1
	At        time.Time // zero: now
}

// End is what a source calls one end of an edge. The ids, where there are any,
// count before the name.
type End struct {
	Name         string
	Namespace    string // of Kubernetes, Backstage or the like; may be empty
	NewRelicGUID string // id of an entity in New Relic
	PagerDutyID  string // id of a service in PagerDuty: it needs no catalogue to be a service
}

// Service is what the graph needs to know of a service of the catalogue.
type Service struct {
	Key          string
	Name         string
	Aliases      []string
	NewRelicGUID string
	PagerDutyID  string
	DependsOn    []string // keys of services that it calls
}
