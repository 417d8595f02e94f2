package locale

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"imbot/incident"
)

func TestComplete(t *testing.T) {
	en, id := catalogue[English], catalogue[Indonesian]
	for key, text := range en {
		base, singular := strings.CutSuffix(key, ".one")
		if other, ok := id[key]; !ok && !singular {
			t.Errorf("%s is not in id.json", key)
		} else if ok && !slices.Equal(placeholders(text), placeholders(other)) {
			t.Errorf("%s: placeholders differ: %q and %q", key, text, other)
		}
		if singular {
			if _, ok := en[base]; !ok {
				t.Errorf("%s has no plural", key)
			}
		}
	}
	for key := range id {
		if _, ok := en[key]; !ok {
			t.Errorf("%s is not in en.json", key)
		}
	}
	for lang, m := range catalogue {
		for key, text := range m {
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s: %s is empty or has spaces around it: %q", lang, key, text)
			}
		}
	}
}

// TestTranslated finds texts that were copied and forgotten: the few that are
// the same in both languages are words that Indonesian engineers use as well.
func TestTranslated(t *testing.T) {
	same := 0
	for key, text := range catalogue[English] {
		if catalogue[Indonesian][key] == text && strings.Count(text, " ") > 2 && !strings.HasPrefix(text, "{") {
			t.Errorf("%s is not translated: %q", key, text)
		}
		if catalogue[Indonesian][key] == text {
			same++
		}
	}
	if same > len(catalogue[English])/8 {
		t.Errorf("%d of %d texts are the same in both languages", same, len(catalogue[English]))
	}
}

func TestKnownSets(t *testing.T) {
	p := For(English)
	need := func(prefix string, names ...string) {
		t.Helper()
		for _, n := range names {
			if n != "" && !p.Has(prefix+n) {
				t.Errorf("no text %s%s", prefix, n)
			}
		}
	}
	need("category.", incident.Categories...)
	need("time.", incident.TimeNames...)
	need("status.", string(incident.Open), string(incident.Resolved), string(incident.Closed))
	need("card.state.", string(incident.Open), string(incident.Resolved), string(incident.Closed))
	need("level.", incident.DefaultLevels().Keys()...)
	need("level.word.", incident.DefaultLevels().Keys()...)
	need("gap.", incident.GapNoChannel, incident.GapMuted, incident.GapQuiet)
	need("link.", incident.LinkDuplicate, incident.LinkCascade)
	need("reply.", incident.ReplyRaised, incident.ReplyReopened, incident.ReplyCommander, incident.ReplyResolved)
	need("trouble.", incident.EffectDead, incident.EffectSkipped)
	need("event.closed.", "duplicate", "none_owed", incident.PostmortemComplete, incident.PostmortemWaived)
	need("rca.", incident.RequiredRCA...)
	for _, verb := range []incident.Verb{
		incident.Declare, incident.Ack, incident.Unack, incident.Resolve, incident.Reopen, incident.Close, incident.WriteRCA, incident.DoAction,
		incident.AddNote, incident.SetLevel, incident.SetTime, incident.Assign, incident.Member, incident.Publicise, incident.Judge,
		incident.Retry, incident.SetLink, incident.Unlink, incident.Undo, incident.Page, incident.Report, incident.Subscribe, incident.Remind,
	} {
		need("done.", string(verb))
		need("help.", string(verb))
	}
	need("done.subscribe.", "off")
	dir := filepath.Join("..", "incident")
	need("event.", constants(t, filepath.Join(dir, "event.go"), "Ev")...)
	need("effect.", constants(t, filepath.Join(dir, "effect.go"), "Kind")...)
	need("role.", constants(t, filepath.Join(dir, "incident.go"), "Role")...)
	fields := rcaFields(t, filepath.Join(dir, "postmortem.go"))
	if len(fields) < 9 {
		t.Fatalf("found only the RCA fields %v", fields)
	}
	need("rca.", fields...)
}

// constants returns the values of the string constants of a file whose names
// begin with prefix.
func constants(t *testing.T, file, prefix string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, name := range v.Names {
				if strings.HasPrefix(name.Name, prefix) && i < len(v.Values) {
					if s, ok := literal(v.Values[i]); ok {
						out = append(out, s)
					}
				}
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no constants %s… in %s", prefix, file)
	}
	return out
}

