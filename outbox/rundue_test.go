package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/outbox"
	"imbot/store/storetest"
)

var start = storetest.Start

// Ensure that an outage of an hour is outlived: the try after its end succeeds,
// soon after it, and the tries meanwhile are few.
func TestHourOfRetries(t *testing.T) {
	var w *world
	var tries []time.Time
	w = newWorld(t, map[string]outbox.Handler{"jira": func(_ context.Context, job outbox.Job) error {
		now := w.clock.Now()
		tries = append(tries, now)
		if job.Attempt != len(tries) {
			t.Errorf("attempt %d, want %d", job.Attempt, len(tries))
		}
		if now.Before(start.Add(time.Hour)) {
			return errors.New("connection refused")
		}
		return nil
	}})
	w.put(once("jira", "ticket"))
	w.settle(start.Add(3 * time.Hour))
	w.wantState("INC-1/jira/ticket", incident.EffectDone, len(tries))
	for i := 1; i < len(tries); i++ {
		if gap := tries[i].Sub(tries[i-1]); gap < time.Second || gap > 5*time.Minute {
			t.Errorf("%s between the tries %d and %d, want 1 s to 5 min", gap, i, i+1)
		}
	}
	if n := len(tries); n < 15 || n > 80 {
		t.Errorf("%d tries in an hour, want a few dozen", n)
	}
	if late := tries[len(tries)-1].Sub(start.Add(time.Hour)); late > 5*time.Minute {
		t.Errorf("the effect was run %s after the end of the outage", late)
	}
	want := map[string]outbox.Count{"jira": {Done: 1, Failed: uint64(len(tries) - 1)}}
	if d := cmp.Diff(want, w.runner.Stats()); d != "" {
		t.Errorf("Stats (-want +got):\n%s", d)
	}
}

// Ensure that an effect that never succeeds is dead after MaxAge, that OnDead is
// told once, and that a person's retry runs it.
func TestTooOld(t *testing.T) {
	mended := false
	w := newWorld(t, map[string]outbox.Handler{"jira": func(context.Context, outbox.Job) error {
		if mended {
			return nil
		}
		return errors.New("connection refused")
	}})
	var dead []string
	w.runner.OnDead = func(_ context.Context, job outbox.Job, err error) {
		if got := w.state(job.Key).State; got != incident.EffectDead {
			t.Errorf("OnDead is told before it is stored: the state is %s", got)
		}
		dead = append(dead, job.Key+": "+err.Error())
	}
	w.put(once("jira", "ticket"))
	w.settle(start.Add(100 * time.Hour))
	if age := w.clock.Now().Sub(start); age < 24*time.Hour || age > 24*time.Hour+5*time.Minute {
		t.Errorf("given up after %s, want 24 h", age)
	}
	if want := []string{"INC-1/jira/ticket: connection refused"}; !cmp.Equal(dead, want) {
		t.Errorf("OnDead was told %q, want %q", dead, want)
	}
	tries := w.state("INC-1/jira/ticket").Attempts
	w.wantState("INC-1/jira/ticket", incident.EffectDead, tries)
	mended = true
	if err := w.store.Retry(t.Context(), "INC-1/jira/ticket", w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	w.pass()
	w.wantState("INC-1/jira/ticket", incident.EffectDone, tries+1)
}

// Ensure that each way in which a handler can end has its outcome.
func TestEnds(t *testing.T) {
	w := newWorld(t, map[string]outbox.Handler{
		"permanent": func(context.Context, outbox.Job) error { return fmt.Errorf("gone: %w", outbox.ErrPermanent) },
		"skip":      func(context.Context, outbox.Job) error { return outbox.Skip("dry run") },
		"later":     func(context.Context, outbox.Job) error { return outbox.Later(start.Add(time.Hour), "held") },
		"panic":     func(context.Context, outbox.Job) error { panic("on purpose") },
	})
	for _, kind := range []string{"permanent", "skip", "later", "panic", "unheard"} {
		w.put(once(kind, "x"))
	}
	if n, _ := w.pass(); n != 5 {
		t.Errorf("%d jobs ran, want 5", n)
	}
	for kind, want := range map[string]struct{ state, err string }{
		"permanent": {incident.EffectDead, "gone: permanent failure"},
		"skip":      {incident.EffectSkipped, "dry run"},
		"later":     {incident.EffectWaiting, "held"},
		"panic":     {incident.EffectWaiting, `the handler of "panic" panicked: on purpose`},
		"unheard":   {incident.EffectDead, `nothing here handles effects of the kind "unheard": permanent failure`},
	} {
		if got := w.state("INC-1/" + kind + "/x"); got.State != want.state || got.Error != want.err {
			t.Errorf("%s: %s (%s), want %s (%s)", kind, got.State, got.Error, want.state, want.err)
		}
	}
	if got := w.state("INC-1/later/x").NextAt; !got.Equal(start.Add(time.Hour)) {
		t.Errorf("later: next at %s, want in an hour", got)
	}
}

// Ensure that a runner that dies with a job in its hands loses nothing: when the
// lease has run out, the next one runs it, and knows that it is not the first.
func TestCrash(t *testing.T) {
	var attempts []int
	w := newWorld(t, map[string]outbox.Handler{"mail": func(_ context.Context, job outbox.Job) error {
		attempts = append(attempts, job.Attempt)
		return nil
	}})
	w.put(once("mail", "1"), once("mail", "2"))
	now := w.clock.Now()
	lost, err := w.store.Lease(t.Context(), now, now.Add(time.Minute), 8) // by a runner that is no more
	if err != nil || len(lost) != 1 {
		t.Fatalf("Lease = %v, %v", lost, err)
	}
	if n, next := w.pass(); n != 0 || !next.Equal(now.Add(time.Minute)) {
		t.Fatalf("%d jobs ran while the lease lasts, the next at %s; want none, at its end", n, next)
	}
	w.settle(now.Add(time.Hour))
	if want := []int{2, 1}; !cmp.Equal(attempts, want) {
		t.Errorf("attempts %v, want %v", attempts, want)
	}
}

// Ensure that a runner that was stuck beyond its lease can not undo what the one
// after it has stored.
func TestOutdatedRunner(t *testing.T) {
	var w *world
	stuck, goOn := make(chan struct{}), make(chan struct{})
	slow := func(context.Context, outbox.Job) error {
		close(stuck)
		<-goOn
		return outbox.ErrPermanent
	}
	w = newWorld(t, map[string]outbox.Handler{"mail": func(context.Context, outbox.Job) error { return nil }})
	w.put(once("mail", "1"))
	other := w.newRunner(map[string]outbox.Handler{"mail": slow})
	other.OnDead = func(context.Context, outbox.Job, error) { t.Error("OnDead is told of a job that is done") }
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := other.RunDue(context.Background()); err != nil {
			t.Error(err)
		}
	})
	<-stuck
	w.clock.Add(time.Minute)
	w.pass()
	w.wantState("INC-1/mail/1", incident.EffectDone, 2)
	close(goOn)
	wg.Wait()
	w.wantState("INC-1/mail/1", incident.EffectDone, 2)
}

