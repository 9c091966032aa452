package configfile

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/runwith/runwith/internal/yamltokens"
)

const (
	// MaxFile is the size of the largest file in bytes.
	MaxFile = 1 << 20
	// maxDepth is how deep lists and mappings may be nested. The deepest field needs eight.
	maxDepth = 24
)

// parse returns the mapping at the root of a file, or nil if the file is empty.
func parse(content string) (*ast.MappingNode, *Fault) {
	switch {
	case len(content) > MaxFile:
		return nil, &Fault{Line: 1, Column: 1, Text: "the file is larger than 1 MiB"}
	case !utf8.ValidString(content):
		return nil, &Fault{Line: 1, Column: 1, Text: "the file is not UTF-8 text"}
	}
	tokens := lexer.Tokenize(content)
	if at := tooDeep(tokens); at != nil {
		return nil, faultAt(at, "is nested too deep")
	}
	tree, err := parser.Parse(yamltokens.Rejoined(tokens), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(err)
	}
	return root(tree)
}

// root returns the mapping of the only document.
func root(tree *ast.File) (*ast.MappingNode, *Fault) {
	var bodies []ast.Node
	for _, document := range tree.Docs {
		if document.Body != nil {
			bodies = append(bodies, document.Body)
		}
	}
	if len(bodies) == 0 {
		return nil, nil
	}
	if len(bodies) > 1 {
		return nil, faultAt(start(bodies[1]), "is a second document: put everything into one")
	}
	switch body := bodies[0].(type) {
	case *ast.MappingNode:
		return body, nil
	case *ast.NullNode, *ast.CommentGroupNode:
		return nil, nil
	default:
		return nil, faultAt(start(body), "must be a mapping: lines such as NAME: VALUE")
	}
}

// tooDeep returns the first token that is nested too deep. The parser is recursive, so this
// comes before it.
func tooDeep(tokens token.Tokens) *token.Token {
	flow, entries, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			entries, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			entries++ // several in one line are nested
		}
		if flow > maxDepth || entries > maxDepth || t.Position.Column > 1000 && flow == 0 && entries > 0 {
			return t
		}
	}
	return nil
}

// syntaxFault returns the fault for an error of the YAML library. Its messages repeat no
// values.
func syntaxFault(err error) *Fault {
	if at, ok := errors.AsType[yaml.Error](err); ok && at.GetToken() != nil {
		return faultAt(at.GetToken(), "malformed YAML: "+at.GetMessage())
	}
	return &Fault{Line: 1, Column: 1, Text: "malformed YAML"}
}

func faultAt(t *token.Token, text string) *Fault {
	return &Fault{Line: t.Position.Line, Column: t.Position.Column, Text: text}
}

// start returns the first token of a node. GetToken of a mapping returns the colon of an
// entry.
func start(node ast.Node) *token.Token {
	if mapping, ok := node.(*ast.MappingNode); ok && len(mapping.Values) > 0 && !mapping.IsFlowStyle {
		return mapping.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// scalar returns the text of a scalar, and its kind in JSON.
func scalar(node ast.Node) (text, kind string) {
	switch n := node.(type) {
	case *ast.StringNode:
		if n.Token.Type == token.StringType && IsNumber(n.Value) { // 1e2, which the library takes for text
			return n.Value, "number"
		}
		return n.Value, "string"
	case *ast.LiteralNode:
		return n.Value.Value, "string"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(n.GetToken().Value), "number"
	case *ast.BoolNode:
		return strings.TrimSpace(n.Token.Value), "boolean"
	case *ast.NullNode:
		return "", "null"
	}
	return "", ""
}
