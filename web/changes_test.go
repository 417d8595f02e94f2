package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/catalog/strictyaml"
	"imbot/changes"
	"imbot/query"
)

const changesPath = "/api/v1/changes"

// told notes what the handler tells of.
type told struct{ added, updated, same int }

func (n *told) saved(_ context.Context, list []changes.Saved) {
	for _, s := range list {
		switch {
		case s.Added:
			n.added++
		case s.Updated:
			n.updated++
		default:
			n.same++
		}
	}
}

func newChangesAPI(t testing.TB) (*api, *told) {
	t.Helper()
	n := &told{}
	return newAPI(t, func(c *Config) {
		st := c.Reader.Store.(changes.Store)
		c.Changes = &Changes{Store: st, Saved: n.saved, Nearest: func(s string) string { return strictyaml.Nearest(s, []string{"checkout", "checkout-api"}) }}
		c.Reader.Changes = &query.Changes{List: st.Changes}
	}), n
}

// listed asks for the changes, and lists their ids.
func (a *api) listed(parameters string) string {
	a.t.Helper()
	var out []string
	for _, c := range a.must(200, "GET", changesPath+parameters, viewerSecret, "")["changes"].([]any) {
		out = append(out, c.(map[string]any)["id"].(string))
	}
	return strings.Join(out, " ")
}

func TestPostChange(t *testing.T) {
	a, n := newChangesAPI(t)
	doc := a.must(201, "POST", changesPath, responderSecret, `{"service":"Checkout-API","title":"  Deploy\nv2.3 ","url":"https://ci.example.com/42",
		"by":"Dewi","version":"v2.3","id":"deploy-42","description":"by the pipeline","at":"2026-12-31T15:00:00+07:00"}`)
	want := map[string]any{"changes": []any{map[string]any{
		"id": "deploy-42", "source": "api", "service": "checkout", "title": "Deploy v2.3", "description": "by the pipeline", "url": "https://ci.example.com/42",
		"by": "Dewi", "version": "v2.3", "at": "2026-12-31T08:00:00Z", "recorded_at": "2026-12-31T08:30:00Z",
	}}}
	if d := cmp.Diff(want, doc); d != "" {
		t.Errorf("posted (-want +got):\n%s", d)
	}
	// The same id is the same change: it is brought up to date, and keeps its time.
	a.pass(time.Minute)
	doc = a.must(200, "POST", changesPath, adminSecret, `{"service":"checkout","title":"Deploy v2.3.1","id":"deploy-42"}`)
	c := doc["changes"].([]any)[0].(map[string]any)
	if c["title"] != "Deploy v2.3.1" || c["at"] != "2026-12-31T08:00:00Z" || c["recorded_at"] != "2026-12-31T08:30:00Z" || c["url"] != "" || c["by"] != "ops" {
		t.Errorf("updated = %v", c)
	}
	a.must(200, "POST", changesPath, adminSecret, `{"service":"checkout","title":"Deploy v2.3.1","id":"deploy-42"}`)
	if *n != (told{1, 1, 1}) || a.listed("") != "deploy-42" {
		t.Errorf("told %+v, listed %s", n, a.listed(""))
	}
	// A service of the pager alone, and one by the pager's id in any case of "pd".
	for service, want := range map[string]string{"pd:PNONE1": "pd:PNONE1", "PD:PNONE2": "pd:PNONE2", " checkout ": "checkout"} {
		doc := a.must(201, "POST", changesPath, responderSecret, fmt.Sprintf(`{"service":%q,"title":"x"}`, service))
		if got := doc["changes"].([]any)[0].(map[string]any)["service"]; got != want {
			t.Errorf("service %q became %v, want %s", service, got, want)
		}
	}
}

