package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
)

func init() {
	openapi3filter.RegisterBodyDecoder("text/markdown", openapi3filter.PlainBodyDecoder)
}

func TestMarkdown(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Language = "id" })
	a.must(201, "POST", "/api/v1/incidents", responderSecret, `{"title":"Checkout <fails>","service":"checkout","level":"high-error-rate"}`)
	const path = "/api/v1/incidents/INC-1/postmortem"
	for query, want := range map[string]string{
		"?format=markdown": "Semua waktu dalam WIB", "?format=markdown&lang=en": "All times are in WIB", "?lang=id&format=markdown": "Semua waktu dalam WIB",
	} {
		an := a.call("GET", path+query, viewerSecret, "")
		if an.status != 200 || an.header.Get("Content-Type") != "text/markdown; charset=utf-8" || an.header.Get("Content-Disposition") != `attachment; filename="INC-1.md"` {
			t.Fatalf("%s: %d %v", query, an.status, an.header)
		}
		if s := string(an.body); !strings.HasPrefix(s, "# INC-1 Checkout \\<fails>\n") || !strings.Contains(s, want) {
			t.Errorf("%s: no %q in %s", query, want, s)
		}
	}
	for _, query := range []string{"?format=json", "?lang=en", ""} {
		if pm := a.must(200, "GET", path+query, viewerSecret, ""); pm["state"] != "draft" {
			t.Errorf("%s: %v", query, pm)
		}
	}
	for _, query := range []string{"?format=pdf", "?format=markdown&format=json", "?lang=de", "?formt=json", "?%zz", "?" + strings.Repeat("x", 5000)} {
		if an := a.call("GET", path+query, viewerSecret, ""); an.status != http.StatusBadRequest {
			t.Errorf("%.40s: %d %s", query, an.status, an.body)
		}
	}
}

// TestMarkdownPrivate: who may not see it gets nothing of it.
func TestMarkdownPrivate(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/api/v1/incidents", responderSecret, `{"title":"Secret leak","service":"checkout","private":true}`)
	for _, id := range []string{"INC-1", "INC-2", "x"} {
		if an := a.call("GET", "/api/v1/incidents/"+id+"/postmortem?format=markdown", viewerSecret, ""); an.status != http.StatusNotFound || strings.Contains(string(an.body), "Secret") {
			t.Errorf("%s: %d %s", id, an.status, an.body)
		}
	}
}
