package newrelicsim

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/scanner"

	"imbot/integrations/internal/contract"
	"imbot/integrations/newrelic"
)

// schema is what a GraphQL schema says about names and types.
type schema struct {
	query string                       // name of the type that queries select from
	kinds map[string]string            // name: "type", "interface", "input", "enum" or "scalar"
	types map[string]map[string]member // of types, interfaces and inputs
	enums map[string]map[string]bool
}

type member struct {
	typ  string // such as "[Entity]"
	args map[string]string
}

// readSchema reads a schema that has neither descriptions, defaults nor
// directives.
func readSchema(raw []byte) (*schema, error) {
	s := &schema{kinds: map[string]string{}, types: map[string]map[string]member{}, enums: map[string]map[string]bool{}}
	p := &parser{}
	p.s.Init(bytes.NewReader(stripComments(raw)))
	p.s.Mode = scanner.ScanIdents
	p.next()
	for p.tok == scanner.Ident {
		kind := p.ident()
		if kind == "schema" {
			s.query = s.members(p)["query"].typ
			continue
		}
		name := p.ident()
		s.kinds[name] = kind
		switch kind {
		case "scalar":
		case "enum":
			s.enums[name] = map[string]bool{}
			p.expect('{')
			for p.err == nil && p.tok != '}' {
				s.enums[name][p.ident()] = true
			}
			p.expect('}')
		case "type", "interface", "input":
			s.types[name] = s.members(p)
		default:
			p.fail("%s is unknown", kind)
		}
	}
	if p.tok != scanner.EOF {
		p.fail("%q is left over", p.text)
	}
	if p.err == nil && s.types[s.query] == nil {
		p.err = errors.New("no type for queries")
	}
	return s, p.err
}

func stripComments(raw []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(raw) {
		code, _, _ := bytes.Cut(line, []byte("#"))
		out.Write(append(code[:len(code):len(code)], '\n'))
	}
	return out.Bytes()
}

func (s *schema) members(p *parser) map[string]member {
	out := map[string]member{}
	p.expect('{')
	for p.err == nil && p.tok != '}' {
		name := p.ident()
		m := member{args: map[string]string{}}
		if p.tok == '(' {
			p.next()
			for p.err == nil && p.tok != ')' {
				arg := p.ident()
				p.expect(':')
				m.args[arg] = p.typeName()
			}
			p.expect(')')
		}
		p.expect(':')
		m.typ = p.typeName()
		out[name] = m
	}
	p.expect('}')
	return out
}

func (p *parser) typeName() string {
	var out string
	if p.tok == '[' {
		p.next()
		out = "[" + p.typeName() + "]"
		p.expect(']')
	} else {
		out = p.ident()
	}
	if p.tok == '!' {
		out += "!"
		p.next()
	}
	return out
}

// base is the name of a type without lists and "!".
func base(typ string) string { return strings.Trim(typ, "[]!") }

// check reports the first thing in a query that the schema does not have.
func (s *schema) check(query string) error {
	doc, err := parse(query)
	if err != nil {
		return err
	}
	return s.fields(s.query, doc.fields, doc.vars)
}

