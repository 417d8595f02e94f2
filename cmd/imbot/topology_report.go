package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/topology"
)

// topologyReport is what is remembered of who calls whom.
type topologyReport struct {
	At       time.Time        `json:"at"`
	Memory   Duration         `json:"edge_memory"`
	Edges    []reportEdge     `json:"edges,omitempty"` // by from, to and source
	Sources  []reportSource   `json:"sources"`
	Unmapped []reportUnmapped `json:"unmapped"`
	Service  *reportService   `json:"service,omitempty"` // where one was asked for
}

type reportEdge struct {
	From      string    `json:"from"`
	To        string    `json:"to"`
	Source    string    `json:"source"`
	Kind      string    `json:"kind,omitempty"`
	FirstSeen time.Time `json:"first_seen,omitzero"`
	LastSeen  time.Time `json:"last_seen,omitzero"` // zero: holds always
	Rate      float64   `json:"rate,omitempty"`
	ErrorRate float64   `json:"error_rate,omitempty"`
	Counts    bool      `json:"counts"` // false: too old, or of a service that is not in the catalog any more
}

type reportSource struct {
	Name     string    `json:"name"`
	On       bool      `json:"on"` // it is asked again and again
	AskedAt  time.Time `json:"asked_at,omitzero"`
	OKAt     time.Time `json:"ok_at,omitzero"`
	Error    string    `json:"error,omitempty"`
	Failures int       `json:"failures,omitempty"`
	Edges    int       `json:"edges"`
	Loops    int       `json:"loops,omitempty"`
	Unknown  int       `json:"unknown,omitempty"`
	Refused  int       `json:"refused,omitempty"`
	TooMany  int       `json:"too_many,omitempty"`
}

type reportUnmapped struct {
	Source   string    `json:"source"`
	Name     string    `json:"name"`
	Edges    int       `json:"edges"`
	Times    int       `json:"times"`
	LastSeen time.Time `json:"last_seen"`
	Hint     string    `json:"hint,omitempty"` // key of the service with the nearest name
}

// reportService is the neighbourhood of one service.
type reportService struct {
	Asked   string       `json:"asked"`          // as it was written
	Key     string       `json:"key,omitempty"`  // "": there is no such service
	Ring    []string     `json:"ring,omitempty"` // services that it is in a circle with
	Callees []reportCall `json:"callees"`        // up to 2 hops away
	Callers []reportCall `json:"callers"`        //
}

type reportCall struct {
	Hops     int       `json:"hops"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Source   string    `json:"source"`
	LastSeen time.Time `json:"last_seen,omitzero"` // zero: holds always
}

// reportHops is how far the neighbourhood of a service is shown: as far as a
// cascade can reach.
const reportHops = 2

func reportTopology(k *topology.Keeper, services []topology.Service, service string, now time.Time) topologyReport {
	r := topologyReport{At: now.UTC(), Memory: Duration(k.Memory()), Sources: []reportSource{}, Unmapped: []reportUnmapped{}}
	on := k.Feeds()
	for _, s := range k.Sources() {
		r.Sources = append(r.Sources, reportSource{
			Name: s.Name, On: slices.Contains(on, s.Name), AskedAt: s.At, OKAt: s.OKAt, Error: s.Error, Failures: s.Failures,
			Edges: s.Edges, Loops: s.Loops, Unknown: s.Unknown, Refused: s.Refused, TooMany: s.Over,
		})
		for _, u := range s.Unmapped {
			r.Unmapped = append(r.Unmapped, reportUnmapped{Source: s.Name, Name: u.Name, Edges: u.Edges, Times: u.Times, LastSeen: u.LastSeen})
		}
	}
	slices.SortStableFunc(r.Unmapped, func(a, b reportUnmapped) int { return cmp.Compare(b.Edges, a.Edges) })
	if service != "" {
		r.Service = neighbourhood(k, service)
		return r
	}
	names, oldest := k.Names(), now.Add(-k.Memory())
	for _, s := range services {
		for _, to := range s.DependsOn {
			r.Edges = append(r.Edges, reportEdge{From: s.Key, To: to, Source: topology.SourceCatalog, Counts: true})
		}
	}
	for _, e := range k.Edges() {
		_, okFrom := names.Find(e.From)
		_, okTo := names.Find(e.To)
		r.Edges = append(r.Edges, reportEdge{
			From: e.From, To: e.To, Source: e.Source, Kind: e.Kind, FirstSeen: e.FirstSeen, LastSeen: e.LastSeen, Rate: e.Rate, ErrorRate: e.ErrorRate,
			Counts: okFrom && okTo && (e.LastSeen.IsZero() || !e.LastSeen.Before(oldest)),
		})
	}
	slices.SortFunc(r.Edges, func(a, b reportEdge) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Source, b.Source))
	})
	return r
}

func neighbourhood(k *topology.Keeper, asked string) *reportService {
	s := &reportService{Asked: asked, Callees: []reportCall{}, Callers: []reportCall{}}
	var ok bool
	if s.Key, ok = k.Names().Find(asked); !ok {
		return s
	}
	g := k.Graph()
	s.Callees = around(s.Key, g.Callees, func(c incident.Call) string { return c.To })
	s.Callers = around(s.Key, g.Callers, func(c incident.Call) string { return c.From })
	if ring := g.Ring(s.Key); ring > 0 {
		for _, c := range k.Snapshot().Calls() {
			if c.From != s.Key && g.Ring(c.From) == ring && !slices.Contains(s.Ring, c.From) {
				s.Ring = append(s.Ring, c.From)
			}
		}
	}
	return s
}

// around walks from a service over its calls, each service once.
func around(key string, calls func(string) []incident.Call, far func(incident.Call) string) []reportCall {
	out := []reportCall{}
	seen, now := map[string]bool{key: true}, []string{key}
	for hops := 1; hops <= reportHops; hops++ {
		var next []string
		for _, at := range now {
			for _, c := range calls(at) {
				out = append(out, reportCall{Hops: hops, From: c.From, To: c.To, Source: c.Source, LastSeen: c.LastSeen})
				if end := far(c); !seen[end] {
					seen[end] = true
					next = append(next, end)
				}
			}
		}
		now = next
	}
	return out
}
