package backtest

import (
	"slices"
	"time"

	"imbot/incident"
)

// Graphs hands out who called whom as it was known at a time, and builds a new
// graph only where there may be news. It is for times that go forward, and for
// one replay.
type Graphs struct {
	asOf    func(at time.Time) incident.Topology
	news    []time.Time // sorted
	present incident.Topology
	from    time.Time // present is of this time,
	until   time.Time // and holds until before that one
}

// maxNews bounds how many graphs are built for news: beyond it, some news are
// known a little later.
const maxNews = 2000

// graphAge is how old a graph may become without any news: what was not seen for
// long ceases to count.
const graphAge = 24 * time.Hour

// NewGraphs builds graphs with asOf, whenever time passes one of news (when
// calls were seen for the first time, in any order), and once a day.
func NewGraphs(asOf func(at time.Time) incident.Topology, news []time.Time) *Graphs {
	all := slices.Clone(news)
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	if step := (len(all) + maxNews - 1) / maxNews; step > 1 {
		few := all[:0]
		for i := step - 1; i < len(all); i += step {
			few = append(few, all[i])
		}
		all = few
	}
	return &Graphs{asOf: asOf, news: all}
}

// At returns the graph as it was known at a time.
func (g *Graphs) At(at time.Time) incident.Topology {
	if g.present != nil && !at.Before(g.from) && at.Before(g.until) {
		return g.present
	}
	g.present, g.from, g.until = g.asOf(at), at, at.Add(graphAge)
	i, _ := slices.BinarySearchFunc(g.news, at, func(n, at time.Time) int {
		if n.After(at) {
			return 1
		}
		return -1
	})
	if i < len(g.news) && g.news[i].Before(g.until) {
		g.until = g.news[i]
	}
	return g.present
}
