package backtest_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"imbot/backtest"
)

var update = flag.Bool("update", false, "write what is said into the stories")

// TestStories tells stories to an imbot that runs, and replays its log: under
// the rules that it ran with, under others, and both compared. The files of a
// story are catalog.yaml, rules.json, story, perhaps other.json, and what is
// said: one.txt, and both.txt with another set of rules.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { tellStory(t, file) })
	}
}

func tellStory(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) (out []byte) {
		for _, f := range ar.Files {
			if f.Name == name {
				out = f.Data
			}
		}
		return out
	}
	rules := func(name string) tried {
		s := tried{Name: strings.TrimSuffix(name, ".json") + ".yaml", Catalog: string(part("catalog.yaml"))}
		if err := json.Unmarshal(part(name), &s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return s
	}
	mine := rules("rules.json")
	l := newLive(t, mine, day.Add(9*time.Hour), 7)
	for line := range strings.Lines(string(part("story"))) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			l.tell(line)
		}
	}
	l.until(forever)
	zone := time.FixedZone("Asia/Jakarta", 7*3600)
	say := func(outs ...tried) string {
		var list []*backtest.Outcome
		for _, s := range outs {
			r, _ := s.build(t)
			list = append(list, replay(t, l.store, 0, r))
		}
		return text(t, backtest.NewReport(list...), backtest.Options{Location: zone})
	}
	got := map[string]string{"one.txt": say(mine)}
	if part("other.json") != nil {
		got["both.txt"] = say(mine, rules("other.json"))
	}
	for i := range ar.Files {
		f := &ar.Files[i]
		want, ok := got[f.Name]
		if !ok {
			continue
		}
		wantNarrow(t, want)
		if *update {
			f.Data = []byte(want)
		} else if d := cmp.Diff(string(f.Data), want); d != "" {
			t.Errorf("%s, -want +got:\n%s", f.Name, d)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(ar), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if again := say(mine); again != got["one.txt"] {
		t.Errorf("the same log twice:\n%s", cmp.Diff(got["one.txt"], again))
	}
}

func wantNarrow(t *testing.T, s string) {
	t.Helper()
	for line := range strings.Lines(s) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 120 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
}
