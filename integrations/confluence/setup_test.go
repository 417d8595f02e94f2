package confluence_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
)

// clock is a time that passes only when told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// start returns a simulator with a space OPS and a client, both with the same
// clock.
func start(t testing.TB, o confluencesim.Options, cfg confluence.Config) (*confluencesim.Server, *confluence.Client, *clock) {
	t.Helper()
	c := newClock()
	o.Now = c.now
	sim := confluencesim.New(o)
	t.Cleanup(sim.Close)
	sim.AddSpace("OPS", "Operations")
	return sim, connect(t, sim, cfg, c), c
}

func connect(t testing.TB, sim *confluencesim.Server, cfg confluence.Config, c *clock) *confluence.Client {
	t.Helper()
	cfg.URL = sim.URL()
	if cfg.APIToken == "" {
		cfg.Email, cfg.APIToken = sim.Email(), sim.Token()
	}
	if cfg.Space == "" {
		cfg.Space = "OPS"
	}
	if cfg.HTTP == nil {
		tr := &http.Transport{}
		t.Cleanup(tr.CloseIdleConnections)
		cfg.HTTP = &http.Client{Transport: tr}
	}
	cfg.Now = c.now
	client, err := confluence.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// wantError checks an error, and returns it.
func wantError(t testing.TB, what string, err error, status int, permanent bool) *confluence.Error {
	t.Helper()
	var e *confluence.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: %v, want a *confluence.Error", what, err)
	}
	if e.Status != status || e.Permanent() != permanent {
		t.Errorf("%s: %v: status %d, permanent %v, want %d, %v", what, err, e.Status, e.Permanent(), status, permanent)
	}
	return e
}

// page is the one that most tests make.
func page() confluence.Page {
	var d confluence.Doc
	d.Heading(1, "What happened")
	d.Paragraph(confluence.Text("Checkout failed <b>for all</b> & everybody."))
	return confluence.Page{Key: "imbot-INC-42", Title: "Checkout is down", Body: d.String()}
}

func put(t testing.TB, c *confluence.Client, p confluence.Page, known string) confluence.Made {
	t.Helper()
	made, err := c.Put(t.Context(), p, known)
	must(t, "put", err)
	return made
}

// titles are those of all pages, in the order they were made.
func titles(sim *confluencesim.Server) string {
	var all []string
	for _, p := range sim.Pages() {
		all = append(all, p.Title)
	}
	return strings.Join(all, " | ")
}

// writes counts the requests that change something.
func writes(sim *confluencesim.Server) int {
	n := 0
	for _, r := range sim.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}
