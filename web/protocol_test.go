package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/incident"
)

func TestTokens(t *testing.T) {
	a := newAPI(t)
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic " + adminSecret, adminSecret, "Bearer wrong", "Bearer " + adminSecret + "x", "Bearer " + strings.Repeat("x", 100_000)} {
		an := a.call("GET", "/api/v1/incidents", "", "", "Authorization", header)
		if an.status != 401 || !strings.HasPrefix(an.header.Get("WWW-Authenticate"), "Bearer realm=") {
			t.Errorf("%.40q = %d %q", header, an.status, an.header.Get("WWW-Authenticate"))
		}
	}
	if an := a.call("GET", "/api/v1/incidents", "", "", "Authorization", "bearer "+viewerSecret); an.status != 200 {
		t.Errorf("the scheme's name in small letters = %d", an.status)
	}
	a.must(403, "POST", "/api/v1/incidents", viewerSecret, `{"title":"x"}`)
	a.declare("checkout is down")
	a.must(403, "POST", "/api/v1/incidents/1/commands", viewerSecret, `{"verb":"ack"}`)
	a.must(403, "POST", "/api/v1/incidents/1/commands", responderSecret, `{"verb":"level","level":"other"}`)
	a.must(200, "POST", "/api/v1/incidents/1/commands", adminSecret, `{"verb":"level","level":"other"}`)
	if log := a.log.String(); strings.Contains(log, "secret-of") || !strings.Contains(log, `"token":"dashboard"`) {
		t.Errorf("log = %s", log)
	}
}

