package letters

import (
	"strings"
	"testing"

	"imbot/incident"
	"imbot/internal/example"
)

// TestPublishedLink: a mail leads to our own page, and where there is none to the
// one in Confluence.
func TestPublishedLink(t *testing.T) {
	const page = "https://example.atlassian.net/wiki/spaces/OPS/pages/7"
	w := example.Closed(t)
	w.Inc.Refs = append(w.Inc.Refs, incident.Ref{System: incident.SourceConfluence, Role: incident.RolePage, ID: "7", URL: page})
	v := w.View()
	if l := Closed(v, Options{Why: WhySquad}); strings.Contains(l.Text, page) || !strings.Contains(l.Text, v.Page) {
		t.Errorf("with our own page:\n%s", l.Text)
	}
	v.Page = ""
	if l := Closed(v, Options{Why: WhySquad}); !strings.Contains(l.Text, page) || !strings.Contains(l.HTML, page) {
		t.Errorf("without:\n%s", l.Text)
	}
	w.Inc.Private = true
	if l := Closed(v, Options{Why: WhyMember}); strings.Contains(l.Text, page) {
		t.Errorf("private:\n%s", l.Text)
	}
}
