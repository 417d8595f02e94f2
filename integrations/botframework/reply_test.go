package botframework

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const replyHTML = `<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="1602530411533">
<strong itemprop="mri" itemid="8:orgid:x">Budi &lt;b&gt;</strong><span itemprop="time" itemid="1602530411533"></span>
<p itemprop="preview">restarted <b>the</b> pods &amp; waited…</p></blockquote><p><span itemscope itemtype="http://schema.skype.com/Mention">imbot</span> note</p>`

func TestAttached(t *testing.T) {
	html := func(s string) Attachment {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return Attachment{ContentType: "text/html", Content: b}
	}
	for name, c := range map[string]struct {
		in    []Attachment
		want  *Message
		files []string
	}{
		"nothing":       {},
		"plain":         {in: []Attachment{html("<p>note 1 x</p>")}},
		"a reply":       {in: []Attachment{html(replyHTML)}, want: &Message{ID: "1602530411533", Author: "Budi <b>", Text: "restarted the pods & waited…"}},
		"cut off":       {in: []Attachment{html(replyHTML[:200])}},
		"without an id": {in: []Attachment{html(strings.Replace(replyHTML, ` itemid="1602530411533">`, ">", 1))}},
		"files":         {in: []Attachment{{ContentType: "application/vnd.microsoft.teams.file.download.info", Name: "graph.png"}, {ContentType: "image/png"}, {ContentType: "messageReference", Name: "5"}}, files: []string{"graph.png"}},
		"no HTML":       {in: []Attachment{{ContentType: "text/html", Content: json.RawMessage(`{}`)}}},
	} {
		m, files := Attached(&Activity{Attachments: c.in})
		if d := cmp.Diff(c.want, m); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if d := cmp.Diff(c.files, files); d != "" {
			t.Errorf("%s, files (-want +got):\n%s", name, d)
		}
	}
}

// FuzzReplied wants harmless text, whatever somebody's client sends.
func FuzzReplied(f *testing.F) {
	for _, s := range []string{replyHTML, replyHTML[:150], "<blockquote itemtype=schema.skype.com/Reply itemid=1><p itemprop=preview></blockquote>", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := replied(s)
		if m == nil {
			return
		}
		if m.ID == "" || strings.Contains(m.Author, "\n") || !utf8.ValidString(m.Text) || utf8.RuneCountInString(m.Text) > MaxMessageText || strings.ContainsRune(m.Text, 0) {
			t.Errorf("%q answers %+v", s, m)
		}
	})
}