func TestPostChanges(t *testing.T) {
	a, n := newChangesAPI(t)
	var items []string
	for i := range 100 {
		items = append(items, fmt.Sprintf(`{"service":"checkout","title":"Deploy %d","id":"d%d"}`, i, i))
	}
	body := `{"changes":[` + strings.Join(items, ",") + `]}`
	doc := a.must(201, "POST", changesPath, responderSecret, body)
	if list := doc["changes"].([]any); len(list) != 100 || list[7].(map[string]any)["id"] != "d7" || n.added != 100 {
		t.Errorf("%d changes, told %+v", len(list), n)
	}
	a.must(200, "POST", changesPath, responderSecret, body)
	a.must(201, "POST", changesPath, responderSecret, `{"changes":[`+items[0]+`,{"service":"checkout","title":"new"}]}`)
	a.must(422, "POST", changesPath, responderSecret, `{"changes":[`+strings.Join(append(items, items[0]), ",")+`]}`)
}

// TestPostChangeOnce: a request that is sent again does nothing twice, with or
// without a key.
func TestPostChangeOnce(t *testing.T) {
	a, n := newChangesAPI(t)
	const body = `{"service":"checkout","title":"Deploy"}`
	post := func(status int, secret, body string, header ...string) map[string]any {
		t.Helper()
		return a.must(status, "POST", changesPath, secret, body, header...)
	}
	key := []string{"Idempotency-Key", "run-42"}
	first := post(201, responderSecret, body, key...)
	a.pass(time.Hour)
	if d := cmp.Diff(first, post(200, responderSecret, ` { "title" : "Deploy", "service" : "checkout" } `, key...)); d != "" {
		t.Errorf("again (-want +got):\n%s", d)
	}
	if p := post(422, responderSecret, `{"service":"checkout","title":"another"}`, key...); p["type"] != "urn:imbot:idempotency_key_reused" {
		t.Errorf("problem = %v", p)
	}
	post(201, adminSecret, body, key...) // another token's keys are its own
	post(400, responderSecret, body, "Idempotency-Key", "")
	two := `{"changes":[` + body + `,` + body + `]}`
	if list := post(201, responderSecret, two, "Idempotency-Key", "two")["changes"].([]any); list[0].(map[string]any)["id"] == list[1].(map[string]any)["id"] {
		t.Error("two changes of one request are one")
	}
	post(200, responderSecret, two, "Idempotency-Key", "two")
	// Without a key: the same words within the minute, or with the same time, are
	// the same change.
	added := n.added
	post(201, responderSecret, `{"service":"checkout","title":"by hand"}`)
	a.pass(20 * time.Second)
	post(200, responderSecret, `{"title":"by hand","service":"checkout-api"}`)
	a.pass(time.Hour)
	post(201, responderSecret, `{"service":"checkout","title":"by hand"}`)
	post(201, responderSecret, `{"service":"checkout","title":"by hand","at":"2026-12-31T08:00:00Z"}`)
	a.pass(time.Hour)
	post(200, responderSecret, `{"service":"checkout","title":"by hand","at":"2026-12-31T15:00:00+07:00"}`)
	post(201, responderSecret, `{"service":"checkout","title":"by hand","at":"2026-12-31T08:00:01Z"}`)
	if n.added-added != 4 {
		t.Errorf("%d were new, want 4", n.added-added)
	}
	// What is refused uses no key up.
	post(422, responderSecret, `{"service":"nothing","title":"x"}`, "Idempotency-Key", "refused")
	post(201, responderSecret, body, "Idempotency-Key", "refused")
}

