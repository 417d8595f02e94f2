package jira_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"imbot/integrations/internal/rig"
	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

type clock = rig.Clock

const ani, budi = "712020:ani", "712020:budi"

// start returns a simulator with a project OPS, two people, and a client, all
// with the same clock.
func start(t testing.TB, o jirasim.Options, cfg jira.Config) (*jirasim.Server, *jira.Client, *clock) {
	t.Helper()
	c := rig.NewClock()
	if o.Now == nil {
		o.Now = c.Now
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
	cfg.Now = c.Now
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

var must = rig.Must

// wantError checks an error, and returns it.
func wantError(t testing.TB, what string, err error, status int, permanent bool) *jira.Error {
	t.Helper()
	return rig.Failed(t, what, err, func(e *jira.Error) int { return e.Status }, status, permanent)
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
