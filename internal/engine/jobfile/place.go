package jobfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// placed returns an error at a line and column of a file.
func placed(line, column int, message string) error {
	return fmt.Errorf(":%d:%d: %s", line, column, message)
}

// syntaxPlace matches the place in an error about malformed JSON.
var syntaxPlace = regexp.MustCompile(`^body: line (\d+):(\d+): `)

// syntaxError returns an error about malformed JSON with its place in a file.
func syntaxError(file string, err error) error {
	line, column, message := 1, 1, strings.TrimPrefix(err.Error(), "body: ")
	if m := syntaxPlace.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		column, _ = strconv.Atoi(m[2])
		message = err.Error()[len(m[0]):]
	}
	return fmt.Errorf("read job: %s%w", file, placed(line, column, message))
}

// lookUp returns the key or item at the end of a path. If an alias hides the rest of
// the path, it returns the last one before the alias.
func lookUp(node ast.Node, path []string) *token.Token {
	at := start(node)
	for _, step := range path {
		var next ast.Node
		switch n := unwrapped(node).(type) {
		case *ast.MappingNode:
			for _, entry := range n.Values {
				if entry.Key.GetToken().Value == step {
					at, next = entry.Key.GetToken(), entry.Value
				}
			}
		case *ast.SequenceNode:
			if i, err := strconv.Atoi(step); err == nil && i < len(n.Values) {
				at, next = start(n.Values[i]), n.Values[i]
			}
		}
		if next == nil {
			return at
		}
		node = next
	}
	return at
}

// start returns the first token of a node. GetToken of a mapping returns the colon of
// an entry.
func start(node ast.Node) *token.Token {
	if mapping, ok := unwrapped(node).(*ast.MappingNode); ok && len(mapping.Values) > 0 {
		return mapping.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// unwrapped returns a node without its anchor and tag.
func unwrapped(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		return unwrapped(n.Value)
	case *ast.TagNode:
		return unwrapped(n.Value)
	}
	return node
}
