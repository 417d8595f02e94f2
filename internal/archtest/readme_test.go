package archtest

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	mapRow  = regexp.MustCompile(`(?m)^\| (` + "`" + `[^|]*) \|`)
	mapName = regexp.MustCompile("`([^`]+)`")
)

// TestMap: the README's map names every folder at the top that has Go code in or
// below it, and every vendor; and none that is gone.
func TestMap(t *testing.T) {
	root := filepath.Join("..", "..")
	data, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "\n## The map of the house\n")
	text, _, _ = strings.Cut(text, "\nTwo trips")
	named := map[string]bool{}
	for _, row := range mapRow.FindAllStringSubmatch(text, -1) {
		first := ""
		for _, m := range mapName.FindAllStringSubmatch(row[1], -1) {
			name := m[1]
			if first == "" {
				first = name
			} else if !strings.Contains(name, "/") {
				name = path.Join(path.Dir(first), name) // "`integrations/newrelic`, `prometheus`"
			}
			named[name] = true
			if info, err := os.Stat(filepath.Join(root, name)); err != nil || !info.IsDir() {
				t.Errorf("the map names %s, which is no folder", name)
			}
		}
	}
	want := map[string]bool{}
	for _, s := range sources(t) {
		parts := strings.Split(s.dir, "/")
		if parts[0] == "integrations" || parts[0] == "internal" || parts[0] == "cmd" {
			parts = parts[:min(2, len(parts))]
		} else {
			parts = parts[:1]
		}
		want[strings.Join(parts, "/")] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(want)) {
		if !named[dir] && !strings.Contains(text, "("+dir+")") {
			t.Errorf("the map does not name %s", dir)
		}
	}
}
