package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
)

// TestDowntime loses one webhook of each kind.
func TestDowntime(t *testing.T) {
	tests := []struct {
		name string
		lost func(p *pair, id string)
	}{
		{"trigger", func(p *pair, _ string) { p.trigger("ledger is down") }},
		{"trigger and acknowledge", func(p *pair, _ string) { p.must(p.sim.Acknowledge(p.trigger("ledger is down"), "PU1")) }},
		{"trigger and resolve", func(p *pair, _ string) {
			id := p.trigger("ledger is down")
			p.clock.advance(time.Minute)
			p.must(p.sim.Resolve(id, "PU1"))
		}},
		{"acknowledge", func(p *pair, id string) { p.must(p.sim.Acknowledge(id, "PU1")) }},
		{"acknowledge and its end", func(p *pair, id string) {
			p.must(p.sim.Acknowledge(id, "PU1"))
			p.clock.advance(time.Minute)
			p.must(p.sim.Unacknowledge(id))
		}},
		{"resolve", func(p *pair, id string) { p.must(p.sim.Resolve(id, "PU1")) }},
		{"resolve and reopen", func(p *pair, id string) {
			p.must(p.sim.Resolve(id, "PU1"))
			p.clock.advance(time.Minute)
			p.must(p.sim.Reopen(id, "PU1"))
		}},
		{"resolve, reopen and resolve", func(p *pair, id string) {
			p.must(p.sim.Resolve(id, "PU1"))
			p.clock.advance(time.Minute)
			p.must(p.sim.Reopen(id, "PU1"))
			p.clock.advance(time.Minute)
			p.must(p.sim.Resolve(id, "PU1"))
		}},
		{"merge", func(p *pair, id string) { p.must(p.sim.Merge(id, p.trigger("ledger is down"), "PU1")) }},
		{"merge into a known one", func(p *pair, id string) { p.must(p.sim.Merge(p.trigger("ledger is slow"), id, "PU1")) }},
		{"priority", func(p *pair, id string) { p.must(p.sim.ChangePriority(id, "PU1", "P1")) }},
		{"another service", func(p *pair, id string) { p.must(p.sim.MoveToService(id, "PU1", "PDEF456")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			id := p.trigger("checkout is down")
			p.deliver()
			p.run()
			p.clock.advance(5 * time.Minute)
			p.away(func() { tt.lost(p, id) })
			p.clock.advance(time.Minute)
			p.deliver()
			p.run()
			p.agree()
			p.quiet()
			for _, inc := range p.all() {
				if inc.Duration(p.clock.Now()) > 8*time.Minute {
					t.Errorf("%s lasted %s: its times are not PagerDuty's", inc.ID, inc.Duration(p.clock.Now()))
				}
			}
		})
	}
}

// TestLostReopening keeps the figures right: what was lost between two webhooks
// that came counts, too.
func TestLostReopening(t *testing.T) {
	p := newPair(t)
	id := p.trigger("checkout is down")
	p.clock.set(at(10))
	p.must(p.sim.Resolve(id, "PU1"))
	p.deliver()
	p.away(func() {
		p.clock.set(at(40))
		p.must(p.sim.Reopen(id, "PU1"))
		p.clock.set(at(45))
		p.must(p.sim.Resolve(id, "PU1"))
	})
	p.run()
	if inc := p.of(id); inc.Episode != 2 || inc.Duration(p.clock.Now()) != 15*time.Minute || !inc.ResolvedAt.Equal(p.clock.Now()) {
		t.Errorf("episode %d, %s, resolved at %s", inc.Episode, inc.Duration(p.clock.Now()), inc.ResolvedAt)
	}
	p.quiet()
}

// TestAnyDowntime plays any story, with any parts of it lost; afterwards both
// tables are the same.
func TestAnyDowntime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPair(t)
		defer p.sim.Close()
		var ids []string
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			p.clock.advance(time.Duration(rapid.IntRange(1000, 400_000).Draw(rt, "wait")) * time.Millisecond)
			p.must(p.sim.SetActive(p.sub, rapid.Bool().Draw(rt, "listening")))
			ids = step(rt, p, i, ids)
			if rapid.Bool().Draw(rt, "deliver") {
				p.deliver()
			}
		}
		p.clock.advance(time.Minute)
		p.deliver()
		// A new installation looks back one hour only: this one has run before.
		p.must(p.store.Update(ctx, func(tx incident.Tx) error {
			return tx.PutKey("pagerduty/reconciled", t0.Format(time.RFC3339Nano), true)
		}))
		p.run()
		if d := p.diff(); d != "" {
			rt.Fatalf("the tables differ (-PagerDuty +imbot):\n%s", d)
		}
		if s := p.unquiet(); s != "" {
			rt.Fatal(s)
		}
	})
}

