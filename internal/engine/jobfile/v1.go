package jobfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/goccy/go-yaml/ast"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

// v1Job returns the root of a text in v1's form, which has the key apiVersion or kind.
// It returns nil for any other text.
func v1Job(text []byte) *ast.MappingNode {
	root, err := parseYAML(text) // JSON is YAML too
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

// parseV1 reads a job in v1's form. It also validates the job, because a server would
// report mistakes by v2's field names and without a place in the file.
func parseV1(file string, root *ast.MappingNode, at Target) (*runpb.Job, error) {
	asJSON, err := toJSON(root)
	if err != nil {
		return nil, fmt.Errorf("read job: %s%w", file, err)
	}
	given := &knative.Job{}
	if err := knative.Unmarshal(asJSON, given); err != nil {
		return nil, located(file, root, err)
	}
	if given.Metadata.Name == "" {
		return nil, located(file, root, jobspec.FieldErrorf(runwith.InvalidArgument, "metadata.name", "is required, such as name: test-job"))
	}
	if err := at.admitsV1(given.Metadata); err != nil {
		return nil, located(file, root, err)
	}
	job, err := given.V2(at.ofV1(given.Metadata))
	if err == nil {
		err = checkV1(given.Metadata.Name, job)
	}
	if err != nil {
		return nil, located(file, root, err)
	}
	return job, nil
}

// admitsV1 refuses another project's namespace, as gcloud does.
//
// Deviation: it accepts the number of any project, because exports have the number and
// nothing here knows whose it is.
//
// See https://cloud.google.com/sdk/gcloud/reference/run/jobs/replace.
func (t Target) admitsV1(meta knative.ObjectMeta) error {
	if strings.Trim(meta.Namespace, "0123456789") == "" || meta.Namespace == t.Project {
		return nil
	}
	return jobspec.FieldErrorf(runwith.InvalidArgument, "metadata.namespace",
		"must be the project's ID, %s, or its number, not %s: leave it out, or set --project", t.Project, jobspec.Quote(meta.Namespace))
}

// ofV1 returns the location of a job in v1's form. Like gcloud's, a region that was chosen
// by a flag precedes the label.
func (t Target) ofV1(meta knative.ObjectMeta) jobspec.Location {
	at := t.Location
	if region := meta.Labels[knative.LabelLocation]; region != "" && !t.FixedRegion {
		at.Region = region
	}
	return at
}

// checkV1 reports the mistakes that a server would report, by v1's field names.
func checkV1(id string, job *runpb.Job) error {
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

// located adds its place in the file to each mistake. Without a root, which a JSON file may
// not have, the place of every mistake is the file's beginning.
func located(file string, root *ast.MappingNode, err error) error {
	faults := jobspec.ViolationsOf(err)
	if faults == nil {
		return syntaxError(file, err)
	}
	var all []error
	for _, fault := range faults {
		line, column := 1, 1
		if root != nil {
			at := lookUp(root, steps(fault.Path)).Position
			line, column = at.Line, at.Column
		}
		all = append(all, fmt.Errorf("read job: %s%w", file, placed(line, column, fault.String())))
	}
	return errors.Join(all...)
}

// pathStep matches one step of a path: a field, an index or the key of a map.
var pathStep = regexp.MustCompile(`\.?(\w+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]`)

// steps splits a path, such as spec.containers[0].limits["cpu"], into keys and
// indexes.
func steps(path string) []string {
	var all []string
	for _, m := range pathStep.FindAllStringSubmatch(path, -1) {
		all = append(all, m[1]+m[2]+m[3])
	}
	return all
}
