// Package archtest holds the rule of who may import whom, as a test. It has no
// code of its own.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "imbot"

// source is one Go file.
type source struct {
	name    string // from the module's root
	dir     string // the package, from the module's root
	test    bool
	imports []string
	file    *ast.File
}

// sources reads every Go file of the module, whatever its build constraints.
func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the module's root is not where it was: %v", err)
	}
	var out []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != root && (name == "testdata" || name == "node_modules" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		s, err := read(p, filepath.ToSlash(rel))
		out = append(out, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 100 {
		t.Fatalf("found only %d files", len(out))
	}
	return out
}

func read(file, rel string) (source, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{name: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), file: f}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, p)
	}
	return s, nil
}

// kind splits an import: the package of this module, or the path of another
// module's package; both are empty for the standard library.
func kind(imp string) (own, outside string) {
	if imp == module {
		return ".", ""
	}
	if rest, ok := strings.CutPrefix(imp, module+"/"); ok {
		return rest, ""
	}
	if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") {
		return "", imp
	}
	return "", ""
}

// within reports whether a package is of this module of others.
func within(imp string) func(mod string) bool {
	return func(mod string) bool { return imp == mod || strings.HasPrefix(imp, mod+"/") }
}

// TestEveryPackageHasARule: a new package is entered in the table, and one that
// is gone leaves it.
func TestEveryPackageHasARule(t *testing.T) {
	found := map[string]bool{}
	for _, s := range sources(t) {
		found[s.dir] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(found)) {
		if _, ok := rules[dir]; !ok {
			t.Errorf("%s is in no row of the table: say there what it may import", dir)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(rules)) {
		if !found[dir] {
			t.Errorf("the table has a row for %s, which is not there", dir)
		}
	}
}

// TestImports holds the source of each package to its row, exactly.
func TestImports(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, s := range sources(t) {
		r := rules[s.dir]
		if s.test || r.program {
			continue
		}
		if used[s.dir] == nil {
			used[s.dir] = map[string]bool{}
		}
		for _, imp := range s.imports {
			own, outside := kind(imp)
			switch {
			case own != "":
				used[s.dir][own] = true
				if !slices.Contains(r.module, own) {
					t.Errorf("%s imports %s, which %s may not", s.name, imp, s.dir)
				}
			case outside != "":
				i := slices.IndexFunc(r.outside, within(imp))
				if i < 0 {
					t.Errorf("%s imports %s, which %s may not", s.name, imp, s.dir)
					continue
				}
				used[s.dir][r.outside[i]] = true
			}
		}
	}
	for dir, r := range rules {
		for _, allowed := range slices.Concat(r.module, r.outside) {
			if !used[dir][allowed] {
				t.Errorf("%s may import %s, and does not: take it out of the table", dir, allowed)
			}
		}
	}
}

// TestTestImports is the wider rule for tests: any package of the module but
// programs, edges and stores included, and few modules of others.
func TestTestImports(t *testing.T) {
	for _, s := range sources(t) {
		r := rules[s.dir]
		if !s.test || r.program {
			continue
		}
		for _, imp := range s.imports {
			own, outside := kind(imp)
			switch {
			case own != "" && own != s.dir && rules[own].program:
				t.Errorf("%s imports %s: nobody imports a program", s.name, imp)
			case outside != "" && !slices.ContainsFunc(slices.Concat(r.outside, testModules), within(imp)):
				t.Errorf("%s imports %s, which tests of %s may not", s.name, imp, s.dir)
			}
		}
	}
}

// TestTable holds the table itself to the rules that it spells out, so that no
// row can quietly break them.
func TestTable(t *testing.T) {
	for _, dir := range []string{"incident", "manifest"} {
		if r := rules[dir]; len(r.module)+len(r.outside) != 0 || r.program {
			t.Errorf("%s is to use the standard library only, not %v", dir, slices.Concat(r.module, r.outside))
		}
	}
	for dir, r := range rules {
		if r.program {
			continue
		}
		vendor := vendorOf(dir)
		for _, m := range r.module {
			switch target, ok := rules[m]; {
			case !ok:
				t.Errorf("%s may import %s, which is no package of this module", dir, m)
			case target.program:
				t.Errorf("%s may import %s: nobody imports a program", dir, m)
			case slices.Contains(edges, m) && (m != "bot" || (dir != "store" && !strings.HasPrefix(dir, "store/"))):
				t.Errorf("%s may import %s: nobody imports an edge", dir, m)
			case strings.HasPrefix(m, "store/") && dir != "store", m == "store":
				t.Errorf("%s may import %s: stores are handed in as interfaces", dir, m)
			case vendor != "" && vendorOf(m) != vendor && vendorOf(m) != shared:
				t.Errorf("%s may import %s: integrations know nothing of this project and of each other", dir, m)
			case isSim(m) && vendor == "":
				t.Errorf("%s may import %s: simulators are for tests and programs", dir, m)
			}
		}
	}
}

// shared is what vendors' packages have in common, and are to know besides
// themselves: plumbing that knows no vendor.
const shared = "integrations/internal"

// vendorOf returns "integrations/pagerduty" for that package and those below
// it, and "" for what is no integration.
func vendorOf(dir string) string {
	parts := strings.Split(dir, "/")
	if parts[0] != "integrations" || len(parts) < 2 {
		return ""
	}
	return path.Join(parts[0], parts[1])
}

func isSim(dir string) bool { return strings.HasSuffix(dir, "sim") }

// TestNoTestCodeInPrograms: what is for tests only stays out of what is shipped.
func TestNoTestCodeInPrograms(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || slices.Contains(forTests, s.dir) {
			continue
		}
		for _, imp := range s.imports {
			own, _ := kind(imp)
			if imp == "testing" || strings.HasPrefix(imp, "testing/") || slices.Contains(forTests, own) {
				t.Errorf("%s imports %s, which is for tests", s.name, imp)
			}
		}
	}
}

