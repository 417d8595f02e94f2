package strictyaml

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds that are checked on the tokens, before the library's parser sees
// them: it recurses for each level of depth and for each key of a block, and
// gives each value a copy of its path.
const (
	maxTokens  = 500_000
	maxDepth   = 32   // blocks and brackets within each other
	maxKeys    = 1000 // of one block
	maxKey     = 120  // bytes of one key
	maxAnchors = 1000
)

// parse returns the root of the one document in data; nil for an empty file.
func parse(data []byte, o Options) (ast.Node, *Problem) {
	problem := func(tk *token.Token, text string) *Problem {
		p := &Problem{File: o.Name, Text: text}
		if tk != nil && tk.Position != nil {
			p.Line, p.Column = tk.Position.Line, tk.Position.Column
		}
		return p
	}
	limit := o.MaxBytes
	if limit == 0 {
		limit = defaultMaxBytes
	}
	if len(data) > limit {
		return nil, problem(nil, fmt.Sprintf("the file is larger than %d bytes; this is hardly the right file", limit))
	}
	if !utf8.Valid(data) {
		return nil, problem(nil, "the file is not UTF-8 text; save it as UTF-8")
	}
	tokens := lexer.Tokenize(string(data))
	if err := (&guard{}).check(tokens); err != nil {
		return nil, problem(err.tk, err.text)
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		// The library's text holds lines of the file, which may hold secrets:
		// only its message and the place are taken.
		var e interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &e) {
			return nil, problem(e.GetToken(), "this is not YAML: "+e.GetMessage()+"; check indentation, quotes and brackets here and in the line above")
		}
		return nil, problem(nil, "this is not YAML; check indentation, quotes and brackets")
	}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			return doc.Body, nil
		}
	}
	return nil, nil
}

type refusal struct {
	tk   *token.Token
	text string
}

// guard refuses files that would cost the parser too much, and YAML that a
// configuration has no use for.
type guard struct {
	blocks  []block // open blocks, outermost first
	flow    []int   // open brackets; the number of ":" since the last ","
	count   int
	anchors int
	content bool // something was seen that is not the document's header
}

// block is an indented list or map.
type block struct{ column, keys int }

func (g *guard) check(tokens token.Tokens) *refusal {
	for i, tk := range tokens {
		if tk.Type == token.CommentType {
			continue
		}
		if g.count++; g.count > maxTokens {
			return &refusal{tk, fmt.Sprintf("the file has more than %d words and signs; this is hardly the right file", maxTokens)}
		}
		var next token.Type
		if i+1 < len(tokens) {
			next = tokens[i+1].Type
		}
		if text := g.token(tk, next); text != "" {
			return &refusal{tk, text}
		}
	}
	return nil
}

// token returns why the file is refused at this token, or "".
func (g *guard) token(tk *token.Token, next token.Type) string {
	switch tk.Type {
	case token.InvalidType:
		if strings.Contains(tk.Error, "'\t'") {
			return "this is not YAML: there is a tab; indent with spaces"
		}
		return "this is not YAML: " + tk.Error + "; check quotes and brackets"
	case token.DocumentHeaderType:
		if g.content {
			return "a second document begins here; keep everything in one"
		}
		g.content = true
		return ""
	case token.TagType:
		return "YAML tags are not supported; write the plain value"
	case token.DirectiveType:
		return "YAML directives are not supported; remove the line"
	case token.MappingKeyType:
		return `keys that begin with "? " are not supported; write "key: value"`
	case token.MergeKeyType:
		return `merge keys ("<<") are not supported; write the keys out`
	case token.AnchorType:
		if g.anchors++; g.anchors > maxAnchors {
			return fmt.Sprintf("the file has more than %d anchors; write the values out", maxAnchors)
		}
	}
	g.content = true
	if next == token.MappingValueType && len(tk.Value) > maxKey {
		return fmt.Sprintf("this key is longer than %d characters; is a quote or a line break missing?", maxKey)
	}
	if tk.Type == token.MappingValueType && next == token.MappingValueType || tk.Type == token.AnchorType && next == token.AnchorType {
		return "two of the same sign follow each other; quote the string"
	}
	return g.nest(tk, next)
}

// nest follows how deep lists and maps stand in each other.
func (g *guard) nest(tk *token.Token, next token.Type) string {
	const deep = "lists and maps are nested too deeply; this is hardly meant"
	switch tk.Type {
	case token.MappingStartType, token.SequenceStartType:
		if g.flow = append(g.flow, 0); len(g.flow) > maxDepth {
			return deep
		}
		return ""
	case token.MappingEndType, token.SequenceEndType:
		if len(g.flow) > 0 {
			g.flow = g.flow[:len(g.flow)-1]
		}
		return ""
	}
	if n := len(g.flow); n > 0 {
		switch tk.Type {
		case token.CollectEntryType:
			g.flow[n-1] = 0
		case token.MappingValueType:
			if g.flow[n-1]++; g.flow[n-1] > 1 {
				return `an entry has two ":"; is a comma missing, or are quotes?`
			}
		}
		return ""
	}
	isKey := next == token.MappingValueType
	if !isKey && tk.Type != token.SequenceEntryType {
		return ""
	}
	column := tk.Position.Column
	for len(g.blocks) > 0 && g.blocks[len(g.blocks)-1].column > column {
		g.blocks = g.blocks[:len(g.blocks)-1]
	}
	if len(g.blocks) == 0 || g.blocks[len(g.blocks)-1].column < column {
		if g.blocks = append(g.blocks, block{column: column}); len(g.blocks) > maxDepth {
			return deep
		}
	}
	top := &g.blocks[len(g.blocks)-1]
	if isKey {
		top.keys++
	}
	if top.keys > maxKeys {
		return fmt.Sprintf("this map has more than %d keys; this is hardly meant", maxKeys)
	}
	return ""
}
