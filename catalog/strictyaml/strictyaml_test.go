package strictyaml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type duration time.Duration

func (d *duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	*d = duration(v)
	return err
}

type leaf struct {
	Title string `yaml:"title"`
	URL   string `yaml:"url"`
}

type sample struct {
	Name    string              `yaml:"name"`
	Owner   string              `yaml:"owner"`
	Tier    int                 `yaml:"tier"`
	Ratio   float64             `yaml:"ratio"`
	On      bool                `yaml:"on"`
	Set     *bool               `yaml:"set"`
	Wait    duration            `yaml:"wait"`
	Words   []string            `yaml:"words"`
	Links   []leaf              `yaml:"links"`
	Labels  map[string][]string `yaml:"labels"`
	Deep    map[string]leaf     `yaml:"deep"`
	Nested  [][]string          `yaml:"nested"`
	Secret  string              `yaml:"secret"`
	Private string
}

var testEnv = map[string]string{"A": "alpha", "N": "7", "YES": "true", "TOKEN": "s3cr3t-value", "EMPTY": ""}

func options() Options {
	return Options{
		Name:   "f.yaml",
		Getenv: func(n string) string { return testEnv[n] },
		ReadFile: func(name string) ([]byte, error) {
			switch name {
			case "secret.txt":
				return []byte("from file\n"), nil
			case "words.txt":
				return []byte("one\n\n two \r\n"), nil
			}
			return nil, errors.New("no such file")
		},
	}
}

