package pagerduty

import (
	"encoding/json"
	"testing"
)

// Whatever PagerDuty answers, who is on call, and who was asked, has an id.
func FuzzPeople(f *testing.F) {
	for _, s := range []string{
		`{"oncalls":[{"user":{"id":"P1","name":"Ani","email":"ani@example.com"},"schedule":null,"escalation_policy":{"id":"PE"},"escalation_level":1,"start":null,"end":null}]}`,
		`{"oncalls":[{"user":{"id":"P1","summary":"Ani"},"schedule":{"id":"PS"},"escalation_level":"2","start":"2026-03-01T10:00:00+07:00"},{"user":null},null]}`,
		`{"incident":{"id":"Q1","incidents_responders":[{"user":{"id":"P1","summary":"Ani"},"state":"joined","requested_at":"2026-03-01T10:00:00Z"},{"user":{"id":""}},null]}}`,
		`{"oncalls":7,"incident":[]}`, `[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var page wirePage
		if err := json.Unmarshal(body, &page); err == nil || onlyTypes(err) {
			for _, o := range page.onCalls() {
				if o.User.ID == "" || o.Start.Location() != o.End.Location() {
					t.Errorf("%+v of %s", o, body)
				}
			}
		}
		var answer wireResponders
		if err := json.Unmarshal(body, &answer); err == nil || onlyTypes(err) {
			got := answer.responders()
			for i, r := range got {
				if r.User == nil || r.User.ID == "" || i > 0 && r.RequestedAt.Before(got[i-1].RequestedAt) {
					t.Errorf("%+v of %s", r, body)
				}
			}
		}
	})
}