// step lets PagerDuty do something; what is not possible, it refuses.
func step(rt *rapid.T, p *pair, n int, ids []string) []string {
	act := rapid.IntRange(0, 9).Draw(rt, "act")
	if act <= 1 || len(ids) == 0 {
		return append(ids, p.trigger(fmt.Sprintf("service number %c is %s", 'a'+n, rapid.SampledFrom([]string{"down", "slow", "odd"}).Draw(rt, "how"))))
	}
	id := rapid.SampledFrom(ids).Draw(rt, "id")
	switch act {
	case 2, 3:
		_ = p.sim.Acknowledge(id, "PU1")
	case 4:
		_ = p.sim.Unacknowledge(id)
	case 5, 6:
		_ = p.sim.Resolve(id, "PU1")
	case 7:
		_ = p.sim.Reopen(id, "PU1")
	case 8:
		_ = p.sim.Merge(id, rapid.SampledFrom(ids).Draw(rt, "into"), "PU1")
	case 9:
		_ = p.sim.ChangePriority(id, "PU1", rapid.SampledFrom([]string{"P1", "P2", ""}).Draw(rt, "priority"))
	}
	return ids
}

// TestSwitchedOff: three refusals in a row make PagerDuty switch the
// subscription off; reconciling switches it on again and makes up for the loss.
func TestSwitchedOff(t *testing.T) {
	p := newPair(t)
	p.status = http.StatusBadRequest
	for i := range 5 {
		p.trigger(fmt.Sprintf("service number %c is down", 'a'+i))
		p.deliver()
	}
	if off, err := p.sim.Disabled(p.sub); !off || err != nil {
		t.Fatalf("disabled: %v, %v", off, err)
	}
	p.status = 0
	p.clock.advance(time.Minute)
	p.run()
	if off, err := p.sim.Disabled(p.sub); off || err != nil {
		t.Errorf("disabled: %v, %v", off, err)
	}
	p.agree()
	if len(p.all()) != 5 || !strings.Contains(p.log.String(), "switched off") {
		t.Errorf("%d incidents; the log says %s", len(p.all()), p.log.String())
	}
	p.quiet()
	p.trigger("ledger is down") // webhooks come again
	p.deliver()
	p.agree()
}

// TestWhichSubscription finds ours by its id, else by its address, and leaves
// those of others alone.
func TestWhichSubscription(t *testing.T) {
	for _, tt := range []struct {
		id, url func(p *pair) string
		ours    bool
	}{
		{func(p *pair) string { return p.sub }, func(*pair) string { return "" }, true},
		{func(*pair) string { return "" }, func(p *pair) string { return strings.ToUpper(p.subscription().URL) + "/" }, true},
		{func(*pair) string { return "" }, func(*pair) string { return "https://other.example.com" }, false},
		{func(*pair) string { return "PX" }, func(p *pair) string { return p.subscription().URL }, false},
		{func(*pair) string { return "" }, func(*pair) string { return "" }, false},
	} {
		p := newPair(t)
		p.rec.SubscriptionID, p.rec.URL = tt.id(p), tt.url(p)
		p.status = http.StatusGone
		for i := range 3 {
			p.trigger(fmt.Sprint("x", i))
			p.deliver()
		}
		p.run()
		if off, err := p.sim.Disabled(p.sub); off == tt.ours || err != nil {
			t.Errorf("id %q, url %q: still off: %v, %v", p.rec.SubscriptionID, p.rec.URL, off, err)
		}
	}
}

// TestPendingWriteWins: while a write to PagerDuty is on its way, PagerDuty's
// state is about to change and says nothing.
func TestPendingWriteWins(t *testing.T) {
	p := newPair(t)
	id := p.trigger("checkout is down")
	p.deliver()
	p.clock.advance(time.Minute)
	p.do(person(incident.Ack, 1))
	p.away(func() {
		p.clock.advance(time.Minute)
		p.must(p.sim.Resolve(id, "PU1"))
	})
	before := p.all()
	p.run()
	if d := cmp.Diff(before, p.all()); d != "" || p.histories() != 0 {
		t.Errorf("%d histories read; changed (-before +after):\n%s", p.histories(), d)
	}
	// The write is done, or given up: from now on PagerDuty's word counts.
	jobs, err := p.store.Lease(ctx, p.clock.Now(), p.clock.Now().Add(time.Minute), 50)
	p.must(err)
	for _, j := range jobs {
		p.must(p.store.Finish(ctx, j, outbox.Outcome{State: incident.EffectDead, Error: "x", At: p.clock.Now()}))
	}
	p.run()
	p.agree()
	if inc := p.of(id); inc.AcknowledgedBy != ani || inc.AcknowledgedAt.Truncate(time.Minute) != at(1) {
		t.Errorf("acknowledged by %v at %s", inc.AcknowledgedBy, inc.AcknowledgedAt)
	}
}

