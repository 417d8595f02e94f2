package bot_test

import (
	"testing"

	"imbot/bot"
	"imbot/integrations/botframework/botframeworksim"
)

// TestMailPreference: a person turns their own mails off and on, and nobody
// else's.
func TestMailPreference(t *testing.T) {
	r := newRig(t, func(c *bot.Config) { c.Preferences = c.Store.(bot.Preferences) })
	fake := r.teams.AddUser(botframeworksim.User{Name: "Citra", Mail: "citra@example.com", TenantID: other}).ID
	must(t, r.teams.SetMembers(r.payments, r.ani, r.budi, r.citra, fake))
	r.install(r.ani, r.budi)
	noMail := func(address string) bool {
		t.Helper()
		p, err := r.store.Preference(t.Context(), address)
		must(t, err)
		return p.NoMail
	}
	chat := r.teams.Personal(r.ani)
	r.answered(r.ani, chat, "mail", "Emails about incidents go to ani@example.com")
	r.answered(r.ani, chat, "mail off", "No more emails to ani@example.com")
	if !noMail("ani@example.com") || noMail("budi@example.com") {
		t.Error("mail off has no effect, or too much of it")
	}
	r.answered(r.ani, chat, "mail", "No emails go to ani@example.com")
	r.answered(r.ani, chat, "mail on", "Emails about incidents go to ani@example.com")
	if noMail("ani@example.com") {
		t.Error("mail on has no effect")
	}
	// A foreign tenant can give its people any mail.
	r.answered(fake, r.payments, "mail off", "I do not know your email address")
	if noMail("citra@example.com") {
		t.Error("somebody of a foreign tenant has turned our admin's mails off")
	}
	none := newRig(t)
	none.install(none.ani)
	none.answered(none.ani, none.teams.Personal(none.ani), "mail off", "an admin has not set them up")
}
