package botframework_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/infracloudio/msbotbuilder-go/connector/auth"
	"github.com/infracloudio/msbotbuilder-go/core"
	"github.com/infracloudio/msbotbuilder-go/core/activity"
	"github.com/infracloudio/msbotbuilder-go/schema"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
)

var (
	_ auth.TokenValidator = (*botframework.Validator)(nil)
	_ core.Adapter        = botframework.NewAdapter("", nil, nil)
)

func newAdapter(t *testing.T, w *world) core.Adapter {
	t.Helper()
	v, err := botframework.NewValidator(botframework.ValidatorConfig{
		AppID: appID, Tenants: []string{tenantID}, OpenIDMetadataURL: w.OpenIDMetadataURL(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return botframework.NewAdapter(appID, v, w.client)
}

// TestAdapterParses lets the simulator post to a handler that is built on the
// library's adapter.
func TestAdapterParses(t *testing.T) {
	w := newWorld(t, nil)
	ad := newAdapter(t, w)
	var got schema.Activity
	var gotErr error
	bot := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, gotErr = ad.ParseRequest(r.Context(), r)
	}))
	defer bot.Close()
	w.SetBotEndpoint(bot.URL)

	if _, err := w.Say(t.Context(), w.alice.ID, w.dev, "hi", botframeworksim.SayOptions{Mention: true}); err != nil {
		t.Fatal(err)
	}
	if gotErr != nil || got.From.Name != w.alice.Name || got.Conversation.TenantID != tenantID || !strings.HasSuffix(got.Text, "hi") {
		t.Fatalf("ParseRequest = %+v, %v", got, gotErr)
	}
	for name, send := range map[string]func() (botframeworksim.Delivery, error){
		"no header": func() (botframeworksim.Delivery, error) {
			return w.SendWith(t.Context(), []byte(`{"type":"message"}`), "")
		},
		"long header": func() (botframeworksim.Delivery, error) {
			return w.SendWith(t.Context(), []byte(`{"type":"message"}`), "Bearer "+strings.Repeat("x", 20<<10))
		},
		"other service": func() (botframeworksim.Delivery, error) {
			return w.Send(t.Context(), []byte(`{"type":"message","serviceUrl":"https://evil.example"}`))
		},
		"no tenant": func() (botframeworksim.Delivery, error) {
			return w.Send(t.Context(), []byte(`{"type":"message","serviceUrl":"`+w.ServiceURL()+`"}`))
		},
		"no JSON": func() (botframeworksim.Delivery, error) { return w.Send(t.Context(), []byte(`x`)) },
		"too large": func() (botframeworksim.Delivery, error) {
			return w.Send(t.Context(), []byte(`{"type":"`+strings.Repeat("x", 300<<10)+`"}`))
		},
	} {
		gotErr = nil
		if _, err := send(); err != nil {
			t.Fatal(err)
		}
		if gotErr == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, value := range []string{`"text"`, `[1]`, `7`, `{"a":1}`} {
		body := `{"type":"invoke","channelId":"msteams","serviceUrl":"` + w.ServiceURL() + `","conversation":{"id":"x","tenantId":"` + tenantID + `"},"value":` + value + `}`
		if _, err := w.Send(t.Context(), []byte(body)); err != nil || gotErr != nil {
			t.Errorf("value %s: %v, %v", value, err, gotErr)
		}
	}
	if got.Value["a"] == nil {
		t.Errorf("the value was lost: %+v", got)
	}
}

func TestAdapterSends(t *testing.T) {
	w := newWorld(t, nil)
	ad := newAdapter(t, w)
	ref := schema.ConversationReference{
		ServiceURL: w.ServiceURL(), ChannelID: "msteams", Bot: schema.ChannelAccount{ID: w.BotID()},
		User: schema.ChannelAccount{ID: w.alice.ID}, Conversation: schema.ConversationAccount{ID: w.chat, TenantID: tenantID},
	}
	say := func(text string) activity.Handler {
		return activity.HandlerFuncs{OnMessageFunc: func(turn *activity.TurnContext) (schema.Activity, error) {
			return turn.SendActivity(activity.MsgOptionText(text))
		}}
	}
	if err := ad.ProactiveMessage(t.Context(), ref, say("from the library")); err != nil {
		t.Fatal(err)
	}
	posts := w.Posts(w.chat)
	if len(posts) != 1 || posts[0].Activity.Text != "from the library" {
		t.Fatalf("posts: %+v", posts)
	}
	if raw := string(w.Calls()[0].Body); strings.Contains(raw, "0001-01-01") || strings.Contains(raw, "suggestedActions") {
		t.Errorf("zero noise in %s", raw)
	}
	update := schema.Activity{Type: "message", ID: posts[0].ID, ServiceURL: ref.ServiceURL, Conversation: ref.Conversation, Text: "changed"}
	if err := ad.UpdateActivity(t.Context(), update); err != nil {
		t.Fatal(err)
	}
	if got := w.Posts(w.chat)[0].Activity.Text; got != "changed" {
		t.Errorf("text = %q after the update", got)
	}
	if err := ad.DeleteActivity(t.Context(), posts[0].ID, ref); err != nil {
		t.Fatal(err)
	}
	if !w.Posts(w.chat)[0].Deleted {
		t.Error("not deleted")
	}
	update.ID = "1"
	if err := ad.UpdateActivity(t.Context(), update); !botframework.ActivityGone(err) {
		t.Errorf("the error is hidden: %v", err)
	}
}

// TestAdapterRefusesPaths: the library joins ids into a path without escaping.
func TestAdapterRefusesPaths(t *testing.T) {
	w := newWorld(t, nil)
	ad := newAdapter(t, w)
	for _, tt := range []struct{ service, conv, id string }{
		{w.ServiceURL(), "../../v3/botstate/x?y=1#z", "1"},
		{w.ServiceURL(), "x/../" + w.chat, "1"},
		{w.ServiceURL(), "a/b", "1"},
		{w.ServiceURL(), "", "1"},
		{w.ServiceURL(), w.chat, "../activities"},
		{w.ServiceURL() + "v3/conversations/x/activities/y?", w.chat, "1"},
		{"https://evil.example/", w.chat, "1"},
		{"http://127.0.0.1:1/", w.chat, "1"},
	} {
		a := schema.Activity{Type: "message", ID: tt.id, ServiceURL: tt.service, Conversation: schema.ConversationAccount{ID: tt.conv}, Text: "x"}
		err := ad.UpdateActivity(t.Context(), a)
		var e *botframework.Error
		if !errors.As(err, &e) || !e.Permanent() {
			t.Errorf("update %+v: %v", tt, err)
		}
	}
	if _, err := botframework.LibraryClient(w.client).Get(t.Context(), *mustURL(t, w.ServiceURL())); err == nil {
		t.Error("Get was allowed")
	}
	if n := len(w.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}
