// Package storetest is the contract of every store, as tests: what
// incident.Store, outbox.Store, bot.Store and the others promise in words. A
// fault that is found in one store becomes a case here. How fast a store is, and what only one
// kind of store can do, is tested beside that store.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"imbot/bot"
	"imbot/changes"
	"imbot/incident"
	"imbot/outbox"
	"imbot/topology"
)

// Store is what is tested.
type Store interface {
	incident.Store
	outbox.Store
	bot.Store
	bot.Preferences
	topology.Store
	changes.Store
	Prune(ctx context.Context, now time.Time) error
	Writable(ctx context.Context) error
	Close() error
}

// Config says how a store is opened for a test.
type Config struct {
	Dir          string           // an empty folder of the test's own; the same folder means the same data
	Now          func() time.Time // the store's clock
	KeyRetention time.Duration
	RawRetention time.Duration
}

// Open opens a store, or fails the test.
type Open func(t *testing.T, c Config) Store

// Retentions that the tests use.
const (
	keyRetention = 7 * 24 * time.Hour
	rawRetention = 100 * 24 * time.Hour
)

// Start is when the clocks of the tests begin to run.
var Start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// Clock is a clock that moves only when told. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

// NewClock returns a clock that stands at Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock by d.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set moves the clock to t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// Run tests the contract. Each case opens a store of its own.
func Run(t *testing.T, open Open) {
	cases := []struct {
		name string
		run  func(*env)
	}{
		{"Incident", testIncident},
		{"NextID", testNextID},
		{"Rows", testRows},
		{"RowsFollowChanges", testRowsFollow},
		{"RowsWithin", testRowsWithin},
		{"Timeline", testTimeline},
		{"TimelineWithin", testTimelineWithin},
		{"Raw", testRaw},
		{"Prune", testPrune},
		{"Keys", testKeys},
		{"KeyRetention", testKeyRetention},
		{"Atomic", testAtomic},
		{"Panic", testPanic},
		{"ViewReadsOnly", testViewReadsOnly},
		{"Context", testContext},
		{"Counter", testCounter},
		{"Transfer", testTransfer},
		{"Snapshot", testSnapshot},
		{"Reopen", testReopen},
		{"Once", testOnce},
		{"Latest", testLatest},
		{"LatestPutWhileRunning", testLatestRunning},
		{"LatestAfterFailure", testLatestAfterFailure},
		{"EffectsWithin", testEffectsWithin},
		{"EffectsOfOneIncident", testEffectsOfOne},
		{"BadEffects", testBadEffects},
		{"Lanes", testLanes},
		{"LaneOfDead", testLaneOfDead},
		{"Urgent", testUrgent},
		{"Due", testDue},
		{"LeaseRunsOut", testLeaseRunsOut},
		{"Fence", testFence},
		{"LeasesDoNotOverlap", testLeasesDoNotOverlap},
		{"Retry", testRetry},
		{"Backlog", testBacklog},
		{"Jobs", testJobs},
		{"Conversations", testConversations},
		{"People", testPeople},
		{"Preferences", testPreferences},
		{"Changes", testChanges},
		{"ChangedAgain", testChangedAgain},
		{"PruneChanges", testPruneChanges},
		{"ChangesAtOnce", testChangesAtOnce},
		{"Edges", testEdges},
		{"EdgesManyAndBad", testManyEdges},
		{"EdgeSources", testEdgeSources},
		{"Close", testClose},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := &env{T: t, open: open, clock: NewClock(), dir: t.TempDir()}
			e.start()
			c.run(e)
		})
	}
}

// env is what a case works with.
type env struct {
	*testing.T
	Store
	open  Open
	clock *Clock
	dir   string
}

// errStop is what changes return that are to be rolled back.
var errStop = errors.New("stop")

func (e *env) start() {
	e.Helper()
	e.Store = e.open(e.T, Config{Dir: e.dir, Now: e.clock.Now, KeyRetention: keyRetention, RawRetention: rawRetention})
	st := e.Store
	e.Cleanup(func() { _ = st.Close() })
}

// reopen closes the store and opens it again.
func (e *env) reopen() {
	e.Helper()
	e.must(e.Close())
	e.start()
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *env) ctx() context.Context { return e.Context() }

