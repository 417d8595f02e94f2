package botframeworksim_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
)

const (
	dialogAnswer = `{"task":{"type":"continue","value":{"title":"t","card":{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","version":"1.5","body":[
	  {"type":"Input.Text","id":"title","value":"as it was","isRequired":true},{"type":"ActionSet","actions":[{"type":"Action.Submit","title":"Send","data":{"form":"x"}},{"type":"Action.Execute","title":"No","verb":"x"}]}]}}}}}`
	resultAnswer = `{"composeExtension":{"type":"result","attachmentLayout":"list","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","version":"VERSION"},
	  "preview":{"contentType":"application/vnd.microsoft.card.thumbnail","content":{"title":"INC-1","text":"x","tap":{"type":"invoke","value":{"incident":"INC-1"}}}}}]}}`
)

func TestMessageExtension(t *testing.T) {
	b := newBot(t)
	ctx := t.Context()
	ani := b.sim.AddUser(botframeworksim.User{Name: "Ani", Mail: "ani@example.com"}).ID
	budi := b.sim.AddUser(botframeworksim.User{Name: "Budi", Mail: "budi@example.com"}).ID
	team := b.sim.AddTeam("Shop", ani, budi) // where the bot is not
	d, err := b.sim.Say(ctx, budi, team, "a < b", botframeworksim.SayOptions{Files: []string{"a.png"}})
	if err != nil || d.Delivered {
		t.Fatalf("%+v, %v", d, err)
	}
	b.answers(200, dialogAnswer)
	dialog, err := b.sim.MessageAction(ctx, ani, team, d.ActivityID, "declare")
	if err != nil {
		t.Fatal(err)
	}
	e := botframework.ReadExtension(b.last(t).Value)
	if m := e.Message; e.CommandID != "declare" || e.Context != "message" || m == nil || m.Text != "a < b" || m.Author != "Budi" || len(m.Files) != 1 || !strings.HasPrefix(m.Link, "https://teams.microsoft.com/l/message/"+team) || m.At.IsZero() {
		t.Errorf("the bot has read %+v %+v", e, e.Message)
	}
	for title, want := range map[string]bool{"Send": true, "No": false} { // only Action.Submit works in dialogs
		_, err := b.sim.SubmitAction(ctx, ani, team, "declare", dialog, botframeworksim.Press{Title: title, Inputs: map[string]any{"title": "new"}})
		if (err == nil) != want {
			t.Errorf("pressing %s: %v", title, err)
		}
	}
	var sent struct{ Form, Title string }
	if err := json.Unmarshal(botframework.ReadExtension(b.last(t).Value).Data, &sent); err != nil || sent.Form != "x" || sent.Title != "new" {
		t.Errorf("the dialog has sent %+v, %v", sent, err)
	}
	if _, err := b.sim.SubmitAction(ctx, ani, team, "declare", dialog, botframeworksim.Press{Inputs: map[string]any{"title": ""}}); err == nil {
		t.Error("a required input was left empty")
	}
	if _, err := b.sim.MessageAction(ctx, ani, b.sim.Personal(budi), d.ActivityID, "declare"); !errors.Is(err, botframeworksim.ErrNoSuch) {
		t.Errorf("a message in a chat of others: %v", err)
	}
	// In a 1:1 chat of people it is not told which.
	pair := b.sim.AddPersonalChat(ani, budi)
	if _, err := b.sim.ComposeAction(ctx, ani, pair, "declare"); err != nil || b.last(t).Conversation.ID != "" || b.last(t).Tenant() != tenantID {
		t.Errorf("%v: the bot is told of %+v", err, b.last(t).Conversation)
	}
}

