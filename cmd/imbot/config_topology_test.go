package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

// The defaults of the configuration are those of the domain.
func TestLinking(t *testing.T) {
	c, err := loadText(minimal)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(incident.DefaultLinking(), c.Linking()); d != "" {
		t.Errorf("Linking without a section (-want +got):\n%s", d)
	}
	c, err = loadText(minimal + "correlation: {grace: 0s, window: 12h, hops: 1, edge_memory: 30d, hold: 0s, flapping: {times: 0, window: 1h}, auto_pause: false, major: {incidents: 0, window: 5m}}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := incident.Linking{Window: 12 * time.Hour, Hops: 1, EdgeMemory: 30 * 24 * time.Hour, FlapWindow: time.Hour, MajorWindow: 5 * time.Minute}
	if d := cmp.Diff(want, c.Linking()); d != "" {
		t.Errorf("Linking (-want +got):\n%s", d)
	}
	c, err = loadText(minimal + "correlation: {hops: 1}\n")
	if err != nil {
		t.Fatal(err)
	}
	want = incident.DefaultLinking()
	want.Hops = 1
	if d := cmp.Diff(want, c.Linking()); d != "" {
		t.Errorf("Linking of a short section (-want +got):\n%s", d)
	}
}

func TestTopologyConfig(t *testing.T) {
	c, err := loadText(minimal + `
newrelic: {api_key: "${NR_KEY}", region: jp}
prometheus: {url: "http://127.0.0.1:9090/prometheus/", org_id: team-a, graphs: [istio-tcp, service-graph]}
backstage: {url: "https://backstage.example.com", token: "${PD_TOKEN}"}
topology: {refresh: 5m, pagerduty: false}
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.NewRelic.Region != "jp" || c.NewRelic.APIKey.Reveal() != "NRAK-s3cret-value" || c.Backstage.Token.Reveal() != "pd-t0ken-value" {
		t.Errorf("newrelic %+v, backstage %+v", c.NewRelic, c.Backstage)
	}
	if c.Prometheus.URL != "http://127.0.0.1:9090/prometheus" || c.Prometheus.Window.Std() != 5*time.Minute || *c.Topology.PagerDuty {
		t.Errorf("prometheus %+v, topology %+v", c.Prometheus, c.Topology)
	}
	var graphs []string
	for _, g := range c.Prometheus.graphs() {
		graphs = append(graphs, g.Name)
	}
	if d := cmp.Diff([]string{"service graph", "istio tcp"}, graphs); d != "" {
		t.Errorf("graphs (-want +got):\n%s", d)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("Warnings = %q", w)
	}
	for _, name := range graphNames { // every word means a graph
		if p := (&PrometheusConfig{Graphs: []string{name}}); len(p.graphs()) != 1 {
			t.Errorf("%s means %d graphs", name, len(p.graphs()))
		}
	}
}

// Files of Backstage are relative to the configuration, and must be there.
func TestBackstageFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"imbot.yaml": minimal + "backstage: {files: [catalog-info.yaml]}\n", "catalog-info.yaml": "kind: Component\nmetadata: {name: x}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := LoadConfig(filepath.Join(dir, "imbot.yaml"), testenv)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(dir, "catalog-info.yaml")}; !cmp.Equal(c.Backstage.Files, want) {
		t.Errorf("Files = %q, want %q", c.Backstage.Files, want)
	}
}

func TestTopologyConfigErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"empty sections", "newrelic:\nprometheus:\nbackstage:\n", []string{
			"imbot.yaml:3:10: the section newrelic is empty; fill it in, or remove it to turn newrelic off",
			"imbot.yaml:4:12: the section prometheus is empty; fill it in, or remove it to turn prometheus off",
			"imbot.yaml:5:12: the section backstage is empty; fill it in, or remove it to turn backstage off",
		}},
		{"nothing in them", "newrelic: {region: asia}\nprometheus: {urls: x}\nbackstage: {token: x}\n", []string{
			"imbot.yaml:3:11: newrelic.api_key is missing; make a user key (NRAK-…) in New Relic under API keys, or remove the section",
			`imbot.yaml:3:20: "asia" is unknown; use us, eu or jp`,
			"imbot.yaml:4:13: prometheus.url is missing; add it, as in url: https://prometheus.example.com, or remove the section",
			`imbot.yaml:4:14: unknown key "urls"; did you mean "url"?`,
			"imbot.yaml:5:12: the section backstage names nothing to read; add url, files or both, or remove it",
			"imbot.yaml:5:20: there is no url that this token would be for; add it, or remove the token",
		}},
		{"secret that is not there", "newrelic: {api_key: \"${NO_SUCH_KEY}\"}\n", []string{
			"imbot.yaml:3:21: the environment has no NO_SUCH_KEY; set it, or use a key ending in _file",
		}},
		{"prometheus", "prometheus: {url: \"http://prometheus.example.com\", user: x, window: 10s, org_id: \"a b\", graphs: [tempo]}\n", []string{
			"imbot.yaml:3:19: plain http is for this machine only; use https",
			"imbot.yaml:3:58: prometheus.password is missing; add it, or remove the user",
			`imbot.yaml:3:69: "10s" is too short or too long; use 1m to 90d`,
			"imbot.yaml:3:82: this is no tenant; write it as in org_id: team-a",
			`imbot.yaml:3:98: "tempo" is unknown; use service-graph, istio, istio-tcp or linkerd`,
		}},
		{"two ways to sign in", "prometheus: {url: \"https://x.example.com\", bearer_token: x, user: y, password: z}\n", []string{
			"imbot.yaml:3:58: there are two ways to sign in; keep bearer_token, or user and password",
		}},
		{"a file that is not there", "backstage: {files: [nowhere.yaml]}\n", []string{
			"imbot.yaml:3:21: this file cannot be used: file does not exist; check the path (it is relative to this file) and who may read it",
		}},
		{"correlation", "correlation: {grace: 8d, window: 1s, hops: 3, edge_memory: 1m, hold: 1h, flapping: {times: 1, window: 0s}, major: {incidents: -1, window: 2d}}\ntopology: {refresh: 1s}\n", []string{
			`imbot.yaml:3:22: "8d" is too short or too long; use 0s to 7d`,
			`imbot.yaml:3:34: "1s" is too short or too long; use 1m to 30d`,
			"imbot.yaml:3:44: 3 is too little or too much; use 1 or 2",
			`imbot.yaml:3:60: "1m" is too short or too long; use 1h to 365d`,
			`imbot.yaml:3:70: "1h" is too short or too long; use 0s to 10m`,
			"imbot.yaml:3:92: 1 is too little or too much; use 2 to 100, or 0 for never",
			`imbot.yaml:3:103: "0s" is too short or too long; use 1m to 7d`,
			"imbot.yaml:3:127: -1 is too little or too much; use 1 to 100, or 0 for never",
			`imbot.yaml:3:139: "2d" is too short or too long; use 1m to 1d`,
			`imbot.yaml:4:21: "1s" is too short or too long; use 1m to 1d`,
		}},
	} {
		_, err := loadText(minimal + tt.in)
		if err == nil {
			t.Errorf("%s: parseConfig = nil, want an error", tt.name)
			continue
		}
		if d := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}
