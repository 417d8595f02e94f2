package confluence_test

import (
	"net/http"
	"strings"
	"testing"

	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
	"imbot/integrations/internal/rig"
)

type clock = rig.Clock

// start returns a simulator with a space OPS and a client, both with the same
// clock.
func start(t testing.TB, o confluencesim.Options, cfg confluence.Config) (*confluencesim.Server, *confluence.Client, *clock) {
	t.Helper()
	c := rig.NewClock()
	o.Now = c.Now
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
	cfg.Now = c.Now
	client, err := confluence.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

var must = rig.Must

// wantError checks an error, and returns it.
func wantError(t testing.TB, what string, err error, status int, permanent bool) *confluence.Error {
	t.Helper()
	return rig.Failed(t, what, err, func(e *confluence.Error) int { return e.Status }, status, permanent)
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
