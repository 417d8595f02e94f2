package jirasim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"imbot/integrations/jira/jirasim"
)

var began = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func start(t *testing.T, o jirasim.Options) *jirasim.Server {
	t.Helper()
	if o.Now == nil && !o.Live {
		o.Now = func() time.Time { return began }
	}
	o.Seed = 7
	s := jirasim.New(o)
	t.Cleanup(s.Close)
	s.AddUser(jirasim.User{AccountID: "ani", Name: "ani", FullName: "Ani", Email: "ani@example.com"})
	s.AddProject(jirasim.Project{Key: "OPS"})
	return s
}

// call makes a REST call as the client's user, and returns status, headers and
// the decoded answer.
func call(t *testing.T, s *jirasim.Server, method, target, body string) (int, http.Header, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.Email(), s.Token())
	if strings.HasPrefix(s.Token(), "pat") {
		req.Header.Set("Authorization", "Bearer "+s.Token())
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatalf("%s %s: %s: %v", method, target, raw, err)
		}
	}
	return resp.StatusCode, resp.Header, out
}

func find(t *testing.T, s *jirasim.Server, jql, more string) (int, string, map[string]any) {
	t.Helper()
	status, _, out := call(t, s, http.MethodGet, "/rest/api/2/search/jql?jql="+url.QueryEscape(jql)+more, "")
	var keys []string
	list, _ := out["issues"].([]any)
	for _, i := range list {
		key, _ := i.(map[string]any)["key"].(string)
		keys = append(keys, key)
	}
	return status, strings.Join(keys, " "), out
}

func TestJQL(t *testing.T) {
	s := start(t, jirasim.Options{IndexDelay: -1})
	s.AddProject(jirasim.Project{Key: "PAY"})
	s.Create(jirasim.Spec{Project: "OPS", Summary: "1", Labels: []string{"a"}, Assignee: "ani"})
	s.Create(jirasim.Spec{Project: "OPS", Summary: "2", Labels: []string{"a", "b"}})
	s.Advance(t.Context(), time.Hour)
	s.Create(jirasim.Spec{Project: "PAY", Summary: "3"})
	if err := s.Move("ani", "OPS-2", "Done"); err != nil {
		t.Fatal(err)
	}
	for jql, want := range map[string]string{
		`project = OPS order by key`:                            "OPS-1 OPS-2",
		`project = "ops" ORDER BY key DESC`:                     "OPS-2 OPS-1",
		`project in (OPS, PAY) AND labels = a ORDER BY key`:     "OPS-1 OPS-2",
		`labels not in (a) AND project = PAY`:                   "PAY-1",
		`labels = "a" and labels = 'b'`:                         "OPS-2",
		`statusCategory = Done`:                                 "OPS-2",
		`statusCategory != "Done" ORDER BY key ASC`:             "OPS-1 PAY-1",
		`statusCategory = 3`:                                    "OPS-2",
		`status = "To Do" ORDER BY created ASC, key ASC`:        "OPS-1 PAY-1",
		`key in (OPS-1, PAY-1) ORDER BY key`:                    "OPS-1 PAY-1",
		`assignee = ani`:                                        "OPS-1",
		`updated >= -30m ORDER BY key`:                          "OPS-2 PAY-1",
		`updated >= "-2h" ORDER BY key`:                         "OPS-1 OPS-2 PAY-1",
		`created < -30m AND updated > -30m`:                     "OPS-2",
		`created >= "2026/03/01 16:00"`:                         "PAY-1", // of the user's zone, seven hours ahead
		`project = PAY AND created <= "2026-03-01 16:00"`:       "PAY-1",
		`project = OPS ORDER BY updated DESC`:                   "OPS-2 OPS-1",
		`project = OPS AND labels = none`:                       "",
		`issuekey = OPS-1`:                                      "OPS-1",
		`project = OPS`:                                         "OPS-1 OPS-2",
		`project != PAY and updated <= -30m`:                    "OPS-1",
		`labels in ("a") and statusCategory in ("In Progress")`: "",
	} {
		status, got, _ := find(t, s, jql, "&fields=summary")
		if status != 200 || got != want {
			t.Errorf("%s: %d %q, want %q", jql, status, got, want)
		}
	}
}