// rcaFields returns the JSON names of the fields of incident.RCA.
func rcaFields(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "RCA" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			_, tag, _ := strings.Cut(field.Tag.Value, `json:"`)
			out = append(out, tag[:strings.IndexAny(tag, `,"`)])
		}
		return false
	})
	return out
}

func literal(e ast.Expr) (string, bool) {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(b.Value)
	return s, err == nil
}

// source is what the Go files of the project say.
type source struct {
	literals map[string]bool   // every string literal
	problems map[string]string // key of a problem -> where
	keys     map[string]string // key of the catalogue -> where
}

var keyShape = regexp.MustCompile(`^[a-z_]+(\.[a-z_-]+)+$`)

// readSource parses the project, tests and this package apart.
func readSource(t *testing.T) *source {
	t.Helper()
	src := &source{literals: map[string]bool{}, problems: map[string]string{}, keys: map[string]string{}}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != ".." && (name[0] == '.' || name == "node_modules" || name == "testdata" || name == "integrations") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, ".html") {
			return src.readTemplate(path)
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		src.read(f, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

var quoted = regexp.MustCompile(`"([^"]*)"`)

// readTemplate notes the keys that a template says.
func (s *source) readTemplate(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, m := range quoted.FindAllStringSubmatch(string(b), -1) {
		if keyShape.MatchString(m[1]) {
			s.literals[m[1]] = true
			if For(English).prefixKnown(m[1]) {
				s.keys[m[1]] = path
			}
		}
	}
	return nil
}

func (s *source) read(f *ast.File, path string) {
	ours := f.Name.Name == "cards" || f.Name.Name == "locale" || slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"imbot/locale"` })
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if l, ok := literal(n); ok {
				s.literals[l] = true
				if ours && keyShape.MatchString(l) && For(English).prefixKnown(l) {
					s.keys[l] = path
				}
			}
		case *ast.CallExpr:
			s.call(f.Name.Name, n, path)
		}
		return true
	})
}

// prefixKnown reports whether a literal looks like a key of the catalogue.
func (p Printer) prefixKnown(l string) bool {
	prefix, _, _ := strings.Cut(l, ".")
	for k := range catalogue[English] {
		if strings.HasPrefix(k, prefix+".") {
			return true
		}
	}
	return false
}

// call notes the keys of problems.
func (s *source) call(pkg string, c *ast.CallExpr, path string) {
	name := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	at, prefix := -1, ""
	switch {
	case name == "NewProblem":
		at = 2
	case pkg == "incident" && (name == "invalid" || name == "tooMany"), pkg == "commands" && name == "problem":
		at = 1
	case pkg == "incident" && name == "conflict":
		at = 0
	case pkg == "incident" && name == "forbidden":
		at, prefix = 1, "forbidden_"
	}
	if at < 0 || at >= len(c.Args) {
		return
	}
	if key, ok := literal(c.Args[at]); ok {
		s.problems[prefix+key] = path
	}
}

func TestSourceKeys(t *testing.T) {
	src := readSource(t)
	p := For(English)
	if len(src.problems) < 30 || len(src.keys) < 60 {
		t.Fatalf("found only %d problems and %d keys: the search is broken", len(src.problems), len(src.keys))
	}
	for _, key := range slices.Sorted(maps.Keys(src.problems)) {
		if !p.Has("err." + key) {
			t.Errorf("%s: the problem %q has no text err.%s", src.problems[key], key, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(src.keys)) {
		if !p.Has(key) {
			t.Errorf("%s: there is no text %s", src.keys[key], key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(catalogue[English])) {
		if base := strings.TrimSuffix(key, ".one"); !src.used(base) {
			t.Errorf("nothing says %s", base)
		}
	}
}

// used reports whether a key is said: as it is, or put together from pieces,
// such as "event." + kind + "." + variant.
func (s *source) used(key string) bool {
	if s.literals[key] {
		return true
	}
	for i := range len(key) {
		if key[i] == '.' && s.literals[key[:i+1]] && s.pieces(key[i+1:]) {
			return true
		}
	}
	return false
}

func (s *source) pieces(rest string) bool {
	if s.literals[rest] || s.literals[strings.TrimPrefix(rest, "forbidden_")] {
		return true
	}
	for i := range len(rest) {
		if rest[i] == '.' && s.literals[rest[:i]] && (s.literals[rest[i:]] || s.literals[rest[i+1:]]) {
			return true
		}
	}
	return false
}
