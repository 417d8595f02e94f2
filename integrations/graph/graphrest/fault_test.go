package graphrest_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

const html = "<html><head><title>Sign in</title></head><body>hunter2</body></html>"

// calls are all methods, each with whether it changes something and whether its
// answer matters.
func calls(w *world, chat string) map[string]struct {
	do             func(ctx context.Context) error
	changes, wants bool
} {
	type call = struct {
		do             func(ctx context.Context) error
		changes, wants bool
	}
	c := w.client
	return map[string]call{
		"user":             {func(ctx context.Context) error { _, err := c.User(ctx, w.ani.ID); return err }, false, true},
		"missing":          {func(ctx context.Context) error { _, err := c.Missing(ctx, []string{w.ani.ID}); return err }, false, true},
		"find chat":        {func(ctx context.Context) error { _, _, err := c.FindChat(ctx, w.ani.ID, "x"); return err }, false, true},
		"catalog":          {func(ctx context.Context) error { _, err := c.CatalogApp(ctx, manifestID); return err }, false, true},
		"installed":        {func(ctx context.Context) error { _, err := c.InstalledApps(ctx, chat); return err }, false, true},
		"install":          {func(ctx context.Context) error { return c.InstallApp(ctx, chat, w.app.ID, consent) }, true, false},
		"install for user": {func(ctx context.Context) error { return c.InstallForUser(ctx, w.ani.ID, w.app.ID, nil) }, true, false},
		"personal chat":    {func(ctx context.Context) error { _, err := c.PersonalChat(ctx, w.ani.ID, w.app.ID); return err }, false, true},
		"meeting": {func(ctx context.Context) error {
			_, err := c.CreateMeeting(ctx, w.ani.ID, graphrest.NewMeeting{Key: "k"})
			return err
		}, true, true},
		"mail": {func(ctx context.Context) error {
			return c.SendMail(ctx, w.ani.ID, graphrest.Message{To: []string{"a@b.example"}})
		}, true, false},
	}
}

// What can be tried again, what may be done, and what Graph's words become, for
// every call.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault     graphsim.Fault
		status    int
		permanent bool
		done      bool // may be, of a change
		after     time.Duration
		want      string
	}{
		"400":             {graphsim.Fault{Status: 400, Message: "bad"}, 400, true, false, 0, "bad (status 400, BadRequest, request "},
		"401":             {graphsim.Fault{Status: 401, Code: "InvalidAuthenticationToken", Message: "expired"}, 401, false, false, 0, "expired"},
		"403":             {graphsim.Fault{Status: 403, Message: "no"}, 403, true, false, 0, "no"},
		"404":             {graphsim.Fault{Status: 404, Message: "gone away"}, 404, true, false, 0, "gone away"},
		"404 HTML":        {graphsim.Fault{Status: 404, Body: html}, 404, true, false, 0, "not found"},
		"408":             {graphsim.Fault{Status: 408}, 408, false, true, 0, ""},
		"412":             {graphsim.Fault{Status: 412, Message: "Requested API is not supported in application-only context"}, 412, true, false, 0, "application-only"},
		"413":             {graphsim.Fault{Status: 413}, 413, true, false, 0, ""},
		"423":             {graphsim.Fault{Status: 423}, 423, false, false, 0, ""},
		"429":             {graphsim.Fault{Status: 429, RetryAfter: 17 * time.Second}, 429, false, false, 17 * time.Second, "TooManyRequests"},
		"429 fraction":    {graphsim.Fault{Status: 429, RetryAfter: 1500 * time.Millisecond}, 429, false, false, 1500 * time.Millisecond, ""},
		"429 no time":     {graphsim.Fault{Status: 429}, 429, false, false, 0, ""},
		"429 for ever":    {graphsim.Fault{Status: 429, RetryAfter: 1e6 * time.Second}, 429, false, false, time.Hour, ""},
		"500":             {graphsim.Fault{Status: 500}, 500, false, true, 0, ""},
		"500 done":        {graphsim.Fault{Status: 500, After: true}, 500, false, true, 0, ""},
		"501":             {graphsim.Fault{Status: 501}, 501, true, true, 0, ""},
		"502 HTML":        {graphsim.Fault{Status: 502, Body: html}, 502, false, true, 0, "bad gateway"},
		"503 with a time": {graphsim.Fault{Status: 503, RetryAfter: 9 * time.Second}, 503, false, true, 9 * time.Second, ""},
		"504 done":        {graphsim.Fault{Status: 504, After: true}, 504, false, true, 0, ""},
		"302":             {graphsim.Fault{Status: 302, Body: html}, 302, true, false, 0, "redirects are not followed"},
		"no answer":       {graphsim.Fault{Drop: true}, 0, false, true, 0, "did not answer"},
		"lost answer":     {graphsim.Fault{After: true, Drop: true}, 0, false, true, 0, "did not answer"},
		"odd status":      {graphsim.Fault{Status: 499}, 499, true, false, 0, ""},
		"no error":        {graphsim.Fault{Status: 400, Body: `{"error":"x"}`, Type: "application/json"}, 400, true, false, 0, "bad request"},
		"hostile":         {graphsim.Fault{Status: 400, Body: `{"error":{"code":"x\ny","message":"a\nb\u202ec` + strings.Repeat("x", 5000) + `"}}`, Type: "application/json"}, 400, true, false, 0, "a bcx"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphsim.Options{}, graphrest.Config{})
			chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
			for call, c := range calls(w, chat) {
				fault := tt.fault
				fault.Times = 1
				before := len(w.Requests())
				w.Inject(fault)
				e := wantError(t, call, c.do(t.Context()), tt.status, tt.permanent)
				if e.MayBeDone() != (tt.done && c.changes) || e.RetryAfter() != tt.after || !strings.Contains(e.Error(), tt.want) || e.Op == "" {
					t.Errorf("%s: %.900v: may be done %v, retry after %s; want %v, %s, %q", call, e.Error(), e.MayBeDone(), e.RetryAfter(), tt.done, tt.after, tt.want)
				}
				if s := e.Error(); len(s) > 800 || strings.ContainsAny(s, "\n\u202e") || strings.Contains(s, "hunter2") || strings.Contains(s, "127.0.0.1") {
					t.Errorf("%s: the error is %d bytes: %.900q", call, len(s), s)
				}
				if n := len(w.Requests()) - before; n != 1 {
					t.Errorf("%s: %d requests", call, n)
				}
				w.ClearFaults()
				w.clock.Pass(2 * time.Hour)
			}
		})
	}
}

