// Package access stands between the invoker's API and the invoker. It asks the policy what
// the caller of a request may do, and shows each caller no more than it may see.
//
// Two rules decide every method. What a caller may not see is NOT_FOUND, with the same error
// as for what does not exist. What it sees but may not do is PERMISSION_DENIED, which names
// the missing verb. A caller sees the invocations that it has started, and those of the jobs
// on which it may view, cancel or operate.
package access

import (
	"context"
	"fmt"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/principal"
)

// Invoker is the invoker behind [Access].
type Invoker interface {
	api.Invoker
	// Owns reports whether a caller has started an invocation, also if the invocation was
	// rebuilt and no longer has its caller's name.
	Owns(ctx context.Context, id, caller string) (bool, error)
	// Repeated returns the invocation that a request repeats, and whether there is one.
	Repeated(ctx context.Context, q invoker.Request) (runwith.Invocation, bool, error)
}

// Access is an invoker that checks its callers. It has no method of the invoker behind it
// that it does not check. Its methods may be called concurrently, and their contexts carry
// the caller's principal.
type Access struct {
	next   Invoker
	policy func() *policy.Policy
}

var _ api.Invoker = (*Access)(nil)

// New returns an invoker in front of next. The function returns the policy of the moment;
// each call uses one policy to its end.
func New(next Invoker, current func() *policy.Policy) *Access { return &Access{next, current} }

// reader is the caller of one request, under one policy.
type reader struct {
	*policy.Policy
	who principal.Principal
}

func (a *Access) reader(ctx context.Context) reader {
	return reader{a.policy(), principal.From(ctx)}
}

func (r reader) has(job string, verb policy.Verb) bool { return r.Allows(r.who, job, verb) }

// seesAll reports whether the caller sees all invocations of a job.
func (r reader) seesAll(job string) bool {
	return r.has(job, policy.View) || r.has(job, policy.Cancel) || r.has(job, policy.Operate)
}

// denied returns the error for a verb that the caller does not have.
func (r reader) denied(job string, verb policy.Verb) error {
	on := "job " + job
	if job == policy.EveryJob {
		on = "every job"
	}
	return runwith.Errorf(runwith.PermissionDenied,
		"%s needs the verb %s for %s, which the server's configuration does not grant", r.who, verb, on)
}

// sight is an invocation that the caller may see, unmasked.
type sight struct {
	reader
	runwith.Invocation
	own bool // the caller has started it
}

// see returns an invocation if the caller may see it, and otherwise NOT_FOUND.
func (a *Access) see(ctx context.Context, id string) (sight, error) {
	s := sight{reader: a.reader(ctx)}
	var err error
	if s.Invocation, err = a.next.Invocation(ctx, id); err != nil {
		return sight{}, err
	}
	if s.own, err = a.owns(ctx, s); err != nil {
		return sight{}, err
	}
	if !s.own && !s.seesAll(s.Job) {
		return sight{}, store.NotFound(fmt.Sprintf("invocation %q", id))
	}
	return s, nil
}

// owns reports whether the caller has started an invocation. Nobody can tell one anonymous
// caller from another, so they own nothing.
func (a *Access) owns(ctx context.Context, s sight) (bool, error) {
	switch name := s.who.Name; {
	case name == "", !s.Knows(name): // or not any more
		return false, nil
	case s.Caller != "":
		return s.Caller == name, nil
	default: // of an anonymous caller, or rebuilt
		return a.next.Owns(ctx, s.ID, name)
	}
}
