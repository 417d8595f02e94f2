package pagerdutysim

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
)

var day0 = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// arrival is a webhook as the receiver got it.
type arrival struct {
	id, sub, text string
	header        http.Header
	body          []byte
	event         *pagerduty.Event
}

// receiver records webhooks and answers with what answer says, 202 by default.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []arrival
	answer func(n int, e *pagerduty.Event) int // n counts from 0; 0 means: no answer
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		e, err := pagerduty.ParseWebhook(body)
		if err != nil {
			t.Error(err)
			return
		}
		text := strings.TrimPrefix(e.Type, "incident.")
		if e.Incident != nil {
			text += " " + e.Incident.Title
		}
		r.mu.Lock()
		n, answer := len(r.got), r.answer
		r.got = append(r.got, arrival{
			id: req.Header.Get(pagerduty.WebhookIDHeader), sub: req.Header.Get(pagerduty.SubscriptionHeader),
			text: text, header: req.Header, body: body, event: e,
		})
		r.mu.Unlock()
		status := http.StatusAccepted
		if answer != nil {
			status = answer(n, e)
		}
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) deliveries() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) texts() []string {
	var out []string
	for _, d := range r.deliveries() {
		out = append(out, d.text)
	}
	return out
}

// always answers every webhook alike.
func always(status int) func(int, *pagerduty.Event) int {
	return func(int, *pagerduty.Event) int { return status }
}

func (r *receiver) setAnswer(f func(int, *pagerduty.Event) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// stepped returns a simulator whose clock only Advance moves.
func stepped(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return day0 }
	}
	if o.Seed == 0 {
		o.Seed = 7
	}
	s := New(o)
	t.Cleanup(s.Close)
	s.AddUser(User{ID: "PANI", Name: "Ani", Email: "ani@example.com"})
	s.AddUser(User{ID: "PBUDI", Name: "Budi", Email: "budi@example.com"})
	return s
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for n, err := range errs {
		if err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
	}
}

func wantTexts(t *testing.T, r *receiver, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.texts()); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

func wantStats(t *testing.T, s *Server, want Stats) {
	t.Helper()
	if diff := cmp.Diff(want, s.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

func TestDeliveryIsSignedAndNamed(t *testing.T) {
	s, r := stepped(t, Options{}), receive(t)
	sub, secret := s.Subscribe(r.URL)
	s.Trigger(Spec{ID: "Q1", Title: "a", At: day0.Add(-time.Hour)})
	second, err := s.AddSecret(sub)
	must(t, err)
	must(t, s.Acknowledge("Q1", "PANI"))
	if n := s.Deliver(t.Context()); n != 2 {
		t.Fatalf("%d attempts, want 2", n)
	}
	must(t, s.RemoveSecret(sub, secret), s.Resolve("Q1", ""))
	s.Deliver(t.Context())

	got := r.deliveries()
	for n, want := range [][2]bool{{true, true}, {true, true}, {false, true}} { // secrets count when sent
		for k, secret := range []string{secret, second} {
			if err := pagerduty.VerifySignature(got[n].header, got[n].body, []string{secret}); (err == nil) != want[k] {
				t.Errorf("delivery %d, secret %d: %v, want good %v", n, k, err, want[k])
			}
		}
	}
	first := got[0]
	if first.sub != sub || first.header.Get("User-Agent") != "PagerDuty-Webhook/V3.0" || first.header.Get("Content-Type") != "application/json" || first.id == "" || first.id == got[1].id {
		t.Errorf("headers %v", first.header)
	}
	if !first.event.OccurredAt.Equal(day0.Add(-time.Hour)) || got[1].event.Agent.ID != "PANI" || first.event.Agent != nil || got[2].event.Incident.Status != "resolved" {
		t.Errorf("events %+v, %+v", first.event, got[1].event)
	}
}

func TestDeliveryRetries(t *testing.T) {
	for _, status := range []int{500, 502, 503, 429, 0} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s, r := stepped(t, Options{}), receive(t)
			s.Subscribe(r.URL)
			r.setAnswer(func(n int, _ *pagerduty.Event) int {
				if n < 3 {
					return status
				}
				return 202
			})
			s.Trigger(Spec{ID: "Q1", Title: "a"})
			if n := s.Deliver(t.Context()); n != 1 { // the next is not due yet
				t.Errorf("%d attempts at once", n)
			}
			if due, ok := s.NextDue(); !ok || due.Sub(day0) != 10*time.Second {
				t.Errorf("NextDue = %v, %v; want 10s later", due, ok)
			}
			if n := s.Advance(t.Context(), 69*time.Second); n != 2 { // after 10 s and 20 s more
				t.Errorf("%d attempts in 69s, want 2", n)
			}
			if n := s.Advance(t.Context(), time.Second); n != 1 { // after 40 s more
				t.Errorf("%d attempts in the next second, want 1", n)
			}
			got := r.deliveries()
			for _, d := range got {
				if d.id != got[0].id || string(d.body) != string(got[0].body) {
					t.Errorf("an attempt differs from the first: %s", d.id)
				}
			}
			wantStats(t, s, Stats{Attempts: 4, Delivered: 1, Retried: 3})
			if _, ok := s.NextDue(); ok {
				t.Error("something is still due")
			}
		})
	}
}