// ticketSystem keeps tickets. Its answers can be lost.
type ticketSystem struct {
	mu      sync.Mutex
	tickets []string // guarded by mu: their markers
	lose    int      // guarded by mu: so many answers to create are lost
}

func (s *ticketSystem) find(marker string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.tickets {
		if m == marker {
			return true
		}
	}
	return false
}

func (s *ticketSystem) create(marker string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets = append(s.tickets, marker)
	if s.lose > 0 {
		s.lose--
		return errors.New("connection reset while waiting for the answer")
	}
	return nil
}

// Ensure that what failed, but had happened, happens once: the handler is told
// that it is not the first and looks.
func TestFailedButHappened(t *testing.T) {
	jira := &ticketSystem{lose: 1}
	w := newWorld(t, map[string]outbox.Handler{"jira": func(_ context.Context, job outbox.Job) error {
		if job.Attempt > 1 && jira.find(job.Key) {
			return nil
		}
		return jira.create(job.Key)
	}})
	w.put(once("jira", "ticket"))
	w.settle(start.Add(time.Hour))
	w.wantState("INC-1/jira/ticket", incident.EffectDone, 2)
	// The same where the process dies after the answer, before it is stored.
	w.put(once("jira", "second"))
	now := w.clock.Now()
	jobs, err := w.store.Lease(t.Context(), now, now.Add(time.Minute), 1)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("Lease = %v, %v", jobs, err)
	}
	if err := jira.create(jobs[0].Key); err != nil {
		t.Fatal(err)
	}
	w.settle(now.Add(time.Hour))
	w.wantState("INC-1/jira/second", incident.EffectDone, 2)
	if want := []string{"INC-1/jira/ticket", "INC-1/jira/second"}; !cmp.Equal(jira.tickets, want) {
		t.Errorf("tickets %v, want %v", jira.tickets, want)
	}
}

// Ensure that a hundred changes in ten seconds make an update every two seconds,
// and that the last one shows the last change.
func TestCoalescing(t *testing.T) {
	var w *world
	state, shown := 0, []int{}
	var times []time.Time
	w = newWorld(t, map[string]outbox.Handler{"card": func(context.Context, outbox.Job) error {
		shown, times = append(shown, state), append(times, w.clock.Now())
		return nil
	}})
	for range 100 {
		state++
		w.put(latest("card", "19:a"))
		w.pass()
		w.clock.Add(100 * time.Millisecond)
	}
	w.settle(w.clock.Now().Add(time.Hour))
	if n := len(shown); n < 5 || n > 6 {
		t.Errorf("the card was updated %d times (%v), want 5 or 6", n, shown)
	}
	if last := shown[len(shown)-1]; last != state {
		t.Errorf("the card shows %d in the end, want %d", last, state)
	}
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); gap < outbox.MinInterval {
			t.Errorf("%s between two updates", gap)
		}
	}
}

// Ensure that an outage of one system holds up nothing else, and keeps the order
// of what it holds up.
func TestLanesAreIndependent(t *testing.T) {
	var mu sync.Mutex
	var done []string
	down := true
	do := func(_ context.Context, job outbox.Job) error {
		mu.Lock()
		defer mu.Unlock()
		if job.Kind == "jira" && down {
			return errors.New("503")
		}
		done = append(done, job.Key)
		return nil
	}
	w := newWorld(t, map[string]outbox.Handler{"jira": do, "teams": do})
	w.put(once("jira", "1"), once("jira", "2"), once("teams", "1"), once("jira", "3"), once("teams", "2"))
	w.pass()
	if want := []string{"INC-1/teams/1", "INC-1/teams/2"}; !cmp.Equal(done, want) {
		t.Errorf("done %v, want %v", done, want)
	}
	w.settle(start.Add(time.Hour))
	w.put(once("teams", "3"))
	w.pass()
	mu.Lock()
	down = false
	mu.Unlock()
	w.settle(start.Add(3 * time.Hour))
	want := []string{"INC-1/teams/1", "INC-1/teams/2", "INC-1/teams/3", "INC-1/jira/1", "INC-1/jira/2", "INC-1/jira/3"}
	if !cmp.Equal(done, want) {
		t.Errorf("done %v, want %v", done, want)
	}
	w.wantState("INC-1/jira/2", incident.EffectDone, 1)
}
