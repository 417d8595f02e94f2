package commands

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"imbot/incident"
)

// facts are those of an incident whose squad is led by Budi.
func facts() incident.Facts {
	levels := incident.DefaultLevels()
	return incident.Facts{
		Levels: levels, Verdict: incident.Verdict{Level: incident.ServiceDown, Rule: "is down"},
		Squad:  incident.SquadInfo{Key: "payments", Lead: budi.ID, Known: true},
		Notice: func(level string) incident.Notice { return incident.DefaultNotices(levels)[level] },
		Person: func(a incident.Actor) incident.Actor { return a },
	}
}

func apply(t *testing.T, inc *incident.Incident, at time.Time, verb incident.Verb, args incident.Args) ([]incident.Event, error) {
	t.Helper()
	cmd := incident.Command{Verb: verb, Incident: inc.ID, Actor: ani, Role: incident.RoleAdmin, Source: incident.SourceTeams, Args: args}
	events, _, err := incident.Apply(inc, cmd, facts(), at)
	return events, err
}

// incidentIn returns an incident in this status, acknowledged by Ani if asked.
func incidentIn(t *testing.T, status incident.Status, acked bool) *incident.Incident {
	t.Helper()
	inc, at := &incident.Incident{ID: 42}, now
	steps := []struct {
		verb incident.Verb
		args incident.Args
	}{{incident.Declare, incident.Args{Title: "checkout is down"}}}
	add := func(v incident.Verb, a incident.Args) {
		steps = append(steps, struct {
			verb incident.Verb
			args incident.Args
		}{v, a})
	}
	if acked {
		add(incident.Ack, incident.Args{})
	}
	if status != incident.Open {
		add(incident.Resolve, incident.Args{})
	}
	if status == incident.Closed {
		add(incident.Close, incident.Args{Waive: "false alarm"})
	}
	for _, s := range steps {
		at = at.Add(time.Minute)
		if _, err := apply(t, inc, at, s.verb, s.args); err != nil {
			t.Fatalf("%s: %v", s.verb, err)
		}
	}
	if inc.Status != status {
		t.Fatalf("the incident is %s, want %s", inc.Status, status)
	}
	return inc
}

// The table's statuses are what the domain does: a verb changes something in
// those, and nothing in others.
func TestStatusesAreTheDomains(t *testing.T) {
	checked := 0
	for i := range table {
		v := &table[i]
		if !v.changes || len(v.statuses) == 0 {
			continue
		}
		for _, status := range allStatuses {
			inc := incidentIn(t, status, v.name == "unack")
			events, err := apply(t, inc, now.Add(time.Hour), incident.Verb(v.name), incident.Args{Waive: "false alarm"})
			if err != nil && !errors.Is(err, incident.ErrConflict) {
				t.Fatalf("%s on %s: %v", v.name, status, err)
			}
			if got, want := len(events) > 0, slices.Contains(v.statuses, status); got != want {
				t.Errorf("%s on %s: changes = %v (%v), the table says %v", v.name, status, got, err, want)
			}
			checked++
		}
	}
	if checked < 12 {
		t.Errorf("only %d pairs were checked", checked)
	}
}

// The table's roles are those of the permission table.
func TestRolesAreTheDomains(t *testing.T) {
	outsider := incident.Actor{Kind: incident.KindUser, ID: "eve@example.com"}
	f := facts()
	for i := range table {
		v := &table[i]
		if !v.changes {
			continue
		}
		inc := incidentIn(t, incident.Open, false)
		may := func(a incident.Actor, r incident.Role) bool {
			verb := v.start(1)
			if p := v.fill(&verb, map[string]value{}, &Env{}); p == nil && verb.Command != nil {
				return incident.Allowed(verb.Command.Verb, false, a, r, inc, &f) == nil
			}
			return incident.Allowed(incident.Verb(v.name), false, a, r, inc, &f) == nil
		}
		want := map[string][4]bool{ // viewer, responder of another squad, squad's lead, admin
			responder: {false, true, true, true},
			squad:     {false, v.name == "declare", true, true},
			admin:     {false, false, false, true},
			anyone:    {true, true, true, true},
		}[v.role]
		got := [4]bool{
			may(outsider, incident.RoleViewer), may(outsider, incident.RoleResponder),
			may(budi, incident.RoleResponder), may(outsider, incident.RoleAdmin),
		}
		if got != want {
			t.Errorf("%s: viewer, responder, lead, admin may = %v, the table's %q means %v", v.name, got, v.role, want)
		}
	}
}

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

func TestHelpFor(t *testing.T) {
	row, ok := HelpFor(Env{Prefix: "@imbot "}, "Acknowledge")
	if !ok || row.Verb != "ack" || row.Example != "@imbot ack INC-42" || row.Usage != "ack <incident>" || row.Key != "help.ack" {
		t.Errorf("HelpFor(Acknowledge) = %+v, %v", row, ok)
	}
	if _, ok := HelpFor(Env{}, "dance"); ok {
		t.Error("HelpFor(dance) found something")
	}
	row, _ = HelpFor(Env{}, "level")
	if want := "level <incident> [level] [reason]"; row.Usage != want {
		t.Errorf("usage = %q, want %q", row.Usage, want)
	}
}

// Teams takes ten commands, titles of 32 and descriptions of 128 characters.
func TestCommonestFitsTheMenu(t *testing.T) {
	items := Commonest()
	if len(items) != 10 {
		t.Fatalf("%d entries, want 10", len(items))
	}
	for i, it := range items {
		if utf8.RuneCountInString(it.Title) > 32 || utf8.RuneCountInString(it.Description) > 128 || it.Description == "" {
			t.Errorf("%q: does not fit", it.Title)
		}
		if r, err := Parse(it.Title, Env{Incident: 42, Actor: ani}); err != nil && it.Title != "assign" {
			t.Errorf("choosing %q answers %v", it.Title, err)
		} else if err == nil && r.Verb != it.Title {
			t.Errorf("choosing %q means %s", it.Title, r.Verb)
		}
		if i > 0 && items[i-1].Title == it.Title {
			t.Errorf("%q twice", it.Title)
		}
	}
}

func TestTexts(t *testing.T) {
	all := Texts()
	for i := range table {
		for _, key := range []string{"help." + table[i].name, "may." + table[i].role} {
			if all[key] == "" {
				t.Errorf("no text %s", key)
			}
		}
	}
	if len(all) < len(table)+len(texts) {
		t.Errorf("%d texts", len(all))
	}
	for key, text := range all {
		if strings.Count(text, "{") != strings.Count(text, "}") {
			t.Errorf("%s: %q", key, text)
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
