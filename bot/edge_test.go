package bot_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/integrations/botframework"
	"imbot/integrations/botframework/entrasim"
)

// TestEdge: what comes in over HTTP, before and after the token is looked at.
func TestEdge(t *testing.T) {
	r := newRig(t)
	good, err := r.teams.Token()
	must(t, err)
	body := string(r.activity("message", r.teams.Personal(r.ani), map[string]any{"text": "help"}))
	tests := []struct {
		name, method, contentType, auth, body string
		want                                  int
	}{
		{"probe", http.MethodGet, "", "", "", 405},
		{"probe by head", http.MethodHead, "", "", "", 405},
		{"other method", http.MethodPut, "application/json", "Bearer " + good, body, 405},
		{"form", http.MethodPost, "application/x-www-form-urlencoded", "Bearer " + good, body, 415},
		{"no content type", http.MethodPost, "", "Bearer " + good, body, 415},
		{"odd content type", http.MethodPost, "application/json; ;", "Bearer " + good, body, 415},
		{"no token", http.MethodPost, "application/json", "", body, 401},
		{"other scheme", http.MethodPost, "application/json", "Basic YTpi", body, 401},
		{"garbage token", http.MethodPost, "application/json", "Bearer garbage", body, 401},
		{"long token", http.MethodPost, "application/json", "Bearer " + strings.Repeat("a", 12<<10), body, 401},
		{"garbage", http.MethodPost, "application/json", "Bearer " + good, "{", 400},
		{"empty", http.MethodPost, "application/json", "Bearer " + good, "", 400},
		{"array", http.MethodPost, "application/json", "Bearer " + good, "[]", 400},
		{"no type", http.MethodPost, "application/json", "Bearer " + good, "{}", 400},
		{"deep", http.MethodPost, "application/json", "Bearer " + good, `{"type":"message","value":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", 400},
		{"large", http.MethodPost, "application/json", "Bearer " + good, `{"type":"` + strings.Repeat("a", botframework.MaxActivityBytes) + `"}`, 413},
		{"good", http.MethodPost, "application/json; charset=utf-8", "Bearer " + good, body, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, r.url, strings.NewReader(tt.body))
			must(t, err)
			for k, v := range map[string]string{"Content-Type": tt.contentType, "Authorization": tt.auth} {
				if v != "" {
					req.Header.Set(k, v)
				}
			}
			resp, err := http.DefaultClient.Do(req)
			must(t, err)
			defer resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
			if tt.want == 405 && resp.Header.Get("Allow") != "POST" {
				t.Error("405 without Allow")
			}
			if out, _ := io.ReadAll(resp.Body); tt.want != 200 && len(out) > 100 {
				t.Errorf("the refusal says %q", out)
			}
		})
	}
	if all, err := r.store.Conversations(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d conversations are known, %v; want that of the good one", len(all), err)
	}
}

// TestForged: no forged token gets anything done.
func TestForged(t *testing.T) {
	r := newRig(t)
	conv := r.teams.Personal(r.ani)
	declare := map[string]any{"text": "declare checkout is down"}
	tests := []struct {
		name     string
		activity map[string]any
		options  []entrasim.TokenOption
		want     int
	}{
		{"audience", declare, []entrasim.TokenOption{entrasim.Claim("aud", "55555555-5555-4555-8555-555555555555")}, 401},
		{"issuer", declare, []entrasim.TokenOption{entrasim.Claim("iss", "https://example.com")}, 401},
		{"expired", declare, []entrasim.TokenOption{entrasim.Claim("exp", r.Now().Add(-time.Hour).Unix())}, 401},
		{"never expires", declare, []entrasim.TokenOption{entrasim.Without("exp")}, 401},
		{"foreign key", declare, []entrasim.TokenOption{entrasim.ForeignKey()}, 401},
		{"not signed", declare, []entrasim.TokenOption{entrasim.None()}, 401},
		{"service URL", declare, []entrasim.TokenOption{entrasim.Claim("serviceurl", "https://example.com")}, 403},
		{"tenant", map[string]any{
			"text": "declare x", "conversation": map[string]any{"id": conv, "tenantId": other}, "channelData": map[string]any{"tenant": map[string]any{"id": other}},
		}, nil, 403},
		{"two tenants", map[string]any{"text": "declare x", "conversation": map[string]any{"id": conv, "tenantId": other}}, nil, 403},
		{"another service URL", map[string]any{"text": "declare x", "serviceUrl": "https://example.com/amer/"}, nil, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := r.teams.Send(t.Context(), r.activity("message", conv, tt.activity), tt.options...)
			must(t, err)
			if d.Status != tt.want {
				t.Errorf("status %d, want %d", d.Status, tt.want)
			}
		})
	}
	all, err := r.store.Conversations(t.Context())
	must(t, err)
	if b, err := r.store.Backlog(t.Context()); err != nil || b.Waiting != 0 || len(all) != 0 {
		t.Errorf("something happened: %d effects, %d conversations, %v", b.Waiting, len(all), err)
	}
	if n := r.bot.Refused.Load(); n != int64(len(tests)) {
		t.Errorf("%d were counted as refused", n)
	}
	if strings.Contains(r.log.String(), "eyJ") {
		t.Error("a token is in the log")
	}
}

// TestOddActivities: authentic, but not as one expects.
func TestOddActivities(t *testing.T) {
	r := newRig(t)
	conv := r.teams.Personal(r.ani)
	long := strings.Repeat("x", 600)
	tests := []struct {
		name   string
		kind   string
		change map[string]any
		want   int
	}{
		{"unknown type", "handoff", nil, 200},
		{"typing", "typing", nil, 200},
		{"event", "event", map[string]any{"name": "application/vnd.microsoft.meetingStart", "value": map[string]any{}}, 200},
		{"reaction", "messageReaction", map[string]any{"reactionsAdded": []any{map[string]any{"type": "like"}}}, 200},
		{"edited message", "messageUpdate", map[string]any{"text": "declare it is down"}, 200},
		{"deleted message", "messageDelete", nil, 200},
		{"no sender", "message", map[string]any{"from": nil, "text": "list"}, 400},
		{"no sender of a change", "conversationUpdate", map[string]any{"from": nil}, 200},
		{"no sender of an install", "installationUpdate", map[string]any{"from": nil, "action": "add"}, 200},
		{"no conversation", "message", map[string]any{"conversation": map[string]any{"tenantId": tenant}}, 400},
		{"long conversation", "message", map[string]any{"conversation": map[string]any{"id": long, "tenantId": tenant}}, 400},
		{"long sender", "message", map[string]any{"from": map[string]any{"id": long}}, 400},
		{"zero in an id", "message", map[string]any{"id": "a\x00b"}, 400},
		{"no recipient", "message", map[string]any{"recipient": nil, "text": "list"}, 200},
		{"no text", "message", nil, 200},
		{"string value", "message", map[string]any{"value": "x"}, 200},
		{"array value", "message", map[string]any{"value": []any{1}}, 200},
		{"number value", "message", map[string]any{"value": 7}, 200},
		{"null value", "message", map[string]any{"value": json.RawMessage("null")}, 200},
		{"odd entities", "message", map[string]any{"entities": []any{"x", map[string]any{"type": "mention"}, map[string]any{"type": "mention", "mentioned": map[string]any{"name": "?"}}}}, 200},
		{"odd channel data", "message", map[string]any{"channelData": map[string]any{"tenant": map[string]any{"id": tenant}, "team": 7, "channel": []any{}}}, 200},
		{"unknown invoke", "invoke", map[string]any{"name": "composeExtension/onCardButtonClicked", "value": map[string]any{}}, 501},
		{"invoke without a name", "invoke", nil, 501},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			change := map[string]any{"id": "odd-" + string(rune('a'+i))}
			for k, v := range tt.change {
				change[k] = v
			}
			if d := r.send(r.activity(tt.kind, conv, change)); d.Status != tt.want {
				t.Errorf("status %d, want %d: %s", d.Status, tt.want, d.Body)
			}
		})
	}
	if p, err := r.store.Person(t.Context(), "teams:"); err == nil {
		t.Errorf("a mention of nobody made the person %+v", p)
	}
	for _, value := range []string{
		`null`, `"x"`, `[]`, `7`, `{}`, `{"action":null}`, `{"action":"x"}`, `{"action":{"verb":"ack","data":null}}`, `{"action":{"verb":"ack","data":"x"}}`,
		`{"action":{"verb":7,"data":{"verb":"ack","incident":"INC-1"}}}`, `{"action":{"data":{"verb":"ack","incident":{"a":1}}}}`, `{"data":null}`,
		`{"action":{"verb":"submit","data":{"verb":"submit","form":"nothing"}}}`, `{"action":{"verb":"form","data":{"verb":"form","form":"rca","incident":"x"}}}`,
	} {
		for _, name := range []string{"adaptiveCard/action", "task/fetch", "task/submit"} {
			d := r.send(r.activity("invoke", conv, map[string]any{"id": "v" + name + value[:min(len(value), 100)], "name": name, "value": json.RawMessage(value)}))
			if d.Status != 200 || !json.Valid(d.Body) || !bytes.Contains(d.Body, []byte(`:"`)) {
				t.Errorf("%s %s: %d %s", name, value, d.Status, d.Body)
			}
		}
	}
}

