// Command bench measures runwith, and beside each figure its floor: the same work done
// bare, in the same run. README.md explains the table.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// errUsage is the error of a bad command line. The user has already seen the reason.
var errUsage = errors.New("usage")

// options are the flags.
type options struct {
	n       int // measurements of a row
	clients int // for the rows with several clients; 0 is the row's default
	data    string
	only    string
	docker  string
	json    bool

	// The sizes are smaller in tests.
	rest  time.Duration // until a server's memory is read
	past  int           // past executions and invocations
	tasks int           // of the large execution
	// invocations are those among which lists are read.
	invocations int

	deliveries int   // of callbacks
	pods       int   // of an execution on Kubernetes
	waiting    int   // tasks that the engine has while its memory is read
	log        int64 // size of the log to read from, in bytes
}

// scenario measures rows that belong together.
type scenario struct {
	name, about string
	measure     func(context.Context, *bench) ([]row, error)
}

var scenarios = []scenario{
	{"run", "a run of `true` over gRPC, from RunJob until its operation is done", measureRun},
	{"poll", "the same run, watched by GetExecution every 0.2 ms", measurePoll},
	{"cpu", "the processor time that the server spends on such a polled run", measureCPU},
	{"runs", "runs of `true` by 16 concurrent clients, in runs a second", measureRuns},
	{"invoke", "POST /api/v1/jobs/{job}/invocations until 202, by 1 and by 32 clients, while the accepted invocations run", measureInvoke},
	{"end", "the time from an end at the engine until a caller who waits at the invoker knows it", measureEnd},
	{"accept", "the same of `runwith serve` alone, until RunJob arrives at a Cloud Run that does nothing, and with 100,000 past invocations", measureAccept},
	{"shared", "acceptance with PostgreSQL, by one invoker and by three that share it; needs PostgreSQL's programs", measureShared},
	{"callers", "acceptance by API key and by ID token, with policy and parameters, beside a server without a configuration", measureCallers},
	{"batch", "the items of a batch beside single requests", measureBatch},
	{"triggers", "events of Pub/Sub with an ID token, beside requests with the same token and parameters", measureTriggers},
	{"schedules", "the processor time that 10,000 schedules cost at rest", measureSchedules},
	{"callbacks", "10,000 events from the store to a fast receiver, alone and while another endpoint hangs", measureCallbacks},
	{"read", "GetJob over gRPC, REST and REST v1", measureRead},
	{"list", "a page of 100 executions among 100,000, and among 1,000", measureList},
	{"lists", "a page of invocations by each filter, among 1,000,000 and among 1,000, in SQLite and in PostgreSQL", measureLists},
	{"tasks", "an execution of 1,000 tasks of `true`, 8 at once, to its end, in tasks a second", measureTasks},
	{"large", "an execution of 10,000 tasks: the time until it is accepted, and its memory", measureLarge},
	{"logs", "one task's output from a log of 1 GiB, and the delay of a followed line", measureLogs},
	{"followers", "the memory and descriptors that 2,000 clients cost which follow a log and never read", measureFollowers},
	{"container", "a run in a container, from RunJob until its operation is done, and by 8 clients at once; needs a Docker or Podman", measureContainers},
	{"kubernetes", "tasks beside an Indexed Job, the start of a Pod, requests and memory; needs a cluster", measureKubernetes},
	{"up", "`runwith up`: from exec until it is ready, and its resident memory at rest", measureUp},
}

// execute measures the rows that args select and prints the report to out. Progress goes to
// errs.
func execute(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) > 0 && args[0] == "chaos" {
		return chaos(ctx, args[1:], out, errs)
	}
	o, err := parse(args, errs)
	if err != nil {
		return err
	}
	report, err := measure(ctx, o, errs)
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	if o.json {
		return report.writeJSON(out)
	}
	return report.writeTable(out)
}

func parse(args []string, errs io.Writer) (options, error) {
	o := options{rest: 2 * time.Second, past: 100_000, invocations: 1_000_000, tasks: 10_000, log: 1 << 30, deliveries: 10_000}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.IntVar(&o.n, "n", 200, "measure each row `N` times; slow rows less often")
	flags.IntVar(&o.clients, "clients", 0, "number `N` of clients in the rows with several; 0 means 16 for runs, and 32 for invoke and accept")
	flags.StringVar(&o.data, "data", "", "make the temporary folder in `DIR`, whose disk is measured (default: the system's)")
	flags.StringVar(&o.only, "only", "", "measure only the row `NAME`")
	flags.StringVar(&o.docker, "docker", "", "run containers through the daemon at `ADDRESS`, such as unix:///run/podman/podman.sock (default: the usual sockets)")
	flags.IntVar(&o.pods, "pods", 100, "number `N` of tasks of an execution on Kubernetes")
	flags.IntVar(&o.waiting, "waiting", 10_000, "number `N` of tasks that the engine has while its memory is read, at least 1500")
	flags.BoolVar(&o.json, "json", false, "print JSON, with times in seconds and memory in bytes")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, errUsage
	}
	if err := o.validate(flags.Args()); err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return o, errUsage
	}
	return o, nil
}

func (o options) validate(rest []string) error {
	named := func(s scenario) bool { return s.name == o.only }
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q: unknown argument, see -help", rest[0])
	case o.n < 1:
		return fmt.Errorf("-n %d: must be at least 1", o.n)
	case o.clients < 0:
		return fmt.Errorf("-clients %d: must not be negative", o.clients)
	case o.pods < 1:
		return fmt.Errorf("-pods %d: must be at least 1", o.pods)
	case o.waiting < manyPods-waitingPods:
		return fmt.Errorf("-waiting %d: must be at least %d", o.waiting, manyPods-waitingPods)
	case o.only != "" && !slices.ContainsFunc(scenarios, named):
		return fmt.Errorf("-only %s: no such row, see -help", o.only)
	}
	return nil
}

func usage(flags *flag.FlagSet) {
	fmt.Fprint(flags.Output(), `Bench measures runwith, and beside each figure its floor: the same work done bare.

  go run ./bench [flags]
  go run ./bench chaos [flags]   kill invoker and engine while jobs are started, and count what ran
  go run ./bench chaos -push -n 5000 -kills 50   the same by Pub/Sub messages that come more than once

Flags:
`)
	flags.PrintDefaults()
	fmt.Fprint(flags.Output(), "\nRows:\n")
	for _, s := range scenarios {
		fmt.Fprintf(flags.Output(), "  %-10s %s\n", s.name, s.about)
	}
}

// measure runs the selected scenarios.
func measure(ctx context.Context, o options, progress io.Writer) (_ *report, err error) {
	b, err := newBench(ctx, o, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	report := &report{}
	if report.Machine, err = lookAtMachine(b.dir); err != nil {
		return nil, err
	}
	for _, s := range scenarios {
		if o.only != "" && o.only != s.name {
			continue
		}
		fmt.Fprintf(progress, "measuring %s: %s\n", s.name, s.about)
		rows, err := s.measure(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", s.name, err)
		}
		for _, r := range rows {
			r.Name = s.name
			report.Rows = append(report.Rows, r)
		}
	}
	return report, nil
}