func TestDecode(t *testing.T) {
	yes := true
	tests := []struct {
		name, in string
		want     sample
	}{
		{"empty", "", sample{}},
		{"only a comment", "# nothing yet\n", sample{}},
		{"header", "---\nname: a\n", sample{Name: "a"}},
		{"scalars", "name: \"a: b\"\ntier: -3\nratio: 0.5\non: true\nset: true\nwait: 1d12h\n", sample{Name: "a: b", Tier: -3, Ratio: 0.5, On: true, Set: &yes, Wait: duration(36 * time.Hour)}},
		{"nothing said", "name:\ntier: ~\nset: null\n", sample{}},
		{"text that looks like something else", "name: 0123\nowner: true\nsecret: 1.50\n", sample{Name: "0123", Owner: "true", Secret: "1.50"}},
		{"block text", "name: |\n  a\n  b\nowner: >\n  c\n  d\n", sample{Name: "a\nb\n", Owner: "c d\n"}},
		{"lists", "words: [a, \"b\", 3]\nlinks:\n  - {title: x, url: y}\n  - title: z\nnested: [[a], []]\n", sample{
			Words: []string{"a", "b", "3"}, Links: []leaf{{"x", "y"}, {"z", ""}}, Nested: [][]string{{"a"}, {}},
		}},
		{"maps", "labels:\n  env: [prod]\n  1: [one]\ndeep: {a: {title: t}}\n", sample{
			Labels: map[string][]string{"env": {"prod"}, "1": {"one"}}, Deep: map[string]leaf{"a": {Title: "t"}},
		}},
		{"aliases", "links:\n  - &l {title: x, url: y}\n  - *l\nname: &n q\nowner: *n\n", sample{Links: []leaf{{"x", "y"}, {"x", "y"}}, Name: "q", Owner: "q"}},
		{"variables", "name: ${A}-${A}\nowner: \"$$${A} $A $\"\ntier: ${N}\non: ${YES}\nwords: [\"${A}\"]\n# ${MISSING} in a comment\n", sample{
			Name: "alpha-alpha", Owner: "$alpha $A $", Tier: 7, On: true, Words: []string{"alpha"},
		}},
		{"files", "secret_file: secret.txt\nwords_file: words.txt\n", sample{Secret: "from file", Words: []string{"one", "two"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got sample
			if err := Decode([]byte(tt.in), &got, options()).Err(); err != nil {
				t.Fatalf("Decode: %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"unknown key", "name: a\nonwer: b\n", `f.yaml:2:1: unknown key "onwer"; did you mean "owner"?`},
		{"unknown key, far from all", "links: [{zzzzzz: 1}]\n", `f.yaml:1:10: unknown key "zzzzzz"; known are title, url`},
		{"unexported by tag", "Private: a\n", `f.yaml:1:1: unknown key "Private"; known are name, owner, tier, ratio, on, set, wait, words, links, labels, deep, nested, secret`},
		{"twice", "name: a\ntier: 1\nname: b\n", `f.yaml:3:1: the key "name" is there twice, first in line 1; remove one`},
		{"all at once", "nam: a\ntier: x\nwords: a\nlinks: [{titel: a}]\nwait: soon\nset: \"true\"\n", strings.Join([]string{
			`f.yaml:1:1: unknown key "nam"; did you mean "name"?`,
			`f.yaml:2:7: this should be a whole number, without quotes`,
			`f.yaml:3:8: this should be a list; write it as in [a, b] or with a "- " before each entry`,
			`f.yaml:4:10: unknown key "titel"; did you mean "title"?`,
			`f.yaml:5:7: this is not a duration; write it as in 30s, 15m, 24h or 90d`,
			`f.yaml:6:6: this should be true or false, without quotes`,
		}, "\n")},
		{"list for text", "name: [a]\n", `f.yaml:1:7: this should be a text, not a list or a map`},
		{"text for map", "labels: a\n", `f.yaml:1:9: this should be a map of keys and values, as in "key: value"`},
		{"list at the top", "- a\n", `f.yaml:1:1: this should be keys and values at the top, as in "key: value"`},
		{"empty entry", "words:\n  - a\n  -\n", `f.yaml:3:5: this entry is empty; fill it in or remove it`},
		{"missing variable", "tier: 1\nsecret: ${NOPE}\nname: ${EMPTY}", strings.Join([]string{
			`f.yaml:2:9: the environment has no NOPE; set it, or use a key ending in _file`,
			`f.yaml:3:7: the environment has no EMPTY; set it, or use a key ending in _file`,
		}, "\n")},
		{"bad variable", "name: \"${A-b}\"\nowner: \"${A\"\n", strings.Join([]string{
			`f.yaml:1:7: "${" begins a variable of the environment; write ${NAME}, or $${ for a plain "${"`,
			`f.yaml:2:8: "${" begins a variable of the environment; write ${NAME}, or $${ for a plain "${"`,
		}, "\n")},
		{"no file", "secret_file: gone.txt\n", `f.yaml:1:14: secret_file: no such file; check the path (it is relative to this file) and who may read it`},
		{"value and file", "secret: a\nsecret_file: secret.txt\n", `f.yaml:2:1: both "secret" and "secret_file" are there; keep one`},
		{"file for a number", "tier_file: secret.txt\n", `f.yaml:1:1: unknown key "tier_file"; known are name, owner, tier, ratio, on, set, wait, words, links, labels, deep, nested, secret`},
		{"variable of wrong type", "tier: ${TOKEN}\nwait: ${TOKEN}\n", "f.yaml:1:7: this should be a whole number, without quotes\nf.yaml:2:7: this is not a duration; write it as in 30s, 15m, 24h or 90d"},
		{"tag", "name: !!str a\n", `f.yaml:1:7: YAML tags are not supported; write the plain value`},
		{"merge", "deep:\n  a: &a {title: x}\n  b: {<<: *a}\n", `f.yaml:3:7: merge keys ("<<") are not supported; write the keys out`},
		{"two documents", "name: a\n---\nname: b\n", `f.yaml:2:1: a second document begins here; keep everything in one`},
		{"no anchor", "name: *a\n", `f.yaml:1:7: there is no anchor &a above this alias; quote the string if no alias is meant`},
		{"own anchor", "deep: &a\n  b: *a\n", `f.yaml:2:6: the alias *a stands inside its own anchor; write the value out`},
		{"not UTF-8", "name: \xff\n", `f.yaml: the file is not UTF-8 text; save it as UTF-8`},
		{"deep brackets", "nested: " + strings.Repeat("[", 40), `f.yaml:1:41: lists and maps are nested too deeply; this is hardly meant`},
		{"deep list", strings.Repeat("- ", 40), `f.yaml:1:65: lists and maps are nested too deeply; this is hardly meant`},
		{"two colons", "words: [a: b: c]", `f.yaml:1:13: an entry has two ":"; is a comma missing, or are quotes?`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got sample
			err := Decode([]byte(tt.in), &got, options()).Err()
			if err == nil {
				t.Fatal("Decode = nil, want an error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), testEnv["TOKEN"]) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// Syntax errors come from the library: what matters is the place, advice, and
// that no line of the file is shown.
func TestSyntaxErrors(t *testing.T) {
	for _, in := range []string{
		"secret: hunter2\n  bad: indent\n", "secret: \"hunter2\n", "secret: [hunter2\n", "secret: {hunter2: 1\n", "a: b: hunter2\n", "\tsecret: hunter2\n",
		"secret: hunter2\n]\n", "secret: *\n", "secret: &\n", "a: 'hunter2' 'x'\n",
	} {
		var got sample
		err := Decode([]byte(in), &got, options()).Err()
		var e Error
		if !errors.As(err, &e) || len(e) == 0 || e[0].Line == 0 {
			t.Errorf("Decode(%q) = %v, want a problem with a line", in, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") && !strings.Contains(err.Error(), "unknown key") {
			t.Errorf("Decode(%q) shows the file's text: %v", in, err)
		}
	}
}

func TestBombs(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("words: &a0 [x,x,x,x,x,x,x,x,x,x]\nnested:\n")
	// Ten times ten thousand references: small to write, large to read.
	bomb.WriteString("  - &b [" + strings.Repeat("x,", 3000) + "x]\n")
	bomb.WriteString(strings.Repeat("  - *b\n", 3000))
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d: v\n", i)
		}
		return b.String()
	}
	tests := []struct{ name, in, want string }{
		{"size", strings.Repeat("#", defaultMaxBytes+1), "larger than"},
		{"aliases", bomb.String(), "aliases make more than"},
		{"keys", keys(100_000), "more than 1000 keys"},
		{"words", "words: [" + strings.Repeat("x,", maxTokens) + "]", "words and signs"},
		{"long key", strings.Repeat("k", 200) + ": v", "longer than 120"},
		{"colons", strings.Repeat(": ", 100_000), "follow each other"},
		{"question marks", strings.Repeat("? ", 100_000), "not supported"},
		{"tags", "a: " + strings.Repeat("!a ", 100_000), "not supported"},
		{"anchors", "a: " + strings.Repeat("&a ", 100_000), "hardly the right file|not YAML|this is not|anchors"},
		{"pairs in a line", strings.Repeat("a: ", 100_000), "nested too deeply"},
		{"lines", func() string {
			var b strings.Builder
			for i := range 1000 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}(), "nested too deeply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got sample
			start := time.Now()
			err := Decode([]byte(tt.in), &got, options()).Err()
			if err == nil {
				t.Fatal("Decode = nil, want an error")
			}
			for _, w := range strings.Split(tt.want, "|") {
				if strings.Contains(err.Error(), w) {
					t.Logf("%v", time.Since(start))
					return
				}
			}
			t.Errorf("Decode = %.300v, want %q", err, tt.want)
		})
	}
}

func TestDocument(t *testing.T) {
	var got sample
	d := Decode([]byte("name: ${A}\nlinks:\n  - {title: x}\n  - {title: y}\nowner: b\nsecret_file: secret.txt\n"), &got, options())
	if !d.Has("links[1].title") || d.Has("links[1].url") || d.Has("tier") {
		t.Error("Has is wrong")
	}
	if d.Line("links[1].title") != 4 || d.Line("links[1].url") != 0 {
		t.Errorf("Line = %d, %d, want 4, 0", d.Line("links[1].title"), d.Line("links[1].url"))
	}
	if a, b := d.Quote("name", got.Name), d.Quote("owner", got.Owner); a != `"${A}"` || b != `"b"` {
		t.Errorf("Quote = %s, %s", a, b)
	}
	if !d.Hidden("name") || !d.Hidden("secret") || d.Hidden("owner") {
		t.Error("Hidden is wrong")
	}
	d.Errorf("links[1].url", "it needs a url")
	d.Errorf("links[0].title", "bad")
	d.Errorf("tier", "missing")
	want := "f.yaml: missing\nf.yaml:3:13: bad\nf.yaml:4:5: it needs a url"
	if diff := cmp.Diff(want, d.Err().Error()); diff != "" {
		t.Errorf("Err (-want +got):\n%s", diff)
	}
	if !d.Failed("links") || !d.Failed("links[1]") || d.Failed("owner") {
		t.Error("Failed is wrong")
	}
	n := New("program")
	n.Errorf("squads[0]", "wrong")
	if got := n.Err().Error(); got != "program: squads[0]: wrong" {
		t.Errorf("Err = %q", got)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"owner", "name", "client_secret", "client_secret_file", "url", "key"}
	for s, want := range map[string]string{
		"onwer": "owner", "Owner": "owner", "client-secret": "client_secret", "clientsecret": "client_secret", "nmae": "name",
		"urls": "url", "zebra": "", "": "", "x": "", strings.Repeat("a", 500): "",
	} {
		if got := Nearest(s, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "24h": 24 * time.Hour, "90d": 90 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "0": 0, "1.5h": 90 * time.Minute,
	} {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "d", "5", "-1h", "-1d", "1d-1h", "1d+1h", "+1h", "1w", "99999999d", "1.5d", "1h1d", "soon", "1 d", "36500d2562047h"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", s, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"name: a\n", "a: [1, {b: c}]\n", "links:\n- {title: x}\n- *a\n", "name: |\n  x\n", "? a\n: b\n", "a: &x b\nc: *x\n", "---\n...\n", "%YAML 1.2\n---\n",
		"{a: b, c}", "[", "]", "- - - a", "a:\n - b\n  - c", "name: ${A}$$${", "secret_file: secret.txt", "<<: *a", "'a': \"\\u00e9\"", "a: !!binary x", "\"\\", "a: >-\n\n b", "\t", "a:\r\n  b",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got sample
		o := options()
		o.MaxBytes = 1 << 16
		d := Decode(data, &got, o)
		if err := d.Err(); err != nil && !strings.HasPrefix(err.Error(), "f.yaml:") {
			t.Errorf("an error without the file's name: %v", err)
		}
	})
}
