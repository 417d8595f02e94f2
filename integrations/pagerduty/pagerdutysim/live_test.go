package pagerdutysim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/integrations/pagerduty"
)

func contextCanceled(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

// story makes n incidents, each triggered, acknowledged and resolved.
func story(t *testing.T, s *Server, n int) {
	t.Helper()
	for k := range n {
		id := fmt.Sprintf("Q%d", k)
		s.Trigger(Spec{ID: id, Title: id})
		must(t, s.Acknowledge(id, "PANI"), s.Resolve(id, "PANI"))
	}
}

// inOrder checks that the first arrival of each webhook of an incident came in
// order, and returns how often webhooks came.
func inOrder(t *testing.T, r *receiver, incidents int) map[string]int {
	t.Helper()
	count, last := map[string]int{}, map[string]string{}
	for _, d := range r.deliveries() {
		if count[d.id]++; count[d.id] > 1 {
			continue
		}
		id, verb := d.event.IncidentID(), strings.TrimPrefix(d.event.Type, "incident.")
		want := map[string]string{"": "triggered", "triggered": "acknowledged", "acknowledged": "resolved"}[last[id]]
		if verb != want {
			t.Errorf("%s: %s after %q", id, verb, last[id])
		}
		last[id] = verb
	}
	if len(last) != incidents || len(count) != 3*incidents {
		t.Errorf("%d incidents and %d webhooks arrived, want %d and %d", len(last), len(count), incidents, 3*incidents)
	}
	return count
}

func TestLiveDelivers(t *testing.T) {
	s, r := stepped(t, Options{Live: true, Now: time.Now}), receive(t)
	s.Subscribe(r.URL)
	r.setAnswer(func(n int, _ *pagerduty.Event) int {
		if n%5 == 3 {
			return 503
		}
		return 202
	})
	story(t, s, 50)
	must(t, s.Wait(t.Context()))
	inOrder(t, r, 50)
	if st := s.Stats(); st.Pending != 0 || st.Delivered != 150 || st.Retried == 0 || st.Attempts != st.Delivered+st.Retried {
		t.Errorf("Stats = %+v", st)
	}
}

func TestLiveSurvivesARestartOfTheReceiver(t *testing.T) {
	s, r := stepped(t, Options{Live: true, Now: time.Now}), receive(t)
	sub, _ := s.Subscribe("http://127.0.0.1:1/") // nobody there
	story(t, s, 5)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Wait(ctx); err == nil {
		t.Error("Wait says that everything was delivered")
	}
	must(t, s.SetURL(sub, r.URL), s.Wait(t.Context()))
	inOrder(t, r, 5)
}

func TestLiveClosesWhileDelivering(t *testing.T) {
	s, r := stepped(t, Options{Live: true, Now: time.Now}), receive(t)
	s.Subscribe(r.URL)
	story(t, s, 100)
	s.Close() // returns, and no goroutine stays behind
	before := s.Stats()
	s.Trigger(Spec{ID: "QLATE", Title: "late"})
	if after := s.Stats(); after.Attempts != before.Attempts || after.Pending != before.Pending+1 {
		t.Errorf("Stats = %+v, then %+v", before, after)
	}
}

func TestMischief(t *testing.T) {
	const n = 100
	deliver := func(m Mischief) (map[string]int, *receiver, *Server) {
		s, r := stepped(t, Options{}), receive(t)
		s.Subscribe(r.URL)
		s.SetMischief(m)
		story(t, s, n)
		s.Advance(t.Context(), 5*time.Hour)
		if p := s.Stats().Pending; p != 0 {
			t.Errorf("%+v: %d still wait", m, p)
		}
		return inOrder(t, r, n), r, s
	}
	repeated := func(count map[string]int) (k int) {
		for _, c := range count {
			if c > 1 {
				k++
			}
		}
		return k
	}
	count, r, _ := deliver(Mischief{})
	plain := r.texts()
	if repeated(count) != 0 {
		t.Errorf("%d repeated without mischief", repeated(count))
	}
	count, _, _ = deliver(Mischief{Duplicate: 0.5})
	if k := repeated(count); k < n || k > 2*n {
		t.Errorf("%d of %d repeated, want about half", k, 3*n)
	}
	count, _, s := deliver(Mischief{LoseAnswer: 0.3})
	if k := repeated(count); k < n/2 || k > 3*n/2 || s.Stats().Retried < k {
		t.Errorf("%d of %d repeated, want about a third; %+v", k, 3*n, s.Stats())
	}
	_, r, _ = deliver(Mischief{Reorder: 0.5})
	if slices.Equal(r.texts(), plain) || r.deliveries()[0].event == nil {
		t.Error("nothing was reordered")
	}
	count, r, _ = deliver(Mischief{Reorder: 0.5, Duplicate: 0.3, LoseAnswer: 0.2, Delay: 10 * time.Minute})
	if slices.Equal(r.texts(), plain) || repeated(count) == 0 {
		t.Error("no mischief was made")
	}
}

func TestMischiefIsRepeatable(t *testing.T) {
	run := func() []string {
		s, r := stepped(t, Options{Seed: 42}), receive(t)
		s.Subscribe(r.URL)
		s.SetMischief(Mischief{Reorder: 0.5, Duplicate: 0.5, LoseAnswer: 0.2, Delay: time.Minute})
		story(t, s, 20)
		s.Advance(t.Context(), time.Hour)
		var out []string
		for _, d := range r.deliveries() {
			out = append(out, d.id+" "+d.text)
		}
		return out
	}
	if a, b := run(), run(); !slices.Equal(a, b) {
		t.Errorf("two runs with one seed differ: %d and %d deliveries", len(a), len(b))
	}
}
