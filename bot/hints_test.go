package bot_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"imbot/bot"
	"imbot/commands"
	"imbot/incident"
	"imbot/locale"
)

// TestHintsWork: whatever a text tells people to type is made where it is shown,
// for a verb alone is heard in a 1:1 chat only. So no text has one of its own.
func TestHintsWork(t *testing.T) {
	typed := regexp.MustCompile(`(?:[“"]|: )([a-z-]+)(?: (?:\{|[A-Z]|[a-z]+[”"])|[”"])`)
	elsewhere := map[string]bool{
		"unsubscribe.bad": true, // on a page, of the 1:1 chat
	}
	verbs := map[string]bool{}
	for _, row := range commands.Help(commands.Env{}) {
		verbs[row.Verb] = true
	}
	for _, lang := range []string{locale.English, locale.Indonesian} {
		raw, err := os.ReadFile("../locale/" + lang + ".json")
		must(t, err)
		var texts map[string]string
		must(t, json.Unmarshal(raw, &texts))
		for key, text := range texts {
			for _, m := range typed.FindAllStringSubmatch(text, -1) {
				if verbs[m[1]] && !elsewhere[key] && !strings.HasPrefix(key, "err.verb_") {
					t.Errorf("%s in %s: %q: say %q by a placeholder", key, lang, text, m[1])
				}
			}
		}
	}
	// What the cards tell people to type in a channel is understood.
	cards, err := filepath.Glob("../cards/testdata/*.json")
	must(t, err)
	shown := regexp.MustCompile(`@imbot ([^"“”()\\]+)`)
	found := 0
	for _, name := range cards {
		text, err := os.ReadFile(name)
		must(t, err)
		for _, m := range shown.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, err := commands.Parse(strings.TrimRight(m[1], " ."), commands.Env{Now: incident.Stamp{}, Incident: 1}); err != nil {
				t.Errorf("%s tells to type %q: %v", filepath.Base(name), m[0], err)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d hints on the cards", found)
	}
}

// TestHintsWhereShown: the same answer says what works in a channel, in a 1:1
// chat, and as a slash command.
func TestHintsWhereShown(t *testing.T) {
	for _, slash := range []bool{false, true} {
		r := newRig(t, func(c *bot.Config) { c.Slash, c.Preferences = slash, c.Store.(bot.Preferences) })
		r.install(r.ani)
		own, prefix := r.teams.Personal(r.ani), "@imbot "
		if slash {
			prefix = "/incident "
		}
		r.say(r.ani, own, "declare Leaked keys service:checkout private:yes")
		r.say(r.ani, r.payments, "declare Checkout is slow service:checkout")
		for _, tt := range []struct{ text, hint string }{
			{"room 2 add eko@example.com", "room INC-2"},
			{"mail off", "mail on"},
		} {
			r.answered(r.ani, own, tt.text, tt.hint)
			if p := r.answered(r.ani, r.payments, tt.text, tt.hint); !p.Contains(prefix + tt.hint) {
				t.Errorf("%q in a channel: %q", tt.text, p.Activity.Text)
			}
			for _, p := range r.say(r.ani, own, tt.text) {
				if p.Contains(prefix + tt.hint) {
					t.Errorf("%q in a 1:1 chat: %q", tt.text, p.Activity.Text)
				}
			}
		}
		r.answered(r.ani, own, "subscribe 1 eko@example.com", "member INC-1 add eko@example.com")
	}
}

// TestHelpIsShort: the ten commonest verbs are explained, all others named, and
// each of them on request.
func TestHelpIsShort(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	own := r.teams.Personal(r.ani)
	all := r.answered(r.ani, own, "help", "ack INC-42")
	common := map[string]bool{}
	for _, verb := range commands.Commonest() {
		common[verb] = true
	}
	for _, row := range commands.Help(commands.Env{}) {
		text := locale.For(locale.English).Text("help." + row.Verb)
		if !all.Contains(row.Verb) || all.Contains(text) != common[row.Verb] {
			t.Errorf("%s is told of wrongly: explained is %v", row.Verb, all.Contains(text))
		}
		r.answered(r.ani, own, "help "+row.Verb, text)
	}
}
