package cards

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/commands"
	"imbot/incident"
	"imbot/internal/example"
	"imbot/query"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is one card for the golden files.
type sample struct {
	name   string
	places []string // empty: it is the same everywhere
	make   func(t testing.TB, o Options) Card
}

func show(v func(testing.TB) *query.View) func(testing.TB, Options) Card {
	return func(t testing.TB, o Options) Card { return Incident(v(t), o) }
}

func shown(w func(testing.TB) *example.World) func(testing.TB, Options) Card {
	return func(t testing.TB, o Options) Card { return Incident(w(t).View(), o) }
}

var everywhere = []string{Personal, GroupChat, Channel}

var samples = []sample{
	{"incident-open", nil, shown(opened)},
	{"incident-open-dialogs", nil, func(t testing.TB, o Options) Card {
		o.Dialogs = true
		return Incident(opened(t).View(), o)
	}},
	{"incident-open-mentions", nil, func(t testing.TB, o Options) Card {
		o.Mentions = []Mention{{"29:ani", "Ani"}, {"29:ani2", "Ani"}, {"29:x", "**<at>Budi</at>** [x](https://evil.example)"}, {"", "nobody"}}
		return Incident(opened(t).View(), o)
	}},
	{"incident-open-unknown", nil, show(unknownService)},
	{"incident-acknowledged", nil, func(t testing.TB, o Options) Card {
		return Incident(acked(t).Do(incident.Assign, ani, incident.Args{Person: &budi}).View(), o)
	}},
	{"incident-related", everywhere, show(related)},
	{"incident-private", everywhere, show(private)},
	{"incident-resolved", nil, shown(resolved)},
	{"incident-resolved-draft", nil, func(t testing.TB, o Options) Card {
		w := resolved(t).Do(incident.WriteRCA, ani, incident.Args{RCA: map[string]string{"summary": "The pool ran dry."}})
		return Incident(w.View(), o)
	}},
	{"incident-resolved-trouble", nil, show(troubled)},
	{"incident-closed", nil, func(t testing.TB, o Options) Card {
		w := closed(t)
		for range 7 {
			w.Action("Follow [up](https://evil.example) later", "2027-01-15", &budi)
		}
		return Incident(w.View(), o)
	}},
	{"incident-closed-waived", nil, func(t testing.TB, o Options) Card {
		return Incident(resolved(t).Do(incident.Close, ani, incident.Args{Waive: "false *alarm*"}).View(), o)
	}},
	{"incident-closed-duplicate", nil, show(duplicate)},
	{"incident-changes", nil, func(t testing.TB, o Options) Card { return Incident(changed(t, opened(t)), o) }},
	{"incident-changes-decided", nil, func(t testing.TB, o Options) Card { return Incident(changed(t, judged(resolved(t))), o) }},
	{"incident-changes-private", everywhere, func(t testing.TB, o Options) Card {
		v := private(t)
		v.Changes = nearby[2:]
		return Incident(v, o)
	}},
	{"incident-changes-closed", nil, func(t testing.TB, o Options) Card { return Incident(changed(t, judged(closed(t))), o) }},
	{"redacted", nil, func(_ testing.TB, o Options) Card { return Redacted(42, o) }},
	{"declare", nil, func(_ testing.TB, o Options) Card {
		return DeclareForm(nil, nil, []Choice{{"Checkout", "checkout"}, {"Payments DB", "payments-db"}}, o)
	}},
	{"declare-errors", nil, func(_ testing.TB, o Options) Card {
		return DeclareForm(map[string]string{"title": " ", "service": "ftp"}, map[string]string{"title": "Say what is wrong.", "": "No"}, []Choice{{"Checkout", "checkout"}}, o)
	}},
	{"declare-no-catalog", nil, func(_ testing.TB, o Options) Card { return DeclareForm(nil, nil, nil, o) }},
	{"rca-1", nil, rcaSample(1)},
	{"rca-2", nil, rcaSample(2)},
	{"rca-3", everywhere, rcaSample(3)},
	{"rca-errors", nil, func(t testing.TB, o Options) Card {
		return RCAForm(resolved(t).View(), 2, map[string]string{"root_cause": "typed"}, map[string]string{"category": "Needed.", "summary": "Needed."}, o)
	}},
	{"rca-dialog", nil, func(t testing.TB, o Options) Card {
		o.InDialog = true
		return RCAForm(resolved(t).View(), 2, nil, nil, o)
	}},
	{"action", nil, func(t testing.TB, o Options) Card {
		return ActionForm(resolved(t).View(), map[string]string{"title": "x", "due": "2027-02-30", "owner": "@Ani"}, map[string]string{"due": "No such day."}, o)
	}},
	{"note", nil, func(t testing.TB, o Options) Card { return NoteForm(opened(t).View(), nil, nil, o) }},
	{"resolve", nil, func(t testing.TB, o Options) Card { return ResolveForm(opened(t).View(), nil, nil, o) }},
	{"level", nil, func(t testing.TB, o Options) Card { return LevelForm(opened(t).View(), nil, nil, o) }},
	{"update", nil, func(t testing.TB, o Options) Card {
		return UpdateForm(opened(t).View(), map[string]string{"customers": "Nobody can *pay*.", "next_update": "soon"}, map[string]string{"next_update": "Not a time."}, t0, o)
	}},
	{"page", nil, func(t testing.TB, o Options) Card { return PageForm(opened(t).View(), nil, nil, []string{"dba"}, o) }},
	{"waive", nil, func(t testing.TB, o Options) Card { return WaiveForm(resolved(t).View(), nil, nil, o) }},
	{"list", nil, func(t testing.TB, o Options) Card {
		p := query.Page{Incidents: []*query.View{opened(t).View(), acked(t).View(), related(t), closed(t).View(), unknownService(t)}, Next: "x"}
		return List(p, "Open incidents of [payments](https://evil.example)", o)
	}},
	{"list-empty", nil, func(_ testing.TB, o Options) Card { return List(query.Page{}, "", o) }},
	{"list-private", everywhere, func(t testing.TB, o Options) Card {
		return List(query.Page{Incidents: []*query.View{private(t)}}, "", o)
	}},
	{"help", everywhere, func(_ testing.TB, o Options) Card {
		return Help(commands.Help(commands.Env{Prefix: o.Hint("")})[3:6], o)
	}},
	{"help-slash", nil, func(_ testing.TB, o Options) Card {
		o.Slash = true
		return Help([]commands.HelpRow{{Verb: "ack", Usage: "ack <incident>", Example: o.Hint("ack INC-42")}}, o)
	}},
	{"message", nil, func(_ testing.TB, o Options) Card {
		return Message("Saved.\n\n<at>all</at> [x](https://evil.example)", o)
	}},
}