// What is not JQL as the client writes it is refused, in Jira's form.
func TestJQLRefused(t *testing.T) {
	s := start(t, jirasim.Options{IndexDelay: -1})
	for jql, want := range map[string]string{
		``:                                "Unbounded",
		`ORDER BY created`:                "Unbounded",
		`flavour = x`:                     "Field 'flavour' does not exist",
		`project = NONE`:                  "The value 'NONE' does not exist for the field 'project'",
		`statusCategory = Erledigt`:       "does not exist for the field 'statuscategory'",
		`key = OPS-9`:                     "An issue with key 'OPS-9' does not exist",
		`labels ~ a`:                      "operator '~' is not supported",
		`updated in (1)`:                  "operator 'in' is not supported",
		`updated >= yesterday`:            "Date value 'yesterday'",
		`project = OPS OR labels = a`:     "Expecting either",
		`project = OPS labels = a`:        "Expecting either",
		`project =`:                       "Expecting either a value",
		`project = (OPS)`:                 "Expecting either a value",
		`project in OPS`:                  "Expecting '('",
		`project in (OPS`:                 "Expecting ')'",
		`project in ()`:                   "Expecting a value",
		`project = "OPS`:                  "has not been completed",
		`project = OPS ORDER created`:     "Expecting 'by'",
		`project = OPS ORDER BY flavour`:  "Field 'flavour'",
		`project = OPS ORDER BY key up`:   "end of query",
		`project = OPS AND`:               "Expecting a field name",
		`labels not a`:                    "operator 'not' is not supported",
		`project = OPS AND summary ~ "x"`: "Field 'summary' does not exist",
	} {
		status, _, out := find(t, s, jql, "&fields=summary")
		messages, _ := out["errorMessages"].([]any)
		if status != 400 || len(messages) != 1 || !strings.Contains(messages[0].(string), want) || out["errors"] == nil {
			t.Errorf("%s: %d %v, want %q", jql, status, out, want)
		}
	}
	for more, want := range map[string]string{
		"&maxResults=0": "between 1 and 5,000", "&maxResults=5001": "between 1 and 5,000", "&nextPageToken=x": "token is invalid", "&startAt=0": "startAt",
	} {
		if status, _, out := find(t, s, "project = OPS", more); status != 400 || !strings.Contains(fmt.Sprint(out), want) {
			t.Errorf("%s: %d %v", more, status, out)
		}
	}
}

func TestSearchOfOldIsGone(t *testing.T) {
	s := start(t, jirasim.Options{})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		status, _, out := call(t, s, method, "/rest/api/2/search?jql=project=OPS", "{}")
		if status != http.StatusGone || !strings.Contains(fmt.Sprint(out["errorMessages"]), "removed") {
			t.Errorf("%s: %d %v", method, status, out)
		}
	}
	dc := start(t, jirasim.Options{DataCenter: true, Token: "pat", IndexDelay: -1})
	dc.Create(jirasim.Spec{Project: "OPS", Summary: "x"})
	if status, _, out := call(t, dc, http.MethodGet, "/rest/api/2/search?jql=project=OPS&maxResults=1", ""); status != 200 || out["total"] != 1.0 {
		t.Errorf("data center: %d %v", status, out)
	}
	if status, _, _ := call(t, dc, http.MethodGet, "/rest/api/2/search/jql?jql=project=OPS", ""); status != 404 {
		t.Errorf("data center's search/jql: %d", status)
	}
}

func TestSearchLagsBehind(t *testing.T) {
	s := start(t, jirasim.Options{IndexDelay: 10 * time.Second})
	ctx := t.Context()
	i := s.Create(jirasim.Spec{Project: "OPS", Summary: "x"})
	look := func(want, what string) {
		t.Helper()
		if _, got, _ := find(t, s, `project = OPS AND status = "`+what+`"`, "&fields=status"); got != want {
			t.Errorf("%s: found %q, want %q", what, got, want)
		}
	}
	s.Advance(ctx, 9*time.Second)
	look("", "To Do")
	if _, got, _ := find(t, s, "project = OPS", "&fields=status&reconcileIssues="+i.ID); got != "OPS-1" {
		t.Errorf("reconciled: %q", got)
	}
	s.Advance(ctx, time.Second)
	look("OPS-1", "To Do")
	must(t, s.Move("ani", "OPS-1", "Done"))
	look("OPS-1", "To Do")
	look("", "Done")
	s.Advance(ctx, 10*time.Second)
	look("", "To Do")
	look("OPS-1", "Done")
	must(t, s.Delete("ani", "OPS-1"))
	look("OPS-1", "Done")
	s.Advance(ctx, 10*time.Second)
	look("", "Done")
	if _, _, out := find(t, s, "project = OPS", ""); out["isLast"] != true || out["total"] != nil {
		t.Errorf("last page: %v", out)
	}
}

