package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/integrations/confluence/confluencesim"
)

// TestConfluence: from the pager's webhook to the page, through the whole app.
func TestConfluence(t *testing.T) {
	r, sim := confluenceRig(t, "")
	r.trigger("Checkout error rate is high")
	r.settle(time.Hour)
	pages := sim.Pages()
	if len(pages) != 1 || pages[0].Title != "INC-1 Checkout error rate is high" || !strings.Contains(pages[0].Body, "Payments") {
		t.Fatalf("pages %+v", pages)
	}
	link := sim.URL() + "/wiki/spaces/OPS/pages/" + pages[0].ID
	if status, body := r.get("/api/v1/incidents/INC-1"); status != 200 || !strings.Contains(body, `"system":"confluence","role":"page","id":"`+pages[0].ID+`","url":"`+link) {
		t.Errorf("the API says %d %s", status, body)
	}
	var card string
	for _, p := range r.teams.Posts(r.channel) {
		if p.Card() != nil {
			card = string(p.Card())
		}
	}
	if !strings.Contains(card, "[Postmortem]("+link+")") { // there are no pages of our own
		t.Errorf("no link on the card %s", card)
	}
	if status, body := r.get("/api/v1/incidents/INC-1/postmortem?format=markdown"); status != 200 || !strings.Contains(body, "# INC-1 Checkout error rate is high\n") || !strings.Contains(body, "("+link+")") {
		t.Errorf("Markdown: %d %s", status, body)
	}
	if strings.Contains(r.log.String(), sim.Token()) {
		t.Error("the token is in the log")
	}
}

