package jira

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"checkout is down":     "checkout is down",
		"[~accountid:712020]":  `\[\~accountid:712020\]`,
		"{code}x{code}":        `\{code\}x\{code\}`,
		"!http://x/y.png!":     `\!http://x/y.png\!`,
		`C:\temp`:              "C:&#92;temp",
		"a\nb\tc\x00d":         "a\nb\tcd",
		"||head||":             `\|\|head\|\|`,
		"*_bold_* ^up^ +ins+ ": `\*\_bold\_\* \^up\^ \+ins\+ `,
		"payments-db #1":       "payments-db #1",
	} {
		if got := Plain(in); got != want {
			t.Errorf("Plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("a🔥b\n[x]")
	f.Add("\xff\u202e…")
	f.Fuzz(func(t *testing.T, s string) {
		if got := Plain(s); strings.Contains(got, "\x00") || strings.HasPrefix(got, "[") || strings.HasPrefix(got, "{") {
			t.Errorf("Plain(%q) = %q", s, got)
		}
	})
}

// FuzzReasons: any body makes a short text of one line.
func FuzzReasons(f *testing.F) {
	for _, s := range []string{
		`{"errorMessages":["a"],"errors":{"duedate":"b"}}`, `{"errorMessages":{"a":[]},"errors":[1],"message":{"x":1}}`,
		`{"error":"invalid","error_description":"\u202e\n"}`, `<html>`, `null`, `[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, fields := reasons(body)
		if len(got) > 400 || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00\u202e") || len(fields) > 50 {
			t.Errorf("reasons(%q) = %q, %d fields", body, got, len(fields))
		}
	})
}

// The gate forgets, so that it does not grow with every issue of a year.
func TestGateForgets(t *testing.T) {
	g := newGate()
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for n := range 3 * maxGates {
		if err := g.admit(now, http.MethodPut, fmt.Sprintf("rest/api/2/issue/OPS-%d", n)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(10 * time.Millisecond)
	}
	if n := len(g.writes); n > maxGates {
		t.Errorf("%d issues are remembered", n)
	}
	// A hold does not outlive its bound, whatever Jira says.
	g.observe(now, http.MethodGet, "rest/api/2/myself", &Error{Status: 429, Reason: ReasonQuotaGlobal, Wait: 24 * time.Hour})
	if err := g.admit(now, http.MethodGet, "x"); err == nil || err.RetryAfter() != maxHold {
		t.Errorf("held: %v", err)
	}
	if err := g.admit(now.Add(maxHold), http.MethodGet, "x"); err != nil {
		t.Errorf("still held: %v", err)
	}
}

// A step that Jira says is not available is not taken.
func TestChoose(t *testing.T) {
	var all []transition
	err := json.Unmarshal([]byte(`[
		{"id":"1","name":"Hidden","isAvailable":false,"to":{"statusCategory":{"key":"done"}}},
		{"id":"2","name":"Start","isAvailable":true,"to":{"statusCategory":{"key":"indeterminate"}}},
		{"id":3,"name":"Close","to":{"statusCategory":{"key":"done"}},"fields":{"resolution":{"required":true,"allowedValues":[{"id":"7","name":"Won't Do"},{"id":"9","name":"Fixed"}]}}},
		{"id":"4","name":"Cancel","to":{"statusCategory":{"key":"done"}},"fields":{"customfield_1":{"required":true,"name":"Why"}}}
	]`), &all)
	if err != nil {
		t.Fatal(err)
	}
	step, fields, why := choose(all, CategoryDone)
	if step == nil || step.ID != "3" || fmt.Sprint(fields) != "map[resolution:map[id:9]]" {
		t.Errorf("chosen %+v with %v: %s", step, fields, why)
	}
	if step, _, why = choose(all[:1], CategoryDone); step != nil || !strings.Contains(why, "no step") {
		t.Errorf("chosen %+v: %s", step, why)
	}
	if step, _, why = choose(all[3:], CategoryDone); step != nil || !strings.Contains(why, "Why") {
		t.Errorf("chosen %+v: %s", step, why)
	}
}

func TestScopes(t *testing.T) {
	for _, tt := range []struct{ method, path, endpoint, issue string }{
		{"GET", "rest/api/2/issue/OPS-1", "GET rest/api/{}/issue/{}", ""},
		{"PUT", "rest/api/2/issue/OPS-1", "PUT rest/api/{}/issue/{}", "issue OPS-1"},
		{"POST", "rest/api/2/issue/10001/comment", "POST rest/api/{}/issue/{}/comment", "issue 10001"},
		{"POST", "rest/api/2/issue", "POST rest/api/{}/issue", ""},
		{"GET", "rest/api/2/search/jql", "GET rest/api/{}/search/jql", ""},
	} {
		if endpoint, issue := scopes(tt.method, tt.path); endpoint != tt.endpoint || issue != tt.issue {
			t.Errorf("scopes(%s %s) = %q, %q", tt.method, tt.path, endpoint, issue)
		}
	}
}
