// Package fault decides about fault injection: which call and which execution goes
// wrong, and how. It is pure: the caller of a [Plan] applies the faults. See
// docs/faults.md.
//
// A decision depends only on the seed, the rules, and the number of the call of its
// method or of the execution of its job. Other methods and jobs do not affect it, so the
// same sequence of calls meets the same faults again.
package fault

import (
	"slices"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds. The first four apply to calls, the others to executions.
const (
	// Answer503: the call takes effect, but the answer is UNAVAILABLE. A call that fails
	// on its own keeps its own error.
	Answer503 Kind = "answer-503"
	// AnswerLost: the call takes effect, but no answer arrives. Over HTTP/1 the
	// connection is closed, over HTTP/2 the stream is reset.
	AnswerLost Kind = "answer-lost"
	// Quota429: the call has no effect, and the answer is RESOURCE_EXHAUSTED with the
	// message of Cloud Run's quotas.
	Quota429 Kind = "quota-429"

	// NotDone: the call takes effect, but for a while its operation is not done, and the
	// job is reconciling.
	NotDone Kind = "not-done"

	// SlowStart: the execution's tasks start after a delay.
	SlowStart Kind = "slow-start"
	// ListedLate: lists of executions omit the execution for a while. It can be read by
	// name.
	ListedLate Kind = "listed-late"
	// FailedBeforeTasks: the execution fails before it has a task.
	FailedBeforeTasks Kind = "failed-before-tasks"
)

// demand is whether a kind takes a duration.
type demand int

const (
	noDelay demand = iota
	mayDelay
	mustDelay
)

// trait defines the rules of a kind.
type trait struct {
	kind  Kind
	call  bool // it applies to calls, so a rule may name a method
	delay demand
}

var traits = []trait{
	{Answer503, true, noDelay},
	{AnswerLost, true, noDelay},
	{Quota429, true, mayDelay},
	{NotDone, true, mustDelay},
	{SlowStart, false, mustDelay},
	{ListedLate, false, mustDelay},
	{FailedBeforeTasks, false, noDelay},
}

// Kinds returns all kinds.
func Kinds() (kinds []Kind) {
	for _, t := range traits {
		kinds = append(kinds, t.kind)
	}
	return kinds
}

// appliesTo reports whether a kind of calls can apply to a method.
func (k Kind) appliesTo(method string) bool {
	return k != NotDone || slices.Contains(settlingMethods(), method)
}

// settlingMethods are those whose operation takes no execution to end. The operations of
// others are not done anyway.
func settlingMethods() []string { return []string{"CreateJob", "UpdateJob", "DeleteJob"} }

func traitOf(kind Kind) (t trait, known bool) {
	i := slices.IndexFunc(traits, func(t trait) bool { return t.kind == kind })
	if i < 0 {
		return trait{}, false
	}
	return traits[i], true
}

// Rule is a fault and its condition. [Parse] returns only valid rules.
type Rule struct {
	// Method is the gRPC method, without its service, to which the rule applies. Empty
	// means every method, each counted separately. It is empty for executions.
	Method string
	Kind   Kind
	// Delay is the delay of NotDone, SlowStart and ListedLate. For Quota429 it is the
	// Retry-After header; 0 sends none.
	Delay time.Duration
	// P is the probability that the rule applies, above 0 and up to 1; 0 means 1.
	P float64
	// N is the maximum number of times that the rule applies; 0 is unlimited.
	N int
	// After is the number of calls or executions that pass first.
	After int
}
