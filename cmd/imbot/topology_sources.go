package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"imbot/catalog"
	"imbot/integrations/backstage"
	"imbot/integrations/newrelic"
	"imbot/integrations/pagerduty"
	"imbot/integrations/prometheus"
	"imbot/topology"
)

// Names of the vendors as sources of calls.
const (
	sourceNewRelic   = "newrelic"
	sourcePrometheus = "prometheus"
	sourceBackstage  = "backstage"
	sourcePagerDuty  = "pagerduty"
)

// pagerDutyEvery is how often PagerDuty is asked for dependencies, at most: that
// takes a request for each service, and people change them rarely.
const pagerDutyEvery = time.Hour

// feeds are the sources of calls that the configuration turns on. pager is nil
// where PagerDuty is not to be asked.
func feeds(cfg *Config, pager *pagerduty.Client, now func() time.Time, log *slog.Logger) ([]topology.Feed, error) {
	every := cfg.Topology.Refresh.Std()
	var out []topology.Feed
	if n := cfg.NewRelic; n != nil {
		c, err := newrelic.New(newrelic.Config{Key: n.APIKey.Reveal(), Region: n.Region, URL: n.URL, Search: n.Search, Now: now})
		if err != nil {
			return nil, err
		}
		out = append(out, topology.Feed{Name: sourceNewRelic, Source: fromNewRelic{c}, Every: every, Live: true})
	}
	if p := cfg.Prometheus; p != nil {
		c, err := prometheus.New(prometheus.Config{
			URL: p.URL, Token: p.BearerToken.Reveal(), Username: p.User, Password: p.Password.Reveal(), OrgID: p.OrgID, Graphs: p.graphs(), Now: now,
			Warn: func(graph, warning string) {
				log.Warn("prometheus: an answer may be incomplete", "graph", graph, "warning", warning)
			},
		})
		if err != nil {
			return nil, err
		}
		out = append(out, topology.Feed{Name: sourcePrometheus, Source: fromPrometheus{c}, Every: every, Window: p.Window.Std(), Live: true})
	}
	if b := cfg.Backstage; b != nil {
		from := fromBackstage{files: b.Files, now: now}
		if b.URL != "" {
			var err error
			if from.c, err = backstage.New(backstage.Config{URL: b.URL, Token: b.Token.Reveal(), Now: now}); err != nil {
				return nil, err
			}
		}
		out = append(out, topology.Feed{Name: sourceBackstage, Source: from, Every: every})
	}
	if ask := cfg.Topology.PagerDuty; pager != nil && (ask == nil || *ask) {
		out = append(out, topology.Feed{
			Name: sourcePagerDuty, Source: fromPagerDuty{pager.Background()}, Every: max(every, pagerDutyEvery), Limit: 15 * time.Minute,
		})
	}
	return out, nil
}

// feedsOf is feeds for who has no app.
func feedsOf(cfg *Config) ([]topology.Feed, error) {
	var pager *pagerduty.Client
	if p := cfg.PagerDuty; p != nil && p.APIToken != "" {
		var err error
		if pager, err = pagerduty.New(pagerduty.Config{Token: p.APIToken.Reveal(), BaseURL: p.URL, From: p.From}); err != nil {
			return nil, err
		}
	}
	return feeds(cfg, pager, time.Now, slog.New(slog.DiscardHandler))
}

// graphServices are the services of a catalogue as the graph wants them.
func graphServices(cat *catalog.Catalog) []topology.Service {
	all := cat.Services()
	out := make([]topology.Service, len(all))
	for i := range all {
		s := &all[i]
		out[i] = topology.Service{
			Key: s.Key, Name: s.Name, Aliases: s.Aliases, NewRelicGUID: s.NewRelicGUID, PagerDutyID: s.PagerDutyID, DependsOn: s.DependsOn,
		}
	}
	return out
}

// fromNewRelic is New Relic as a source. It knows no window: it tells of the
// relationships that it has not forgotten yet.
type fromNewRelic struct{ c *newrelic.Client }

func (f fromNewRelic) Edges(ctx context.Context, _ time.Duration) ([]topology.Seen, error) {
	edges, err := f.c.Edges(ctx)
	out := make([]topology.Seen, len(edges))
	for i, e := range edges {
		out[i] = topology.Seen{
			From: topology.End{Name: e.From, NewRelicGUID: e.FromGUID}, To: topology.End{Name: e.To, NewRelicGUID: e.ToGUID},
			Kind: e.Kind, Rate: e.Rate, ErrorRate: e.ErrorRate, At: e.At,
		}
	}
	return out, err
}

func (f fromNewRelic) check(ctx context.Context) (string, error) {
	n, err := f.c.Check(ctx)
	return fmt.Sprintf("%d services", n), err
}

// fromPrometheus is Prometheus, or what speaks its API, as a source.
type fromPrometheus struct{ c *prometheus.Client }

func (f fromPrometheus) Edges(ctx context.Context, window time.Duration) ([]topology.Seen, error) {
	edges, err := f.c.Edges(ctx, window)
	out := make([]topology.Seen, len(edges))
	for i, e := range edges {
		out[i] = topology.Seen{
			From: topology.End{Name: e.From, Namespace: e.FromNamespace}, To: topology.End{Name: e.To, Namespace: e.ToNamespace},
			Kind: e.Kind, Rate: e.Rate, ErrorRate: e.ErrorRate, At: e.At,
		}
	}
	return out, err
}

