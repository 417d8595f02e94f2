package newrelic

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestEndpoints(t *testing.T) {
	for _, tt := range []struct{ region, raw, want string }{
		{"", "", "https://api.newrelic.com/graphql"},
		{"us", "", "https://api.newrelic.com/graphql"},
		{"EU", "", "https://api.eu.newrelic.com/graphql"},
		{"jp", "", "https://api.jp.newrelic.com/graphql"},
		{"eu", "https://proxy.example.com", "https://proxy.example.com/graphql"},
		{"", "https://proxy.example.com/nr/graphql", "https://proxy.example.com/nr/graphql"},
		{"", "http://127.0.0.1:80/", "http://127.0.0.1:80/graphql"},
	} {
		if got, err := endpointOf(tt.region, tt.raw); got != tt.want || err != nil {
			t.Errorf("endpointOf(%q, %q) = %q, %v, want %q", tt.region, tt.raw, got, err, tt.want)
		}
	}
}

// Whatever New Relic answers, there is either data or an error that says
// something, and no edge that can't be used.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"data":{"actor":{"entity":{"relatedEntities":{"nextCursor":"c","results":[{"type":"CALLS","source":{"guid":"S"},"target":{"guid":"T","entity":{"name":"t","domain":"APM","type":"APPLICATION"}}}]}}}}}`,
		`{"data":{"actor":{"entity":{"relatedEntities":{"results":[{"type":"CALLS","source":{"guid":"S","entity":null},"target":{"guid":"S","entity":null}}]}}}}}`,
		`{"data":null,"errors":[{"message":"x\u0000y","extensions":{"errorClass":"TIMEOUT","error_code":"BAD_API_KEY"}}]}`,
		`{"errors":{}}`, `{"errors":[null]}`, `[]`, `{"data":{"actor":{"entity":{"relatedEntities":{"results":[null]}}}}}`, `{"data":"` + "\xff" + `"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var answer edgesAnswer
		if err := decode(http.Header{}, time.Time{}, body, &answer); err != nil {
			if err.Message == "" || len(err.Message) > 500 || strings.ContainsAny(err.Message, "\r\n\x00") {
				t.Errorf("message %q", err.Message)
			}
			return
		}
		if !json.Valid(body) {
			t.Error("no JSON was accepted")
		}
		if answer.Actor == nil || answer.Actor.Entity == nil || answer.Actor.Entity.Related == nil {
			return
		}
		for _, w := range answer.Actor.Entity.Related.Results {
			e, ok := w.edge(service{"S", "s"})
			if !ok {
				continue
			}
			if e.FromGUID == e.ToGUID || e.To == "" || len(e.To) > maxName || !utf8.ValidString(e.To) || strings.ContainsAny(e.To, "\r\n\x00\u202e") || e.Kind == "" {
				t.Errorf("edge %+v of %s", e, body)
			}
		}
	})
}
