package bot_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/bot"
	"imbot/incident"
)

// TestConversations: what Teams tells about places is kept.
func TestConversations(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	c := r.conversation(r.payments)
	if c.Kind != bot.Channel || c.ServiceURL != r.teams.ServiceURL() || c.TenantID != tenant || c.BotID != "28:"+appID || c.TeamID != r.general || c.TeamName != "Shop" || c.Gone != "" {
		t.Errorf("after the installation the channel is %+v", c)
	}
	if p := r.conversation(r.teams.Personal(r.ani)); p.Kind != bot.Personal || p.Person != "ani@example.com" {
		t.Errorf("the 1:1 chat is %+v", p)
	}
	must(t, r.teams.RenameChannel(t.Context(), r.ani, r.payments, "Payments\n alarms"))
	if c := r.conversation(r.payments); c.Name != "Payments alarms" {
		t.Errorf("the renamed channel is called %q", c.Name)
	}
	r.say(r.ani, r.payments, "help")
	if c := r.conversation(r.payments); c.Name != "Payments alarms" || c.TeamName != "Shop" {
		t.Errorf("a message without names has taken them away: %+v", c)
	}
	// The service URL of later activities wins; the tests can not sign another one.
	c = r.conversation(r.payments)
	c.ServiceURL = "https://smba.trafficmanager.net/emea/"
	must(t, r.store.SaveConversation(t.Context(), c))
	r.say(r.ani, r.payments, "help")
	if c := r.conversation(r.payments); c.ServiceURL != r.teams.ServiceURL() {
		t.Errorf("the service URL is %s", c.ServiceURL)
	}
	// Others come by their own events.
	group := r.teams.AddGroupChat("", "Responders", r.ani, r.budi)
	must(t, r.teams.Install(t.Context(), r.ani, group))
	if c := r.conversation(group); c.Kind != bot.GroupChat || c.Gone != "" {
		t.Errorf("the group chat is %+v", c)
	}
	must(t, r.teams.RemoveMember(t.Context(), r.budi, group))
	if c := r.conversation(group); c.Gone != "" {
		t.Errorf("somebody else left, and the chat is gone: %+v", c)
	}
	seen := r.conversation(group).SeenAt
	r.advance(30 * time.Minute)
	must(t, r.teams.AddMember(t.Context(), r.budi, group))
	if got := r.conversation(group).SeenAt; !got.Equal(seen) {
		t.Error("an unchanged conversation is written with each activity")
	}
	r.advance(time.Hour)
	must(t, r.teams.RemoveMember(t.Context(), r.budi, group))
	if got := r.conversation(group).SeenAt; !got.After(seen) {
		t.Error("an unchanged conversation is never written again")
	}
}

// TestGone: each way to lose a place, and back.
func TestGone(t *testing.T) {
	event := func(kind string, change map[string]any) func(*rig) {
		return func(r *rig) {
			change["id"] = fmt.Sprintf("gone-%d", r.Now().UnixNano())
			r.advance(time.Second)
			if d := r.send(r.activity(kind, r.payments, change)); d.Status != 200 {
				r.t.Fatalf("status %d", d.Status)
			}
		}
	}
	conv := func(r *rig) map[string]any {
		return map[string]any{"id": r.payments, "conversationType": "channel", "tenantId": tenant}
	}
	data := func(r *rig, eventType string) map[string]any {
		return map[string]any{
			"tenant": map[string]any{"id": tenant}, "team": map[string]any{"id": r.general}, "eventType": eventType, "channel": map[string]any{"id": r.payments},
		}
	}
	tests := []struct {
		name  string
		lose  func(r *rig)
		stays bool
	}{
		{"removed", func(r *rig) {
			event("installationUpdate", map[string]any{"action": "remove", "conversation": conv(r), "channelData": data(r, "")})(r)
		}, false},
		{"removed by upgrade", func(r *rig) {
			event("installationUpdate", map[string]any{"action": "remove-upgrade", "conversation": conv(r), "channelData": data(r, "")})(r)
		}, true},
		{"added by upgrade", func(r *rig) {
			event("installationUpdate", map[string]any{"action": "add-upgrade", "conversation": conv(r), "channelData": data(r, "")})(r)
		}, true},
		{"members removed", func(r *rig) {
			event("conversationUpdate", map[string]any{"membersRemoved": []any{map[string]any{"id": r.teams.BotID()}}, "conversation": conv(r), "channelData": data(r, "")})(r)
		}, false},
		{"others removed", func(r *rig) {
			event("conversationUpdate", map[string]any{"membersRemoved": []any{map[string]any{"id": r.eko}}, "conversation": conv(r), "channelData": data(r, "")})(r)
		}, true},
		{"channel deleted", func(r *rig) {
			event("conversationUpdate", map[string]any{"conversation": conv(r), "channelData": data(r, "channelDeleted")})(r)
		}, false},
		{"team deleted", func(r *rig) {
			event("conversationUpdate", map[string]any{"conversation": conv(r), "channelData": data(r, "teamDeleted")})(r)
		}, false},
		{"removed from the team by its General channel", func(r *rig) {
			event("installationUpdate", map[string]any{
				"action": "remove", "conversation": map[string]any{"id": r.general, "conversationType": "channel", "tenantId": tenant}, "channelData": data(r, ""),
			})(r)
		}, false},
		{"team archived", func(r *rig) {
			event("conversationUpdate", map[string]any{"conversation": conv(r), "channelData": data(r, "teamArchived")})(r)
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loseAndReturn(t, tt.lose, tt.stays)
		})
	}
}

