// Package fault decides which call and which execution goes wrong, so that callers
// of Cloud Run can be tested with what Cloud Run does on a bad day. It is pure: who
// asks a [Plan] does what it says.
//
// A decision depends on the seed, the rules and a number alone: for a call on how
// many calls of the same method came before it, for an execution on how many
// executions of the same job did. What other methods and jobs do meanwhile changes
// nothing, so that the same sequence of calls meets the same faults again.
package fault

import (
	"slices"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds. The first three befall a call, the others an execution.
const (
	// Answer503: the call takes effect, and is answered with UNAVAILABLE. A call that
	// fails by itself keeps its own answer.
	Answer503 Kind = "answer-503"
	// AnswerLost: the call takes effect, and there is no answer: over HTTP/1 the
	// connection is closed, over HTTP/2 the stream is reset.
	AnswerLost Kind = "answer-lost"
	// Quota429: the call has no effect, and is answered with RESOURCE_EXHAUSTED in the
	// words of Cloud Run's quota.
	Quota429 Kind = "quota-429"

	// SlowStart: the execution's tasks start so much later.
	SlowStart Kind = "slow-start"
	// ListedLate: the execution is in no list of executions for so long, although it
	// can be read by its name.
	ListedLate Kind = "listed-late"
	// FailedBeforeTasks: the execution fails, and never has a task.
	FailedBeforeTasks Kind = "failed-before-tasks"
)

// demand says whether a kind takes a duration.
type demand int

const (
	noDelay demand = iota
	mayDelay
	mustDelay
)

// trait is what a rule of a kind may say.
type trait struct {
	kind  Kind
	call  bool // it befalls calls, so that a rule may name a method
	delay demand
}

var traits = []trait{
	{Answer503, true, noDelay},
	{AnswerLost, true, noDelay},
	{Quota429, true, mayDelay},
	{SlowStart, false, mustDelay},
	{ListedLate, false, mustDelay},
	{FailedBeforeTasks, false, noDelay},
}

// Kinds are all that there are.
func Kinds() (kinds []Kind) {
	for _, t := range traits {
		kinds = append(kinds, t.kind)
	}
	return kinds
}

func traitOf(kind Kind) (t trait, known bool) {
	i := slices.IndexFunc(traits, func(t trait) bool { return t.kind == kind })
	if i < 0 {
		return trait{}, false
	}
	return traits[i], true
}

// Rule is one fault and when it strikes. [Parse] returns only rules that make sense.
type Rule struct {
	// Method is the gRPC method, without its service, that the fault is for; empty is
	// any, of which each is counted for itself. Executions have none.
	Method string
	Kind   Kind
	// Delay is how late SlowStart and ListedLate make something, and what Quota429
	// sends as Retry-After, where it is not 0.
	Delay time.Duration
	// P is the probability with which it strikes, above 0 and up to 1; 0 is 1.
	P float64
	// N is how often it strikes at most; 0 is without end.
	N int
	// After is how many calls or executions it lets pass first.
	After int
}
