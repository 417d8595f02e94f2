package prometheus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/internal/rig"
)

// wantError wants an *Error that says something, and neither secrets nor where.
func wantError(t testing.TB, what string, err error, status int, permanent bool, says string) *Error {
	t.Helper()
	e := rig.Failed(t, what, err, func(e *Error) int { return e.Status }, status, permanent)
	rig.Says(t, what, err, says, "secret", "guess")
	return e
}

// one is a graph whose series are those of the answer.
var one = Graph{Name: "one", Calls: "calls[$window]", From: "a", To: "b", FromNamespace: "na", Kind: KindHTTP}

// serve returns a client of a Prometheus that answers with h.
func serve(t testing.TB, h http.HandlerFunc, c Config) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c.URL = server.URL
	if c.Graphs == nil {
		c.Graphs = []Graph{one}
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// vector is an answer with these series.
func vector(series ...string) string {
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}}`
}

func TestRequest(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 500e6, time.UTC)
	for _, tt := range []struct {
		name   string
		config Config
		window time.Duration
		header map[string]string
		query  string
	}{
		{"plain", Config{}, 0, map[string]string{"Authorization": "", "X-Scope-Orgid": ""}, "calls[300s]"},
		{"token", Config{Token: "secret", OrgID: "team-a"}, 24 * time.Hour, map[string]string{"Authorization": "Bearer secret", "X-Scope-Orgid": "team-a"}, "calls[86400s]"},
		{"basic", Config{Username: "u", Password: "secret"}, time.Second, map[string]string{"Authorization": "Basic dTpzZWNyZXQ="}, "calls[60s]"},
		{"long", Config{}, 1e6 * time.Hour, nil, "calls[7776000s]"},
	} {
		tt.config.Now = func() time.Time { return at }
		tt.config.Timeout = 7 * time.Second
		var got *http.Request
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			got = r
			rig.Text(vector())(w, r)
		}, tt.config)
		if _, err := c.Edges(t.Context(), tt.window); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := url.Values{"query": {tt.query}, "time": {"1772366400.500"}, "timeout": {"7s"}}
		if d := cmp.Diff(want, got.PostForm); d != "" || got.Method != "POST" || got.URL.String() != "/api/v1/query" {
			t.Errorf("%s: %s %s (-want +got):\n%s", tt.name, got.Method, got.URL, d)
		}
		for name, want := range tt.header {
			if v := got.Header.Get(name); v != want {
				t.Errorf("%s: %s = %q, want %q", tt.name, name, v, want)
			}
		}
	}
}

func TestHostileAnswers(t *testing.T) {
	long := strings.Repeat("x", maxName+1)
	c := serve(t, rig.Text(vector(
		`{"metric":{"a":"web\u0000\n ","b":"\u202ecart","na":"sh\u0007op"},"value":[1,"2"]}`,
		`{"metric":{"a":"web","b":"cart","na":"sh op"},"value":[1,"3"]}`, // the same, cleaned
		`{"metric":{"a":"web","b":"web"},"value":[1,"1"]}`,
		`{"metric":{"a":"`+long+`","b":"cart"},"value":[1,"1"]}`,
		`{"metric":{"a":"web","b":"nan"},"value":[1,"NaN"]}`,
		`{"metric":{"a":"web","b":"inf"},"value":[1,"+Inf"]}`,
		`{"metric":{"a":"web","b":"minus"},"value":[1,"-1"]}`,
		`{"metric":{"a":"web","b":"word"},"value":[1,"many"]}`,
		`{"metric":{"a":"web","b":"none"}}`,
		`{"metric":{"a":"web","b":"histogram"},"histogram":[1,{"count":"1"}]}`,
		`{"metric":null,"value":[1,"1"]}`,
		`{"metric":{"a":"web","b":"huge"},"value":[1,"1e308"]}`,
		`{"metric":{"a":"web","b":"huge"},"value":[1,"1.5e308"]}`,
	)), Config{})
	got, err := c.Edges(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range got {
		names = append(names, fmt.Sprintf("%s %s %s %g", e.From, e.FromNamespace, e.To, e.Rate))
	}
	if d := cmp.Diff([]string{"web sh op cart 5", "web  huge 1.7976931348623157e+308"}, names); d != "" {
		t.Errorf("Edges (-want +got):\n%s", d)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name      string
		handler   http.HandlerFunc
		status    int
		permanent bool
		says      string
	}{
		{"too many", rig.Status(429, `too many`), 429, false, "too many requests"},
		{"unavailable", rig.Status(503, `{"status":"error","errorType":"timeout","error":"query\ntimed out"}`), 503, false, "query timed out (status 503, timeout)"},
		{"request time-out", rig.Status(408, ``), 408, false, "request timeout"},
		{"redirect", rig.Status(302, ``), 302, true, "redirects are not followed"},
		{"teapot", rig.Status(418, `[]`), 418, true, "teapot"},
		{"no tenant", rig.Status(401, `no org id`), 401, true, "tenant"},
		{"a page", rig.Text("<html>"), 200, false, "is this the address of a Prometheus?"},
		{"no answer", rig.Text("{}"), 200, false, "is this the address of a Prometheus?"},
		{"error in 200", rig.Text(`{"status":"error","errorType":"internal","error":"x"}`), 200, false, "x (internal)"},
		{"other types", rig.Text(`{"status":"success","data":{"resultType":"vector","result":{}}}`), 200, false, "not understood"},
		{"short value", rig.Text(vector(`{"metric":[]}`)), 200, false, "not understood"},
		{"dropped", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, false, "did not answer"},
	} {
		c := serve(t, tt.handler, Config{Token: "secret"})
		_, err := c.Edges(t.Context(), 0)
		e := wantError(t, tt.name, err, tt.status, tt.permanent, tt.says)
		if wait := e.RetryAfter(); (wait == 9*time.Second) != (tt.status == 429 || tt.status == 503) {
			t.Errorf("%s: RetryAfter = %v", tt.name, wait)
		}
		if _, err := c.Check(t.Context()); err == nil {
			t.Errorf("%s: Check succeeded", tt.name)
		}
	}
}

func TestBounds(t *testing.T) {
	flood := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			out := bufio.NewWriter(w)
			defer out.Flush()
			fmt.Fprint(out, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"0"]}`)
			for i := range n {
				if _, err := fmt.Fprintf(out, `,{"metric":{"a":"a%d","b":"b"},"value":[1772366400,"1"]}`, i); err != nil {
					return
				}
			}
			fmt.Fprint(out, "]}}")
		}
	}
	_, err := serve(t, flood(1_000_000), Config{}).Edges(t.Context(), 0)
	wantError(t, "a million", err, 200, true, "longer than 32 MB")
	_, err = serve(t, flood(1001), Config{MaxEdges: 1000}).Edges(t.Context(), 0)
	wantError(t, "too many", err, 200, true, "more than 1000 edges")
	if got, err := serve(t, flood(1000), Config{MaxEdges: 1000}).Edges(t.Context(), 0); len(got) != 1000 || err != nil {
		t.Errorf("%d edges, %v", len(got), err)
	}
}

