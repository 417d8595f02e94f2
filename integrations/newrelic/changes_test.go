package newrelic_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/newrelic"
	"imbot/integrations/newrelic/newrelicsim"
)

func TestChanges(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	sim, c := start(t, newrelicsim.Options{Now: now, AccountID: 77}, newrelic.Config{Now: now, AccountID: 77})
	web := sim.AddService("web")
	sim.AddChange(newrelicsim.Change{ID: "old", Entity: web, Old: true, Version: "v2.3", User: "dewi", Description: "Faster\ncarts", DeepLink: "https://ci.example.com/1", At: at.Add(-time.Hour)})
	sim.AddChange(newrelicsim.Change{ID: "flag", Entity: web, Category: "Feature Flag", Flag: "new-cart", Summary: "New cart on", At: at.Add(-time.Minute), DeepLink: "javascript:alert(1)"})
	sim.AddChange(newrelicsim.Change{ID: "plain", Entity: web, Type: "Rolling", Version: "abc", At: at.Add(-2 * time.Hour)})
	sim.AddChange(newrelicsim.Change{ID: "before", Entity: web, At: at.Add(-2*time.Hour - time.Millisecond)})
	sim.AddChange(newrelicsim.Change{ID: "of nothing", At: at})
	got, err := c.Changes(t.Context(), at.Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	want := []newrelic.Change{
		{ID: "flag", Category: "Feature Flag", Type: "Basic", Flag: "new-cart", Summary: "New cart on", EntityGUID: web, EntityName: "web", At: at.Add(-time.Minute)},
		{
			ID: "old", Category: "Deployment", Type: "BASIC", Version: "v2.3", Summary: "Faster carts", Description: "Faster carts", User: "dewi",
			Link: "https://ci.example.com/1", EntityGUID: web, EntityName: "web", At: at.Add(-time.Hour),
		},
		{ID: "plain", Category: "Deployment", Type: "Rolling", Version: "abc", EntityGUID: web, EntityName: "web", At: at.Add(-2 * time.Hour)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Changes (-want +got):\n%s", d)
	}
	var titles []string
	for i := range got {
		titles = append(titles, got[i].Title())
	}
	titles = append(titles, (&newrelic.Change{Flag: "f"}).Title(), (&newrelic.Change{Category: "Operational", Type: "Crash"}).Title(), (&newrelic.Change{}).Title())
	if d := cmp.Diff([]string{"New cart on", "Faster carts", "Deployment abc", "Feature flag f", "Operational Crash", "Change"}, titles); d != "" {
		t.Errorf("titles (-want +got):\n%s", d)
	}
	for _, r := range sim.Requests() {
		if r.Variables["id"] != 77.0 || strings.Contains(r.Query, "77") {
			t.Errorf("request %+v", r)
		}
	}
}

// Of many, the newest come; and no more than that, whatever New Relic sends.
func TestChangesOfMany(t *testing.T) {
	sim, c := start(t, newrelicsim.Options{}, newrelic.Config{AccountID: 1})
	web := sim.AddService("web")
	begin := time.Now().Add(-time.Hour)
	for i := range newrelic.MaxChanges + 50 {
		sim.AddChange(newrelicsim.Change{ID: fmt.Sprint(i), Entity: web, At: begin.Add(time.Duration(i) * time.Second)})
	}
	got, err := c.Changes(t.Context(), begin.Add(-time.Hour))
	if err != nil || len(got) != newrelic.MaxChanges || got[0].ID != fmt.Sprint(newrelic.MaxChanges+49) {
		t.Errorf("%d changes, %v", len(got), err)
	}
	row := `{"timestamp":1772366400000,"entity.name":"web"},`
	sim.Inject(newrelicsim.Fault{Body: `{"data":{"actor":{"account":{"nrql":{"results":[` + strings.TrimSuffix(strings.Repeat(row, 5000), ",") + `]}}}}}`})
	if got, err := c.Changes(t.Context(), time.UnixMilli(0)); err != nil || len(got) != newrelic.MaxChanges {
		t.Errorf("%d changes, %v", len(got), err)
	}
}

func TestChangesErrors(t *testing.T) {
	sim, c := start(t, newrelicsim.Options{AccountID: 7}, newrelic.Config{AccountID: 8})
	ask := func(c *newrelic.Client) error {
		_, err := c.Changes(t.Context(), time.Now())
		return err
	}
	wantError(t, "another account", ask(c), 200, true)
	if e := wantError(t, "no account", ask(client(t, sim, newrelic.Config{URL: sim.URL()})), 0, true); !strings.Contains(e.Error(), "account id") {
		t.Errorf("no account: %v", e)
	}
	wantError(t, "wrong key", ask(client(t, sim, newrelic.Config{URL: sim.URL(), AccountID: 7, Key: "NRAK-NO"})), 401, true)
	for body, permanent := range map[string]bool{
		`{"data":{"actor":{"account":null}}}`:                      true,
		`{"data":{"actor":{"account":{"nrql":null}}}}`:             true,
		`{"data":{"actor":{"account":{"nrql":{"results":"no"}}}}}`: false,
		`{"data":7}`: false,
	} {
		sim.Inject(newrelicsim.Fault{Body: body, Times: 1})
		wantError(t, body, ask(c), 200, permanent)
	}
	sim.Inject(newrelicsim.Fault{Class: "TIMEOUT", Message: "NRQL timed out", Times: 1})
	wantError(t, "time-out", ask(c), 200, false)
}
