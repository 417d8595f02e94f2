package cards

import (
	"strings"
	"time"

	"imbot/incident"
	"imbot/locale"
)

// Places where a card is shown, as Teams names kinds of conversation.
const (
	Personal  = "personal"
	GroupChat = "groupChat"
	Channel   = "channel"
)

// Options say for whom and where a card is made.
type Options struct {
	Lang    string // "en" or "id"; empty: English
	Place   string // Personal, GroupChat or Channel; empty: Channel, where least is assumed
	BotName string // as people mention it; empty: "imbot"
	// Dialogs makes buttons open forms as dialogs; else the bot is asked to post
	// the form as a message.
	Dialogs bool
	// InDialog says that the card made is itself the content of a dialog, whose
	// buttons must be Action.Submit.
	InDialog bool
	Slash    bool           // real slash commands are enabled: hints say "/incident …"
	Location *time.Location // zone of times that people type into forms; nil: UTC. Times shown are in the reader's own zone
	Mentions []Mention      // people to call by a mention on the card
	Chat     string         // id of the conversation where the card stands, where that is known: in its war room an incident's card says more
	About    incident.ID    // incident in whose room or thread this is said; 0: none. Help has buttons for it
}

// Mention is a person to be mentioned: Teams gives him a notification.
type Mention struct {
	ID   string // "29:…", or the Entra object id
	Name string // as it shall be shown
}

func (o *Options) location() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}

// Hint writes a command so that it works where it is shown: in channels and
// group chats a bot hears only what mentions it.
func (o Options) Hint(command string) string {
	switch name := clip(Plain(o.BotName), 60); {
	case o.Place == Personal: // where there are no slash commands, and none is needed
		return command
	case o.Slash:
		return "/incident " + command
	case name == "":
		return "@imbot " + command
	default:
		return "@" + name + " " + command
	}
}

// maker makes one card: it knows the language and the place.
type maker struct {
	Options
	say locale.Printer
}

func (o Options) maker() maker { return maker{o, locale.For(o.Lang)} }

// t is a text of the catalogue as Markdown; values are escaped unless they are
// md already.
func (m *maker) t(key string, pairs ...any) md { return md(m.say.Text(key, escapes(pairs)...)) }

// n is t for a text that counts.
func (m *maker) n(key string, n int, pairs ...any) md {
	return md(m.say.N(key, n, escapes(pairs)...))
}

// p is a text of the catalogue for places without Markdown.
func (m *maker) p(key string, pairs ...any) string {
	for i := 1; i < len(pairs); i += 2 {
		if s, ok := pairs[i].(string); ok {
			pairs[i] = Plain(s)
		}
	}
	return m.say.Text(key, pairs...)
}

func escapes(pairs []any) []any {
	out := make([]any, len(pairs))
	for i, v := range pairs {
		out[i] = v
		if s, ok := v.(string); ok && i%2 == 1 {
			out[i] = Escape(s)
		}
	}
	return out
}

func (m *maker) card(fallback string, body ...element) Card {
	return Card{
		Type: "AdaptiveCard", Schema: schemaURL, Version: version,
		FallbackText: Escape(fallback), Body: body,
	}
}

// hidden reports whether this place must not tell of the incident. A dialog is
// seen by nobody but the person who opened it.
func (m *maker) hidden(inc *incident.Incident) bool {
	return inc.Private && !m.InDialog && m.Place != Personal && m.Place != GroupChat
}

// open makes the button of a form: a dialog where there are dialogs.
func (m *maker) open(b button, id incident.ID, form string) action {
	b.data = Data{Verb: VerbForm, Form: form}
	if id != 0 {
		b.data.Incident = id.String()
	}
	if m.Dialogs {
		b.data.MSTeams = &Fetch{Type: "task/fetch"}
		return b.submit()
	}
	return b.execute()
}

// press makes the button of a verb that needs no form.
func (m *maker) press(b button, id incident.ID, verb string) action {
	b.data.Verb, b.data.Incident = verb, id.String()
	return b.execute()
}

// mentions returns the line that calls people, and the entities that make
// mentions of it.
func (m *maker) mentions() (md, []entity) {
	var parts []string
	var out []entity
	used := map[string]bool{}
	for _, p := range m.Mentions {
		if len(out) == maxMentions || p.ID == "" || len(p.ID) > 200 {
			continue
		}
		name := mentionName(p.Name)
		for used[name] { // Teams finds the entity by its text
			name += "."
		}
		used[name] = true
		tag := "<at>" + name + "</at>"
		parts = append(parts, tag)
		out = append(out, entity{Type: "mention", Text: tag, Mentioned: mentioned{ID: p.ID, Name: name}})
	}
	return md(strings.Join(parts, " ")), out
}

// maxMentions bounds who is called from one card.
const maxMentions = 10

// mentionName keeps of a name what needs no escape, because the text of the
// entity must stand in the card letter by letter.
func mentionName(s string) string {
	if s = bare(s, 80); s == "" {
		return "?"
	}
	return s
}

// person is how somebody is called.
func person(a incident.Actor) string { return locale.Person(a) }
