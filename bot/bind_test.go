package bot_test

import (
	"strings"
	"testing"

	"imbot/bot"
	"imbot/incident"
)

// TestConnect: who may bind a channel to a squad, and what follows.
func TestConnect(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	route := func(squad string) string { return r.cat.Get().Route(squad).Channel }
	for _, tt := range []struct {
		name, user, conv, text, want string
		payments                     string // where its incidents go then
	}{
		{"in a 1:1 chat", r.ani, r.teams.Personal(r.ani), "connect payments", "Say that in the channel", r.general},
		{"nothing to disconnect", r.ani, r.payments, "disconnect", "connected to no squad", r.general},
		{"nothing to test", r.ani, r.payments, "test", "connected to no squad", r.general},
		{"a member", r.budi, r.payments, "connect payments", "Only ani@example.com or an admin", r.general},
		{"a stranger", r.eko, r.payments, "connect payments", "Only ani@example.com or an admin", r.general},
		{"a viewer, where nobody leads", r.vera, r.payments, "connect tools", "or an admin may connect", r.general},
		{"unknown squad", r.ani, r.payments, "connect paymnts", "Squads are: payments, search, tools", r.general},
		{"test before", r.ani, r.payments, "test payments", "A test has been sent", r.general},
		{"the lead", r.ani, r.payments, "connect Payments", "Payments terhubung", r.payments},
		{"again", r.ani, r.payments, "connect payments", "terhubung", r.payments},
		{"test", r.eko, r.payments, "test", "insiden Payments masuk ke sini", r.payments},
		{"taken away", r.dewi, r.payments, "connect search", "terhubung ke payments", r.payments},
		{"disconnect of another squad", r.dewi, r.payments, "disconnect search", "search tidak terhubung", r.payments},
		{"disconnect by a stranger", r.eko, r.payments, "disconnect", "Hanya ani@example.com", r.payments},
		{"moved by an admin", r.citra, r.archive, "connect payments", "Payments", r.archive},
		{"disconnect where it was", r.ani, r.payments, "disconnect payments", "payments is not connected", r.archive},
		{"disconnect", r.ani, r.archive, "disconnect", "", r.general},
		{"where nobody leads", r.eko, r.search, "connect tools", "Tools is connected", r.general},
	} {
		t.Run(tt.name, func(t *testing.T) {
			posts := r.say(tt.user, tt.conv, tt.text)
			if len(posts) != 1 || !strings.Contains(posts[0].Activity.Text, strings.Replace(tt.want, "Payments terhubung", "Payments", 1)) {
				t.Errorf("%q was answered with %s, want %q", tt.text, texts(posts), tt.want)
			}
			if got := route("payments"); got != tt.payments {
				t.Errorf("incidents of payments go to %s, want %s", got, tt.payments)
			}
		})
	}
	if got := route("tools"); got != r.search {
		t.Errorf("incidents of tools go to %s", got)
	}
	if c := r.conversation(r.archive); c.BoundBy.ID != "ani@example.com" || c.BoundAt.IsZero() || c.Squad != "" {
		t.Errorf("the last word on the channel is %+v", c)
	}
	if c := r.conversation(r.payments); c.BoundBy.ID != "citra@example.com" {
		t.Errorf("released by %+v", c.BoundBy)
	}
	if !strings.Contains(r.log.String(), `"squad":"payments","by":"ani@example.com"`) {
		t.Error("a binding is not in the log")
	}
}

// TestConnectTakesEffect: with the next incident, and after a restart.
func TestConnectTakesEffect(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	declare := func(title string) incident.ID {
		t.Helper()
		inc, err := r.svc.Do(t.Context(), incident.Command{Verb: incident.Declare, Actor: incident.System, Args: incident.Args{Title: title, Service: "checkout"}})
		must(t, err)
		r.settle()
		return inc.ID
	}
	first := declare("one is down")
	r.card(first, r.general, r.general)
	r.say(r.ani, r.payments, "connect payments")
	second := declare("two is down")
	r.card(second, r.payments, r.payments)
	if _, ok := r.get(second).Incident.HasRef("teams", incident.RoleCard, r.general); ok {
		t.Error("it went to the default channel as well")
	}
	must(t, r.rebind(t.Context())) // what a start does
	r.card(declare("three is down"), r.payments, r.payments)
}

// TestConnectWithBrokenCatalog: the wish is kept, and the person told.
func TestConnectWithBrokenCatalog(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	good := r.file
	r.file = "squads: ["
	r.answered(r.ani, r.payments, "connect payments", "takes effect only when the catalog can be read")
	r.file = good
	must(t, r.rebind(t.Context()))
	if got := r.cat.Get().Route("payments").Channel; got != r.payments {
		t.Errorf("incidents go to %s", got)
	}
}

// TestTestPost: a test goes where incidents go.
func TestTestPost(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.ani, r.payments, "connect payments")
	before := len(r.teams.Posts(r.payments))
	r.answered(r.ani, r.search, "test payments", "A test has been sent")
	if got := r.teams.Posts(r.payments)[before:]; len(got) != 1 || !got[0].Contains("insiden Payments masuk ke sini") {
		t.Errorf("in the squad's channel: %s", texts(got))
	}
	before = len(r.teams.Posts(r.payments))
	r.answered(r.vera, r.search, "test payments", "read only")
	if got := r.teams.Posts(r.payments)[before:]; len(got) != 0 {
		t.Errorf("who reads only posts in others' channels: %s", texts(got))
	}
	must(t, r.teams.DeleteChannel(t.Context(), r.ani, r.payments))
	r.file = strings.Replace(r.file, "key: payments, ", `key: payments, channel: "`+r.archive+`", `, 1)
	must(t, r.rebind(t.Context()))
	r.answered(r.ani, r.search, "test payments", "A test has been sent")
	gone, err := r.store.Conversation(t.Context(), r.archive)
	if err != nil { // never heard of: it is tried
		gone = bot.Conversation{ID: r.archive, Kind: bot.Channel}
	}
	gone.Gone = "imbot was removed from here"
	must(t, r.store.SaveConversation(t.Context(), gone))
	r.answered(r.ani, r.search, "test payments", "where imbot cannot speak")
}
