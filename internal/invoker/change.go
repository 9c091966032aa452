package invoker

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Changes returns in what the execution of an invocation differs from its job as it is now, by its
// overrides. Variables that runwith sets are left out. The error is NOT_FOUND if there is no such
// invocation, or if the job is gone, and FAILED_PRECONDITION if the overrides are unknown.
func (v *Invoker) Changes(ctx context.Context, id string) ([]runwith.Change, error) {
	r, err := v.store.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(r.Asked) == 0 {
		return nil, runwith.Errorf(runwith.FailedPrecondition, "invocation %s was read back from its execution, so its overrides are unknown", id)
	}
	o := &runpb.RunJobRequest_Overrides{}
	if err := proto.Unmarshal(r.Overrides, o); err != nil {
		return nil, err
	}
	job, err := v.accepting.jobs.job(ctx, r.Target)
	if err != nil {
		return nil, err
	}
	return changesOf(job.GetTemplate(), o), nil
}

// changesOf compares overrides with the job's template.
func changesOf(template *runpb.ExecutionTemplate, o *runpb.RunJobRequest_Overrides) []runwith.Change {
	all := []runwith.Change{}
	add := func(c runwith.Change) {
		if !slices.Equal(c.Job, c.Run) {
			all = append(all, c)
		}
	}
	if n := o.GetTaskCount(); n != 0 {
		add(runwith.Change{Field: "taskCount", Job: number(template.GetTaskCount()), Run: number(n)})
	}
	if o.GetTimeout() != nil {
		add(runwith.Change{Field: "timeout", Job: span(template.GetTemplate().GetTimeout().AsDuration()), Run: span(o.GetTimeout().AsDuration())})
	}
	for _, c := range o.GetContainerOverrides() {
		own := containerNamed(template.GetTemplate().GetContainers(), c.GetName())
		if len(c.GetArgs()) > 0 || c.GetClearArgs() {
			add(runwith.Change{Container: own.GetName(), Field: "args", Job: own.GetArgs(), Run: c.GetArgs()})
		}
		for _, variable := range c.GetEnv() {
			if !isOwn(variable.GetName()) {
				add(runwith.Change{Container: own.GetName(), Field: "env", Name: variable.GetName(), Job: valueOf(own, variable.GetName()), Run: []string{variable.GetValue()}})
			}
		}
	}
	return all
}

// isOwn reports whether runwith sets a variable.
func isOwn(name string) bool {
	return strings.HasPrefix(name, ledger.ReservedPrefix) || name == ledger.TraceVariable
}

// containerNamed returns the container with a name, or the only one.
func containerNamed(all []*runpb.Container, name string) *runpb.Container {
	for _, c := range all {
		if c.GetName() == name || len(all) == 1 {
			return c
		}
	}
	return nil
}

// valueOf returns the value of a container's variable; nil if it has none. A secret is shown by its
// name.
func valueOf(c *runpb.Container, name string) []string {
	for _, v := range c.GetEnv() {
		if v.GetName() != name {
			continue
		}
		if ref := v.GetValueSource().GetSecretKeyRef(); ref != nil {
			return []string{"secret " + ref.GetSecret() + ":" + ref.GetVersion()}
		}
		return []string{v.GetValue()}
	}
	return nil
}

func number(n int32) []string       { return []string{strconv.Itoa(int(n))} }
func span(d time.Duration) []string { return []string{d.String()} }