// TestConfluenceOff: without the section, and in a dry run, nothing is sent, and
// why is shown.
func TestConfluenceOff(t *testing.T) {
	skipped := func(r *rig) string {
		r.trigger("Checkout error rate is high")
		r.settle(time.Hour)
		why := ""
		err := r.app.store.View(t.Context(), func(tx incident.Tx) error {
			all, err := tx.Effects(1)
			for _, e := range all {
				if e.Kind == incident.KindPublish {
					why = e.State + ": " + e.Error
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return why
	}
	if got := skipped(newRig(t, "")); got != incident.EffectSkipped+": confluence off" {
		t.Errorf("without the section: %s", got)
	}
	r, sim := confluenceRig(t, "dry_run: true\n")
	if got := skipped(r); got != incident.EffectSkipped+": dry run" || len(sim.Requests()) != 0 {
		t.Errorf("dry run: %s, %d requests", got, len(sim.Requests()))
	}
}

// confluenceRig is a rig with a Confluence.
func confluenceRig(t *testing.T, extra string) (*rig, *confluencesim.Server) {
	t.Helper()
	sim := confluencesim.New(confluencesim.Options{})
	t.Cleanup(sim.Close)
	sim.AddSpace("OPS", "Operations")
	return newRig(t, extra+fmt.Sprintf("confluence: {url: %q, email: %q, api_token: %q, space: OPS}\n", sim.URL(), sim.Email(), sim.Token())), sim
}

func TestDoctorConfluence(t *testing.T) {
	sim := confluencesim.New(confluencesim.Options{})
	defer sim.Close()
	sim.AddSpace("OPS", "Operations")
	parent := sim.AddPage("OPS", "Incidents", "")
	good := ConfluenceConfig{URL: sim.URL(), Email: sim.Email(), APIToken: Secret(sim.Token()), Space: "OPS", ParentID: parent}
	checks := func(c *ConfluenceConfig) check {
		d := &doctor{cfg: &Config{Confluence: c}}
		d.confluence(t.Context())
		if len(d.checks) != 1 {
			t.Fatalf("checks %+v", d.checks)
		}
		return d.checks[0]
	}
	for _, c := range []struct {
		name, state, want string
		change            func(*ConfluenceConfig)
	}{
		{"good", checkOK, "pages can be made in the space OPS", func(*ConfluenceConfig) {}},
		{"token", checkFail, "make a new one", func(c *ConfluenceConfig) { c.APIToken = "wrong-token-0123" }},
		{"space", checkFail, "no such space", func(c *ConfluenceConfig) { c.Space = "NOPE" }},
		{"parent", checkFail, "no page 99", func(c *ConfluenceConfig) { c.ParentID = "99" }},
		{"address", checkFail, "did not answer", func(c *ConfluenceConfig) { c.URL = "http://127.0.0.1:1" }},
	} {
		conf := good
		c.change(&conf)
		if got := checks(&conf); got.State != c.state || !strings.Contains(got.Detail, c.want) || strings.Contains(got.Detail, sim.Token()) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if got := checks(nil); got.State != checkOff {
		t.Errorf("no section: %+v", got)
	}
	for _, p := range sim.Requests() {
		if p.Method != "GET" {
			t.Errorf("the doctor has sent %s %s", p.Method, p.URL)
		}
	}
}

func TestConfluenceConfig(t *testing.T) {
	c, err := loadText(minimal + "confluence: {url: \"https://example.atlassian.net/\", email: imbot@example.com, api_token: \"${CONFLUENCE_TOKEN}\", space: OPS, parent_id: \"123\"}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &ConfluenceConfig{URL: "https://example.atlassian.net", Email: "imbot@example.com", APIToken: "confluence-t0ken-value", Space: "OPS", ParentID: "123"}
	if d := cmp.Diff(want, c.Confluence); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if b, err := json.Marshal(c.Confluence); err != nil || bytes.Contains(b, []byte("t0ken")) {
		t.Errorf("a secret is told: %s %v", b, err)
	}
	for _, bad := range []struct{ text, want string }{
		{"confluence:\n", "the section confluence is empty"},
		{"confluence: {}\n", "confluence.url is missing"},
		{"confluence: {}\n", "confluence.email is missing"},
		{"confluence: {}\n", "confluence.api_token is missing"},
		{"confluence: {}\n", "confluence.space is missing"},
		{"confluence: {url: \"http://wiki.example.com\"}\n", "plain http is for this machine only"},
		{"confluence: {email: x}\n", `"x" is not a mail address`},
		{"confluence: {space: \"a b\"}\n", `"a b" is not a key of a space`},
		{"confluence: {parent_id: \"12a\"}\n", `"12a" is no id of a page`},
		{"confluence: {spaces: OPS}\n", `unknown key "spaces"`},
	} {
		if _, err := loadText(minimal + bad.text); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%q: %v, want %q", bad.text, err, bad.want)
		}
	}
}

func TestTemplateConfig(t *testing.T) {
	level := func(template string) string {
		return minimal + "levels:\n  - {key: down, rank: 1, postmortem: true, template: {" + template + "}}\n"
	}
	c, err := loadText(level(`impact: Who?, category: unknown, five_whys: "Why?\nAnd why?"`))
	if err != nil || strings.Contains(strings.Join(c.Warnings(), " "), "template") {
		t.Fatalf("%v, warnings %q", err, c.Warnings())
	}
	want := map[string]string{"impact": "Who?", "category": "unknown", "five_whys": "Why?\nAnd why?"}
	if d := cmp.Diff(want, c.Levels[0].Template); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for template, want := range map[string]string{
		"impct: x":          `an RCA has no field "impct"; did you mean "impact"?`,
		"impact: ' '":       "the prompt is empty",
		"category: weather": `"weather" is not a category; use change, capacity`,
		"lessons: " + strings.Repeat("x", incident.MaxText+1): "the prompt is too long; use at most 4000 characters",
		"impact: [a]": "this should be",
	} {
		if _, err := loadText(level(template)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "imbot.yaml:4:") {
			t.Errorf("%.40q: %v, want %q", template, err, want)
		}
	}
	c, err = loadText(minimal + "levels: [{key: down, rank: 1, template: {impact: x}}]\n")
	if err != nil || !strings.Contains(strings.Join(c.Warnings(), " "), `"down" has a template, but owes no RCA`) {
		t.Errorf("%v, %q", err, c.Warnings())
	}
}
