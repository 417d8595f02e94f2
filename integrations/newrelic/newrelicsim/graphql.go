package newrelicsim

import (
	"errors"
	"fmt"
	"strings"
	"text/scanner"
)

// field is a field of a GraphQL query with what is selected of it.
type field struct {
	name   string
	args   map[string]any
	fields []field
}

// document is a query with the types of its variables.
type document struct {
	vars   map[string]string
	fields []field
}

// variable stands for the value of a variable in arguments.
type variable string

// enum is a value that is a bare word.
type enum string

const maxDepth = 20

// parse reads a GraphQL document with one query. It knows all that NerdGraph's
// users mostly need, but neither aliases, fragments, directives nor mutations.
func parse(query string) (document, error) {
	p := &parser{}
	doc := document{vars: map[string]string{}}
	p.s.Init(strings.NewReader(query))
	p.s.Mode = scanner.ScanIdents | scanner.ScanInts | scanner.ScanFloats | scanner.ScanStrings
	p.s.Error = func(_ *scanner.Scanner, msg string) { p.fail("%s", msg) }
	p.next()
	if p.text == "query" {
		p.next()
		if p.tok == scanner.Ident {
			p.next()
		}
		p.variables(doc.vars)
	}
	doc.fields = p.selection(0)
	if p.tok != scanner.EOF {
		p.fail("only one query is supported")
	}
	return doc, p.err
}

type parser struct {
	s    scanner.Scanner
	tok  rune
	text string
	err  error
}

func (p *parser) next() {
	if p.err != nil {
		p.tok, p.text = scanner.EOF, ""
		return
	}
	for p.tok = p.s.Scan(); p.tok == ','; p.tok = p.s.Scan() { // commas mean nothing in GraphQL
	}
	p.text = p.s.TokenText()
}

// fail keeps the first error, and ends the document.
func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("syntax error at %s: %s", p.s.Pos(), fmt.Sprintf(format, args...))
	}
	p.tok, p.text = scanner.EOF, ""
}

func (p *parser) expect(tok rune) {
	if p.tok != tok {
		p.fail("%q where %q belongs", p.text, string(tok))
		return
	}
	p.next()
}

func (p *parser) ident() string {
	name := p.text
	if p.tok != scanner.Ident {
		p.fail("%q where a name belongs", p.text)
		return ""
	}
	p.next()
	return name
}

// variables reads the declarations: the values come with the request.
func (p *parser) variables(types map[string]string) {
	if p.tok != '(' {
		return
	}
	p.next()
	for p.err == nil && p.tok != ')' {
		p.expect('$')
		name := p.ident()
		p.expect(':')
		for p.tok == '[' || p.tok == ']' || p.tok == '!' || p.tok == scanner.Ident {
			types[name] += p.text
			p.next()
		}
	}
	p.expect(')')
}

func (p *parser) selection(depth int) []field {
	if depth > maxDepth {
		p.fail("nested too deeply")
		return nil
	}
	var out []field
	p.expect('{')
	for p.err == nil && p.tok != '}' {
		f := field{name: p.ident()}
		if p.tok == '(' {
			p.next()
			f.args = p.object(')', depth)
		}
		if p.tok == '{' {
			f.fields = p.selection(depth + 1)
		}
		out = append(out, f)
	}
	p.expect('}')
	if p.err == nil && len(out) == 0 {
		p.fail("nothing is selected")
	}
	return out
}

func (p *parser) object(end rune, depth int) map[string]any {
	out := make(map[string]any)
	for p.err == nil && p.tok != end {
		name := p.ident()
		p.expect(':')
		out[name] = p.value(depth + 1)
	}
	p.expect(end)
	return out
}

func (p *parser) value(depth int) any {
	if depth > maxDepth {
		p.fail("nested too deeply")
		return nil
	}
	text := p.text
	switch p.tok {
	case '$':
		p.next()
		return variable(p.ident())
	case '{':
		p.next()
		return p.object('}', depth)
	case '[':
		p.next()
		list := []any{}
		for p.err == nil && p.tok != ']' {
			list = append(list, p.value(depth+1))
		}
		p.expect(']')
		return list
	case scanner.String:
		p.next()
		return strings.Trim(text, `"`)
	case scanner.Ident:
		p.next()
		return enum(text)
	case scanner.Int, scanner.Float:
		p.next()
		return text
	}
	p.fail("%q where a value belongs", text)
	return nil
}

// object is what the query selects from. Its values are texts, numbers, other
// objects, lists of them, nil, or resolvers.
type object map[string]any

// resolver makes the value of a field that has arguments.
type resolver func(args map[string]any) (any, error)

// pick returns what fields select of v.
func pick(v any, fields []field, vars map[string]any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []object:
		out := make([]any, len(v))
		for i, o := range v {
			var err error
			if out[i], err = pick(o, fields, vars); err != nil {
				return nil, err
			}
		}
		return out, nil
	case object:
		if v == nil {
			return nil, nil
		}
		return v.pick(fields, vars)
	}
	if len(fields) > 0 {
		return nil, errors.New("a scalar has no fields to select")
	}
	return v, nil
}

func (o object) pick(fields []field, vars map[string]any) (any, error) {
	if len(fields) == 0 {
		return nil, errors.New("select the fields of every object")
	}
	out := make(map[string]any, len(fields))
	for _, f := range fields {
		v, ok := o[f.name]
		if !ok {
			return nil, fmt.Errorf("cannot query field %q", f.name)
		}
		if r, ok := v.(resolver); ok {
			args, err := filled(f.args, vars)
			if err == nil {
				v, err = r(args)
			}
			if err != nil {
				return nil, err
			}
		} else if len(f.args) > 0 {
			return nil, fmt.Errorf("field %q takes no arguments", f.name)
		}
		var err error
		if out[f.name], err = pick(v, f.fields, vars); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// filled returns args with the values of variables.
func filled(args map[string]any, vars map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(args))
	for name, v := range args {
		if ref, ok := v.(variable); ok {
			if v, ok = vars[string(ref)]; !ok {
				return nil, fmt.Errorf("variable $%s has no value", ref)
			}
		}
		out[name] = v
	}
	return out, nil
}
