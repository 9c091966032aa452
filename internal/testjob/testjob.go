// Package testjob is the sample job, which prints its environment and arguments.
// examples/test-job and the runwith binary both contain it, so that a machine without
// Go can run a job.
package testjob

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exitUsage is the exit code for an invalid SLEEP or FAIL.
const exitUsage = 2

// Run prints each variable of environ (in the form of os.Environ) as
// "NAME = value", sorted by name, and each of args as "  ARG: value", and returns
// the exit code.
//
// Two variables control it: SLEEP, a duration such as 2s, makes it wait after
// printing, and FAIL, from 0 to 255, is the exit code. Empty values are ignored. If
// one is invalid, Run reports that on stderr, prints nothing else and returns 2.
//
// Run does not handle signals, so a signal that ends a process ends the job.
func Run(args, environ []string, stdout, stderr io.Writer, sleep func(time.Duration)) int {
	variables := parse(environ)
	plan, err := planOf(variables)
	if err != nil {
		fmt.Fprintf(stderr, "test-job: %v\n", err)
		return exitUsage
	}
	if err := show(stdout, variables, args); err != nil {
		fmt.Fprintf(stderr, "test-job: print: %v\n", err)
		return 1
	}
	sleep(plan.wait)
	return plan.code
}

type variable struct{ name, value string }

// parse returns the variables sorted by name.
func parse(environ []string) []variable {
	variables := make([]variable, 0, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if name == "" {
			continue // Windows stores the folder of each drive under a name that begins with "="
		}
		variables = append(variables, variable{name, value})
	}
	slices.SortStableFunc(variables, func(a, b variable) int { return cmp.Compare(a.name, b.name) })
	return variables
}

// plan is the job's behaviour after printing.
type plan struct {
	wait time.Duration
	code int
}

func planOf(variables []variable) (plan, error) {
	var p plan
	for _, v := range variables {
		var err error
		switch {
		case v.value == "":
		case v.name == "SLEEP":
			p.wait, err = time.ParseDuration(v.value)
			if err != nil || p.wait < 0 {
				return plan{}, fmt.Errorf("SLEEP: %q is not a duration of zero or more, such as 2s", v.value)
			}
		case v.name == "FAIL":
			p.code, err = strconv.Atoi(v.value)
			if err != nil || p.code < 0 || p.code > 255 {
				return plan{}, fmt.Errorf("FAIL: %q is not an exit code from 0 to 255", v.value)
			}
		}
	}
	return p, nil
}

func show(w io.Writer, variables []variable, args []string) error {
	out := bufio.NewWriter(w)
	for _, v := range variables {
		fmt.Fprintf(out, "%s = %s\n", v.name, v.value)
	}
	for _, arg := range args {
		fmt.Fprintf(out, "  ARG: %s\n", arg)
	}
	return out.Flush() // also returns the errors of the writes above
}
