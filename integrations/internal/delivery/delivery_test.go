package delivery_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/internal/delivery"
)

// rig is a queue to one receiver, with a clock of its own.
type rig struct {
	*delivery.Queue[string]
	mu   sync.Mutex // the queue's
	now  time.Time
	got  []string
	says func(body string) int // the receiver's answer; default 202
}

func newRig(t *testing.T, live int) *rig {
	t.Helper()
	r := &rig{now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), says: func(string) int { return http.StatusAccepted }}
	var mu sync.Mutex
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		r.got = append(r.got, string(body))
		w.WriteHeader(r.says(string(body)))
	}))
	t.Cleanup(hook.Close)
	r.Queue = delivery.New(delivery.Options[string]{
		Lock: &r.mu, Rand: delivery.Rand(1), Live: live, Timeout: time.Second,
		Now: func() time.Time { return r.now }, Step: func(d time.Duration) { r.now = r.now.Add(d) },
		Backoff: func(n int) time.Duration { return time.Duration(n) * time.Minute },
		Request: func(string, *delivery.Webhook) (string, http.Header) { return hook.URL, http.Header{} },
		Judge: func(_ string, w *delivery.Webhook, status int) delivery.Verdict {
			switch {
			case status/100 == 2:
				return delivery.Delivered
			case status == http.StatusGone:
				return delivery.Off
			case w.Attempts == 2:
				return delivery.Expired
			}
			return delivery.Again
		},
	})
	return r
}

func (r *rig) push(lane string, bodies ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range bodies {
		delivery.Push(r.Queue, "to", &delivery.Webhook{Lane: lane, Body: []byte(b)})
	}
}

func (r *rig) want(t *testing.T, bodies string, stats delivery.Stats) {
	t.Helper()
	if got := strings.Join(r.got, " "); got != bodies {
		t.Errorf("delivered %q, want %q", got, bodies)
	}
	if diff := cmp.Diff(stats, r.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

// What can't be delivered holds up its own lane, and is tried at its times.
func TestLanesAndTries(t *testing.T) {
	r := newRig(t, 0)
	r.says = func(body string) int {
		if body == "a1" {
			return 500
		}
		return 200
	}
	r.push("a", "a1", "a2")
	r.push("", "x", "y")
	if n := r.Deliver(t.Context()); n != 3 {
		t.Errorf("%d attempts", n)
	}
	r.want(t, "a1 x y", delivery.Stats{Attempts: 3, Delivered: 2, Retried: 1, Pending: 2})
	if due, ok := r.NextDue(); !ok || due.Sub(r.now) != time.Minute {
		t.Errorf("NextDue = %v, %v", due, ok)
	}
	if n := r.Advance(t.Context(), 3*time.Minute); n != 3 { // after 1 and 2 more minutes, then a2
		t.Errorf("%d attempts", n)
	}
	r.want(t, "a1 x y a1 a1 a2", delivery.Stats{Attempts: 6, Delivered: 3, Retried: 2, Expired: 1})
	if _, ok := r.NextDue(); ok {
		t.Error("something is due")
	}
}

func TestOffDiscards(t *testing.T) {
	r := newRig(t, 0)
	r.says = func(string) int { return http.StatusGone }
	r.push("a", "1", "2")
	r.push("", "3")
	r.Deliver(t.Context())
	r.want(t, "1", delivery.Stats{Attempts: 1, Dropped: 1, Lost: 2, Disabled: 1})
}

func TestMischief(t *testing.T) {
	letters := strings.Split("abcdefghijklmnopqrstuvwxyz", "")
	for name, tt := range map[string]struct {
		m  delivery.Mischief
		ok func(got []string, st delivery.Stats) bool
	}{
		"none":    {delivery.Mischief{}, func(got []string, _ delivery.Stats) bool { return slices.Equal(got, letters) }},
		"lose":    {delivery.Mischief{Lose: .5}, func(got []string, st delivery.Stats) bool { return st.Lost > 5 && len(got) == 26-st.Lost }},
		"double":  {delivery.Mischief{Duplicate: 1}, func(got []string, st delivery.Stats) bool { return len(got) == 52 && st.Delivered == 52 }},
		"answer":  {delivery.Mischief{LoseAnswer: .3}, func(got []string, st delivery.Stats) bool { return st.Retried > 3 && len(got) == st.Attempts }},
		"reorder": {delivery.Mischief{Reorder: .5}, func(got []string, _ delivery.Stats) bool { return !slices.IsSorted(got) && len(got) == 26 }},
		"delay":   {delivery.Mischief{Delay: time.Minute}, func(got []string, _ delivery.Stats) bool { return !slices.IsSorted(got) && len(got) == 26 }},
	} {
		r := newRig(t, 0)
		r.SetMischief(tt.m)
		r.push("", letters...)
		r.Advance(t.Context(), time.Hour)
		if st := r.Stats(); !tt.ok(r.got, st) || st.Pending != 0 {
			t.Errorf("%s: delivered %v, %+v", name, r.got, st)
		}
	}
}

func TestLive(t *testing.T) {
	r := newRig(t, 3)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		delivery.Run(ctx, r.Queue)
	}()
	r.push("a", "1", "2", "3")
	if err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	<-ended
	r.want(t, "1 2 3", delivery.Stats{Attempts: 3, Delivered: 3})
}
