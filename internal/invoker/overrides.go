package invoker

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/usage"
	"github.com/runwith/runwith/internal/jobspec"
)

// maxTaskCount keeps larger numbers from being truncated to an int32.
const maxTaskCount = 10_000

// overridesOf translates a caller's overrides to Cloud Run's. It checks only what has no
// form in Cloud Run's message; package jobspec checks the rest.
func overridesOf(o runwith.Overrides) (*runpb.RunJobRequest_Overrides, error) {
	if o.TaskCount < 0 || o.TaskCount > maxTaskCount {
		return nil, invalid("taskCount", "must be from 1 to %d, or left out to keep the job's", maxTaskCount)
	}
	if o.Timeout < 0 || o.Timeout%time.Second != 0 {
		return nil, invalid("timeout", "must be a whole number of seconds, such as 90s, or left out to keep the job's")
	}
	translated := &runpb.RunJobRequest_Overrides{TaskCount: int32(o.TaskCount)}
	if o.Timeout != 0 {
		translated.Timeout = durationpb.New(o.Timeout)
	}
	only := o.Args != nil || len(o.Env) > 0
	if only && len(o.Containers) > 0 {
		return nil, invalid("containers", "cannot stand beside args and env, which are for a job with one container")
	}
	if only {
		return translated, addContainer(translated, "", runwith.ContainerOverride{Args: o.Args, Env: o.Env})
	}
	for i, c := range o.Containers {
		place := fmt.Sprintf("containers[%d].", i)
		if c.Name == "" {
			return nil, invalid(place+"name", "is required, it names the container")
		}
		if err := addContainer(translated, place, c); err != nil {
			return nil, err
		}
	}
	return translated, nil
}

// addContainer adds the overrides of one container. The environment is sorted by name, so
// that equal requests make equal messages.
func addContainer(o *runpb.RunJobRequest_Overrides, place string, c runwith.ContainerOverride) error {
	added := &runpb.RunJobRequest_Overrides_ContainerOverride{
		Name: c.Name, Args: c.Args, ClearArgs: c.Args != nil && len(c.Args) == 0,
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if strings.HasPrefix(name, ledger.ReservedPrefix) {
			return invalid(place+"env."+name, "cannot be set, names that begin with %s are runwith's own", ledger.ReservedPrefix)
		}
		added.Env = append(added.Env, variable(name, c.Env[name]))
	}
	o.ContainerOverrides = append(o.ContainerOverrides, added)
	return nil
}

// fitTo validates a record's overrides against its job, and returns the record with the
// overrides as they are sent and with its worst case. Its errors are final: Cloud Run would
// refuse the run too, or its execution could not be told from others.
func (b *base) fitTo(job *runpb.Job, r ledger.Record, o *runpb.RunJobRequest_Overrides) (ledger.Record, error) {
	template := job.GetTemplate()
	containers := template.GetTemplate().GetContainers()
	for _, c := range containers {
		if slices.ContainsFunc(c.GetEnv(), func(v *runpb.EnvVar) bool { return strings.HasPrefix(v.GetName(), ledger.ReservedPrefix) }) {
			return r, runwith.Errorf(runwith.FailedPrecondition,
				"job %s sets a variable that begins with %s, by which runwith knows its own executions: remove it from the job", r.Job, ledger.ReservedPrefix)
		}
	}
	marked := mark(containers, o, markers(r))
	applied, err := jobspec.ApplyOverrides(template, marked)
	if err != nil {
		return r, spelled(marked, err)
	}
	r.Worst = b.config.Prices.Worst(applied, usage.RegionOf(job.GetName()))
	encoded, err := encode(marked)
	if err != nil {
		return r, err
	}
	return r.Fitted(encoded, job.GetUid()), nil
}

// mark returns a copy of the overrides with the markers in the first container. It leaves
// out the name of an only container, which may have none.
func mark(containers []*runpb.Container, o *runpb.RunJobRequest_Overrides, markers []*runpb.EnvVar) *runpb.RunJobRequest_Overrides {
	marked := proto.CloneOf(o)
	several := len(containers) > 1
	for _, c := range marked.GetContainerOverrides() {
		if !several || c.GetName() == containers[0].GetName() {
			c.Env = append(c.Env, unset(markers, c.GetEnv())...)
			return marked
		}
	}
	added := &runpb.RunJobRequest_Overrides_ContainerOverride{Env: markers}
	if several {
		added.Name = containers[0].GetName()
	}
	marked.ContainerOverrides = append(marked.ContainerOverrides, added)
	return marked
}

// unset returns the variables that are not set yet. A caller may set the trace itself.
func unset(variables, set []*runpb.EnvVar) []*runpb.EnvVar {
	return slices.DeleteFunc(slices.Clone(variables), func(v *runpb.EnvVar) bool {
		return slices.ContainsFunc(set, func(o *runpb.EnvVar) bool { return o.GetName() == v.GetName() })
	})
}

// standIn returns a template with the containers that the overrides name. Overrides that
// are wrong for it are wrong for every job.
func standIn(o *runpb.RunJobRequest_Overrides) *runpb.ExecutionTemplate {
	task := &runpb.TaskTemplate{}
	for _, c := range o.GetContainerOverrides() {
		known := func(other *runpb.Container) bool { return other.GetName() == c.GetName() }
		if !slices.ContainsFunc(task.Containers, known) {
			task.Containers = append(task.Containers, &runpb.Container{Name: c.GetName(), Image: "unknown"})
		}
	}
	if len(task.Containers) == 0 {
		task.Containers = []*runpb.Container{{Image: "unknown"}}
	}
	return &runpb.ExecutionTemplate{Template: task}
}

func encode(o *runpb.RunJobRequest_Overrides) ([]byte, error) {
	encoded, err := proto.Marshal(o)
	if err != nil {
		return nil, &runwith.Error{Code: runwith.InvalidArgument, Message: "args and env: must be valid UTF-8", Err: err}
	}
	return encoded, nil
}

// invalid returns the error for a field of a request, in the caller's spelling.
func invalid(field, format string, args ...any) error {
	return jobspec.FieldErrorf(runwith.InvalidArgument, field, format, args...)
}
