package commands

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"imbot/incident"
	"imbot/locale"
)

var placeholder = regexp.MustCompile(`\{([a-z]+)\}`)

// sound checks what holds for every request, whatever was sent.
func sound(t *testing.T, r Request, err error) {
	t.Helper()
	if err != nil {
		var p *incident.Problem
		if !errors.As(err, &p) {
			t.Fatalf("%v is not for people", err)
		}
		if p.Detail == "" || !utf8.ValidString(p.Detail) || len(p.Detail) > 1000 {
			t.Fatalf("bad text %q", p.Detail)
		}
		text := locale.For(locale.English).Or("err."+p.Key, "")
		if text == "" {
			t.Fatalf("no text for %q", p.Key)
		}
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if _, ok := p.Args[m[1]]; !ok {
				t.Fatalf("%s: no value for %s", p.Key, m[0])
			}
		}
		return
	}
	v := verbByName[r.Verb]
	if v == nil || v.name != r.Verb {
		t.Fatalf("verb %q", r.Verb)
	}
	if r.Command != nil {
		c := r.Command
		if !v.changes || c.Incident != r.Incident || string(c.Verb) != r.Verb || !c.Actor.IsZero() || len(c.Keys) > 0 || !c.At.IsZero() {
			t.Fatalf("command %+v of %+v", c, r)
		}
		if b, err := json.Marshal(c.Args); err != nil || strings.ContainsFunc(c.Args.Title, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			t.Fatalf("args %s: %v", b, err)
		}
		if p := c.Args.Person; p != nil && (p.Kind != incident.KindUser || p.ID == "") {
			t.Fatalf("person %+v", p)
		}
	}
	if r.Query != nil && (r.Command != nil || r.Query.Limit < 0 || r.Query.Limit > 200) {
		t.Fatalf("query %+v", r.Query)
	}
	if r.Incident < 0 || r.List < 0 || r.From < 0 {
		t.Fatalf("incident %d, list %d from %d", r.Incident, r.List, r.From)
	}
	if (r.For != 0 || r.Target != "") && (r.Command != nil || r.For < 0 || r.For > maxSpan || strings.ContainsFunc(r.Target, unicode.IsControl)) {
		t.Fatalf("mute %q for %s", r.Target, r.For)
	}
}

func FuzzParse(f *testing.F) {
	var script []byte
	for _, name := range []string{"testdata/chat.txtar", "testdata/relate.txtar"} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		script = append(append(script, b...), '\n')
	}
	for line := range strings.Lines(string(script)) {
		if text, ok := strings.CutPrefix(line, "> "); ok {
			f.Add(strings.TrimSpace(text), int64(0))
			f.Add(strings.TrimSpace(text), int64(7))
		}
	}
	f.Fuzz(func(t *testing.T, text string, thread int64) {
		env := Env{
			Now: now, Location: jakarta, Actor: ani, Prefix: "@imbot ", Incident: incident.ID(max(thread, 0)),
			Mentions: []Mention{{Text: "<at>Budi</at>", Actor: budi}, {Text: "Budi Santoso", Actor: budi}, {Text: " "}},
		}
		r, err := Parse(text, env)
		sound(t, r, err)
		if err == nil && len(text) > maxText {
			t.Fatal("too long, and accepted")
		}
		if err == nil && r.Command != nil && verbByName[r.Verb].id && r.Incident == 0 {
			t.Fatalf("%q is about no incident", text)
		}
	})
}

func FuzzFromCard(f *testing.F) {
	for _, s := range []string{
		`{"verb":"ack","incident":"INC-42"}`, `{"verb":"submit","form":"rca","incident":42,"step":"2","op":"next","summary":"s","detected_at":"x"}`,
		`{"verb":"submit","form":"action","incident":"INC-1","title":"t","owner":"a@b.c","due":"2027-01-01"}`, `{"verb":"connect","squad":"payments"}`,
		`{"verb":"submit","form":"declare","title":"t","private":"true","service_other":"x"}`, `{"verb":["ack"]}`, `{"verb":"assign_me","incident":1e300}`,
		`{"verb":"submit","form":"link","incident":"INC-42","parent":"INC-41","parent_other":"#40","kind":"duplicate"}`, `{"verb":"unlink","incident":"INC-43","list":"INC-42"}`,
		`{"verb":"related","incident":"INC-42","n":20}`, `{"verb":"unmute","target":"checkout"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var data map[string]any
		if json.Unmarshal(body, &data) != nil {
			return
		}
		r, err := FromCard(data)
		sound(t, r, err)
		if err == nil {
			if _, err := r.TimeCommands(Env{Now: now, Location: jakarta}, incident.Times{}); err != nil {
				sound(t, r, err)
			}
			r.As(ani, incident.RoleResponder, incident.SourceTeams)
		}
	})
}

func FuzzFromJSON(f *testing.F) {
	for _, s := range []string{
		`{"verb":"resolve","text":"x"}`, `{"verb":"rca","rca":{"summary":"s","five_whys":["a"]},"complete":true}`, `{"verb":"member","person":{"id":"a@b.c"},"remove":true}`,
		`{"verb":"action","action":{"op":"add","title":"t","due":"2027-01-01"}}`, `{"verb":"time","time":"detected","value":"2026-12-31T15:04:00Z"}`, `{"title":"t"}`, `[`,
		`{"verb":"link","kind":"caused-by","parent":"INC-1"}`, `{"target":"checkout","for":"1d12h","reason":"r"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := FromJSON(body)
		sound(t, r, err)
		if err == nil && (r.Command == nil || r.Form != "" || r.Me) {
			t.Fatalf("%s makes no command: %+v", body, r)
		}
		r, err = DeclareJSON(body)
		sound(t, r, err)
		r, err = MuteJSON(body)
		sound(t, r, err)
		if err == nil && (r.Target == "" || r.For <= 0) {
			t.Fatalf("%s mutes nothing: %+v", body, r)
		}
		if _, err := Canonical(body); err != nil {
			sound(t, r, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	env := Env{Now: now, Location: jakarta, Actor: ani, Incident: 7, Prefix: "@imbot "}
	for name, text := range map[string]string{
		"ack":     "ack INC-42",
		"declare": `declare "checkout is down" service:checkout level:service-down description:"since the deploy of 15:00"`,
		"typo":    "aknowledge 42",
		"hostile": "note INC-42 " + strings.Repeat(`"a `, 1300),
		"long":    "note INC-42 " + strings.Repeat("word ", 800),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse(text, env)
			}
		})
	}
}
