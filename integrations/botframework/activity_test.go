package botframework_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/botframework"
)

const channelMessage = `{"type":"message","id":"1700000000000","timestamp":"2026-01-02T03:04:05.678Z",
"localTimestamp":"2026-01-02T10:04:05.678+07:00","localTimezone":"Asia/Jakarta","serviceUrl":"https://smba.trafficmanager.net/apac/",
"channelId":"msteams","from":{"id":"29:1a","name":"Alice","aadObjectId":"aad-1"},
"conversation":{"isGroup":true,"conversationType":"channel","tenantId":"tid","id":"19:c@thread.tacv2;messageid=17"},
"recipient":{"id":"28:app","name":"imbot"},"text":"<at>imbot</at> new db down","textFormat":"plain","locale":"id-ID",
"entities":[{"type":"mention","mentioned":{"id":"28:app","name":"imbot"},"text":"<at>imbot</at>"},
{"type":"clientInfo","locale":"id-ID","country":"ID","platform":"iOS","timezone":"Asia/Jakarta"},{"type":"https://schema.org/Message","x":[1]}],
"channelData":{"teamsChannelId":"19:c@thread.tacv2","channel":{"id":"19:c@thread.tacv2","name":"dev"},
"team":{"id":"19:t@thread.tacv2","aadGroupId":"g","name":"Payments"},"tenant":{"id":"tid"},"settings":{"selectedChannel":{"id":"19:s"}},"eventType":"x"}}`

