package botframeworksim_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
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

func newBot(t *testing.T, change ...func(*botframeworksim.Options)) *bot {
	t.Helper()
	b := &bot{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), status: 200}
	clock := func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }
	var err error
	o := botframeworksim.Options{AppID: appID, TenantID: tenantID, Dir: t.TempDir(), Now: clock}
	for _, f := range change {
		f(&o)
	}
	b.sim, err = botframeworksim.New(o)
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
