package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"google.golang.org/protobuf/encoding/protojson"
)

// unmarshalJob reads JSON or YAML. Its errors begin with ":LINE:COLUMN: ".
func unmarshalJob(text []byte, job *runpb.Job) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		if err := protojson.Unmarshal(text, job); err != nil {
			line, column, message := protoError(err, text)
			return placed(line, column, message)
		}
		return nil
	}
	root, err := parseYAML(text)
	if err != nil {
		return err
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return yamlError(err)
	}
	if err := protojson.Unmarshal(asJSON, job); err != nil {
		line, column, message := protoError(err, asJSON)
		path := pathTo(json.NewDecoder(bytes.NewReader(asJSON)), offset(asJSON, line, column), []string{})
		at := lookUp(root, path).Position
		return placed(at.Line, at.Column, message)
	}
	return nil
}

// placed is an error at a place of a text.
func placed(line, column int, message string) error {
	return fmt.Errorf(":%d:%d: %s", line, column, message)
}

// parseYAML returns the one mapping that the text must hold.
func parseYAML(text []byte) (*ast.MappingNode, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, yamlError(err)
	}
	var jobs []ast.Node
	for _, document := range file.Docs {
		if document.Body != nil {
			jobs = append(jobs, document.Body)
		}
	}
	if len(jobs) == 0 {
		return nil, placed(1, 1, "is empty: must be a job, with name and template")
	}
	root, ok := jobs[0].(*ast.MappingNode)
	switch at := start(jobs[len(jobs)-1]).Position; {
	case len(jobs) > 1:
		return nil, placed(at.Line, at.Column, "holds one more job: each needs a file and a --job of its own")
	case !ok:
		return nil, placed(at.Line, at.Column, "must be a job, with name and template")
	}
	return root, nil
}

// yamlError brings an error of the YAML library into the common form.
func yamlError(err error) error {
	if at, ok := errors.AsType[yaml.Error](err); ok && at.GetToken() != nil {
		p := at.GetToken().Position
		return placed(p.Line, p.Column, at.GetMessage())
	}
	return placed(1, 1, err.Error())
}

var protoPlace = regexp.MustCompile(`^(?:syntax error )?\(line (\d+):(\d+)\):\s*`)

// protoError takes an error of protojson apart. One that names no place met the
// end of the text.
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

// offset is where a line and column, both counted in bytes from 1, are in a text.
func offset(text []byte, line, column int) int64 {
	at := 0
	for range line - 1 {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	return int64(at + column - 1)
}

// pathTo returns the keys and indexes that lead to the token at an offset of the
// value that d reads next, nil when the value ends before it.
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
	_, _ = d.Token() // the end of what was opened
	return nil
}

// lookUp returns the key or item to which a path leads, or the last one on the
// way where an alias stands for the rest.
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

// start is the first token of a node; a mapping's own is the colon of an entry.
func start(node ast.Node) *token.Token {
	if mapping, ok := unwrapped(node).(*ast.MappingNode); ok && len(mapping.Values) > 0 {
		return mapping.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// unwrapped is a node without its anchor and tag.
func unwrapped(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		return unwrapped(n.Value)
	case *ast.TagNode:
		return unwrapped(n.Value)
	}
	return node
}
