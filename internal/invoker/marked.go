package invoker

import (
	"path"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// marked are the executions that carry a marker.
type marked struct {
	of     map[string][]*runpb.Execution // by invocation
	target map[string]string             // of a record, by the name of its execution
	bytes  int                           // of the executions
}

// maxMarked bounds the executions that a rebuild keeps, in bytes. A million of them fit.
const maxMarked = 1 << 30

// add takes in an execution, unless it is known. It keeps only the markers of the variables.
func (m *marked) add(id string, e *runpb.Execution, jobs string) error {
	if _, known := m.target[e.GetName()]; known {
		return nil
	}
	e = proto.CloneOf(e)
	for _, c := range e.GetTemplate().GetContainers() {
		c.Args, c.Command = nil, nil
		c.Env = slices.DeleteFunc(c.Env, func(v *runpb.EnvVar) bool { return v.GetName() != ledger.Marker && v.GetName() != ledger.RecordMarker })
	}
	if m.bytes += proto.Size(e); m.bytes > maxMarked {
		return runwith.Errorf(runwith.Internal, "the executions with markers have more than %d MiB: delete old executions, or start with --rebuild never, which forgets the keys that were used", maxMarked>>20)
	}
	m.of[id] = append(m.of[id], e)
	m.target[e.GetName()] = targetOf(e, jobs)
	return nil
}

// targetOf returns the target of an execution that the list of jobs has shown.
func targetOf(e *runpb.Execution, jobs string) string {
	if jobs == jobspec.Wildcard {
		return path.Base(e.GetJob())
	}
	return path.Join(path.Dir(jobs), path.Base(e.GetJob()))
}

// bearer is an execution as the ledger sees it.
func (m marked) bearer(id string, e *runpb.Execution) ledger.Bearer {
	return ledger.Bearer{
		ID: id, Target: m.target[e.GetName()], Job: path.Base(e.GetJob()), Execution: e.GetName(), Created: e.GetCreateTime().AsTime(),
		Passport: passportOf(e), Status: cloudrun.StatusOf(e),
	}
}
