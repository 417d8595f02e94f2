package jirasim_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

// hook takes webhooks, and answers each as it is told to.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	ids    []string
	events []*jira.Event
	answer func(n int) int
}

func newHook(t *testing.T, answer func(n int) int) *hook {
	h := &hook{answer: answer}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := jira.VerifySignature(r.Header, body, []string{"s3cret"}); err != nil {
			t.Error(err)
		}
		e := jira.ParseWebhook(r.Header, body)
		h.ids, h.events = append(h.ids, fmt.Sprintf("%s/%d", e.ID, e.Retry)), append(h.events, e)
		w.WriteHeader(h.answer(len(h.events)))
	}))
	t.Cleanup(h.Close)
	return h
}

func TestWebhookRetries(t *testing.T) {
	for name, tt := range map[string]struct {
		dc       bool
		answer   func(n int) int
		attempts int
		stats    jirasim.Stats
	}{
		"accepted":           {false, func(int) int { return 202 }, 1, jirasim.Stats{Attempts: 1, Delivered: 1}},
		"third time":         {false, func(n int) int { return map[bool]int{true: 200, false: 503}[n == 3] }, 3, jirasim.Stats{Attempts: 3, Delivered: 1, Retried: 2}},
		"never":              {false, func(int) int { return 500 }, 6, jirasim.Stats{Attempts: 6, Retried: 5, Dropped: 1}},
		"too many":           {false, func(int) int { return 429 }, 6, jirasim.Stats{Attempts: 6, Retried: 5, Dropped: 1}},
		"refused":            {false, func(int) int { return 401 }, 1, jirasim.Stats{Attempts: 1, Dropped: 1}},
		"redirected":         {false, func(int) int { return 302 }, 1, jirasim.Stats{Attempts: 1, Dropped: 1}},
		"data center, never": {true, func(int) int { return 503 }, 1, jirasim.Stats{Attempts: 1, Dropped: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, jirasim.Options{DataCenter: tt.dc})
			h := newHook(t, tt.answer)
			s.SetWebhook(h.URL, "s3cret")
			s.Create(jirasim.Spec{Project: "OPS", Summary: "x"})
			s.Advance(t.Context(), 2*time.Hour)
			if len(h.events) != tt.attempts || s.Stats() != tt.stats {
				t.Errorf("attempts %v, stats %+v, want %d, %+v", h.ids, s.Stats(), tt.attempts, tt.stats)
			}
			for n, id := range h.ids {
				if want := fmt.Sprintf("%s/%d", h.events[0].ID, n); id != want {
					t.Errorf("attempt %d has %s, want %s", n, id, want)
				}
			}
		})
	}
}

func TestMischief(t *testing.T) {
	s := start(t, jirasim.Options{})
	h := newHook(t, func(int) int { return 200 })
	s.SetWebhook(h.URL, "s3cret")
	s.SetMischief(jirasim.Mischief{Lose: 0.2, Duplicate: 0.2, Reorder: 0.5})
	const made = 200
	for n := range made {
		s.Create(jirasim.Spec{Project: "OPS", Summary: fmt.Sprint(n)})
	}
	s.Deliver(t.Context())
	distinct, last, back := map[string]bool{}, "", 0
	for _, e := range h.events {
		distinct[e.ID] = true
		if len(e.Issue.ID) == len(last) && e.Issue.ID < last {
			back++
		}
		last = e.Issue.ID
	}
	st := s.Stats()
	if st.Lost == 0 || len(distinct) != made-st.Lost || len(h.events) <= len(distinct) || back < 20 {
		t.Errorf("lost %d, %d distinct of %d, %d steps back", st.Lost, len(distinct), len(h.events), back)
	}
	if st.Delivered != len(h.events) || st.Pending != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestLiveDelivery(t *testing.T) {
	s := start(t, jirasim.Options{Live: true})
	h := newHook(t, func(n int) int { return map[bool]int{true: 503, false: 200}[n%3 == 1] })
	s.SetWebhook(h.URL, "s3cret")
	for n := range 20 {
		s.Create(jirasim.Spec{Project: "OPS", Summary: fmt.Sprint(n)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	must(t, s.Wait(ctx))
	if st := s.Stats(); st.Delivered != 20 || st.Retried == 0 || st.Dropped != 0 {
		t.Errorf("stats %+v", st)
	}
}
