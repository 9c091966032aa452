package jobspec

import (
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

// parser splits a resource name into its IDs. After the first error it continues with
// empty IDs.
type parser struct {
	name string
	ids  []string // the remaining IDs
	err  error
}

// parse returns a parser for a name of the given form.
func parse(name, form string) *parser {
	p := &parser{name: name}
	wanted := collections(form)
	segments := strings.SplitN(name, "/", 2*len(wanted)+1)
	if len(segments) != 2*len(wanted) {
		p.failf("must have the form %s", form)
		return p
	}
	for i, collection := range wanted {
		if segments[2*i] != collection {
			p.failf("must have the form %s", form)
			return p
		}
		p.ids = append(p.ids, segments[2*i+1])
	}
	return p
}

// result returns the name, or its zero value with the error.
func result[T any](p *parser, name T) (T, error) {
	if p.err != nil {
		var zero T
		return zero, p.err
	}
	return name, nil
}

func (p *parser) failf(format string, args ...any) {
	if p.err != nil {
		return
	}
	err := runwith.Errorf(runwith.InvalidArgument, format, args...)
	err.Message = "resource name " + Quote(p.name) + ": " + err.Message
	p.err = err
}

// next returns the next ID.
func (p *parser) next() string {
	if p.err != nil {
		return ""
	}
	id := p.ids[0]
	p.ids = p.ids[1:]
	return id
}

// location reads the IDs of a location.
//
// Deviation: every name with the form of a region is accepted, whether Google has such
// a region or not. "-" is refused, so a list covers one region.
func (p *parser) location() Location {
	l := Location{Project: p.next(), Region: p.next()}
	if !isProject(l.Project) {
		p.failf("%s is not the ID or number of a project", Quote(l.Project))
	}
	if !isName(l.Region, maxLabel) {
		p.failf("%s is not a region, such as us-east4", Quote(l.Region))
	}
	return l
}

func (p *parser) job(wildcard bool) JobName {
	n := JobName{Location: p.location(), Job: p.next()}
	p.checkID("the job's ID", n.Job, maxLabel, wildcard)
	return n
}

func (p *parser) execution(wildcard bool) ExecutionName {
	n := p.job(wildcard).Execution(p.next())
	p.checkID("the execution's ID", n.Execution, maxExecutionID, wildcard)
	return n
}

func (p *parser) task() TaskName {
	n := p.execution(false)
	digits, found := strings.CutPrefix(p.next(), n.Execution+"-task")
	index, ok := parseIndex(digits)
	if !found || !ok {
		p.failf("the task's ID must be the execution's and \"-task\" with a number from 0 to %d", MaxTasks-1)
	}
	return n.Task(index)
}

// parseIndex parses the index of a task in a name.
func parseIndex(digits string) (int, bool) {
	index, err := strconv.Atoi(digits)
	return index, err == nil && strconv.Itoa(index) == digits && index >= 0 && index < MaxTasks
}

func (p *parser) operation() OperationName {
	n := OperationName{Location: p.location(), Operation: p.next()}
	if !isOperationID(n.Operation) {
		p.failf("the operation's ID must be at most %d letters, digits, hyphens and underscores", maxOperationID)
	}
	return n
}

func (p *parser) checkID(what, id string, limit int, wildcard bool) {
	if wildcard && id == Wildcard {
		return
	}
	if id == Wildcard {
		p.failf("%s cannot be %q here, name one", what, Wildcard)
	}
	if !isName(id, limit) {
		p.failf("%s %s", what, nameRule(limit))
	}
}
