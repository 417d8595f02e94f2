package weburl

import (
	"net/url"
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	for address, want := range map[string]string{
		"https://a.example":                "https://a.example",
		" HTTPS://A.example/x?y=1&z=2#w ":  "https://A.example/x?y=1&z=2#w",
		"http://127.0.0.1:8080/":           "http://127.0.0.1:8080/",
		"https://a.example/a b(1)[2]{3}|4": "https://a.example/a%20b%281%29%5B2%5D%7B3%7D%7C4",
		"https://a.example/?q=é'<b>":       "https://a.example/?q=%C3%A9%27%3Cb%3E",
		"https://a.example/é":              "https://a.example/%C3%A9",
		"https://a.example/%28":            "https://a.example/%28",
		"":                                 "",
		"/x":                               "",
		"//a.example":                      "",
		"a.example":                        "",
		"https://":                         "",
		"https://:443/":                    "",
		"ftp://a.example":                  "",
		"javascript:alert(1)":              "",
		"data:text/html,x":                 "",
		"https://user@a.example":           "",
		"https://u:p@a.example":            "",
		"https://аpple.example":            "", // with a Cyrillic а
		"https://[::1]/":                   "",
		"https://a.example\\@evil.example": "",
		"https://a.example/\x00":           "",
		"https://a.example/?\x1b[31m":      "",
		"https://a.example/" + strings.Repeat("x", 83): "",
		"https://a.example/" + strings.Repeat("(", 40): "",
	} {
		if got := Plain(address, 100); got != want {
			t.Errorf("Plain(%q) = %q, want %q", address, got, want)
		}
	}
}

// Whatever comes, what goes out is a web address in few characters, and stays
// what it is.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{"https://a.example/?q=é'<b>", "http://x:1/(", "https://u@x", "javascript:x", "https://x/%zz", "https://x#a b\"", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Plain(s, 200)
		if got == "" {
			return
		}
		u, err := url.Parse(got)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || len(got) > 200 {
			t.Fatalf("%q gives %q: %v", s, got, err)
		}
		if strings.ContainsAny(got, ending) || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q gives %q", s, got)
		}
		if again := Plain(got, 200); again != got {
			t.Errorf("%q gives %q, and that %q", s, got, again)
		}
	})
}
