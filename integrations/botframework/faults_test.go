package botframework_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
)

func TestFaults(t *testing.T) {
	after := 3 * time.Second
	for _, tt := range []struct {
		name       string
		outcome    botframeworksim.Outcome
		status     int
		permanent  bool
		ambiguous  bool // of a POST
		retryAfter time.Duration
		posted     int
	}{
		{name: "400", outcome: botframeworksim.Answer(400), status: 400, permanent: true},
		{name: "401", outcome: botframeworksim.Answer(401), status: 401},
		{name: "403", outcome: botframeworksim.Answer(403), status: 403, permanent: true},
		{name: "307", outcome: botframeworksim.Answer(307), status: 307, permanent: true},
		{name: "408", outcome: botframeworksim.Answer(408), status: 408},
		{name: "409", outcome: botframeworksim.Answer(409), status: 409, permanent: true},
		{name: "412", outcome: botframeworksim.AnswerAfter(412, after), status: 412, retryAfter: after},
		{name: "413", outcome: botframeworksim.Answer(413), status: 413, permanent: true},
		{name: "429", outcome: botframeworksim.Answer(429), status: 429},
		{name: "429 with time", outcome: botframeworksim.AnswerAfter(429, after), status: 429, retryAfter: after},
		{name: "500", outcome: botframeworksim.Answer(500), status: 500, ambiguous: true},
		{name: "501", outcome: botframeworksim.Answer(501), status: 501, permanent: true},
		{name: "502", outcome: botframeworksim.Answer(502), status: 502, ambiguous: true},
		{name: "503", outcome: botframeworksim.AnswerAfter(503, after), status: 503, retryAfter: after},
		{name: "504", outcome: botframeworksim.Answer(504), status: 504, ambiguous: true},
		{name: "hang", outcome: botframeworksim.Hang(), ambiguous: true},
		{name: "drop", outcome: botframeworksim.Drop(), ambiguous: true},
		{name: "lost answer", outcome: botframeworksim.LoseAnswer(), ambiguous: true, posted: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(_ *botframeworksim.Options, c *botframework.ClientConfig) {
				c.Timeout = time.Minute
				if tt.name == "hang" {
					c.Timeout = 3 * time.Second // enough for the call before on any machine
				}
			})
			ref := w.Reference(w.chat)
			if err := w.client.Ping(t.Context(), ref); err != nil { // so that a token is there
				t.Fatal(err)
			}
			w.Fault(func(c botframeworksim.Call) botframeworksim.Outcome { return tt.outcome })
			_, err := w.client.Send(t.Context(), ref, text("canary-4711"))
			check := func(err error, ambiguous bool) {
				t.Helper()
				var e *botframework.Error
				if !errors.As(err, &e) {
					t.Fatalf("error %v", err)
				}
				if e.Status != tt.status || e.Permanent() != tt.permanent || e.Ambiguous() != ambiguous || e.RetryAfter() != tt.retryAfter {
					t.Errorf("%v: status %d, permanent %v, ambiguous %v, after %s", err, e.Status, e.Permanent(), e.Ambiguous(), e.RetryAfter())
				}
				for _, secret := range []string{"canary", "Bearer", "eyJ", "http://"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error says %q: %v", secret, err)
					}
				}
			}
			check(err, tt.ambiguous)
			if got := w.PostCount(""); got != tt.posted {
				t.Errorf("%d posts, want %d", got, tt.posted)
			}
			if tt.status != http.StatusTooManyRequests { // that holds back the next call
				check(w.client.Update(t.Context(), ref, "1", text("x")), false)
			}
			if calls := len(w.Calls()); calls > 3 {
				t.Errorf("%d calls: something was repeated", calls)
			}
		})
	}
}

