package commands

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"imbot/incident"
	"imbot/query"
)

var update = flag.Bool("update", false, "write what the conversations answer now")

// now is a Thursday afternoon in Jakarta.
var now = time.Date(2026, 12, 31, 8, 30, 0, 0, time.UTC)

var jakarta = time.FixedZone("WIB", 7*3600)

var (
	ani  = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	budi = incident.Actor{Kind: incident.KindUser, ID: "budi@example.com", Name: "Budi Santoso"}
)

func testEnv(t testing.TB, settings string) Env {
	t.Helper()
	env := Env{Now: now, Location: jakarta, Actor: ani}
	for _, s := range strings.Fields(settings) {
		name, val, _ := strings.Cut(s, "=")
		switch name {
		case "thread":
			id, err := incident.ParseID(val)
			if err != nil {
				t.Fatal(err)
			}
			env.Incident = id
		case "prefix":
			env.Prefix = strings.ReplaceAll(val, "_", " ")
		case "mention":
			env.Mentions = append(env.Mentions, Mention{Text: strings.ReplaceAll(val, "_", " "), Actor: budi})
		case "anonymous":
			env.Actor = incident.Actor{}
		default:
			t.Fatalf("unknown setting %q", s)
		}
	}
	return env
}

// show prints a request in one line.
func show(r Request, err error) string {
	var p *incident.Problem
	if errors.As(err, &p) {
		field := ""
		if p.Field != "" {
			field = " at " + p.Field
		}
		return fmt.Sprintf("error %s%s: %s", p.Key, field, p.Detail)
	}
	if err != nil {
		return "not a problem: " + err.Error()
	}
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	switch {
	case r.Command != nil:
		add("do %s", r.Command.Verb)
	case r.Form != "":
		add("form %s", r.Form)
	default:
		add("%s", r.Verb)
	}
	if r.Incident != 0 {
		add(" %s", r.Incident)
	}
	if r.Step != 0 {
		add(" step=%d", r.Step)
	}
	if r.Op != "" {
		add(" op=%s", r.Op)
	}
	if r.Squad != "" {
		add(" squad=%s", r.Squad)
	}
	if r.Topic != "" {
		add(" topic=%s", r.Topic)
	}
	if r.Target != "" {
		add(" target=%q", r.Target)
	}
	if r.For != 0 {
		add(" for=%s", r.For)
	}
	if r.Reason != "" {
		add(" reason=%q", r.Reason)
	}
	if !r.Since.IsZero() {
		add(" since=%s", r.Since.Format(time.RFC3339))
	}
	if r.From != 0 {
		add(" from=%d", r.From)
	}
	if r.List != 0 {
		add(" list=%s", r.List)
	}
	if r.Me {
		add(" me")
	}
	if r.Command != nil {
		if r.Command.Incident != r.Incident {
			add(" (the command says %s)", r.Command.Incident)
		}
		add(" %s", asJSON(r.Command.Args))
	}
	if r.Query != nil {
		add(" %s", showFilter(r.Query))
	}
	if r.Form != "" && len(r.Values) > 0 {
		add(" with %s", asJSON(r.Values))
	}
	return b.String()
}

func showFilter(f *query.Filter) string {
	var out []string
	for _, x := range []struct {
		name string
		val  any
	}{
		{"status", f.Status},
		{"level", f.Level},
		{"squad", f.Squad},
		{"service", f.Service},
		{"q", f.Q},
		{"since", f.Since},
		{"until", f.Until},
		{"link", f.Link},
		{"limit", f.Limit},
	} {
		if t, ok := x.val.(time.Time); ok && !t.IsZero() {
			out = append(out, x.name+"="+t.Format(time.RFC3339))
		} else if !ok && !reflect.ValueOf(x.val).IsZero() {
			out = append(out, fmt.Sprintf("%s=%v", x.name, x.val))
		}
	}
	return "{" + strings.Join(out, " ") + "}"
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Each file of testdata is a conversation: a line "> text" is said, the line
// below it is what was understood; "= settings" says where it is said.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, name := range files {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range ar.Files {
			f := &ar.Files[i]
			t.Run(filepath.Base(name)+"/"+f.Name, func(t *testing.T) {
				got, said := replay(t, string(f.Data))
				if said == 0 {
					t.Error("nobody says anything")
				}
				if *update {
					f.Data = []byte(got)
				} else if d := cmp.Diff(string(f.Data), got); d != "" {
					t.Errorf("understood otherwise (-want +got):\n%s", d)
				}
			})
		}
		if *update {
			if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func replay(t *testing.T, script string) (string, int) {
	t.Helper()
	var out strings.Builder
	env, said := testEnv(t, ""), 0
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "= "):
			env = testEnv(t, line[2:])
			fmt.Fprintln(&out, line)
		case line == ">" || strings.HasPrefix(line, "> "):
			said++
			text := strings.NewReplacer(`\n`, "\n", `\0`, "\x00", `\u202e`, "\u202e", `\u00a0`, "\u00a0").Replace(strings.TrimPrefix(line[1:], " "))
			fmt.Fprintln(&out, line)
			fmt.Fprintln(&out, strings.ReplaceAll(show(Parse(text, env)), "\n", " "))
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		}
	}
	return out.String(), said
}
