package oncall_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/oncall"
)

func TestOn(t *testing.T) {
	r := newRig(t, func(c *oncall.Config) {
		c.People = people(t, "people: [{mail: dewi@corp.example.com, name: Dewi Lestari, pagerduty_id: PDEWI}]\n")
	})
	shifts, gaps := r.keeper.On(t.Context(), []string{"squad:payments", "nobody", "dba", "gone", "dba"})
	dewi := oncall.Person{Mail: "dewi@corp.example.com", Name: "Dewi Lestari", PagerDutyID: "PDEWI"}
	until := monday.Add(12 * time.Hour)
	want := []oncall.Shift{
		{Role: "squad:payments", Person: dewi, From: monday, Until: until, Level: 1, Source: "pagerduty policy PPAY"},
		{Role: "dba", Person: dewi, From: monday, Until: until, Level: 1, Source: "pagerduty schedule PDBA"},
	}
	if diff := cmp.Diff(want, shifts); diff != "" {
		t.Errorf("shifts (-want +got):\n%s", diff)
	}
	wantGaps := []oncall.Gap{
		{Role: "nobody", Reason: oncall.ReasonNobody, Detail: "pagerduty schedule PNONE (PagerDuty answers for schedules that an escalation policy uses)"},
		{Role: "gone", Reason: oncall.ReasonUnknown},
	}
	if diff := cmp.Diff(wantGaps, gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// An answer counts for five minutes, and no longer than the turns in it.
func TestOnIsCached(t *testing.T) {
	r := newRig(t, nil)
	for _, tt := range []struct {
		pass  time.Duration
		asked int
		want  string
	}{
		{0, 1, "dba=1dewi"},
		{5*time.Minute - 1, 1, "dba=1dewi"},
		{1, 2, "dba=1dewi"},
		{11*time.Hour - 6*time.Minute, 3, "dba=1dewi"}, // a minute before the turn ends
		{time.Minute, 4, "dba=1eko"},
		{time.Minute, 4, "dba=1eko"},
	} {
		r.pass(tt.pass)
		if got := r.on(t.Context(), "dba"); got != tt.want || r.asked() != tt.asked {
			t.Errorf("at %v: %s after %d asks, want %s after %d", r.now(), got, r.asked(), tt.want, tt.asked)
		}
	}
}

// A dead PagerDuty is known by its last good answer for a day, which knows the
// turns to come, and is asked again every half minute.
func TestDeadPagerDuty(t *testing.T) {
	r := newRig(t, nil)
	ctx := t.Context()
	if got := r.on(ctx, "dba", "squad:payments"); got != "dba=1dewi squad:payments=1dewi" {
		t.Fatal(got)
	}
	r.sim.Inject(pagerdutysim.Fault{Path: "/oncalls", Status: 503})
	r.pass(6 * time.Minute)
	for range 3 {
		if got := r.on(ctx, "dba", "squad:payments"); got != "dba=1dewi? squad:payments=1dewi?" {
			t.Errorf("6 minutes later: %s", got)
		}
	}
	if n := r.asked(); n < 3 || n > 4 { // two good ones; both at once, or the second spared
		t.Errorf("%d asks", n)
	}
	r.pass(11 * time.Hour)
	if got := r.on(ctx, "dba", "squad:payments"); got != "dba=1eko? squad:payments=1eko?" {
		t.Errorf("after the change of turns: %s", got)
	}
	if next, ok := r.keeper.Next(ctx, "squad:payments", oncall.Person{PagerDutyID: "PEKO"}); !ok || one(next) != "squad:payments=2fitri?" {
		t.Errorf("Next = %s, %v", one(next), ok)
	}
	r.pass(13 * time.Hour)
	shifts, gaps := r.keeper.On(ctx, []string{"dba"})
	if len(shifts) != 0 || len(gaps) != 1 || gaps[0].Reason != oncall.ReasonUnreachable || !strings.Contains(gaps[0].Detail, "pagerduty schedule PDBA: pagerduty: ask who is on call") {
		t.Errorf("a day later: %v, %v", shifts, gaps)
	}
	r.sim.ClearFaults()
	if got := r.on(ctx, "dba"); got != "dba!unreachable" {
		t.Errorf("within the pause: %s", got)
	}
	r.pass(30 * time.Second)
	if got := r.on(ctx, "dba"); got != "dba=1dewi" {
		t.Errorf("alive again: %s", got)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t, nil)
	r.plan(map[string]oncall.Plan{"dba": {Schedule: "PDBA"}, "odd": {Schedule: "P/1"}})
	if got := r.on(t.Context(), "odd", "dba"); got != "dba=1dewi odd!refused" {
		t.Errorf("one refusal: %s", got) // does not hold back the others
	}
	r.sim.Inject(pagerdutysim.Fault{Path: "/oncalls", Status: 403})
	r.pass(time.Hour)
	if got := r.on(t.Context(), "dba"); got != "dba=1dewi?" {
		t.Errorf("refused later: %s", got)
	}
	off := newRig(t, func(c *oncall.Config) { c.PagerDuty = nil })
	if got := off.on(t.Context(), "dba"); got != "dba!off" {
		t.Errorf("without PagerDuty: %s", got)
	}
}

// A source says when to ask again; it is heard for two minutes at most.
func TestRetryAfter(t *testing.T) {
	r := newRig(t, nil)
	r.sim.Inject(pagerdutysim.Fault{Path: "/oncalls", Status: 429, Times: 1, RetryAfter: 50 * time.Second})
	if got := r.on(t.Context(), "dba"); got != "dba!unreachable" {
		t.Fatal(got)
	}
	r.pass(49 * time.Second)
	if got := r.on(t.Context(), "dba"); got != "dba!unreachable" || r.asked() != 1 {
		t.Errorf("too early: %s, asked %d times", got, r.asked())
	}
	r.pass(time.Second)
	if got := r.on(t.Context(), "dba"); got != "dba=1dewi" {
		t.Errorf("in time: %s", got)
	}
}

func TestNext(t *testing.T) {
	turn := func(who string, from, until int) oncall.Turn {
		return oncall.Turn{Mail: who + "@example.com", From: monday.Add(time.Duration(from) * time.Hour), Until: monday.Add(time.Duration(until) * time.Hour)}
	}
	r := newRig(t, nil)
	r.plan(map[string]oncall.Plan{
		"policy": {Policy: "PPAY"}, "schedule": {Schedule: "PDBA"}, "none": {Schedule: "PNONE"},
		"rota":  {Rota: []oncall.Turn{turn("a", -20, -10), turn("b", -10, 0), turn("c", 0, 10), turn("d", 0, 5), turn("e", 10, 20), turn("c", 20, 30)}},
		"past":  {Rota: []oncall.Turn{turn("a", -20, -10)}},
		"ever":  {Rota: []oncall.Turn{{Mail: "a@example.com"}}},
		"apart": {Rota: []oncall.Turn{turn("e", 10, 20), turn("a", -1, 2)}},
	})
	for _, tt := range []struct {
		role  string
		chain []string // who is on standby, then who comes after the last
	}{
		{"policy", []string{"policy=1dewi", "policy=2fitri", "policy=2gita", "policy=3ani"}}, // dewi is asked once
		{"schedule", []string{"schedule=1dewi"}},
		{"rota", []string{"rota=1c rota=1d", "rota=1e", "rota=1a", "rota=1b"}},
		{"ever", []string{"ever=1a"}},
		{"apart", []string{"apart=1a", "apart=1e"}},
		{"past", nil},
		{"none", nil},
		{"unknown", nil},
	} {
		var got []string
		shifts, _ := r.keeper.On(t.Context(), []string{tt.role})
		for ok := len(shifts) > 0; ok; {
			got = append(got, short(shifts, nil))
			last := shifts[len(shifts)-1].Person
			shifts = make([]oncall.Shift, 1)
			shifts[0], ok = r.keeper.Next(t.Context(), tt.role, last)
		}
		if diff := cmp.Diff(tt.chain, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.role, diff)
		}
	}
	// Who else was asked at first is not asked again.
	if next, ok := r.keeper.Next(t.Context(), "rota", oncall.Person{Mail: "c@example.com"}); !ok || one(next) != "rota=1e" {
		t.Errorf("Next after the first of two = %s, %v", one(next), ok)
	}
	// Whose turn is over is followed by whoever has it now.
	if next, ok := r.keeper.Next(t.Context(), "policy", oncall.Person{Mail: "eko@example.com"}); !ok || one(next) != "policy=1dewi" {
		t.Errorf("Next after nobody's turn = %s, %v", one(next), ok)
	}
	if got := r.on(t.Context(), "past", "rota"); got != "rota=1c rota=1d past!nobody" {
		t.Errorf("On = %s", got)
	}
}

// A new plan counts at once, and what was known by the old one does not.
func TestPlansChange(t *testing.T) {
	r := newRig(t, nil)
	if got := r.on(t.Context(), "dba", "squad:payments"); got != "dba=1dewi squad:payments=1dewi" {
		t.Fatal(got)
	}
	r.plan(map[string]oncall.Plan{"dba": {Rota: []oncall.Turn{{Mail: "ani@example.com"}}}})
	if got := r.on(t.Context(), "dba", "squad:payments"); got != "dba=1ani squad:payments!unknown_role" {
		t.Errorf("On = %s", got)
	}
	r.sim.Inject(pagerdutysim.Fault{Path: "/oncalls", Status: 500})
	r.plan(map[string]oncall.Plan{"dba": {Schedule: "PDBA"}})
	if got := r.on(t.Context(), "dba"); got != "dba!unreachable" {
		t.Errorf("On = %s, though what was asked before is forgotten", got)
	}
}

// Two roles with one source share an answer.
func TestRefresh(t *testing.T) {
	r := newRig(t, nil)
	r.plan(map[string]oncall.Plan{"a": {Schedule: "PDBA"}, "b": {Schedule: "PDBA"}, "c": {Schedule: "PNONE"}, "d": {Policy: "PPAY"}})
	gaps := r.keeper.Refresh(t.Context())
	if r.asked() != 3 || short(nil, gaps) != "c!nobody" {
		t.Errorf("%d asks, gaps %v", r.asked(), gaps)
	}
}

// slow is a PagerDuty that answers when a test says so.
type slow struct {
	release          chan struct{}
	calls            atomic.Int32
	running, highest atomic.Int32
}

func (s *slow) OnCalls(ctx context.Context, q pagerduty.OnCallQuery) ([]pagerduty.OnCall, error) {
	s.calls.Add(1)
	n := s.running.Add(1)
	defer s.running.Add(-1)
	for most := s.highest.Load(); n > most && !s.highest.CompareAndSwap(most, n); most = s.highest.Load() {
	}
	select {
	case <-s.release:
		return []pagerduty.OnCall{{User: pagerduty.OnCallUser{ID: "PANI"}, Policy: pagerduty.Reference{ID: q.Policies[0]}, Level: 1}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func policies(names ...string) func() map[string]oncall.Plan {
	plans := map[string]oncall.Plan{}
	for _, n := range names {
		plans[n] = oncall.Plan{Policy: strings.ToUpper(n)}
	}
	return func() map[string]oncall.Plan { return plans }
}

// However many sources hang, nobody waits longer than two seconds.
func TestHangingSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{release: make(chan struct{})}
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}
		k := oncall.New(oncall.Config{Plans: policies(names...), PagerDuty: s})
		start := time.Now()
		_, gaps := k.On(t.Context(), names)
		if d := time.Since(start); d != 2*time.Second || len(gaps) != len(names) || gaps[0].Reason != oncall.ReasonUnreachable {
			t.Errorf("after %v: %v", d, gaps)
		}
		synctest.Wait()
		start = time.Now()
		_, gaps = k.On(t.Context(), names)
		if d := time.Since(start); d != 0 || len(gaps) != len(names) {
			t.Errorf("at once again: %v after %v", gaps, d)
		}
		if n, most := s.calls.Load(), s.highest.Load(); n != 4 || most != 4 {
			t.Errorf("%d asks, %d at once; want 4: the others are spared", n, most)
		}
		time.Sleep(30 * time.Second) // of the bubble: the pause
		close(s.release)
		if shifts, gaps := k.On(t.Context(), names); len(shifts) != len(names) {
			t.Errorf("alive: %v, %v", shifts, gaps)
		}
	})
}

// Many who ask for one role at once are one ask, and whoever stops to wait takes
// it from nobody.
func TestSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{release: make(chan struct{})}
		k := oncall.New(oncall.Config{Plans: policies("a"), PagerDuty: s})
		impatient, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, gaps := k.On(impatient, []string{"a"}); len(gaps) != 1 {
				t.Errorf("who stopped to wait got %v", gaps)
			}
		})
		synctest.Wait()
		for range 20 {
			wg.Go(func() {
				if shifts, gaps := k.On(t.Context(), []string{"a"}); len(shifts) != 1 {
					t.Errorf("On = %v, %v", shifts, gaps)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(s.release)
		wg.Wait()
		if n := s.calls.Load(); n != 1 {
			t.Errorf("%d asks", n)
		}
	})
}

// broken is a transport that always fails.
type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no route to host")
}
