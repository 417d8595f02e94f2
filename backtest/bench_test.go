package backtest_test

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imbot/backtest"
	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/store/boltstore"
	"imbot/webhook"
)

var benchBodies = flag.Int("bodies", 3000, "how many bodies the log of the benchmark has")

// BenchmarkReplay replays a log of bodies of 6 KB, three of each incident, one
// every 20 s, and tells how many it does in a second.
func BenchmarkReplay(b *testing.B) {
	bodies := *benchBodies / 3 * 3
	log := writeLog(b, bodies)
	rules, _ := shop().build(b)
	b.ResetTimer()
	for b.Loop() {
		if out := replay(b, log, 0, rules); out.Totals.Bodies != bodies || out.Totals.Alerts != bodies/3 {
			b.Fatalf("%d bodies, %d alerts", out.Totals.Bodies, out.Totals.Alerts)
		}
	}
	b.ReportMetric(float64(b.N*bodies)/b.Elapsed().Seconds(), "bodies/s")
}

// writeLog has the webhook's handler write a log.
func writeLog(t testing.TB, bodies int) backtest.Log {
	t.Helper()
	now := day
	clock := func() time.Time { return now }
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "log.db"), boltstore.Options{Now: clock, NoSync: true, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	rules, cat := shop().build(t)
	svc := &incident.Service{Store: store, Catalog: func() incident.Catalog { return cat }, Now: clock, Linking: rules.Linking, Topology: func() incident.Topology { return rules.Topology(now) }}
	hook := &webhook.PagerDuty{Secrets: []string{"secret"}, Service: svc, Now: clock, Logger: quiet}
	services := []string{"PWEB", "PCHECKOUT", "PDB", "PSEARCH", "PONE", "PTWO", "PTHREE"}
	titles := []string{"is down", "error rate is high", "latency p99", "certificate expires", "disk is full"}
	for i := range bodies {
		now = now.Add(20 * time.Second)
		n := i / 3
		service := services[n%len(services)]
		spec := pagerdutysim.WebhookSpec{
			Type: []string{"incident.triggered", "incident.acknowledged", "incident.resolved"}[i%3], ID: fmt.Sprintf("Q%07d", n), Number: n + 1,
			Service: pagerdutysim.Service{ID: service}, Title: service + " " + titles[n%len(titles)], At: now, Created: now.Add(-time.Duration(i%3) * 20 * time.Second),
		}
		body, header := pagerdutysim.Webhook(spec, "secret")
		r := httptest.NewRequest("POST", "/webhooks/pagerduty", strings.NewReader(string(body)))
		r.Header = header
		w := httptest.NewRecorder()
		if hook.ServeHTTP(w, r); w.Code != 202 {
			t.Fatalf("status %d", w.Code)
		}
	}
	return store
}
