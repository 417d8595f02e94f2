package fit_test

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"imbot/integrations/internal/fit"
)

func TestUTF16(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"éééé", 4, "éééé"},
		{"ééééé", 4, "ééé…"},
		{"🔥🔥", 4, "🔥🔥"},
		{"🔥🔥🔥", 4, "🔥…"},
		{"a🔥🔥", 4, "a🔥…"},
		{"", 3, ""},
	} {
		if got := fit.UTF16(tt.in, tt.n); got != tt.want {
			t.Errorf("UTF16(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		" a\r\n b\tc ": "a b c", "a\x00b\u202ec": "a b c", "a\xffb": "ab", "": "", "12345678901": "1234567…", "1234567890": "1234567890",
		"éééééé": "ééé…", "123456 8901": "123456…",
	} {
		if got := fit.Line(in, 10); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzTexts(f *testing.F) {
	f.Add("a🔥b\n[x]", 3)
	f.Add("\xff\u202e…", 7)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 3 || n > 1000 {
			return
		}
		if got := fit.UTF16(s, n); len(utf16.Encode([]rune(got))) > n {
			t.Errorf("UTF16(%q, %d) = %q", s, n, got)
		}
		if got := fit.Line(s, n); len(got) > n || strings.ContainsFunc(got, fit.Hidden) || !utf8.ValidString(got) {
			t.Errorf("Line(%q, %d) = %q", s, n, got)
		}
	})
}
