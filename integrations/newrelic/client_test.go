package newrelic_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/internal/rig"
	"imbot/integrations/newrelic"
	"imbot/integrations/newrelic/newrelicsim"
)

// start returns a simulator on a port, and a client of it.
func start(t testing.TB, o newrelicsim.Options, c newrelic.Config) (*newrelicsim.Server, *newrelic.Client) {
	t.Helper()
	sim := newrelicsim.New(o)
	t.Cleanup(sim.Close)
	c.URL = sim.URL()
	return sim, client(t, sim, c)
}

// unstarted is start without a network, for tests that take simulated time.
func unstarted(t testing.TB, o newrelicsim.Options, c newrelic.Config) (*newrelicsim.Server, *newrelic.Client) {
	t.Helper()
	sim := newrelicsim.Unstarted(o)
	c.HTTP = &http.Client{Transport: sim}
	return sim, client(t, sim, c)
}

func client(t testing.TB, sim *newrelicsim.Server, c newrelic.Config) *newrelic.Client {
	t.Helper()
	if c.Key == "" {
		c.Key = sim.Key()
	}
	n, err := newrelic.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// names are edges as "from kind to".
func names(edges []newrelic.Edge) []string {
	out := []string{}
	for _, e := range edges {
		out = append(out, e.From+" "+e.Kind+" "+e.To)
	}
	return out
}

func wantEdges(t testing.TB, c *newrelic.Client, want ...string) {
	t.Helper()
	edges, err := c.Edges(t.Context())
	if err != nil {
		t.Fatalf("Edges: %v", err)
	}
	if d := cmp.Diff(append([]string{}, want...), names(edges)); d != "" {
		t.Errorf("Edges (-want +got):\n%s", d)
	}
}

func TestEdges(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 7*3600))
	sim, c := start(t, newrelicsim.Options{}, newrelic.Config{Now: func() time.Time { return at }})
	web, cart := sim.AddService("web"), sim.AddService("cart")
	otel := sim.Add(newrelicsim.Entity{Name: "pricing", Domain: "EXT", Type: "SERVICE"})
	db := sim.Add(newrelicsim.Entity{Name: "cart-db", Domain: "INFRA", Type: "POSTGRESQLINSTANCE"})
	topic := sim.Add(newrelicsim.Entity{Name: "orders", Domain: "INFRA", Type: "KAFKATOPIC"})
	sqs := sim.Add(newrelicsim.Entity{Name: "mails", Domain: "INFRA", Type: "AWSSQSQUEUE"})
	dns := sim.Add(newrelicsim.Entity{Name: "dns", Domain: "INFRA", Type: "AWSROUTE53RECORDSET"})
	browser := sim.Add(newrelicsim.Entity{Name: "shop page", Domain: "BROWSER", Type: "APPLICATION"})
	sim.Call(browser, web)
	sim.Call(web, cart)
	sim.Call(web, otel)
	sim.Call(cart, db)
	sim.Call(cart, sqs)
	sim.Call(cart, dns)
	sim.Relate(cart, "PRODUCES", topic)
	sim.Relate(otel, "CONSUMES", topic)
	sim.Relate(cart, "CONNECTS_TO", db) // the same edge by another name
	sim.Relate(cart, "HOSTS", web)
	sim.Call(cart, cart)
	wantEdges(
		t, c,
		"cart db cart-db", "cart http dns", "cart queue mails", "cart queue orders",
		"pricing queue orders", "web http cart", "web http pricing",
	)

	edges, err := c.Edges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := newrelic.Edge{From: "web", To: "pricing", FromGUID: web, ToGUID: otel, Kind: newrelic.KindHTTP, At: at.UTC()}
	if got := edges[len(edges)-1]; got != want {
		t.Errorf("edge = %+v, want %+v", got, want)
	}
	if n, err := c.Check(t.Context()); n != 3 || err != nil {
		t.Errorf("Check = %d, %v; want 3 services", n, err)
	}
	for _, r := range sim.Requests() {
		if r.Header.Get("API-Key") != sim.Key() || r.Header.Get("Content-Type") != "application/json" || strings.Contains(r.Query, web) {
			t.Errorf("request %+v", r)
		}
	}
}

// A service of the same name in another account is another service.
func TestEdgesOfNamesakes(t *testing.T) {
	sim, c := start(t, newrelicsim.Options{}, newrelic.Config{})
	a, b := sim.AddService("web"), sim.AddService("web")
	sim.Call(a, b)
	edges, err := c.Edges(t.Context())
	if err != nil || len(edges) != 1 || edges[0].FromGUID != a || edges[0].ToGUID != b {
		t.Errorf("Edges = %+v, %v", edges, err)
	}
}