// An answer that can't be read is an error where it matters, and not where Graph
// said yes to a change; a page of something else is no yes.
func TestOddAnswers(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"login page": {Status: 200, Body: html},
		"cut":        {Status: 200, Body: `{"value":[{"id":`, Type: "application/json"},
		"a list":     {Status: 200, Body: `[1]`, Type: "application/json"},
		"types":      {Status: 200, Body: `{"id":1,"value":7}`, Type: "application/json"},
		"too long":   {Status: 200, Body: `{"value":"` + strings.Repeat(" ", 9<<20), Type: "application/json"},
		"endless":    {Status: 200, Body: `{"value":[],"@odata.nextLink":"https://evil.example/v1.0/users"}`, Type: "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphsim.Options{}, graphrest.Config{})
			chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
			for call, c := range calls(w, chat) {
				fault := fault
				fault.Times = 1
				w.Inject(fault)
				err := c.do(t.Context())
				if !c.wants && name != "login page" && name != "too long" {
					must(t, call, err)
					continue
				}
				var e *graphrest.Error
				if !errors.As(err, &e) || e.MayBeDone() != c.changes || len(e.Error()) > 500 || strings.Contains(e.Error(), "evil") {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

func TestTimeoutAndCancel(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{Timeout: 2 * time.Second}) // enough to ask on any machine
	chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
	w.Inject(graphsim.Fault{Hang: true})
	var all sync.WaitGroup
	for call, c := range calls(w, chat) {
		all.Go(func() {
			err := c.do(t.Context())
			var e *graphrest.Error
			if !errors.As(err, &e) || e.Status != 0 || e.Permanent() || !errors.Is(err, context.DeadlineExceeded) || e.MayBeDone() != c.changes {
				t.Errorf("%s: %v", call, err)
			}
		})
	}
	all.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.client.User(ctx, w.ani.ID)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// After a lost answer, doing it again gives one of each, but for mail, which
// keeps its Message-ID.
func TestLostAnswers(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
	for range 2 {
		w.Inject(graphsim.Fault{Times: 1, After: true, Drop: true})
		e := wantError(t, "install", w.client.InstallApp(t.Context(), chat, w.app.ID, consent), 0, false)
		if !e.MayBeDone() {
			t.Errorf("%v", e)
		}
	}
	must(t, "install", w.client.InstallApp(t.Context(), chat, w.app.ID, consent))
	if c, _ := w.Chat(chat); len(c.Apps) != 1 {
		t.Errorf("the chat has %+v", c.Apps)
	}
	m := graphrest.Message{To: []string{"a@b.example"}, ID: "<INC-1@imbot>"}
	w.Inject(graphsim.Fault{Times: 1, After: true, Status: 504})
	wantError(t, "mail", w.client.SendMail(t.Context(), w.ani.ID, m), 504, false)
	must(t, "mail", w.client.SendMail(t.Context(), w.ani.ID, m))
	if got := w.Mails(); len(got) != 2 || got[0].ID != got[1].ID {
		t.Errorf("mails %+v", got)
	}
}

// The token goes nowhere but to Graph, and errors hold neither it nor a secret.
func TestTokenStays(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	visits := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits++ }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 307, 308} {
		w.Inject(graphsim.Fault{Times: 1, Status: status, Location: elsewhere.URL})
		_, err := w.client.User(t.Context(), w.ani.ID)
		wantError(t, "redirect", err, status, true)
	}
	w.Inject(graphsim.Fault{Times: 1, Status: 200, Type: "application/json", Body: `{"value":[],"@odata.nextLink":"` + elsewhere.URL + `/v1.0/users"}`})
	if _, err := w.client.Missing(t.Context(), []string{w.ani.ID}); err == nil {
		t.Error("a list was followed elsewhere")
	}
	if visits != 0 {
		t.Errorf("%d visits elsewhere", visits)
	}
	dump := w.Dump()
	if n := bytes.Count(dump, []byte(graphsim.Token)); n != bytes.Count(dump, []byte("Authorization: Bearer "+graphsim.Token)) || n != len(w.Requests()) {
		t.Errorf("the token is %d times in %d requests", n, len(w.Requests()))
	}
	secret := errors.New("AADSTS7000215: Invalid client secret provided.\nPOST https://login.example/?client_secret=hunter2\nmore")
	c := w.connect(t, graphrest.Config{Credential: credential{err: secret}})
	before := len(w.Requests())
	_, err := c.User(t.Context(), w.ani.ID)
	e := wantError(t, "no token", err, 0, false)
	if e.Code != "AADSTS7000215" || strings.Contains(e.Error(), "hunter2") || strings.Contains(e.Error(), "\n") || !errors.Is(err, secret) || len(w.Requests()) != before {
		t.Errorf("%v", e)
	}
	c = w.connect(t, graphrest.Config{Credential: credential{token: "old"}})
	_, err = c.User(t.Context(), w.ani.ID)
	wantError(t, "old token", err, 401, false)
}