// banned are names that are not used outside tests, by the module they come
// from, and why.
var banned = map[string]map[string]string{
	"github.com/infracloudio/msbotbuilder-go": {
		"NewBotAdapter":      "it takes its tokens from the multi-tenant authority, whatever is configured",
		"MockTokenValidator": "it accepts every token",
	},
}

// TestBanned also keeps the root of the Graph SDK out: it compiles for minutes,
// and all that is needed of it is in packages below it.
func TestBanned(t *testing.T) {
	for _, s := range sources(t) {
		for _, imp := range s.imports {
			if strings.TrimSuffix(imp, "/") == "github.com/microsoftgraph/msgraph-sdk-go" {
				t.Errorf("%s imports the root of msgraph-sdk-go: import what is needed below it", s.name)
			}
		}
		if s.test {
			continue
		}
		for mod, names := range banned {
			if !slices.ContainsFunc(s.imports, func(imp string) bool { return within(imp)(mod) }) {
				continue
			}
			ast.Inspect(s.file, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && names[id.Name] != "" {
					t.Errorf("%s uses %s of %s: %s", s.name, id.Name, mod, names[id.Name])
				}
				return true
			})
		}
	}
}

// TestKind is a check of the checks.
func TestKind(t *testing.T) {
	for imp, want := range map[string][2]string{
		"imbot": {".", ""}, "imbot/incident": {"incident", ""}, "imbotx/y": {"", ""}, "net/http": {"", ""}, "go.etcd.io/bbolt/errors": {"", "go.etcd.io/bbolt/errors"},
	} {
		if own, outside := kind(imp); own != want[0] || outside != want[1] {
			t.Errorf("kind(%q) = %q, %q, want %q", imp, own, outside, want)
		}
	}
	if within("a.b/cd")("a.b/c") || !within("a.b/c/d")("a.b/c") || !within("a.b/c")("a.b/c") {
		t.Error("within does not tell modules apart")
	}
	for dir, want := range map[string]string{"integrations/pagerduty/pagerdutysim": "integrations/pagerduty", "integrations/x": "integrations/x", "integrations/internal/x": shared, "incident": "", "integrations": ""} {
		if got := vendorOf(dir); got != want {
			t.Errorf("vendorOf(%q) = %q, want %q", dir, got, want)
		}
	}
}
