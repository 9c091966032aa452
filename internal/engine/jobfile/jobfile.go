// Package jobfile reads jobs from files: YAML or JSON, in the form of Cloud Run's
// API v2, or of v1, which gcloud run jobs replace takes.
package jobfile

import (
	"fmt"
	"os"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/jobspec"
)

// Read reads a job from a file. Its name may be only the job's ID; the job is then
// at the given place. Errors name the file, and the line and column if they are
// known.
func Read(file string, at jobspec.Location) (*runpb.Job, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return Parse(file, text, at)
}

// Parse reads a job from the text of a file, as [Read] does.
func Parse(file string, text []byte, at jobspec.Location) (*runpb.Job, error) {
	if root := v1Job(text); root != nil {
		return parseV1(file, text, root, at)
	}
	job := &runpb.Job{}
	if err := unmarshal(text, job); err != nil {
		return nil, fmt.Errorf("read job: %s%w", file, err)
	}
	if job.Name == "" {
		return nil, fmt.Errorf("read job: %s: name: is required, such as name: test-job", file)
	}
	if !strings.Contains(job.Name, "/") {
		job.Name = jobspec.JobName{Location: at, Job: job.Name}.String()
	}
	return job, nil
}

// Same reports whether an update from current to wanted would change nothing. It
// knows the engine's defaults; Google's Cloud Run has more.
func Same(current, wanted *runpb.Job) bool {
	current, wanted = proto.CloneOf(current), proto.CloneOf(wanted)
	jobspec.ClearOutputOnly(current)
	jobspec.ClearOutputOnly(wanted)
	jobspec.Defaults(wanted)
	current.Etag, wanted.Etag = "", ""
	return proto.Equal(current, wanted)
}
