package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"imbot/topology"
)

// wireTopology makes what remembers who calls whom. It asks nobody yet.
func (a *app) wireTopology() error {
	feeds, err := feeds(a.cfg, a.pager, a.now, a.log)
	if err != nil {
		return err
	}
	a.topology = newTopology(a.cfg, a.store, func() []topology.Service { return graphServices(a.catalog.Get()) }, feeds, a.clock, a.log)
	return a.topology.Rebuild(context.Background())
}

func newTopology(cfg *Config, store topology.Store, services func() []topology.Service, feeds []topology.Feed, c clock, log *slog.Logger) *topology.Keeper {
	return topology.New(topology.Config{
		Store: store, Services: services, Feeds: feeds, Memory: cfg.Correlation.EdgeMemory.Std(), Keep: cfg.Retention.Raw.Std(), Now: c.now, Logger: log,
	})
}

// offTopology says which sources of calls are off.
func (a *app) offTopology() []string {
	var out []string
	for _, s := range []struct {
		name string
		off  bool
	}{
		{sourceNewRelic, a.cfg.NewRelic == nil}, {sourcePrometheus, a.cfg.Prometheus == nil}, {sourceBackstage, a.cfg.Backstage == nil},
	} {
		if s.off {
			out = append(out, fmt.Sprintf("%s: no section in the configuration; it is not asked who calls whom", s.name))
		}
	}
	if a.cfg.PagerDuty != nil && !slices.Contains(a.topology.Feeds(), sourcePagerDuty) {
		out = append(out, "topology: PagerDuty is not asked for service dependencies")
	}
	if len(a.topology.Feeds()) == 0 && len(a.topology.Snapshot().Calls()) == 0 {
		out = append(out, "topology: nobody says who calls whom; cascades are not found")
	}
	return out
}

// collectTopology tells the metrics of who calls whom. Labels are names of
// sources only.
func (a *app) collectTopology(gauge func(*prometheus.Desc, float64, ...string)) {
	now := a.now()
	counts := a.topology.Counts(now)
	for _, source := range slices.Sorted(maps.Keys(counts)) {
		gauge(descEdges, float64(counts[source]), source)
	}
	on := a.topology.Feeds()
	for _, s := range a.topology.Sources() {
		if !slices.Contains(on, s.Name) {
			continue
		}
		up := 0.0
		if s.Error == "" && !s.At.IsZero() {
			up = 1
		}
		gauge(descSourceUp, up, s.Name)
		if !s.OKAt.IsZero() {
			gauge(descSourceAge, max(0, now.Sub(s.OKAt).Seconds()), s.Name)
		}
	}
}
