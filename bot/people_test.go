package bot_test

import (
	"errors"
	"testing"
	"time"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

// TestRoles: the table of who is what.
func TestRoles(t *testing.T) {
	a := bot.Access{Admins: []string{"citra@example.com"}, Viewers: []string{"vera@example.com"}}
	for _, tt := range []struct {
		id   string
		home bool
		def  incident.Role
		want incident.Role
	}{
		{"citra@example.com", true, "", incident.RoleAdmin},
		{"citra@example.com", false, "", incident.RoleViewer},
		{"vera@example.com", true, "", incident.RoleViewer},
		{"ani@example.com", true, "", incident.RoleResponder},
		{"ani@example.com", true, incident.RoleViewer, incident.RoleViewer},
		{"ani@example.com", false, incident.RoleAdmin, incident.RoleViewer},
	} {
		a.Default = tt.def
		if got := a.RoleOf(tt.id, tt.home); got != tt.want {
			t.Errorf("RoleOf(%s, %v), default %q = %s, want %s", tt.id, tt.home, tt.def, got, tt.want)
		}
	}
}

// TestWho: mail and role come from the roster and the catalog, and decide what
// people may do.
func TestWho(t *testing.T) {
	r := newRig(t)
	guest := r.teams.AddUser(botframeworksim.User{Name: "Gita", Mail: "gita@partner.example", Guest: true}).ID
	// A foreign tenant can give its people any mail, such as that of our admin.
	fake := r.teams.AddUser(botframeworksim.User{Name: "Citra", Mail: "citra@example.com", TenantID: other}).ID
	// Whoever has a meeting's link can be in its chat, by any name.
	anonymous := r.teams.AddUser(botframeworksim.User{Name: "Citra", Anonymous: true}).ID
	must(t, r.teams.SetMembers(r.payments, r.ani, r.budi, r.citra, r.dewi, r.eko, r.vera, guest, fake, anonymous))
	r.install(r.ani)
	r.say(r.citra, r.payments, "declare Checkout is down service:checkout")
	for _, tt := range []struct {
		name, user, text, want string
	}{
		{"viewer", r.vera, "ack 1", "guests and viewers read only"},
		{"guest", guest, "ack 1", "guests and viewers read only"},
		{"anonymous", anonymous, "ack 1", "guests and viewers read only"},
		{"foreign tenant", fake, "ack 1", "guests and viewers read only"},
		{"foreign tenant as admin", fake, "level 1 other because", "guests and viewers read only"},
		{"guest reads", guest, "show 1", "INC-1"},
		{"responder", r.eko, "ack 1", "Eko has INC-1"},
		{"responder of another squad", r.eko, "level 1 other because", "Only the commander, the squad"},
		{"member", r.budi, "level 1 other because", "INC-1 is now"},
		{"admin", r.citra, "level 1 service-down because", "INC-1 is now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			posts := r.say(tt.user, r.payments, tt.text)
			if len(posts) == 0 || !posts[0].Contains(tt.want) {
				t.Errorf("%q was answered with %s, want %q", tt.text, texts(posts), tt.want)
			}
		})
	}
	p, err := r.store.Person(t.Context(), "citra@example.com")
	must(t, err)
	if p.TeamsID != r.citra || p.Guest || p.TenantID != tenant {
		t.Errorf("the admin is kept as %+v", p)
	}
	for _, id := range []string{guest, fake} {
		if p, err := r.store.Person(t.Context(), id); err != nil || p.Mail != "" || p.ID != "aad:"+p.AADObjectID {
			t.Errorf("somebody from outside is kept as %+v, %v", p, err)
		}
	}
	// The catalog joins an object id with a mail, whatever the roster says.
	r.say(r.dewi, r.payments, "note 1 x")
	if p, err := r.store.Person(t.Context(), r.dewi); err != nil || p.ID != "dewi@example.com" {
		t.Errorf("dewi is %+v, %v", p, err)
	}
}