// Without fields, a search has ids only.
func TestSearchFields(t *testing.T) {
	s := start(t, jirasim.Options{IndexDelay: -1})
	s.Create(jirasim.Spec{Project: "OPS", Summary: "x"})
	_, _, out := find(t, s, "project = OPS", "")
	if i := out["issues"].([]any)[0].(map[string]any); len(i) != 1 || i["id"] == nil {
		t.Errorf("issue %v", i)
	}
	_, _, out = find(t, s, "project = OPS", "&fields=summary,status")
	if f := out["issues"].([]any)[0].(map[string]any)["fields"].(map[string]any); len(f) != 2 || f["summary"] != "x" {
		t.Errorf("fields %v", f)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	s := start(t, jirasim.Options{})
	s.Create(jirasim.Spec{Project: "OPS", Summary: "x"})
	ctx := t.Context()
	refused := func(status int, h http.Header, reason string) {
		t.Helper()
		if status != 429 || h.Get("RateLimit-Reason") != reason || h.Get("Retry-After") == "" || h.Get("X-RateLimit-Reset") == "" {
			t.Errorf("status %d, headers %v, want %s", status, h, reason)
		}
	}
	for n := range 20 {
		if status, _, _ := call(t, s, http.MethodPut, "/rest/api/2/issue/OPS-1", `{"fields":{}}`); status != 204 {
			t.Fatalf("write %d: %d", n, status)
		}
	}
	status, h, _ := call(t, s, http.MethodPost, "/rest/api/2/issue/OPS-1/remotelink", `{"globalId":"g","object":{"url":"https://x.example/","title":"t"}}`)
	refused(status, h, "jira-per-issue-on-write")
	if status, _, _ = call(t, s, http.MethodGet, "/rest/api/2/issue/OPS-1", ""); status != 200 {
		t.Errorf("reading: %d", status)
	}
	s.Advance(ctx, 2*time.Second)
	for n := range 80 { // until there are 100 in 30 s
		if n > 0 && n%20 == 0 {
			s.Advance(ctx, 2*time.Second)
		}
		if status, _, _ := call(t, s, http.MethodPut, "/rest/api/2/issue/OPS-1", `{"fields":{}}`); status != 204 {
			t.Fatalf("write %d: %d", 20+n, status)
		}
	}
	s.Advance(ctx, 2*time.Second)
	status, h, _ = call(t, s, http.MethodPut, "/rest/api/2/issue/OPS-1", `{"fields":{}}`)
	refused(status, h, "jira-per-issue-on-write")
	if h.Get("Retry-After") != "20" {
		t.Errorf("retry after %s, want 20 s", h.Get("Retry-After"))
	}
	s.Advance(ctx, 20*time.Second)
	if status, _, _ = call(t, s, http.MethodPost, "/rest/api/2/issue/OPS-1/remotelink", `{"globalId":"g","object":{"url":"https://x.example/","title":"t"}}`); status != 201 {
		t.Errorf("thirty seconds later: %d", status)
	}
	for range 100 {
		status, _, _ = call(t, s, http.MethodGet, "/rest/api/2/myself", "")
		if status != 200 {
			t.Fatalf("within the burst: %d", status)
		}
	}
	status, h, _ = call(t, s, http.MethodGet, "/rest/api/2/myself", "")
	refused(status, h, "jira-burst-based")
	s.Advance(ctx, 10*time.Millisecond)
	if status, _, _ = call(t, s, http.MethodGet, "/rest/api/2/myself", ""); status != 200 {
		t.Errorf("refilled: %d", status)
	}
}

func TestRequestsRefused(t *testing.T) {
	s := start(t, jirasim.Options{Unlimited: true})
	s.Create(jirasim.Spec{Project: "OPS", Summary: "x"})
	const create = `{"fields":{"project":{"key":"OPS"},"issuetype":{"name":"Task"},"summary":"s"%s}}`
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"fine":               {"POST", "/issue", fmt.Sprintf(create, ""), 201, "OPS-2"},
		"no summary":         {"POST", "/issue", strings.Replace(fmt.Sprintf(create, ""), `"summary":"s"`, `"labels":[]`, 1), 400, "You must specify a summary"},
		"long summary":       {"POST", "/issue", strings.Replace(fmt.Sprintf(create, ""), `"s"`, `"`+strings.Repeat("x", 256)+`"`, 1), 400, "255"},
		"newline":            {"POST", "/issue", strings.Replace(fmt.Sprintf(create, ""), `"s"`, `"a\nb"`, 1), 400, "newline"},
		"empty password":     {"POST", "/issue", fmt.Sprintf(create, `,"Password":""`), 400, "cannot be set"},
		"name on Cloud":      {"POST", "/issue", fmt.Sprintf(create, `,"assignee":{"name":"ani"}`), 400, "assignee"},
		"label with a space": {"POST", "/issue", fmt.Sprintf(create, `,"labels":["a b"]`), 400, "contains spaces"},
		"labels as text":     {"POST", "/issue", fmt.Sprintf(create, `,"labels":"a"`), 400, "not an array"},
		"date":               {"POST", "/issue", fmt.Sprintf(create, `,"duedate":"1.2.2026"`), 400, "date"},
		"description as ADF": {"POST", "/issue", fmt.Sprintf(create, `,"description":{"type":"doc"}`), 400, "string"},
		"unknown member":     {"POST", "/issue", `{"feilds":{}}`, 400, "Unrecognized"},
		"no JSON":            {"POST", "/issue", `{`, 400, "payload"},
		"unknown issue":      {"PUT", "/issue/OPS-9", `{}`, 404, "does not exist"},
		"other update":       {"PUT", "/issue/OPS-1", `{"update":{"summary":[{"set":"x"}]}}`, 400, "summary"},
		"bad step":           {"POST", "/issue/OPS-1/transitions", `{"transition":{"id":"99"}}`, 400, "not valid"},
		"field of no screen": {"POST", "/issue/OPS-1/transitions", `{"transition":{"id":"31"},"fields":{"resolution":{"name":"Done"}}}`, 400, "cannot be set"},
		"link without title": {"POST", "/issue/OPS-1/remotelink", `{"object":{"url":"https://x.example"}}`, 400, "title"},
		"users of nothing":   {"GET", "/user/search", ``, 400, "query"},
		"no such route":      {"GET", "/issue/createmeta", ``, 404, ""},
	} {
		status, _, out := call(t, s, tt.method, "/rest/api/2"+tt.path, tt.body)
		if status != tt.status || !strings.Contains(fmt.Sprint(out), tt.want) {
			t.Errorf("%s: %d %v, want %d %q", name, status, out, tt.status, tt.want)
		}
	}
	if n := len(s.Issues()); n != 2 {
		t.Errorf("%d issues", n)
	}
}