func TestDeliveryTimesOut(t *testing.T) {
	s := stepped(t, Options{DeliveryTimeout: 50 * time.Millisecond})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		<-req.Context().Done()
	}))
	defer slow.Close()
	s.Subscribe(slow.URL)
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	s.Deliver(t.Context())
	wantStats(t, s, Stats{Attempts: 1, Retried: 1, Pending: 1})
}

func TestDeliveryToNobody(t *testing.T) {
	s, r := stepped(t, Options{}), receive(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	sub, _ := s.Subscribe(gone.URL)
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	s.Deliver(t.Context())
	wantStats(t, s, Stats{Attempts: 1, Retried: 1, Pending: 1})
	must(t, s.SetURL(sub, r.URL)) // the receiver comes back elsewhere
	s.Advance(t.Context(), time.Minute)
	wantTexts(t, r, "triggered a")
}

func TestDeliveryEndsAfter48Hours(t *testing.T) {
	s, r := stepped(t, Options{}), receive(t)
	s.Subscribe(r.URL)
	r.setAnswer(always(500))
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	s.Advance(t.Context(), 47*time.Hour+50*time.Minute)
	if st := s.Stats(); st.Pending != 1 || st.Expired != 0 {
		t.Errorf("Stats after 47h50m = %+v", st)
	}
	s.Advance(t.Context(), 2*time.Hour)
	if st := s.Stats(); st.Pending != 0 || st.Expired != 1 || st.Dropped != 0 {
		t.Errorf("Stats after 49h50m = %+v", st)
	}
}

// While one webhook of an incident is tried, its later ones wait; those of other
// incidents and other subscriptions don't.
func TestDeliveryKeepsTheOrderOfAnIncident(t *testing.T) {
	s, r, other := stepped(t, Options{}), receive(t), receive(t)
	s.Subscribe(r.URL)
	s.Subscribe(other.URL)
	failing := true
	r.setAnswer(func(_ int, e *pagerduty.Event) int {
		if failing && e.IncidentID() == "Q1" {
			return 503
		}
		return 202
	})
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	must(t, s.Acknowledge("Q1", "PANI"), s.AddNote("Q1", "PANI", "x"), s.Resolve("Q1", "PANI"))
	s.Trigger(Spec{ID: "Q2", Title: "b"})
	must(t, s.Resolve("Q2", "PANI"))
	s.Deliver(t.Context())
	wantTexts(t, r, "triggered a", "triggered b", "resolved b")
	wantTexts(t, other, "triggered a", "acknowledged a", "annotated", "resolved a", "triggered b", "resolved b")
	failing = false
	s.Advance(t.Context(), time.Minute)
	wantTexts(t, r, "triggered a", "triggered b", "resolved b", "triggered a", "acknowledged a", "annotated", "resolved a")
}

func TestThreeRefusalsDisable(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 410, 422, 301} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s, r := stepped(t, Options{}), receive(t)
			sub, _ := s.Subscribe(r.URL)
			r.setAnswer(always(status))
			for n := range 5 {
				s.Trigger(Spec{ID: fmt.Sprintf("Q%d", n), Title: "a"})
			}
			s.Deliver(t.Context()) // three refused, two discarded
			if off, err := s.Disabled(sub); err != nil || !off {
				t.Errorf("Disabled = %v, %v", off, err)
			}
			s.Trigger(Spec{ID: "Q5", Title: "lost"})
			wantStats(t, s, Stats{Attempts: 3, Dropped: 3, Lost: 3, Disabled: 1})

			r.setAnswer(nil)
			s.Advance(t.Context(), 24*time.Hour-time.Second)
			s.Trigger(Spec{ID: "Q6", Title: "lost"})
			s.Advance(t.Context(), time.Second)
			s.Trigger(Spec{ID: "Q7", Title: "back"})
			s.Deliver(t.Context())
			if texts := r.texts(); len(texts) != 4 || texts[3] != "triggered back" {
				t.Errorf("delivered %q", texts)
			}
		})
	}
}