func (f fromPrometheus) check(ctx context.Context) (string, error) {
	found, err := f.c.Check(ctx)
	var parts []string
	for _, g := range found {
		parts = append(parts, fmt.Sprintf("%s %d", g.Graph, g.Edges))
	}
	return "metrics: " + strings.Join(parts, ", "), err
}

// fromBackstage is Backstage's catalogue, or files of it, or both together, as a
// source.
type fromBackstage struct {
	c     *backstage.Client // nil: files only
	files []string
	now   func() time.Time
}

func (f fromBackstage) Edges(ctx context.Context, _ time.Duration) ([]topology.Seen, error) {
	entities, err := f.entities(ctx)
	edges, joinErr := backstage.Join(entities, f.now(), 0)
	err = errors.Join(err, joinErr)
	out := make([]topology.Seen, len(edges))
	for i, e := range edges {
		out[i] = topology.Seen{
			From: backstageEnd(e.From), To: backstageEnd(e.To), Kind: e.Kind, Rate: e.Rate, ErrorRate: e.ErrorRate, At: e.At,
		}
	}
	return out, err
}

// backstageEnd takes "checkout", or "shop/checkout" of another namespace than
// the default one.
func backstageEnd(name string) topology.End {
	if namespace, rest, ok := strings.Cut(name, "/"); ok {
		return topology.End{Name: rest, Namespace: namespace}
	}
	return topology.End{Name: name}
}

// entities are those of the files and of Backstage; what can not be read does
// not cost the rest.
func (f fromBackstage) entities(ctx context.Context) ([]backstage.Entity, error) {
	var out []backstage.Entity
	var errs []error
	if f.c != nil {
		all, err := f.c.Entities(ctx)
		out, errs = append(out, all...), append(errs, err)
	}
	for _, name := range f.files {
		data, err := readBounded(name, maxConfigBytes)
		if err == nil {
			var all []backstage.Entity
			all, err = backstage.ParseCatalogInfo(data)
			out = append(out, all...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return out, errors.Join(errs...)
}

func (f fromBackstage) check(ctx context.Context) (string, error) {
	var parts []string
	var errs []error
	if f.c != nil {
		n, err := f.c.Check(ctx)
		parts, errs = append(parts, fmt.Sprintf("%d components", n)), append(errs, err)
	}
	for _, name := range f.files {
		_, err := os.Stat(name)
		errs = append(errs, err)
	}
	if n := len(f.files); n > 0 {
		parts = append(parts, fmt.Sprintf("%d files", n))
	}
	return strings.Join(parts, ", "), errors.Join(errs...)
}

// fromPagerDuty are the dependencies between technical services that people
// have declared in PagerDuty, as a source.
type fromPagerDuty struct{ c *pagerduty.Client }

// maxPagerDuty bounds the services whose dependencies are asked for: each costs
// a request, of which PagerDuty allows 960 a minute.
const maxPagerDuty = 5000

func (f fromPagerDuty) Edges(ctx context.Context, _ time.Duration) ([]topology.Seen, error) {
	services, err := f.c.Services(ctx)
	if err != nil {
		return nil, err
	}
	if len(services) > maxPagerDuty {
		services, err = services[:maxPagerDuty], fmt.Errorf("PagerDuty has %d services: only the first %d are asked for their dependencies", len(services), maxPagerDuty)
	}
	names := make(map[string]string, len(services))
	for _, s := range services {
		names[s.ID] = s.Summary
	}
	known := map[pagerduty.Dependency]bool{}
	var out []topology.Seen
	for _, s := range services {
		all, oneErr := f.dependencies(ctx, s.ID)
		if oneErr != nil {
			return out, errors.Join(err, oneErr)
		}
		for _, d := range all {
			if known[d] || len(known) > topology.MaxEdges {
				continue
			}
			known[d] = true
			out = append(out, topology.Seen{
				From: topology.End{PagerDutyID: d.Dependent, Name: names[d.Dependent]}, To: topology.End{PagerDutyID: d.Supporting, Name: names[d.Supporting]},
			})
		}
	}
	return out, err
}

// dependencies waits where the request budget is used up: others come first. A
// service that has gone since it was listed has none.
func (f fromPagerDuty) dependencies(ctx context.Context, id string) ([]pagerduty.Dependency, error) {
	for {
		all, err := f.c.Dependencies(ctx, id)
		var e *pagerduty.Error
		if err == nil || !errors.As(err, &e) {
			return all, err
		}
		if e.NotFound() {
			return nil, nil
		}
		if e.RetryAfter() <= 0 || e.RetryAfter() > time.Minute {
			return nil, err
		}
		wait := time.NewTimer(e.RetryAfter())
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, err
		}
	}
}

func (f fromPagerDuty) check(ctx context.Context) (string, error) {
	all, err := f.c.Services(ctx)
	return fmt.Sprintf("%d services", len(all)), err
}
