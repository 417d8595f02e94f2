package bot_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

// alarm makes the pager report something about a service.
func (r *rig) alarm(ref, title string) incident.ID {
	r.t.Helper()
	r.advance(time.Second)
	inc, err := r.svc.Do(r.t.Context(), incident.Command{
		Verb: incident.Trigger, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, Source: incident.SourcePagerDuty, At: r.Now(),
		Ref:  &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: ref},
		Args: incident.Args{Alert: &incident.Alert{Title: title, Service: "checkout"}},
	})
	must(r.t, err)
	return inc.ID
}

func linkOf(inc *incident.Incident) string {
	if inc.Link == nil {
		return "none"
	}
	return inc.Link.Kind + " " + inc.Link.Parent.String()
}

// TestLinkByWord: link, unlink and undo, typed in a channel and a 1:1 chat.
func TestLinkByWord(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.eko)
	r.say(r.ani, r.payments, "connect payments")
	r.alarm("Q1", "checkout is down on host-1")
	r.alarm("Q2", "checkout is down on host-2")
	r.alarm("Q3", "certificate expires")
	r.settle()
	link := func() string { return linkOf(r.get(2).Incident) + ", " + linkOf(r.get(3).Incident) }
	ani := r.teams.Personal(r.ani)
	for _, tt := range []struct{ user, conv, say, want, links string }{
		{r.eko, r.payments, "unlink 2", "Hanya", "duplicate INC-1, none"}, // only the squad may
		{r.vera, r.payments, "link 3 caused-by 1", "", "duplicate INC-1, none"},
		{r.budi, r.payments, "unlink INC-2 another disk", "INC-2 tidak terkait dengan INC-1", "none, none"},
		{r.budi, r.payments, "undo 2", "INC-2", "duplicate INC-1, none"},
		{r.ani, ani, "undo 2", "nothing to take back", "duplicate INC-1, none"},
		{r.ani, ani, "INC-3 link caused by INC-1", "INC-3 is a consequence of INC-1 now.", "duplicate INC-1, cascade INC-1"},
		{r.ani, ani, "link INC-3 duplicate of 1", "INC-3 is a duplicate of INC-1 now.", "duplicate INC-1, duplicate INC-1"},
		{r.ani, ani, "not related INC-3", "INC-3 is not related to INC-1: noted.", "duplicate INC-1, none"},
		{r.ani, ani, "unlink INC-3", "INC-3 is not related to INC-1: noted.", "duplicate INC-1, none"},
		{r.ani, ani, "unlink INC-1", "INC-1 is linked to nothing.", "duplicate INC-1, none"},
		{r.ani, ani, "link 3 caused-by 99", "There is no incident INC-99.", "duplicate INC-1, none"},
		{r.ani, ani, "link 3 married-to 1", "caused-by", "duplicate INC-1, none"},
		{r.ani, ani, "lnk 3 caused-by 1", "Did you mean link?", "duplicate INC-1, none"},
	} {
		r.answered(tt.user, tt.conv, tt.say, tt.want)
		if got := link(); got != tt.links {
			t.Errorf("after %q: %s, want %s", tt.say, got, tt.links)
		}
	}
	// In the thread of a card the number may be left out. A form asks for the rest.
	card := r.card(3, r.payments, r.payments)
	r.answered(r.budi, r.payments+";messageid="+card.ID, "link caused-by 1", "INC-3")
	if got := link(); got != "duplicate INC-1, cascade INC-1" {
		t.Errorf("in the thread: %s", got)
	}
	if p := r.answered(r.budi, r.payments+";messageid="+card.ID, "link", "Kaitkan INC-3"); p.Card() == nil {
		t.Errorf("link alone is answered with %s", texts([]botframeworksim.Post{p}))
	}
}

// TestLinkForm: the form's own errors stand in the form, and what was chosen
// stays.
func TestLinkForm(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.ani, r.payments, "connect payments")
	r.alarm("Q1", "checkout is down")
	r.alarm("Q2", "certificate expires")
	r.settle()
	card := r.card(2, r.payments, r.payments)
	before := len(r.teams.Posts(r.payments))
	out, err := r.teams.Click(t.Context(), r.budi, r.payments, card.ID, botframeworksim.Press{Title: "Terkait juga…"})
	must(t, err)
	r.settle()
	posts := r.teams.Posts(r.payments)[before:]
	if out.Type != isText || len(posts) != 1 || !posts[0].Contains("INC-1 checkout is down") || posts[0].Contains("INC-2 certificate") {
		t.Fatalf("the form: %s, %s", out.Body, texts(posts))
	}
	form := posts[0].ID
	submit := func(parent, other, kind string) *botframeworksim.InvokeResponse {
		return r.press(r.budi, r.payments, form, map[string]any{"verb": "submit", "form": "link", "incident": "INC-2", "op": "save", "parent": parent, "parent_other": other, "kind": kind})
	}
	if out := submit("", "the other one", "duplicate"); out.Type != isCard || !bytes.Contains(out.Card, []byte("the other one")) || !bytes.Contains(out.Card, []byte("⚠️")) {
		t.Errorf("what makes no sense: %s", out.Body)
	}
	if out := submit("", "99", "duplicate"); !strings.Contains(string(out.Body), "There is no incident INC-99.") {
		t.Errorf("one that is not there: %s", out.Body)
	}
	if out := submit("INC-1", "", "cascade"); out.Type != isCard || !bytes.Contains(out.Card, []byte("INC-2 is a consequence of INC-1 now.")) {
		t.Errorf("submitted: %s", out.Body)
	}
	if got := linkOf(r.get(2).Incident); got != "cascade INC-1" {
		t.Errorf("link = %s", got)
	}
	// Those who may not are told before they fill it in.
	if out := r.press(r.eko, r.payments, card.ID, map[string]any{"verb": "form", "form": "link", "incident": "INC-2"}); out.Type != isText || !strings.Contains(out.Text, "Only") {
		t.Errorf("the form for others: %s", out.Body)
	}
}

