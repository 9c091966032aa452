package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine/fault"
)

// faultFlags say what goes wrong on demand.
type faultFlags struct {
	rules []string
	seed  uint64
}

func (f *faultFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.rules, "fault", nil,
		"let calls or executions go wrong by `RULE`, such as 'RunJob: answer-lost, p=0.2' (repeatable; see docs/faults.md)")
	flags.Uint64Var(&f.seed, "fault-seed", rand.Uint64N(1_000_000), "decide about faults by this `NUMBER`, which repeats them")
	flags.Lookup("fault-seed").DefValue = "a new one"
}

// plan reads the rules; it is nil where there are none.
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

// announce tells people what will go wrong, and how it goes wrong again.
func (f *faultFlags) announce(cmd *cobra.Command) {
	if len(f.rules) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "faults are on: %s; --fault-seed %d repeats them\n", strings.Join(f.rules, "; "), f.seed)
	}
}