func TestFaults(t *testing.T) {
	s := start(t, jirasim.Options{})
	s.Inject(jirasim.Fault{Method: "GET", Path: "/rest/api/2/myself", Times: 2, Status: 503, RetryAfter: 7 * time.Second})
	for n, want := range []int{503, 503, 200} {
		status, h, _ := call(t, s, "GET", "/rest/api/2/myself", "")
		if status != want || (status == 503) != (h.Get("Retry-After") == "7") {
			t.Errorf("call %d: %d %v", n, status, h)
		}
	}
	s.Inject(jirasim.Fault{Status: 500})
	if status, _, _ := call(t, s, "GET", "/rest/api/2/serverInfo", ""); status != 500 {
		t.Errorf("without end: %d", status)
	}
	s.ClearFaults()
	if status, _, _ := call(t, s, "GET", "/rest/api/2/serverInfo", ""); status != 200 {
		t.Errorf("cleared: %d", status)
	}
	must(t, func() error {
		if s.Edit("ani", "OPS-9", func(*jirasim.Issue) {}) == nil || s.Move("nobody", "OPS-1", "Done") == nil {
			return fmt.Errorf("what is not there was changed")
		}
		return nil
	}())
}

func FuzzJQL(f *testing.F) {
	f.Add(`project = OPS AND labels in ("a", 'b') ORDER BY key DESC, created`)
	f.Add(`updated >= "-5m" and key not in (OPS-1)`)
	f.Add(`"`)
	s := jirasim.New(jirasim.Options{Unlimited: true, Seed: 1})
	f.Cleanup(s.Close)
	s.AddProject(jirasim.Project{Key: "OPS"})
	s.Create(jirasim.Spec{Project: "OPS", Summary: "x"})
	f.Fuzz(func(t *testing.T, jql string) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/rest/api/2/search/jql?jql="+url.QueryEscape(jql), nil)
		req.SetBasicAuth(s.Email(), s.Token())
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if w.Code != 200 && w.Code != 400 {
			t.Errorf("%q: %d %s", jql, w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q: %s", jql, w.Body)
		}
	})
}

// A browser shows an issue, with all its text as text.
func TestBrowse(t *testing.T) {
	s := start(t, jirasim.Options{})
	key := s.Create(jirasim.Spec{Project: "OPS", Summary: "A <b>title</b>", Assignee: "ani"}).Key
	for path, want := range map[string]string{key: "A &lt;b&gt;title", "OPS-99": "does not exist"} {
		resp, err := http.Get(s.URL() + "/browse/" + path) //nolint:noctx // a browser
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if resp.Body.Close(); err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %v\n%s", path, resp.StatusCode, err, body)
		}
	}
}
