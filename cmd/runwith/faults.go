package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine/fault"
)

// faultFlags choose the faults to inject.
type faultFlags struct {
	rules []string
	seed  uint64
}

func (f *faultFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.rules, "fault", nil,
		"inject faults into calls or executions by `RULE`, such as 'RunJob: answer-lost, p=0.2' (repeatable; see docs/faults.md)")
	flags.Uint64Var(&f.seed, "fault-seed", rand.Uint64N(1_000_000), "seed `NUMBER` for faults; the same seed gives the same faults")
	flags.Lookup("fault-seed").DefValue = "a new one"
}

// plan parses the rules. Without rules it returns nil.
func (f *faultFlags) plan() (*fault.Plan, error) {
	var rules []fault.Rule
	for _, text := range f.rules {
		rule, err := fault.Parse(text)
		if err != nil {
			return nil, misused("--fault %q: %w", text, err)
		}
		rules = append(rules, rule)
	}
	if len(rules) == 0 {
		return nil, nil
	}
	return fault.New(f.seed, rules...), nil
}

// announce prints the faults that are on, and how to repeat them.
func (f *faultFlags) announce(cmd *cobra.Command) {
	if len(f.rules) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "faults are on: %s; --fault-seed %d repeats them\n", strings.Join(f.rules, "; "), f.seed)
	}
}
