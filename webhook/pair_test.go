package webhook_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

// pair is PagerDuty, simulated, and imbot with its webhook and its reconciler.
type pair struct {
	*house
	sim    *pagerdutysim.Server
	sub    string // id of the subscription
	status int    // what the webhook's door answers instead; 0: let in
	rec    *webhook.Reconciler
	log    bytes.Buffer // of the reconciler
}

func newPair(t testing.TB) *pair {
	t.Helper()
	p := &pair{house: newHouse(t, boltstore.Options{})}
	p.clock.set(t0)
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.status != 0 {
			w.WriteHeader(p.status)
			return
		}
		p.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(door.Close)
	p.sim = pagerdutysim.New(pagerdutysim.Options{Now: p.clock.Now, Seed: 1, RatePerMinute: 1 << 20})
	t.Cleanup(p.sim.Close)
	p.sim.AddUser(pagerdutysim.User{ID: "PU1", Name: "Ani", Email: ani.ID})
	p.sim.AddService(pagerdutysim.Service{ID: "PABC123", Name: "Checkout"})
	p.sub, p.handler.Secrets[0] = p.sim.Subscribe(door.URL)
	client, err := pagerduty.New(pagerduty.Config{Token: p.sim.Token(), BaseURL: p.sim.URL(), From: ani.ID, RatePerMinute: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	p.rec = &webhook.Reconciler{
		API: client, Store: p.store, Service: p.svc, SubscriptionID: p.sub, Now: p.clock.Now, Logger: slog.New(slog.NewTextHandler(&p.log, nil)),
	}
	return p
}

// must fails the test for an error of the simulator.
func (p *pair) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// away loses the webhooks of what fn does.
func (p *pair) away(fn func()) {
	p.t.Helper()
	p.must(p.sim.SetActive(p.sub, false))
	fn()
	p.must(p.sim.SetActive(p.sub, true))
}

func (p *pair) deliver() { p.sim.Deliver(ctx) }

func (p *pair) run() {
	p.t.Helper()
	if err := p.rec.Run(ctx); err != nil {
		p.t.Fatalf("Run: %v", err)
	}
}

func (p *pair) trigger(title string) string {
	defer p.clock.advance(300 * time.Millisecond) // what follows may come within the same second
	return p.sim.Trigger(pagerdutysim.Spec{Title: title, Service: "PABC123", Assignee: "PU1"}).ID
}

// of returns imbot's incident of PagerDuty's.
func (p *pair) of(id string) *incident.Incident {
	p.t.Helper()
	for _, inc := range p.all() {
		if ref, ok := inc.AlertRef(); ok && ref.ID == id {
			return inc
		}
	}
	return nil
}

// row is one incident as both sides should know it.
type row struct {
	ID, Title, Service, Urgency, Priority, Status, MergedInto string
	CreatedAt, ResolvedAt                                     time.Time
}

// theirs is PagerDuty's table, ours imbot's.
func (p *pair) theirs() []row {
	var out []row
	for _, s := range p.sim.Snapshot() {
		out = append(out, row{
			ID: s.ID, Title: s.Title, Service: s.Service, Urgency: s.Urgency, Priority: s.Priority, Status: s.Status, MergedInto: s.MergedInto,
			CreatedAt: s.CreatedAt.Truncate(time.Second), ResolvedAt: s.ResolvedAt.Truncate(time.Second),
		})
	}
	return out
}

func (p *pair) ours() []row {
	p.t.Helper()
	byID := map[incident.ID]string{}
	all := p.all()
	for _, inc := range all {
		ref, _ := inc.AlertRef()
		byID[inc.ID] = ref.ID
	}
	var out []row
	for _, inc := range all {
		own := inc.OwnLife()
		r := row{
			ID: byID[inc.ID], Title: inc.Title, Service: inc.Alert.ServiceID, Urgency: inc.Alert.Urgency, Priority: inc.Alert.Priority, Status: pagerduty.StatusTriggered,
			CreatedAt: inc.OpenedAt.Truncate(time.Second), ResolvedAt: own.ResolvedAt.Truncate(time.Second),
		}
		switch {
		case !own.Active():
			r.Status = pagerduty.StatusResolved
		case !own.AcknowledgedAt.IsZero():
			r.Status = pagerduty.StatusAcknowledged
		}
		if inc.Link != nil && inc.Link.Rule == incident.RuleMerged {
			r.MergedInto = byID[inc.Link.Parent]
		}
		out = append(out, r)
	}
	return out
}

// agree fails the test where the two tables differ.
func (p *pair) agree() {
	p.t.Helper()
	if d := p.diff(); d != "" {
		p.t.Errorf("the tables differ (-PagerDuty +imbot):\n%s", d)
	}
}

func (p *pair) diff() string {
	p.t.Helper()
	order := func(rows []row) []row {
		slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.ID, b.ID) })
		return rows
	}
	return cmp.Diff(order(p.theirs()), order(p.ours()))
}

// histories counts how often the history of an incident was read.
func (p *pair) histories() (n int) {
	for _, r := range p.sim.Requests() {
		if strings.Contains(r.URL, "/log_entries") {
			n++
		}
	}
	return n
}

// quiet reconciles once more, which must change nothing, and must not even read
// a history again.
func (p *pair) quiet() {
	p.t.Helper()
	if s := p.unquiet(); s != "" {
		p.t.Error(s)
	}
}

func (p *pair) unquiet() string {
	p.t.Helper()
	before, reads := p.all(), p.histories()
	p.run()
	if d := cmp.Diff(before, p.all()); d != "" {
		return "reconciling once more changed something (-before +after):\n" + d
	}
	if n := p.histories() - reads; n != 0 {
		return fmt.Sprintf("reconciling once more read %d histories", n)
	}
	return ""
}

func (p *pair) subscription() pagerduty.Subscription {
	p.t.Helper()
	subs, err := p.rec.API.Subscriptions(ctx)
	if err != nil || len(subs) != 1 {
		p.t.Fatalf("subscriptions %v, %v", subs, err)
	}
	return subs[0]
}

func person(verb incident.Verb, id incident.ID) incident.Command {
	return incident.Command{Verb: verb, Incident: id, Actor: ani, Role: incident.RoleResponder, Source: incident.SourceTeams}
}

func (p *pair) do(cmd incident.Command) {
	p.t.Helper()
	if _, err := p.svc.Do(ctx, cmd); err != nil {
		p.t.Fatalf("%s: %v", cmd.Verb, err)
	}
}
