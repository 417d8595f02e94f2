package newrelic_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"imbot/integrations/newrelic"
	"imbot/integrations/newrelic/newrelicsim"
)

// One service that can't be read does not cost the others.
func TestEdgesGoesOn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault newrelicsim.Fault
		edges int
		says  string
	}{
		{"one", newrelicsim.Fault{Class: "SERVER_ERROR", Message: "sorry", Skip: 3, Times: 1}, 29, "1 of 30 services could not be read"},
		{"the same cursor", newrelicsim.Fault{Endless: "same", Skip: 3, Times: 2}, 29, "its list has no end"},
		{"many", newrelicsim.Fault{Class: "SERVER_ERROR", Message: "sorry", Skip: 5}, 5, "gave up after 11 services"},
		{"key withdrawn", newrelicsim.Fault{Status: 401, Skip: 5}, 5, "check the API key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, c := start(t, newrelicsim.Options{}, newrelic.Config{Concurrent: 1})
			db := sim.Add(newrelicsim.Entity{Name: "db", Domain: "INFRA", Type: "MSSQLINSTANCE"})
			for n := range 30 {
				sim.Call(sim.AddService(fmt.Sprint("s", n)), db)
			}
			tt.fault.Field = "relatedEntities"
			sim.Inject(tt.fault)
			edges, err := c.Edges(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Edges = %v, want %q", err, tt.says)
			}
			if len(edges) != tt.edges || !slices.IsSortedFunc(edges, func(a, b newrelic.Edge) int { return strings.Compare(a.From, b.From) }) {
				t.Errorf("%d edges, want %d, sorted", len(edges), tt.edges)
			}
		})
	}
}

func TestEdgesHostile(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault newrelicsim.Fault
		c     newrelic.Config
		says  string
	}{
		{"cursor loop", newrelicsim.Fault{Field: "entitySearch", Endless: "same"}, newrelic.Config{}, "same page mark twice"},
		{"endless pages", newrelicsim.Fault{Field: "entitySearch", Endless: "new"}, newrelic.Config{}, "more than 1000 pages"},
		{"cursor loop of a service", newrelicsim.Fault{Field: "relatedEntities", Endless: "same"}, newrelic.Config{}, "same page mark twice"},
		{"a million edges", newrelicsim.Fault{Field: "relatedEntities", Flood: 1_000_000}, newrelic.Config{}, "longer than 8 MB"},
		{"more edges than wanted", newrelicsim.Fault{Field: "relatedEntities", Flood: 1000}, newrelic.Config{MaxEdges: 999}, "more than 999 edges"},
		{"more services than wanted", newrelicsim.Fault{Field: "nothing"}, newrelic.Config{MaxServices: 1}, "more than 1 services"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, c := start(t, newrelicsim.Options{}, tt.c)
			sim.Add(newrelicsim.Entity{GUID: "S", Name: "s", Domain: "APM", Type: "APPLICATION"})
			sim.AddService("other")
			sim.Inject(tt.fault)
			edges, err := c.Edges(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Edges = %v, want %q", err, tt.says)
			}
			if tt.c.MaxEdges > 0 && len(edges) != tt.c.MaxEdges || len(edges) > 1000 {
				t.Errorf("%d edges", len(edges))
			}
		})
	}
}

func TestEdgesOddNames(t *testing.T) {
	sim, c := start(t, newrelicsim.Options{}, newrelic.Config{})
	web := sim.AddService("web\x00 \u202eshop\r\n[link](x)")
	for _, name := range []string{"a\tb\x7f", "", "\u0000", strings.Repeat("x", newrelic.MaxName), strings.Repeat("y", newrelic.MaxName+1), "né 🙂"} {
		sim.Call(web, sim.AddService(name))
	}
	sim.Call(web, sim.Add(newrelicsim.Entity{GUID: "bad guid", Name: "bad guid", Domain: "APM", Type: "APPLICATION"}))
	sim.Call(web, "gone")
	const from = "web shop [link](x) http "
	wantEdges(t, c, from+"a b", from+"né 🙂", from+strings.Repeat("x", newrelic.MaxName))
}

func TestEdgesSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, c := unstarted(t, newrelicsim.Options{}, newrelic.Config{Timeout: 5 * time.Second, Total: time.Minute})
		web, cart := sim.AddService("web"), sim.AddService("cart")
		sim.Call(web, cart)
		sim.Inject(newrelicsim.Fault{Field: "relatedEntities", Hang: true, Times: 1})
		began := time.Now()
		_, err := c.Edges(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("Edges = %v after %v, want a time-out after 5s", err, time.Since(began))
		}

		// All of it is bounded, too: 100 pages of 4 s each.
		for n := range 100 {
			sim.AddService(fmt.Sprint("s", n))
		}
		sim.Inject(newrelicsim.Fault{Field: "relatedEntities", Slow: 4 * time.Second})
		slow := client(t, sim, newrelic.Config{Total: time.Minute, Concurrent: 1, HTTP: &http.Client{Transport: sim}})
		began = time.Now()
		edges, err := slow.Edges(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute || len(edges) != 1 {
			t.Errorf("Edges = %d edges, %v after %v, want one, and a time-out after 1m", len(edges), err, time.Since(began))
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Edges(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Edges = %v, want canceled", err)
		}
	})
}
