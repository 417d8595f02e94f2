package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/prometheus"
)

// NewRelicConfig lets imbot read from New Relic who calls whom.
type NewRelicConfig struct {
	APIKey    Secret `yaml:"api_key"`    // user key, NRAK-…; required
	AccountID string `yaml:"account_id"` // whose change tracking is read; "" for none
	Region    string `yaml:"region"`     // us (default), eu or jp
	URL       string `yaml:"url"`        // of NerdGraph; "" for the region's
	Search    string `yaml:"search"`     // which entities are services, in the language of entitySearch; "" for all of APM and OpenTelemetry
}

// PrometheusConfig lets imbot read from Prometheus, Mimir or the like who calls
// whom.
type PrometheusConfig struct {
	URL         string   `yaml:"url"`          // what comes before /api/v1/query; required
	BearerToken Secret   `yaml:"bearer_token"` // this, or user and password, or nothing
	User        string   `yaml:"user"`
	Password    Secret   `yaml:"password"`
	OrgID       string   `yaml:"org_id"` // tenant of a Mimir, sent as X-Scope-OrgID
	Window      Duration `yaml:"window"` // over how long calls are counted; default topology.refresh
	Graphs      []string `yaml:"graphs"` // which of graphNames; default all
}

// BackstageConfig lets imbot read what components depend on, from Backstage or
// from the files that Backstage reads.
type BackstageConfig struct {
	URL   string   `yaml:"url"`   // of the backend; this, or files, or both
	Token Secret   `yaml:"token"` // static token for external access; "" where Backstage asks for none
	Files []string `yaml:"files"` // paths of catalog-info.yaml files
}

// TopologyConfig is about remembering who calls whom.
type TopologyConfig struct {
	Refresh   Duration `yaml:"refresh"`   // pause between two looks at each source; default 15m
	PagerDuty *bool    `yaml:"pagerduty"` // ask PagerDuty for service dependencies, where there is an api_token; default true
}

// CorrelationConfig is about duplicates and cascades.
type CorrelationConfig struct {
	Grace      Duration        `yaml:"grace"`
	Window     Duration        `yaml:"window"`
	Hops       int             `yaml:"hops"`
	EdgeMemory Duration        `yaml:"edge_memory"`
	Hold       Duration        `yaml:"hold"`
	Flapping   FlappingConfig  `yaml:"flapping"`
	AutoPause  *bool           `yaml:"auto_pause"`
	Major      MajorRoomConfig `yaml:"major"`
}

// FlappingConfig is when an alert that comes and goes is called flapping.
type FlappingConfig struct {
	Times  int      `yaml:"times"` // 0: never
	Window Duration `yaml:"window"`
}

// MajorRoomConfig is when incidents share one room.
type MajorRoomConfig struct {
	Incidents int      `yaml:"incidents"` // more than so many; 0: never
	Window    Duration `yaml:"window"`
}

// Linking is how incidents are tied together.
func (c *Config) Linking() incident.Linking {
	l := c.Correlation
	return incident.Linking{
		Grace: l.Grace.Std(), Window: l.Window.Std(), Hops: l.Hops, EdgeMemory: l.EdgeMemory.Std(), Hold: l.Hold.Std(),
		FlapTimes: l.Flapping.Times, FlapWindow: l.Flapping.Window.Std(),
		MajorCount: l.Major.Incidents, MajorWindow: l.Major.Window.Std(), AutoPause: l.AutoPause == nil || *l.AutoPause,
	}
}

// graphNames are the words by which a configuration chooses among the graphs
// that Prometheus may have.
var graphNames = []string{"service-graph", "istio", "istio-tcp", "linkerd"}

// graphs returns the chosen graphs; nil means all.
func (p *PrometheusConfig) graphs() []prometheus.Graph {
	if len(p.Graphs) == 0 {
		return nil
	}
	var out []prometheus.Graph
	for _, g := range prometheus.DefaultGraphs() {
		if slices.Contains(p.Graphs, strings.ReplaceAll(g.Name, " ", "-")) {
			out = append(out, g)
		}
	}
	return out
}