func (e *env) update(fn func(tx incident.Tx) error) {
	e.Helper()
	e.must(e.Update(e.ctx(), fn))
}

func (e *env) view(fn func(tx incident.Tx) error) {
	e.Helper()
	e.must(e.View(e.ctx(), fn))
}

// sample is an incident with something in every corner.
func sample(id incident.ID, openedAt time.Time) *incident.Incident {
	inc := &incident.Incident{
		ID: id, Title: fmt.Sprintf("checkout is slow (%d)", id), Description: "p95 > 2 s\nsince the release", Service: "checkout",
		ServiceName: "Checkout", Squad: "payments", Level: "high-response-time", LevelRule: "slow", Status: incident.Open,
		Responders: []incident.Actor{{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi"}},
		Alert: &incident.Alert{
			Title: "checkout is slow", Service: "checkout", ServiceID: "PSVC1", Urgency: "high",
			Labels: map[string]string{"env": "prod", "region": "ap-southeast-3"}, CreatedAt: openedAt,
		},
		AlertAt: openedAt, Cards: []string{"19:abc@thread.tacv2"}, UpdatedAt: openedAt, Events: 1,
		Refs:  []incident.Ref{{System: "pagerduty", Role: incident.RoleAlert, ID: fmt.Sprintf("Q%dABC", id), URL: "https://example.pagerduty.com/incidents/Q"}},
		Marks: []incident.Mark{{At: openedAt, Kind: incident.MarkOpen, By: incident.Actor{Kind: incident.KindVendor, ID: "pagerduty"}}},
	}
	inc.OpenedAt, inc.Episode = openedAt, 1
	inc.Intervals = []incident.Interval{{From: openedAt}}
	return inc
}

// put stores incidents, each in its own change.
func (e *env) put(incs ...*incident.Incident) {
	e.Helper()
	for _, inc := range incs {
		e.update(func(tx incident.Tx) error { return tx.PutIncident(inc) })
	}
}

// effects stores effects in one change.
func (e *env) effects(effects ...incident.Effect) {
	e.Helper()
	e.update(func(tx incident.Tx) error { return tx.PutEffects(effects) })
}

// state returns what became of one effect; it must be there.
func (e *env) state(key string) incident.EffectState {
	e.Helper()
	id, err := incident.ParseID(key[:indexByte(key, '/')])
	e.must(err)
	var out incident.EffectState
	e.view(func(tx incident.Tx) error {
		all, err := tx.Effects(id)
		for _, s := range all {
			if s.Key == key {
				out = s
			}
		}
		return err
	})
	if out.Key == "" {
		e.Fatalf("the effect %s is not there", key)
	}
	return out
}

func indexByte(s string, c byte) int {
	for i := range len(s) {
		if s[i] == c {
			return i
		}
	}
	return len(s)
}

// lease leases for a minute.
func (e *env) lease(limit int) []outbox.Job {
	e.Helper()
	now := e.clock.Now()
	jobs, err := e.Lease(e.ctx(), now, now.Add(time.Minute), limit)
	e.must(err)
	return jobs
}

// one leases exactly one job, and it must be this one.
func (e *env) one(key string) outbox.Job {
	e.Helper()
	jobs := e.lease(10)
	if len(jobs) != 1 || jobs[0].Key != key {
		e.Fatalf("Lease = %v, want only %s", keysOf(jobs), key)
	}
	return jobs[0]
}

// none leases nothing.
func (e *env) none() {
	e.Helper()
	if jobs := e.lease(10); len(jobs) != 0 {
		e.Fatalf("Lease = %v, want nothing", keysOf(jobs))
	}
}

func (e *env) finish(job outbox.Job, state string) {
	e.Helper()
	e.must(e.Finish(e.ctx(), job, outbox.Outcome{State: state, At: e.clock.Now(), Error: errorFor(state)}))
}

func errorFor(state string) string {
	if state == incident.EffectDone {
		return ""
	}
	return "because of the test"
}

func keysOf(jobs []outbox.Job) []string {
	out := []string{}
	for _, j := range jobs {
		out = append(out, j.Key)
	}
	return out
}