// TestNoID: activities without an id are no repetitions of each other.
func TestNoID(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	conv := r.teams.Personal(r.ani)
	before := len(r.teams.Posts(conv))
	for _, text := range []string{"declare one is down", "declare two is down"} {
		if d := r.send(r.activity("message", conv, map[string]any{"id": nil, "text": text})); d.Status != 200 {
			t.Fatalf("status %d", d.Status)
		}
	}
	r.settle()
	if got := texts(r.teams.Posts(conv)[before:]); !strings.Contains(got, "INC-1 is declared") || !strings.Contains(got, "INC-2 is declared") {
		t.Errorf("the answers are %s", got)
	}
}

// TestNothingStaysBehind: requests of every kind leave no goroutine.
func TestNothingStaysBehind(t *testing.T) {
	r := newRig(t)
	conv := r.teams.Personal(r.ani)
	r.send(r.activity("message", conv, map[string]any{"text": "help"}))
	http.DefaultClient.CloseIdleConnections()
	count := func() int {
		runtime.GC()
		return runtime.NumGoroutine()
	}
	before := count()
	for i := range 50 {
		r.send(r.activity("message", conv, map[string]any{"id": "m" + string(rune('0'+i)), "text": "list"}))
		_, _ = r.teams.SendWith(t.Context(), r.activity("message", conv, nil), "Bearer x")
	}
	for range 100 {
		if count() <= before+4 { // idle connections
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines before, %d after", before, count())
}

// TestNoTextInLog: what people write is not logged, whatever goes wrong.
func TestNoTextInLog(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	conv := r.teams.Personal(r.ani)
	const word = "xylophone"
	r.busy.refuse(true)
	r.write(r.ani, conv, "declare "+word)
	r.say(r.ani, conv, "declare "+word)
	r.say(r.ani, conv, word)
	r.say(r.ani, conv, "ack "+word)
	r.send(r.activity("message", conv, map[string]any{"id": "s", "value": map[string]any{"verb": word, "text": word}}))
	r.send(json.RawMessage(`{"type":"message","text":"` + word + `","conversation":7}`))
	must(t, r.store.Close())
	if d := r.write(r.ani, conv, "note 1 "+word); d.Status < 500 {
		t.Fatalf("status %d of a closed store", d.Status)
	}
	if strings.Contains(r.log.String(), word) {
		t.Errorf("the log has what was written: %s", r.log.String())
	}
	if r.bot.Failed.Load() == 0 {
		t.Error("no failure was counted")
	}
}

var _ http.Handler = (*bot.Bot)(nil)