// New Relic forgets who called a service that is down.
func TestEdgesVanish(t *testing.T) {
	sim, c := start(t, newrelicsim.Options{TTL: 10 * time.Minute}, newrelic.Config{})
	web, cart, db := sim.AddService("web"), sim.AddService("cart"), sim.AddService("db")
	sim.Call(web, cart)
	sim.Call(cart, db)
	sim.StopReporting(cart)
	wantEdges(t, c, "cart http db", "web http cart")
	sim.Advance(9 * time.Minute)
	wantEdges(t, c, "cart http db", "web http cart")
	sim.Advance(2 * time.Minute)
	wantEdges(t, c)
	sim.StartReporting(cart)
	wantEdges(t, c, "cart http db", "web http cart")
	sim.EndCalls(cart, db)
	sim.Advance(time.Hour)
	wantEdges(t, c, "web http cart")
}

func TestEdgesPaging(t *testing.T) {
	sim, c := start(t, newrelicsim.Options{PageSize: 3}, newrelic.Config{})
	var all, want []string
	for n := range 10 {
		all = append(all, sim.AddService(fmt.Sprintf("s%02d", n)))
	}
	for n, from := range all {
		for m, to := range all {
			if n < m {
				sim.Call(from, to)
				want = append(want, fmt.Sprintf("s%02d http s%02d", n, m))
			}
		}
	}
	wantEdges(t, c, want...)
	// 4 pages of services; services 0 to 9 have 9 to 0 edges each.
	if got, want := len(sim.Requests()), 4+3+3+3+2+2+2+1+1+1+1; got != want {
		t.Errorf("%d requests, want %d", got, want)
	}
}

// At most as many requests as wanted are made at once, and that many are.
func TestEdgesConcurrent(t *testing.T) {
	for _, tt := range []struct{ asked, want int }{{0, 10}, {4, 4}, {25, 25}, {99, 25}} {
		synctest.Test(t, func(t *testing.T) {
			sim, c := unstarted(t, newrelicsim.Options{Latency: time.Second}, newrelic.Config{Concurrent: tt.asked})
			for n := range 60 {
				sim.AddService(fmt.Sprint("s", n))
			}
			wantEdges(t, c)
			if got := sim.Peak(); got != tt.want {
				t.Errorf("Concurrent %d: %d at once, want %d", tt.asked, got, tt.want)
			}
		})
	}
}

// Others share the limit: what is too much is asked for again.
func TestEdgesTooManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, c := unstarted(t, newrelicsim.Options{Latency: time.Second, Concurrent: 5}, newrelic.Config{Concurrent: 8})
		web := sim.AddService("web")
		var want []string
		for n := range 20 {
			sim.Call(web, sim.AddService(fmt.Sprintf("s%02d", n)))
			want = append(want, fmt.Sprintf("web http s%02d", n))
		}
		wantEdges(t, c, want...)
		if got := len(sim.Requests()); got <= 22 {
			t.Errorf("%d requests: nothing was refused", got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, c := unstarted(t, newrelicsim.Options{}, newrelic.Config{})
		sim.Inject(newrelicsim.Fault{Status: 429, RetryAfter: 7 * time.Second, Times: 2})
		began := time.Now()
		if _, err := c.Check(t.Context()); err != nil || time.Since(began) != 14*time.Second {
			t.Errorf("Check = %v after %v, want success after 14s", err, time.Since(began))
		}

		// The class alone says so, too; and there is an end to it.
		sim.Inject(newrelicsim.Fault{Class: "TOO_MANY_REQUESTS"})
		began = time.Now()
		before := len(sim.Requests())
		_, err := c.Check(t.Context())
		took := time.Since(began)
		wantError(t, "always too many", err, 200, false)
		if n := len(sim.Requests()) - before; n != 5 || took < 15*time.Second || took > 19*time.Second {
			t.Errorf("%d requests in %v, want 5 in 15s to 19s", n, took)
		}

		// Who has to wait longer than that decides for himself.
		sim.ClearFaults()
		sim.Inject(newrelicsim.Fault{Status: 429, RetryAfter: time.Minute})
		began = time.Now()
		e := wantError(t, "long wait", check(t, c), 429, false)
		if e.RetryAfter() != time.Minute || time.Since(began) != 0 {
			t.Errorf("RetryAfter = %v after %v", e.RetryAfter(), time.Since(began))
		}

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		sim.ClearFaults()
		sim.Inject(newrelicsim.Fault{Status: 429, RetryAfter: 20 * time.Second})
		if _, err := c.Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Check = %v, want that the caller's time is up", err)
		}
	})
}

