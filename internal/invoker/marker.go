package invoker

import (
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Marker is the variable that carries the invocation's ID in every run.
const Marker = ledger.Marker

// markers returns the variables of a record's run.
func markers(r ledger.Record) []*runpb.EnvVar {
	all := []*runpb.EnvVar{variable(ledger.Marker, r.ID), variable(ledger.RecordMarker, r.Passport())}
	if r.Trace != "" {
		all = append(all, variable(ledger.TraceVariable, r.Trace))
	}
	if r.Source != nil && r.Source.Schedule != "" {
		all = append(all, variable(ledger.ScheduleTimeVariable, ledger.SourceEvent(r.Source)))
	}
	return all
}

// bornBy returns the ID of the invocation whose marker the execution carries, and false
// if it carries none.
func bornBy(e *runpb.Execution) (id string, found bool) {
	id = environment(e, ledger.Marker)
	return id, uuid.Validate(id) == nil
}

// passportOf returns the zero value if this version cannot read the execution's.
func passportOf(e *runpb.Execution) ledger.Passport {
	return ledger.ReadPassport(environment(e, ledger.RecordMarker))
}

// environment returns the value of a variable of an execution.
func environment(e *runpb.Execution, name string) string {
	return environmentOf(e.GetTemplate().GetContainers(), name)
}

// environmentOf returns the value of a variable, from whichever container sets it.
func environmentOf(containers []*runpb.Container, name string) string {
	for _, c := range containers {
		for _, v := range c.GetEnv() {
			if v.GetName() == name {
				return v.GetValue()
			}
		}
	}
	return ""
}

func variable(name, value string) *runpb.EnvVar {
	return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: value}}
}
