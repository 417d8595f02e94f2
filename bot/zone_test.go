package bot_test

import (
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

// jakarta is where the simulated people live, unless said otherwise.
var jakarta = time.FixedZone("WIB", 7*3600)

// TestTimezone: people live where the catalog says, else where Teams says. Whoever
// is only mentioned does not live where the speaker does.
func TestTimezone(t *testing.T) {
	r := newRig(t)
	r.file += "  - {mail: ani@example.com, timezone: Asia/Makassar}\n"
	must(t, r.rebind(t.Context()))
	fay := r.teams.AddUser(botframeworksim.User{Name: "Fay", Mail: "fay@example.com", Timezone: "Europe/London"}).ID
	gus := r.teams.AddUser(botframeworksim.User{Name: "Gus", Mail: "gus@example.com", Timezone: "SE Asia Standard Time"}).ID
	must(t, r.teams.SetMembers(r.payments, r.ani, r.budi, r.eko, fay, gus))
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is slow service:checkout")
	r.say(gus, r.payments, "note 1 x")
	r.say(fay, r.payments, "assign 1 @Eko", r.eko)
	for id, want := range map[string]string{
		"ani@example.com": "Asia/Makassar", "fay@example.com": "Europe/London",
		"eko@example.com": "", "gus@example.com": "", "nobody@example.com": "",
	} {
		z, err := bot.Timezone(t.Context(), r.store, r.cat.Get(), id)
		if err != nil || z == nil && want != "" || z != nil && z.String() != want {
			t.Errorf("Timezone(%s) = %v, %v, want %q", id, z, err, want)
		}
	}
	if r.get(1).Incident.Commander.ID != "eko@example.com" {
		t.Fatalf("the commander is %v", r.get(1).Incident.Commander)
	}
	r.say(r.eko, r.payments, "note 1 y")
	if z, err := bot.Timezone(t.Context(), r.store, r.cat.Get(), "eko@example.com"); err != nil || z == nil || z.String() != "Asia/Jakarta" {
		t.Errorf("since he has spoken: %v, %v", z, err)
	}
}

// TestTimesWherePeopleAre: a time that is typed is one of where its writer is; in
// a form it is of the zone that stands there, whoever fills it in.
func TestTimesWherePeopleAre(t *testing.T) {
	r := newRig(t)
	london, err := time.LoadLocation("Europe/London")
	must(t, err)
	fay := r.teams.AddUser(botframeworksim.User{Name: "Fay", Mail: "fay@example.com", Timezone: "Europe/London"}).ID
	must(t, r.teams.SetMembers(r.payments, r.ani, r.budi, fay))
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is slow service:checkout")
	next := r.Now().Add(90 * time.Minute).Truncate(time.Minute)
	want := func(how string) {
		t.Helper()
		if u := r.get(1).Incident.Update; u == nil || !u.Next.Equal(next) {
			t.Errorf("%s: the update is %+v, want the next one at %s", how, u, next)
		}
	}
	r.say(fay, r.payments, "update 1 looking next_update:"+next.In(london).Format("15:04"))
	want("said in London")
	form := r.answered(fay, r.payments, "update 1", "Europe/London")
	_, err = r.teams.Click(t.Context(), r.budi, r.payments, form.ID, botframeworksim.Press{Verb: "submit", Inputs: map[string]any{"text": "found it", "next_update": next.In(london).Format("15:04")}})
	must(t, err)
	want("filled in by somebody in Jakarta")
	// Of a mistake the form is shown again in its zone, too.
	form = r.answered(fay, r.payments, "update 1", "Europe/London")
	out, err := r.teams.Click(t.Context(), r.budi, r.payments, form.ID, botframeworksim.Press{Verb: "submit", Inputs: map[string]any{"text": "found it", "next_update": "soon"}})
	must(t, err)
	if s := string(out.Card); !strings.Contains(s, "Europe/London") || strings.Contains(s, "Asia/Jakarta") || !strings.Contains(s, "soon") {
		t.Errorf("the form again: %s", s)
	}
	// What stands in a form already is not another time because somebody else sends it.
	impact := r.Now().Add(-time.Hour).Truncate(time.Minute)
	r.say(fay, r.payments, "time 1 impact_started "+impact.Format(time.RFC3339))
	form = r.answered(fay, r.payments, "time 1", "Europe/London")
	_, err = r.teams.Click(t.Context(), r.budi, r.payments, form.ID, botframeworksim.Press{Verb: "submit", Inputs: map[string]any{"reason": "the graphs"}})
	must(t, err)
	if got := r.get(1).Incident.Times.ImpactStarted; !got.Equal(impact) || r.count(1, incident.EvTime) != 1 {
		t.Errorf("the impact began at %s, want %s; %d events", got, impact, r.count(1, incident.EvTime))
	}
}
