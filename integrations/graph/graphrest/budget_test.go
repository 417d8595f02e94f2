package graphrest_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

// However hard it is pressed, the client never meets Graph's own limit, and gets
// through not much less than that.
func TestBudgetKeepsTheLimit(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
	began, installs := w.clock.Now(), 0
	for n := 0; installs < 200; n++ {
		if n > 10_000 {
			t.Fatal("it does not get on")
		}
		err := w.client.InstallApp(t.Context(), chat, w.app.ID, consent)
		if err == nil {
			installs++
			continue
		}
		e := wantError(t, "limit", err, 0, false)
		if e.Reason != graphrest.ReasonLimit || e.RetryAfter() <= 0 || e.RetryAfter() > time.Second || e.MayBeDone() {
			t.Fatalf("%v: retry after %s", e, e.RetryAfter())
		}
		w.clock.Pass(e.RetryAfter())
	}
	if took := w.clock.Now().Sub(began); took > 13*time.Second || took < 6*time.Second {
		t.Errorf("200 calls took %s", took)
	}
	// Reads of chats have a limit of their own.
	if _, err := w.client.InstalledApps(t.Context(), chat); err != nil {
		t.Error(err)
	}
}

// A refusal holds back the calls of its kind, as long as it says.
func TestRefusalHoldsBack(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	mail := func(from string) error {
		return w.client.SendMail(t.Context(), from, graphrest.Message{To: []string{"a@b.example"}})
	}
	w.Inject(graphsim.Fault{Path: "/sendMail", Times: 1, Status: 429, RetryAfter: 30 * time.Second})
	wantError(t, "refused", mail(w.ani.ID), 429, false)
	w.clock.Pass(10 * time.Second)
	before := len(w.Requests())
	if e := wantError(t, "held", mail(w.ani.ID), 0, false); e.RetryAfter() != 20*time.Second || e.Reason != graphrest.ReasonLimit {
		t.Errorf("%v: retry after %s", e, e.RetryAfter())
	}
	must(t, "another mailbox", mail(w.budi.ID))
	_, err := w.client.User(t.Context(), w.ani.ID)
	must(t, "another kind", err)
	if n := len(w.Requests()) - before; n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	w.clock.Pass(20 * time.Second)
	must(t, "afterwards", mail(w.ani.ID))
}

// slow lets requests through one by one.
type slow struct {
	under   http.RoundTripper
	arrived chan struct{}
	pass    chan struct{}
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.arrived <- struct{}{}
	<-s.pass
	return s.under.RoundTrip(r)
}

// Of one mailbox no more than four requests are under way.
func TestMailConcurrency(t *testing.T) {
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	s := &slow{under: tr, arrived: make(chan struct{}), pass: make(chan struct{})}
	w := newWorld(t, graphsim.Options{}, graphrest.Config{HTTP: &http.Client{Transport: s}})
	send := func(ctx context.Context) error {
		return w.client.SendMail(ctx, w.ani.ID, graphrest.Message{To: []string{"a@b.example"}})
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := send(t.Context()); err != nil {
				t.Error(err)
			}
		})
		<-s.arrived
	}
	err := send(t.Context())
	if e := wantError(t, "the fifth", err, 0, false); e.Reason != graphrest.ReasonLimit || e.RetryAfter() != time.Second {
		t.Errorf("%v: retry after %s", e, e.RetryAfter())
	}
	close(s.pass)
	all.Wait()
	go func() { <-s.arrived }()
	must(t, "afterwards", send(t.Context()))
	if n := len(w.Mails()); n != 5 {
		t.Errorf("%d mails", n)
	}
}

// The simulator has the limits itself.
func TestSimulatorLimits(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
	var last error
	for range 5 { // each client has a budget of its own
		c := w.connect(t, graphrest.Config{})
		for range 14 {
			if _, err := c.InstalledApps(t.Context(), chat); last == nil {
				last = err
			}
		}
	}
	e := wantError(t, "limit", last, 429, false)
	if e.RetryAfter() != time.Second || !errors.As(last, &e) || e.Reason != graphrest.ReasonLimit {
		t.Errorf("%v: retry after %s", e, e.RetryAfter())
	}
}