func (k *configCheck) topology() {
	t := &k.c.Topology
	k.span("topology.refresh", &t.Refresh, 15*time.Minute, time.Minute, 24*time.Hour)
	if t.PagerDuty == nil {
		yes := true
		t.PagerDuty = &yes
	}
	if n := k.c.NewRelic; n != nil {
		k.missing("newrelic.api_key", n.APIKey.Reveal(), "make a user key (NRAK-…) in New Relic under API keys, or remove the section")
		k.check("newrelic.account_id", n.AccountID, checkAccount)
		k.oneOf("newrelic.region", n.Region, "us", "eu", "jp")
		k.url("newrelic.url", &n.URL)
	}
	if p := k.c.Prometheus; p != nil {
		k.prometheus(p)
	}
	if b := k.c.Backstage; b != nil {
		if b.URL == "" && len(b.Files) == 0 && !k.failed("backstage") {
			k.doc.Errorf("backstage", "the section backstage names nothing to read; add url, files or both, or remove it")
		}
		k.url("backstage.url", &b.URL)
		if b.Token != "" && b.URL == "" && !k.failed("backstage.url") {
			k.doc.Errorf("backstage.token", "there is no url that this token would be for; add it, or remove the token")
		}
		for i := range b.Files {
			k.file(fmt.Sprintf("backstage.files[%d]", i), &b.Files[i])
		}
	}
}

func (k *configCheck) prometheus(p *PrometheusConfig) {
	if !k.missing("prometheus.url", p.URL, "add it, as in url: https://prometheus.example.com, or remove the section") {
		k.url("prometheus.url", &p.URL)
	}
	switch {
	case p.BearerToken != "" && (p.User != "" || p.Password != ""):
		k.doc.Errorf("prometheus.bearer_token", "there are two ways to sign in; keep bearer_token, or user and password")
	case p.User != "" && p.Password == "" && !k.failed("prometheus.password"):
		k.doc.Errorf("prometheus.user", "prometheus.password is missing; add it, or remove the user")
	case p.Password != "" && p.User == "" && !k.failed("prometheus.user"):
		k.doc.Errorf("prometheus.password", "prometheus.user is missing; add it, or remove the password")
	}
	if strings.ContainsFunc(p.OrgID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		k.doc.Errorf("prometheus.org_id", "this is no tenant; write it as in org_id: team-a")
	}
	k.span("prometheus.window", &p.Window, k.c.Topology.Refresh.Std(), time.Minute, 90*24*time.Hour)
	for i, g := range p.Graphs {
		k.oneOf(fmt.Sprintf("prometheus.graphs[%d]", i), g, graphNames...)
	}
}

func (k *configCheck) correlation() {
	const day = 24 * time.Hour
	c := &k.c.Correlation
	k.span("correlation.grace", &c.Grace, 30*time.Minute, 0, 7*day)
	k.span("correlation.window", &c.Window, day, time.Minute, 30*day)
	k.span("correlation.edge_memory", &c.EdgeMemory, 14*day, time.Hour, 365*day)
	k.span("correlation.hold", &c.Hold, 30*time.Second, 0, 10*time.Minute)
	k.span("correlation.flapping.window", &c.Flapping.Window, 2*time.Hour, time.Minute, 7*day)
	k.span("correlation.major.window", &c.Major.Window, 10*time.Minute, time.Minute, day)
	k.number("correlation.hops", &c.Hops, 2, func(n int) bool { return n == 1 || n == 2 }, "use 1 or 2")
	k.number("correlation.flapping.times", &c.Flapping.Times, 4, func(n int) bool { return n == 0 || n > 1 && n <= 100 }, "use 2 to 100, or 0 for never")
	k.number("correlation.major.incidents", &c.Major.Incidents, 3, func(n int) bool { return n >= 0 && n <= 100 }, "use 1 to 100, or 0 for never")
	if c.AutoPause == nil {
		yes := true
		c.AutoPause = &yes
	}
}

// span fills in a duration that is not there, and checks one that is.
func (k *configCheck) span(path string, value *Duration, without, least, most time.Duration) {
	switch {
	case !k.doc.Has(path) || *value == 0 && k.failed(path):
		*value = Duration(without)
	case value.Std() < least || value.Std() > most:
		k.doc.Errorf(path, "%s is too short or too long; use %s to %s", k.doc.Quote(path, brief(*value)), brief(Duration(least)), brief(Duration(most)))
	}
}

// brief is a duration as people write it: 15m, not 15m0s.
func brief(d Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// number fills in a number that is not there, and checks one that is.
func (k *configCheck) number(path string, value *int, without int, fine func(int) bool, advice string) {
	switch {
	case !k.doc.Has(path) || *value == 0 && k.failed(path):
		*value = without
	case !fine(*value):
		k.doc.Errorf(path, "%d is too little or too much; %s", *value, advice)
	}
}