// TestRosterFails: it never blocks an acknowledgement, nor is it asked with each
// message then; the mail is known as soon as it works again.
func TestRosterFails(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	r.roster.hang.Store(true)
	asked := r.roster.asked.Load()
	began := time.Now()
	r.write(r.eko, r.payments, "ack 1")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	by := r.get(1).Incident.AcknowledgedBy
	if len(by.ID) < 5 || by.ID[:4] != "aad:" || by.Name != "Eko" {
		t.Fatalf("acknowledged by %+v", by)
	}
	for range 3 {
		r.write(r.eko, r.payments, "list") // at once: what follows could take its time
	}
	if n := r.roster.asked.Load() - asked; n != 1 {
		t.Errorf("the roster was asked %d times", n)
	}
	// Many strangers in one message share the time.
	began = time.Now()
	var strangers []string
	text := "note 1 told"
	for _, name := range []string{"Adi", "Beni", "Candra", "Dodi", "Edi", "Fani", "Gani", "Hadi"} {
		strangers, text = append(strangers, r.teams.AddUser(botframeworksim.User{Name: name}).ID), text+" @"+name
	}
	r.write(r.ani, r.payments, text, strangers...)
	if took := time.Since(began); took > 11*time.Second { // 1.5 s, and 12 s one after the other
		t.Errorf("eight strangers took %s", took)
	}
	r.roster.hang.Store(false)
	r.advance(time.Minute)
	r.say(r.eko, r.payments, "note 1 it is me")
	p, err := r.store.Person(t.Context(), by.ID)
	must(t, err)
	if p.ID != "eko@example.com" || p.Mail != "eko@example.com" {
		t.Errorf("eko is kept as %+v", p)
	}
	// What was known once stays known while the roster fails.
	r.roster.hang.Store(true)
	r.advance(25 * time.Hour)
	r.say(r.eko, r.payments, "note 1 me again")
	if p, err := r.store.Person(t.Context(), r.eko); err != nil || p.ID != "eko@example.com" {
		t.Errorf("eko is kept as %+v, %v", p, err)
	}
}

// TestAddress: the ways to people and places.
func TestAddress(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.eko, r.payments, "help") // met, but without a 1:1 chat
	ctx := t.Context()
	ref, place, _, err := r.book.Address(ctx, "user:ani@example.com")
	if err != nil || place != bot.Personal || ref.ConversationID != r.teams.Personal(r.ani) {
		t.Errorf("ani: %+v, %s, %v", ref, place, err)
	}
	ref, _, _, err = r.book.Address(ctx, "user:eko@example.com")
	if err != nil || ref.ConversationID == "" {
		t.Errorf("eko's chat is not opened: %v", err)
	}
	if p, err := r.store.Person(ctx, "eko@example.com"); err != nil || p.Conversation != ref.ConversationID {
		t.Errorf("the chat that was opened is not kept: %+v, %v", p, err)
	}
	opened := 0
	for range 2 {
		_, _, _, err = r.book.Address(ctx, "user:eko@example.com")
		must(t, err)
	}
	for _, c := range r.teams.Calls() {
		if c.Op == "create" {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("the chat was opened %d times", opened)
	}
	permanent := func(name, target string) {
		t.Helper()
		_, _, _, err := r.book.Address(ctx, target)
		var p interface{ Permanent() bool }
		if !errors.As(err, &p) || !p.Permanent() {
			t.Errorf("%s: %v, want one for good", name, err)
		}
	}
	permanent("a stranger", "user:nobody@example.com")
	must(t, r.teams.Uninstall(ctx, r.ani, r.teams.Personal(r.ani)))
	permanent("who removed imbot", "user:ani@example.com")
	// A channel that the configuration names, and that was never heard of.
	ref, place, _, err = r.book.Address(ctx, "19:configured@thread.tacv2")
	if err != nil || place != bot.Channel || ref.ServiceURL != r.teams.ServiceURL() || ref.TenantID != tenant || ref.BotID != "28:"+appID {
		t.Errorf("a configured channel: %+v, %s, %v", ref, place, err)
	}
	if id, name, ok := r.book.Mention(ctx, "eko@example.com"); !ok || id != r.eko || name != "Eko" {
		t.Errorf("Mention: %s, %s, %v", id, name, ok)
	}
	if _, _, ok := r.book.Mention(ctx, "nobody@example.com"); ok {
		t.Error("a stranger can be mentioned")
	}
}