// TestPersonsLaterWordWins: what a person has decided here after PagerDuty's last
// word stands, for PagerDuty can't reopen, and may have refused to resolve.
func TestPersonsLaterWordWins(t *testing.T) {
	p := newPair(t)
	id := p.trigger("checkout is down")
	p.clock.advance(time.Minute)
	p.must(p.sim.Resolve(id, "PU1"))
	p.deliver()
	p.clock.advance(time.Minute)
	p.do(person(incident.Reopen, 1))
	p.quiet()
	if inc := p.of(id); !inc.Active() || inc.Episode != 2 {
		t.Errorf("after a person's reopening: active %v in episode %d", inc.Active(), inc.Episode)
	}

	p = newPair(t)
	id = p.trigger("checkout is down")
	p.deliver()
	p.clock.advance(time.Minute)
	p.do(person(incident.Resolve, 1))
	jobs, err := p.store.Lease(ctx, p.clock.Now(), p.clock.Now().Add(time.Minute), 50)
	p.must(err)
	for _, j := range jobs {
		p.must(p.store.Finish(ctx, j, outbox.Outcome{State: incident.EffectDead, Error: "refused", At: p.clock.Now()}))
	}
	before := p.all()
	p.run()
	if d := cmp.Diff(before, p.all()); d != "" {
		t.Errorf("a person's resolution was undone:\n%s", d)
	}
	p.clock.advance(time.Minute)
	p.run()
	p.quiet() // the difference was looked into; it stays, and is not looked into each time
	// A trigger after it is news.
	p.clock.advance(time.Minute)
	p.must(p.sim.Resolve(id, "PU1"))
	p.clock.advance(time.Minute)
	p.away(func() { p.must(p.sim.Reopen(id, "PU1")) })
	p.run()
	if inc := p.of(id); !inc.Active() {
		t.Error("reopened in PagerDuty after a person's resolution: not active here")
	}
}

// TestNewInstallation takes over what began within the last hour, and leaves
// history alone.
func TestNewInstallation(t *testing.T) {
	p := newPair(t)
	var young string
	p.away(func() {
		p.trigger("old and open")
		p.clock.advance(61 * time.Minute)
		young = p.trigger("young and open")
		p.must(p.sim.Resolve(p.trigger("young and over"), "PU1"))
		p.clock.advance(time.Minute)
	})
	p.run()
	if len(p.all()) != 2 || p.of(young) == nil {
		t.Errorf("%d incidents, want the two young ones", len(p.all()))
	}
	// What began while it was off, however long that was, is taken over later.
	p.away(func() {
		p.clock.advance(time.Hour)
		p.trigger("in between")
		p.clock.advance(48 * time.Hour)
	})
	if p.run(); len(p.all()) != 3 {
		t.Errorf("%d incidents, want the one from the downtime, too", len(p.all()))
	}
}

// TestDeletedInPagerDuty leaves the decision to a person.
func TestDeletedInPagerDuty(t *testing.T) {
	p := newPair(t)
	p.do(incident.Command{
		Verb: incident.Trigger, Actor: vendor, Source: incident.SourcePagerDuty, At: t0, Ref: &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: "QGONE"},
		Args: incident.Args{Alert: &incident.Alert{Title: "x", CreatedAt: t0}},
	})
	p.do(incident.Command{Verb: incident.Declare, Actor: ani, Role: incident.RoleResponder, Args: incident.Args{Title: "by hand"}})
	p.trigger("ledger is down")
	p.run()
	if len(p.all()) != 3 || !p.of("QGONE").Active() {
		t.Errorf("%d incidents, the deleted one active: %v", len(p.all()), p.of("QGONE").Active())
	}
	p.quiet()
}

// TestPagerDutyFails: an error ends the run, says what was tried, and loses
// nothing: the next run begins where the last good one did.
func TestPagerDutyFails(t *testing.T) {
	for path, want := range map[string]string{
		"/webhook_subscriptions": "list webhook subscriptions of PagerDuty", "/incidents": "list incidents of PagerDuty", "/incidents/": "read the history of an incident of PagerDuty",
	} {
		p := newPair(t)
		p.run()
		p.away(func() {
			p.clock.advance(time.Hour)
			p.trigger("ledger is down")
			p.clock.advance(time.Hour)
		})
		p.sim.Inject(pagerdutysim.Fault{Path: path, Status: http.StatusInternalServerError})
		if err := p.rec.Run(ctx); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s fails: Run = %v, want %q", path, err, want)
		}
		p.sim.ClearFaults()
		p.clock.advance(2 * time.Hour)
		p.run()
		p.agree()
	}
	p := newPair(t)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.rec.Run(cancelled); err == nil {
		t.Error("a cancelled run made no error")
	}
}

// TestOneBadIncident must not keep the others from being reconciled.
func TestOneBadIncident(t *testing.T) {
	p := newPair(t)
	var bad string
	p.away(func() {
		bad = p.trigger("ledger is down")
		p.trigger("checkout is down")
	})
	p.rec.Service = picky{p.svc, bad}
	p.run()
	if len(p.all()) != 1 || p.of(bad) != nil || !strings.Contains(p.log.String(), "not this one") {
		t.Errorf("%d incidents; the log says %s", len(p.all()), p.log.String())
	}
}

// picky is a service whose rules refuse one incident.
type picky struct {
	*incident.Service
	bad string
}

func (s picky) Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error) {
	if cmd.Ref != nil && cmd.Ref.ID == s.bad {
		return nil, incident.NewProblem(incident.ErrInvalid, "", "x", "not this one")
	}
	return s.Service.Do(ctx, cmd)
}
