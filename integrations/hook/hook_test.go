package hook_test

import (
	"context"
	"crypto/hmac"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/integrations/hook"
)

var now = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

const (
	secret = "a-secret-of-both-sides"
	query  = "sig=the-address-is-a-secret-too"
)

func client(private bool) *hook.Client {
	return hook.New(hook.Config{Private: private, Now: func() time.Time { return now }, Timeout: 5 * time.Second})
}

// TestSend: what the receiver gets is enough to know that it is from imbot, and
// that nothing was changed on the way.
func TestSend(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	sent := []byte(`{"id":"INC-42/hook/status/7"}`)
	if err := client(true).Send(t.Context(), hook.Delivery{ID: "INC-42/hook/status/7", URL: srv.URL + "/in?" + query, Secret: secret, Body: sent}); err != nil {
		t.Fatal(err)
	}
	at := got.Header.Get(hook.HeaderTimestamp)
	want := hook.Scheme + hook.Sign(secret, at, body)
	switch {
	case got.Method != http.MethodPost || got.URL.RawQuery != query || got.Header.Get("Content-Type") != "application/json":
		t.Errorf("%s %s as %q", got.Method, got.URL, got.Header.Get("Content-Type"))
	case string(body) != string(sent) || at != "1772359200":
		t.Errorf("body %q at %s", body, at)
	case got.Header.Get(hook.HeaderDelivery) != "INC-42/hook/status/7":
		t.Errorf("delivery %q", got.Header.Get(hook.HeaderDelivery))
	case !hmac.Equal([]byte(got.Header.Get(hook.HeaderSignature)), []byte(want)):
		t.Errorf("signature %q, want %q", got.Header.Get(hook.HeaderSignature), want)
	}
	for name, wrong := range map[string]string{
		"another secret": hook.Sign("another", at, body), "another time": hook.Sign(secret, "1772359201", body),
		"another body": hook.Sign(secret, at, append(body, ' ')),
	} {
		if hook.Scheme+wrong == want {
			t.Errorf("%s has the same signature", name)
		}
	}
}

// TestDocumentedSignature: the example in the documentation is right.
func TestDocumentedSignature(t *testing.T) {
	doc, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	example := hook.Sign("0123456789abcdef", "1772359200", []byte(`{"id":"INC-42/hook/status/7"}`))
	for _, want := range []string{
		hook.Scheme + example, "0123456789abcdef", "1772359200", `{"id":"INC-42/hook/status/7"}`,
		hook.HeaderSignature, hook.HeaderTimestamp, hook.HeaderDelivery,
	} {
		if !strings.Contains(string(doc), want) {
			t.Errorf("docs/webhooks.md does not say %s", want)
		}
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		after     string
		permanent bool
		wait      time.Duration
		says      string
	}{
		{"gone", 410, "", true, 0, "remove the hook"},
		{"not found", 404, "", true, 0, "404"},
		{"unauthorised", 401, "60", true, 0, "401"},
		{"moved", 302, "", true, 0, "redirects are not followed"},
		{"not modified", 304, "", true, 0, "304"},
		{"too many", 429, "120", false, 2 * time.Minute, "429"},
		{"too many, with a date", 429, now.Add(time.Minute).Format(http.TimeFormat), false, time.Minute, "429"},
		{"too many, with a date that is over", 429, now.Add(-time.Minute).Format(http.TimeFormat), false, 0, "429"},
		{"too many, and no word when", 429, "", false, 0, "429"},
		{"too many, and nonsense", 429, "-5", false, 0, "429"},
		{"too many, for years", 429, "99999999", false, time.Hour, "429"},
		{"unavailable", 503, "30", false, 30 * time.Second, "503"},
		{"broken", 500, "", false, 0, "500"},
		{"slow", 408, "", false, 0, "408"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var calls atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.Header().Set("Retry-After", tt.after)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, "words that are nobody's business")
			}))
			defer srv.Close()
			err := client(true).Send(t.Context(), hook.Delivery{ID: "1", URL: srv.URL + "?" + query, Secret: secret, Body: []byte("{}")})
			var e *hook.Error
			if !errors.As(err, &e) || e.Permanent() != tt.permanent || e.RetryAfter() != tt.wait || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error = %v, permanent %v, after %v; want %v, %v, %q", err, e.Permanent(), e.RetryAfter(), tt.permanent, tt.wait, tt.says)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
			quiet(t, err)
		})
	}
}

func quiet(t *testing.T, err error) {
	t.Helper()
	for _, s := range []string{secret, query, "127.0.0.1", "nobody's business"} {
		if strings.Contains(err.Error(), s) {
			t.Errorf("the error tells %q: %v", s, err)
		}
	}
}

// TestNoAnswer: a connection that breaks, a receiver that never answers, one
// that is not there.
func TestNoAnswer(t *testing.T) {
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-hang
		}
		panic(http.ErrAbortHandler)
	}))
	defer srv.Close()
	defer close(hang)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, url := range map[string]string{"broken off": srv.URL + "/drop", "hangs": srv.URL + "/hang", "nobody there": gone.URL, "no such host": "http://imbot.invalid/"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err := client(true).Send(ctx, hook.Delivery{ID: "1", URL: url + "?" + query, Secret: secret, Body: []byte("{}")})
			var e *hook.Error
			if !errors.As(err, &e) || e.Permanent() || e.Status != 0 {
				t.Fatalf("error = %#v, want one to try again after", err)
			}
			quiet(t, err)
		})
	}
}

// TestPrivate: without leave, nothing is sent into private networks, whatever
// the address looks like.
func TestPrivate(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer srv.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"} {
		err := client(false).Send(t.Context(), hook.Delivery{ID: "1", URL: "http://" + host + ":" + port, Secret: secret, Body: []byte("{}")})
		var e *hook.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if host != "2130706433" && (!e.Permanent() || !strings.Contains(err.Error(), "allow_private")) {
			t.Errorf("%s: %v, permanent %v", host, err, e.Permanent())
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

func TestPublic(t *testing.T) {
	for ip, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "2606:4700::6810:84e5": true, "64:ff9b::8.8.8.8": true, "2002:808:808::1": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.1.1": false, "0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "240.1.1.1": false, "198.18.0.1": false,
		"::": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "fec0::1": false,
		"::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::10.0.0.1": false, "64:ff9b::a9fe:a9fe": false, "2002:7f00:1::1": false,
		"2002:a9fe:a9fe::1": false, "2001::1": false, "::7f00:1": false, "64:ff9b:1::8.8.8.8": false, "192.0.0.8": false, "2001:db8::1": false,
	} {
		if got := hook.Public(netip.MustParseAddr(ip)); got != want {
			t.Errorf("Public(%s) = %v, want %v", ip, got, want)
		}
	}
	if hook.Public(netip.Addr{}) {
		t.Error("no address at all is public")
	}
}

func TestUnusable(t *testing.T) {
	for name, d := range map[string]hook.Delivery{
		"no address": {ID: "1", Secret: secret}, "a broken one": {ID: "1", URL: "http://a b/?" + query, Secret: secret}, "no secret": {ID: "1", URL: "https://x.example"},
	} {
		err := client(true).Send(t.Context(), d)
		var e *hook.Error
		if !errors.As(err, &e) || (name != "no address" && !e.Permanent()) {
			t.Errorf("%s: %v", name, err)
		}
		quiet(t, err)
	}
}
