package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// executeFlags are the flags of gcloud run jobs execute that run takes too, because people
// know them. Help mentions them in its text alone.
//
// See https://cloud.google.com/sdk/gcloud/reference/run/jobs/execute.
type executeFlags struct {
	args, env       string
	async           bool
	project, region string
}

func (f *executeFlags) add(cmd *cobra.Command, timeout *seconds) {
	flags := cmd.Flags()
	flags.StringVar(&f.args, "args", "", "arguments of the job, separated by commas")
	flags.StringVar(&f.env, "update-env-vars", "", "environment variables, separated by commas")
	flags.Var(timeout, "task-timeout", "timeout of each attempt of a task")
	flags.Bool("wait", true, "wait for the end, which run does unless --detach is set")
	flags.BoolVar(&f.async, "async", false, "the same as --detach")
	flags.StringVar(&f.project, "project", "", "project in which the job must be")
	flags.StringVar(&f.region, "region", "", "region in which the job must be")
	for _, name := range []string{"args", "update-env-vars", "task-timeout", "wait", "async", "project", "region"} {
		flags.Lookup(name).Hidden = true
	}
}

// apply adds what the flags say to overrides.
func (f *executeFlags) apply(cmd *cobra.Command, o *runwith.Overrides) error {
	if cmd.Flags().Changed("args") {
		if o.Args != nil {
			return fmt.Errorf("--args: put the arguments either there or after --")
		}
		o.Args = listed(f.args)
	}
	for _, pair := range listed(f.env) {
		if err := setVariable(o, "--update-env-vars", pair); err != nil {
			return err
		}
	}
	return nil
}

// listed splits a list as gcloud does: at commas, or at DELIM if the list begins with
// ^DELIM^. See https://cloud.google.com/sdk/gcloud/reference/topic/escaping.
func listed(list string) []string {
	delimiter := ","
	if rest, ok := strings.CutPrefix(list, "^"); ok {
		if own, items, found := strings.Cut(rest, "^"); found && own != "" {
			delimiter, list = own, items
		}
	}
	if list == "" {
		return []string{}
	}
	return strings.Split(list, delimiter)
}

// setVariable adds NAME=VALUE to overrides.
func setVariable(o *runwith.Overrides, flag, pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	if !ok || name == "" {
		return fmt.Errorf("%s %q: must be NAME=VALUE", flag, pair)
	}
	if o.Env == nil {
		o.Env = map[string]string{}
	}
	o.Env[name] = value
	return nil
}

// severalVariables matches what looks like several variables in one.
var severalVariables = regexp.MustCompile(`^\w+=[^,]*,[A-Za-z_]\w*=`)

// hintAtCommas prints a hint that --env does not split a value at commas, as gcloud's
// flags do.
func hintAtCommas(w io.Writer, pairs []string) {
	for _, pair := range pairs {
		if severalVariables.MatchString(pair) {
			name, value, _ := strings.Cut(pair, "=")
			fmt.Fprintf(w, "runwith: --env sets one variable: %s is %q; repeat --env for several, or use --update-env-vars\n", name, value)
		}
	}
}

// checkPlace refuses a project or region that is not the job's. The invoker decides where
// it starts jobs.
func (f *executeFlags) checkPlace(ctx context.Context, client *runwith.Client, job string) error {
	if f.project == "" && f.region == "" {
		return nil
	}
	found, err := client.Job(ctx, job)
	if err != nil {
		return err
	}
	at, err := jobspec.ParseJob(found.Resource)
	if err != nil {
		return err
	}
	for _, flag := range []struct{ name, want, is string }{{"project", f.project, at.Project}, {"region", f.region, at.Region}} {
		if flag.want != "" && flag.want != flag.is {
			return misused("--%s %s: the invoker starts jobs in %s; start another one with --%[1]s, and name it with --server",
				flag.name, flag.want, flag.is)
		}
	}
	return nil
}

// seconds is the value of a flag that takes a duration, or a number of seconds as gcloud
// does.
type seconds time.Duration

// Set sets the duration from 90, 90s or 1h.
func (s *seconds) Set(text string) error {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if most := int64(math.MaxInt64 / time.Second); n < -most || n > most {
			return errors.New("must be below 292 years")
		}
		*s = seconds(time.Duration(n) * time.Second)
		return nil
	}
	d, err := time.ParseDuration(text)
	*s = seconds(d)
	return err
}

// String returns nothing for no duration, so that help shows no default.
func (s *seconds) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

// Type returns the name of the value in help.
func (s *seconds) Type() string { return "duration" }
