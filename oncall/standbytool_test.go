package oncall_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/oncall"
)

// tool is a company's own standby tool.
type tool struct {
	*httptest.Server
	calls atomic.Int32
	body  atomic.Value // string
	code  atomic.Int32
	auth  atomic.Value // string: of the last request
}

func newTool(t *testing.T) *tool {
	t.Helper()
	s := &tool{}
	s.body.Store("")
	s.code.Store(http.StatusOK)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		s.auth.Store(r.Header.Get("Authorization"))
		if code := int(s.code.Load()); code != http.StatusOK {
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(code)
			return
		}
		fmt.Fprint(w, s.body.Load())
	}))
	t.Cleanup(s.Close)
	return s
}

const threePeople = `{"on_call":[
	{"mail":"Ani@example.com","name":"Ani\nWijaya","from":"2026-01-05T16:00:00+07:00","until":"2026-01-05T20:00:00Z"},
	{"mail":"budi@example.com","name":"Budi","level":2,"phone":"+62"},
	{"mail":"citra@example.com","from":"2026-01-05T20:00:00Z","until":"2026-01-06T09:00:00Z"}],"team":"network"}`

func TestStandbyTool(t *testing.T) {
	s := newTool(t)
	s.body.Store(threePeople)
	r := newRig(t, func(c *oncall.Config) { c.Token = func() (string, []string) { return "s3cret", nil } })
	r.plan(map[string]oncall.Plan{"network": {URL: s.URL + "/network?key=hidden"}})
	shifts, gaps := r.keeper.On(t.Context(), []string{"network"})
	want := []oncall.Shift{{
		Role: "network", Person: oncall.Person{Mail: "ani@example.com", Name: "Ani Wijaya"}, From: monday, Until: monday.Add(11 * time.Hour), Level: 1, Source: s.URL,
	}}
	if diff := cmp.Diff(want, shifts); diff != "" || len(gaps) > 0 {
		t.Errorf("On (-want +got):\n%s%v", diff, gaps)
	}
	if s.auth.Load() != "Bearer s3cret" {
		t.Errorf("Authorization %q", s.auth.Load())
	}
	for _, tt := range []struct{ after, want string }{
		{"ani", "network=2budi"}, {"budi", "network=1citra"}, {"citra", ""}, {"eko", "network=1ani"},
	} {
		next, ok := r.keeper.Next(t.Context(), "network", oncall.Person{Mail: tt.after + "@example.com"})
		if got := one(next); got != tt.want || ok != (tt.want != "") {
			t.Errorf("Next(%s) = %s, %v, want %s", tt.after, got, ok, tt.want)
		}
	}
	if n := s.calls.Load(); n != 1 {
		t.Errorf("%d asks, want one", n)
	}
	// It dies; the turns go on by what it said.
	s.code.Store(http.StatusBadGateway)
	r.pass(12 * time.Hour)
	if got := r.on(t.Context(), "network"); got != "network=1citra?" {
		t.Errorf("when it is dead: %s", got)
	}
	// Beyond the turns that it knew there is level 2, who has no end.
	r.pass(11 * time.Hour)
	if got := r.on(t.Context(), "network"); got != "network=2budi?" {
		t.Errorf("after the last turn: %s", got)
	}
}

// Of a dead tool the last who was on duty is better than nobody.
func TestStandbyToolLastTurn(t *testing.T) {
	s := newTool(t)
	s.body.Store(`{"on_call":[{"mail":"ani@example.com","until":"2026-01-05T11:00:00Z"}]}`)
	r := newRig(t, nil)
	r.plan(map[string]oncall.Plan{"network": {URL: s.URL}})
	if got := r.on(t.Context(), "network"); got != "network=1ani" {
		t.Fatal(got)
	}
	s.code.Store(http.StatusServiceUnavailable)
	r.pass(3 * time.Hour)
	if got := r.on(t.Context(), "network"); got != "network=1ani?" {
		t.Errorf("dead: %s", got)
	}
	s.code.Store(http.StatusOK)
	r.pass(2 * time.Minute)
	if got := r.on(t.Context(), "network"); got != "network!nobody" {
		t.Errorf("alive, with nobody on duty: %s", got)
	}
}

