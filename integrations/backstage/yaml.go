package backstage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"imbot/integrations/internal/fit"
)

// FileError says what is wrong in a catalog-info.yaml, and how to mend it.
type FileError struct {
	Line int // from 1; 0: the whole file
	Text string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return "catalog-info.yaml: " + e.Text
	}
	return fmt.Sprintf("catalog-info.yaml: line %d: %s", e.Line, e.Text)
}

// ParseCatalogInfo reads the components, resources and APIs of a
// catalog-info.yaml, whose documents are separated by "---". Other kinds are
// passed over. A reference without a namespace has that of its entity, and one
// without a kind is to a component, or an API where only that makes sense.
//
// It reads only what edges need, and so does not check the file as Backstage
// would. It returns a *FileError for a file that is larger than 1 MB, no YAML or
// needlessly complicated, and for what can't be a name or reference.
// https://backstage.io/docs/features/software-catalog/descriptor-format/
func ParseCatalogInfo(data []byte) ([]Entity, error) {
	docs, err := parseYAML(data)
	if err != nil {
		return nil, err
	}
	var out []Entity
	for _, doc := range docs {
		r := reader{anchors: make(map[string]ast.Node)}
		r.collect(doc)
		e, ok := r.entity(doc)
		if r.err != nil {
			return nil, r.err
		}
		if ok {
			out = append(out, e)
		}
	}
	return out, nil
}

// parseYAML returns the documents of a file that are not empty. It parses one
// after the other, for the library ends silently at an empty one.
func parseYAML(data []byte) ([]ast.Node, error) {
	if len(data) > maxFile {
		return nil, &FileError{Text: fmt.Sprintf("it is larger than %d MB; this is hardly the right file", maxFile>>20)}
	}
	if !utf8.Valid(data) {
		return nil, &FileError{Text: "it is not UTF-8 text; save it as UTF-8"}
	}
	tokens := lexer.Tokenize(string(data))
	if err := (&guard{}).check(tokens); err != nil {
		return nil, err
	}
	var out []ast.Node
	for len(tokens) > 0 {
		end := slices.IndexFunc(tokens, func(tk *token.Token) bool {
			return tk.Type == token.DocumentHeaderType || tk.Type == token.DocumentEndType
		})
		doc := tokens
		if end >= 0 {
			doc, tokens = tokens[:end:end], tokens[end+1:]
		} else {
			tokens = nil
		}
		body, err := parseDocument(doc)
		if err != nil {
			return nil, err
		}
		if body != nil && body.Type() != ast.NullType && body.Type() != ast.CommentType {
			out = append(out, body)
		}
	}
	return out, nil
}

func parseDocument(tokens token.Tokens) (ast.Node, error) {
	if !slices.ContainsFunc(tokens, func(tk *token.Token) bool { return tk.Type != token.CommentType }) {
		return nil, nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		// The library's text holds lines of the file: only its message is taken.
		var e interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &e) {
			return nil, problem(e.GetToken(), "this is not YAML: "+fit.Line(e.GetMessage(), 200)+"; check indentation, quotes and brackets")
		}
		return nil, &FileError{Text: "it is not YAML; check indentation, quotes and brackets"}
	}
	if len(file.Docs) != 1 {
		return nil, problem(tokens[0], "the document that begins here is not understood; check indentation and quotes")
	}
	return file.Docs[0].Body, nil
}

func problem(tk *token.Token, text string) *FileError {
	e := &FileError{Text: text}
	if tk != nil && tk.Position != nil {
		e.Line = tk.Position.Line
	}
	return e
}

// reader reads one document. It goes only where it knows what to find, and not
// deeper, so that aliases can't make more of a file than is in it.
type reader struct {
	anchors map[string]ast.Node
	err     error // the first
}

func (r *reader) fail(n ast.Node, format string, args ...any) {
	if r.err == nil {
		r.err = problem(n.GetToken(), fmt.Sprintf(format, args...))
	}
}