func TestPostChangeRefused(t *testing.T) {
	a, n := newChangesAPI(t)
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, tt := range []struct {
		secret, body string
		status       int
		fields       string // of the errors
		says         string // in the first error, else in the detail
	}{
		{viewerSecret, `{"service":"checkout","title":"x"}`, 403, "", "only read"},
		{"", `{"service":"checkout","title":"x"}`, 401, "", "token"},
		{responderSecret, `{`, 400, "", "JSON"},
		{responderSecret, `[]`, 422, "", "one change"},
		{responderSecret, `null`, 422, "", "one change"},
		{responderSecret, `"x"`, 422, "", "one change"},
		{responderSecret, `{"title":"a","title":"b"}`, 400, "", "duplicate"},
		{responderSecret, `{}`, 422, "title service", "title is needed"},
		{responderSecret, `{"service":"","title":" \n"}`, 422, "title service", ""},
		{responderSecret, `{"service":"chekout","title":"x"}`, 422, "service", `Did you mean "checkout"?`},
		{responderSecret, `{"service":"ledger","title":"x"}`, 422, "service", "pd:PABC123"},
		{responderSecret, `{"service":"pd:../x","title":"x"}`, 422, "service", "no service"},
		{responderSecret, `{"service":"checkout","title":7}`, 422, "title title", "must be text"},
		{responderSecret, `{"service":"checkout","title":"x","at":"yesterday"}`, 422, "at", "2026-12-31T15:04:00Z"},
		{responderSecret, `{"service":"checkout","title":"x","at":"2026-12-31T08:36:00Z"}`, 422, "at", "future"},
		{responderSecret, `{"service":"checkout","title":"x","at":"1999-12-31T08:36:00Z"}`, 422, "at", "long ago"},
		{responderSecret, `{"service":"checkout","title":"x","url":"javascript:alert(1)"}`, 422, "url", "http"},
		{responderSecret, `{"service":"checkout","title":"x","id":"a b"}`, 422, "id", "letters"},
		{responderSecret, `{"service":"checkout","title":"x","severity":"high"}`, 422, "severity", "no field"},
		{responderSecret, `{"service":"checkout","title":"` + long(256) + `","by":"` + long(121) + `","description":"` + long(1001) + `"}`, 422, "title description by", "at most 255"},
		{responderSecret, `{"changes":[]}`, 422, "changes", "1 to 100"},
		{responderSecret, `{"changes":{}}`, 422, "changes", "list"},
		{responderSecret, `{"changes":[null]}`, 422, "changes", "list"},
		{responderSecret, `{"changes":null}`, 422, "changes", "1 to 100"},
		{responderSecret, `{"changes":[{"service":"checkout","title":"x"}],"service":"checkout"}`, 422, "changes", "nothing else"},
		{responderSecret, `{"changes":[{"service":"checkout","title":"good"},{"service":"nothing","title":"x"},{"service":"checkout","url":1}]}`, 422, "changes[2].url changes[1].service changes[2].title", "text"},
	} {
		an := a.call("POST", changesPath, tt.secret, tt.body)
		p := an.doc(t)
		var fields, details []string
		if list, ok := p["errors"].([]any); ok {
			for _, e := range list {
				fields = append(fields, e.(map[string]any)["field"].(string))
				details = append(details, e.(map[string]any)["detail"].(string))
			}
		}
		text := fmt.Sprint(p["detail"], details)
		if an.status != tt.status || strings.Join(fields, " ") != tt.fields || !strings.Contains(text, tt.says) {
			t.Errorf("%.80s = %d %s", tt.body, an.status, an.body)
		}
	}
	if n.added != 0 || a.listed("") != "" {
		t.Errorf("something was stored all the same: %+v", n)
	}
	if an := a.call("POST", changesPath, responderSecret, `{"service":"checkout","title":"x"}`, "Content-Type", "text/plain"); an.status != 415 {
		t.Errorf("no JSON = %d", an.status)
	}
	if an := newAPI(t).call("GET", changesPath, viewerSecret, ""); an.status != 404 {
		t.Errorf("without a store of changes = %d", an.status)
	}
}

func TestListChanges(t *testing.T) {
	a, _ := newChangesAPI(t)
	a.must(201, "POST", changesPath, responderSecret, `{"changes":[
		{"service":"checkout","title":"x","id":"a","at":"2026-12-31T08:00:00Z"},
		{"service":"checkout","title":"x","id":"b","at":"2026-12-30T08:00:00Z"},
		{"service":"pd:PX1","title":"x","id":"c","at":"2026-12-31T07:00:00Z"}]}`)
	for parameters, want := range map[string]string{
		"": "a c b", "?service=checkout-api": "a b", "?service=pd:PX1": "c", "?service=pd:PY": "", "?limit=1": "a", "?limit=1&service=pd:PX1": "c",
		"?since=2026-12-31T07:00:00Z": "a c", "?until=2026-12-31T07:00:00Z": "b", "?since=12h": "a c", "?since=2026-12-31": "a c", "?service=&since=&until=": "a c b",
	} {
		if got := a.listed(parameters); got != want {
			t.Errorf("%s = %s, want %s", parameters, got, want)
		}
	}
	for parameters, field := range map[string]string{
		"?service=chekout": "service", "?since=soon": "since", "?limit=0": "limit", "?limit=201": "limit", "?limit=x": "limit", "?page=2": "page",
		"?since=1h&until=2h": "until", "?limit=1&limit=2": "limit", "?service=" + strings.Repeat("x", 300): "service", "?%zz": "",
	} {
		p := a.must(400, "GET", changesPath+parameters, viewerSecret, "")
		got := ""
		if list, ok := p["errors"].([]any); ok {
			got = list[0].(map[string]any)["field"].(string)
		}
		if got != field {
			t.Errorf("%s: error at %q, want %q", parameters, got, field)
		}
	}
}

