package pagerduty

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Whatever PagerDuty answers, change events have an id, and links that lead to
// web pages.
func FuzzChangeEvents(f *testing.F) {
	for _, s := range []string{
		`{"change_events":[{"id":"C1","summary":"s","timestamp":"2026-03-01T10:00:00Z","services":[{"id":"P1"}],"links":[{"href":"https://x.example","text":"t"}],"custom_details":{"a":1},"correlation_reason":{"reason":"intelligent"}}],"more":false}`,
		`{"change_events":[{"id":7,"services":null,"links":[{"href":"javascript:x"}]},{"id":7},{}],"more":true}`,
		`{"change_events":[null]}`, `[]`, `{"change_events":[{"id":"x","timestamp":"soon","custom_details":"` + "\xff" + `"}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var page changePage
		if err := json.Unmarshal(body, &page); err != nil && !onlyTypes(err) {
			return
		}
		seen := map[string]bool{}
		for _, e := range page.events(nil, 1000, time.Time{}, time.Time{}) {
			if e.ID == "" || seen[e.ID] || len(e.Details) > MaxDetails {
				t.Errorf("%+v of %s", e, body)
			}
			seen[e.ID] = true
			for _, l := range e.Links {
				if !strings.HasPrefix(l.Href, "http") {
					t.Errorf("link %q", l.Href)
				}
			}
		}
	})
}