func TestPauseAfter429(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := newWorld(t, func(o *botframeworksim.Options, c *botframework.ClientConfig) {
		o.Now = func() time.Time { return now }
		c.Now, c.MaxWait = o.Now, -1
	})
	w.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
		if c.N == 1 {
			return botframeworksim.AnswerAfter(429, 30*time.Second)
		}
		return botframeworksim.Pass()
	})
	ref := w.Reference(w.chat)
	for range 2 {
		_, err := w.client.Send(t.Context(), ref, text("x"))
		var e *botframework.Error
		if !errors.As(err, &e) || e.RetryAfter() != 30*time.Second || e.Permanent() || e.Ambiguous() {
			t.Fatalf("Send: %v", err)
		}
	}
	if n := len(w.Calls()); n != 1 {
		t.Errorf("%d calls, want 1: the pause was not kept", n)
	}
	if _, err := w.client.Send(t.Context(), w.Reference(w.dev), text("x")); err != nil {
		t.Errorf("another conversation was held back: %v", err)
	}
	now = now.Add(31 * time.Second)
	if _, err := w.client.Send(t.Context(), ref, text("x")); err != nil {
		t.Error(err)
	}
}

// TestClientKeepsSimulatorsLimits lets the client loose on the simulator, which
// counts by itself: no call may ever be answered with 429.
func TestClientKeepsSimulatorsLimits(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := newWorld(t, func(o *botframeworksim.Options, c *botframework.ClientConfig) {
		o.Now = func() time.Time { return now }
		c.Now = o.Now
		c.MaxWait = 2 * time.Hour
		c.Sleep = func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }
	})
	began := now
	ref := w.Reference(w.chat)
	id, err := w.client.Send(t.Context(), ref, text("0"))
	if err != nil {
		t.Fatal(err)
	}
	const updates = 250
	for i := range updates {
		if err := w.client.Update(t.Context(), ref, id, text(fmt.Sprint(i+1))); err != nil {
			t.Fatalf("update %d: %v", i, err)
		}
	}
	// 60 in 30 s puts call 241 at 120 s; 7 in 1 s and 8 in 2 s put call 251 two
	// seconds later.
	if took := now.Sub(began); took != 122*time.Second {
		t.Errorf("251 calls took %s, want 122 s", took)
	}
	if got := w.UpdateCount(w.chat); got != updates {
		t.Errorf("%d updates, want %d", got, updates)
	}
}

func TestContext(t *testing.T) {
	w := newWorld(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	w.Fault(func(botframeworksim.Call) botframeworksim.Outcome { cancel(); return botframeworksim.Hang() })
	_, err := w.client.Send(ctx, w.Reference(w.chat), text("x"))
	var e *botframework.Error
	if !errors.As(err, &e) || !errors.Is(err, context.Canceled) || e.Permanent() || !e.Ambiguous() {
		t.Errorf("cancelled while under way: %v", err)
	}
	_, err = w.client.Send(ctx, w.Reference(w.chat), text("x"))
	if !errors.As(err, &e) || e.Permanent() || e.Ambiguous() {
		t.Errorf("cancelled before: %v", err)
	}
	if n := len(w.Calls()); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

type tokenFunc func(context.Context) (azcore.AccessToken, error)

func (f tokenFunc) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return f(ctx)
}

func TestNoToken(t *testing.T) {
	cause := errors.New("POST https://login.example/x\nAADSTS7000215: Invalid client secret provided. secret=hunter2")
	w := newWorld(t, func(_ *botframeworksim.Options, c *botframework.ClientConfig) {
		c.Credential = tokenFunc(func(context.Context) (azcore.AccessToken, error) { return azcore.AccessToken{}, cause })
	})
	_, err := w.client.Send(t.Context(), w.Reference(w.chat), text("x"))
	var e *botframework.Error
	if !errors.As(err, &e) || e.Permanent() || e.Ambiguous() || e.Code != "AADSTS7000215" || !errors.Is(err, cause) {
		t.Errorf("no token: %#v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error tells too much: %v", err)
	}
	if len(w.Calls()) != 0 {
		t.Error("a call was made without a token")
	}
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t, nil)
	ref := w.Reference(w.chat)
	if err := w.client.Ping(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	c, err := botframework.NewClient(botframework.ClientConfig{
		AppID: appID, AllowHosts: []string{port},
		Credential: tokenFunc(func(context.Context) (azcore.AccessToken, error) { return azcore.AccessToken{Token: "t"}, nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	ref.ServiceURL = "http://" + port
	_, err = c.Send(t.Context(), ref, text("x"))
	var e *botframework.Error
	if !errors.As(err, &e) || e.Permanent() || e.Ambiguous() || e.Status != 0 {
		t.Errorf("connection refused: %v", err)
	}
}