// loseAndReturn binds a channel, loses it or not, and hears from it again.
func loseAndReturn(t *testing.T, lose func(*rig), stays bool) {
	r := newRig(t)
	r.install(r.ani)
	r.answered(r.ani, r.payments, "connect payments", "Payments")
	if got := r.cat.Get().Route("payments"); got.Channel != r.payments {
		t.Fatalf("bound to %s", got.Channel)
	}
	lose(r)
	if got := r.conversation(r.payments); (got.Gone == "") != stays {
		t.Errorf("gone: %q", got.Gone)
	}
	if got := r.cat.Get().Route("payments"); (got.Channel == r.payments) != stays {
		t.Errorf("incidents go to %s", got.Channel)
	}
	_, _, _, err := r.book.Address(t.Context(), r.payments)
	var p interface{ Permanent() bool }
	if (err == nil) != stays || (err != nil && (!errors.As(err, &p) || !p.Permanent())) {
		t.Errorf("Address: %v", err)
	}
	// The first word from there brings it back, with its binding.
	r.say(r.ani, r.payments, "help")
	if got := r.conversation(r.payments); got.Gone != "" || got.Squad != "payments" {
		t.Errorf("back: %+v", got)
	}
	if got := r.cat.Get().Route("payments"); got.Channel != r.payments {
		t.Errorf("back, but incidents go to %s", got.Channel)
	}
}

// TestChannelsComeAndGo: events about channels that come by another one.
func TestChannelsComeAndGo(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	send := func(id, eventType, channel, name string) {
		t.Helper()
		d := r.send(r.activity("conversationUpdate", r.general, map[string]any{
			"id": id, "conversation": map[string]any{"id": r.general, "conversationType": "channel", "tenantId": tenant},
			"channelData": map[string]any{
				"tenant": map[string]any{"id": tenant}, "team": map[string]any{"id": r.general, "name": "Shop 2"}, "eventType": eventType,
				"channel": map[string]any{"id": channel, "name": name},
			},
		}))
		if d.Status != 200 {
			t.Fatalf("%s: status %d", eventType, d.Status)
		}
	}
	send("1", "channelCreated", "19:new@thread.tacv2", "New")
	if c := r.conversation("19:new@thread.tacv2"); c.Kind != bot.Channel || c.Name != "New" || c.TeamID != r.general || c.ServiceURL == "" {
		t.Errorf("created: %+v", c)
	}
	send("2", "channelDeleted", "19:new@thread.tacv2", "")
	if c := r.conversation("19:new@thread.tacv2"); c.Gone == "" || c.Name != "New" {
		t.Errorf("deleted: %+v", c)
	}
	send("3", "channelRestored", "19:new@thread.tacv2", "Restored")
	if c := r.conversation("19:new@thread.tacv2"); c.Gone != "" || c.Name != "Restored" {
		t.Errorf("restored: %+v", c)
	}
	send("4", "channelDeleted", "19:never-heard-of@thread.tacv2", "")
	if _, err := r.store.Conversation(t.Context(), "19:never-heard-of@thread.tacv2"); !errors.Is(err, incident.ErrNotFound) {
		t.Errorf("an unknown channel that was deleted is kept: %v", err)
	}
	send("5", "teamRenamed", "", "")
	if c := r.conversation(r.payments); c.TeamName != "Shop 2" {
		t.Errorf("the team of the renamed team's channel is %q", c.TeamName)
	}
}

