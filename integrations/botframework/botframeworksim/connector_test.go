package botframeworksim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
)

// raw calls the connector without the client.
func (b *bot) raw(t *testing.T, method, path, token, body string, change func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.sim.Host()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func TestConnectorIsStrict(t *testing.T) {
	b := newBot(t)
	alice := b.sim.AddUser(botframeworksim.User{Name: "Alice"})
	chat := b.sim.AddGroupChat("19:x@thread.v2", "", alice.ID)
	if err := b.sim.SetInstalled(chat, true); err != nil {
		t.Fatal(err)
	}
	if err := b.client.Ping(t.Context(), b.sim.Reference(chat)); err != nil {
		t.Fatal(err)
	}
	bearer := b.bearer(t)
	own, err := b.sim.Token()
	if err != nil {
		t.Fatal(err)
	}
	const send = "/amer/v3/conversations/19:x@thread.v2/activities"
	msg := `{"type":"message","text":"x"}`
	for _, tt := range []struct {
		name, method, path, token, body string
		change                          func(*http.Request)
		want                            int
	}{
		{"good", "POST", send, bearer, msg, nil, 201},
		{"no token", "POST", send, "", msg, nil, 401},
		{"the channel's token", "POST", send, "Bearer " + own, msg, nil, 401},
		{"garbage", "POST", send, "Bearer a.b.c", msg, nil, 401},
		{"other host", "POST", send, bearer, msg, func(r *http.Request) { r.Host = "evil.example" }, 421},
		{"other type", "POST", send, bearer, msg, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		{"dot segments", "POST", "/amer/v3/conversations/../activities", bearer, msg, nil, 400},
		{"double slash", "POST", "/amer/v3/conversations//activities", bearer, msg, nil, 400},
		{"escaped slash", "POST", "/amer/v3/conversations/a%2Fb/activities", bearer, msg, nil, 400},
		{"other path", "POST", "/emea/v3/conversations/x/activities", bearer, msg, nil, 404},
		{"other operation", "PATCH", send, bearer, msg, nil, 404},
		{"no JSON", "POST", send, bearer, "x", nil, 400},
		{"empty message", "POST", send, bearer, `{"type":"message"}`, nil, 400},
		{"other kind", "POST", send, bearer, `{"type":"invoke","text":"x"}`, nil, 400},
		{"typing", "POST", send, bearer, `{"type":"typing"}`, nil, 202},
		{"mention not in text", "POST", send, bearer, `{"type":"message","text":"x","entities":[{"type":"mention","text":"<at>A</at>","mentioned":{"id":"29:1"}}]}`, nil, 400},
		{"no card", "POST", send, bearer, `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{}}]}`, nil, 400},
		{"large", "POST", send, bearer, `{"type":"message","text":"` + strings.Repeat("x", 52<<10) + `"}`, nil, 413},
		{"large in UTF-8 only", "POST", send, bearer, `{"type":"message","text":"` + strings.Repeat("€", 45<<10) + `"}`, nil, 201},
		{"group chat", "POST", "/amer/v3/conversations", bearer, `{"isGroup":true,"members":[{"id":"x"}]}`, nil, 400},
		{"not a channel", "POST", "/amer/v3/conversations", bearer, `{"isGroup":true,"channelData":{"channel":{"id":"19:x@thread.v2"}},"activity":` + msg + `}`, nil, 400},
		{"team", "GET", "/amer/v3/teams/19:t", bearer, "", nil, 404},
		{"plain roster", "GET", "/amer/v3/conversations/19:x@thread.v2/members", bearer, "", nil, 200},
	} {
		b.mu.Lock()
		b.now = b.now.Add(time.Minute)
		b.mu.Unlock()
		if got, body := b.raw(t, tt.method, tt.path, tt.token, tt.body, tt.change); got != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, got, body, tt.want)
		}
	}
	if got := b.sim.PostCount(chat); got != 2 {
		t.Errorf("%d posts, want 2", got)
	}
}

// bearer gets a token as the bot does, by its credential.
func (b *bot) bearer(t *testing.T) string {
	t.Helper()
	form := strings.NewReader("grant_type=client_credentials&client_id=" + appID + "&client_secret=" + b.sim.ClientSecret() +
		"&scope=https%3A%2F%2Fapi.botframework.com%2F.default")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.sim.Authority()+"/"+tenantID+"/oauth2/v2.0/token", form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := trust(t, b.sim.CAFile()).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.AccessToken == "" {
		t.Fatalf("no token: %d, %v", resp.StatusCode, err)
	}
	return "Bearer " + out.AccessToken
}

