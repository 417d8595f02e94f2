package botframework_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/internal/contract"
)

// What Teams understands and the published connector API of 2016 to 2025 does
// not know. Sources are Teams' own pages and SDKs.
var (
	teamsPaths = []string{"GET /v3/teams/{}/conversations", "GET /v3/conversations/{}/members/{}"}
	teamsQuery = []string{"isTargetedActivity"}
	teamsProps = []string{
		"/entities/*/mentioned", "/entities/*/text", "/recipient/isTargeted",
		"/activity/entities/*/mentioned", "/activity/entities/*/text",
	}
)

func TestContract(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(contract.Dir(t), "botframework", "ConnectorAPI.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v2 openapi2.T
	if err := json.Unmarshal(raw, &v2); err != nil {
		t.Fatal(err)
	}
	api, err := openapi2conv.ToV3(&v2)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *botframeworksim.Options, c *botframework.ClientConfig) { o.NoRateLimits = true })
	everyCall(t, w)
	var strange []string
	seen := map[string]bool{}
	for _, c := range w.Calls() {
		u := mustURL(t, "http://x"+c.Path)
		op, name := operationOf(t, api, c.Method, u)
		seen[c.Op] = true
		if op == nil {
			if !slices.Contains(teamsPaths, name) {
				t.Errorf("%s is not in the contract", name)
			}
			continue
		}
		for q := range u.Query() {
			if op.Parameters.GetByInAndName("query", q) == nil && !slices.Contains(teamsQuery, q) {
				t.Errorf("%s: query %q is not in the contract", name, q)
			}
		}
		if op.RequestBody == nil {
			if len(c.Body) > 0 {
				t.Errorf("%s: a body is not in the contract", name)
			}
			continue
		}
		schema := op.RequestBody.Value.Content["application/json"].Schema.Value
		var body any
		if err := json.Unmarshal(c.Body, &body); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := schema.VisitJSON(body, openapi3.VisitAsRequest(), openapi3.EnableFormatValidation(), openapi3.MultiErrors()); err != nil {
			t.Errorf("%s: %v\n%s", name, err, c.Body)
		}
		strange = append(strange, unknown(schema, body, "")...)
	}
	slices.Sort(strange)
	slices.Sort(teamsProps)
	if diff := cmp.Diff(teamsProps, slices.Compact(strange)); diff != "" {
		t.Errorf("properties beyond the contract (-want +got):\n%s", diff)
	}
	for _, op := range []string{"send", "update", "delete", "create", "member", "members", "channels"} {
		if !seen[op] {
			t.Errorf("%s was not called", op)
		}
	}
}

// everyCall makes each call of the client with every field that it can send.
func everyCall(t *testing.T, w *world) {
	t.Helper()
	ctx := t.Context()
	dev, chat := w.Reference(w.dev), w.Reference(w.chat)
	tag, entity := botframework.Mention(w.bob.ID, w.bob.Name)
	full := &botframework.Activity{
		Text: "hello " + tag, TextFormat: "xml", Summary: "hello", Importance: "high", AttachmentLayout: "list",
		Entities:    []botframework.Entity{entity},
		Attachments: []botframework.Attachment{botframework.AdaptiveCard([]byte(`{"type":"AdaptiveCard","version":"1.5"}`))},
		ChannelData: &botframework.ChannelData{NotificationAlert: true},
	}
	onlyYou := *full
	onlyYou.Recipient = botframework.Account{ID: w.alice.ID, IsTargeted: true}
	conv, root, err := w.client.CreateChannelPost(ctx, dev, w.dev, full)
	_, err2 := w.client.ReplyInThread(ctx, dev, root, full)
	id, err3 := w.client.Send(ctx, chat, full)
	_, err4 := w.client.ReplyInThread(ctx, chat, id, full)
	secret, err5 := w.client.Send(ctx, dev, &onlyYou)
	_, err6 := w.client.CreatePersonal(ctx, dev, w.alice.ID)
	_, err7 := w.client.Member(ctx, dev, w.alice.ID)
	_, err8 := w.client.Members(ctx, chat)
	_, err9 := w.client.TeamChannels(ctx, dev, w.team)
	_, err10 := w.client.Send(ctx, chat, &botframework.Activity{Type: botframework.TypeTyping})
	thread := dev
	thread.ConversationID = conv
	if err := errors.Join(err, err2, err3, err4, err5, err6, err7, err8, err9, err10,
		w.client.Update(ctx, thread, root, full), w.client.Update(ctx, dev, secret, &onlyYou),
		w.client.Delete(ctx, chat, id), w.client.Ping(ctx, chat)); err != nil {
		t.Fatal(err)
	}
}

// operationOf finds the operation of the contract for a path.
func operationOf(t *testing.T, api *openapi3.T, method string, u *url.URL) (op *openapi3.Operation, name string) {
	t.Helper()
	path := strings.TrimPrefix(u.EscapedPath(), "/amer")
	have := strings.Split(path, "/")
	for template, item := range api.Paths.Map() {
		want := strings.Split(template, "/")
		if len(want) == len(have) && slices.EqualFunc(want, have, func(w, h string) bool {
			return w == h || strings.HasPrefix(w, "{")
		}) {
			if op := item.GetOperation(method); op != nil {
				return op, method + " " + template
			}
		}
	}
	for i := 3; i < len(have); i += 2 {
		have[i] = "{}"
	}
	return nil, method + " " + strings.Join(have, "/")
}

// unknown lists the properties of v that the schema does not name.
func unknown(schema *openapi3.Schema, v any, at string) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		if len(schema.Properties) == 0 {
			return nil // a free object: card content, channel data
		}
		for key, val := range v {
			if p := schema.Properties[key]; p == nil {
				out = append(out, at+"/"+key)
			} else {
				out = append(out, unknown(p.Value, val, at+"/"+key)...)
			}
		}
	case []any:
		for _, val := range v {
			out = append(out, unknown(schema.Items.Value, val, at+"/*")...)
		}
	}
	return out
}