func TestBodies(t *testing.T) {
	a := newAPI(t)
	a.declare("checkout is down")
	const declare, command = "/api/v1/incidents", "/api/v1/incidents/1/commands"
	for _, tt := range []struct {
		target, body string
		status       int
		field        string
	}{
		{declare, `{"title":""}`, 422, "title"},
		{declare, `{"title":"` + strings.Repeat("x", 256) + `"}`, 422, "title"},
		{declare, `{"title":"x","service":"` + strings.Repeat("x", 256) + `"}`, 422, "service"},
		{declare, `{"title":"x","level":"nope"}`, 422, "level"},
		{declare, `{"title":"x","servce":"y"}`, 422, "servce"},
		{declare, `{"title":5}`, 422, "title"},
		{declare, `{"title":"x"`, 400, ""},
		{declare, `{"title":"x","title":"y"}`, 400, ""},
		{declare, `[]`, 400, ""},
		{declare, `{"title":"x"} {}`, 400, ""},
		{declare, "{\"title\":\"\xff\"}", 400, ""},
		{declare, `{"title":"` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
		{command, `{"verb":"dance"}`, 422, "verb"},
		{command, `{"verb":"trigger"}`, 422, "verb"},
		{command, `{"verb":"list"}`, 422, "verb"},
		{command, `{"verb":"note","text":"` + strings.Repeat("x", 4001) + `"}`, 422, "text"},
		{command, `{"verb":"note","incident":"INC-2","text":"x"}`, 422, "incident"},
		{command, `{"verb":"time","time":"detected","value":"2030-01-01T00:00:00Z"}`, 422, "value"},
		{command, `{"verb":"action","op":"done","n":9}`, 422, "n"},
	} {
		p := a.must(tt.status, "POST", tt.target, adminSecret, tt.body)
		field := ""
		if errs, ok := p["errors"].([]any); ok {
			field = errs[0].(map[string]any)["field"].(string)
		}
		if field != tt.field {
			t.Errorf("%.60s: field %q, want %q", tt.body, field, tt.field)
		}
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/jsonx", "garbage;;"} {
		if an := a.call("POST", declare, adminSecret, `{"title":"x"}`, "Content-Type", kind); an.status != 415 {
			t.Errorf("%q = %d", kind, an.status)
		}
	}
	if an := a.call("POST", declare, adminSecret, `{"title":"x"}`, "Content-Encoding", "gzip"); an.status != 415 {
		t.Errorf("gzip = %d", an.status)
	}
	if an := a.call("POST", declare, adminSecret, `{"title":"x"}`, "Content-Type", "application/json; charset=UTF-8"); an.status != 201 {
		t.Errorf("charset = %d", an.status)
	}
}

func TestIdempotencyKey(t *testing.T) {
	a := newAPI(t)
	const target, body = "/api/v1/incidents", `{"title":"checkout is down","service":"checkout"}`
	post := func(status int, secret, target, body, key string) map[string]any {
		t.Helper()
		return a.must(status, "POST", target, secret, body, "Idempotency-Key", key)
	}
	first := post(201, responderSecret, target, body, "k1")
	if got := post(201, responderSecret, target, ` {"service":"checkout", "title":"checkout is down"}`, "k1"); got["id"] != first["id"] {
		t.Errorf("repeated = %v", got["id"])
	}
	p := post(422, responderSecret, target, `{"title":"search is down"}`, "k1")
	if p["type"] != "urn:imbot:idempotency_key_reused" {
		t.Errorf("problem = %v", p)
	}
	if got := post(201, adminSecret, target, body, "k1"); got["id"] != "INC-2" {
		t.Errorf("another token's key = %v", got["id"])
	}
	if got := post(201, responderSecret, target, body, "k2"); got["id"] != "INC-3" {
		t.Errorf("another key = %v", got["id"])
	}
	// The same key for another address is another request.
	post(422, responderSecret, target+"/1/commands", `{"verb":"ack"}`, "k1")
	if doc := a.must(200, "GET", target+"/1", viewerSecret, ""); doc["acknowledged_at"] != nil {
		t.Error("a refused request was carried out")
	}
	// A failed request leaves no trace.
	post(409, adminSecret, target+"/1/commands", `{"verb":"close","waive":"w"}`, "k3")
	a.must(200, "POST", target+"/1/commands", adminSecret, `{"verb":"resolve"}`)
	post(200, adminSecret, target+"/1/commands", `{"verb":"close","waive":"w"}`, "k3")
	// A note with a key is there once; 42, inc-42 and INC-42 are one address.
	for _, id := range []string{"1", "inc-1", "INC-1"} {
		post(200, responderSecret, target+"/"+id+"/commands", `{"verb":"note","text":"once"}`, "k4")
	}
	notes := 0
	for _, e := range a.must(200, "GET", target+"/1/timeline", viewerSecret, "")["events"].([]any) {
		if e.(map[string]any)["kind"] == "note" {
			notes++
		}
	}
	if notes != 1 {
		t.Errorf("%d notes, want 1", notes)
	}
	// It holds for a day, and is free after two.
	a.pass(24*time.Hour - time.Second)
	if got := post(201, responderSecret, target, body, "k1"); got["id"] != "INC-1" {
		t.Errorf("after a day = %v", got["id"])
	}
	a.pass(24*time.Hour + time.Second)
	if got := post(201, responderSecret, target, `{"title":"search is down"}`, "k1"); got["id"] != "INC-4" {
		t.Errorf("after two days = %v", got["id"])
	}
	for _, key := range []string{"", strings.Repeat("x", 256), "caf\u00e9", "a\tb"} {
		post(400, responderSecret, target, body, key)
	}
}

// Of many requests with one key at once, one is carried out, and those with
// another body are refused.
func TestIdempotencyKeyAtOnce(t *testing.T) {
	a := newAPI(t)
	var wg sync.WaitGroup
	status := make([]int, 20)
	for i := range status {
		wg.Go(func() {
			body := `{"title":"checkout is down"}`
			if i%2 == 1 {
				body = `{"title":"search is down"}`
			}
			req := httptest.NewRequest("POST", "/api/v1/incidents", strings.NewReader(body))
			req.Header.Set("Authorization", "Bearer "+responderSecret)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Idempotency-Key", "k")
			rec := httptest.NewRecorder()
			a.handler.ServeHTTP(rec, req)
			status[i] = rec.Code
		})
	}
	wg.Wait()
	for i, s := range status {
		if want := status[i%2]; s != want || s != 201 && s != 422 {
			t.Errorf("request %d = %d, want %d", i, s, want)
		}
	}
	if status[0] == status[1] {
		t.Errorf("both bodies = %d", status[0])
	}
	if got := a.ids(a.must(200, "GET", "/api/v1/incidents", viewerSecret, "")); got != "1" {
		t.Errorf("incidents = %s, want one", got)
	}
}

// failing carries nothing out.
type failing struct {
	Doer
	err error
}

func (f failing) Do(context.Context, incident.Command) (*incident.Incident, error) { return nil, f.err }

type panicking struct{ Doer }

func (panicking) Do(context.Context, incident.Command) (*incident.Incident, error) {
	panic("the bottom fell out: password=hunter2")
}

func TestFailures(t *testing.T) {
	const body = `{"title":"x"}`
	a := newAPI(t, func(c *Config) { c.Service = failing{err: incident.ErrBusy} })
	if an := a.call("POST", "/api/v1/incidents", responderSecret, body); an.status != 503 || an.header.Get("Retry-After") != "1" {
		t.Errorf("busy = %d %v", an.status, an.header)
	}
	for name, service := range map[string]Doer{"error": failing{err: errors.New("open /var/lib: password=hunter2")}, "panic": panicking{}} {
		a = newAPI(t, func(c *Config) { c.Service = service })
		an := a.call("POST", "/api/v1/incidents", responderSecret, body)
		p := an.doc(t)
		id, _ := p["request_id"].(string)
		if an.status != 500 || p["detail"] != "Internal error" || id == "" || id != an.header.Get("X-Request-Id") || strings.Contains(string(an.body), "hunter2") {
			t.Errorf("%s = %d %s", name, an.status, an.body)
		}
		if log := a.log.String(); !strings.Contains(log, id) || !strings.Contains(log, "hunter2") || !strings.Contains(log, `"level":"ERROR"`) {
			t.Errorf("%s: log = %s", name, log)
		}
	}
}

func TestHealth(t *testing.T) {
	ready := errors.New("disk full at /secret/place")
	a := newAPI(t, func(c *Config) {
		c.Ready = func(context.Context) error { return ready }
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = io.WriteString(w, "imbot_up 1\n")
		})
	})
	if an := a.call("GET", "/healthz", "", ""); an.status != 200 || string(an.body) != "ok\n" {
		t.Errorf("healthz = %d %s", an.status, an.body)
	}
	if an := a.call("GET", "/readyz", "", ""); an.status != 503 || strings.Contains(string(an.body), "secret") {
		t.Errorf("readyz = %d %s", an.status, an.body)
	}
	ready = nil
	if an := a.call("GET", "/readyz", "", ""); an.status != 200 {
		t.Errorf("readyz = %d", an.status)
	}
	if an := a.call("GET", "/metrics", "", ""); an.status != 200 || !strings.Contains(string(an.body), "imbot_up") {
		t.Errorf("metrics = %d", an.status)
	}
	if an := a.call("GET", "/api/v1/openapi.yaml", "", ""); an.status != 200 || !strings.HasPrefix(string(an.body), "openapi: 3.0.3") {
		t.Errorf("openapi = %d", an.status)
	}
	if an := newAPI(t).call("GET", "/metrics", "", ""); an.status != 404 {
		t.Errorf("metrics without a handler = %d", an.status)
	}
	if an := newAPI(t).call("GET", "/readyz", "", ""); an.status != 200 {
		t.Errorf("readyz without a check = %d", an.status)
	}
}