func TestRateLimits(t *testing.T) {
	b := newBot(t)
	chat := b.sim.AddGroupChat("19:x@thread.v2", "", b.sim.AddUser(botframeworksim.User{Name: "A"}).ID)
	if err := b.sim.SetInstalled(chat, true); err != nil {
		t.Fatal(err)
	}
	bearer := b.bearer(t)
	const path = "/amer/v3/conversations/19:x@thread.v2/activities"
	send := func() int {
		status, _ := b.raw(t, "POST", path, bearer, `{"type":"message","text":"x"}`, nil)
		return status
	}
	var got []int
	for range 8 {
		got = append(got, send())
	}
	if want := append(slices.Repeat([]int{201}, 7), 429); !slices.Equal(got, want) {
		t.Errorf("eight calls at once: %v", got)
	}
	b.mu.Lock()
	b.now = b.now.Add(time.Second)
	b.mu.Unlock()
	if got := []int{send(), send()}; !slices.Equal(got, []int{201, 429}) {
		t.Errorf("a second later: %v", got)
	}
	// The whole app: 30 a second over many conversations.
	b.mu.Lock()
	b.now = b.now.Add(time.Hour)
	b.mu.Unlock()
	refused := 0
	for i := range 31 {
		id := b.sim.AddGroupChat(fmt.Sprintf("19:y%d@thread.v2", i), "")
		if err := b.sim.SetInstalled(id, true); err != nil {
			t.Fatal(err)
		}
		if s, _ := b.raw(t, "POST", "/amer/v3/conversations/"+id+"/activities", bearer, `{"type":"message","text":"x"}`, nil); s == 429 {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d of 31 refused, want 1", refused)
	}
}

func TestFaultsAndAwait(t *testing.T) {
	b := newBot(t)
	chat := b.sim.AddGroupChat("", "", b.sim.AddUser(botframeworksim.User{Name: "A"}).ID)
	if err := b.sim.SetInstalled(chat, true); err != nil {
		t.Fatal(err)
	}
	b.sim.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
		switch c.N {
		case 1:
			return botframeworksim.Drop()
		case 2:
			return botframeworksim.LoseAnswer()
		case 3:
			return botframeworksim.AnswerAfter(503, 1500*time.Millisecond)
		}
		return botframeworksim.Pass()
	})
	ref := b.sim.Reference(chat)
	done := make(chan error, 1)
	go func() {
		done <- b.sim.Await(t.Context(), func() bool { return b.sim.PostCount(chat) == 2 })
	}()
	var statuses []int
	for i := range 4 {
		_, err := b.client.Send(t.Context(), ref, &botframework.Activity{Text: fmt.Sprint(i)})
		var e *botframework.Error
		if errors.As(err, &e) {
			statuses = append(statuses, e.Status)
			if e.Status == 503 && e.RetryAfter() != 2*time.Second {
				t.Errorf("Retry-After %s, want whole seconds", e.RetryAfter())
			}
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !slices.Equal(statuses, []int{0, 0, 503}) {
		t.Errorf("statuses %v", statuses)
	}
	var texts []string
	for _, p := range b.sim.Posts(chat) {
		texts = append(texts, p.Activity.Text)
	}
	if !slices.Equal(texts, []string{"1", "3"}) {
		t.Errorf("posts %v", texts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.sim.Await(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("Await of what never comes: %v", err)
	}
}

func TestSlowBot(t *testing.T) {
	sim, err := botframeworksim.New(botframeworksim.Options{AppID: appID, TenantID: tenantID, Dir: t.TempDir(), Patience: 150 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	alice := sim.AddUser(botframeworksim.User{Name: "A"})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices that the caller is gone
		<-r.Context().Done()
	}))
	defer srv.Close()
	sim.SetBotEndpoint(srv.URL)
	for _, name := range []string{"task/fetch", "composeExtension/query"} {
		r, err := sim.Invoke(t.Context(), alice.ID, sim.Personal(alice.ID), name, nil)
		if !errors.Is(err, botframeworksim.ErrTooSlow) || r.Delivered {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sim.Invoke(ctx, alice.ID, sim.Personal(alice.ID), "x", nil); err == nil || errors.Is(err, botframeworksim.ErrTooSlow) {
		t.Errorf("the caller gave up: %v", err)
	}
}
