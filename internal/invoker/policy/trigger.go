package policy

import (
	"maps"
	"slices"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// checkTriggers notes values of the configuration that a trigger's job refuses. The reader
// has reported unknown jobs and parameters.
func (p *Policy) checkTriggers(check *configfile.Checker, file *configfile.File) {
	for _, name := range slices.Sorted(maps.Keys(file.Triggers)) {
		t := file.Triggers[name]
		for _, parameter := range slices.Sorted(maps.Keys(t.Map)) {
			at := configfile.Path("triggers").Field(name).Field("map").Field(parameter)
			p.checkValue(check, at, value{t.Job, parameter, t.Map[parameter].Value})
			p.checkValue(check, at.Field("default"), value{t.Job, parameter, t.Map[parameter].Default})
		}
	}
}

// value is a value of the configuration for a parameter of a job; nil is none.
type value struct {
	job, parameter string
	is             any
}

func (p *Policy) checkValue(check *configfile.Checker, at configfile.Path, v value) {
	j := p.jobs[v.job]
	if j == nil || j.parameters[v.parameter] == nil || j.parameters[v.parameter].spec.Type == "" || v.is == nil {
		return
	}
	if _, fault := j.parameters[v.parameter].text(v.is); fault != "" {
		check.Addf(at, "is not valid for the job %s: it %s", v.job, fault)
	}
}