func TestRoutes(t *testing.T) {
	a := newAPI(t)
	for _, tt := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"DELETE", "/api/v1/incidents", 405, "GET, HEAD, POST"},
		{"POST", "/api/v1/incidents/1", 405, "GET, HEAD"},
		{"GET", "/api/v1/incidents/1/commands", 405, "POST"},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"GET", "/", 404, ""},
		{"GET", "/api/v1/incidents/1/nothing", 404, ""},
		{"BREW", "/api/v1/coffee", 404, ""},
	} {
		an := a.call(tt.method, tt.target, adminSecret, "")
		if an.status != tt.status || an.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s = %d, Allow %q; want %d, %q", tt.method, tt.target, an.status, an.header.Get("Allow"), tt.status, tt.allow)
		}
	}
}

// TestNothingThere: whoever gets 404 reads what to do about it.
func TestNothingThere(t *testing.T) {
	a := newAPI(t)
	for target, want := range map[string]string{
		"/api/v1/incidents/9":         "GET /api/v1/incidents lists all",
		"/api/v1/incidents/9/similar": "GET /api/v1/incidents lists all",
		"/api/v1/incidents/nine":      "write it like INC-42",
		"/api/v1/coffee":              "See /api/v1/openapi.yaml",
		"/webhooks/pagerduty":         "needs its section in the configuration",
		"/webhooks/slack":             "POST to /webhooks/pagerduty, /webhooks/jira",
		"/api/messages":               "needs its section in the configuration",
	} {
		if p := a.must(404, "GET", target, adminSecret, ""); !strings.Contains(p["detail"].(string), want) {
			t.Errorf("%s: %q", target, p["detail"])
		}
	}
}

