package commands

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"imbot/incident"
	"imbot/locale"
)

// Every example is understood, where it is shown, as the verb whose example it is.
func TestExamplesWork(t *testing.T) {
	for _, env := range []Env{
		{Now: now, Location: jakarta, Actor: ani},
		{Now: now, Location: jakarta, Actor: ani, Incident: 7, Prefix: "/incident "},
	} {
		for _, row := range Help(env) {
			r, err := Parse(row.Example, env)
			if err != nil {
				t.Errorf("%q: %v", row.Example, err)
				continue
			}
			if r.Verb != row.Verb {
				t.Errorf("%q is read as %s, want %s", row.Example, r.Verb, row.Verb)
			}
			if env.Incident != 0 && r.Incident != 0 && r.Incident != env.Incident {
				t.Errorf("%q is about %s, but shown in the thread of %s", row.Example, r.Incident, env.Incident)
			}
		}
	}
}

func TestVerbsAreUnique(t *testing.T) {
	seen := map[string]string{}
	for i := range table {
		v := &table[i]
		for _, n := range append([]string{v.name}, v.aliases...) {
			if other, ok := seen[n]; ok {
				t.Errorf("%q means both %s and %s", n, other, v.name)
			}
			seen[n] = v.name
		}
		for j, a := range v.args {
			if a.put == nil {
				t.Errorf("%s: argument %s leads nowhere", v.name, a.name)
			}
			if a.pos && a.kind == kindText && slices.ContainsFunc(v.args[j+1:], func(b arg) bool { return b.pos }) {
				t.Errorf("%s: nothing can stand behind the text %s", v.name, a.name)
			}
		}
	}
}

// Teams takes ten commands, titles of 32 and descriptions of 128 characters.
func TestCommonestFitsTheMenu(t *testing.T) {
	items := Commonest()
	if len(items) != 10 {
		t.Fatalf("%d entries, want 10", len(items))
	}
	for i, it := range items {
		if text := locale.For(locale.English).Or("help."+it, ""); len(it) > 32 || utf8.RuneCountInString(text) > 128 || text == "" {
			t.Errorf("%q: does not fit", it)
		}
		if r, err := Parse(it, Env{Incident: 42, Actor: ani}); err != nil && it != "assign" {
			t.Errorf("choosing %q answers %v", it, err)
		} else if err == nil && r.Verb != it {
			t.Errorf("choosing %q means %s", it, r.Verb)
		}
		if i > 0 && items[i-1] == it {
			t.Errorf("%q twice", it)
		}
	}
}

// TestHelpTexts: the catalogue explains each verb.
func TestHelpTexts(t *testing.T) {
	for i := range table {
		if key := "help." + table[i].name; !locale.For(locale.English).Has(key) {
			t.Errorf("no text %s", key)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, tt := range []struct{ typed, want string }{
		{"akc", "ack"},
		{"aknowledge", "acknowledge"},
		{"resovle", "resolve"},
		{"ack", "ack"},
		{"x", ""},
		{"", ""},
		{"banana", ""},
		{strings.Repeat("a", 100), ""},
		{"hepl", "help"},
	} {
		if got := nearest(tt.typed, verbNames); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.typed, got, tt.want)
		}
	}
}

func TestAs(t *testing.T) {
	r, err := FromCard(map[string]any{"verb": "assign_me", "incident": "INC-42"})
	if err != nil {
		t.Fatal(err)
	}
	r.As(ani, incident.RoleResponder, incident.SourceTeams, "k")
	c := r.Command
	if c.Args.Person == nil || !c.Args.Person.Is(ani) || c.Actor != ani || c.Role != incident.RoleResponder || c.Source != "teams" || !slices.Equal(c.Keys, []string{"k"}) {
		t.Errorf("command = %+v", c)
	}
	r, err = Parse("action add 42 alert owner:me", Env{})
	if err != nil {
		t.Fatal(err)
	}
	r.As(budi, incident.RoleResponder, incident.SourceTeams)
	if o := r.Command.Args.Action.Owner; o == nil || !o.Is(budi) {
		t.Errorf("owner = %v", o)
	}
	(&Request{Form: FormRCA}).As(ani, "", "") // nothing to complete
}

func TestTimeCommands(t *testing.T) {
	r, err := FromCard(map[string]any{
		"verb": "submit", "form": "rca", "incident": "INC-42", "step": "3", "op": "save",
		"impact_started_at": "2026-12-31 14:00", "detected_at": "2026-12-31 14:05", "lessons": "alert earlier",
	})
	if err != nil {
		t.Fatal(err)
	}
	env := Env{Now: now, Location: jakarta}
	detected := time.Date(2026, 12, 31, 7, 5, 30, 0, time.UTC)
	got, err := r.TimeCommands(env, incident.Times{Detected: detected})
	if err != nil || len(got) != 1 {
		t.Fatalf("TimeCommands = %+v, %v", got, err)
	}
	want := time.Date(2026, 12, 31, 7, 0, 0, 0, time.UTC)
	if c := got[0]; c.Verb != incident.SetTime || c.Incident != 42 || c.Args.Time != "impact_started" || !c.Args.Value.Equal(want) {
		t.Errorf("command = %+v", c)
	}
	r.Values["detected_at"] = "noonish"
	var p *incident.Problem
	if _, err := r.TimeCommands(env, incident.Times{}); !errors.As(err, &p) || p.Field != "detected_at" {
		t.Errorf("error = %v", err)
	}
}
