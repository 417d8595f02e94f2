package bot_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

func TestUnfurl(t *testing.T) {
	r := newRig(t, func(c *bot.Config) { c.Reader.Pages = true })
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	link := "https://imbot.example.com/incidents/INC-1"
	out, err := r.teams.PasteLink(t.Context(), r.budi, r.payments, link)
	must(t, err)
	if len(out.Results) != 1 || out.Results[0].Title != "INC-1 Checkout is down" {
		t.Fatalf("unfurled: %s", out.Body)
	}
	card := string(out.Results[0].Card)
	for _, want := range []string{`"version":"1.3"`, "INC-1", "Checkout is down", "Checkout", link} {
		if !strings.Contains(card, want) {
			t.Errorf("the card lacks %s: %s", want, card)
		}
	}
	// It is kept for half an hour, and for ever in the chat: no state.
	r.say(r.ani, r.payments, "resolve 1 rolled back")
	r.advance(31 * time.Minute)
	later, err := r.teams.PasteLink(t.Context(), r.budi, r.payments, link)
	must(t, err)
	if !bytes.Equal(out.Body, later.Body) {
		t.Errorf("resolved it unfurls otherwise:\n%s\n%s", out.Body, later.Body)
	}
	for _, odd := range []string{"https://imbot.example.com/incidents/", "https://imbot.example.com/incidents/INC-0", "https://imbot.example.com/other/INC-1", "http://imbot.example.com/incidents/INC-1"} {
		if out, err := r.teams.PasteLink(t.Context(), r.budi, r.payments, odd); err != nil || len(out.Results) != 0 {
			t.Errorf("%s unfurls to %s, %v", odd, out.Body, err)
		}
	}
}

func TestLinkedIncident(t *testing.T) {
	for _, tt := range []struct {
		base, link string
		want       incident.ID
	}{
		{"https://imbot.example.com", "https://imbot.example.com/incidents/INC-42", 42},
		{"https://imbot.example.com", "https://IMBOT.example.com/incidents/inc-42?tab=rca#x", 42},
		{"https://imbot.example.com", " https://imbot.example.com/incidents/INC-42/ ", 42},
		{"https://imbot.example.com", "https://imbot.example.com/incidents/INC-42/rca", 42},
		{"https://example.com/ops/", "https://example.com/ops/incidents/INC-7", 7},
		{"https://example.com/ops", "https://example.com/incidents/INC-7", 0},
		{"https://imbot.example.com", "https://imbot.example.com/incidents/42", 0},
		{"https://imbot.example.com", "https://imbot.example.com/incidents/INC-042", 0},
		{"https://imbot.example.com", "https://imbot.example.com/incidents/INC-42/../INC-43", 0},
		{"https://imbot.example.com", "https://imbot.example.com/incidents/INC-99999999999999999999", 0},
		{"https://imbot.example.com", "https://imbot.example.com:8443/incidents/INC-42", 0},
		{"https://imbot.example.com", "https://a@imbot.example.com/incidents/INC-42", 0},
		{"https://imbot.example.com", "https://imbot.example.com.evil.example/incidents/INC-42", 0},
		{"https://imbot.example.com", "//imbot.example.com/incidents/INC-42", 0},
		{"", "https://imbot.example.com/incidents/INC-42", 0},
		{"", "/incidents/INC-42", 0},
		{"https://imbot.example.com", "", 0},
	} {
		id, ok := bot.LinkedIncident(tt.base, tt.link)
		if !ok {
			id = 0
		}
		if id != tt.want {
			t.Errorf("LinkedIncident(%q, %q) = %s, want %s", tt.base, tt.link, id, tt.want)
		}
	}
}

// FuzzLinkedIncident wants only links below the address, and the id that they name.
func FuzzLinkedIncident(f *testing.F) {
	for _, s := range []string{"https://imbot.example.com/incidents/INC-42", "https://imbot.example.com/incidents/INC-42/rca?x#y", "https://imbot.example.com/incidents/%49NC-1", "https://x/", "", "https://imbot.example.com/incidents/inc-9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, link string) {
		id, ok := bot.LinkedIncident("https://imbot.example.com", link)
		if !ok {
			return
		}
		if id <= 0 || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(link)), "https://imbot.example.com/") {
			t.Errorf("%q leads to %s", link, id)
		}
		if again, ok := bot.LinkedIncident("https://imbot.example.com", "https://imbot.example.com/incidents/"+id.String()); !ok || again != id {
			t.Errorf("%s has no link of its own", id)
		}
	})
}

// TestDeclareFromCard: what an app has posted is a card; its text is that of the
// message. A message as long as Teams takes is cut, and its beginning the title.
func TestDeclareFromCard(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	card := r.card(1, r.payments, r.payments)
	dialog := r.onMessage(r.ani, r.payments, card.ID, bot.CommandDeclare)
	if dialog.Task != "continue" || !bytes.Contains(dialog.Card, []byte("Checkout is down")) {
		t.Errorf("of a card: %s", dialog.Body)
	}
	msg := r.post(r.budi, r.payments, strings.Repeat("checkout fails ", 667), botframeworksim.SayOptions{})
	dialog = r.onMessage(r.ani, r.payments, msg, bot.CommandDeclare)
	done := r.submit(r.ani, r.payments, bot.CommandDeclare, dialog, nil)
	inc := r.get(2).Incident
	if done.Task != "continue" || len([]rune(inc.Title)) > incident.MaxTitle || !strings.HasPrefix(inc.Title, "checkout fails checkout") ||
		!strings.Contains(inc.Description, "…”\n— Budi, ") || !strings.Contains(inc.Description, "/l/message/") {
		t.Errorf("of 10,000 characters: %s\n%q\n%q", done.Body, inc.Title, inc.Description)
	}
	if out := r.onMessage(r.ani, r.payments+";messageid="+card.ID, msg, bot.CommandTimeline); out.Task != "message" || len(r.notes(1)) != 1 || len([]rune(r.notes(1)[0].Text)) > 3100 {
		t.Errorf("onto the timeline: %s", out.Body)
	}
}