// TestTooMany: what would make an incident grow without end is refused, with
// what to do instead.
func TestTooMany(t *testing.T) {
	a := newAPI(t)
	a.declare("checkout is down")
	const command, add = "/api/v1/incidents/1/commands", `{"verb":"action","op":"add","title":"x"}`
	for range 100 {
		a.must(200, "POST", command, responderSecret, add)
	}
	if p := a.must(409, "POST", command, responderSecret, add); p["type"] != "urn:imbot:too_many_actions" || !strings.Contains(p["detail"].(string), "Put several into one instead: action edit INC-1") {
		t.Errorf("%v: %v", p["type"], p["detail"])
	}
}

// The log has one line for each request, and nothing that was sent.
func TestLog(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/api/v1/incidents", responderSecret, `{"title":"confidential-title"}`)
	a.must(200, "GET", "/api/v1/incidents?q=confidential-query", responderSecret, "")
	a.call("CONFIDENTIAL-METHOD", "/confidential-path", "confidential-token", "")
	lines := strings.Split(strings.TrimSpace(a.log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines:\n%s", len(lines), a.log)
	}
	want := []struct{ method, route string }{{"POST", "POST /api/v1/incidents"}, {"GET", "GET /api/v1/incidents"}, {"other", "none"}}
	for i, line := range lines {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m["method"] != want[i].method || m["route"] != want[i].route || m["status"] == nil || m["duration"] == nil || m["request"] == "" {
			t.Errorf("line %d = %s", i, line)
		}
	}
	if strings.Contains(strings.ToLower(a.log.String()), "confidential") {
		t.Errorf("log = %s", a.log)
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		"", "status=open,resolved&status=closed", "level=service-down&squad=payments&service=checkout&q=a+b", "since=7d&until=2026-12-31",
		"since=2026-12-31T15:04:05%2B07:00", "link=none&limit=5&cursor=AAAAAAAAAAAAAAAAAAAAAA", "a;b", "%zz", "limit=-1", "since=-999999999d",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		filter, err := parseFilter(raw, begin, time.UTC)
		if err != nil {
			r := httptest.NewRequest("GET", "/api/v1/incidents", nil)
			if d := describe(r, err); d.Status != 400 || d.Detail == "" {
				t.Fatalf("%q = %+v", raw, d)
			}
			return
		}
		if filter.Limit < 0 || filter.Limit > 200 || len(filter.Q) > maxParameter || len(filter.Status) > 3 {
			t.Fatalf("%q = %+v", raw, filter)
		}
		if !filter.Since.IsZero() && !filter.Until.IsZero() && !filter.Since.Before(filter.Until) {
			t.Fatalf("%q: from %s to %s", raw, filter.Since, filter.Until)
		}
		if _, err := url.ParseQuery(raw); err != nil {
			t.Fatalf("%q can not be read, and was", raw)
		}
	})
}
