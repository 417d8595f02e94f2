package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestLinkMetrics: links and their corrections are counted by rule.
func TestLinkMetrics(t *testing.T) {
	r := newRig(t, "")
	r.trigger("Checkout is down on host-1")
	r.advance(time.Minute)
	r.trigger("Checkout is down on host-2")
	r.settle(time.Minute)
	metric := func(line string) {
		t.Helper()
		if _, body := r.get("/metrics"); !strings.Contains(body, line+"\n") {
			t.Errorf("no %q among\n%s", line, only(body, "imbot_link"))
		}
	}
	metric(`imbot_links_total{rule="title"} 1`)
	metric(`imbot_links_total{rule="calls"} 0`)
	metric(`imbot_link_corrections_total{rule="title",verdict="not_related"} 0`)
	metric(`imbot_link_precision{rule="title"} 1`)
	if _, body := r.get("/metrics"); strings.Contains(body, `imbot_link_precision{rule="calls"}`) {
		t.Error("a rule that made nothing has a precision")
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/api/v1/incidents/2/commands", strings.NewReader(`{"verb":"unlink"}`))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+rigToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("unlink: %s", resp.Status)
	}
	metric(`imbot_link_corrections_total{rule="title",verdict="not_related"} 1`)
	metric(`imbot_link_precision{rule="title"} 0`)
}

// only keeps the lines that begin with prefix.
func only(text, prefix string) string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}
