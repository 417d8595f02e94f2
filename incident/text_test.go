package incident

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestParseID(t *testing.T) {
	good := map[string]ID{
		"INC-42": 42, "inc-42": 42, "Inc-42": 42, "42": 42, "#42": 42, "#INC-42": 42, " INC-42\n": 42, "INC-0042": 42, "9223372036854775807": 1<<63 - 1,
	}
	for s, want := range good {
		if got, err := ParseID(s); err != nil || got != want {
			t.Errorf("ParseID(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "#", "INC-", "INC", "0", "INC-0", "-1", "INC--1", "+1", "INC-+1", "4 2", "INC- 42", "42x", "1e3", "0x2a", "9223372036854775808", "٤٢", "##42", "INC-INC-42"} {
		if got, err := ParseID(s); !errors.Is(err, ErrInvalid) || got != 0 {
			t.Errorf("ParseID(%q) = %v, %v, want ErrInvalid", s, got, err)
		}
	}
}

func TestIDJSON(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want ID
		out  string
	}{{`"INC-42"`, 42, `"INC-42"`}, {`42`, 42, `"INC-42"`}, {`"#42"`, 42, `"INC-42"`}, {`null`, 0, `null`}} {
		var id ID
		if err := json.Unmarshal([]byte(tt.in), &id); err != nil || id != tt.want {
			t.Errorf("unmarshal %s = %v, %v", tt.in, id, err)
		}
		if b, err := json.Marshal(id); err != nil || string(b) != tt.out {
			t.Errorf("marshal %v = %s, %v, want %s", id, b, err, tt.out)
		}
	}
	for _, s := range []string{`true`, `"x"`, `{}`, `[42]`, `42.5`, `"\ud800"`, `-1`, `0`} {
		var id ID
		if err := json.Unmarshal([]byte(s), &id); err == nil {
			t.Errorf("unmarshal %s = %v, want an error", s, id)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"INC-42", "#42", "42", "inc-0", "+1", "INC-", "９"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if id != 0 || !errors.Is(err, ErrInvalid) || len([]rune(err.Error())) > 400 {
				t.Errorf("ParseID(%q) = %v, %v", s, id, err)
			}
			return
		}
		if back, err := ParseID(id.String()); id <= 0 || err != nil || back != id {
			t.Errorf("ParseID(%q) = %v, and back %v, %v", s, id, back, err)
		}
	})
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		" a  b\t\r\nc ":              "a b c",
		"a\u2028b\u2029c\u0085d":     "a b c d",
		"\ufeffa\u00a0b":             "a b",
		"pay\u202egnp.exe":           "pay gnp.exe", // would be read backwards
		"a\u2066b\u2069\u200e\u200f": "a b",
		"\x00\x1b[31mred\x7f":        "[31mred",
		"bad\xff utf8":               "bad\ufffd utf8",
		"naïve 日本 🔥":                 "naïve 日本 🔥",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzLineAndClip(f *testing.F) {
	for _, s := range []string{"a\nb", "\u202e", " \t ", "\xff\xfe", "x\u00a0y", "日本", "\u2028"} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		l := Line(s)
		if !utf8.ValidString(l) || strings.Contains(l, "  ") || strings.TrimSpace(l) != l || Line(l) != l {
			t.Errorf("Line(%q) = %q: not one tidy line", s, l)
		}
		for _, r := range l {
			if unicode.IsControl(r) || isBidi(r) || r == '\u2028' || r == '\u2029' {
				t.Errorf("Line(%q) = %q holds %U", s, l, r)
			}
		}
		c := Clip(s, n)
		if got := utf8.RuneCountInString(c); got > max(n, 0) {
			t.Errorf("Clip(%q, %d) = %q of %d runes", s, n, c, got)
		}
		if utf8.RuneCountInString(s) <= n && c != s {
			t.Errorf("Clip(%q, %d) = %q, nothing was to be cut", s, n, c)
		}
	})
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ééé", 3, "ééé"}, {"éééé", 3, "éé…"}, {"abc", 1, "…"}, {"a", 1, "a"}, {"abc", 0, ""}, {"abc", -5, ""}, {"", 0, ""},
	} {
		if got := Clip(tt.s, tt.n); got != tt.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}