func (s *schema) fields(typ string, fields []field, vars map[string]string) error {
	for _, f := range fields {
		m, ok := s.types[typ][f.name]
		if !ok {
			return fmt.Errorf("%s has no field %s", typ, f.name)
		}
		for name, v := range f.args {
			if m.args[name] == "" {
				return fmt.Errorf("%s.%s has no argument %s", typ, f.name, name)
			}
			if err := s.value(m.args[name], v, vars); err != nil {
				return fmt.Errorf("%s.%s(%s): %w", typ, f.name, name, err)
			}
		}
		for name, want := range m.args {
			if _, given := f.args[name]; strings.HasSuffix(want, "!") && !given {
				return fmt.Errorf("%s.%s needs the argument %s", typ, f.name, name)
			}
		}
		if leaf := s.types[base(m.typ)] == nil; leaf != (len(f.fields) == 0) {
			return fmt.Errorf("%s.%s is a %s: something or nothing has to be selected of it", typ, f.name, m.typ)
		}
		if err := s.fields(base(m.typ), f.fields, vars); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) value(typ string, v any, vars map[string]string) error {
	switch v := v.(type) {
	case variable:
		if have := vars[string(v)]; have != typ && have != typ+"!" {
			return fmt.Errorf("$%s is a %q, want %s", v, have, typ)
		}
	case []any:
		if !strings.HasPrefix(typ, "[") {
			return fmt.Errorf("a list for %s", typ)
		}
		for _, item := range v {
			if err := s.value(base(typ), item, vars); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, item := range v {
			m, ok := s.types[base(typ)][name]
			if !ok || s.kinds[base(typ)] != "input" {
				return fmt.Errorf("%s has no %s", typ, name)
			}
			if err := s.value(m.typ, item, vars); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	case enum:
		if !s.enums[base(typ)][string(v)] {
			return fmt.Errorf("%s has no value %s", typ, v)
		}
	case string:
		if s.kinds[base(typ)] == "input" || s.enums[base(typ)] != nil {
			return fmt.Errorf("a text for %s", typ)
		}
	}
	return nil
}

func readContract(t *testing.T) *schema {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(contract.Dir(t), "newrelic", "nerdgraph-subset.graphql"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := readSchema(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// All that the client asks for is there to be asked for.
func TestContractQueries(t *testing.T) {
	schema := readContract(t)
	sim := New(Options{PageSize: 1})
	defer sim.Close()
	c, err := newrelic.New(newrelic.Config{Key: sim.Key(), URL: sim.URL()})
	if err != nil {
		t.Fatal(err)
	}
	web := sim.AddService("web")
	sim.Call(web, sim.AddService("cart"))
	sim.Call(web, sim.AddService("mail"))
	if edges, err := c.Edges(t.Context()); len(edges) != 2 || err != nil {
		t.Fatalf("Edges = %v, %v", edges, err)
	}
	if _, err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	texts := map[string]bool{}
	for _, r := range sim.Requests() {
		texts[r.Query] = true
		if err := schema.check(r.Query); err != nil {
			t.Errorf("%s: %v", r.Query, err)
		}
	}
	if len(texts) != 3 {
		t.Errorf("%d different queries, want 3", len(texts))
	}
}

// everything asks for all that the simulator has.
const everything = `query($g: EntityGuid!) { actor {
  entity(guid: $g) { accountId domain entityType guid name reporting type relatedEntities(filter: {direction: BOTH}) {
    nextCursor results { createdAt type source { accountId guid entity { accountId domain entityType guid name reporting type } } target { guid } } } }
  entitySearch(query: "domain = 'APM'") { count query results { nextCursor entities { accountId domain entityType guid name reporting type } } } } }`

// All that the simulator answers is New Relic's to answer.
func TestContractAnswers(t *testing.T) {
	schema := readContract(t)
	if err := schema.check(everything); err != nil {
		t.Error(err)
	}
	sim := Unstarted(Options{})
	web := sim.AddService("web")
	sim.Call(web, sim.AddService("cart"))
	doc, err := parse(everything)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pick(sim.root(), doc.fields, map[string]any{"g": web})
	if err != nil {
		t.Fatal(err)
	}
	all, err := sim.entity(map[string]any{"guid": web})
	if err != nil || len(all.(object)) != 8 {
		t.Errorf("the entity has %d fields, %v: ask for all of them above", len(all.(object)), err)
	}
	actor := got.(map[string]any)["actor"].(map[string]any)
	related := actor["entity"].(map[string]any)["relatedEntities"].(map[string]any)["results"].([]any)
	if len(related) != 1 || actor["entitySearch"].(map[string]any)["count"] != 2 {
		t.Errorf("answer %v", got)
	}
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	schema := readContract(t)
	for query, fine := range map[string]bool{
		`{ actor { entitySearch(query: "x") { count } } }`:                                                                                     true,
		`query($g: EntityGuid!) { actor { entity(guid: $g) { name } } }`:                                                                       true,
		`{ actor { entitySearch(query: "x") { counts } } }`:                                                                                    false,
		`{ actor { entitySearch(text: "x") { count } } }`:                                                                                      false,
		`{ actor { entitySearch(query: "x") } }`:                                                                                               false,
		`{ actor { entitySearch(query: "x") { count { x } } } }`:                                                                               false,
		`{ actor { entity { name } } }`:                                                                                                        false,
		`query($g: String) { actor { entity(guid: $g) { name } } }`:                                                                            false,
		`{ actor { entity(guid: $g) { name } } }`:                                                                                              false,
		`{ actor { entity(guid: "x") { relatedEntities(filter: {direction: OUT}) { nextCursor } } } }`:                                         false,
		`{ actor { entity(guid: "x") { relatedEntities(filter: {relationshipTypes: {include: [CALLS, CALL]}}) { nextCursor } } } }`:            false,
		`{ actor { entity(guid: "x") { relatedEntities(filter: {relationshipTypes: {only: [CALLS]}}) { nextCursor } } } }`:                     false,
		`{ actor { entity(guid: "x") { relatedEntities(filter: "CALLS") { nextCursor } } } }`:                                                  false,
		`{ actor { entity(guid: "x") { relatedEntities(filter: {relationshipTypes: {include: [CALLS]}}) { results { source } } } } }`:          false,
		`{ actor { entity(guid: "x") { relatedEntities(filter: {relationshipTypes: {include: [CALLS]}}) { results { source { guid } } } } } }`: true,
	} {
		if err := schema.check(query); (err == nil) != fine {
			t.Errorf("%s: %v, want fine %v", query, err, fine)
		}
	}
}
