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

// Target is where the jobs of files belong.
type Target struct {
	// Location is the place of a job whose file names none.
	jobspec.Location
	// FixedProject and FixedRegion mean that a file does not decide about that part,
	// because somebody chose it, or because the server serves no other one. The label
	// of a v1 file then counts for nothing, and a v2 name that leads elsewhere is an
	// error.
	FixedProject, FixedRegion bool
}

// Read reads a job from a file. Its name may be only the job's ID; the job is then
// at the target. Errors name the file, and the line and column if they are known.
func Read(file string, at Target) (*runpb.Job, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return Parse(file, text, at)
}

// Parse reads a job from the text of a file, as [Read] does.
func Parse(file string, text []byte, at Target) (*runpb.Job, error) {
	if root := v1Job(text); root != nil {
		return parseV1(file, root, at)
	}
	job := &runpb.Job{}
	if err := unmarshal(file, text, job); err != nil {
		return nil, err
	}
	if job.Name == "" {
		return nil, fmt.Errorf("read job: %s: name: is required, such as name: test-job", file)
	}
	if !strings.Contains(job.Name, "/") {
		job.Name = jobspec.JobName{Location: at.Location, Job: job.Name}.String()
	}
	if err := at.admits(job.Name); err != nil {
		return nil, fmt.Errorf("read job: %s: %w", file, err)
	}
	return job, nil
}

// admits refuses the name of a job that does not belong to the target. The server
// validates the name.
func (t Target) admits(name string) error {
	n, err := jobspec.ParseJob(name)
	if err != nil {
		return nil //nolint:nilerr // the server names the mistake
	}
	switch {
	case t.FixedProject && n.Project != t.Project:
		return fmt.Errorf("name: must be in project %s, not in %s: write %s alone, or set --project %s", t.Project, n.Project, n.Job, n.Project)
	case t.FixedRegion && n.Region != t.Region:
		return fmt.Errorf("name: must be in region %s, not in %s: write %s alone, or set --region %s", t.Region, n.Region, n.Job, n.Region)
	}
	return nil
}

// Same reports whether an update from current to wanted would change nothing. It
// knows the engine's defaults; Google's Cloud Run has more.
func Same(current, wanted *runpb.Job) bool {
	current, wanted = proto.CloneOf(current), proto.CloneOf(wanted)
	jobspec.ClearOutputOnly(current)
	jobspec.ClearOutputOnly(wanted)
	jobspec.Defaults(wanted)
	if account := current.GetTemplate().GetTemplate().GetServiceAccount(); jobspec.IsDefaultAccount(account) {
		jobspec.DefaultAccount(wanted, account)
	}
	current.Etag, wanted.Etag = "", ""
	return proto.Equal(current, wanted)
}
