package backstage

import (
	"fmt"

	"github.com/goccy/go-yaml/token"

	"imbot/integrations/internal/fit"
)

// Bounds that are checked on the tokens, before the library's parser sees them:
// it recurses for each level of depth and for each key of a block.
const (
	maxFile    = 1 << 20
	maxTokens  = 100_000
	maxDepth   = 32   // blocks and brackets within each other
	maxKeys    = 1000 // of one block
	maxAnchors = 100
	maxAliases = 1000
	maxDocs    = 1000
)

// guard refuses files that would cost the parser too much, and YAML that
// catalogs have no use for.
type guard struct {
	blocks           []block // open blocks, outermost first
	flow             []int   // open brackets; the number of ":" since the last ","
	count            int
	anchors, aliases int
	docs             int
}

// block is an indented list or map.
type block struct{ column, keys int }

func (g *guard) check(tokens token.Tokens) error {
	for i, tk := range tokens {
		if tk.Type == token.CommentType {
			continue
		}
		if g.count++; g.count > maxTokens {
			return problem(tk, fmt.Sprintf("the file has more than %d words and signs; this is hardly the right file", maxTokens))
		}
		var next token.Type
		if i+1 < len(tokens) {
			next = tokens[i+1].Type
		}
		text := g.token(tk, next)
		if text == "" {
			text = g.nest(tk, next)
		}
		if text != "" {
			return problem(tk, text)
		}
	}
	return nil
}

// token returns why the file is refused at this token, or "".
func (g *guard) token(tk *token.Token, next token.Type) string {
	switch tk.Type {
	case token.InvalidType:
		return "this is not YAML: " + fit.Line(tk.Error, 200) + "; check quotes and brackets"
	case token.DocumentHeaderType, token.DocumentEndType:
		g.blocks, g.flow = nil, nil
		if g.docs++; g.docs > maxDocs {
			return fmt.Sprintf("the file has more than %d documents; split it", maxDocs)
		}
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
	case token.AliasType:
		if g.aliases++; g.aliases > maxAliases {
			return fmt.Sprintf("the file has more than %d aliases; write the values out", maxAliases)
		}
	}
	if tk.Type == next && (next == token.MappingValueType || next == token.AnchorType) {
		return "two of the same sign follow each other; quote the text"
	}
	return ""
}

// nest follows how deep lists and maps stand in each other, and returns why the
// file is refused for it, or "".
func (g *guard) nest(tk *token.Token, next token.Type) string {
	const deep = "lists and maps are nested too deeply; this is hardly meant"
	switch tk.Type {
	case token.MappingStartType, token.SequenceStartType:
		if g.flow = append(g.flow, 0); len(g.flow) > maxDepth {
			return deep
		}
		return ""
	case token.MappingEndType, token.SequenceEndType:
		g.flow = g.flow[:max(len(g.flow)-1, 0)]
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
	for len(g.blocks) > 0 && g.blocks[len(g.blocks)-1].column > tk.Position.Column {
		g.blocks = g.blocks[:len(g.blocks)-1]
	}
	if len(g.blocks) == 0 || g.blocks[len(g.blocks)-1].column < tk.Position.Column {
		if g.blocks = append(g.blocks, block{column: tk.Position.Column}); len(g.blocks) > maxDepth {
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
