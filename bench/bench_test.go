package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/store/boltstore"
	"imbot/webhook"
)

// The child processes of the tests are this test binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "-child" {
		if err := runChild(os.Args[2], os.Args[3:]); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// Ensure that webhooks are as large as real ones, signed, and about different
// incidents even after numbers are masked.
func TestWebhooksDiffer(t *testing.T) {
	src := source{Name: "test", First: seedEnd, Step: time.Millisecond}
	masked := regexp.MustCompile(`(?i)\b[0-9a-f]+\b|[0-9]+`)
	titles, ids := map[string]int{}, map[string]int{}
	for n := range 2000 {
		body, h := src.webhook(n)
		if len(body) < 5500 || len(body) > 6500 {
			t.Fatalf("webhook %d has %d bytes", n, len(body))
		}
		if err := pagerduty.VerifySignature(h, body, []string{secret}); err != nil {
			t.Fatal(err)
		}
		ev, err := pagerduty.ParseWebhook(body)
		if err != nil {
			t.Fatal(err)
		}
		cmd, ok := webhook.Map(ev, seedEnd)
		if !ok || cmd.Verb != incident.Trigger {
			t.Fatalf("webhook %d maps to %q", n, cmd.Verb)
		}
		title := masked.ReplaceAllString(cmd.Args.Alert.Title, "#")
		if old, ok := titles[title]; ok {
			t.Fatalf("webhooks %d and %d have the title %q", old, n, title)
		}
		if old, ok := ids[cmd.Ref.ID]; ok {
			t.Fatalf("webhooks %d and %d have the id %q", old, n, cmd.Ref.ID)
		}
		titles[title], ids[cmd.Ref.ID] = n, n
	}
}

// Ensure that a request on the wire is one that a server understands.
func TestRequest(t *testing.T) {
	src := source{Name: "test", First: seedEnd, Step: time.Millisecond}
	body, _ := src.webhook(7)
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(src.requests(7, 1)[0])))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(req.Body)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("the body has %d bytes, %v; want %d", len(got), err, len(body))
	}
	if err := pagerduty.VerifySignature(req.Header, got, []string{secret}); err != nil {
		t.Error(err)
	}
}

func TestSample(t *testing.T) {
	for _, c := range []struct {
		s      sample
		median float64
		spread string
	}{
		{nil, 0, "-"},
		{sample{3}, 3, "3"},
		{sample{3, 1}, 2, "2 (1–3)"},
		{sample{9, 1, 3}, 3, "3 (1–9)"},
	} {
		if c.s.median() != c.median || c.s.spread("%.0f") != c.spread {
			t.Errorf("%v: %v, %q; want %v, %q", c.s, c.s.median(), c.s.spread("%.0f"), c.median, c.spread)
		}
	}
	if got := (sample{10, 30, 5}).over(sample{20, 30}).ratio(); got != "75 % (50 %–100 %)" {
		t.Errorf("ratio = %q", got)
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
	f.Add("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 3\r\n\r\nabc")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f.Add("HTTP/1.1 2")
	f.Fuzz(func(t *testing.T, s string) {
		r := bufio.NewReader(strings.NewReader(s))
		status, retry, err := readAnswer(r)
		if err != nil {
			return
		}
		resp, werr := http.ReadResponse(bufio.NewReader(strings.NewReader(s)), nil)
		if werr != nil {
			return // it may be more particular
		}
		if resp.StatusCode != status || (resp.Header.Get("Retry-After") != "") && !retry {
			t.Errorf("%q: %d, %t; net/http reads %d, %q", s, status, retry, resp.StatusCode, resp.Header)
		}
	})
}

// Ensure that load reaches a real handler on a real store, that what was
// accepted is found, and that a lost webhook would be noticed.
func TestDurable(t *testing.T) {
	b := testBench(t, "ingest")
	b.seconds = 60 // it ends when the requests do
	cat, err := catalogOf(channels())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.fresh(b.newIncidents(), 60); err != nil {
		t.Fatal(err)
	}
	l, err := b.durable(20, cat, 0, 4)
	if err != nil {
		t.Fatal(err)
	}
	if l.Status[202] != 60 || !l.RanOut || len(l.Accepted) != 60 {
		t.Errorf("answers %v, %d listed", l.Status, len(l.Accepted))
	}
	im, err := b.open(20, cat, boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer im.store.Close()
	err = im.checkStored(b.newIncidents(), 0, l.Accepted, seedEnd)
	if err == nil || !strings.Contains(err.Error(), "is not known") {
		t.Errorf("in a store that has got nothing: %v", err)
	}
}

// Ensure that refused requests are not counted as work done.
func TestRefused(t *testing.T) {
	b := testBench(t, "ingest")
	b.seconds = 60 // it ends when the requests do
	src := source{Name: "test", First: seedEnd}
	if err := b.fresh(src, 5); err != nil {
		t.Fatal(err)
	}
	refuse := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }
	if _, err := b.send(http.HandlerFunc(refuse), 2, false); err == nil || !strings.Contains(err.Error(), "map[503:5]") {
		t.Errorf("503 for all: %v", err)
	}
}

// Ensure that all parts run and report, whatever they find on this machine.
func TestAll(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	var out strings.Builder
	b := testBench(t, strings.Join(parts, ","))
	b.out = &out
	if err := b.run(); err != nil && !errors.Is(err, errMissed) {
		t.Fatal(err)
	}
	for _, want := range []string{"## New incidents", "## Duplicate", "## Buttons", "## Start and memory", "## Overload", "each is there: 0 lost", "| others | 0 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func testBench(t *testing.T, only string) *bench {
	t.Helper()
	o, err := parseFlags([]string{"-rounds", "1", "-seconds", "0.3", "-conns", "4", "-stored", "20,40", "-dir", t.TempDir(), "-only", only}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.warm = 0 // some tests have few requests
	b, err := newBench(o, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	for _, n := range o.stored {
		b.stores[n] = filepath.Join(o.dir, "seeded.db")
	}
	if err := seed(b.stores[20], 20, io.Discard); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-only", "nothing"}, {"-conns", "0"}, {"-stored", "1,2,3"}, {"-rounds", "0"}, {"-seed", "5"}, {"-seconds", "-1"}, {"more"},
	} {
		if _, err := parseFlags(args, io.Discard); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
	if o, err := parseFlags(nil, io.Discard); err != nil || o.large() != 1_000_000 {
		t.Errorf("without flags: %+v, %v", o, err)
	}
}
