package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/store/boltstore"
	"imbot/webhook"
)

// archive is a PagerDuty with a past, and an imbot that knows nothing of it.
type archive struct {
	*house
	sim   *pagerdutysim.Server
	limit int // requests a minute
	imp   *webhook.Importer
	log   bytes.Buffer

	requests int
	before   func(n int, r *http.Request) // called before each request
	after    func(r *http.Request, resp *http.Response)
}

// RoundTrip implements http.RoundTripper.
func (a *archive) RoundTrip(r *http.Request) (*http.Response, error) {
	a.requests++
	if a.before != nil {
		a.before(a.requests, r)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && a.after != nil {
		a.after(r, resp)
	}
	return resp, err
}

var year = t0.AddDate(-1, 0, 0)

// newArchive fills PagerDuty by fill. perMinute is how many requests it takes.
func newArchive(t testing.TB, perMinute int, fill func(sim *pagerdutysim.Server)) *archive {
	t.Helper()
	a := &archive{house: newHouse(t, boltstore.Options{}), limit: perMinute}
	a.clock.set(t0)
	a.sim = pagerdutysim.New(pagerdutysim.Options{Now: a.clock.Now, Seed: 3, RatePerMinute: perMinute})
	t.Cleanup(a.sim.Close)
	a.sim.AddUser(pagerdutysim.User{ID: "PU1", Name: "Ani", Email: ani.ID})
	a.sim.AddService(pagerdutysim.Service{ID: "PABC123", Name: "Checkout"})
	fill(a.sim)
	a.imp = a.importer(a.house)
	return a
}

// importer is one that waits by moving the clock.
func (a *archive) importer(h *house) *webhook.Importer {
	a.t.Helper()
	client, err := pagerduty.New(pagerduty.Config{
		Token: a.sim.Token(), BaseURL: a.sim.URL(), HTTP: &http.Client{Transport: a}, Now: a.clock.Now, MaxWait: time.Nanosecond, RatePerMinute: a.limit,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return &webhook.Importer{
		API: client.Background(), Store: h.store, Service: h.svc, Details: summary, Raw: 100 * 24 * time.Hour, Now: a.clock.Now,
		Sleep: func(ctx context.Context, d time.Duration) error {
			a.clock.advance(d)
			return ctx.Err()
		},
		Logger: slog.New(slog.NewTextHandler(&a.log, nil)),
	}
}

// summary is what the second look makes of alerts, in short.
func summary(alerts []pagerduty.Alert) *incident.Alert {
	out := &incident.Alert{Labels: map[string]string{"alerts": fmt.Sprint(len(alerts)), "severity": alerts[0].Severity}}
	out.Condition = strings.Trim(string(alerts[0].Details), `"`)
	return out
}

func (a *archive) must(errs ...error) {
	a.t.Helper()
	if err := errors.Join(errs...); err != nil {
		a.t.Fatal(err)
	}
}

func (a *archive) run() webhook.Progress {
	a.t.Helper()
	p, err := a.imp.Run(ctx, year, a.clock.Now(), false)
	if err != nil {
		a.t.Fatalf("Run: %v", err)
	}
	return p
}

// export is everything that the store knows, as text.
func (h *house) export() string {
	h.t.Helper()
	var b strings.Builder
	for _, inc := range h.all() {
		doc, err := json.Marshal(inc)
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", doc)
		for _, e := range h.timeline(inc.ID) {
			doc, err := json.Marshal(e)
			if err != nil {
				h.t.Fatal(err)
			}
			fmt.Fprintf(&b, "  %s\n", doc)
		}
	}
	h.view(func(tx incident.Tx) error {
		return tx.Raw(time.Time{}, func(in incident.Inbound) bool {
			fmt.Fprintf(&b, "%s %s %s %x\n", in.Source, in.ID, in.At, in.Body)
			return true
		})
	})
	return b.String()
}

// silent fails the test if anything is to follow outside.
func (h *house) silent() {
	h.t.Helper()
	for _, inc := range h.all() {
		h.view(func(tx incident.Tx) error {
			effects, err := tx.Effects(inc.ID)
			for _, e := range effects {
				h.t.Errorf("%s has the effect %s", inc.ID, e.Key)
			}
			return err
		})
	}
	b, err := h.store.Backlog(ctx)
	if err != nil || b.Waiting != 0 {
		h.t.Errorf("backlog %+v, %v", b, err)
	}
}

// stories is a past of n incidents, evenly over the year, of all kinds: those
// that nobody touched, acknowledged ones, ones with notes, priorities, reopened
// and merged ones.
func stories(t testing.TB, sim *pagerdutysim.Server, n int) {
	t.Helper()
	step := t0.Sub(year) / time.Duration(n+1)
	last := ""
	for i := range n {
		at := year.Add(time.Duration(i+1) * step).Truncate(time.Second)
		min := func(m int) time.Time { return at.Add(time.Duration(m) * time.Minute) }
		title := []string{"checkout is down", "checkout: p99 latency high on node-7", "nightly report late", "checkout 5xx rate"}[i%4]
		id := sim.Trigger(pagerdutysim.Spec{
			ID: fmt.Sprintf("Q%05d", i), Title: fmt.Sprintf("%s %d", title, i), Service: "PABC123", Key: fmt.Sprint("key ", i), At: at, Priority: "P3",
			Alert: pagerdutysim.Alert{Details: json.RawMessage(`"condition ` + title + `"`)},
		}).ID
		var errs []error
		switch i % 6 {
		case 1:
			errs = append(errs, sim.Acknowledge(id, "PU1", min(1)), sim.Acknowledge(id, "PU1", min(1)), sim.Unacknowledge(id, min(2)))
		case 2:
			errs = append(errs, sim.Acknowledge(id, "PU1", min(3)), sim.AddNote(id, "PU1", "restarted it", min(4)), sim.AddNote(id, "PU1", "done (INC-4 #7)", min(4)))
		case 3:
			errs = append(errs, sim.ChangePriority(id, "PU1", "P1", min(1)), sim.ChangePriority(id, "PU1", "P2", min(2)), sim.AddAlert(id, pagerdutysim.Alert{Key: "more", At: min(2)}))
		case 4:
			errs = append(errs, sim.Resolve(id, "PU1", min(5)), sim.Reopen(id, "PU1", min(5).Add(200*time.Millisecond)), sim.Acknowledge(id, "PU1", min(5).Add(time.Second/2)))
		case 5:
			if last != "" {
				errs = append(errs, sim.Merge(id, last, "PU1", min(6)), sim.Resolve(last, "", min(9)))
				last = ""
			}
		}
		if i%6 == 0 && i < n-6 {
			last = id // it is resolved after the merge
		} else if i%6 != 5 {
			errs = append(errs, sim.Resolve(id, []string{"", "PU1"}[i%2], min(7)))
		} else if st, _ := sim.State(id); st.Status != pagerduty.StatusResolved {
			errs = append(errs, sim.Resolve(id, "", min(7)))
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("story %d: %v", i, err)
		}
	}
}

// TestImportYear imports a year of 2,000 incidents within PagerDuty's limit, and
// a second time, which changes nothing.
func TestImportYear(t *testing.T) {
	t.Parallel()
	const n = 2000
	a := newArchive(t, 960, func(sim *pagerdutysim.Server) { stories(t, sim, n) })
	open := a.sim.Trigger(pagerdutysim.Spec{Title: "search is down", Service: "PABC123", At: t0.Add(-48 * time.Hour)}).ID
	bad := a.sim.Trigger(pagerdutysim.Spec{ID: "Q bad", Title: "x", Service: "PABC123", At: t0.AddDate(0, -2, 0)}).ID
	a.must(a.sim.Resolve(bad, "", t0.AddDate(0, -2, 0).Add(time.Hour)))

	var told []webhook.Progress
	a.imp.Report = func(p webhook.Progress) { told = append(told, p) }
	p := a.run()
	if p.Total < n+2 || p.Total > n+5 || p.Done != n+2 || p.Imported != n || p.Open != 1 || p.Known != 0 || len(p.Skipped) != 1 || p.Skipped[0].ID != "Q bad" || p.Left != 0 {
		t.Errorf("progress %+v", p)
	}
	if len(told) != n+3 || told[0].Done != 0 || told[n/2].Done != n/2 || told[n/2].Left < time.Minute || told[n/2].Left > 10*time.Minute {
		t.Errorf("told %d times, half way %+v", len(told), told[n/2])
	}
	if !strings.Contains(a.log.String(), "Q bad") {
		t.Errorf("the log does not name what was skipped:\n%s", a.log.String())
	}
	a.withinLimit()
	a.silent()
	a.agree(open, bad)

	took := a.clock.Now().Sub(t0)
	if took < 4*time.Minute || took > 9*time.Minute {
		t.Errorf("by the clock it took %s for %d requests", took, a.requests)
	}
	before, requests := a.export(), a.requests
	if p = a.run(); p.Imported != 0 || p.Known != n || p.Open != 1 || len(p.Skipped) != 1 {
		t.Errorf("the second time %+v", p)
	}
	if d := cmp.Diff(before, a.export()); d != "" {
		t.Errorf("the second time changed something:\n%s", d)
	}
	if n := a.requests - requests; n > 60 {
		t.Errorf("the second time made %d requests", n)
	}
}

// withinLimit fails the test if any minute has seen more requests than
// PagerDuty takes, or PagerDuty had to refuse one.
func (a *archive) withinLimit() {
	a.t.Helper()
	all := a.sim.Requests()
	first := 0
	for i := range all {
		for all[i].At.Sub(all[first].At) >= time.Minute {
			first++
		}
		if i-first+1 > 960 {
			a.t.Errorf("%d requests in the minute before %s", i-first+1, all[i].At)
			return
		}
	}
	if a.requests != len(all) || strings.Contains(a.log.String(), "waits") {
		a.t.Errorf("of %d requests %d arrived; log %q", a.requests, len(all), a.log.String())
	}
}

// agree fails the test if imbot's table is not PagerDuty's, except for ids.
func (a *archive) agree(except ...string) {
	a.t.Helper()
	var theirs, ours []row
	for _, s := range a.sim.Snapshot() {
		if !slices.Contains(except, s.ID) {
			theirs = append(theirs, row{ID: s.ID, Title: s.Title, Service: s.Service, Urgency: s.Urgency, Priority: s.Priority, Status: s.Status, MergedInto: s.MergedInto, CreatedAt: s.CreatedAt, ResolvedAt: s.ResolvedAt.Truncate(time.Second)})
		}
	}
	all := a.all()
	id := func(inc *incident.Incident) string {
		ref, _ := inc.AlertRef()
		return ref.ID
	}
	for _, inc := range all {
		r := row{
			ID: id(inc), Title: inc.Title, Service: inc.Alert.ServiceID, Urgency: inc.Alert.Urgency, Priority: inc.Alert.Priority, Status: pagerduty.StatusTriggered,
			CreatedAt: inc.OpenedAt, ResolvedAt: inc.ResolvedAt.Truncate(time.Second),
		}
		if !inc.Active() {
			r.Status = pagerduty.StatusResolved
		}
		if l := inc.Link; l != nil {
			for _, p := range all {
				if p.ID == l.Parent {
					r.MergedInto = id(p)
				}
			}
		}
		if !inc.Imported || inc.Status != incident.Closed || inc.Postmortem.Required || inc.NoticeGap != incident.GapImported || len(inc.Cards) != 0 {
			a.t.Errorf("%s: imported %v, %s, RCA %v, gap %q, cards %v", inc.ID, inc.Imported, inc.Status, inc.Postmortem.Required, inc.NoticeGap, inc.Cards)
		}
		ours = append(ours, r)
	}
	order := func(x, y row) int { return strings.Compare(x.ID, y.ID) }
	slices.SortFunc(theirs, order)
	slices.SortFunc(ours, order)
	if d := cmp.Diff(theirs, ours); d != "" {
		a.t.Errorf("the tables differ (-PagerDuty +imbot):\n%s", d)
	}
}

// TestImportKilled ends an import before each of its requests in turn, and lets
// it run again: the outcome is that of an import that was left alone.
func TestImportKilled(t *testing.T) {
	t.Parallel()
	a := newArchive(t, 1<<20, func(sim *pagerdutysim.Server) { stories(t, sim, 14) })
	a.run()
	want, requests := a.export(), a.requests
	if requests < 30 {
		t.Fatalf("%d requests only", requests)
	}
	for kill := 1; kill <= requests; kill++ {
		h := newHouse(t, boltstore.Options{})
		h.clock.set(t0)
		imp := a.importer(h)
		kctx, cancel := context.WithCancel(ctx)
		a.requests = 0
		a.before = func(n int, _ *http.Request) {
			if n == kill {
				cancel()
			}
		}
		p, err := imp.Run(kctx, year, t0, false)
		if !errors.Is(err, context.Canceled) || p.Imported != len(h.all()) {
			t.Fatalf("killed before request %d: %+v, %v; %d incidents", kill, p, err, len(h.all()))
		}
		for _, inc := range h.all() {
			if inc.Active() {
				t.Errorf("killed before request %d, %s is open", kill, inc.ID)
			}
		}
		done := len(h.all())
		a.before = nil
		if p, err = imp.Run(ctx, year, t0, false); err != nil || p.Known != done || p.Imported != 14-done {
			t.Fatalf("after it was killed before request %d: %+v, %v", kill, p, err)
		}
		if d := cmp.Diff(want, h.export()); d != "" {
			t.Fatalf("killed before request %d, and run again (-want +got):\n%s", kill, d)
		}
	}
}

// TestImportFaults: what goes wrong for a while costs time only; what goes wrong
// for good ends the import, and the next one goes on.
func TestImportFaults(t *testing.T) {
	a := newArchive(t, 1<<20, func(sim *pagerdutysim.Server) { stories(t, sim, 12) })
	whole := newHouse(t, boltstore.Options{})
	whole.clock.set(t0)
	if _, err := a.importer(whole).Run(ctx, year, t0, false); err != nil {
		t.Fatal(err)
	}
	a.before = func(n int, _ *http.Request) {
		switch n % 9 {
		case 2:
			a.sim.Inject(pagerdutysim.Fault{Status: http.StatusTooManyRequests, RetryAfter: 30 * time.Second, Times: 1})
		case 4:
			a.sim.Inject(pagerdutysim.Fault{Status: http.StatusBadGateway, Times: 1})
		case 7:
			a.sim.Inject(pagerdutysim.Fault{Drop: true, Times: 1})
		}
	}
	if p := a.run(); p.Imported != 12 || len(p.Skipped) != 0 {
		t.Errorf("progress %+v", p)
	}
	if waited := a.clock.Now().Sub(t0); waited < 2*time.Minute {
		t.Errorf("waited %s only", waited)
	}
	lives := func(h *house) (out []incident.Life) {
		for _, inc := range h.all() {
			out = append(out, inc.Life)
		}
		return out
	}
	if d := cmp.Diff(lives(whole), lives(a.house)); d != "" {
		t.Errorf("with faults (-without +with):\n%s", d)
	}

	for name, tt := range map[string]struct {
		fault pagerdutysim.Fault
		says  string
	}{
		"token":  {pagerdutysim.Fault{Status: http.StatusUnauthorized}, "check the API token"},
		"rights": {pagerdutysim.Fault{Status: http.StatusForbidden, Path: "/incidents/Q"}, "import Q00000"},
		"outage": {pagerdutysim.Fault{Status: http.StatusServiceUnavailable, Path: "/incidents/Q"}, "import Q00000"},
		"gone":   {pagerdutysim.Fault{Drop: true}, "PagerDuty did not answer"},
	} {
		h := newHouse(t, boltstore.Options{})
		h.clock.set(t0)
		a.before = nil
		a.sim.ClearFaults()
		a.sim.Inject(tt.fault)
		if p, err := a.importer(h).Run(ctx, year, t0, false); err == nil || !strings.Contains(err.Error(), tt.says) || p.Done != 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}