// What hangs ends by the caller's time, and by the client's own.
func TestSlow(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the caller has gone
		<-r.Context().Done()
	}
	_, err := serve(t, hang, Config{Timeout: 20 * time.Millisecond}).Edges(t.Context(), 0)
	wantError(t, "slow", err, 0, false, "did not answer")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a time-out", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{}, 1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		hang(w, r)
	}, Config{Graphs: []Graph{one, one, one}})
	go func() {
		<-began
		cancel()
	}()
	if _, err := c.Edges(ctx, 0); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want canceled, once", err)
	}
}

func TestSeveralGraphs(t *testing.T) {
	two, bad := one, one
	two.Name, two.Calls, two.Failures = "two", "two[$window]", "fail[$window]"
	bad.Name, bad.Calls = "bad", "bad[$window]"
	var warned []string
	answers := map[string]string{
		"calls[300s]": vector(`{"metric":{"a":"web","b":"cart"},"value":[1,"1"]}`, `{"metric":{"a":"web","b":"mail"},"value":[1,"5"]}`),
		"two[300s]":   vector(`{"metric":{"a":"web","b":"cart"},"value":[1,"2"]}`, `{"metric":{"a":"web","b":"mail"},"value":[1,"4"]}`),
		"fail[300s]":  vector(`{"metric":{"a":"web","b":"cart"},"value":[1,"9"]}`, `{"metric":{"a":"web","b":"new"},"value":[1,"4"]}`),
	}
	answers["calls[300s]"] = strings.Replace(answers["calls[300s]"], "{", `{"warnings":["partial\nresult"],`, 1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.PostFormValue("query")]
		if !ok {
			w.WriteHeader(422)
		}
		_, _ = io.WriteString(w, answer)
	}, Config{
		Graphs: []Graph{one, bad, two}, Warn: func(g, w string) { warned = append(warned, g+": "+w) },
		Now: func() time.Time { return recorded },
	})
	got, err := c.Edges(t.Context(), 0)
	wantError(t, "one of three", err, 422, true, "read the graph bad")
	want := []Edge{
		{From: "web", To: "cart", Kind: KindHTTP, Rate: 2, ErrorRate: 1, At: recorded},
		{From: "web", To: "mail", Kind: KindHTTP, Rate: 5, At: recorded},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Edges (-want +got):\n%s", d)
	}
	delete(answers, "fail[300s]") // then the rates are still worth something
	if got, _ := c.Edges(t.Context(), 0); len(got) != 2 || got[0].Rate != 2 || got[0].ErrorRate != 0 {
		t.Errorf("Edges = %+v", got)
	}
	wantWarned := []string{"one: partial result", "one: partial result", "two: the failures are unknown: prometheus: read the graph two: Prometheus answered unprocessable entity (status 422)"}
	if d := cmp.Diff(wantWarned, warned); d != "" {
		t.Errorf("warned (-want +got):\n%s", d)
	}
}