func rcaSample(step int) func(testing.TB, Options) Card {
	return func(t testing.TB, o Options) Card {
		w := resolved(t).RCA(false).Action("Raise the pool limit", "2027-01-15", &budi).Action("Old", "", nil)
		w.Do(incident.DoAction, ani, incident.Args{Action: &incident.ActionArgs{Op: "done", N: 2}})
		w.Do(incident.SetTime, ani, incident.Args{Time: "impact_started", Value: t0.Add(-time.Minute)})
		o.Location = time.FixedZone("Asia/Jakarta", 7*3600)
		return RCAForm(w.View(), step, nil, nil, o)
	}
}

// eachGolden calls fn for each golden file and the card that belongs in it.
func eachGolden(t *testing.T, fn func(file string, raw []byte)) {
	t.Helper()
	for _, s := range samples {
		places := s.places
		if len(places) == 0 {
			places = []string{Channel}
		}
		for _, lang := range []string{"en", "id"} {
			for _, place := range places {
				file := s.name + "." + lang
				if len(s.places) > 0 {
					file += "." + place
				}
				raw, err := s.make(t, Options{Lang: lang, Place: place, BotName: "imbot"}).JSON()
				if err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				fn(filepath.Join("testdata", file+".json"), raw)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	if *update {
		old, _ := filepath.Glob(filepath.Join("testdata", "*.json"))
		for _, f := range old {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	known := map[string]bool{}
	eachGolden(t, func(file string, raw []byte) {
		known[file] = true
		var got bytes.Buffer
		if err := json.Indent(&got, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v (run with -update to write it)", err)
			return
		}
		if d := cmp.Diff(string(want), got.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
	})
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !known[f] {
			t.Errorf("%s belongs to no card", f)
		}
	}
}

// TestLint asks Microsoft's renderer, and the rules that keep a card usable.
func TestLint(t *testing.T) {
	script := above("e2e/lint/card.mjs")
	if script == "" || above("e2e/node_modules/adaptivecards") == "" {
		t.Skip("e2e/lint/card.mjs or e2e/node_modules is not there: run npm ci in e2e")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	out, err := exec.Command(node, append([]string{script}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestSchema checks the cards against the official schema of version 1.5.
func TestSchema(t *testing.T) {
	dir := os.Getenv("IMBOT_CONTRACTS")
	if dir == "" {
		dir = above("../shared/contracts")
	}
	file := filepath.Join(dir, "adaptivecards", "adaptive-card-1.5.0.json")
	if _, err := os.Stat(file); dir == "" || err != nil {
		t.Skip("set IMBOT_CONTRACTS to the folder with adaptivecards/adaptive-card-1.5.0.json")
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("card.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("card.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(raw []byte) error {
		card, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		gaps(card)
		return schema.Validate(card)
	}
	eachGolden(t, func(file string, raw []byte) {
		if err := check(raw); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if err := check(bytes.Replace(raw, []byte(`"TextBlock"`), []byte(`"TextBlok"`), 1)); err == nil && bytes.Contains(raw, []byte(`"TextBlock"`)) {
			t.Errorf("%s: the schema accepts an unknown element: the check is blunt", file)
		}
	})
}

// gaps takes out of a card what the published schema does not know although
// Teams does.
func gaps(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			gaps(x)
		}
	case map[string]any:
		delete(v, "msteams") // Teams' own, see MSTeams
		if v["type"] == "Input.ChoiceSet" && v["style"] == "filtered" {
			v["style"] = "compact" // since 1.5, but its list of styles lacks it
		}
		for _, x := range v {
			gaps(x)
		}
	}
}

// above returns the first file of this relative path at or above the package;
// "" where there is none.
func above(path string) string {
	dir, err := os.Getwd()
	for err == nil {
		try := filepath.Join(dir, path)
		if _, err := os.Stat(try); err == nil {
			return try
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// TestShape checks what holds for all cards.
func TestShape(t *testing.T) {
	eachGolden(t, func(file string, raw []byte) {
		var card map[string]any
		if err := json.Unmarshal(raw, &card); err != nil {
			t.Fatal(err)
		}
		isIncident := strings.Contains(file, "incident-")
		checkMentions(t, file, card)
		walk(card, func(o map[string]any) {
			kind, _ := o["type"].(string)
			switch {
			case strings.HasPrefix(kind, "Input.") && isIncident:
				t.Errorf("%s: an input on a card that is updated", file)
			case kind == "Action.Execute":
				checkExecute(t, file, o)
			case kind == "Action.OpenUrl" && !strings.HasPrefix(o["url"].(string), "http"):
				t.Errorf("%s: opens %v", file, o["url"])
			case kind == "ColumnSet" && len(o["columns"].([]any)) > 2:
				t.Errorf("%s: more than two columns on a phone", file)
			}
		})
	})
}

// checkMentions: Teams finds a mention by its text, which must stand in the card.
func checkMentions(t *testing.T, file string, card map[string]any) {
	t.Helper()
	var all strings.Builder
	walk(card["body"], func(o map[string]any) {
		if s, ok := o["text"].(string); ok {
			all.WriteString(s + "\n")
		}
	})
	teams, _ := card["msteams"].(map[string]any)
	entities, _ := teams["entities"].([]any)
	if n := strings.Count(all.String(), "<at>"); n != len(entities) || (n > 0) != strings.Contains(file, "mentions") {
		t.Errorf("%s: %d mentions, %d entities", file, n, len(entities))
	}
	for _, e := range entities {
		if s := e.(map[string]any)["text"].(string); strings.Count(all.String(), s) != 1 {
			t.Errorf("%s: %q is not once in the text", file, s)
		}
	}
}

func checkExecute(t *testing.T, file string, o map[string]any) {
	t.Helper()
	data, _ := o["data"].(map[string]any)
	fallback, _ := o["fallback"].(map[string]any)
	if o["verb"] != data["verb"] || data["verb"] == nil {
		t.Errorf("%s: verb %v, data %v", file, o["verb"], data)
	}
	if d := cmp.Diff(o["data"], fallback["data"]); d != "" || fallback["type"] != "Action.Submit" || fallback["title"] != o["title"] {
		t.Errorf("%s: the fallback of %v differs: %s", file, o["title"], d)
	}
}

// walk calls fn for each object below v, in a fixed order.
func walk(v any, fn func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			walk(x, fn)
		}
	case map[string]any:
		fn(v)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			walk(v[k], fn)
		}
	}
}

func BenchmarkIncident(b *testing.B) {
	v := acked(b).View()
	o := Options{Place: Channel, BotName: "imbot", Mentions: []Mention{{ID: "29:ani", Name: "Ani"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Incident(v, o).JSON(); err != nil {
			b.Fatal(err)
		}
	}
}
