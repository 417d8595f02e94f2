package backtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"imbot/backtest"
	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/topology"
)

const shopCatalog = `
squads:
  - {key: payments, name: Payments, channel: "19:payments@thread.tacv2", lead: ani@example.com}
  - {key: search, name: Search, channel: "19:search@thread.tacv2"}
services:
  - {key: web, squad: payments, pagerduty_service_id: PWEB, depends_on: [checkout]}
  - {key: checkout, squad: payments, pagerduty_service_id: PCHECKOUT}
  - {key: payments-db, squad: payments, pagerduty_service_id: PDB}
  - {key: search, squad: search, pagerduty_service_id: PSEARCH, depends_on: [payments-db]}
`

// shopEdges came and went: one was seen for the first time while the stories
// play, one not any more since long before.
var shopEdges = []topology.Edge{
	{From: "checkout", To: "payments-db", Source: "newrelic", FirstSeen: day.Add(10*time.Hour + 17*time.Minute), LastSeen: day.Add(15 * time.Hour)},
	{From: "web", To: "search", Source: "newrelic", FirstSeen: day.AddDate(0, 0, -40), LastSeen: day.AddDate(0, 0, -20)},
}

func shop() tried { return tried{Name: "imbot.yaml", Catalog: shopCatalog, Edges: shopEdges} }

