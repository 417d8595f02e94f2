package graph_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/integrations/graph"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

type call struct {
	do      func(ctx context.Context, id string) error
	changes bool
	wants   bool // its answer matters
}

// calls are those of generated code.
func calls(w *world) map[string]call {
	c := w.client
	return map[string]call{
		"create":  {func(ctx context.Context, _ string) error { _, err := c.CreateChat(ctx, w.newChat()); return err }, true, true},
		"read":    {func(ctx context.Context, id string) error { _, err := c.Chat(ctx, id); return err }, false, true},
		"members": {func(ctx context.Context, id string) error { _, err := c.Members(ctx, id); return err }, false, true},
		"rename":  {func(ctx context.Context, id string) error { return c.Rename(ctx, id, "other") }, true, false},
	}
}

// What can be tried again and what may be done, for every call. None is repeated
// by the client.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault     graphsim.Fault
		status    int
		permanent bool
		done      bool // may be, of a change
		after     time.Duration
	}{
		"401":         {graphsim.Fault{Status: 401}, 401, false, false, 0},
		"403":         {graphsim.Fault{Status: 403, Message: "Missing role permissions on the request. API requires one of 'A.B'."}, 403, true, false, 0},
		"409":         {graphsim.Fault{Status: 409}, 409, false, false, 0},
		"412":         {graphsim.Fault{Status: 412}, 412, true, false, 0},
		"429":         {graphsim.Fault{Status: 429, RetryAfter: 17 * time.Second}, 429, false, false, 17 * time.Second},
		"429 no time": {graphsim.Fault{Status: 429}, 429, false, false, 0},
		"500":         {graphsim.Fault{Status: 500}, 500, false, true, 0},
		"502 done":    {graphsim.Fault{Status: 502, After: true, Body: "<html>", Type: "text/html"}, 502, false, true, 0},
		"503":         {graphsim.Fault{Status: 503, RetryAfter: 9 * time.Second}, 503, false, true, 9 * time.Second},
		"504":         {graphsim.Fault{Status: 504}, 504, false, true, 0},
		"302":         {graphsim.Fault{Status: 302, Location: "http://127.0.0.1:1/"}, 302, true, false, 0},
		"lost":        {graphsim.Fault{After: true, Drop: true}, 0, false, true, 0},
		"dropped":     {graphsim.Fault{Drop: true}, 0, false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphsim.Options{}, graph.Config{})
			id := w.room(t)
			for what, c := range calls(w) {
				fault := tt.fault
				fault.Times = 1
				before := len(w.Requests())
				w.Inject(fault)
				e := wantError(t, what, c.do(t.Context(), id), tt.status, tt.permanent)
				if e.MayBeDone() != (tt.done && c.changes) || e.RetryAfter() != tt.after || e.Op == "" || strings.Contains(e.Error(), "127.0.0.1") {
					t.Errorf("%s: %v: may be done %v, retry after %s; want %v, %s", what, e, e.MayBeDone(), e.RetryAfter(), tt.done, tt.after)
				}
				if n := len(w.Requests()) - before; n != 1 {
					t.Errorf("%s: %d requests", what, n)
				}
				w.clock.Pass(time.Hour)
			}
		})
	}
}

