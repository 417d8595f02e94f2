package graphrest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

// messageWorld is a world whose app asks to read the messages of its chats, and
// a chat that has the app.
func messageWorld(t *testing.T) (*world, string) {
	t.Helper()
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	reads := append([]graphrest.RSC{{Name: "ChatMessage.Read.Chat"}}, consent...)
	app := graphsim.App{ExternalID: manifestID, Name: "imbot", Version: "1.3.0"}
	for _, p := range reads {
		app.Permissions = append(app.Permissions, graphsim.Permission{Name: p.Name})
	}
	chat := w.AddChat("INC-42", w.ani.ID, w.budi.ID).ID
	must(t, "install", w.client.InstallApp(t.Context(), chat, w.PutApp(app).ID, reads))
	return w, chat
}

// TestChatMessage: a message is read as Graph writes it, in the chats that have
// consented to that, and in no others.
func TestChatMessage(t *testing.T) {
	w, chat := messageWorld(t)
	const id = "1700000000001"
	at := w.clock.Now().Add(-time.Minute)
	w.PutMessage(chat, graphsim.Message{ID: id, UserID: w.ani.ID, HTML: "<p>rolled <b>back</b></p>", At: at})
	raw, err := w.client.ChatMessage(t.Context(), chat, id)
	must(t, "read", err)
	var m struct {
		ID      string    `json:"id"`
		Created time.Time `json:"createdDateTime"`
		From    struct {
			User struct {
				ID   string `json:"id"`
				Name string `json:"displayName"`
			} `json:"user"`
		} `json:"from"`
		Body struct {
			Content string `json:"content"`
		} `json:"body"`
	}
	must(t, "decode", json.Unmarshal(raw, &m))
	if m.ID != id || !m.Created.Equal(at) || m.From.User.ID != w.ani.ID || m.From.User.Name != "Ani" || m.Body.Content != "<p>rolled <b>back</b></p>" {
		t.Errorf("the message is %s", raw)
	}
	requests := w.Requests()
	if last := requests[len(requests)-1]; last.URL != "/v1.0/chats/"+chat+"/messages/"+id {
		t.Errorf("asked for %s", last.URL)
	}

	w.PutMessage(chat, graphsim.Message{ID: id, UserID: w.ani.ID, HTML: "x", Deleted: true})
	_, err = w.client.ChatMessage(t.Context(), chat, id)
	wantError(t, "deleted", err, 404, true)
	_, err = w.client.ChatMessage(t.Context(), chat, "1700000000002")
	if e := wantError(t, "none such", err, 404, true); !errors.Is(e, graphrest.ErrNotFound) {
		t.Errorf("none such: %v", e)
	}

	other := w.AddChat("Lunch", w.ani.ID, w.budi.ID).ID
	w.PutMessage(other, graphsim.Message{ID: id, UserID: w.ani.ID, HTML: "soup?"})
	_, err = w.client.ChatMessage(t.Context(), other, id)
	if e := wantError(t, "no consent", err, 403, true); e.Reason != graphrest.ReasonPermission || len(e.Permissions) == 0 || e.Permissions[0] != "ChatMessage.Read.Chat" {
		t.Errorf("no consent: %v, reason %q, permissions %v", e, e.Reason, e.Permissions)
	}

	before := len(w.Requests())
	for _, bad := range [][2]string{{chat, ""}, {chat, ".."}, {chat, "1/../../me"}, {chat, "1?$expand=x"}, {chat, strings.Repeat("1", 201)}, {"..", id}, {"19:x@thread.v2/messages/1", id}} {
		if _, err := w.client.ChatMessage(t.Context(), bad[0], bad[1]); !errors.Is(err, graphrest.ErrInvalid) {
			t.Errorf("ChatMessage(%q) = %v, want invalid", bad, err)
		}
	}
	if n := len(w.Requests()); n != before {
		t.Errorf("%d requests for what is no id", n-before)
	}
}

// TestChatMessageFaults: what is said when Graph can't answer, and whether
// asking again is of use.
func TestChatMessageFaults(t *testing.T) {
	w, chat := messageWorld(t)
	const id = "1700000000001"
	w.PutMessage(chat, graphsim.Message{ID: id, UserID: w.ani.ID, HTML: "x"})
	for name, tt := range map[string]struct {
		fault     graphsim.Fault
		status    int
		permanent bool
	}{
		"busy":     {graphsim.Fault{Times: 1, Status: 503}, 503, false},
		"too many": {graphsim.Fault{Times: 1, Status: 429, RetryAfter: 3 * time.Second}, 429, false},
		"another":  {graphsim.Fault{Times: 1, Body: `{"id":"1700000000002"}`, Type: "application/json"}, 200, false},
		"a list":   {graphsim.Fault{Times: 1, Body: `[]`, Type: "application/json"}, 200, false},
		"empty":    {graphsim.Fault{Times: 1, Body: `null`, Type: "application/json"}, 200, false},
	} {
		w.Inject(tt.fault)
		_, err := w.client.ChatMessage(t.Context(), chat, id)
		wantError(t, name, err, tt.status, tt.permanent)
		w.clock.Pass(time.Minute)
		_, err = w.client.ChatMessage(t.Context(), chat, id)
		must(t, "after "+name, err)
	}
}