// TestWelcome: once for each conversation, whatever Teams repeats.
func TestWelcome(t *testing.T) {
	r := newRig(t)
	for range 2 {
		r.install(r.ani, r.budi)
	}
	must(t, r.teams.Uninstall(t.Context(), r.ani, r.teams.Personal(r.ani)))
	r.install(r.ani)
	for conv, words := range map[string][]string{
		r.teams.Personal(r.ani):  {"I am imbot", "help", "declare"},
		r.teams.Personal(r.budi): {"Saya imbot", "help", "declare"},
		r.payments:               {"Nothing is posted here", "@imbot connect payments", "payments, search, tools"},
	} {
		posts := r.teams.Posts(conv)
		if len(posts) != 1 || !containsAll(posts[0], words) || posts[0].Activity.Summary == "" {
			t.Errorf("the welcome is %s, want one with %q", texts(posts), words)
		}
	}
	if n := r.teams.PostCount(""); n != 3 {
		t.Errorf("%d posts in all", n)
	}
}

// TestWelcomeKnowsTheChannel: it must not say that nothing comes where something
// comes.
func TestWelcomeKnowsTheChannel(t *testing.T) {
	for _, tt := range []struct {
		name, install, want string
	}{
		{"default", "general", "Those of squads without a channel"},
		{"squad", "search", "Those of Search come here"},
		{"language of the squad", "payments", "Insiden Payments masuk ke sini"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.file = strings.Replace(r.file, "key: search, ", "key: search, channel: \""+r.search+"\", ", 1)
			r.file = strings.Replace(r.file, "key: payments, ", "key: payments, channel: \""+r.payments+"\", ", 1)
			must(t, r.rebind(t.Context()))
			conv := map[string]string{"general": r.general, "search": r.search, "payments": r.payments}[tt.install]
			must(t, r.teams.Install(t.Context(), r.ani, conv))
			r.settle()
			if posts := r.teams.Posts(conv); len(posts) != 1 || !posts[0].Contains(tt.want) {
				t.Errorf("the welcome is %s", texts(posts))
			}
		})
	}
}

// TestNoLostUpdate: activities that come at the same moment do not undo what
// each other has told.
func TestNoLostUpdate(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.budi)
	for round := range 10 {
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				id := fmt.Sprintf("race-%d-%d", round, i)
				change := map[string]any{"id": id, "text": "<at>imbot</at> list", "conversation": map[string]any{
					"id": r.payments, "conversationType": "channel", "tenantId": tenant, "name": id,
				}, "entities": []any{map[string]any{"type": "mention", "text": "<at>imbot</at>", "mentioned": map[string]any{"id": r.teams.BotID(), "name": "imbot"}}}}
				if i == 3 {
					change["text"] = "<at>imbot</at> connect payments"
				}
				if i == 4 { // ani has a new 1:1 chat
					change["text"], change["conversation"] = "list", map[string]any{"id": "a:" + id, "conversationType": "personal", "tenantId": tenant}
				} else {
					change["from"] = map[string]any{"id": r.ani, "name": "Ani " + id}
				}
				if d := r.send(r.activity("message", r.payments, change)); d.Status != 200 {
					t.Errorf("status %d", d.Status)
				}
			})
		}
		wg.Wait()
		if c := r.conversation(r.payments); c.Squad != "payments" {
			t.Fatalf("round %d: the binding is lost: %+v", round, c)
		}
		if p, err := r.store.Person(t.Context(), r.ani); err != nil || p.Conversation != fmt.Sprintf("a:race-%d-4", round) {
			t.Fatalf("round %d: the 1:1 chat is lost: %+v, %v", round, p, err)
		}
		r.disconnectQuietly()
	}
}

func (r *rig) disconnectQuietly() {
	c := r.conversation(r.payments)
	c.Squad = ""
	must(r.t, r.store.SaveConversation(r.t.Context(), c))
}