// TestRelatedList: the list of what is linked is a message of its own, whose
// buttons correct one after the other, and lead through hundreds.
func TestRelatedList(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.ani, r.payments, "connect payments")
	for i := range 26 {
		r.alarm(fmt.Sprint("Q", i), fmt.Sprintf("checkout is down on host-%d", i))
	}
	r.settle()
	card := r.card(1, r.payments, r.payments)
	if !card.Contains("25 duplikat") || !card.Contains("dan 20 lagi") {
		t.Errorf("the card of the parent: %s", card.Card())
	}
	before := len(r.teams.Posts(r.payments))
	out, err := r.teams.Click(t.Context(), r.budi, r.payments, card.ID, botframeworksim.Press{Verb: "related"})
	must(t, err)
	r.settle()
	posts := r.teams.Posts(r.payments)[before:]
	if out.Type != isText || len(posts) != 1 || !posts[0].Contains("INC-2") {
		t.Fatalf("the list: %s, %s", out.Body, texts(posts))
	}
	list := posts[0].ID
	out = r.press(r.budi, r.payments, list, map[string]any{"verb": "related", "incident": "INC-1", "n": 10})
	if out.Type != isCard || !bytes.Contains(out.Card, []byte("INC-12 ")) || bytes.Contains(out.Card, []byte("INC-2 ")) || !bytes.Contains(out.Card, []byte(`"n":20`)) {
		t.Errorf("the second page: %s", out.Body)
	}
	out = r.press(r.eko, r.payments, list, map[string]any{"verb": "unlink", "incident": "INC-2", "list": "INC-1"})
	if out.Type != isText || r.get(2).Incident.Link == nil {
		t.Errorf("not related, by somebody else: %s", out.Body)
	}
	out = r.press(r.budi, r.payments, list, map[string]any{"verb": "unlink", "incident": "INC-2", "list": "INC-1"})
	if out.Type != isCard || r.get(2).Incident.Link != nil || !bytes.Contains(out.Card, []byte("INC-2 is not related to INC-1: noted.")) || !bytes.Contains(out.Card, []byte(`"verb":"undo"`)) {
		t.Errorf("not related: %s", out.Body)
	}
	out = r.press(r.budi, r.payments, list, map[string]any{"verb": "undo", "incident": "INC-2", "list": "INC-1"})
	if out.Type != isCard || linkOf(r.get(2).Incident) != "duplicate INC-1" || bytes.Contains(out.Card, []byte(`"verb":"undo"`)) {
		t.Errorf("undo: %s", out.Body)
	}
	// On its own card the same button answers with that card.
	out = r.press(r.budi, r.payments, card.ID, map[string]any{"verb": "unlink", "incident": "INC-3"})
	if out.Type != isCard || !bytes.Contains(out.Card, []byte("host-2")) || !bytes.Contains(out.Card, []byte(`"verb":"undo"`)) {
		t.Errorf("on its own card: %s", out.Body)
	}
}