func TestRefusalsCountInARowOnly(t *testing.T) {
	s, r := stepped(t, Options{}), receive(t)
	sub, _ := s.Subscribe(r.URL)
	r.setAnswer(func(n int, _ *pagerduty.Event) int {
		if n%3 == 2 {
			return 202
		}
		return 400
	})
	for n := range 12 {
		s.Trigger(Spec{ID: fmt.Sprintf("Q%d", n), Title: "a"})
	}
	s.Deliver(t.Context())
	if off, err := s.Disabled(sub); off || err != nil {
		t.Errorf("Disabled = %v, %v", off, err)
	}
	wantStats(t, s, Stats{Attempts: 12, Delivered: 4, Dropped: 8})
}

func TestEnableOverREST(t *testing.T) {
	s, r := stepped(t, Options{}), receive(t)
	sub, _ := s.Subscribe(r.URL)
	r.setAnswer(always(400))
	for n := range 3 {
		s.Trigger(Spec{ID: fmt.Sprintf("Q%d", n), Title: "a"})
	}
	s.Deliver(t.Context())
	c := client1(t, s)
	show := func() bool {
		all, err := c.Subscriptions(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("Subscriptions = %v, %v", all, err)
		}
		return all[0].TemporarilyDisabled
	}
	if !show() {
		t.Error("not shown as temporarily disabled")
	}
	r.setAnswer(nil)
	must(t, c.EnableSubscription(t.Context(), sub))
	if show() {
		t.Error("still shown as temporarily disabled")
	}
	must(t, c.TestSubscription(t.Context(), sub))
	s.Deliver(t.Context())
	if texts := r.texts(); texts[len(texts)-1] != pagerduty.PingType {
		t.Errorf("delivered %q", texts)
	}
}

func TestSubscriptionFilters(t *testing.T) {
	s := stepped(t, Options{})
	s.AddService(Service{ID: "PA", Name: "A", TeamID: "PTEAM"})
	s.AddService(Service{ID: "PB", Name: "B"})
	c := client1(t, s)
	byFilter := map[string]*receiver{}
	for _, f := range []pagerduty.Subscription{
		{FilterType: "account_reference"}, {FilterType: "service_reference", FilterID: "PB"}, {FilterType: "team_reference", FilterID: "PTEAM"},
	} {
		r := receive(t)
		f.URL, f.Events = r.URL, []string{"incident.triggered"}
		_, _, err := c.CreateSubscription(t.Context(), f)
		must(t, err)
		byFilter[f.FilterType] = r
	}
	off := receive(t)
	sub, _ := s.Subscribe(off.URL)
	must(t, s.SetActive(sub, false))
	s.Trigger(Spec{ID: "Q1", Title: "a", Service: "PA"})
	s.Trigger(Spec{ID: "Q2", Title: "b", Service: "PB"})
	must(t, s.Resolve("Q1", "PANI")) // not subscribed to
	s.Deliver(t.Context())
	wantTexts(t, byFilter["account_reference"], "triggered a", "triggered b")
	wantTexts(t, byFilter["service_reference"], "triggered b")
	wantTexts(t, byFilter["team_reference"], "triggered a")
	wantTexts(t, off)
}

func TestTooLongIsNotSent(t *testing.T) {
	s, r := stepped(t, Options{}), receive(t)
	s.Subscribe(r.URL)
	s.Trigger(Spec{ID: "Q1", Title: strings.Repeat("x", maxWebhook)})
	s.Deliver(t.Context())
	wantStats(t, s, Stats{Lost: 1})
}

func TestDeliverStopsWithItsContext(t *testing.T) {
	s, r := stepped(t, Options{}), receive(t)
	s.Subscribe(r.URL)
	s.Trigger(Spec{ID: "Q1", Title: "a"})
	ctx, cancel := contextCanceled(t)
	defer cancel()
	if n := s.Deliver(ctx); n != 0 {
		t.Errorf("%d attempts", n)
	}
	wantStats(t, s, Stats{Pending: 1})
	s.Deliver(t.Context())
	wantTexts(t, r, "triggered a")
}