// TestCause: a program can say what the cause was, and read it.
func TestCause(t *testing.T) {
	a, _ := newChangesAPI(t)
	a.must(201, "POST", changesPath, responderSecret, `{"service":"checkout","title":"Deploy","id":"d1","version":"v2","url":"https://ci.example.com/1","at":"2026-12-31T08:00:00Z"}`)
	a.declare("checkout is down")
	command := func(status int, secret, body string, header ...string) map[string]any {
		t.Helper()
		return a.must(status, "POST", "/api/v1/incidents/1/commands", secret, body, header...)
	}
	command(403, viewerSecret, `{"verb":"cause","change":"d1"}`)
	command(422, responderSecret, `{"verb":"cause","change":"d2"}`)
	command(422, responderSecret, `{"verb":"cause"}`)
	doc := command(200, responderSecret, `{"verb":"cause","change":"d1"}`, "Idempotency-Key", "k")
	want := []any{map[string]any{
		"id": "d1", "source": "api", "title": "Deploy", "version": "v2", "url": "https://ci.example.com/1", "service": "checkout", "at": "2026-12-31T08:00:00Z",
		"by": map[string]any{"kind": "token", "id": "ci", "name": "ci"}, "decided_at": "2026-12-31T08:30:00Z",
	}}
	if d := cmp.Diff(want, doc["causes"]); d != "" {
		t.Errorf("causes (-want +got):\n%s", d)
	}
	if doc = command(200, adminSecret, `{"verb":"cause","change":"api/d1","was":false}`); len(doc["causes"].([]any)) != 0 {
		t.Errorf("what was not the cause counts: %v", doc["causes"])
	}
	if got := a.must(200, "GET", "/api/v1/incidents/1", viewerSecret, "")["causes"]; len(got.([]any)) != 0 {
		t.Errorf("causes = %v", got)
	}
}

// Whatever is sent, it is refused in words, or makes changes that say what was
// sent.
func FuzzParseChanges(f *testing.F) {
	for _, s := range []string{
		`{"service":"checkout","title":"Deploy","at":"2026-12-31T15:04:00Z","id":"a","by":"b","url":"https://x.example","version":"v","description":"d"}`,
		`{"changes":[{"service":"checkout","title":"x"},{"at":"soon","x":1}]}`, `{"changes":[]}`, `{"changes":[null]}`, `{"changes":{}}`, `[]`, `null`, `{`, `{"title":7}`,
		`{"title":null,"\u0000":"x"}`, `{"at":"9999-12-31T23:59:59Z"}`, "\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, faults, err := parseChanges(body)
		if err != nil {
			r := httptest.NewRequest("POST", changesPath, nil)
			if d := describe(r, err); (d.Status != 400 && d.Status != 422) || d.Detail == "" || len(list) != 0 {
				t.Fatalf("%q = %+v", body, d)
			}
			return
		}
		if !json.Valid(body) || len(list) == 0 || len(list) > maxChanges {
			t.Fatalf("%q = %d changes", body, len(list))
		}
		for _, fault := range faults {
			if fault.Field == "" || fault.Detail == "" || strings.ContainsAny(fault.Field, "\r\n\x00") {
				t.Errorf("%q: %+v", body, fault)
			}
		}
		for i := range list {
			if c := list[i].Change; c.Source != "" || !c.Recorded.IsZero() {
				t.Errorf("%q sets what it must not: %+v", body, c)
			}
		}
	})
}
