package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/catalog"
	"imbot/commands"
	"imbot/incident"
)

// docPage is a text for people, by its path from the module's root.
type docPage struct{ name, text string }

func docPages(t *testing.T) []docPage {
	t.Helper()
	root := filepath.Join("..", "..")
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	must(t, err)
	var out []docPage
	for _, name := range append(names, filepath.Join(root, "README.md")) {
		data, err := os.ReadFile(name)
		must(t, err)
		rel, err := filepath.Rel(root, name)
		must(t, err)
		out = append(out, docPage{rel, string(data)})
	}
	if len(out) < 5 {
		t.Fatalf("found only %d pages", len(out))
	}
	return out
}

var (
	fences     = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	spans      = regexp.MustCompile("`([^`\n]+)`")
	flagShape  = regexp.MustCompile(`(?m)^  -([a-z-]+)`)
	mdLink     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	sourceFile = regexp.MustCompile(`^[a-z]+/[a-z_/*]+\.(go|json|yaml)$`)
	verbShape  = regexp.MustCompile(`^[a-z]+ INC-\d+( .*)?$`)
	notInSlug  = regexp.MustCompile(`[^a-z0-9 -]`)
)

// code are the lines of code of a page: of blocks, and spans.
func code(text string) []string {
	var out []string
	for _, m := range fences.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.Split(m[2], "\n")...)
	}
	text = fences.ReplaceAllString(text, "")
	for _, m := range spans.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	for line := range strings.SplitSeq(text, "\n") {
		if after, ok := strings.CutPrefix(line, "    "); ok {
			out = append(out, after)
		}
	}
	return out
}

// TestDocsCommands: what the pages tell people to type is there: subcommands with
// their flags, verbs, targets of make, and folders that Go is to run.
func TestDocsCommands(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	must(t, err)
	tried := 0
	for _, p := range docPages(t) {
		for _, line := range code(p.text) {
			line, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "$ "), "#")
			words := strings.Fields(line)
			if len(words) < 2 {
				continue
			}
			tried++
			if said, ok := strings.CutPrefix(line, "@imbot "); ok || verbShape.MatchString(line) {
				checkSaid(t, p.name, said)
			}
			switch words[0] {
			case "imbot":
				checkCommand(t, p.name, words[1:])
			case "make":
				if !bytes.Contains(makefile, []byte("\n"+words[1]+": ")) {
					t.Errorf("%s: %q: there is no such target", p.name, line)
				}
			case "go":
				for _, w := range words[1:] {
					if _, err := os.Stat(filepath.Join("..", "..", w)); strings.HasPrefix(w, "./") && w != "./..." && err != nil {
						t.Errorf("%s: %q: %v", p.name, line, err)
					}
				}
			}
		}
	}
	if tried < 50 {
		t.Errorf("found only %d lines of code", tried)
	}
}

// checkSaid lets imbot understand what the pages say to it, of a person Ani who is
// mentioned.
func checkSaid(t *testing.T, where, text string) {
	t.Helper()
	ani := incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	env := commands.Env{Now: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Incident: 42, Actor: ani, Mentions: []commands.Mention{{Text: "@Ani", Actor: ani}}}
	if _, err := commands.Parse(text, env); err != nil {
		t.Errorf("%s: “%s”: %v", where, text, err)
	}
}

// checkCommand looks for a subcommand, and for its flags in its help.
func checkCommand(t *testing.T, where string, words []string) {
	t.Helper()
	args := words[:1]
	if slices.Contains([]string{"topology", "rules", "import", "jira"}, words[0]) {
		args = words[:min(2, len(words))]
	}
	var out, errOut bytes.Buffer
	if code := run(t.Context(), append(slices.Clone(args), "-h"), &out, &errOut); code != exitDone {
		t.Errorf("%s: imbot %s: %s%s", where, strings.Join(words, " "), out.String(), errOut.String())
		return
	}
	known := map[string]bool{"h": true}
	for _, m := range flagShape.FindAllStringSubmatch(errOut.String(), -1) {
		known[m[1]] = true
	}
	for _, w := range words[1:] {
		if name, ok := strings.CutPrefix(w, "-"); ok && !known[name] {
			t.Errorf("%s: imbot %s: there is no flag %s", where, strings.Join(words, " "), w)
		}
	}
}

// TestDocsLinks: links within the repository lead somewhere, and files that are
// named with their folder are there.
func TestDocsLinks(t *testing.T) {
	anchors := map[string][]string{}
	for _, p := range docPages(t) {
		for _, m := range headings.FindAllStringSubmatch(fences.ReplaceAllString(p.text, ""), -1) {
			anchors[p.name] = append(anchors[p.name], strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
		}
	}
	for _, p := range docPages(t) {
		for _, line := range code(p.text) {
			if found, err := filepath.Glob(filepath.Join("..", "..", line)); sourceFile.MatchString(line) && (err != nil || len(found) == 0) {
				t.Errorf("%s: there is no file %s", p.name, line)
			}
		}
		for _, m := range mdLink.FindAllStringSubmatch(fences.ReplaceAllString(p.text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target, anchor, _ := strings.Cut(m[1], "#")
			name := p.name
			if target != "" {
				name = filepath.Join(filepath.Dir(p.name), target)
			}
			if _, err := os.Stat(filepath.Join("..", "..", name)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.name, m[1])
			}
			if anchor != "" && !slices.Contains(anchors[name], anchor) {
				t.Errorf("%s: the link %s leads to no heading of %q", p.name, m[1], anchors[name])
			}
		}
	}
}

// TestDocsYAML: what the pages show of imbot.yaml and of the catalog can be read
// as it stands.
func TestDocsYAML(t *testing.T) {
	sections := yamlFields(reflect.TypeFor[Config]())
	found := 0
	for _, p := range docPages(t) {
		for _, m := range fences.FindAllStringSubmatch(p.text, -1) {
			if m[1] != "yaml" {
				continue
			}
			found++
			first, _, _ := strings.Cut(m[2], ":")
			if first == "squads" || first == "services" || first == "people" || first == "standby" && strings.Contains(m[2], "squads:") {
				if _, err := catalog.Parse([]byte(m[2]), p.name); err != nil {
					t.Errorf("%s: %v\n%s", p.name, err, m[2])
				}
				continue
			}
			if _, ok := sections[first]; !ok {
				t.Errorf("%s: this is of neither file:\n%s", p.name, m[2])
				continue
			}
			text := m[2]
			for _, more := range []string{"listen: \":8080\"\n", "store: bolt:imbot.db\n", goodTeams + secretKey} {
				if key, _, _ := strings.Cut(more, ":"); !strings.Contains("\n"+text, "\n"+key+":") {
					text += more
				}
			}
			if _, err := parseConfig([]byte(text), p.name, func(name string) string { return "the value of " + name }, noFiles); err != nil {
				t.Errorf("%s: %v\n%s", p.name, err, text)
			}
		}
	}
	if found < 3 {
		t.Errorf("found only %d pieces of %v", found, slices.Sorted(maps.Keys(sections)))
	}
}
