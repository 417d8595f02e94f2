package incident

import "time"

// Call is one directed edge of the service graph: From calls To, and suffers
// when To is in trouble. Both are services as Incident.Service names them.
type Call struct {
	From      string
	To        string
	Source    string    // which source saw it last: "newrelic", "prometheus", "backstage", "pagerduty", "catalog", "import"
	FirstSeen time.Time // zero: said by hand, holds always
	LastSeen  time.Time // zero: said by hand, holds always
	Rate      float64   // calls a second when last seen; 0: not known
}

// Topology is an immutable snapshot of who calls whom, as remembered: an edge
// stays long after it was seen last, because a callee that is dead is not
// called any more. All methods are pure look-ups, safe for concurrent use.
// Slices are shared: look, don't touch. A service never calls itself.
type Topology interface {
	// Callees are the direct calls of a service, sorted by To.
	Callees(service string) []Call
	// Callers are the direct calls that a service gets, sorted by From.
	Callers(service string) []Call
	// Ring is the same number, above 0, for services that call each other in a
	// circle, directly or over others (one strongly connected component of the
	// graph); 0 for a service that is in no circle or not known.
	Ring(service string) int
}

// NoTopology knows no service.
type NoTopology struct{}

// Callees implements Topology.
func (NoTopology) Callees(string) []Call { return nil }

// Callers implements Topology.
func (NoTopology) Callers(string) []Call { return nil }

// Ring implements Topology.
func (NoTopology) Ring(string) int { return 0 }
