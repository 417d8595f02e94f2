package botframework_test

import (
	"encoding/json"
	"strings"
	"testing"

	"imbot/integrations/botframework"
)

func mention(id, name, text string) botframework.Entity {
	return botframework.Entity{Type: "mention", Mentioned: &botframework.Account{ID: id, Name: name}, Text: text}
}

func TestStripMention(t *testing.T) {
	const bot = "28:app"
	imbot := mention(bot, "imbot", "<at>imbot</at>")
	for _, tt := range []struct {
		name, text, want string
		entities         []botframework.Entity
	}{
		{"none", "ack", "ack", nil},
		{"first", "<at>imbot</at> ack", "ack", []botframework.Entity{imbot}},
		{"no space", "<at>imbot</at>ack", "ack", []botframework.Entity{imbot}},
		{"nbsp", "<at>imbot</at>&nbsp;ack\u00a0INC-1", "ack INC-1", []botframework.Entity{imbot}},
		{"last", "ack <at>imbot</at>", "ack", []botframework.Entity{imbot}},
		{"in the middle", "please <at>imbot</at> ack", "please ack", []botframework.Entity{imbot}},
		{"twice", "<at>imbot</at> <at>imbot</at> ack", "ack", []botframework.Entity{imbot, imbot}},
		{"typed, not mentioned", "<at>imbot</at> is a word", "imbot is a word", nil},
		{"name as text", "imbot ack imbot", "imbot ack imbot", []botframework.Entity{imbot}},
		{
			"others stay", "<at>imbot</at> assign <at>Alice Sari</at> now", "assign Alice Sari now",
			[]botframework.Entity{imbot, mention("29:1", "Alice Sari", "<at>Alice Sari</at>")},
		},
		{
			"a person of the same name, first", "<at>imbot</at> helps, <at>imbot</at> ack", "imbot helps, ack",
			[]botframework.Entity{mention("29:1", "imbot", "<at>imbot</at>"), imbot},
		},
		{
			"a person of the same name, last", "<at>imbot</at> assign <at>imbot</at>", "assign imbot",
			[]botframework.Entity{imbot, mention("29:1", "imbot", "<at>imbot</at>")},
		},
		{
			"escaped in the text only", "<at>R&amp;D bot</at> ack", "ack",
			[]botframework.Entity{mention(bot, "R&D bot", "<at>R&D bot</at>")},
		},
		{
			"escaped in the entity only", "<at>R&D bot</at> ack", "ack",
			[]botframework.Entity{mention(bot, "R&D bot", "<at>R&amp;D bot</at>")},
		},
		{"html", "<div><p><at>imbot</at> note</p><p>db &amp; <b>cache</b><br/>down &lt; 5 &quot;ms&quot;</p></div>", "note\ndb & cache\ndown < 5 \"ms\"", []botframework.Entity{imbot}},
		{"typed angle brackets", "a &lt;b&gt;bold&lt;/b&gt; 1 < 2 > 0", "a <b>bold</b> 1 < 2 > 0", nil},
		{"escaped twice stays escaped once", "&amp;lt;", "&lt;", nil},
		{"lines", "one\r\n\r\n\r\n  two  \rthree\u200b", "one\n  two\nthree", nil},
		{"a mention that is not there", "ack", "ack", []botframework.Entity{mention(bot, "x", "<at>x</at>"), {Type: "mention"}, mention(bot, "y", "")}},
		{"attributes", `<at id="0">Alice</at> <a href="https://x">link</a>`, "Alice link", nil},
		{"only the bot", "<at>imbot</at>", "", []botframework.Entity{imbot}},
	} {
		a := &botframework.Activity{Text: tt.text, Entities: tt.entities, Recipient: botframework.Account{ID: bot}}
		if got := botframework.StripMention(a); got != tt.want {
			t.Errorf("%s: StripMention(%q) = %q, want %q", tt.name, tt.text, got, tt.want)
		}
	}
	nobody := &botframework.Activity{Entities: []botframework.Entity{mention("", "imbot", "<at>imbot</at>")}}
	if botframework.MentionsBot(nobody) {
		t.Error("an activity without recipient mentions the bot")
	}
}

func TestMention(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"Alice", "<at>Alice</at>"},
		{"A <b> & \"C\" O'Neil", "<at>A &lt;b&gt; &amp; \"C\" O'Neil</at>"},
		{"line\nbreak\x00\t tab", "<at>line break tab</at>"},
		{"</at><at>evil", "<at>&lt;/at&gt;&lt;at&gt;evil</at>"},
		{"  ", "<at>29:1</at>"},
	} {
		text, e := botframework.Mention("29:1", tt.name)
		if text != tt.want || e.Text != text || e.Mentioned.ID != "29:1" {
			t.Errorf("Mention(%q) = %q, %+v, want %q", tt.name, text, e, tt.want)
		}
	}
	_, e := botframework.Mention("29:1", "A & B")
	b, err := json.Marshal(e)
	if want := `{"type":"mention","mentioned":{"id":"29:1","name":"A & B"},"text":"<at>A &amp; B</at>"}`; err != nil || !sameJSON(b, want) {
		t.Errorf("entity = %s, %v, want %s", b, err, want)
	}
}

func sameJSON(b []byte, want string) bool {
	var x, y any
	return json.Unmarshal(b, &x) == nil && json.Unmarshal([]byte(want), &y) == nil && mustJSON(x) == mustJSON(y)
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestUTF16Size(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 6, "é": 2, "€": 2, "😀": 4, "\xff": 2, strings.Repeat("a", 40<<10): botframework.MaxMessageSize} {
		if got := botframework.UTF16Size([]byte(s)); got != want {
			t.Errorf("UTF16Size(%.10q) = %d, want %d", s, got, want)
		}
	}
}

func FuzzStripMention(f *testing.F) {
	f.Add("<at>imbot</at>&nbsp;x<br>", "<at>imbot</at>")
	f.Add("<at><at>", "<at></at>")
	f.Fuzz(func(t *testing.T, text, tag string) {
		a := &botframework.Activity{Text: text, Recipient: botframework.Account{ID: "28:a"}, Entities: []botframework.Entity{mention("28:a", "x", tag), mention("29:b", "x", tag)}}
		got := botframework.StripMention(a)
		if got != strings.TrimSpace(got) || strings.Contains(got, "\r") || strings.Contains(got, "\n\n") {
			t.Errorf("StripMention(%q) = %q", text, got)
		}
	})
}