func TestStandbyToolRefusals(t *testing.T) {
	s := newTool(t)
	for _, tt := range []struct {
		name, body  string
		code        int
		reason, say string
	}{
		{"no JSON", "<html>", 200, oncall.ReasonRefused, "not JSON"},
		{"more after it", `{"on_call":[]} {}`, 200, oncall.ReasonRefused, "not JSON"},
		{"another shape", `{"on_call":{}}`, 200, oncall.ReasonRefused, "on_call: unexpected object"},
		{"no list", `{"oncall":[]}`, 200, oncall.ReasonRefused, "no list on_call"},
		{"null", `{"on_call":null}`, 200, oncall.ReasonRefused, "no list on_call"},
		{"nobody", `{"on_call":[]}`, 200, oncall.ReasonNobody, s.URL},
		{"no mail", `{"on_call":[{"mail":"a@b"},{"name":"x"}]}`, 200, oncall.ReasonRefused, "on_call[1]: mail"},
		{"a header in a mail", `{"on_call":[{"mail":"a@b\r\nBcc: c@d"}]}`, 200, oncall.ReasonRefused, "on_call[0]: mail"},
		{"a time", `{"on_call":[{"mail":"a@b","from":"monday"}]}`, 200, oncall.ReasonRefused, "on_call[0]: from"},
		{"another time", `{"on_call":[{"mail":"a@b","until":"2026-01-05"}]}`, 200, oncall.ReasonRefused, "on_call[0]: until"},
		{"backward", `{"on_call":[{"mail":"a@b","from":"2026-01-05T10:00:00Z","until":"2026-01-05T10:00:00Z"}]}`, 200, oncall.ReasonRefused, "not after from"},
		{"level 0", `{"on_call":[{"mail":"a@b","level":0}]}`, 200, oncall.ReasonRefused, "level is not 1 to 20"},
		{"a long list", `{"on_call":[` + strings.Repeat(`{"mail":"a@b"},`, 200) + `{"mail":"a@b"}]}`, 200, oncall.ReasonRefused, "201 entries"},
		{"a long answer", `{"on_call":[]}` + strings.Repeat(" ", 64<<10), 200, oncall.ReasonRefused, "64 KB"},
		{"unauthorised", "", 401, oncall.ReasonRefused, "check the standby token"},
		{"not found", "", 404, oncall.ReasonRefused, "it answered 404"},
		{"a redirect", "", 302, oncall.ReasonRefused, "redirects are not followed"},
		{"overloaded", "", 429, oncall.ReasonUnreachable, "it answered 429"},
		{"broken", "", 500, oncall.ReasonUnreachable, "it answered 500"},
	} {
		s.body.Store(tt.body)
		s.code.Store(int32(tt.code))
		r := newRig(t, nil)
		r.plan(map[string]oncall.Plan{"x": {URL: s.URL + "/secret-path?key=hidden"}})
		_, gaps := r.keeper.On(t.Context(), []string{"x"})
		if len(gaps) != 1 || gaps[0].Reason != tt.reason || !strings.Contains(gaps[0].Detail, tt.say) {
			t.Errorf("%s: %+v, want %s, %q", tt.name, gaps, tt.reason, tt.say)
		} else if strings.Contains(gaps[0].Detail, "hidden") || strings.Contains(gaps[0].Detail, "secret-path") {
			t.Errorf("%s: %q shows the address", tt.name, gaps[0].Detail)
		}
		if s.auth.Load() != "" {
			t.Errorf("%s: Authorization %q without a token", tt.name, s.auth.Load())
		}
	}
}

func TestStandbyToolAddresses(t *testing.T) {
	s := newTool(t)
	s.body.Store(`{"on_call":[{"mail":"ani@example.com"}]}`)
	for url, want := range map[string]string{
		s.URL: "x=1ani", strings.Replace(s.URL, "127.0.0.1", "localhost", 1): "x=1ani",
		"http://standby.example.com/x":       "x!refused",
		"https://u:p@standby.example.com/":   "x!refused",
		"ftp://127.0.0.1/":                   "x!refused",
		"http://127.0.0.1.evil.example/":     "x!refused",
		"standby.example.com":                "x!refused",
		"https://standby.example.com/%zz":    "x!refused",
		"https://unreachable.example.com/?k": "x!unreachable",
	} {
		r := newRig(t, func(c *oncall.Config) {
			if strings.Contains(url, "unreachable") {
				c.HTTP = &http.Client{Transport: broken{}}
			}
		})
		r.plan(map[string]oncall.Plan{"x": {URL: url}})
		if got := r.on(t.Context(), "x"); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	// The token goes to the hosts that it is for.
	for host, want := range map[string]string{"127.0.0.1": "Bearer t", "standby.example.com": ""} {
		r := newRig(t, func(c *oncall.Config) { c.Token = func() (string, []string) { return "t", []string{host} } })
		r.plan(map[string]oncall.Plan{"x": {URL: s.URL}})
		if got := r.on(t.Context(), "x"); got != "x=1ani" || s.auth.Load() != want {
			t.Errorf("TokenHosts %s: %s with %q, want %q", host, got, s.auth.Load(), want)
		}
	}
}
