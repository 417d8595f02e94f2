package botframework

import (
	"cmp"
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Entity is an annotation of a message. Teams uses the types mention and
// clientInfo; others are kept in Raw.
type Entity struct {
	// Type is the entity's type.
	Type string
	// Mentioned is who is mentioned. Nil unless Type is mention.
	Mentioned *Account
	// Text is what stands for the mention in the activity's text, such as
	// <at>imbot</at>.
	Text string
	// Locale, Country, Platform and Timezone describe the sender's client if
	// Type is clientInfo.
	Locale, Country, Platform, Timezone string
	// Raw is the entity as received. If set, it is what is sent.
	Raw json.RawMessage
}

type entityJSON struct {
	Type      string   `json:"type"`
	Mentioned *Account `json:"mentioned,omitempty"`
	Text      string   `json:"text,omitempty"`
	Locale    string   `json:"locale,omitempty"`
	Country   string   `json:"country,omitempty"`
	Platform  string   `json:"platform,omitempty"`
	Timezone  string   `json:"timezone,omitempty"`
}

// UnmarshalJSON never fails on valid JSON: an entity of unexpected shape stays
// in Raw only.
func (e *Entity) UnmarshalJSON(b []byte) error {
	*e = Entity{Raw: append(json.RawMessage(nil), b...)}
	var in entityJSON
	if json.Unmarshal(b, &in) != nil {
		return nil
	}
	e.Type = in.Type
	switch in.Type {
	case "mention":
		e.Mentioned, e.Text = in.Mentioned, in.Text
	case "clientInfo":
		e.Locale, e.Country, e.Platform, e.Timezone = in.Locale, in.Country, in.Platform, in.Timezone
	}
	return nil
}

// MarshalJSON writes Raw if it is set, else the typed fields.
func (e Entity) MarshalJSON() ([]byte, error) {
	if len(e.Raw) > 0 {
		return e.Raw, nil
	}
	return marshal(entityJSON{e.Type, e.Mentioned, e.Text, e.Locale, e.Country, e.Platform, e.Timezone})
}

var escapeName = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Mention builds a mention of the person with the given id (29:…, or in cards
// also an Entra object id). The returned text belongs into the message's text
// or a card's TextBlock, the entity into the activity's entities or the card's
// msteams.entities; both must agree, so use them as they are. The name is
// escaped, and an empty one becomes the id.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/channel-and-group-conversations
func Mention(id, name string) (text string, e Entity) {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if name == "" {
		name = id
	}
	text = "<at>" + escapeName.Replace(name) + "</at>"
	return text, Entity{Type: "mention", Mentioned: &Account{ID: id, Name: name}, Text: text}
}

// MentionsBot reports whether the message mentions its recipient, the bot.
func MentionsBot(a *Activity) bool {
	return slices.ContainsFunc(a.Entities, func(e Entity) bool { return e.mentions(a.Recipient.ID) })
}

func (e Entity) mentions(id string) bool {
	return e.Type == "mention" && e.Mentioned != nil && id != "" && e.Mentioned.ID == id
}

// StripMention returns what the sender typed: the message's text without the
// mentions of the bot, with other people's mentions as their names, and with
// the HTML of channel messages turned into plain text. The bot is recognised
// by the mention's id, never by its name, which a person may share.
func StripMention(a *Activity) string {
	return plainText(cutBot(a))
}

// cutBot removes the bot's mentions from the text. Entities come in the order
// of the text, so each one takes the first place that no earlier one took: two
// accounts of the same name cannot be confused.
func cutBot(a *Activity) string {
	var taken []span
	for _, e := range a.Entities[:min(len(a.Entities), maxEntities)] {
		if e.Type != "mention" || e.Mentioned == nil || e.Text == "" {
			continue
		}
		if s, ok := findMention(a.Text, e.Text, taken); ok {
			s.cut = e.mentions(a.Recipient.ID)
			taken = append(taken, s)
		}
	}
	slices.SortFunc(taken, func(x, y span) int { return cmp.Compare(x.from, y.from) })
	var out strings.Builder
	at := 0
	for _, s := range taken {
		if !s.cut {
			continue
		}
		before := a.Text[at:s.from]
		out.WriteString(before)
		at = s.to
		if endsInSpace(before) {
			at += len(a.Text[at:]) - len(strings.TrimLeft(a.Text[at:], " "))
		}
	}
	out.WriteString(a.Text[at:])
	return out.String()
}

// maxEntities bounds the work on one message; people mention a handful.
const maxEntities = 200

type span struct {
	from, to int
	cut      bool
}

func endsInSpace(s string) bool { return s == "" || strings.HasSuffix(s, " ") }

// findMention finds the first free occurrence of a mention's text, also where
// only one of the two is HTML-escaped.
func findMention(text, mention string, taken []span) (span, bool) {
	inner := strings.TrimSuffix(strings.TrimPrefix(mention, "<at>"), "</at>")
	plain := html.UnescapeString(inner)
	for _, form := range []string{mention, "<at>" + plain + "</at>", "<at>" + html.EscapeString(plain) + "</at>"} {
		for from := 0; from <= len(text)-len(form); {
			i := strings.Index(text[from:], form)
			if i < 0 {
				break
			}
			s := span{from: from + i, to: from + i + len(form)}
			if !slices.ContainsFunc(taken, func(t span) bool { return s.from < t.to && t.from < s.to }) {
				return s, true
			}
			from = s.from + 1
		}
	}
	return span{}, false
}

var (
	// Typed angle brackets arrive as &lt;, so only these are markup.
	lineTags  = regexp.MustCompile(`(?i)<\s*(?:br\s*/?|/?(?:p|div|li|ul|ol|h[1-6]|blockquote|pre|tr|table)(?:\s[^<>]*)?)>`)
	textTags  = regexp.MustCompile(`(?i)</?(?:at|a|b|i|u|s|em|strong|strike|span|code|sub|sup|font|emoji|img|td|th|tbody|thead|attachment|codeblock)(?:\s[^<>]*)?/?>`)
	blank     = regexp.MustCompile(`\n{2,}`)
	invisible = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u00a0", " ", "\u200b", "", "\u200c", "", "\u2060", "", "\ufeff", "")
)

// plainText turns the HTML-like text of a message into lines of text.
func plainText(s string) string {
	s = lineTags.ReplaceAllString(s, "\n")
	s = textTags.ReplaceAllString(s, "")
	s = invisible.Replace(html.UnescapeString(s))
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRightFunc(lines[i], unicode.IsSpace)
	}
	return strings.TrimSpace(blank.ReplaceAllString(strings.Join(lines, "\n"), "\n"))
}

// MaxMessageSize bounds an outgoing activity, in bytes of UTF-16. Teams refuses
// about 100 KB with 413; its documentation advises to stay below 80 KB.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages
const MaxMessageSize = 80 << 10

// UTF16Size returns the size of JSON in bytes of UTF-16, as Teams counts it.
func UTF16Size(json []byte) int {
	units := 0
	for i := 0; i < len(json); {
		r, n := utf8.DecodeRune(json[i:])
		units += max(1, utf16.RuneLen(r))
		i += n
	}
	return 2 * units
}
