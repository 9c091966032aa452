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
// concurrently.
type Plan struct {
	seed  uint64
	rules []Rule

	mu    sync.Mutex
	calls map[string]*tally // by method
	runs  map[string]*tally // by job
}

// tally is what has been decided about one method, or one job.
type tally struct {
	number  int   // calls or executions
	strikes []int // by rule
}

// New returns a plan that has decided nothing yet.
func New(seed uint64, rules ...Rule) *Plan {
	return &Plan{seed: seed, rules: slices.Clone(rules), calls: map[string]*tally{}, runs: map[string]*tally{}}
}

// Seed is the seed with which the plan decides.
func (p *Plan) Seed() uint64 { return p.seed }

// ForCalls reports whether a rule may strike a call at all.
func (p *Plan) ForCalls() bool {
	return slices.ContainsFunc(p.rules, func(r Rule) bool { return r.trait().call })
}

// ForExecutions reports whether a rule may strike an execution at all.
func (p *Plan) ForExecutions() bool {
	return slices.ContainsFunc(p.rules, func(r Rule) bool { return !r.trait().call })
}

// Call is what happens to one call.
type Call struct {
	Number     int  // of the method's calls, from 1
	Kind       Kind // one of those of calls; empty is none
	RetryAfter time.Duration
}

// Call counts a call of a method and decides what happens to it: the first rule that
// strikes does, and those behind it have not struck.
func (p *Plan) Call(method string) Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.next(p.calls, method)
	c := Call{Number: t.number}
	for i, r := range p.rules {
		if r.trait().call && (r.Method == "" || r.Method == method) && p.strikes(i, method, t) {
			c.Kind, c.RetryAfter = r.Kind, r.Delay
			break
		}
	}
	return c
}

// Execution is what happens to one execution.
type Execution struct {
	Number int // of the job's executions, from 1
	// StartAfter and ListAfter are how long its tasks and its being listed are held
	// back; 0 is not.
	StartAfter, ListAfter time.Duration
	// NoTasks says that it fails before it has a task: after StartAfter.
	NoTasks bool
}

// Execution counts an execution of a job and decides what happens to it: of each kind
// the first rule that strikes does.
func (p *Plan) Execution(job string) Execution {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.next(p.runs, job)
	x := Execution{Number: t.number}
	for i, r := range p.rules {
		switch {
		case r.Kind == SlowStart && x.StartAfter == 0 && p.strikes(i, job, t):
			x.StartAfter = r.Delay
		case r.Kind == ListedLate && x.ListAfter == 0 && p.strikes(i, job, t):
			x.ListAfter = r.Delay
		case r.Kind == FailedBeforeTasks && !x.NoTasks && p.strikes(i, job, t):
			x.NoTasks = true
		}
	}
	return x
}

// next counts one more of a method or a job.
func (p *Plan) next(tallies map[string]*tally, of string) *tally {
	t := tallies[of]
	if t == nil {
		t = &tally{strikes: make([]int, len(p.rules))}
		tallies[of] = t
	}
	t.number++
	return t
}

// strikes decides about the newest of a method or a job, and counts where the rule
// strikes.
func (p *Plan) strikes(rule int, of string, t *tally) bool {
	r := p.rules[rule]
	if t.number <= r.After || r.N > 0 && t.strikes[rule] >= r.N || !p.chance(rule, of, t.number) {
		return false
	}
	t.strikes[rule]++
	return true
}

// chance throws a dice of its own for each rule and number, so that no decision hangs
// on how many were made before.
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