func TestSearchAndChoose(t *testing.T) {
	b := newBot(t)
	ctx := t.Context()
	ani := b.sim.AddUser(botframeworksim.User{Name: "Ani"}).ID
	chat := b.sim.AddGroupChat("", "x", ani)
	b.answers(200, strings.Replace(resultAnswer, "VERSION", "1.5", 1))
	out, err := b.sim.Search(ctx, ani, chat, "find", "q", "", 0)
	if err != nil || len(out.Results) != 1 || out.Results[0].Title != "INC-1" || string(out.Results[0].Tap) != `{"incident":"INC-1"}` {
		t.Fatalf("%+v, %v", out, err)
	}
	if p := botframework.ReadExtension(b.last(t).Value).Parameters; p["initialRun"] != "true" {
		t.Errorf("the first run asks for %v", p)
	}
	if _, err := b.sim.Search(ctx, ani, chat, "find", "q", "down", 25); err != nil {
		t.Error(err)
	}
	if e := botframework.ReadExtension(b.last(t).Value); e.Parameters["q"] != "down" || e.Skip != 25 || e.Count != 25 {
		t.Errorf("the second page asks for %+v", e)
	}
	if card, err := b.sim.Choose(ctx, ani, chat, out.Results[0]); err != nil || len(card) == 0 || b.last(t).Name != botframework.ExtensionSelectItem {
		t.Errorf("chosen: %s, %v", card, err)
	}
	for name, answer := range map[string]string{
		"a button in the preview": `{"composeExtension":{"type":"result","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","version":"1.5"},"preview":{"contentType":"application/vnd.microsoft.card.thumbnail","content":{"title":"x","buttons":[{}]}}}]}}`,
		"a tap that opens a page": strings.Replace(resultAnswer, `"type":"invoke"`, `"type":"openUrl"`, 1),
		"too many results":        `{"composeExtension":{"type":"result","attachments":[` + strings.Repeat(`{"contentType":"application/vnd.microsoft.card.thumbnail","content":{}},`, 25) + `{"contentType":"application/vnd.microsoft.card.thumbnail","content":{}}]}}`,
		"nothing known":           `{"composeExtension":{"type":"dance"}}`,
	} {
		b.answers(200, answer)
		if _, err := b.sim.Search(ctx, ani, chat, "find", "q", "x", 0); !errors.Is(err, botframeworksim.ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPasteLink(t *testing.T) {
	b := newBot(t, func(o *botframeworksim.Options) { o.LinkDomains = []string{"*.example.com"} })
	ctx := t.Context()
	ani := b.sim.AddUser(botframeworksim.User{Name: "Ani"}).ID
	chat := b.sim.AddGroupChat("", "x", ani)
	for link, known := range map[string]bool{"https://a.example.com/1": true, "https://example.com/1": false, "https://a.b.example.com/1": false, "https://example.org/1": false, "::": false} {
		b.answers(200, strings.Replace(resultAnswer, "VERSION", "1.3", 1))
		if _, err := b.sim.PasteLink(ctx, ani, chat, link); errors.Is(err, botframeworksim.ErrNotUnfurled) == known {
			t.Errorf("%s: %v", link, err)
		}
	}
	heard := b.count()
	if _, err := b.sim.PasteLink(ctx, ani, chat, "https://a.example.com/1"); err != nil || b.count() != heard {
		t.Errorf("what is known is asked again (%v)", err)
	}
	b.mu.Lock()
	b.now = b.now.Add(31 * time.Minute)
	b.mu.Unlock()
	if _, err := b.sim.PasteLink(ctx, ani, chat, "https://a.example.com/1"); err != nil || b.count() != heard+1 {
		t.Errorf("after half an hour it is not asked again (%v)", err)
	}
	b.answers(200, strings.Replace(resultAnswer, "VERSION", "1.5", 1))
	if _, err := b.sim.PasteLink(ctx, ani, chat, "https://a.example.com/2"); !errors.Is(err, botframeworksim.ErrShape) {
		t.Errorf("a card of version 1.5: %v", err)
	}
}

// TestReading: edits, deletions and reactions are told of what the bot has heard,
// or may read.
func TestReading(t *testing.T) {
	b := newBot(t)
	ctx := t.Context()
	ani := b.sim.AddUser(botframeworksim.User{Name: "Ani"}).ID
	chat := b.sim.AddGroupChat("", "x", ani)
	if err := b.sim.SetInstalled(chat, true); err != nil {
		t.Fatal(err)
	}
	for _, reads := range []bool{false, true} {
		if err := b.sim.SetReads(chat, reads); err != nil {
			t.Fatal(err)
		}
		for _, mention := range []bool{false, true} {
			said, err := b.sim.Say(ctx, ani, chat, "hello", botframeworksim.SayOptions{Mention: mention})
			edited, err2 := b.sim.Edit(ctx, ani, chat, said.ActivityID, "hello <at>imbot</at>")
			reacted, err3 := b.sim.React(ctx, ani, chat, said.ActivityID, "like")
			if err := errors.Join(err, err2, err3); err != nil {
				t.Fatal(err)
			}
			if said.Delivered != (reads || mention) || edited.Delivered != (reads || mention) || !reacted.Delivered {
				t.Errorf("reads %v, mention %v: said %v, edited %v, reacted %v", reads, mention, said.Delivered, edited.Delivered, reacted.Delivered)
			}
			gone, err := b.sim.Unsend(ctx, ani, chat, said.ActivityID)
			if err != nil || !gone.Delivered || b.last(t).Type != botframework.TypeMessageDelete || b.last(t).ChannelData.EventType != "softDeleteMessage" || b.last(t).ID != said.ActivityID {
				t.Errorf("deleted: %+v, %v", b.last(t), err)
			}
			if _, err := b.sim.Edit(ctx, ani, chat, said.ActivityID, "x"); err == nil {
				t.Error("a deleted message was edited")
			}
			if back, err := b.sim.Restore(ctx, ani, chat, said.ActivityID); err != nil || !back.Delivered || b.last(t).ChannelData.EventType != "undeleteMessage" {
				t.Errorf("restored: %+v, %v", back, err)
			}
		}
	}
	if err := b.sim.SetReads(b.sim.Personal(ani), true); err == nil {
		t.Error("a 1:1 chat has that permission")
	}
}
