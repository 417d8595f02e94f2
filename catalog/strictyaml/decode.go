package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

type decoder struct {
	doc     *Document
	opts    Options
	anchors map[string]anchor
	nodes   int
	full    bool // the bound of nodes was met and told
}

// anchor is a value with a name. It is open while it is being read, so that it
// cannot hold itself.
type anchor struct {
	node ast.Node
	open bool
}

func (d *decoder) root(n ast.Node, into any) {
	v := reflect.ValueOf(into)
	if n == nil {
		return
	}
	d.value(n, v.Elem(), "")
}

func place(n ast.Node) pos {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return place(m.Values[0].Key) // the node's own token is the first ":"
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return place(m.Key)
	}
	tk := n.GetToken()
	if tk == nil || tk.Position == nil {
		return pos{}
	}
	return pos{tk.Position.Line, tk.Position.Column}
}

// fail notes a problem with the node that should be the value at path.
func (d *decoder) fail(n ast.Node, path, format string, args ...any) {
	d.doc.fail(path)
	d.doc.add(place(n), format, args...)
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// value reads a node into v.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	if d.nodes++; d.nodes > maxNodes {
		if !d.full {
			d.full = true
			d.doc.add(place(n), "the file's aliases make more than %d values of it; write the values out", maxNodes)
		}
		return
	}
	switch a := n.(type) {
	case *ast.AnchorNode:
		name := a.Name.String()
		d.anchors[name] = anchor{node: a.Value, open: true}
		d.value(a.Value, v, path)
		d.anchors[name] = anchor{node: a.Value}
		return
	case *ast.AliasNode:
		d.alias(a, v, path)
		return
	}
	if _, known := d.doc.at[path]; !known && path != "" {
		d.doc.at[path] = place(n)
	}
	if n.Type() == ast.NullType {
		return
	}
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		d.value(n, p.Elem(), path)
		v.Set(p)
		return
	}
	switch {
	case reflect.PointerTo(v.Type()).Implements(textType):
		d.scalar(n, v, path)
	case v.Kind() == reflect.Struct:
		d.fields(n, v, path)
	case v.Kind() == reflect.Map:
		d.mapping(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) alias(n *ast.AliasNode, v reflect.Value, path string) {
	name := n.Value.String()
	a, ok := d.anchors[name]
	switch {
	case !ok:
		d.fail(n, path, "there is no anchor &%s above this alias; quote the string if no alias is meant", clip(name))
	case a.open:
		d.fail(n, path, "the alias *%s stands inside its own anchor; write the value out", clip(name))
	default:
		if path != "" {
			d.doc.at[path] = place(n)
		}
		d.value(a.node, v, path)
	}
}

// pairs returns the keys and values of a map, and tells of keys that are no
// plain text or come twice.
func (d *decoder) pairs(n ast.Node, path string) ([]*ast.MappingValueNode, bool) {
	var all []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		all = m.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{m}
	default:
		what := "a map of keys and values"
		if path == "" {
			what = "keys and values at the top"
		}
		d.fail(n, path, "this should be %s, as in \"key: value\"", what)
		return nil, false
	}
	seen := make(map[string]int, len(all))
	out := make([]*ast.MappingValueNode, 0, len(all))
	for _, p := range all {
		key, at := keyOf(p), place(p.Key)
		switch first, twice := seen[key]; {
		case key == "":
			d.doc.fail(path)
			d.doc.add(at, "a key should be plain text; quote it")
		case twice:
			d.doc.fail(join(path, key))
			d.doc.add(at, "the key %q is there twice, first in line %d; remove one", clip(key), first)
		default:
			seen[key] = at.line
			out = append(out, p)
		}
	}
	return out, true
}

// keyOf is the text of a key; "" where it is none.
func keyOf(p *ast.MappingValueNode) string {
	switch k := p.Key.(type) {
	case *ast.StringNode:
		return k.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return k.GetToken().Value
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) fields(n ast.Node, v reflect.Value, path string) {
	pairs, ok := d.pairs(n, path)
	if !ok {
		return
	}
	byKey, known := fieldsOf(v.Type())
	present := map[string]bool{}
	for _, p := range pairs {
		present[keyOf(p)] = true
	}
	for _, p := range pairs {
		key := keyOf(p)
		if i, ok := byKey[key]; ok {
			d.value(p.Value, v.Field(i), join(path, key))
			continue
		}
		base, isFile := strings.CutSuffix(key, "_file")
		if i, ok := byKey[base]; ok && isFile && d.opts.ReadFile != nil && takesFile(v.Field(i).Type()) {
			if present[base] {
				d.fail(p.Key, join(path, base), "both %q and %q are there; keep one", base, key)
				continue
			}
			d.fromFile(p.Value, v.Field(i), join(path, base), key)
			continue
		}
		d.fail(p.Key, join(path, key), "unknown key %q%s", clip(key), d.doc.Hint(key, known))
	}
}

// fieldsOf returns the fields of a struct by their keys, and the keys in their
// order.
func fieldsOf(t reflect.Type) (map[string]int, []string) {
	byKey, known := map[string]int{}, []string{}
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if key == "" || key == "-" || !t.Field(i).IsExported() {
			continue
		}
		byKey[key] = i
		known = append(known, key)
	}
	return byKey, known
}

// takesFile reports whether a value of this type can be the text of a file.
func takesFile(t reflect.Type) bool {
	return t.Kind() == reflect.String || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String
}

// fromFile reads the text of the file that n names: without the line break at
// its end for a text, line by line for a list.
func (d *decoder) fromFile(n ast.Node, v reflect.Value, path, key string) {
	var name string
	before := len(d.doc.problems)
	d.value(n, reflect.ValueOf(&name).Elem(), path)
	if len(d.doc.problems) > before || name == "" {
		return
	}
	data, err := d.opts.ReadFile(name)
	if err != nil {
		d.doc.Errorf(path, "%s: %v; check the path (it is relative to this file) and who may read it", key, err)
		return
	}
	d.doc.hidden[path] = "text of " + key
	if v.Kind() == reflect.String {
		v.SetString(strings.TrimRight(string(data), "\r\n"))
		return
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			d.doc.hidden[fmt.Sprintf("%s[%d]", path, v.Len())] = "text of " + key
			v.Set(reflect.Append(v, reflect.ValueOf(line).Convert(v.Type().Elem())))
		}
	}
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	pairs, ok := d.pairs(n, path)
	if !ok {
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(pairs))
	for _, p := range pairs {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(p.Value, e, join(path, keyOf(p)))
		out.SetMapIndex(reflect.ValueOf(keyOf(p)).Convert(v.Type().Key()), e)
	}
	v.Set(out)
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(n, path, "this should be a list; write it as in [a, b] or with a \"- \" before each entry")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values))
	for i, e := range s.Values {
		at := path + "[" + strconv.Itoa(i) + "]"
		if e.Type() == ast.NullType {
			d.fail(e, at, "this entry is empty; fill it in or remove it")
			continue
		}
		d.value(e, out.Index(i), at)
	}
	v.Set(out)
}

func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

var bools = []string{"true", "false"}

func isBool(s string) bool { return slices.Contains(bools, s) }