// TestMuteByWord: mutes are set, listed and ended in chat.
func TestMuteByWord(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.eko)
	r.say(r.ani, r.payments, "connect payments")
	ani, eko := r.teams.Personal(r.ani), r.teams.Personal(r.eko)
	until := r.Now().Truncate(time.Second).Add(2 * time.Hour)
	r.answered(r.eko, eko, "mute checkout 2h", "Only")
	r.answered(r.ani, ani, "mute nothing 2h", "no service or squad", "nothing")
	r.answered(r.ani, ani, "mute checkout", "Example")
	r.answered(r.ani, ani, "mute checkout 60d", "30 days")
	p := r.answered(r.ani, ani, "mute checkout for 2h upgrading <at>all</at>", "Checkout is muted until", "upgrading")
	if strings.Contains(p.Activity.Text, "<at>") || r.Now().After(until) {
		t.Errorf("answer %q", p.Activity.Text)
	}
	before := len(r.teams.Posts(r.payments))
	id := r.alarm("Q1", "checkout is down")
	r.settle()
	if n := len(r.teams.Posts(r.payments)) - before; n != 0 || r.get(id).Incident.NoticeGap != incident.GapMaintenance {
		t.Errorf("a muted service made %d posts, gap %q", n, r.get(id).Incident.NoticeGap)
	}
	r.answered(r.ani, ani, "show 1", "is muted until", "by Ani: upgrading")
	r.answered(r.eko, eko, "mute list", "Checkout", "upgrading")
	list := r.answered(r.ani, ani, "mute", "Checkout")
	r.answered(r.eko, eko, "unmute checkout", "Only")
	if out := r.press(r.ani, ani, list.ID, map[string]any{"verb": "unmute", "target": "checkout"}); out.Type != isCard || !bytes.Contains(out.Card, []byte("Nothing is muted")) {
		t.Errorf("end mute: %s", out.Body)
	}
	if out := r.press(r.ani, ani, list.ID, map[string]any{"verb": "unmute", "target": "checkout"}); out.Type != isText || !strings.Contains(out.Text, "is not muted") {
		t.Errorf("end mute again: %s", out.Body)
	}
	r.answered(r.ani, ani, "mute payments 1h", "Payments is muted until")
	r.answered(r.ani, ani, "unmute Payments", "Payments is not muted any more.")
}

// TestSimilarAndStats: what was seen before, and how the rules do.
func TestSimilarAndStats(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	ani := r.teams.Personal(r.ani)
	r.alarm("Q1", "checkout is down on host-1")
	r.say(r.ani, ani, "resolve 1")
	r.say(r.ani, ani, `rca 1 summary:s impact:i root_cause:"a leak in the pool" category:code resolution_steps:"rolled back" complete:yes`)
	r.advance(48 * time.Hour)
	r.alarm("Q2", "checkout is down on host-2")
	r.settle()
	r.answered(r.ani, ani, "show 2", "Similar incidents", "a leak in the pool", "rolled back")
	r.answered(r.ani, ani, "similar 2", "Similar to INC-2", "INC-1", "a leak in the pool")
	r.answered(r.ani, ani, "similar 1", "No earlier incident")
	r.alarm("Q3", "checkout is down on host-3")
	r.answered(r.ani, ani, "stats links", "the same title on the same service", "100 % right: 1 made, 0 taken away")
	r.say(r.ani, ani, "unlink 3")
	r.answered(r.ani, ani, "stats links since:7d", "0 % right: 1 made, 1 taken away")
	r.answered(r.ani, ani, "stats fish", "not a time")
	out := r.press(r.ani, ani, "", map[string]any{"verb": "similar", "incident": "INC-2"})
	before := len(r.teams.Posts(ani))
	r.settle()
	if posts := r.teams.Posts(ani)[before:]; out.Type != isText || len(posts) != 1 || !posts[0].Contains("Similar to INC-2") {
		t.Errorf("the button: %s, %s", out.Body, texts(posts))
	}
}

// TestRelatedPrivate: nothing private is named, listed or found by these verbs
// where it must not be, whoever asks.
func TestRelatedPrivate(t *testing.T) {
	r := newRig(t)
	r.install(r.ani, r.eko)
	ani, eko := r.teams.Personal(r.ani), r.teams.Personal(r.eko)
	r.say(r.ani, ani, "declare \"a leak of keys\" service:checkout private:yes")
	r.alarm("Q1", "checkout is down") // INC-2
	r.settle()
	const none = "There is no incident INC-1."
	for _, text := range []string{"similar 1", "unlink 1", "undo 1", "link 1 caused-by 2", "link 2 caused-by 1"} {
		r.answered(r.eko, eko, text, none)
	}
	r.answered(r.ani, r.general, "similar 1", none)
	r.answered(r.ani, r.general, "link 2 caused-by 1", none)
	r.answered(r.ani, ani, "link 2 caused-by 1", "A private incident cannot be tied to others.")
	for _, data := range []map[string]any{
		{"verb": "related", "incident": "INC-1"},
		{"verb": "similar", "incident": "INC-1"},
		{"verb": "unlink", "incident": "INC-2", "list": "INC-1"},
		{"verb": "unlink", "incident": "INC-1"},
		{"verb": "form", "form": "link", "incident": "INC-1"},
		{"verb": "submit", "form": "link", "incident": "INC-2", "parent": "INC-1", "kind": "cascade"},
	} {
		for _, who := range []struct{ user, conv string }{{r.eko, eko}, {r.ani, r.general}} {
			if out := r.press(who.user, who.conv, "", data); !strings.Contains(string(out.Body), none) {
				t.Errorf("%v: %s", data, out.Body)
			}
		}
	}
	r.settle()
	for _, p := range append(r.teams.Posts(eko), r.teams.Posts(r.general)...) {
		if p.Contains("leak of keys") {
			t.Errorf("named in %s", texts([]botframeworksim.Post{p}))
		}
	}
}