// decided is what an imbot has decided on each incident.
func (l *live) decided() []string {
	l.t.Helper()
	var out []string
	err := l.store.View(l.t.Context(), func(tx incident.Tx) error {
		var all []*incident.Incident
		refs := map[incident.ID]string{}
		var failed error
		err := tx.Rows(incident.Cursor{}, false, func(r incident.Row) bool {
			var inc *incident.Incident
			if inc, failed = tx.Incident(r.ID); failed != nil {
				return false
			}
			ref, _ := inc.AlertRef()
			all, refs[inc.ID] = append(all, inc), ref.ID
			return true
		})
		for _, inc := range all {
			s := fmt.Sprintf("%s %s %s by %q quiet=%t flapping=%d paused=%t major=%s", refs[inc.ID], inc.OpenedAt.Format("02 15:04:05"), inc.Level, inc.LevelRule, inc.Quiet, inc.Openings, !inc.PausedUntil.IsZero(), inc.Major)
			if k := inc.Link; k != nil {
				s += fmt.Sprintf(" %s of %s (%s)", k.Kind, refs[k.Parent], k.Rule)
				for _, v := range k.Path {
					s += " " + v.To
				}
			}
			out = append(out, s+fmt.Sprintf(" cards %d", len(inc.Cards)))
		}
		return firstError(err, failed)
	})
	if err != nil {
		l.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// decidedBy is what a replay says, in the same words. numbers gives the number
// of an incident its pager's id.
func decidedBy(out *backtest.Outcome) []string {
	var list []string
	refs := map[string]string{"": ""}
	for _, r := range out.Rows {
		refs[r.ID] = r.Ref
	}
	for _, r := range out.Rows {
		major := "INC-0"
		if r.Major != "" {
			major = r.Major
		}
		s := fmt.Sprintf("%s %s %s by %q quiet=%t flapping=%d paused=%t major=%s", r.Ref, r.Opened.Format("02 15:04:05"), r.Level, r.Rule, r.State == backtest.StateQuiet || r.State == backtest.StateMuted, r.Flapping, !r.Paused.IsZero(), major)
		if k := r.Link; k != nil {
			s += fmt.Sprintf(" %s of %s (%s)", k.Kind, refs[k.Parent], k.Rule)
			for _, to := range k.Path[min(1, len(k.Path)):] {
				s += " " + to
			}
		}
		list = append(list, s+fmt.Sprintf(" cards %d", len(r.Cards)))
	}
	slices.Sort(list)
	return list
}

// act is something that happens in PagerDuty.
type act struct {
	at    time.Duration // since the story began
	do    string
	pd    string
	spec  pagerdutysim.Spec
	lates time.Duration // it happened so long before PagerDuty tells
}

// draw makes a story: alerts that open and end at services that call each other,
// and perhaps one that mostly resolves itself.
func draw(t *rapid.T) []act {
	titles := []string{"is down", "error rate", "latency p99", "cpu", "Certificate expires", "something odd", "no healthy upstream"}
	services := []string{"PWEB", "PCHECKOUT", "PDB", "PSEARCH", "PNOBODY"}
	var out []act
	for i := range rapid.IntRange(1, 8).Draw(t, "incidents") {
		a := act{do: "trigger", pd: fmt.Sprintf("Q%d", i)}
		a.at = time.Duration(rapid.SampledFrom([]int{0, 1, 2, 3, 5, 9, 12, 30, 45, 100, 1500}).Draw(t, "minute"))*time.Minute + time.Duration(rapid.IntRange(0, 3).Draw(t, "second"))*time.Second
		a.lates = time.Duration(rapid.SampledFrom([]int{0, 0, 20, 300}).Draw(t, "late")) * time.Second
		a.spec = pagerdutysim.Spec{ID: a.pd, Service: rapid.SampledFrom(services).Draw(t, "service"), Title: rapid.SampledFrom(titles).Draw(t, "title")}
		if rapid.IntRange(0, 3).Draw(t, "detailed") == 0 {
			a.spec.Alert.Details = []byte(`{"condition_name": "service_unreachable"}`)
		}
		out = append(out, a)
		next, when := []string{"resolve", "ack"}, a.at
		for range rapid.IntRange(0, 3).Draw(t, "bouts") {
			when += time.Duration(rapid.SampledFrom([]int{1, 4, 20, 31, 90}).Draw(t, "then")) * time.Minute
			do := rapid.SampledFrom(next).Draw(t, "verb")
			out = append(out, act{at: when, do: do, pd: a.pd})
			if next = []string{"resolve", "ack"}; do == "resolve" {
				next = []string{"reopen"}
			}
		}
	}
	if rapid.Bool().Draw(t, "restless") {
		for i := range 8 {
			pd, at := fmt.Sprintf("QR%d", i), time.Duration(i)*61*time.Minute
			out = append(out, act{at: at, do: "trigger", pd: pd, spec: pagerdutysim.Spec{ID: pd, Service: "PSEARCH", Title: "queue is long"}}, act{at: at + time.Minute, do: "resolve", pd: pd})
		}
	}
	slices.SortStableFunc(out, func(a, b act) int { return int(a.at - b.at) })
	return out
}

func (l *live) act(a act) {
	at := l.now.Add(-a.lates)
	switch a.do {
	case "trigger":
		a.spec.At = at
		a.spec.Key = a.pd + "-" + strings.ToLower(a.spec.Service)
		l.sim.Trigger(a.spec)
	case "resolve":
		_ = l.sim.Resolve(a.pd, "", at) // it may be so already
	case "ack":
		_ = l.sim.Acknowledge(a.pd, "", at)
	case "reopen":
		_ = l.sim.Reopen(a.pd, "", at)
	}
}

// TestReplayIsLive: what a replay says of a log is what the imbot that wrote it
// has decided, however late, doubled or out of order its webhooks came.
func TestReplayIsLive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		story := draw(rt)
		begin := day.Add(10 * time.Hour)
		l := newLive(t, shop(), begin, rapid.Uint64Range(1, 1<<40).Draw(rt, "seed"))
		l.sim.SetMischief(pagerdutysim.Mischief{
			Duplicate: rapid.SampledFrom([]float64{0, 0.3}).Draw(rt, "doubled"), LoseAnswer: rapid.SampledFrom([]float64{0, 0.2}).Draw(rt, "lost"),
			Reorder: rapid.SampledFrom([]float64{0, 0.5}).Draw(rt, "reordered"), Delay: time.Duration(rapid.SampledFrom([]int{0, 0, 2, 20}).Draw(rt, "delay")) * time.Minute,
		})
		for _, a := range story {
			l.until(begin.Add(a.at))
			l.act(a)
			l.until(l.now)
		}
		l.until(forever)
		rules, _ := shop().build(t)
		out := replay(t, l.store, 0, rules)
		if d := cmp.Diff(l.decided(), decidedBy(out)); d != "" {
			rt.Fatalf("-live +replay:\n%s", d)
		}
		rules, _ = shop().build(t)
		if d := cmp.Diff(out, replay(t, l.store, 0, rules), cmp.AllowUnexported(backtest.Outcome{}, backtest.Row{}, backtest.Tie{})); d != "" {
			rt.Fatalf("the same log twice:\n%s", d)
		}
	})
}

func trigger(i int) pagerdutysim.Spec {
	return pagerdutysim.Spec{Service: fmt.Sprintf("PS%d", i), Title: "it is slow"}
}
