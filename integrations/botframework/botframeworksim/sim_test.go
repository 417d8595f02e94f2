package botframeworksim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
)

const (
	appID    = "11111111-aaaa-4bbb-8ccc-222222222222"
	tenantID = "33333333-dddd-4eee-8fff-444444444444"
)

// bot is a real bot: it validates, remembers and answers what it is told to.
type bot struct {
	sim    *botframeworksim.Server
	client *botframework.Client
	now    time.Time

	mu     sync.Mutex
	heard  []*botframework.Activity
	status int
	answer string
}

func newBot(t *testing.T) *bot {
	t.Helper()
	b := &bot{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), status: 200}
	clock := func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }
	var err error
	b.sim, err = botframeworksim.New(botframeworksim.Options{AppID: appID, TenantID: tenantID, Dir: t.TempDir(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.sim.Close() })
	v, err := botframework.NewValidator(botframework.ValidatorConfig{
		AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: b.sim.OpenIDMetadataURL(), Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a, err := botframework.DecodeActivity(body)
		if err == nil {
			err = v.Validate(r.Context(), r.Header.Get("Authorization"), a)
		}
		var refused *botframework.AuthError
		switch {
		case errors.As(err, &refused):
			w.WriteHeader(refused.Status)
			return
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.heard = append(b.heard, a)
		w.WriteHeader(b.status)
		_, _ = io.WriteString(w, b.answer)
	}))
	t.Cleanup(srv.Close)
	b.sim.SetBotEndpoint(srv.URL)
	cred, err := botframework.NewCredential(botframework.CredentialConfig{
		TenantID: tenantID, AppID: appID, ClientSecret: b.sim.ClientSecret(), Authority: b.sim.Authority(), CAFile: b.sim.CAFile(),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.client, err = botframework.NewClient(botframework.ClientConfig{
		Credential: cred, AppID: appID, AllowHosts: []string{b.sim.Host()}, Now: clock, MaxWait: time.Hour,
		Sleep: func(_ context.Context, d time.Duration) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.now = b.now.Add(d)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bot) answers(status int, body string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status, b.answer = status, body
}

func (b *bot) last(t *testing.T) *botframework.Activity {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.heard) == 0 {
		t.Fatal("the bot heard nothing")
	}
	return b.heard[len(b.heard)-1]
}

func (b *bot) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.heard)
}

func TestOnlyMentionsAreHeard(t *testing.T) {
	b := newBot(t)
	ctx := t.Context()
	alice := b.sim.AddUser(botframeworksim.User{Name: "Alice"})
	dana := b.sim.AddUser(botframeworksim.User{Name: "Dana <DBA>"})
	team := b.sim.AddTeam("Payments", alice.ID, dana.ID)
	chat := b.sim.AddGroupChat("", "INC-1", alice.ID, dana.ID)
	personal := b.sim.Personal(alice.ID)
	mention := botframeworksim.SayOptions{Mention: true}

	d, err := b.sim.Say(ctx, alice.ID, team, "too early", mention)
	if err != nil || d.Delivered {
		t.Fatalf("a bot that is not installed heard something: %+v, %v", d, err)
	}
	for _, conv := range []string{team, chat, personal} {
		if err := b.sim.Install(ctx, alice.ID, conv); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.count(); got != 6 || b.last(t).Type != "conversationUpdate" {
		t.Errorf("%d events for three installations", got)
	}
	for _, conv := range []string{team, chat} {
		if d, err := b.sim.Say(ctx, alice.ID, conv, "ack", botframeworksim.SayOptions{}); err != nil || d.Delivered || d.ActivityID == "" {
			t.Errorf("unmentioned message in %s: %+v, %v", conv, d, err)
		}
	}
	for _, conv := range []string{team, chat, personal} {
		o := botframeworksim.SayOptions{Mention: conv != personal, People: []string{dana.ID}}
		d, err := b.sim.Say(ctx, alice.ID, conv, "assign @Dana <DBA> a<b", o)
		if err != nil || !d.Delivered || d.Status != 200 {
			t.Fatalf("message in %s: %+v, %v", conv, d, err)
		}
		a := b.last(t)
		if got, want := botframework.StripMention(a), "assign Dana <DBA> a<b"; got != want || botframework.MentionsBot(a) != o.Mention {
			t.Errorf("in %s the bot reads %q, want %q", conv, got, want)
		}
		if a.From.AADObjectID != alice.AADObjectID || a.Tenant() != tenantID || a.Locale != "en-US" {
			t.Errorf("activity: %+v", a)
		}
		again, err := b.sim.Redeliver(ctx, d)
		if err != nil || again.ActivityID != a.ID || b.last(t).ID != a.ID {
			t.Errorf("redelivery: %+v, %v", again, err)
		}
	}
	stranger := b.sim.AddUser(botframeworksim.User{Name: "Eve"})
	if _, err := b.sim.Say(ctx, stranger.ID, team, "x", mention); !errors.Is(err, botframeworksim.ErrNoSuch) {
		t.Errorf("somebody outside the team speaks in it: %v", err)
	}
	foreign := b.sim.AddUser(botframeworksim.User{Name: "Mallory", TenantID: "other"})
	if err := b.sim.Install(ctx, foreign.ID, b.sim.Personal(foreign.ID)); err == nil {
		t.Error("the bot accepts a foreign tenant")
	}
}

func TestThreadsAndEvents(t *testing.T) {
	b := newBot(t)
	ctx := t.Context()
	alice := b.sim.AddUser(botframeworksim.User{Name: "Alice"})
	carol := b.sim.AddUser(botframeworksim.User{Name: "Carol"})
	team := b.sim.AddTeam("Payments", alice.ID)
	dev, err := b.sim.AddChannel(team, "dev")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.sim.Install(ctx, alice.ID, dev); err != nil {
		t.Fatal(err)
	}
	if got := b.last(t).Reference(); got.TeamAADGroupID != b.sim.TeamGroupID(team) || got.TeamsChannelID != dev {
		t.Errorf("reference of the installation: %+v", got)
	}
	d, err := b.sim.Say(ctx, alice.ID, dev, "status", botframeworksim.SayOptions{Mention: true})
	if err != nil {
		t.Fatal(err)
	}
	ref := b.last(t).Reference()
	if ref.Root() != d.ActivityID {
		t.Errorf("thread of a new post: %q", ref.ConversationID)
	}
	id, err := b.client.Send(ctx, ref, &botframework.Activity{Text: "fine"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.sim.Say(ctx, alice.ID, dev, "thanks", botframeworksim.SayOptions{Mention: true, ReplyTo: id}); err != nil {
		t.Fatal(err)
	}
	if got := b.last(t).Reference().Root(); got != d.ActivityID {
		t.Errorf("thread of an answer: %q, want %q", got, d.ActivityID)
	}
	if n := len(b.sim.Transcript(ref.ConversationID)); n != 3 {
		t.Errorf("%d posts in the thread, want 3", n)
	}
	for _, tt := range []struct {
		do   func() error
		want func(*botframework.Activity) bool
	}{
		{func() error { return b.sim.RenameChannel(ctx, alice.ID, dev, "dev2") }, func(a *botframework.Activity) bool {
			return a.ChannelData.EventType == "channelRenamed" && a.ChannelData.Channel.Name == "dev2"
		}},
		{func() error { return b.sim.AddMember(ctx, carol.ID, dev) }, func(a *botframework.Activity) bool {
			return len(a.MembersAdded) == 1 && a.MembersAdded[0].ID == carol.ID
		}},
		{func() error { return b.sim.RemoveMember(ctx, carol.ID, dev) }, func(a *botframework.Activity) bool {
			return len(a.MembersRemoved) == 1 && a.MembersRemoved[0].ID == carol.ID
		}},
		{func() error { _, err := b.sim.React(ctx, alice.ID, dev, id, "like"); return err }, func(a *botframework.Activity) bool {
			return a.Type == "messageReaction" && a.ReplyToID == id && a.ReactionsAdded[0].Type == "like"
		}},
		{func() error { return b.sim.DeleteChannel(ctx, alice.ID, dev) }, func(a *botframework.Activity) bool {
			return a.ChannelData.EventType == "channelDeleted"
		}},
		{func() error { return b.sim.Uninstall(ctx, alice.ID, team) }, func(a *botframework.Activity) bool {
			return len(a.MembersRemoved) == 1 && a.MembersRemoved[0].ID == b.sim.BotID()
		}},
	} {
		if err := tt.do(); err != nil {
			t.Fatal(err)
		}
		if a := b.last(t); !tt.want(a) {
			t.Errorf("the bot heard %+v", a)
		}
	}
	if _, err := b.client.Send(ctx, ref, &botframework.Activity{Text: "x"}); !botframework.ConversationGone(err) {
		t.Errorf("send to a deleted channel: %v", err)
	}
}

const incidentCard = `{"type":"AdaptiveCard","version":"1.5","body":[
{"type":"Input.Text","id":"note","isRequired":true,"errorMessage":"e"},
{"type":"Input.Toggle","id":"page","title":"t"},{"type":"Input.Text","id":"who","value":"me"},{"type":"Input.Date","id":"when"},
{"type":"ActionSet","actions":[{"type":"Action.Execute","title":"Ack","verb":"ack","id":"a","data":{"inc":42},
"fallback":{"type":"Action.Submit","title":"Ack","data":{}}},
{"type":"Action.Execute","title":"Refresh","verb":"refresh","data":{"inc":42},"associatedInputs":"none"}]}],
"actions":[{"type":"Action.Submit","title":"Form","data":{"msteams":{"type":"task/fetch"},"x":1}},
{"type":"Action.Submit","title":"Old","data":{"v":1}}]}`

func TestButtons(t *testing.T) {
	b := newBot(t)
	ctx := t.Context()
	alice := b.sim.AddUser(botframeworksim.User{Name: "Alice"})
	conv := b.sim.Personal(alice.ID)
	if err := b.sim.SetInstalled(conv, true); err != nil {
		t.Fatal(err)
	}
	withCard := &botframework.Activity{Attachments: []botframework.Attachment{botframework.AdaptiveCard([]byte(incidentCard))}}
	id, err := b.client.Send(ctx, b.sim.Reference(conv), withCard)
	if err != nil {
		t.Fatal(err)
	}
	ack := botframeworksim.Press{Verb: "ack", Inputs: map[string]any{"note": "on it"}}
	b.answers(200, `{"statusCode":200,"type":"application/vnd.microsoft.card.adaptive","value":{"type":"AdaptiveCard","version":"1.5"}}`)
	r, err := b.sim.Click(ctx, alice.ID, conv, id, ack)
	if err != nil || r.StatusCode != 200 || r.Card == nil {
		t.Fatalf("Click = %+v, %v", r, err)
	}
	a := b.last(t)
	want := `{"action":{"data":{"inc":42,"note":"on it","page":"false","who":"me"},"id":"a","title":"Ack","type":"Action.Execute","verb":"ack"},"trigger":"manual"}`
	if a.Name != "adaptiveCard/action" || a.ReplyToID != id || string(a.Value) != want {
		t.Errorf("invoke %s %s", a.Name, a.Value)
	}
	if _, err := b.sim.Click(ctx, alice.ID, conv, id, botframeworksim.Press{Title: "Refresh"}); err != nil {
		t.Error(err)
	}
	if want := `{"action":{"data":{"inc":42},"title":"Refresh","type":"Action.Execute","verb":"refresh"},"trigger":"manual"}`; string(b.last(t).Value) != want {
		t.Errorf("without inputs: %s", b.last(t).Value)
	}
	b.answers(200, ``)
	if _, err := b.sim.Submit(ctx, alice.ID, conv, id, botframeworksim.Press{Title: "Old", Inputs: ack.Inputs}); err != nil {
		t.Fatal(err)
	}
	if a := b.last(t); a.Type != "message" || a.Text != "" || string(a.Value) != `{"note":"on it","page":"false","v":1,"who":"me"}` {
		t.Errorf("submit: %+v", a)
	}
	for name, p := range map[string]botframeworksim.Press{
		"required input is empty": {Verb: "ack"},
		"input is not there":      {Verb: "refresh", Inputs: map[string]any{"note": "x"}},
		"no such button":          {Verb: "resolve"},
		"several buttons":         {},
		"version":                 {Verb: "ack", Version: 2},
	} {
		if _, err := b.sim.Click(ctx, alice.ID, conv, id, p); err == nil {
			t.Errorf("%s: it was sent", name)
		}
	}
	heard := b.count()
	if err := b.client.Update(ctx, b.sim.Reference(conv), id, &botframework.Activity{Text: "closed"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.sim.Click(ctx, alice.ID, conv, id, ack); !errors.Is(err, botframeworksim.ErrNoSuch) {
		t.Errorf("a button that is gone was pressed: %v", err)
	}
	b.answers(200, `{"statusCode":200,"type":"application/vnd.microsoft.activity.message","value":"too late"}`)
	ack.Version = 1
	if r, err := b.sim.Click(ctx, alice.ID, conv, id, ack); err != nil || r.Text != "too late" {
		t.Errorf("stale button: %+v, %v", r, err)
	}
	if got := b.count() - heard; got != 1 {
		t.Errorf("%d invokes, want 1", got)
	}
}

func TestAnswersAreChecked(t *testing.T) {
	b := newBot(t)
	ctx := t.Context()
	alice := b.sim.AddUser(botframeworksim.User{Name: "Alice"})
	conv := b.sim.Personal(alice.ID)
	if err := b.sim.SetInstalled(conv, true); err != nil {
		t.Fatal(err)
	}
	id, err := b.client.Send(ctx, b.sim.Reference(conv), &botframework.Activity{
		Attachments: []botframework.Attachment{botframework.AdaptiveCard([]byte(incidentCard))},
	})
	if err != nil {
		t.Fatal(err)
	}
	click := func() (*botframeworksim.InvokeResponse, error) {
		return b.sim.Click(ctx, alice.ID, conv, id, botframeworksim.Press{Verb: "refresh"})
	}
	fetch := func() (*botframeworksim.InvokeResponse, error) {
		return b.sim.TaskFetch(ctx, alice.ID, conv, id, botframeworksim.Press{Title: "Form", Inputs: map[string]any{"note": "n"}})
	}
	submit := func() (*botframeworksim.InvokeResponse, error) {
		return b.sim.TaskSubmit(ctx, alice.ID, conv, id, map[string]any{"a": 1})
	}
	query := func() (*botframeworksim.InvokeResponse, error) {
		return b.sim.Invoke(ctx, alice.ID, conv, "composeExtension/query", map[string]any{"commandId": "search"})
	}
	const card = `{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","version":"1.5"}`
	for _, tt := range []struct {
		name   string
		do     func() (*botframeworksim.InvokeResponse, error)
		status int
		body   string
		ok     bool
	}{
		{"error", click, 200, `{"statusCode":400,"type":"application/vnd.microsoft.error","value":{"code":"c","message":"m"}}`, true},
		{"error without a message", click, 200, `{"statusCode":400,"type":"application/vnd.microsoft.error","value":{"code":"c"}}`, false},
		{"nothing", click, 200, ``, false},
		{"no JSON", click, 200, `x`, false},
		{"202", click, 202, ``, false},
		{"501", click, 501, ``, false},
		{"unknown type", click, 200, `{"statusCode":200,"type":"text","value":"x"}`, false},
		{"card without version", click, 200, `{"statusCode":200,"type":"application/vnd.microsoft.card.adaptive","value":{"type":"AdaptiveCard"}}`, false},
		{"dialog", fetch, 200, `{"task":{"type":"continue","value":{"title":"t","card":` + card + `}}}}`, true},
		{"dialog without card", fetch, 200, `{"task":{"type":"continue","value":{"title":"t"}}}`, false},
		{"dialog of unknown type", fetch, 200, `{"task":{"type":"x","value":"y"}}`, false},
		{"closed", submit, 200, ``, true},
		{"message", submit, 200, `{"task":{"type":"message","value":"Saved"}}`, true},
		{"empty message", submit, 200, `{"task":{"type":"message","value":""}}`, false},
		{"results", query, 200, `{"composeExtension":{"type":"result","attachmentLayout":"list","attachments":[` + card + `,"preview":{"contentType":"application/vnd.microsoft.card.thumbnail"}}]}}`, true},
		{"results without preview", query, 200, `{"composeExtension":{"type":"result","attachments":[` + card + `}]}}`, false},
		{"neither", query, 200, `{"x":1}`, false},
	} {
		b.answers(tt.status, tt.body)
		r, err := tt.do()
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if r == nil || r.Status != tt.status {
			t.Errorf("%s: response %+v", tt.name, r)
		}
	}
	if !bytes.Contains(b.sim.Dump(), []byte(`"value":"Saved"`)) || !bytes.Contains(b.sim.Dump(), []byte("Action.Execute")) {
		t.Error("the dump lacks an answer or a post")
	}
}

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