func TestOddAnswers(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"login page": {Status: 200, Body: "<html>"},
		"cut":        {Status: 200, Body: `{"id":"19:`, Type: "application/json"},
		"empty":      {Status: 204},
		"a list":     {Status: 200, Body: `[1]`, Type: "application/json"},
		"types":      {Status: 200, Body: `{"id":1,"value":7,"createdDateTime":[]}`, Type: "application/json"},
		"no chat":    {Status: 200, Body: `{"id":"19:x@y/../z","value":"x"}`, Type: "application/json"},
		"elsewhere":  {Status: 200, Body: `{"value":[],"@odata.nextLink":"http://evil.example/v1.0/x"}`, Type: "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphsim.Options{}, graph.Config{})
			id := w.room(t)
			if name == "empty" {
				fault.Body, fault.Type = " ", "application/json"
			}
			for what, c := range calls(w) {
				fault := fault
				fault.Times = 1
				w.Inject(fault)
				err := c.do(t.Context(), id)
				w.ClearFaults()
				var e *graphrest.Error
				switch {
				case !c.wants && name != "login page":
					must(t, what, err)
				case !errors.As(err, &e) || e.MayBeDone() != c.changes || len(e.Error()) > 600 || strings.Contains(e.Error(), "evil"):
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// After a lost answer the chat is found again, and so there is one.
func TestLostChat(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graph.Config{})
	w.Inject(graphsim.Fault{Method: http.MethodPost, Path: "/chats", Times: 1, After: true, Drop: true})
	n := w.newChat()
	_, err := w.client.CreateChat(t.Context(), n)
	if e := wantError(t, "lost", err, 0, false); !e.MayBeDone() {
		t.Fatalf("%v", e)
	}
	found, ok, err := w.client.FindChat(t.Context(), w.budi.ID, n.Topic)
	if err != nil || !ok || len(w.Chats()) != 1 || found.ID != w.Chats()[0].ID {
		t.Errorf("FindChat = %+v, %v, %v", found, ok, err)
	}
	// Without the permission to look, nobody can tell.
	w.Revoke("Chat.ReadBasic.All")
	if _, _, err = w.client.FindChat(t.Context(), w.budi.ID, n.Topic); !errors.Is(err, graphrest.ErrForbidden) {
		t.Errorf("FindChat = %v", err)
	}
}

// Lost answers while people are added: repeating it brings everybody in, once.
func TestLostMembers(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graph.Config{})
	id := w.room(t)
	var more []graphrest.Member
	for range 5 {
		more = append(more, graphrest.Member{UserID: w.AddUser(graphsim.User{Name: "x"}).ID})
	}
	w.Inject(graphsim.Fault{Method: http.MethodPost, Path: "/members", Skip: 2, Times: 1, After: true, Drop: true})
	_, err := w.client.AddMembers(t.Context(), id, more)
	wantError(t, "lost", err, 0, false)
	left, err := w.client.AddMembers(t.Context(), id, more)
	if c, _ := w.Chat(id); err != nil || len(left) != 0 || len(c.Members) != 8 {
		t.Errorf("AddMembers = %v, %v; members %+v", left, err, c.Members)
	}
	if n := count(w, "POST", "/members"); n != 5 {
		t.Errorf("%d people were added one by one, want 5", n)
	}
	// Where members can't be read, those who are there are a conflict each.
	w.Inject(graphsim.Fault{Method: http.MethodGet, Path: "/members", Times: 1, Status: 403})
	if left, err = w.client.AddMembers(t.Context(), id, more); err != nil || len(left) != 0 {
		t.Errorf("AddMembers = %v, %v", left, err)
	}
}

func TestHang(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graph.Config{Timeout: 2 * time.Second}) // enough to ask on any machine
	w.Inject(graphsim.Fault{Hang: true})
	for what, c := range calls(w) {
		err := c.do(t.Context(), "19:0@thread.v2")
		if e := wantError(t, what, err, 0, false); !errors.Is(err, context.DeadlineExceeded) || e.MayBeDone() != c.changes {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Bodies are sent whole, not in chunks and not compressed, and not again after a
// 429, which the library's defaults get wrong.
func TestBodies(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graph.Config{})
	w.room(t)
	for _, r := range w.Requests() {
		if r.Length != int64(len(r.Body)) || r.Header.Get("Content-Encoding") != "" || len(r.Body) == 0 {
			t.Errorf("%s %s: length %d of %d, headers %v", r.Method, r.URL, r.Length, len(r.Body), r.Header)
		}
	}
}

// canned answers everything with one body.
type canned string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(c))),
	}, nil
}

// Whatever Graph answers, nothing breaks, and what comes out is fit for the next
// request. This is no fuzz target, because for one the whole SDK is compiled
// once more.
func TestMutatedAnswers(t *testing.T) {
	seeds := []string{
		`{"id":"19:a@thread.v2","topic":null,"chatType":"group","createdDateTime":"2026-03-01T08:00:00Z","webUrl":"javascript:x"}`,
		`{"id":"19:a@thread.v2","webUrl":"https://x.example/","members":[{"@odata.type":"#microsoft.graph.aadUserConversationMember"}],"viewpoint":{}}`,
		`{"value":[{"@odata.type":"#microsoft.graph.aadUserConversationMember","userId":"x","roles":["owner",7,null],"tenantId":{}}]}`,
		`{"value":[{"@odata.type":"#microsoft.graph.chat"},null,[],7],"@odata.count":"x"}`, `{"value":{},"@odata.nextLink":7}`, `[[[]]]`, `{"@odata.type":7}`, `null`,
	}
	const alphabet = `{}[]",:0-9.eE+ntf @#/\` + "\x00\xff"
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		body := []byte(seeds[rnd.IntN(len(seeds))])
		for range rnd.IntN(6) {
			at := rnd.IntN(len(body))
			switch rnd.IntN(3) {
			case 0:
				body[at] = alphabet[rnd.IntN(len(alphabet))]
			case 1:
				body = slices.Insert(body, at, alphabet[rnd.IntN(len(alphabet))])
			case 2:
				body = slices.Delete(body, at, min(at+1+rnd.IntN(8), len(body)))
				body = append(body, ' ')
			}
		}
		checkAnswer(t, string(body))
	}
}

func checkAnswer(t *testing.T, body string) {
	t.Helper()
	c, err := graph.New(graph.Config{
		TenantID: "33333333-dddd-4eee-8fff-444444444444", Credential: credential{}, BaseURL: "http://127.0.0.1:1/v1.0", HTTP: &http.Client{Transport: canned(body)},
	})
	must(t, "new", err)
	chat, err := c.Chat(t.Context(), "19:0@thread.v2")
	if err == nil && (!strings.HasPrefix(chat.ID, "19:") || strings.ContainsAny(chat.ID, "/?# ") || (chat.WebURL != "" && !strings.HasPrefix(chat.WebURL, "https:"))) {
		t.Errorf("%+v of %s", chat, body)
	}
	var e *graphrest.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("%v of %s", err, body)
	}
	members, err := c.Members(t.Context(), "19:0@thread.v2")
	if err != nil && !errors.As(err, &e) {
		t.Errorf("%v of %s", err, body)
	}
	for _, m := range members {
		if m.UserID == "" {
			t.Errorf("%+v of %s", m, body)
		}
	}
}
