package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
)

// requestFlags are what run asks for beside overrides.
type requestFlags struct {
	params   []string
	labels   []string
	callback string
}

func (f *requestFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.params, "param", "p", nil, "set a parameter of the job: `NAME=VALUE` (repeatable)")
	flags.StringArrayVar(&f.labels, "label", nil, "attach a label to the invocation: `NAME=VALUE` (repeatable)")
	flags.StringVar(&f.callback, "callback", "", "send the invocation's events to `URL`, if the server's configuration allows it")
}

// request returns what the flags and arguments ask for. Its parameters are text: see typed.
func (f *runFlags) request(cmd *cobra.Command, args []string) (*runwith.Request, error) {
	overrides, err := f.overrides(cmd, args)
	if err != nil {
		return nil, err
	}
	q := &runwith.Request{Overrides: *overrides, StartAt: f.startAt.at}
	if q.Labels, err = pairs("--label", f.asks.labels); err != nil {
		return nil, err
	}
	params, err := pairs("--param", f.asks.params)
	if err != nil {
		return nil, err
	}
	for name, value := range params {
		if q.Parameters == nil {
			q.Parameters = map[string]any{}
		}
		q.Parameters[name] = value
	}
	if cmd.Flags().Changed("callback") {
		q.Callback = &runwith.Callback{URL: f.asks.callback}
	}
	return q, nil
}

// pairs returns the pairs NAME=VALUE of a flag, or nil without any.
func pairs(flag string, given []string) (map[string]string, error) {
	if len(given) == 0 {
		return nil, nil
	}
	found := make(map[string]string, len(given))
	for _, pair := range given {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s %q: must be NAME=VALUE", flag, pair)
		}
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("%s %s: is given twice", flag, name)
		}
		found[name] = value
	}
	return found, nil
}

// typed gives the parameters of a request the types that the job's parameters have. A text
// that is not of its type stays a text, which the invoker refuses with the reason.
func (f *requestFlags) typed(ctx context.Context, client *runwith.Client, job string, q *runwith.Request) error {
	if len(q.Parameters) == 0 {
		return nil
	}
	described, err := client.Job(ctx, job)
	if err != nil {
		return err
	}
	for name, value := range q.Parameters {
		if text, ok := value.(string); ok {
			q.Parameters[name] = typedValue(described.Parameters[name].Type, text)
		}
	}
	return nil
}

// typedValue returns a text as a value of a parameter's type.
func typedValue(kind, text string) any {
	switch kind {
	case "integer", "number":
		var number json.Number
		if json.Unmarshal([]byte(text), &number) == nil && number.String() == text {
			return number
		}
	case "boolean":
		switch text {
		case "true":
			return true
		case "false":
			return false
		}
	}
	return text
}

// overrides returns what the flags override.
func (f *runFlags) overrides(cmd *cobra.Command, args []string) (*runwith.Overrides, error) {
	o := &runwith.Overrides{TaskCount: f.tasks, Timeout: time.Duration(f.timeout)}
	if cmd.ArgsLenAtDash() >= 0 {
		o.Args = append([]string{}, args[1:]...)
	}
	if cmd.Flags().Changed("key") && f.key == "" {
		return nil, errors.New("--key: must not be empty")
	}
	if err := validTasks(cmd, o.TaskCount, o.Timeout); err != nil {
		return nil, err
	}
	for _, pair := range f.env {
		if err := setVariable(o, "--env", pair); err != nil {
			return nil, err
		}
	}
	return o, f.execute.apply(cmd, o)
}

// validTasks reports a mistake in the flags for the number of tasks and their timeout.
func validTasks(cmd *cobra.Command, tasks int, timeout time.Duration) error {
	flags := cmd.Flags()
	switch {
	case flags.Changed("tasks") && tasks < 1:
		return misused("--tasks %d: must be at least 1", tasks)
	case (flags.Changed("timeout") || flags.Changed("task-timeout")) && timeout < time.Second:
		return misused("--timeout %v: must be at least 1s", timeout)
	case timeout%time.Second != 0:
		return misused("--timeout %v: must be whole seconds", timeout)
	}
	return nil
}
