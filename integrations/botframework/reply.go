package botframework

import (
	"encoding/json"
	"strings"

	nethtml "golang.org/x/net/html"
)

// replyType marks, in the HTML of a message in a chat, the message that it
// answers. It has the beginning of its text, and who wrote it.
const replyType = "schema.skype.com/Reply"

// Attached says what came with a message: the message that it answers, nil for
// none, whose text is what Teams previews of it; and the names of files. The
// files stay where they are. Everything is the client's word.
func Attached(act *Activity) (answers *Message, files []string) {
	for _, a := range act.Attachments {
		if a.ContentType == "text/html" {
			var body string
			if json.Unmarshal(a.Content, &body) == nil && answers == nil {
				answers = replied(body)
			}
			continue
		}
		if name := oneLine(a.Name, 120); name != "" && len(files) < maxFiles && !quotes[a.ContentType] {
			files = append(files, name)
		}
	}
	return answers, files
}

// replied reads the message that the HTML of another one answers.
func replied(body string) *Message {
	if !strings.Contains(body, replyType) {
		return nil
	}
	z := nethtml.NewTokenizer(strings.NewReader(body))
	z.SetMaxBuf(MaxActivityBytes)
	var m *Message
	var into *string
	var preview string
	for {
		switch z.Next() {
		case nethtml.ErrorToken:
			return nil // it does not end
		case nethtml.TextToken:
			if into != nil && len(*into) < 4*MaxMessageText {
				*into += string(z.Text())
			}
		case nethtml.StartTagToken:
			t := z.Token()
			attr := map[string]string{}
			for _, a := range t.Attr {
				attr[a.Key] = a.Val
			}
			switch {
			case t.Data == "blockquote" && strings.Contains(attr["itemtype"], replyType) && m == nil && attr["itemid"] != "" && len(attr["itemid"]) <= 200:
				m = &Message{ID: attr["itemid"]}
			case m != nil && attr["itemprop"] == "mri":
				into = &m.Author
			case m != nil && attr["itemprop"] == "preview":
				into = &preview
			}
		case nethtml.EndTagToken:
			switch t := z.Token(); {
			case t.Data == "strong" || t.Data == "p":
				into = nil
			case t.Data == "blockquote" && m != nil:
				m.Author = oneLine(m.Author, 80)
				m.Text = PlainBody(preview, MaxMessageText)
				return m
			}
		}
	}
}
