package jobfile

import (
	"bytes"
	"encoding/json"
	"errors"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"google.golang.org/protobuf/encoding/protojson"
)

// unmarshal reads JSON or YAML. Its errors begin with ":LINE:COLUMN: ".
func unmarshal(text []byte, job *runpb.Job) error {
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

// parseYAML returns the mapping at the root of the text, which must be the only one.
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
