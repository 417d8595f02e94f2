package jira_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
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

const ani, budi = "712020:ani", "712020:budi"

// start returns a simulator with a project OPS, two people, and a client, all
// with the same clock.
func start(t testing.TB, o jirasim.Options, cfg jira.Config) (*jirasim.Server, *jira.Client, *clock) {
	t.Helper()
	c := newClock()
	if o.Now == nil {
		o.Now = c.now
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	sim := jirasim.New(o)
	t.Cleanup(sim.Close)
	sim.AddUser(jirasim.User{AccountID: ani, Name: "ani", FullName: "Ani", Email: "ani@example.com"})
	sim.AddUser(jirasim.User{AccountID: budi, Name: "budi", FullName: "Budi", Email: "budi+ops@example.com", HideEmail: true})
	sim.AddProject(jirasim.Project{Key: "OPS"})
	return sim, connect(t, sim, o.DataCenter, cfg, c), c
}

func connect(t testing.TB, sim *jirasim.Server, dataCenter bool, cfg jira.Config, c *clock) *jira.Client {
	t.Helper()
	cfg.URL = sim.URL()
	if cfg.APIToken == "" && cfg.PersonalToken == "" {
		cfg.Email, cfg.APIToken = sim.Email(), sim.Token()
		if dataCenter {
			cfg.Email, cfg.APIToken, cfg.PersonalToken = "", "", sim.Token()
		}
	}
	if cfg.Project == "" {
		cfg.Project = "OPS"
	}
	if cfg.HTTP == nil {
		tr := &http.Transport{}
		t.Cleanup(tr.CloseIdleConnections)
		cfg.HTTP = &http.Client{Transport: tr}
	}
	cfg.Now = c.now
	client, err := jira.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// both runs a test on Cloud and on Data Center.
func both(t *testing.T, o jirasim.Options, run func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock)) {
	t.Helper()
	for name, dc := range map[string]bool{"cloud": false, "data center": true} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.DataCenter = dc
			if dc {
				o.ContextPath = "/jira"
			}
			sim, c, ck := start(t, o, jira.Config{})
			run(t, sim, c, ck)
		})
	}
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// wantError checks an error, and returns it.
func wantError(t testing.TB, what string, err error, status int, permanent bool) *jira.Error {
	t.Helper()
	var e *jira.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: %v, want a *jira.Error", what, err)
	}
	if e.Status != status || e.Permanent() != permanent {
		t.Errorf("%s: %v: status %d, permanent %v, want %d, %v", what, err, e.Status, e.Permanent(), status, permanent)
	}
	return e
}

func create(t testing.TB, c *jira.Client, n jira.NewIssue) jira.Created {
	t.Helper()
	if n.Type == "" {
		n.Type = "Task"
	}
	made, err := c.Create(t.Context(), n)
	must(t, "create", err)
	return made
}

func search(t testing.TB, c *jira.Client, q jira.Query) []string {
	t.Helper()
	var keys []string
	must(t, "search", c.Search(t.Context(), q, func(i jira.Issue) bool {
		keys = append(keys, i.Key)
		return true
	}))
	return keys
}

func ptr(s string) *string { return &s }

// receiver takes webhooks, one after the other, and returns its address.
func receiver(t testing.TB, take func(h http.Header, body []byte) int) string {
	t.Helper()
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(take(r.Header, body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}
