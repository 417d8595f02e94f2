package strictyaml

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// scalar reads one plain value.
func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	text, quoted, ok := textOf(n)
	if !ok {
		d.fail(n, path, "this should be %s, not a list or a map", wanted(v.Type()))
		return
	}
	if d.opts.Getenv != nil && strings.Contains(text, "$") {
		full, used, err := Expand(text, d.opts.Getenv)
		if err != nil {
			d.fail(n, path, "%v", err)
			return
		}
		if used {
			d.doc.hidden[path] = text
			quoted = false
		}
		text = full
	}
	if u, isText := v.Addr().Interface().(encoding.TextUnmarshaler); isText {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			d.doc.Errorf(path, "%v", err)
		}
		return
	}
	if err := set(v, text, quoted); err != nil {
		d.doc.Errorf(path, "%v", err)
	}
}

// set stores text in v. Quoted text is no number and no true or false.
func set(v reflect.Value, text string, quoted bool) error {
	bad := fmt.Errorf("this should be %s", wanted(v.Type()))
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if quoted || !isBool(text) {
			return bad
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int64, reflect.Int32:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if quoted || err != nil {
			return bad
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if quoted || err != nil || f != f || f > 1e300 || f < -1e300 {
			return bad
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("values of type %s cannot be read from a file", v.Type())
	}
	return nil
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false, without quotes"
	case reflect.Int, reflect.Int64, reflect.Int32:
		if !reflect.PointerTo(t).Implements(textType) {
			return "a whole number, without quotes"
		}
	case reflect.Float64:
		return "a number, without quotes"
	}
	return "a text"
}

// textOf is the text of a plain value, as it stands in the file but for quotes
// and escapes.
func textOf(n ast.Node) (text string, quoted, ok bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, s.Token.Type == token.SingleQuoteType || s.Token.Type == token.DoubleQuoteType, true
	case *ast.LiteralNode:
		return s.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, false, true
	}
	return "", false, false
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Expand replaces each "${NAME}" in s by the variable, and "$$" by "$"; a "$"
// before anything else stays. used tells whether there was a variable. A
// variable that is not set, or empty, is an error that names it.
func Expand(s string, getenv func(string) string) (out string, used bool, err error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i == len(s)-1 {
			b.WriteString(s)
			return b.String(), used, nil
		}
		b.WriteString(s[:i])
		switch s = s[i+1:]; s[0] {
		case '$':
			b.WriteByte('$')
			s = s[1:]
		case '{':
			name, rest, ok := strings.Cut(s[1:], "}")
			if !ok || !envName.MatchString(name) {
				return "", false, errors.New(`"${" begins a variable of the environment; write ${NAME}, or $${ for a plain "${"`)
			}
			value := getenv(name)
			if value == "" {
				return "", false, fmt.Errorf("the environment has no %s; set it, or use a key ending in _file", name)
			}
			b.WriteString(value)
			s, used = rest, true
		default:
			b.WriteByte('$')
		}
	}
}
