package atlassian

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func exchange() *Exchange {
	return &Exchange{
		Product: "Jira", MaxBody: 1 << 20, Now: func() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) },
		Words: func(body []byte) (string, map[string]string) { return string(body), nil },
	}
}

// FuzzRefusal: whatever the status and the headers, an error says what is wrong
// in one line, and asks for no absurd wait.
func FuzzRefusal(f *testing.F) {
	f.Add(400, "application/json", "3", "2026-03-01T09:00Z")
	f.Add(429, "text/html", "Sun, 01 Mar 2026 08:00:30 GMT", "jira-burst-based")
	f.Add(503, "application/problem+json; charset=x", "-1", "x\r\ny")
	f.Add(401, "application/json", "1e400", "9999-01-01T00:00:00Z")
	f.Fuzz(func(t *testing.T, status int, media, after, reset string) {
		h := http.Header{"Content-Type": {media}, "Retry-After": {after}, "X-Ratelimit-Reset": {reset}, "Ratelimit-Reason": {reset}, "X-Seraph-Loginreason": {media}}
		e := exchange().refusal(&http.Response{StatusCode: status, Header: h}, []byte("words"))
		if e == nil {
			if status/100 != 2 {
				t.Errorf("status %d is no error", status)
			}
			return
		}
		if e.Message == "" || len(e.Message) > 500 || strings.ContainsAny(e.Error(), "\r\n") {
			t.Errorf("error %q", e)
		}
		if e.RetryAfter() < 0 || e.RetryAfter() > 24*time.Hour {
			t.Errorf("retry after %s", e.RetryAfter())
		}
		if (e.Status == 429 || e.Status/100 == 5) && e.Permanent() {
			t.Errorf("status %d is permanent", e.Status)
		}
	})
}

func TestLoginRefused(t *testing.T) {
	for reason, want := range map[string]int{
		"": 0, "OK": 0, "OUT": 0, "AUTHENTICATED_FAILED": 401, "AUTHENTICATION_DENIED": 403, "OK, AUTHENTICATED_FAILED": 401,
	} {
		e := exchange().refusal(&http.Response{StatusCode: 200, Header: http.Header{"X-Seraph-Loginreason": {reason}}}, nil)
		if (e == nil) != (want == 0) || (e != nil && (e.Status != want || !e.Permanent())) {
			t.Errorf("%q: %v, want %d", reason, e, want)
		}
	}
}

func TestKnownReason(t *testing.T) {
	for given, want := range map[string]string{
		"jira-quota-global-based": "jira-quota-global-based", "confluence-burst-based": "confluence-burst-based",
		"": "", "x": "", "jira-": "", "jira-burst\n": "", "Bearer abc": "",
	} {
		if got := knownReason(given); got != want {
			t.Errorf("knownReason(%q) = %q, want %q", given, got, want)
		}
	}
}