// With the wrong password there is no use in asking again.
func TestSeveralGraphsRefused(t *testing.T) {
	asked := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(403)
	}, Config{Graphs: DefaultGraphs()})
	_, err := c.Edges(t.Context(), 0)
	if wantError(t, "forbidden", err, 403, true, "check token"); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestNew(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Config
		says string // of the error; empty: none
		url  string
	}{
		{"plain", Config{URL: "https://p.example.com/"}, "", "https://p.example.com/api/v1/query"},
		{"mimir", Config{URL: "https://p.example.com/prometheus"}, "", "https://p.example.com/prometheus/api/v1/query"},
		{"whole", Config{URL: "https://p.example.com/api/v1/"}, "", "https://p.example.com/api/v1/query"},
		{"loopback", Config{URL: "http://127.0.0.1:9090"}, "", "http://127.0.0.1:9090/api/v1/query"},
		{"none", Config{}, "must look like", ""},
		{"http", Config{URL: "http://p.example.com"}, "must be https", ""},
		{"password in it", Config{URL: "https://u:secret@p.example.com"}, "must look like", ""},
		{"query in it", Config{URL: "https://p.example.com?x"}, "must look like", ""},
		{"both", Config{URL: "https://p.example.com", Token: "secret", Username: "u"}, "keep one", ""},
		{"bad token", Config{URL: "https://p.example.com", Token: "a\nb"}, "copy it again", ""},
		{"bad tenant", Config{URL: "https://p.example.com", OrgID: "a\r"}, "copy it again", ""},
		{"graph without window", Config{URL: "https://p.example.com", Graphs: []Graph{{Name: "g", Calls: "x[5m]", From: "a", To: "b"}}}, "$window", ""},
		{"graph without end", Config{URL: "https://p.example.com", Graphs: []Graph{{Name: "g", Calls: "x[$window]", From: "a"}}}, "both ends", ""},
	} {
		c, err := New(tt.c)
		if (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: New = %v, want %q", tt.name, err, tt.says)
		}
		if err == nil && c.url != tt.url {
			t.Errorf("%s: URL %s, want %s", tt.name, c.url, tt.url)
		}
	}
}

// Whatever Prometheus answers, there is an error, or samples whose edges can be
// used.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		vector(`{"metric":{"a":"web","b":"cart"},"value":[1,"2"]}`), vector(`{"metric":null,"value":null}`), vector(`{"value":[1,2]}`, `null`),
		`{"status":"success","warnings":["x\u0000"],"data":{"resultType":"matrix","result":[]}}`, `{"status":"error","error":"\n"}`, `[]`, `{`, `{"status":"success","data":{"resultType":"vector"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		samples, warnings, err := decode(body)
		if err != nil && (err.Message == "" || len(err.Message) > 600 || samples != nil) {
			t.Errorf("decode = %v, %+v", samples, err)
		}
		if len(warnings) > 5 {
			t.Errorf("%d warnings", len(warnings))
		}
		for _, s := range samples {
			k, ok := one.key(s)
			if ok && (k.from == "" || k.to == "" || k.from == k.to && k.fromNamespace == k.toNamespace || len(k.from)+len(k.to) > 2*maxName ||
				strings.ContainsAny(k.from+k.to+k.fromNamespace, "\r\n\x00\u202e") || !(s.value > 0)) {
				t.Errorf("edge %+v, value %v", k, s.value)
			}
		}
	})
}
