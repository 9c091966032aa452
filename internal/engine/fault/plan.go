package fault

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Plan decides for one server, by its rules in order. Its methods may be called
// concurrently. Decisions do not survive the process.
type Plan struct {
	seed  uint64
	rules []Rule

	mu    sync.Mutex
	calls map[string]*tally // by method
	runs  map[string]*tally // by job
}

// tally counts the decisions about one method, or one job.
type tally struct {
	number  int   // of calls or executions so far
	applied []int // how often each rule applied
}

// New returns a plan without decisions.
func New(seed uint64, rules ...Rule) *Plan {
	return &Plan{seed: seed, rules: slices.Clone(rules), calls: map[string]*tally{}, runs: map[string]*tally{}}
}

// Seed returns the plan's seed.
func (p *Plan) Seed() uint64 { return p.seed }

// ForCalls reports whether any rule is for calls.
func (p *Plan) ForCalls() bool {
	return slices.ContainsFunc(p.rules, func(r Rule) bool { return r.trait().call })
}

// ForExecutions reports whether any rule is for executions.
func (p *Plan) ForExecutions() bool {
	return slices.ContainsFunc(p.rules, func(r Rule) bool { return !r.trait().call })
}

// Call is the decision about one call.
type Call struct {
	Number int  // of the call among its method's, from 1
	Kind   Kind // empty if no rule applies
	// Delay is that of NotDone, and the Retry-After header of Quota429.
	Delay time.Duration
}

// Call counts a call of a method and decides about it. The first matching rule applies,
// and later rules do not count that call towards their N.
func (p *Plan) Call(method string) Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.next(p.calls, method)
	c := Call{Number: t.number}
	for i, r := range p.rules {
		if r.trait().call && (r.Method == "" || r.Method == method) && r.Kind.appliesTo(method) && p.applies(i, method, t) {
			c.Kind, c.Delay = r.Kind, r.Delay
			break
		}
	}
	return c
}

// Execution is the decision about one execution.
type Execution struct {
	Number int // of the execution among its job's, from 1
	// StartAfter and ListAfter delay the start of its tasks and its appearance in lists.
	StartAfter, ListAfter time.Duration
	// NoTasks means that it fails before it has a task, after StartAfter.
	NoTasks bool
}

// Execution counts an execution of a job and decides about it. Of each kind the first
// matching rule applies.
func (p *Plan) Execution(job string) Execution {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.next(p.runs, job)
	x := Execution{Number: t.number}
	for i, r := range p.rules {
		switch {
		case r.Kind == SlowStart && x.StartAfter == 0 && p.applies(i, job, t):
			x.StartAfter = r.Delay
		case r.Kind == ListedLate && x.ListAfter == 0 && p.applies(i, job, t):
			x.ListAfter = r.Delay
		case r.Kind == FailedBeforeTasks && !x.NoTasks && p.applies(i, job, t):
			x.NoTasks = true
		}
	}
	return x
}

// next counts one more call of a method, or execution of a job.
func (p *Plan) next(tallies map[string]*tally, of string) *tally {
	t := tallies[of]
	if t == nil {
		t = &tally{applied: make([]int, len(p.rules))}
		tallies[of] = t
	}
	t.number++
	return t
}

// applies decides whether a rule applies to the newest call of a method, or execution of
// a job, and counts it.
func (p *Plan) applies(rule int, of string, t *tally) bool {
	r := p.rules[rule]
	if t.number <= r.After || r.N > 0 && t.applied[rule] >= r.N || !p.chance(rule, of, t.number) {
		return false
	}
	t.applied[rule]++
	return true
}

// chance decides by the rule's probability. Each rule and number has its own random
// number, so that a decision does not depend on earlier ones.
func (p *Plan) chance(rule int, of string, number int) bool {
	r := p.rules[rule]
	if r.P == 0 || r.P == 1 {
		return true
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d %s", rule, number, of)
	return rand.New(rand.NewPCG(p.seed, h.Sum64())).Float64() < r.P
}

func (r Rule) trait() trait {
	t, _ := traitOf(r.Kind)
	return t
}
