package jobfile

import (
	"bytes"
	"encoding/json"
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

var protoPlace = regexp.MustCompile(`^(?:syntax error )?\(line (\d+):(\d+)\):\s*`)

// protoError splits an error of protojson. An error without a place is at the end of
// the text.
func protoError(err error, text []byte) (line, column int, message string) {
	message = strings.ReplaceAll(err.Error(), "\u00a0", " ") // protojson varies its spaces
	message = strings.TrimSpace(strings.TrimPrefix(message, "proto:"))
	if m := protoPlace.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		column, _ = strconv.Atoi(m[2])
		return line, column, message[len(m[0]):]
	}
	text = bytes.TrimSpace(text)
	last := text[bytes.LastIndexByte(text, '\n')+1:]
	return 1 + bytes.Count(text, []byte("\n")), 1 + len(last), message
}

// offset converts a line and a column, both from 1 and in bytes, to an offset.
func offset(text []byte, line, column int) int64 {
	at := 0
	for range line - 1 {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	return int64(at + column - 1)
}

// pathTo reads the next value of d and returns the keys and indexes that lead to the
// token at an offset. It returns nil if the value ends before the offset.
func pathTo(d *json.Decoder, offset int64, path []string) []string {
	value, err := d.Token()
	if err != nil || d.InputOffset() > offset {
		return path
	}
	delim, _ := value.(json.Delim)
	if delim != '{' && delim != '[' {
		return nil
	}
	for i := 0; d.More(); i++ {
		step := strconv.Itoa(i)
		if delim == '{' {
			key, err := d.Token()
			step = fmt.Sprint(key)
			if err != nil || d.InputOffset() > offset {
				return append(path, step)
			}
		}
		if found := pathTo(d, offset, append(path, step)); found != nil {
			return found
		}
	}
	_, _ = d.Token() // the closing bracket
	return nil
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
