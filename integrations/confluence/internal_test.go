package confluence

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestTitles(t *testing.T) {
	for _, title := range []string{"x", strings.Repeat("x", 10_000), strings.Repeat("😀", 300), strings.Repeat("é", 255)} {
		seen := map[string]bool{}
		for n, got := range titles(title, "imbot-INC-42") {
			if units := len(utf16.Encode([]rune(got))); units > MaxTitle || !utf8.ValidString(got) || seen[got] || (n > 0) != strings.Contains(got, " (INC-42)") {
				t.Errorf("title %d is %q of %d", n, got, units)
			}
			seen[got] = true
		}
	}
	if got := titles("x", "imbot-")[1]; got != "x (imbot-)" {
		t.Errorf("title %q", got)
	}
}

func TestMarkOf(t *testing.T) {
	const hash = "0123456789abcdef"
	for body, want := range map[string]string{
		anchor("imbot-INC-4." + hash): hash,
		`<p><ac:structured-macro ac:macro-id="7" ac:name="anchor"><ac:parameter ac:name="" x="y">imbot-INC-4.` + hash + `</ac:parameter>`: hash,
		anchor("imbot-INC-5."+hash) + anchor("imbot-INC-4."+hash):                                                                         hash,
		anchor("imbot-INC-42." + hash):             "",
		anchor("x-imbot-INC-4." + hash):            "",
		anchor("imbot-INC-4"):                      "",
		"<p>imbot-INC-4." + hash + "</p>":          "",
		Text(anchor("imbot-INC-4." + hash)).xml:    "",
		"<![CDATA[imbot-INC-4." + hash + "]]></p>": "",
		"": "",
	} {
		if got := markOf("imbot-INC-4", body); got != want {
			t.Errorf("markOf(%s) = %q, want %q", body, got, want)
		}
	}
}

func TestPageURL(t *testing.T) {
	c := &Client{base: "https://example.atlassian.net"}
	const own = "https://example.atlassian.net/wiki/pages/viewpage.action?pageId=7"
	for _, tt := range []struct{ base, webui, want string }{
		{"https://example.atlassian.net/wiki", "/spaces/OPS/pages/7/A+b", "https://example.atlassian.net/wiki/spaces/OPS/pages/7/A+b"},
		{"https://wiki.example.com/wiki", "/x", "https://wiki.example.com/wiki/x"},
		{"https://example.atlassian.net/wiki", "", own},
		{"", "/spaces/OPS", own},
		{"", "https:///x", own},
		{"http://example.atlassian.net/wiki", "/x", own},
		{"javascript:", "//alert(1)", own},
		{"https://example.atlassian.net", "@evil.example/x", own},
		{"https://a:b@example.com", "/x", own},
		{"https://x.example/\x00", "/x", own},
	} {
		if got := c.pageURL("7", tt.base, tt.webui); got != tt.want {
			t.Errorf("pageURL(%q, %q) = %s, want %s", tt.base, tt.webui, got, tt.want)
		}
	}
}

func FuzzReasons(f *testing.F) {
	for _, s := range []string{
		`{"errors":[{"status":404,"code":"NOT_FOUND","title":"Not Found","detail":null}]}`,
		`{"statusCode":400,"message":"com.atlassian.x.Y: words"}`, `{"error":"a","error_description":"b"}`, `null`, `[]`, `{"errors":{},"message":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _ := reasons(body)
		if len(got) > 400 || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00\x1b") {
			t.Errorf("reasons(%q) = %q", body, got)
		}
	})
}

// FuzzMark looks for marks in whatever a page may hold, and a body with a mark
// stays one.
func FuzzMark(f *testing.F) {
	for _, s := range []string{"", "<p>x</p>", anchor("a.0123456789abcdef"), "<p", "</page><page>", "<![CDATA[", "<!DOCTYPE x>", "&nbsp;", "<a:b x='y'/>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if wellFormed(body) != nil {
			return
		}
		body += anchor("a-key.0123456789abcdef")
		if err := wellFormed(body); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if markOf("a-key", body) == "" {
			t.Errorf("the mark is lost in %q", body)
		}
	})
}
