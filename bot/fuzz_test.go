package bot_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/infracloudio/msbotbuilder-go/core"
	"github.com/infracloudio/msbotbuilder-go/schema"

	"imbot/bot"
	"imbot/catalog"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/query"
	"imbot/store/boltstore"
)

// acceptAll is an adapter for which every activity is authentic: what lies
// behind the door must cope with anything all the same.
type acceptAll struct{ core.Adapter }

func (acceptAll) ParseRequest(context.Context, *http.Request) (schema.Activity, error) {
	return schema.Activity{}, nil
}

type emptyRoster struct{}

func (emptyRoster) Member(_ context.Context, _ botframework.Reference, id string) (*botframework.Member, error) {
	return &botframework.Member{ID: id, Email: "somebody@example.com"}, nil
}

// openBot is a bot that takes every activity, over a real store with one
// incident.
func openBot(tb testing.TB) http.Handler {
	tb.Helper()
	st, err := boltstore.Open(filepath.Join(tb.TempDir(), "imbot.db"), boltstore.Options{})
	must(tb, err)
	tb.Cleanup(func() { _ = st.Close() })
	file, err := catalog.Parse([]byte(catalogFile), "catalog.yaml")
	must(tb, err)
	cat, err := catalog.New(file, catalog.Settings{}, nil)
	must(tb, err)
	present := func() incident.Catalog { return cat }
	svc := &incident.Service{Store: st, Now: time.Now, Catalog: present}
	_, err = svc.Do(context.Background(), incident.Command{Verb: incident.Declare, Actor: incident.System, Args: incident.Args{Title: "checkout is down", Service: "checkout"}})
	must(tb, err)
	return bot.New(bot.Config{
		Adapter: acceptAll{}, Service: svc, Reader: &query.Reader{Store: st, Catalog: present}, Store: st, Roster: emptyRoster{},
		Catalog: func() bot.Squads { return cat }, Rebind: func(context.Context) error { return nil },
		Tenants: []string{tenant}, Now: time.Now, Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
}

// checkAnswer wants an answer that Teams understands: a known status, and to an
// invoke that is known a body of the right shape.
func checkAnswer(t *testing.T, h http.Handler, body []byte) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/api/messages", strings.NewReader(string(body)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	switch w.Code {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusNotImplemented, http.StatusRequestEntityTooLarge:
		return
	default:
		t.Fatalf("status %d to %s", w.Code, body)
	}
	var act botframework.Activity
	if json.Unmarshal(body, &act) != nil || act.Type != botframework.TypeInvoke {
		return
	}
	var out struct {
		StatusCode int             `json:"statusCode"`
		Type       string          `json:"type"`
		Value      json.RawMessage `json:"value"`
		Task       *struct {
			Type  string          `json:"type"`
			Value json.RawMessage `json:"value"`
		} `json:"task"`
		Extension *struct {
			Type        string            `json:"type"`
			Text        string            `json:"text"`
			Attachments []json.RawMessage `json:"attachments"`
		} `json:"composeExtension"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%v in the answer %s", err, w.Body)
	}
	var text string
	switch x := out.Extension; {
	case x != nil && x.Type == "message" && x.Text != "", x != nil && x.Type == "result" && x.Attachments != nil:
	case out.Task != nil && out.Task.Type == "continue", out.Type == isCard:
	case out.Task != nil && out.Task.Type == "message" && json.Unmarshal(out.Task.Value, &text) == nil && text != "":
	case out.Type == isText && json.Unmarshal(out.Value, &text) == nil && text != "":
	default:
		t.Fatalf("the answer is %s", w.Body)
	}
}

// FuzzActivity sends whole activities through the handler.
func FuzzActivity(f *testing.F) {
	h := openBot(f)
	head := `"id":"1","channelId":"msteams","serviceUrl":"https://smba.trafficmanager.net/emea/","from":{"id":"29:a","aadObjectId":"A","name":"Ani"},"recipient":{"id":"28:x"},"conversation":{"id":"19:c@thread.tacv2;messageid=5","tenantId":"` + tenant + `"}`
	for _, s := range []string{
		`{"type":"message","text":"<at>imbot</at> ack 1","entities":[{"type":"mention","text":"<at>imbot</at>","mentioned":{"id":"28:x","name":"imbot"}}],` + head + `}`,
		`{"type":"message","text":"<at>imbot</at> assign 1 <at>Eko</at>","entities":[{"type":"mention","text":"<at>imbot</at>","mentioned":{"id":"28:x"}},{"type":"mention","text":"<at>Eko</at>","mentioned":{"id":"29:e","name":"Eko"}}],` + head + `}`,
		`{"type":"message","value":{"verb":"ack","incident":"INC-1"},` + head + `}`,
		`{"type":"invoke","name":"adaptiveCard/action","replyToId":"7","value":{"action":{"verb":"form","data":{"verb":"form","form":"rca","incident":"INC-1"}}},` + head + `}`,
		`{"type":"invoke","name":"adaptiveCard/action","value":{"action":{"verb":"ack","data":null}},` + head + `}`,
		`{"type":"invoke","name":"task/submit","value":{"data":{"verb":"submit","form":"note","incident":"INC-1","text":"x"}},` + head + `}`,
		`{"type":"installationUpdate","action":"add","channelData":{"settings":{"selectedChannel":{"id":"19:d@thread.tacv2"}},"team":{"id":"19:t@thread.tacv2"}},` + head + `}`,
		`{"type":"conversationUpdate","membersRemoved":[{"id":"28:x"}],` + head + `}`,
		`{"type":"conversationUpdate","channelData":{"eventType":"channelRenamed","channel":{"id":"19:d@thread.tacv2","name":"D"}},` + head + `}`,
		`{"type":"invoke","name":"composeExtension/query","value":{"commandId":"find","parameters":[{"name":"q","value":"checkout"}],"queryOptions":{"skip":0,"count":25}},` + head + `}`,
		`{"type":"invoke","name":"composeExtension/queryLink","value":{"url":"https://imbot.example.com/incidents/INC-1"},"from":{"id":"29:a"}}`,
		`{"type":"invoke","name":"composeExtension/fetchTask","value":{"commandId":"declare","messagePayload":{"id":"1","body":{"contentType":"html","content":"<p>x</p>"}}},"from":{"id":"29:a"}}`,
		`{"type":"messageReaction","replyToId":"7","reactionsAdded":[{"type":"1f4cc_pushpin"}],` + head + `}`,
		`{"type":"messageUpdate","text":"x","channelData":{"eventType":"editMessage"},` + head + `}`, `{"type":"messageDelete",` + head + `}`,
		`{"type":"message","conversation":{"id":";messageid=1"},"from":{"id":"29:a"}}`, `{"type":"invoke","name":"x"}`, `{}`, `[`, `{"type":"message","conversation":{"id":"a:1"},"from":{"id":"29:a"},"text":"declare it is down"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkAnswer(t, h, body) })
}

// FuzzCardData sends any data of buttons and forms, in each of the three ways.
func FuzzCardData(f *testing.F) {
	h := openBot(f)
	for _, s := range []string{
		`null`, `{}`, `"x"`, `[1]`, `{"verb":"ack","incident":"INC-1"}`, `{"verb":"form","form":"declare"}`, `{"verb":"submit","form":"declare","title":"x","service":"checkout"}`,
		`{"verb":"submit","form":"rca","incident":"INC-1","step":"2","op":"next","category":"code"}`, `{"verb":"submit","form":"rca","incident":"INC-1","step":"3","op":"finish","impact_started_at":"x"}`,
		`{"verb":"submit","form":"waive","incident":"INC-1"}`, `{"verb":"action_done","incident":"INC-1","n":1}`, `{"verb":"connect","squad":"payments"}`, `{"msteams":{"type":"task/fetch"},"verb":"form","form":"note","incident":"1"}`,
	} {
		f.Add([]byte(s), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, how uint8) {
		if !json.Valid(data) {
			return
		}
		act := map[string]any{
			"type": "invoke", "channelId": "msteams", "from": map[string]any{"id": "29:a"}, "recipient": map[string]any{"id": "28:x"},
			"conversation": map[string]any{"id": []string{"a:1", "19:c@thread.tacv2"}[how%2], "tenantId": tenant}, "replyToId": "7",
		}
		switch raw := json.RawMessage(data); how / 2 % 3 {
		case 0:
			act["name"], act["value"] = "adaptiveCard/action", map[string]any{"action": map[string]any{"verb": "ack", "data": raw}}
		case 1:
			act["name"], act["value"] = "task/submit", map[string]any{"data": raw}
		case 2:
			act["type"], act["value"] = "message", raw
		}
		body, err := json.Marshal(act)
		must(t, err)
		checkAnswer(t, h, body)
	})
}

// FuzzExtension sends any value of the message extension's invokes, from a chat
// that imbot knows, from one that it does not, and from none.
func FuzzExtension(f *testing.F) {
	h := openBot(f)
	for i, s := range []string{
		`{"commandId":"find","parameters":[{"name":"q","value":"open checkout"}],"queryOptions":{"skip":1,"count":2}}`, `{"incident":"INC-1"}`, `{"url":"https://imbot.example.com/incidents/INC-1"}`,
		`{"commandId":"declare","commandContext":"message","messagePayload":{"id":"1","createdDateTime":"2026-01-19T12:52:24.833Z","body":{"contentType":"html","content":"<p>down<br>x</p>"},"from":{"user":{"id":"A","displayName":"Ani"}},"attachments":[{"name":"a"}]}}`,
		`{"commandId":"declare","data":{"verb":"submit","form":"declare","op":"save","title":"x","service":"checkout","description":"y","message":"1","author":"Ani","at":"2026-01-19T12:52:24Z","url":"https://teams.microsoft.com/l/message/1/2","files":"a\nb"}}`,
		`{"commandId":"timeline","data":{"verb":"submit","form":"timeline","message":"1","quote":"x","incident_pick":"INC-1","incident_other":""}}`,
		`{"commandId":"timeline","messagePayload":{"id":"1"}}`, `null`, `[]`, `{"commandId":"timeline","data":{"form":"timeline","message":"1","incident_other":"INC-9"}}`,
	} {
		f.Add([]byte(s), uint8(i))
	}
	names := []string{"query", "selectItem", "queryLink", "fetchTask", "submitAction"}
	f.Fuzz(func(t *testing.T, value []byte, how uint8) {
		if !json.Valid(value) {
			return
		}
		act := map[string]any{
			"type": "invoke", "name": "composeExtension/" + names[int(how)%len(names)], "value": json.RawMessage(value), "channelId": "msteams",
			"from": map[string]any{"id": "29:a", "aadObjectId": "A"}, "recipient": map[string]any{"id": "28:x"}, "channelData": map[string]any{"tenant": map[string]any{"id": tenant}},
		}
		if chat := []string{"", "19:x@thread.v2", "19:a_b@unq.gbl.spaces"}[int(how)/len(names)%3]; chat != "" {
			act["conversation"] = map[string]any{"id": chat, "tenantId": tenant, "conversationType": "personal"}
		}
		body, err := json.Marshal(act)
		must(t, err)
		checkAnswer(t, h, body)
	})
}