func TestDecodeActivity(t *testing.T) {
	a, err := botframework.DecodeActivity([]byte(channelMessage))
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC); !a.Timestamp.Equal(want) || !a.LocalTimestamp.Equal(want) {
		t.Errorf("times %s, %s, want %s", a.Timestamp, a.LocalTimestamp, want)
	}
	wantRef := botframework.Reference{
		ServiceURL: "https://smba.trafficmanager.net/apac/", ChannelID: "msteams", ConversationID: "19:c@thread.tacv2;messageid=17",
		ConversationType: "channel", TenantID: "tid", BotID: "28:app",
		TeamID: "19:t@thread.tacv2", TeamAADGroupID: "g", TeamsChannelID: "19:c@thread.tacv2",
	}
	if diff := cmp.Diff(wantRef, a.Reference()); diff != "" {
		t.Errorf("Reference (-want +got):\n%s", diff)
	}
	if r := a.Reference(); r.Root() != "17" || r.Base().ConversationID != "19:c@thread.tacv2" || !r.Channel() {
		t.Errorf("thread: %q, %q, %v", r.Root(), r.Base().ConversationID, r.Channel())
	}
	if a.ChannelData.SelectedChannel.ID != "19:s" || a.ChannelData.EventType != "x" || a.ChannelData.Channel.Name != "dev" {
		t.Errorf("channel data: %+v", a.ChannelData)
	}
	if e := a.Entities[1]; e.Platform != "iOS" || e.Timezone != "Asia/Jakarta" {
		t.Errorf("client info: %+v", e)
	}
	if !botframework.MentionsBot(a) || botframework.StripMention(a) != "new db down" {
		t.Errorf("mention: %v, %q", botframework.MentionsBot(a), botframework.StripMention(a))
	}
	// What was received is what is sent again: nothing lost, nothing added.
	var want, got any
	again, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(json.Unmarshal([]byte(channelMessage), &want), json.Unmarshal(again, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

func TestDecodeActivityIsTolerant(t *testing.T) {
	for name, body := range map[string]string{
		"string value":       `{"type":"invoke","value":"x"}`,
		"number value":       `{"type":"invoke","value":12345678901234567890}`,
		"array value":        `{"type":"invoke","value":[1]}`,
		"odd channel data":   `{"type":"message","channelData":"x"}`,
		"odd team":           `{"type":"message","channelData":{"team":7,"tenant":{"id":"t"}}}`,
		"odd entity":         `{"type":"message","entities":["x",{"type":"mention","mentioned":"y"},{"type":5},null]}`,
		"odd time":           `{"type":"message","timestamp":"yesterday","localTimestamp":{}}`,
		"time as a number":   `{"type":"message","timestamp":1700000000000}`,
		"unknown type":       `{"type":"somethingNew","unknown":{"deep":[{}]}}`,
		"card as an array":   `{"type":"message","attachments":[{"contentType":"text/html","content":"<p>x</p>"}]}`,
		"null where objects": `{"type":"message","from":null,"conversation":null,"channelData":null,"value":null}`,
	} {
		a, err := botframework.DecodeActivity([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := json.Marshal(a); err != nil {
			t.Errorf("%s: marshal: %v", name, err)
		}
		_, _, _ = botframework.StripMention(a), a.Tenant(), a.Reference()
	}
	a, err := botframework.DecodeActivity([]byte(`{"type":"message","timestamp":1700000000000,"value":9007199254740993}`))
	if err != nil || a.Timestamp.UnixMilli() != 1700000000000 || string(a.Value) != "9007199254740993" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestDecodeActivityRefuses(t *testing.T) {
	deep := strings.Repeat("[", botframework.MaxActivityDepth) + strings.Repeat("]", botframework.MaxActivityDepth)
	for _, tt := range []struct {
		name, body string
		want       error
	}{
		{"empty", "", botframework.ErrMalformed},
		{"no object", `[]`, botframework.ErrMalformed},
		{"null", `null`, botframework.ErrMalformed},
		{"no type", `{}`, botframework.ErrMalformed},
		{"trailing data", `{"type":"message"} x`, botframework.ErrMalformed},
		{"text is a number", `{"type":"message","text":5}`, botframework.ErrMalformed},
		{"deep", `{"type":"invoke","value":` + deep + `}`, botframework.ErrTooDeep},
		{"brackets in a string", `{"type":"message","text":"\"` + strings.Repeat("[", 500) + `"}`, nil},
		{"large", `{"type":"message","text":"` + strings.Repeat("x", botframework.MaxActivityBytes) + `"}`, botframework.ErrTooLarge},
	} {
		_, err := botframework.DecodeActivity([]byte(tt.body))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	_, err := botframework.DecodeActivity([]byte(`{"type":"message","text":{"private":"canary"}}`))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error repeats the input: %v", err)
	}
}

func TestNoZeroNoise(t *testing.T) {
	b, err := json.Marshal(botframework.Activity{Type: "message", Text: "x"})
	if got, want := string(b), `{"type":"message","text":"x"}`; got != want || err != nil {
		t.Errorf("Marshal = %s, %v, want %s", got, err, want)
	}
	b, err = json.Marshal(botframework.Activity{ChannelData: &botframework.ChannelData{NotificationAlert: true}})
	if got, want := string(b), `{"channelData":{"notification":{"alert":true}}}`; got != want || err != nil {
		t.Errorf("Marshal = %s, %v, want %s", got, err, want)
	}
}

func FuzzDecodeActivity(f *testing.F) {
	f.Add([]byte(channelMessage))
	f.Add([]byte(`{"type":"invoke","value":[{"a":1e999}],"entities":[null,{"type":"mention","text":"<at>","mentioned":{}}]}`))
	f.Add([]byte("{\"type\":\"message\",\"text\":\"\xff<at>\",\"channelData\":[]}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := botframework.DecodeActivity(body)
		if err != nil {
			return
		}
		stripped := botframework.StripMention(a)
		if len(stripped) > len(a.Text)*3+3 {
			t.Errorf("StripMention made %d bytes of %d", len(stripped), len(a.Text))
		}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		again, err := botframework.DecodeActivity(b)
		if errors.Is(err, botframework.ErrTooLarge) {
			return // characters that JSON escapes made it grow
		}
		if err != nil {
			t.Fatalf("decode again: %v\n%s", err, b)
		}
		b2, err := json.Marshal(again)
		if err != nil || string(b2) != string(b) {
			t.Errorf("not stable:\n%s\n%s", b, b2)
		}
	})
}
