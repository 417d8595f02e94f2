package cards

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/query"
)

func dutyOf(role, name string, stale bool) query.Duty {
	return query.Duty{
		Role: role, Person: incident.Actor{Kind: incident.KindUser, ID: strings.ToLower(name) + "@example.com", Name: name}, Source: "pagerduty schedule PDBA001",
		Since: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Till: time.Date(2026, 3, 8, 8, 0, 0, 0, time.UTC), Stale: stale,
	}
}

// TestOnCall: who is on duty, from when to when in the reader's own time, where
// that was read, whether it is old, and why nobody is known.
func TestOnCall(t *testing.T) {
	o := &query.OnCall{Name: "Checkout", Others: 3, Roles: []query.RoleDay{
		{Role: "dba", Duties: []query.Duty{dutyOf("dba", "Ani", false), dutyOf("dba", "Budi", true)}},
		{Role: "squad:payments", Gap: "unreachable"},
		{Role: "network", Gap: "words of no catalogue"},
	}}
	for lang, want := range map[string][]string{
		"en": {"On call: Checkout", "Ani", "Budi", "{{DATE(2026-03-01T08:00:00Z,SHORT)}}", "PagerDuty schedule PDBA001", "The source does not answer: this is the last", "on call for payments", "the source does not answer", "words of no catalogue", "3"},
		"id": {"Siaga: Checkout", "Ani", "sampai {{DATE(2026-03-08T08:00:00Z,SHORT)}}", "Sumbernya tidak menjawab: ini jawaban", "sumbernya tidak menjawab"},
	} {
		b, err := json.Marshal(OnCall(o, Options{Lang: lang}))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range want {
			if !strings.Contains(string(b), s) {
				t.Errorf("%s: the card does not say %q:\n%s", lang, s, b)
			}
		}
		if n := strings.Count(string(b), "⚠️"); n != 3 {
			t.Errorf("%s: %d warnings, want one for the old answer and one for each gap", lang, n)
		}
	}
	b, err := json.Marshal(OnCall(&query.OnCall{}, Options{}))
	if err != nil || !strings.Contains(string(b), "No standby is configured.") {
		t.Errorf("without any role: %s, %v", b, err)
	}
}

// TestOnCallHostile: text from outside stays text, and many roles fit.
func TestOnCallHostile(t *testing.T) {
	o := &query.OnCall{Name: "<at>all</at>"}
	for range 200 {
		d := dutyOf("x", strings.Repeat("<at>Everybody</at> ", 30), true)
		d.Source = "[click](https://evil.example) " + strings.Repeat("s", 500)
		o.Roles = append(o.Roles, query.RoleDay{Role: strings.Repeat("r", 300), Duties: []query.Duty{d, d, d}})
	}
	c := OnCall(o, Options{})
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "\\u003cat") || strings.Contains(string(b), "<at>") || strings.Contains(string(b), "](https") {
		t.Error("text from outside became markup")
	}
	if Size(b) > MaxSize {
		t.Errorf("the card has a size of %d", Size(b))
	}
	if !strings.Contains(string(b), "more") {
		t.Error("it does not say that there are more")
	}
}

// TestNotWoken: why nobody was woken is said in the reader's language.
func TestNotWoken(t *testing.T) {
	e := incident.Event{Kind: incident.EvNotPaged, Text: "no_token", Data: map[string]string{"person": "Ani", "role": "dba"}}
	for lang, want := range map[string]string{"en": "imbot has no API token for PagerDuty", "id": "imbot tidak punya token API PagerDuty"} {
		if got := EventText(e, lang, time.UTC); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
	e.Text = "pagerduty: it is full"
	if got := EventText(e, "en", time.UTC); !strings.Contains(got, "it is full") {
		t.Errorf("the pager's own words: %q", got)
	}
}

// TestCalledElsewhere: whoever was called for another incident is named with it.
func TestCalledElsewhere(t *testing.T) {
	v := opened(t).View()
	v.Incident.Pages = []incident.Paged{{Person: ani, Role: "dba", State: incident.PageElsewhere, Detail: "INC-7"}}
	b, err := Incident(v, Options{}).JSON()
	if err != nil || !strings.Contains(string(b), "Ani (dba): called for INC-7 ") {
		t.Errorf("%v: %s", err, b)
	}
	e := incident.Event{Kind: incident.EvPaged, Data: map[string]string{"person": "Ani", "role": "dba", "with": "INC-7"}}
	if got := EventText(e, "en", time.UTC); got != "Ani is called for INC-7 already" {
		t.Error(got)
	}
}
