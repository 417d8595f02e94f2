package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/store"
	"imbot/webhook"
)

// pastOf fills PagerDuty with n incidents that are over, an hour apart, the
// newest an hour ago, and one that is not.
func pastOf(t *testing.T, sim *pagerdutysim.Server, n int) {
	t.Helper()
	now := sim.Now().Truncate(time.Second)
	for i := range n {
		at := now.Add(-time.Duration(n-i) * time.Hour)
		id := sim.Trigger(pagerdutysim.Spec{
			ID: fmt.Sprintf("QPAST%03d", i), Title: "checkout: nightly report late", Service: "PSVC01", At: at, Key: fmt.Sprint(i),
			Alert: pagerdutysim.Alert{Details: json.RawMessage(`{"condition_name":"report"}`)},
		}).ID
		if err := sim.Resolve(id, "", at.Add(2*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	sim.Trigger(pagerdutysim.Spec{ID: "QOPEN", Title: "search is odd", Service: "PSVC01", At: now.Add(-30 * time.Minute)})
}

// importing is a folder with a configuration, and a PagerDuty with a past.
func importing(t *testing.T, n int, extra string) (folder, *pagerdutysim.Server) {
	t.Helper()
	sim := pagerdutysim.New(pagerdutysim.Options{Seed: 5})
	t.Cleanup(sim.Close)
	pastOf(t, sim, n)
	return newFolder(t, fmt.Sprintf("pagerduty: {webhook_secrets: [x], api_token: %q, url: %q}\n%s", sim.Token(), sim.URL(), extra)), sim
}

func TestImportCommand(t *testing.T) {
	f, sim := importing(t, 12, "dry_run: true\n")
	ctx := t.Context()
	f.run(ctx, exitDone, "import pagerduty -since 1y -dry-run CONFIG", "done: 13 of 13: 12 to take over, 0 known already, 1 not over")
	f.run(ctx, exitDone, "import pagerduty -since 2d CONFIG", "incidents of PagerDuty that began from ", "done: 13 of 13: 12 taken over, 0 known already, 1 not over\n", "What is not over")
	f.run(ctx, exitDone, "import pagerduty CONFIG", "done: 13 of 13: 0 taken over, 12 known already, 1 not over")

	s, err := store.Open("bolt:"+filepath.Join(f.path, "imbot.db"), store.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.View(ctx, func(tx incident.Tx) error {
		inc, err := tx.Incident(12)
		if err != nil {
			return err
		}
		if !inc.Imported || inc.Alert.Condition != "report" || inc.Recurrences != 11 || inc.Service != "checkout" {
			t.Errorf("imported %v, condition %q, %d before, service %q", inc.Imported, inc.Alert.Condition, inc.Recurrences, inc.Service)
		}
		effects, err := tx.Effects(12)
		if len(effects) != 0 {
			t.Errorf("effects %v", effects)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// What was imported can be replayed.
	f.run(ctx, exitDone, "rules test CONFIG", "checkout: nightly report late")

	// What goes wrong says what to do.
	sim.Inject(pagerdutysim.Fault{Status: http.StatusUnauthorized})
	f.run(ctx, exitFailed, "import pagerduty CONFIG", "count incidents of PagerDuty", "check the API token")
	sim.ClearFaults()
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	f.run(stopped, exitFailed, "import pagerduty CONFIG", "stopped at 0: 0 taken over")
	f.run(ctx, exitUsage, "import CONFIG", "say imbot import pagerduty", "example: imbot import pagerduty -since 1y")
	f.run(ctx, exitUsage, "import pagerduty", "-config FILE is missing")
	f.run(ctx, exitUsage, "import pagerduty CONFIG -since yesterday", `"yesterday" is no date`)
	f.run(ctx, exitUsage, "import pagerduty CONFIG -since 1d -until 2d", "there is no time")
	f.run(ctx, exitUsage, "import pagerduty CONFIG -until 2999-01-01", "yet to come")
	f.run(ctx, exitDone, "import -h", "retention.raw", "-dry-run")
	f.run(ctx, exitDone, "import pagerduty -h", "retention.raw", "-dry-run")
	f.write("imbot.yaml", "listen: \"127.0.0.1:0\"\nstore: bolt:imbot.db\npagerduty: {webhook_secrets: [x]}\n")
	f.run(ctx, exitFailed, "import pagerduty CONFIG", "pagerduty.api_token is not set", "API Access Keys")
}

// TestImportCommandStopped ends it amid its work, as Ctrl-C does.
func TestImportCommandStopped(t *testing.T) {
	f, sim := importing(t, 12, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := http.NewServeMux() // PagerDuty's door, behind which somebody waits
	stop.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "QPAST005") {
			cancel()
		}
		req := r.Clone(r.Context())
		req.RequestURI = ""
		req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(sim.URL(), "http://")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(resp.StatusCode)
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err == nil {
			_, _ = w.Write(b.Bytes())
		}
	})
	door := httptest.NewServer(stop)
	defer door.Close()
	f.write("imbot.yaml", fmt.Sprintf("listen: \"127.0.0.1:0\"\nstore: bolt:imbot.db\npagerduty: {webhook_secrets: [x], api_token: %q, url: %q}\n", sim.Token(), door.URL))
	f.run(ctx, exitFailed, "import pagerduty -since 1w CONFIG", "stopped at 5 of 13: 5 taken over", "start it again")
	f.run(t.Context(), exitDone, "import pagerduty -since 1w CONFIG", "7 taken over, 5 known already")
}

// TestImportByRunning has a running imbot import, which has the store locked.
func TestImportByRunning(t *testing.T) {
	r := newRig(t, "")
	pastOf(t, r.pd, 12)
	cards := r.teams.PostCount(r.channel)
	cfg := *r.app.cfg
	cfg.Listen = strings.TrimPrefix(r.url, "http://")
	call := func(says string) string {
		t.Helper()
		c := importCall{since: "1w", cfg: &cfg, clock: clock{now: r.Now, sleep: r.sleep}}
		var out bytes.Buffer
		if err := c.run(t.Context(), &out); err != nil || !strings.Contains(out.String(), says) {
			t.Errorf("import: %v\n%s", err, out.String())
		}
		return out.String()
	}
	call("done: 13 of 13: 12 taken over, 0 known already, 1 not over")
	call("done: 13 of 13: 0 taken over, 12 known already")
	// All the webhooks come late: the one incident that is not over is shown.
	r.settle(time.Minute)
	if n := r.teams.PostCount(r.channel); n != cards+1 {
		t.Errorf("%d messages more in the channel", n-cards)
	}
	// The past is known now: the next one waits.
	r.trigger("checkout: nightly report late")
	code, body := r.get("/api/v1/incidents?q=nightly")
	if code != http.StatusOK || !strings.Contains(body, "nightly report late") {
		t.Errorf("%d %s", code, body)
	}
	if err := r.app.store.View(t.Context(), func(tx incident.Tx) error {
		inc, err := tx.Incident(14)
		if err == nil && (inc.Imported || inc.PausedUntil.IsZero() || inc.Recurrences != 12) {
			t.Errorf("imported %v, paused until %s, %d before", inc.Imported, inc.PausedUntil, inc.Recurrences)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// TestImportByRunningRefused: what a running imbot does not do, and why.
func TestImportByRunningRefused(t *testing.T) {
	r := newRig(t, "")
	ask := func(token, body string) (int, string) {
		t.Helper()
		req := httptest.NewRequest(http.MethodPost, historyPath, strings.NewReader(body))
		req.RemoteAddr = "127.0.0.1:4711"
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		r.app.serveImport(w, req)
		return w.Code, w.Body.String()
	}
	span := fmt.Sprintf(`{"since":%q,"until":%q}`, r.Now().Add(-time.Hour).Format(time.RFC3339), r.Now().Format(time.RFC3339))
	for _, tt := range []struct {
		token, body string
		code        int
	}{
		{"x", span, http.StatusForbidden},
		{rigToken, "{", http.StatusBadRequest},
		{rigToken, `{"since":"2026-01-01T00:00:00Z","until":"2025-01-01T00:00:00Z"}`, http.StatusBadRequest},
		{rigToken, span, http.StatusOK},
	} {
		if code, text := ask(tt.token, tt.body); code != tt.code {
			t.Errorf("%s: %d %s", tt.body, code, text)
		}
	}
	_, ok := r.app.imports.begin(t.Context())
	if code, text := ask(rigToken, span); !ok || code != http.StatusConflict {
		t.Errorf("a second one: %d %s", code, text)
	}
	r.app.imports.end()
	ctx, ok := r.app.imports.begin(t.Context())
	r.app.imports.stop()
	if code, text := ask(rigToken, span); !ok || ctx.Err() == nil || code != http.StatusConflict {
		t.Errorf("while it stops: %d %s, %v", code, text, ctx.Err())
	}
}

// TestImportOutlastsDeadlines: an import lasts longer than any other request may.
func TestImportOutlastsDeadlines(t *testing.T) {
	r := newRig(t, "")
	pastOf(t, r.pd, 3)
	srv := httptest.NewUnstartedServer(r.app.handler())
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = time.Second, time.Second // enough to ask on any machine
	srv.Start()
	defer srv.Close()
	r.app.clock.sleep = func(ctx context.Context, _ time.Duration) error {
		r.advance(time.Minute)
		select { // longer than the deadlines
		case <-time.After(1500 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.pd.Inject(pagerdutysim.Fault{Status: http.StatusBadGateway, Path: "/incidents/QPAST001", Times: 2})
	cfg := *r.app.cfg
	cfg.Listen = srv.Listener.Addr().String()
	q := historyRequest{Since: r.Now().Add(-24 * time.Hour), Until: r.Now()}
	told := 0
	p, err := importByRunning(t.Context(), &cfg, q, func(webhook.Progress) { told++ })
	if err != nil || p.Imported != 3 || told < 2 {
		t.Errorf("%+v, told %d times, %v", p, told, err)
	}
}

// TestImportAnswers: what a running imbot says, and what it leaves unsaid.
func TestImportAnswers(t *testing.T) {
	for _, tt := range []struct {
		code         int
		answer, says string
	}{
		{200, `{"total":2,"done":1}` + "\n" + `{"total":2,"done":2,"imported":2,"end":true}` + "\n", ""},
		{200, `{"total":2,"done":1}` + "\n", "has ended before the import"},
		{200, `{"done":1,"error":"PagerDuty did not answer"}` + "\n", "PagerDuty did not answer"},
		{200, "<html>", "not understood"},
		{404, "x", "no imbot of this version"},
		{409, "an import runs already", "an import runs already"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.code)
			fmt.Fprint(w, tt.answer)
		}))
		cfg := &Config{Listen: srv.Listener.Addr().String(), API: APIConfig{Tokens: []APIToken{{Role: "admin", Token: "t"}}}}
		p, err := importByRunning(t.Context(), cfg, historyRequest{}, func(webhook.Progress) {})
		if tt.says == "" && (err != nil || p.Imported != 2) || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%d %q: %+v, %v", tt.code, tt.answer, p, err)
		}
		srv.Close()
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := &Config{Listen: free.Addr().String(), API: APIConfig{Tokens: []APIToken{{Role: "admin", Token: "t"}}}}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := importByRunning(t.Context(), cfg, historyRequest{}, nil); err == nil || !strings.Contains(err.Error(), "no imbot answers") {
		t.Errorf("nobody there: %v", err)
	}
	cfg.API.Tokens = nil
	if _, err := importByRunning(t.Context(), cfg, historyRequest{}, nil); err == nil || !strings.Contains(err.Error(), "role admin") {
		t.Errorf("no token: %v", err)
	}
}

// TestBackupOfRunning: the running imbot is asked where it listens, which need not
// be 127.0.0.1.
func TestBackupOfRunning(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this machine has no second loopback address: ", err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Imbot-Backup")
		fmt.Fprint(w, "copy for "+r.Header.Get("Authorization"))
		w.Header().Set("X-Imbot-Backup", "complete")
	})}}
	srv.Start()
	t.Cleanup(srv.Close)
	cfg := &Config{Listen: l.Addr().String(), API: APIConfig{Tokens: []APIToken{{Role: "admin", Token: "t"}}}}
	var out strings.Builder
	if err := backupOfRunning(t.Context(), cfg, &out); err != nil || out.String() != "copy for Bearer t" {
		t.Errorf("backup %q, %v", out.String(), err)
	}
}

func TestSomeTimeAgo(t *testing.T) {
	jakarta := time.FixedZone("WIB", 7*3600)
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"1y": "2025-03-01T17:00:00+07:00", "26w": "2025-08-31T17:00:00+07:00", "90d": "2025-12-01T17:00:00+07:00", "36h": "2026-02-28T05:00:00+07:00",
		"2025-12-31": "2025-12-31T00:00:00+07:00", "2025-12-31T08:00:00Z": "2025-12-31T15:00:00+07:00",
		"": "", "y": "", "-1y": "", "1Y": "", "1000y": "", "1 y": "", "31.12.2025": "", "2025-13-01": "", "+3d": "", "ÿ": "",
	} {
		got, err := someTimeAgo(s, now, jakarta)
		if (err != nil) != (want == "") || (err == nil && got.Format(time.RFC3339) != want) {
			t.Errorf("someTimeAgo(%q) = %s, %v; want %q", s, got.Format(time.RFC3339), err, want)
		}
	}
}

func FuzzSomeTimeAgo(f *testing.F) {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, s := range []string{"1y", "26w", "90d", "1h30m", "2025-12-31", "255y", "y", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := someTimeAgo(s, now, time.UTC)
		if err == nil && at.After(now) && len(s) < len(time.DateOnly) {
			t.Errorf("%q is %s, after now", s, at)
		}
	})
}

// TestImportTeller: progress is told now and then, the outcome always.
func TestImportTeller(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	say := &importTeller{out: &out, now: func() time.Time { return now }}
	for i := range 9 {
		now = now.Add(500 * time.Millisecond)
		say.progress(webhook.Progress{Total: 40, Done: i, Imported: i, Left: 90 * time.Second})
	}
	p := webhook.Progress{Total: 40, Done: 9, Imported: 7, Open: 1, Skipped: []webhook.Skip{{ID: "Q1", Why: "no end"}}}
	err := say.end(p, context.Canceled)
	want := "0 of 40: 0 taken over, 0 known already, 0 not over; about 1m30s left\n4 of 40: 4 taken over, 0 known already, 0 not over; about 1m30s left\n" +
		"8 of 40: 8 taken over, 0 known already, 0 not over; about 1m30s left\nleft out: Q1: no end\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if err == nil || err.Error() != "stopped at 9 of 40: 7 taken over, 0 known already, 1 not over, 1 left out; start it again, and it goes on there" {
		t.Errorf("stopped: %v", err)
	}
	out.Reset()
	cause := errors.New("PagerDuty did not answer")
	if err := say.end(p, cause); !errors.Is(err, cause) {
		t.Errorf("failed: %v", err)
	}
	if err := say.end(webhook.Progress{}, cause); err != cause { //nolint:errorlint // it is to be just that
		t.Errorf("failed at once: %v", err)
	}
}
