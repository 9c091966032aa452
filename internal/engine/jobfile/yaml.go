package jobfile

import (
	"bytes"
	"errors"
	"fmt"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"

	"github.com/runwith/runwith/internal/engine/googlejson"
	"github.com/runwith/runwith/internal/yamltokens"
)

// unmarshal reads JSON or YAML, with the liberties of Google's JSON. Its errors name the
// file, and the line and column of each mistake.
func unmarshal(file string, text []byte, job *runpb.Job) error {
	root, err := parseYAML(text)
	asJSON := text
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		if err == nil {
			asJSON, err = toJSON(root)
		}
		if err != nil {
			return fmt.Errorf("read job: %s%w", file, err)
		}
	}
	if err := googlejson.Unmarshal(asJSON, job); err != nil {
		return located(file, root, err)
	}
	return nil
}

// toJSON returns a mapping as JSON, with its fields in their order.
func toJSON(root *ast.MappingNode) ([]byte, error) {
	var value any
	if err := yaml.NodeToValue(root, &value, yaml.UseOrderedMap()); err != nil {
		return nil, yamlError(err)
	}
	asJSON, err := yaml.MarshalWithOptions(value, yaml.JSON())
	if err != nil {
		return nil, yamlError(err)
	}
	return asJSON, nil
}

// parseYAML returns the mapping at the root of the text, which must be the only one.
func parseYAML(text []byte) (*ast.MappingNode, error) {
	file, err := parser.Parse(yamltokens.Rejoined(lexer.Tokenize(string(text))), 0)
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
		return nil, placed(at.Line, at.Column, "is a second job: put each job into a file of its own")
	case !ok:
		return nil, placed(at.Line, at.Column, "must be a job, with name and template")
	}
	return root, nil
}

// yamlError adds line and column to an error of the YAML library.
func yamlError(err error) error {
	if at, ok := errors.AsType[yaml.Error](err); ok && at.GetToken() != nil {
		p := at.GetToken().Position
		return placed(p.Line, p.Column, at.GetMessage())
	}
	return placed(1, 1, err.Error())
}
