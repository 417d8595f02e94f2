package botframework

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestHTMLText(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"empty":              {"", ""},
		"plain":              {"checkout is down", "checkout is down"},
		"paragraphs":         {"<p>one</p>\n<p>&nbsp;</p><p>two &amp; three</p>", "one\n\ntwo & three"},
		"mention":            {`<div><div><at id="0">Ani Lestari</at> look - Hi</div>` + "\n</div>", "Ani Lestari look - Hi"},
		"typed brackets":     {"a &lt;b&gt; c &amp;lt;", "a <b> c &lt;"},
		"breaks":             {"one<br>two<br/>three", "one\ntwo\nthree"},
		"list":               {"<ul><li>first</li><li>second</li></ul>done", "- first\n- second\ndone"},
		"link":               {`see <a href="https://example.com/x" title="x">the graph</a>!`, "see the graph (https://example.com/x)!"},
		"link is its text":   {`<a href="https://example.com/x/">https://example.com/x</a>`, "https://example.com/x"},
		"link without https": {`<a href="https://example.com/">example.com</a>`, "example.com"},
		"script link":        {`<a href="javascript:alert(1)">click</a> <a href="data:text/html,x">here</a>`, "click here"},
		"emoji":              {`<emoji id="sad" alt="😢" title="Sad"></emoji> <img alt="graph" src="https://x/y.png">`, "😢 graph"},
		"script":             {`a<script>alert("<p>x</p>")</script>b<style>p{}</style>c`, "abc"},
		"comment":            {"a<!-- b -->c<!DOCTYPE html>d", "acd"},
		"quoted reply":       {`<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="1"><strong>Budi</strong><p>old</p></blockquote><p>new</p>`, "new"},
		"quote by hand":      {"<blockquote>said</blockquote>", "said"},
		"attachment":         {`<attachment id="1"></attachment>text`, "text"},
		"nested attachment":  {`<attachment><attachment>x</attachment>y</attachment>z`, "z"},
		"unclosed":           {"<p>a<div>b<a href='https://x.example'>c", "a\nbc"},
		"stray end":          {"</p>a</a></div>b", "a\nb"},
		"code":               {"<codeblock><code>x := 1<br>y := 2</code></codeblock>", "x := 1\ny := 2"},
		"table":              {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
		"direction":          {"a\u202eb\u2066c\u200bd\x00e\u2028f", "abcde\nf"},
		"invalid":            {"a\xffb", "a\uFFFDb"},
		"many breaks":        {strings.Repeat("<br>", 500) + "x", "x"},
	} {
		if got := HTMLText(tt.in, 1000); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got := HTMLText("<p>"+strings.Repeat("é", 5000)+"</p>", 100); utf8.RuneCountInString(got) != 100 || !strings.HasSuffix(got, "é…") {
		t.Errorf("a long body gives %d runes: %q", utf8.RuneCountInString(got), got)
	}
	if got := HTMLText("x", 0); got != "" {
		t.Errorf("a limit of 0 leaves %q", got)
	}
}

func TestReadMessage(t *testing.T) {
	raw := `{"id":"1611060744833","replyToId":null,"createdDateTime":"2026-01-19T12:52:24.833Z","subject":"Help","linkToMessage":"https://teams.microsoft.com/l/message/19:6d@thread.skype/1611060744833",
	  "body":{"contentType":"html","content":"<div>checkout <b>fails</b></div>"},"from":{"device":null,"user":{"userIdentityType":"aadUser","id":"B130C271-d2eb-45f9-83ab-9eb3fe3788bc","displayName":"Olo \n Brock"},"application":null},
	  "attachments":[{"id":"1","contentType":"reference","contentUrl":"https://x.sharepoint.com/a.png","name":"a.png"},{"contentType":"messageReference","name":"x"},{"contentType":"reference","name":null}]}`
	got, err := ReadMessage(json.RawMessage(raw))
	want := &Message{
		ID: "1611060744833", Text: "Help\ncheckout fails", Author: "Olo Brock", AuthorID: "b130c271-d2eb-45f9-83ab-9eb3fe3788bc",
		At: time.Date(2026, 1, 19, 12, 52, 24, 833e6, time.UTC), Link: "https://teams.microsoft.com/l/message/19:6d@thread.skype/1611060744833", Files: []string{"a.png"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	got, err = ReadMessage(json.RawMessage(`{"id":"1","body":{"contentType":"text","content":"a <b> &amp;"},"from":{"application":{"id":"x","displayName":"Grafana"}},"webUrl":"https://teams.microsoft.com/l/message/19:a/1?x=1"}`))
	if err != nil || got.Text != "a <b> &amp;" || got.Author != "Grafana" || got.AuthorID != "" || got.Link == "" || !got.At.IsZero() {
		t.Errorf("a message of Graph: %+v, %v", got, err)
	}
	for _, s := range []string{``, `null`, `[]`, `"x"`, `{}`, `{"id":7}`, `{"id":"` + strings.Repeat("x", 201) + `"}`} {
		if m, err := ReadMessage(json.RawMessage(s)); err == nil {
			t.Errorf("%s is read as %+v", s, m)
		}
	}
}

func TestMessageLink(t *testing.T) {
	for s, ok := range map[string]bool{
		"https://teams.microsoft.com/l/message/19:a@thread.v2/1?context=%7B%7D": true, "https://teams.cloud.microsoft/l/message/19:a/1": true,
		"https://TEAMS.microsoft.com/l/message/19:a/1": true, "https://gov.teams.microsoft.us/l/message/19:a/1": true,
		"http://teams.microsoft.com/l/message/19:a/1": false, "https://teams.microsoft.com.evil.example/l/message/19:a/1": false,
		"https://teams.microsoft.com@evil.example/l/message/1": false, "https://evil@teams.microsoft.com/l/message/1": false,
		"https://teams.microsoft.com/l/app/1": false, "javascript:alert(1)": false, "": false, "https://teams.microsoft.com:8443/l/message/1": false,
		"https://teams.microsoft.com/l/message/" + strings.Repeat("x", 1000): false,
	} {
		if got := MessageLink(s); (got != "") != ok {
			t.Errorf("MessageLink(%q) = %q", s, got)
		}
	}
}

func TestReadExtension(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		want Extension
	}{
		"query": {
			`{"commandId":"find","parameters":[{"name":"q","value":"db"},{"name":"n","value":7},{"name":"","value":"x"},{"name":"o","value":{}},9],"queryOptions":{"skip":25,"count":10}}`,
			Extension{CommandID: "find", Parameters: map[string]string{"q": "db", "n": "7", "o": ""}, Skip: 25, Count: 10},
		},
		"first run":  {`{"commandId":"find","parameters":[{"name":"initialRun","value":"true"}]}`, Extension{CommandID: "find", Parameters: map[string]string{"initialRun": "true"}, Count: 25}},
		"odd page":   {`{"queryOptions":{"skip":-1,"count":9999}}`, Extension{Parameters: map[string]string{}, Count: 25}},
		"far page":   {`{"queryOptions":{"skip":99999,"count":-4}}`, Extension{Parameters: map[string]string{}, Skip: 1000, Count: 25}},
		"link":       {`{"url":"https://imbot.example.com/incidents/INC-1"}`, Extension{URL: "https://imbot.example.com/incidents/INC-1", Parameters: map[string]string{}, Count: 25}},
		"no object":  {`[1]`, Extension{Parameters: map[string]string{}, Count: 25}},
		"odd shapes": {`{"commandId":7,"parameters":"x","queryOptions":[],"messagePayload":"x","data":null,"url":{}}`, Extension{Parameters: map[string]string{}, Count: 25}},
		"dialog": {
			`{"commandId":"declare","commandContext":"message","data":{"a":1},"messagePayload":{"id":"5"}}`,
			Extension{CommandID: "declare", Context: "message", Data: json.RawMessage(`{"a":1}`), Message: &Message{ID: "5"}, Parameters: map[string]string{}, Count: 25},
		},
	} {
		if diff := cmp.Diff(tt.want, ReadExtension(json.RawMessage(tt.in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// FuzzHTMLText wants text: short enough, without control characters, and the
// same when it is read again as text.
func FuzzHTMLText(f *testing.F) {
	for _, s := range []string{
		`<p>a</p>`, `<a href="https://x">y`, `<script>`, `<blockquote itemtype="http://schema.skype.com/Reply">x</blockquote>y`, "<li>\u202e&#0;&#x2028;", `<img alt='<p>'>`,
		`<attachment/><attachment>`, "<![CDATA[x]]>", "<textarea><p>", "\xff<p", `<td><br><hr>`, `&lt;script&gt;`,
	} {
		f.Add(s, 50)
	}
	f.Fuzz(func(t *testing.T, body string, limit int) {
		limit = min(max(limit, 0), MaxMessageText)
		got := HTMLText(body, limit)
		if n := utf8.RuneCountInString(got); n > limit {
			t.Errorf("%d runes, at most %d", n, limit)
		}
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("%q has characters that do not print", got)
		}
		if again := PlainBody(got, limit); again != got {
			t.Errorf("read again it is %q, before %q", again, got)
		}
	})
}

// FuzzReadExtension wants bounds kept, whatever comes.
func FuzzReadExtension(f *testing.F) {
	for _, s := range []string{
		`{"commandId":"declare","commandContext":"message","messagePayload":{"id":"1","createdDateTime":"2026-01-19T12:52:24.833Z","body":{"contentType":"html","content":"<p>x</p>"},"from":{"user":{"id":"A","displayName":"Ani"}},"attachments":[{"name":"a"}],"linkToMessage":"https://teams.microsoft.com/l/message/1/2"}}`,
		`{"parameters":[{"name":"q","value":"x"}],"queryOptions":{"skip":1,"count":2}}`, `{"url":"https://x"}`, `{"data":{"verb":"submit"}}`, `null`, `7`, `{"messagePayload":{"id":"1","from":null,"body":null}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := ReadExtension(raw)
		if e.Count < 1 || e.Count > maxResults || e.Skip < 0 || len(e.Parameters) > maxParameters || e.Parameters == nil {
			t.Errorf("out of bounds: %+v", e)
		}
		if m := e.Message; m != nil {
			if m.ID == "" || utf8.RuneCountInString(m.Text) > MaxMessageText || utf8.RuneCountInString(m.Author) > 80 || len(m.Files) > maxFiles || strings.Contains(m.Author, "\n") {
				t.Errorf("message out of bounds: %+v", m)
			}
			if m.Link != "" && MessageLink(m.Link) != m.Link {
				t.Errorf("the link %q is none", m.Link)
			}
		}
	})
}