// collect notes what the anchors in a document stand for.
func (r *reader) collect(root ast.Node) {
	ast.Walk(visit(func(n ast.Node) {
		if a, ok := n.(*ast.AnchorNode); ok {
			r.anchors[a.Name.String()] = a.Value
		}
	}), root)
}

type visit func(ast.Node)

// Visit implements ast.Visitor.
func (v visit) Visit(n ast.Node) ast.Visitor {
	v(n)
	return v
}

// plain follows aliases and anchors to a value.
func (r *reader) plain(n ast.Node) ast.Node {
	for range 10 {
		switch a := n.(type) {
		case *ast.AnchorNode:
			n = a.Value
		case *ast.AliasNode:
			value, ok := r.anchors[a.Value.String()]
			if !ok {
				r.fail(n, "there is no anchor for this alias; quote the text if no alias is meant")
				return nil
			}
			n = value
		default:
			return n
		}
	}
	r.fail(n, "aliases lead to aliases; write the value out")
	return nil
}

// member returns the value of a map's key, or nil if there is none. Of several,
// it is the last one. what names the map.
func (r *reader) member(n ast.Node, what, key string) ast.Node {
	var all []*ast.MappingValueNode
	switch m := n.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode:
		all = m.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{m}
	default:
		r.fail(n, "%s should be keys and values, as in \"name: checkout\"", what)
	}
	var found ast.Node
	for _, p := range all {
		if s, ok := scalar(p.Key); ok && s == key {
			found = p.Value
		}
	}
	if found == nil {
		return nil
	}
	return r.plain(found)
}

// text returns the text of a map's key, or "" if there is none.
func (r *reader) text(n ast.Node, what, key string) string {
	v := r.member(n, what, key)
	if v == nil || v.Type() == ast.NullType {
		return ""
	}
	s, ok := scalar(v)
	if !ok {
		r.fail(v, "%s.%s should be a text", what, key)
	}
	return s
}

// scalar returns the text of a value that is one.
func scalar(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(s.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return s.GetToken().Value, true
	}
	return "", false
}

// entity returns the entity of a document, and whether it is one that depends on
// others.
func (r *reader) entity(root ast.Node) (Entity, bool) {
	root = r.plain(root)
	kind := r.text(root, "the document", "kind")
	if kind == "" {
		r.fail(root, `this document has no kind; write "kind: Component"`)
	}
	switch strings.ToLower(kind) {
	case kindComponent, kindResource, kindAPI:
	default:
		return Entity{}, false
	}
	metadata, spec := r.member(root, "the document", "metadata"), r.member(root, "the document", "spec")
	name := r.text(metadata, "metadata", "name")
	e, ok := newEntity(kind, r.text(metadata, "metadata", "namespace"), name, r.text(spec, "spec", "type"))
	if !ok {
		r.fail(root, "%q can't be the name, or its namespace none; write \"metadata: {name: checkout}\"", fit.Line(name, 80))
		return e, false
	}
	for _, list := range []struct {
		key, kind string
		to        *[]string
	}{
		{"dependsOn", kindComponent, &e.DependsOn},
		{"dependencyOf", kindComponent, &e.DependencyOf},
		{"consumesApis", kindAPI, &e.Consumes},
		{"providesApis", kindAPI, &e.Provides},
	} {
		*list.to = r.refs(spec, list.key, list.kind, e.Namespace)
	}
	return e, r.err == nil
}

// refs returns the references in a list of spec.
func (r *reader) refs(spec ast.Node, key, kind, namespace string) []string {
	v := r.member(spec, "spec", key)
	if v == nil || v.Type() == ast.NullType {
		return nil
	}
	list, ok := v.(*ast.SequenceNode)
	if !ok {
		r.fail(v, "spec.%s should be a list, as in [component:default/checkout]", key)
		return nil
	}
	var out []string
	for _, item := range list.Values {
		s, ok := scalar(r.plain(item))
		if !ok {
			r.fail(item, "spec.%s should be a list of texts", key)
			return nil
		}
		ref, err := ParseRef(s, kind, namespace)
		if err != nil {
			r.fail(item, "spec.%s: %v", key, err)
			return nil
		}
		out = append(out, ref.String())
	}
	return out
}
