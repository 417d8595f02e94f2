package fault_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/integrations/internal/fault"
	"imbot/integrations/internal/loopback"
)

// sim is a simulator that can do nothing but count.
type sim struct {
	*loopback.Server
	fault.Injector
	fault.Log
	done atomic.Int32
}

func start(t *testing.T, form fault.Form) *sim {
	t.Helper()
	s := &sim{}
	form.Refuse = func(w http.ResponseWriter, f *fault.Fault) { http.Error(w, f.Code+"/"+f.Message, f.Status) }
	now := func() time.Time { return time.Unix(7, 0) }
	s.Server = loopback.Start(fault.Logged(&s.Log, now, 4, fault.Handler(&s.Injector, form, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.done.Add(1) }))))
	t.Cleanup(s.Close)
	return s
}

// ask returns the answer as "status body", or "none".
func (s *sim) ask(t *testing.T, ctx context.Context, method, path string) (string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.URL()+path, strings.NewReader("secret"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return "none", nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "none", nil
	}
	return strings.TrimSpace(resp.Status[:3] + " " + string(body)), resp.Header
}

func TestWhatGoesWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		f    fault.Fault
		says string
		done int32
	}{
		"refusal":        {fault.Fault{Status: 503, Code: "busy", Message: "later"}, "503 busy/later", 0},
		"other body":     {fault.Fault{Status: 502, Body: "<html>"}, "502 <html>", 0},
		"body alone":     {fault.Fault{Body: "{"}, "200 {", 0},
		"redirect":       {fault.Fault{Status: 302, Location: "/x"}, "302 /", 0},
		"drop":           {fault.Fault{Drop: true}, "none", 0},
		"nothing":        {fault.Fault{}, "none", 0},
		"done, lost":     {fault.Fault{After: true, Drop: true}, "none", 1},
		"done, refused":  {fault.Fault{After: true, Status: 500}, "500 /", 1},
		"other call":     {fault.Fault{Path: "/y", Drop: true}, "200", 1},
		"other method":   {fault.Fault{Method: "PUT", Drop: true}, "200", 1},
		"not yet":        {fault.Fault{Skip: 1, Drop: true}, "200", 1},
		"this call":      {fault.Fault{Path: "/a", Method: "POST", Status: 418}, "418 /", 0},
		"meanwhile":      {fault.Fault{Meanwhile: func() {}}, "200", 1},
		"meanwhile lost": {fault.Fault{Meanwhile: func() {}, Drop: true}, "none", 0},
	} {
		s := start(t, fault.Form{})
		s.Inject(tt.f)
		if got, _ := s.ask(t, t.Context(), "POST", "/a/b"); got != tt.says || s.done.Load() != tt.done {
			t.Errorf("%s: answer %q, done %d; want %q, %d", name, got, s.done.Load(), tt.says, tt.done)
		}
	}
}

func TestHangEndsWithTheCaller(t *testing.T) {
	s := start(t, fault.Form{})
	s.Inject(fault.Fault{Hang: true})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("gave up"))
	defer cancel()
	if got, _ := s.ask(t, ctx, "GET", "/"); got != "none" || ctx.Err() == nil {
		t.Errorf("answer %q before the caller gave up", got)
	}
}

// The oldest that fits counts, as often as it says; what the log has is what
// came, whether it went well or not.
func TestOrderAndLog(t *testing.T) {
	s := start(t, fault.Form{Fits: strings.HasSuffix, Wait: func(h http.Header, d time.Duration) { h.Set("Reset", d.String()) }})
	s.Inject(fault.Fault{Path: "b", Skip: 1, Times: 2, Status: 501})
	s.Inject(fault.Fault{Status: 429, RetryAfter: time.Minute})
	var got []string
	for range 4 {
		says, h := s.ask(t, t.Context(), "POST", "/a/b?q")
		got = append(got, says+h.Get("Reset"))
	}
	s.ClearFaults()
	says, _ := s.ask(t, t.Context(), "POST", "/a/b")
	if want := "429 /1m0s,501 /,501 /,429 /1m0s,200"; strings.Join(append(got, says), ",") != want {
		t.Errorf("answers %v, %s; want %s", got, says, want)
	}
	all := s.Requests()
	if r := all[0]; len(all) != 5 || r.URL != "/a/b?q" || r.Path != "/a/b" || string(r.Body) != "secr" || r.Length != 6 || r.At.Unix() != 7 {
		t.Errorf("%d requests, the first %+v", len(all), all[0])
	}
	if dump := string(s.Dump()); strings.Count(dump, "POST /a/b?q\n") != 4 || !strings.Contains(dump, "User-Agent: Go") || !strings.Contains(dump, "\n\nsecr\n") {
		t.Errorf("dump %s", dump)
	}
}
