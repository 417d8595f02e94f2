package storetest

import (
	"github.com/google/go-cmp/cmp"

	"imbot/bot"
)

func testPreferences(e *env) {
	want := func(p bot.Preference) {
		e.Helper()
		got, err := e.Preference(e.ctx(), p.Address)
		e.must(err)
		if d := cmp.Diff(p, got); d != "" {
			e.Errorf("Preference(%s) (-want +got):\n%s", p.Address, d)
		}
	}
	want(bot.Preference{Address: "dewi@example.com"})
	want(bot.Preference{})
	off := bot.Preference{Address: "dewi@example.com", NoMail: true, By: "one-click", At: Start}
	e.must(e.SavePreference(e.ctx(), off))
	want(off)
	want(bot.Preference{Address: "budi@example.com"})
	on := bot.Preference{Address: "dewi@example.com", By: "chat", At: Start}
	e.must(e.SavePreference(e.ctx(), on))
	want(on)
	e.reopen()
	want(on)
	if err := e.SavePreference(e.ctx(), bot.Preference{NoMail: true}); err == nil {
		e.Error("SavePreference of one without an address succeeds")
	}
}