func check(t testing.TB, c *newrelic.Client) error {
	t.Helper()
	_, err := c.Check(t.Context())
	return err
}

func wantError(t testing.TB, what string, err error, status int, permanent bool) *newrelic.Error {
	t.Helper()
	e := rig.Failed(t, what, err, func(e *newrelic.Error) int { return e.Status }, status, permanent)
	rig.Says(t, what, err, "", "NRAK-SIM", "NRAK-OTHER", "NRAK-NO")
	return e
}

func TestErrors(t *testing.T) {
	big := `{"data":{"x":"` + strings.Repeat("x", newrelic.MaxBody) + `"}}`
	for _, tt := range []struct {
		name      string
		fault     newrelicsim.Fault
		status    int
		permanent bool
		says      string
	}{
		{"server error", newrelicsim.Fault{Status: 503, RetryAfter: time.Second}, 503, false, "service unavailable"},
		{"error in 200", newrelicsim.Fault{Class: "SERVER_ERROR", Message: "An error\noccurred"}, 200, false, "An error occurred (SERVER_ERROR)"},
		{"time-out in 200", newrelicsim.Fault{Class: "TIMEOUT", Message: "x"}, 200, false, "TIMEOUT"},
		{"bad question", newrelicsim.Fault{Message: `Cannot query field "x"`}, 200, true, "Cannot query field"},
		{"bad key in 200", newrelicsim.Fault{Class: "BAD_API_KEY", Message: "no"}, 200, true, "check the API key"},
		{"forbidden", newrelicsim.Fault{Status: 403}, 403, true, "check the API key"},
		{"wrong path", newrelicsim.Fault{Status: 404}, 404, true, "check region and URL"},
		{"redirect", newrelicsim.Fault{Location: "https://login.example/"}, 302, true, "redirects are not followed"},
		{"dropped", newrelicsim.Fault{Drop: true}, 0, false, "did not answer"},
		{"a page", newrelicsim.Fault{Body: "<html>"}, 200, false, "is this the address of NerdGraph?"},
		{"nothing", newrelicsim.Fault{Body: "{}"}, 200, false, "is this the address of NerdGraph?"},
		{"empty data", newrelicsim.Fault{Body: `{"data":{"actor":null}}`}, 200, false, "no search result"},
		{"other data", newrelicsim.Fault{Body: `{"data":{"actor":7}}`}, 200, false, "not understood"},
		{"endless body", newrelicsim.Fault{Body: big}, 200, false, "longer than 8 MB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, c := start(t, newrelicsim.Options{}, newrelic.Config{})
			sim.Inject(tt.fault)
			rig.Says(t, tt.name, wantError(t, tt.name, check(t, c), tt.status, tt.permanent), tt.says)
			if _, err := c.Edges(t.Context()); err == nil {
				t.Error("Edges succeeded")
			}
		})
	}
	_, c := start(t, newrelicsim.Options{}, newrelic.Config{Key: "NRAK-OTHER"})
	wantError(t, "wrong key", check(t, c), 401, true)
}

func TestNew(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    newrelic.Config
		says string // of the error; empty: none
	}{
		{"plain", newrelic.Config{Key: "k"}, ""},
		{"region", newrelic.Config{Key: "k", Region: "EU"}, ""},
		{"japan", newrelic.Config{Key: "k", Region: newrelic.RegionJP}, ""},
		{"url", newrelic.Config{Key: "k", URL: "https://nr.example.com"}, ""},
		{"loopback", newrelic.Config{Key: "k", URL: "http://[::1]:80/graphql"}, ""},
		{"localhost", newrelic.Config{Key: "k", URL: "http://localhost:80/graphql"}, ""},
		{"no key", newrelic.Config{}, "user key"},
		{"key with line", newrelic.Config{Key: "k\r\nX: y"}, "copy it again"},
		{"no region", newrelic.Config{Key: "k", Region: "mars"}, "use us, eu or jp"},
		{"http", newrelic.Config{Key: "k", URL: "http://nr.example.com"}, "must be https"},
		{"loopback in name", newrelic.Config{Key: "k", URL: "http://127.0.0.1.example.com"}, "must be https"},
		{"ftp", newrelic.Config{Key: "k", URL: "ftp://127.0.0.1"}, "must be https"},
		{"password", newrelic.Config{Key: "k", URL: "https://u:p@x"}, "must look like"},
		{"no url", newrelic.Config{Key: "k", URL: "%"}, "must look like"},
	} {
		_, err := newrelic.New(tt.c)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: New = %v, want %q", tt.name, err, tt.says)
		}
	}
}
