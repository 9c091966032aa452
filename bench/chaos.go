package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// chaosOptions are the flags of chaos.
type chaosOptions struct {
	n, clients         int
	kills, engineKills int
	replicas           int // invokers that share a PostgreSQL; 0: one, with SQLite
	storeKills         int
	seed               uint64
	settle             time.Duration
	data               string
	calm, push         bool
	engine             []string // more arguments of the engine
}

// faults are additional faults of the engine: lost answers, answers of 503 after the job
// has started, and executions that lists show late, but within the settling delay.
func (o chaosOptions) faults() []string {
	if o.calm {
		return nil
	}
	return []string{
		"--fault-seed", strconv.FormatUint(o.seed, 10),
		"--fault", "RunJob: answer-lost, p=0.1",
		"--fault", "RunJob: answer-503, p=0.1",
		"--fault", "GetExecution: answer-503, p=0.1",
		"--fault", fmt.Sprintf("listed-late=%v, p=0.5", o.late()),
	}
}

// late is the delay after which lists show an execution.
func (o chaosOptions) late() time.Duration { return o.settle / 2 }

// perJob is the number of invocations of one job. Among thousands of new executions,
// an invoker cannot be sure that one is missing.
const perJob = 500

// chaos starts jobs through an invoker, on an engine, over connections that break. It kills
// both repeatedly, and repeats every request until it is answered. Then it counts the
// runs. The error reports lost and doubled invocations.
func chaos(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	o, err := parseChaos(args, errs)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "seed %d: %d invocations by %d clients, %s\n", o.seed, o.n, o.clients, o.harm())
	w, err := newWorld(ctx, o, errs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	began := time.Now()
	if err := w.live(ctx, errs); err != nil {
		return fmt.Errorf("%w (seed %d)", err, o.seed)
	}
	found, err := w.count(ctx)
	if err != nil {
		return fmt.Errorf("%w (seed %d)", err, o.seed)
	}
	fmt.Fprintf(out, "%s in %v\n", found, time.Since(began).Round(time.Second))
	return found.err(o.seed)
}

// harm describes the kills.
func (o chaosOptions) harm() string {
	if o.replicas == 0 {
		return fmt.Sprintf("the invoker killed %d times and the engine %d", o.kills, o.engineKills)
	}
	return fmt.Sprintf("each of %d invokers killed %d times, the engine %d and PostgreSQL %d; the clock of one invoker is %v ahead",
		o.replicas, o.kills, o.engineKills, o.storeKills, skew)
}

func parseChaos(args []string, errs io.Writer) (chaosOptions, error) {
	o := chaosOptions{}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.IntVar(&o.n, "n", 2000, "start `N` invocations")
	flags.IntVar(&o.clients, "clients", 16, "use `N` concurrent clients")
	flags.IntVar(&o.kills, "kills", 100, "kill the invoker `N` times")
	flags.IntVar(&o.engineKills, "engine-kills", 10, "kill the engine `N` times")
	flags.IntVar(&o.replicas, "replicas", 0, "let `N` invokers share a PostgreSQL that is made for this; -kills is for each of them")
	flags.IntVar(&o.storeKills, "store-kills", 5, "kill that PostgreSQL `N` times")
	flags.Uint64Var(&o.seed, "seed", rand.Uint64N(1_000_000), "the `NUMBER` that decides when to kill, to cut and to repeat")
	flags.DurationVar(&o.settle, "settle", 2*time.Second, "the invoker's settling delay")
	flags.BoolVar(&o.push, "push", false, "start the jobs by Pub/Sub messages, each pushed one to three times, some of them at the same time")
	flags.BoolVar(&o.calm, "calm", false, "let the engine lose no answers and list executions at once")
	flags.StringVar(&o.data, "data", "", "make the temporary folder in `DIR` (default: the system's)")
	flags.Func("engine", "an additional `ARGUMENT` of the engine, such as --fault=slow-start=1s (repeatable)", func(value string) error {
		o.engine = append(o.engine, value)
		return nil
	})
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, errUsage
	}
	if flags.NArg() > 0 || min(o.n, o.clients) < 1 || min(o.kills, o.engineKills, o.replicas, o.storeKills) < 0 || o.replicas > 0 && o.push || o.settle < time.Second {
		fmt.Fprintln(errs, "bench chaos: -n and -clients must be at least 1, -settle at least 1s, no number negative, and -push is for one invoker")
		return o, errUsage
	}
	return o, nil
}
