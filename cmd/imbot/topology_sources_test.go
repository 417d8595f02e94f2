package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/newrelic/newrelicsim"
	"imbot/topology"
)

// graphRig is the whole app with a simulated New Relic beside the others.
func graphRig(t *testing.T, extra string) (*rig, *newrelicsim.Server) {
	t.Helper()
	nr := newrelicsim.New(newrelicsim.Options{TTL: 10 * time.Minute})
	t.Cleanup(nr.Close)
	return newRig(t, fmt.Sprintf("newrelic: {api_key: %q, url: %q}\n%s", nr.Key(), nr.URL(), extra)), nr
}

// seen is what an app's graph holds, with the ages of the calls.
func (r *rig) seen() []string {
	out := []string{}
	for _, c := range r.app.topology.Snapshot().Calls() {
		age := "always"
		if !c.LastSeen.IsZero() {
			age = r.Now().Sub(c.LastSeen).Round(time.Minute).String()
		}
		out = append(out, fmt.Sprintf("%s>%s %s %s", c.From, c.To, c.Source, age))
	}
	return out
}

func (r *rig) wantSeen(what string, want ...string) {
	r.t.Helper()
	if d := cmp.Diff(append([]string{}, want...), r.seen()); d != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func (r *rig) source(name string) topology.SourceState {
	r.t.Helper()
	all := r.app.topology.Sources()
	i := slices.IndexFunc(all, func(s topology.SourceState) bool { return s.Name == name })
	if i < 0 {
		r.t.Fatalf("there is no source %s among %v", name, all)
	}
	return all[i]
}

// rewrite replaces the catalogue's file, and reloads as SIGHUP does.
func (r *rig) rewrite(catalogue string) {
	r.t.Helper()
	if err := os.WriteFile(r.app.cfg.Catalog, []byte(catalogue), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := r.app.reload(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

const graphCatalogue = `
squads:
  - {key: payments, name: Payments, lead: ani@example.com}
services:
  - {key: checkout, name: Checkout, squad: payments, pagerduty_service_id: PSVC01, depends_on: [payments-db], newrelic_guid: GUIDCHECKOUT}
  - {key: payments-db, name: Payments DB, squad: payments, pagerduty_service_id: PSVC02}
  - {key: cart, aliases: [cart-api, shop/cart]}
`

// New Relic drops the edge of a callee that is dead; imbot does not.
func TestNewRelicForgetsImbotDoesNot(t *testing.T) {
	r, nr := graphRig(t, "")
	r.rewrite(graphCatalogue)
	checkout := nr.Add(newrelicsim.Entity{GUID: "GUIDCHECKOUT", Name: "Checkout production", Domain: "APM", Type: "APPLICATION"})
	cart, db, redis := nr.AddService("Cart-API"), nr.AddService("payments db"), nr.AddService("redis-7f9")
	nr.Call(checkout, cart)
	nr.Call(cart, db)
	nr.Call(cart, redis)
	refresh := func() {
		t.Helper()
		if err := r.app.topology.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	all := []string{"cart>payments-db newrelic 0s", "checkout>cart newrelic 0s", "checkout>payments-db catalog always"}
	r.wantSeen("at first", all...)

	nr.StopReporting(cart)
	nr.Advance(time.Hour)
	r.advance(time.Hour)
	refresh()
	r.wantSeen("an hour after cart has died", "cart>payments-db newrelic 1h0m0s", "checkout>cart newrelic 1h0m0s", "checkout>payments-db catalog always")
	if s := r.source("newrelic"); s.Edges != 0 || s.Error != "" || len(s.Unmapped) != 1 || s.Unmapped[0].Name != "redis-7f9" {
		t.Errorf("state: %+v", s)
	}
	got := r.app.service.Topology().Callees("checkout")
	if len(got) != 2 || got[0].To != "cart" || got[0].LastSeen.IsZero() {
		t.Errorf("the domain sees %+v", got)
	}

	// New Relic itself is down: what is known stays, and ages.
	nr.Inject(newrelicsim.Fault{Status: 503})
	r.advance(time.Hour)
	if err := r.app.topology.Refresh(t.Context()); err == nil {
		t.Error("Refresh = nil while New Relic is down")
	}
	r.wantSeen("while New Relic is down", "cart>payments-db newrelic 2h0m0s", "checkout>cart newrelic 2h0m0s", "checkout>payments-db catalog always")
	_, metrics := r.get("/metrics")
	for _, want := range []string{
		`imbot_topology_edges{source="catalog"} 1`, `imbot_topology_edges{source="newrelic"} 2`,
		`imbot_topology_source_up{source="newrelic"} 0`, `imbot_topology_source_age_seconds{source="newrelic"} 3600`,
		`imbot_topology_source_up{source="pagerduty"} 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("the metrics have no %s:\n%s", want, lines(metrics, "imbot_topology"))
		}
	}
	if strings.Contains(metrics, "redis") {
		t.Error("the metrics have a name")
	}

	// It recovers, and the catalogue gets the alias that was missing.
	nr.ClearFaults()
	nr.StartReporting(cart)
	r.rewrite(graphCatalogue + "  - {key: redis, aliases: [redis-7f9]}\n")
	refresh()
	r.wantSeen("all well again", "cart>payments-db newrelic 0s", "cart>redis newrelic 0s", "checkout>cart newrelic 0s", "checkout>payments-db catalog always")
	if s := r.source("newrelic"); len(s.Unmapped) != 0 || s.Edges != 3 {
		t.Errorf("state: %+v", s)
	}
	r.advance(15 * 24 * time.Hour)
	nr.EndCalls(cart, redis)
	nr.Advance(time.Hour)
	refresh()
	r.wantSeen("15 days later", "cart>payments-db newrelic 0s", "checkout>cart newrelic 0s", "checkout>payments-db catalog always")
}

// lines are those with a word.
func lines(text, word string) string {
	var out []string
	for l := range strings.Lines(text) {
		if strings.Contains(l, word) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "")
}

// Whatever New Relic does, a refresh ends in bounded time, and what is known
// stays.
func TestNewRelicMisbehaves(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault newrelicsim.Fault
		says  string
	}{
		{"cursor loop", newrelicsim.Fault{Field: "relatedEntities", Endless: "same"}, "page mark twice"},
		{"cursor loop of services", newrelicsim.Fault{Field: "entitySearch", Endless: "same"}, "page mark twice"},
		{"endless pages", newrelicsim.Fault{Field: "entitySearch", Endless: "new"}, "more than 1000 pages"},
		{"a million edges", newrelicsim.Fault{Field: "relatedEntities", Flood: 1_000_000}, "longer than 8 MB"},
		{"slow pages", newrelicsim.Fault{Slow: 3 * time.Second}, "deadline exceeded"},
		{"no answer", newrelicsim.Fault{Hang: true}, "deadline exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nr := newrelicsim.New(newrelicsim.Options{})
			t.Cleanup(nr.Close)
			a, b := nr.AddService("checkout"), nr.AddService("cart")
			nr.Call(a, b)
			for n := range 20 {
				nr.AddService(fmt.Sprint("other", n))
			}
			cfg, err := loadText(minimal + fmt.Sprintf("newrelic: {api_key: %q, url: %q}\n", nr.Key(), nr.URL()))
			if err != nil {
				t.Fatal(err)
			}
			all, err := feedsOf(cfg)
			if err != nil {
				t.Fatal(err)
			}
			all[0].Limit = 5 * time.Second // enough for the answer before on any machine
			if tt.fault.Slow == 0 && !tt.fault.Hang {
				all[0].Limit = 5 * time.Minute
			}
			k := openKeeper(t, all, []topology.Service{{Key: "checkout"}, {Key: "cart"}})
			if err := k.Refresh(t.Context()); err != nil && tt.fault.Slow == 0 {
				t.Fatal(err)
			}
			known := len(k.Edges())
			nr.Inject(tt.fault)
			began := time.Now()
			err = k.Refresh(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Refresh = %v, want %q", err, tt.says)
			}
			if took := time.Since(began); took > all[0].Limit+time.Minute {
				t.Errorf("it took %v", took)
			}
			if len(k.Edges()) < known || len(k.Graph().Callees("checkout")) != known {
				t.Errorf("%d edges, %d before", len(k.Edges()), known)
			}
			if s := k.Sources()[0]; s.Error == "" || s.Failures == 0 {
				t.Errorf("state: %+v", s)
			}
		})
	}
}

// prometheusOf answers every query for a service graph with these pairs of
// client and server, of Istio with those that have a namespace.
func prometheusOf(t *testing.T, tenant string, pairs ...string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Scope-OrgID") != tenant {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"status":"error","errorType":"unauthorized","error":"no org id"}`)
			return
		}
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		query := r.Form.Get("query")
		var result []map[string]any
		for _, p := range pairs {
			from, to, _ := strings.Cut(p, ">")
			fromNS, fromName, istio := strings.Cut(from, "/")
			toNS, toName, _ := strings.Cut(to, "/")
			switch {
			case istio && strings.Contains(query, "istio_requests_total") && !strings.Contains(query, "response_code"):
				result = append(result, series(map[string]string{
					"source_canonical_service": fromName, "source_workload_namespace": fromNS,
					"destination_canonical_service": toName, "destination_service_namespace": toNS,
				}))
			case !istio && strings.Contains(query, "traces_service_graph_request_total"):
				result = append(result, series(map[string]string{"client": from, "server": to}))
			}
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "vector", "result": result}}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func series(labels map[string]string) map[string]any {
	return map[string]any{"metric": labels, "value": []any{1772366400, "2.5"}}
}

func TestPrometheusAsSource(t *testing.T) {
	srv := prometheusOf(t, "team-a", "Checkout>cart-api", "web/checkout>shop/cart", "web/checkout>other/cart", "user>checkout")
	r := newRig(t, fmt.Sprintf("prometheus: {url: %q, org_id: team-a, graphs: [service-graph, istio]}\n", srv.URL))
	r.rewrite(graphCatalogue)
	if err := r.app.topology.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantSeen("from metrics", "checkout>cart prometheus 0s", "checkout>payments-db catalog always")
	if got := r.app.topology.Snapshot().Callees("checkout")[0].Rate; got != 5 { // by traces, and by the mesh
		t.Errorf("rate %v, want 5", got)
	}
	// "cart" is told apart by its namespace: that of another one is unknown.
	if s := r.source("prometheus"); s.Edges != 1 || len(s.Unmapped) != 1 || s.Unmapped[0].Name != "other/cart" {
		t.Errorf("state: %+v", s)
	}

	other := prometheusOf(t, "team-b")
	cfg, err := loadText(minimal + fmt.Sprintf("prometheus: {url: %q, org_id: team-a}\n", other.URL))
	if err != nil {
		t.Fatal(err)
	}
	all, err := feedsOf(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Source.Edges(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "no org id") {
		t.Errorf("Edges with another tenant = %v", err)
	}
}

const catalogInfo = `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: checkout}
spec:
  type: service
  dependsOn:
    - component:cart
    - component:shop/cart
    - resource:legacy-db
---
kind: Component
metadata: {name: cart, namespace: shop}
spec: {type: service}
`

// Files and Backstage together; what fails does not cost the rest.
func TestBackstageAsSource(t *testing.T) {
	fails := true
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fails || r.Header.Get("Authorization") != "Bearer backstage-token" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"items":[{"kind":"Component","metadata":{"name":"cart","namespace":"shop"},"spec":{"type":"service"},
			"relations":[{"type":"dependsOn","targetRef":"component:default/payments-db"}]},
			{"kind":"Component","metadata":{"name":"payments-db"},"spec":{"type":"service"},"relations":[]}],"totalItems":2,"pageInfo":{}}`)
	}))
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "catalog-info.yaml")
	if err := os.WriteFile(file, []byte(catalogInfo), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, fmt.Sprintf("backstage: {url: %q, token: backstage-token, files: [%q]}\n", srv.URL, file))
	r.rewrite(graphCatalogue)
	if err := r.app.topology.Refresh(t.Context()); err == nil {
		t.Error("Refresh = nil while Backstage fails")
	}
	r.wantSeen("of the file", "checkout>cart backstage 0s", "checkout>payments-db catalog always")
	if s := r.source("backstage"); s.Error == "" || !s.OKAt.IsZero() || s.Unmapped[0].Name != "cart" && s.Unmapped[0].Name != "legacy-db" {
		t.Errorf("state: %+v", s)
	}
	fails = false
	if err := r.app.topology.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantSeen("of both", "cart>payments-db backstage 0s", "checkout>cart backstage 0s", "checkout>payments-db catalog always")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := r.app.topology.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "catalog-info.yaml") {
		t.Errorf("Refresh without the file = %v", err)
	}
}

// Dependencies that people have declared in PagerDuty; services in no catalogue
// are services, too.
func TestPagerDutyAsSource(t *testing.T) {
	r := newRig(t, "")
	r.rewrite(graphCatalogue)
	r.pd.AddDependency("PSVC01", "PNEW1")
	r.pd.AddDependency("PNEW1", "PNEW2")
	r.pd.AddDependency("PNEW2", "PSVC02")
	r.pd.AddBusinessDependency("PSALES", "PSVC01")
	if err := r.app.topology.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantSeen(
		"of PagerDuty", "checkout>payments-db catalog always", "checkout>pd:PNEW1 pagerduty 0s", "pd:PNEW1>pd:PNEW2 pagerduty 0s", "pd:PNEW2>payments-db pagerduty 0s",
	)
	if s := r.source("pagerduty"); s.Edges != 3 || len(s.Unmapped) != 0 {
		t.Errorf("state: %+v", s)
	}
	// One of them comes into the catalogue: its edges are those of the service.
	r.rewrite(graphCatalogue + "  - {key: ledger, pagerduty_service_id: PNEW1}\n")
	r.wantSeen(
		"after a reload", "checkout>ledger pagerduty 0s", "checkout>payments-db catalog always", "ledger>pd:PNEW2 pagerduty 0s", "pd:PNEW2>payments-db pagerduty 0s",
	)
}

func TestPagerDutyNotAsked(t *testing.T) {
	r := newRig(t, "topology: {pagerduty: false}\n")
	if got := r.app.topology.Feeds(); len(got) != 0 {
		t.Errorf("Feeds = %v", got)
	}
	want := []string{
		"newrelic: no section in the configuration; it is not asked who calls whom", "prometheus: no section in the configuration; it is not asked who calls whom",
		"backstage: no section in the configuration; it is not asked who calls whom", "topology: PagerDuty is not asked for service dependencies",
	}
	for _, w := range want {
		if !slices.Contains(r.app.off(), w) {
			t.Errorf("off() does not say %q: %q", w, r.app.off())
		}
	}
}

// run ends with its context, and an incident asks the sources.
func TestServeAsksSources(t *testing.T) {
	r, nr := graphRig(t, "")
	r.rewrite(graphCatalogue)
	a, b := nr.AddService("checkout"), nr.AddService("cart")
	nr.Call(a, b)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		r.app.topology.Run(ctx)
		close(ended)
	}()
	waitUntil(t, "the first answer", func() bool { return len(r.app.topology.Graph().Callees("checkout")) == 2 })
	nr.Call(b, nr.AddService("payments-db"))
	r.app.topology.Nudge("checkout")
	waitUntil(t, "the answer after an incident", func() bool { return len(r.app.topology.Graph().Callees("cart")) == 1 })
	cancel()
	<-ended
}

// waitUntil asks again and again what happens in other goroutines.
func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(2 * time.Minute)
	defer end.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s does not come", what)
		}
	}
}

// The doctor says of each source whether it answers, and what is not mapped.
func TestDoctorOfSources(t *testing.T) {
	r, nr := graphRig(t, fmt.Sprintf("prometheus: {url: %q}\nbackstage: {url: \"http://127.0.0.1:1\"}\n", prometheusOf(t, "").URL))
	r.rewrite(graphCatalogue)
	a, b := nr.AddService("checkout"), nr.AddService("cart")
	nr.Call(a, b)
	examine := func() map[string]check {
		d := &doctor{cfg: r.app.cfg}
		d.topology(t.Context(), r.app.catalog.Get())
		out := map[string]check{}
		for _, c := range d.checks {
			out[c.Name] = c
		}
		return out
	}
	want := func(got map[string]check, name, state, says string) {
		t.Helper()
		if c := got[name]; c.State != state || !strings.Contains(c.Detail, says) || state == checkFail && c.Mend == "" {
			t.Errorf("%s: %+v, want %s, %q", name, c, state, says)
		}
	}
	got := examine()
	want(got, "calls from newrelic", checkOK, "2 services, 1 calls between services of the catalog")
	want(got, "calls from prometheus", checkWarn, "0 calls")
	want(got, "calls from backstage", checkFail, "backstage")
	want(got, "calls from pagerduty", checkWarn, "0 calls")
	want(got, "depends_on", checkOK, "1 calls")
	nr.Call(a, nr.AddService("redis"))
	got = examine()
	want(got, "calls from newrelic", checkWarn, "1 calls are of 1 names that no service has, such as redis")
	nr.Inject(newrelicsim.Fault{Status: 401})
	got = examine()
	want(got, "calls from newrelic", checkFail, "check the API key")
	if strings.Contains(fmt.Sprint(got), nr.Key()) {
		t.Error("the doctor tells the key")
	}
	if len(r.app.topology.Edges()) != 0 {
		t.Error("the doctor has stored calls")
	}
}

// openKeeper is a keeper over a store of its own.
func openKeeper(t *testing.T, feeds []topology.Feed, services []topology.Service) *topology.Keeper {
	t.Helper()
	s := openStore(t)
	k := topology.New(topology.Config{
		Store: s, Services: func() []topology.Service { return services }, Feeds: feeds, Logger: slog.New(slog.DiscardHandler),
	})
	if err := k.Rebuild(t.Context()); err != nil {
		t.Fatal(errors.Join(err, s.Close()))
	}
	return k
}
