package main

import (
	"encoding"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imbot/catalog"
)

// freeKeys are keys in the examples that are the reader's own, or of maps.
var freeKeys = []string{"env", "dba", "devops", "network", "other", "impact", "category", "five_whys", "lessons"}

// TestExampleKeys: every key that is read stands in the examples, be it commented
// out, in a section where it is read; and they have no other. Words in a comment
// behind a value do not count.
func TestExampleKeys(t *testing.T) {
	for file, read := range map[string]any{"imbot.example.yaml": Config{}, "catalog.example.yaml": catalog.File{}} {
		data, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		top := yamlFields(reflect.TypeOf(read))
		shown := exampleKeys(string(data), slices.Collect(maps.Keys(top)))
		known := map[string][]field{} // by section
		seen := map[field]bool{}
		for section, typ := range top {
			known[section] = keysBelow(typ, nil)
			for _, f := range known[section] {
				seen[f] = seen[f] || slices.Contains(shown[section], f.key)
			}
		}
		for _, section := range slices.Sorted(maps.Keys(top)) {
			if _, ok := shown[section]; !ok {
				t.Errorf("%s does not show %s", file, section)
			}
			for _, f := range known[section] {
				if !seen[f] {
					t.Errorf("%s does not show %s of %s", file, f.key, section)
				}
			}
			for _, key := range shown[section] {
				is := func(f field) bool { return f.key == key || f.key == strings.TrimSuffix(key, "_file") }
				if !slices.ContainsFunc(known[section], is) && !slices.Contains(freeKeys, key) {
					t.Errorf("%s shows %s in %s, which nothing reads", file, key, section)
				}
			}
		}
	}
}

// field is a key of a struct, which may be part of several sections.
type field struct {
	of  reflect.Type
	key string
}

// yamlFields are the fields of a struct by their key.
func yamlFields(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for f := range t.Fields() {
		if key := f.Tag.Get("yaml"); key != "" && key != "-" {
			out[key] = f.Type
		}
	}
	return out
}

// keysBelow adds the keys of all structs in t.
func keysBelow(t reflect.Type, to []field) []field {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return to
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return keysBelow(t.Elem(), to)
	case reflect.Struct:
		for key, typ := range yamlFields(t) {
			to = keysBelow(typ, append(to, field{t, key}))
		}
	}
	return to
}

var (
	exampleSection = regexp.MustCompile(`^(?:# )?([a-z_]+):(?:\s|$)`)
	exampleKey     = regexp.MustCompile(`(?:^|[\s{,])([a-z][a-z_]*):(?:\s|$)`)
)

// exampleKeys are the keys of an example by section. A paragraph without a
// section goes on with the one before; prose above a section has no keys, but for
// lists in it, which stand further in.
func exampleKeys(text string, sections []string) map[string][]string {
	out := map[string][]string{}
	section := ""
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		lines := strings.Split(paragraph, "\n")
		starts := func(line string) bool {
			m := exampleSection.FindStringSubmatch(line)
			return m != nil && slices.Contains(sections, m[1])
		}
		first := slices.IndexFunc(lines, starts)
		if first >= 0 {
			section = exampleSection.FindStringSubmatch(lines[first])[1]
		}
		for i, line := range lines {
			if section == "" || i < first && !strings.HasPrefix(line, "#   ") {
				continue
			}
			if starts(line) {
				section = exampleSection.FindStringSubmatch(line)[1]
				out[section] = append([]string{}, out[section]...)
				_, line, _ = strings.Cut(line, ":")
			} else {
				line = strings.TrimPrefix(strings.TrimSpace(line), "# ")
			}
			line, _, _ = strings.Cut(line, " #")
			for _, m := range exampleKey.FindAllStringSubmatch(line, -1) {
				out[section] = append(out[section], m[1])
			}
		}
	}
	return out
}
