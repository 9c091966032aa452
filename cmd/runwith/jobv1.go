package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

// v1Job returns the mapping of a job in v1's form, as gcloud run jobs replace takes it:
// one that says so. It is nil for any other text.
func v1Job(text []byte) *ast.MappingNode {
	root, err := parseYAML(text) // JSON is YAML, too
	if err != nil {
		return nil
	}
	for _, entry := range root.Values {
		if key := entry.Key.GetToken().Value; key == "apiVersion" || key == "kind" {
			return root
		}
	}
	return nil
}

// parseV1Job reads a job in v1's form. It is checked, too, so that what is wrong has
// the names that the file has, and its place.
func parseV1Job(file string, text []byte, root *ast.MappingNode, at jobspec.Location) (*runpb.Job, error) {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, fmt.Errorf("read job: %s%w", file, yamlError(err))
	}
	given := &knative.Job{}
	if err := knative.Unmarshal(asJSON, given); err != nil {
		return nil, located(file, root, err)
	}
	if given.Metadata.Name == "" {
		return nil, located(file, root, jobspec.FieldErrorf(runwith.InvalidArgument, "metadata.name", "is required, such as name: test-job"))
	}
	job, err := given.V2(v1Location(given.Metadata, at))
	if err == nil {
		err = checkV1Job(given.Metadata.Name, job)
	}
	if err != nil {
		return nil, located(file, root, err)
	}
	return job, nil
}

// v1Location is where a job is: in the project of its namespace, and in the region of
// its label, as gcloud reads it. A namespace that is a number is not known by its ID.
func v1Location(meta knative.ObjectMeta, at jobspec.Location) jobspec.Location {
	if meta.Namespace != "" && strings.Trim(meta.Namespace, "0123456789") != "" {
		at.Project = meta.Namespace
	}
	if region := meta.Labels[knative.LabelLocation]; region != "" {
		at.Region = region
	}
	return at
}

// checkV1Job reports what a server would, with v1's names.
func checkV1Job(id string, job *runpb.Job) error {
	if err := jobspec.ValidateJobID(id); err != nil {
		return jobspec.Respell(err, knative.Path)
	}
	if _, err := jobspec.ParseJob(job.GetName()); err != nil {
		return err
	}
	job = proto.CloneOf(job)
	jobspec.ClearOutputOnly(job)
	return jobspec.Respell(jobspec.ValidateJob(job), knative.Path)
}

// located tells each fault of a job at its place in the file.
func located(file string, root ast.Node, err error) error {
	faults := jobspec.FaultsOf(err)
	if faults == nil {
		return fmt.Errorf("read job: %s: %w", file, err)
	}
	var all []error
	for _, fault := range faults {
		at := lookUp(root, steps(fault.Path)).Position
		all = append(all, fmt.Errorf("read job: %s:%d:%d: %s", file, at.Line, at.Column, fault))
	}
	return errors.Join(all...)
}

// pathStep is one of a path: a field, an index or the key of a map.
var pathStep = regexp.MustCompile(`\.?(\w+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]`)

// steps are the keys and indexes of a path such as spec.containers[0].limits["cpu"].
func steps(path string) []string {
	var all []string
	for _, m := range pathStep.FindAllStringSubmatch(path, -1) {
		all = append(all, m[1]+m[2]+m[3])
	}
	return all
}
