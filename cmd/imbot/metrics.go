package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"imbot/incident"
	"imbot/query"
)

// registerMetrics offers counters and levels of all parts. No label carries
// anything of an incident: a private one must not show here.
func (a *app) registerMetrics() {
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &appCollector{a: a})
	if a.repeated != nil {
		a.metrics.MustRegister(a.repeated)
	}
}

// appCollector reads the counters where they are, when asked.
type appCollector struct{ a *app }

var (
	descWebhooks  = prometheus.NewDesc("imbot_webhooks_total", "PagerDuty webhooks by outcome.", []string{"outcome"}, nil)
	descActivity  = prometheus.NewDesc("imbot_activities_total", "Teams activities by outcome.", []string{"outcome"}, nil)
	descEffects   = prometheus.NewDesc("imbot_effects_total", "Runs of effects by kind and outcome.", []string{"kind", "outcome"}, nil)
	descWaiting   = prometheus.NewDesc("imbot_effects_waiting", "Effects that wait or run, those whose time has not come included.", nil, nil)
	descOldest    = prometheus.NewDesc("imbot_effects_oldest_seconds", "How long ago the time came of the oldest effect that is not done; 0: all is done whose time has come.", nil, nil)
	descOpen      = prometheus.NewDesc("imbot_incidents_open", "Open incidents that are not private, by level.", []string{"level"}, nil)
	descEdges     = prometheus.NewDesc("imbot_topology_edges", "Calls between services that count now, by source.", []string{"source"}, nil)
	descSourceAge = prometheus.NewDesc("imbot_topology_source_age_seconds", "Since a source of calls answered in full; absent before the first time.", []string{"source"}, nil)
	descSourceUp  = prometheus.NewDesc("imbot_topology_source_up", "Whether a source of calls answered when asked last.", []string{"source"}, nil)
	descLinks     = prometheus.NewDesc("imbot_links_total", "Links made between incidents, by rule.", []string{"rule"}, nil)
	descFixed     = prometheus.NewDesc("imbot_link_corrections_total", "Links that people took away (not_related) or added (also_related), by the rule that was wrong or should have found them.", []string{"rule", "verdict"}, nil)
	descPrecision = prometheus.NewDesc("imbot_link_precision", "Share of the links made that people left alone, by rule; absent where none was made.", []string{"rule"}, nil)
	descBuildInfo = prometheus.NewDesc("imbot_build_info", "Version of the program.", []string{"version"}, nil)
)

// Describe implements prometheus.Collector.
func (c *appCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descWebhooks, descActivity, descEffects, descWaiting, descOldest, descOpen, descLinks, descFixed, descPrecision, descBuildInfo, descEdges, descSourceAge, descSourceUp} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *appCollector) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	gauge(descBuildInfo, 1, version)
	if h := c.a.hook; h != nil {
		for outcome, n := range map[string]int64{
			"accepted": h.Accepted.Load(), "kept": h.Kept.Load(), "refused": h.Refused.Load(), "busy": h.Busy.Load(), "failed": h.Failed.Load(),
		} {
			count(descWebhooks, float64(n), outcome)
		}
	}
	if b := c.a.bot; b != nil {
		for outcome, n := range map[string]int64{"accepted": b.Accepted.Load(), "refused": b.Refused.Load(), "failed": b.Failed.Load()} {
			count(descActivity, float64(n), outcome)
		}
	}
	for kind, n := range c.a.runner.Stats() {
		count(descEffects, float64(n.Done), kind, "done")
		count(descEffects, float64(n.Failed), kind, "failed")
		count(descEffects, float64(n.Dead), kind, "dead")
		count(descEffects, float64(n.Skipped), kind, "skipped")
	}
	c.collectStore(gauge)
	c.collectLinks(count, gauge)
	c.a.collectTopology(gauge)
}

func (c *appCollector) collectStore(gauge func(*prometheus.Desc, float64, ...string)) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if b, err := c.a.store.Backlog(ctx); err == nil {
		gauge(descWaiting, float64(b.Waiting))
		age := 0.0
		if !b.Oldest.IsZero() {
			age = max(0, c.a.now().Sub(b.Oldest).Seconds())
		}
		gauge(descOldest, age)
	}
	open := map[string]int{}
	err := c.a.store.View(ctx, func(tx incident.Tx) error {
		return tx.Rows(incident.Cursor{}, true, func(r incident.Row) bool {
			if !r.Private {
				open[r.Level]++
			}
			return ctx.Err() == nil
		})
	})
	if err != nil {
		return
	}
	for level, n := range open {
		gauge(descOpen, float64(n), level)
	}
}

// collectLinks tells how well the rules link incidents. Corrections that name a
// private incident are not counted.
func (c *appCollector) collectLinks(count, gauge func(*prometheus.Desc, float64, ...string)) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	f, err := c.a.reader.LinkStats(ctx, query.Everybody, time.Time{})
	if err != nil {
		return
	}
	for _, r := range f.Rules {
		count(descLinks, float64(r.Made), r.Rule)
		count(descFixed, float64(r.Wrong), r.Rule, incident.LabelWrong)
		count(descFixed, float64(r.Missed), r.Rule, incident.LabelMissed)
		if r.Made > 0 {
			gauge(descPrecision, r.Precision(), r.Rule)
		}
	}
}
