package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/runwith/runwith"
)

// chaosOptions are the flags of chaos.
type chaosOptions struct {
	n, clients         int
	kills, engineKills int
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
	fmt.Fprintf(out, "seed %d: %d invocations by %d clients, the invoker killed %d times and the engine %d\n",
		o.seed, o.n, o.clients, o.kills, o.engineKills)
	w, err := newWorld(ctx, o, errs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	began := time.Now()
	if err := w.live(ctx); err != nil {
		return fmt.Errorf("%w (seed %d)", err, o.seed)
	}
	found, err := w.count(ctx)
	if err != nil {
		return fmt.Errorf("%w (seed %d)", err, o.seed)
	}
	fmt.Fprintf(out, "%s in %v\n", found, time.Since(began).Round(time.Second))
	return found.err(o.seed)
}

func parseChaos(args []string, errs io.Writer) (chaosOptions, error) {
	o := chaosOptions{}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.IntVar(&o.n, "n", 2000, "start `N` invocations")
	flags.IntVar(&o.clients, "clients", 16, "use `N` concurrent clients")
	flags.IntVar(&o.kills, "kills", 100, "kill the invoker `N` times")
	flags.IntVar(&o.engineKills, "engine-kills", 10, "kill the engine `N` times")
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
	if flags.NArg() > 0 || min(o.n, o.clients) < 1 || min(o.kills, o.engineKills) < 0 || o.settle < time.Second {
		fmt.Fprintln(errs, "bench chaos: -n and -clients must be at least 1, -settle at least 1s, and no number negative")
		return o, errUsage
	}
	return o, nil
}

// world is an engine, a network, an invoker, and its callers.
type world struct {
	chaosOptions
	bench  *bench
	cancel context.CancelFunc
	rand   *rand.Rand // for the kills
	proxy  *proxy
	ran    string // the file to which each run appends a line
	ear    *ear
	config string  // the file of the invoker's configuration
	pusher *pusher // nil without -push

	engineAddr, invokerAddr     string
	engineServer, invokerServer *server

	mu       sync.Mutex
	accepted map[string]string // arguments by invocation
}

func newWorld(ctx context.Context, o chaosOptions, errs io.Writer) (_ *world, err error) {
	w := &world{chaosOptions: o, accepted: map[string]string{}, rand: rand.New(rand.NewPCG(o.seed, 0))}
	w.bench = &bench{progress: io.Discard}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.bench.dir, err = os.MkdirTemp(o.data, "runwith-chaos-"); err != nil {
		return nil, err
	}
	fmt.Fprintln(errs, "building runwith")
	if w.bench.binary, err = w.bench.build(ctx, "runwith", "github.com/runwith/runwith/cmd/runwith"); err != nil {
		return nil, err
	}
	w.ran = filepath.Join(w.bench.dir, "ran")
	w.ear = newEar(o.seed)
	ctx, w.cancel = context.WithCancel(ctx)
	w.engineAddr, w.invokerAddr = "127.0.0.1:0", "127.0.0.1:0"
	if err := w.startEngine(ctx); err != nil {
		return nil, err
	}
	if err := w.configure(ctx); err != nil {
		return nil, err
	}
	if w.proxy, err = startProxy(ctx, w.engineAddr, o.seed); err != nil {
		return nil, err
	}
	if err := w.startInvoker(ctx); err != nil {
		return nil, err
	}
	w.invokerAddr = w.invokerServer.addr // later ones use the same address
	return w, nil
}

// job returns the name of an invocation's job.
func (w *world) job(n int) string { return fmt.Sprintf("mark-%d", n/perJob) }

// configure writes the invoker's configuration: the jobs, and an endpoint for their events.
func (w *world) configure(ctx context.Context) (err error) {
	var text strings.Builder
	fmt.Fprintf(&text, "callbacks:\n  - {name: ear, url: \"http://127.0.0.1:%s/\", secret: {env: CHAOS_SECRET}, events: [started, succeeded, failed, cancelled, refused, unresolved]}\n", w.ear.port())
	if w.push {
		w.pusher, err = w.addPusher(ctx, &text)
		if err != nil {
			return err
		}
	} else {
		fmt.Fprintln(&text, "jobs:")
		for n := 0; n < w.n; n += perJob {
			fmt.Fprintf(&text, "  %s: {allow: {args: true}}\n", w.job(n))
		}
	}
	w.config = filepath.Join(w.bench.dir, "runwith.yaml")
	return os.WriteFile(w.config, []byte(text.String()), 0o600)
}

// startEngine starts the engine. The first time it adds the jobs, each of which appends a
// line to a file.
func (w *world) startEngine(ctx context.Context) (err error) {
	args := []string{w.bench.binary, "engine", "--runner", "process", "--addr", w.engineAddr, "--data", filepath.Join(w.bench.dir, "engine")}
	for n := 0; n < w.n; n += perJob {
		file := filepath.Join(w.bench.dir, w.job(n)+".yaml")
		text := fmt.Sprintf(`{"name":%q,"template":{"template":{"maxRetries":0,"containers":[{"image":"mark","command":["sh","-c",`+
			`"echo \"$RUNWITH_INVOCATION $CLOUD_RUN_EXECUTION $*\" >> %s","mark"]}]}}}`, w.job(n), w.ran)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		args = append(args, "--job", file)
	}
	w.engineServer, err = start(ctx, w.bench.progress, readyLine, slices.Concat(args, w.faults(), w.engine)...)
	if err == nil {
		w.engineAddr = w.engineServer.addr // later ones use the same address
	}
	return err
}

func (w *world) startInvoker(ctx context.Context) (err error) {
	args := []string{"env", "CHAOS_SECRET=" + w.ear.secret, w.bench.binary, "serve", "--config", w.config, "--callback-allow", "127.0.0.1/32",
		"--addr", w.invokerAddr, "--data", filepath.Join(w.bench.dir, "invoker"), "--endpoint", "http://" + w.proxy.addr(),
		"--call-timeout", "3s", "--settle", w.settle.String()}
	if !w.push {
		args = append(args, "--allow-unauthenticated")
	}
	w.invokerServer, err = start(ctx, w.bench.progress, readyLine, args...)
	return err
}

// close ends all processes and removes the folder.
func (w *world) close() error {
	var errs []error
	for _, s := range []*server{w.invokerServer, w.engineServer} {
		if s != nil {
			errs = append(errs, s.stop())
		}
	}
	if w.cancel != nil {
		w.cancel()
	}
	if w.ear != nil {
		w.ear.server.Close()
	}
	if w.proxy != nil {
		w.proxy.wait()
	}
	return errors.Join(append(errs, w.bench.close())...)
}

// perKill is about the life of a server and the start of the next one.
const perKill = 350 * time.Millisecond

// live lets the clients call while servers are killed, until both are done, and then waits
// for the end of every invocation.
func (w *world) live(serving context.Context) error {
	ctx, cancel := context.WithTimeoutCause(serving, 20*time.Minute, errors.New("it does not come to its end"))
	defer cancel()
	var (
		callers sync.WaitGroup
		numbers = make(chan int)
		failed  = make(chan error, w.clients)
	)
	for range w.clients {
		callers.Go(func() {
			for n := range numbers {
				if err := w.ask(ctx, n); err != nil {
					failed <- fmt.Errorf("invocation %d: %w", n, err)
					return
				}
			}
		})
	}
	killed := make(chan error, 1)
	go func() { killed <- w.kill(ctx, serving) }()
	pace := time.Duration(w.kills) * perKill / time.Duration(w.n) // so that the calls take as long as the kills
	for n := range w.n {
		if err := pause(ctx, pace); err != nil {
			return errors.Join(err, <-killed)
		}
		select {
		case numbers <- n:
		case err := <-failed:
			cancel()
			return errors.Join(err, <-killed)
		}
	}
	close(numbers)
	callers.Wait()
	if err := <-killed; err != nil {
		return err
	}
	return w.settled(ctx)
}

// ask starts a job once, by repeated requests or by a message that is delivered repeatedly.
func (w *world) ask(ctx context.Context, n int) error {
	if w.push {
		return w.pusher.deliver(ctx, w, n)
	}
	return w.call(ctx, n)
}

// call starts a job once and repeats the request as often as necessary. Some callers repeat
// it again later, like a caller that has crashed.
func (w *world) call(ctx context.Context, n int) error {
	key := fmt.Sprintf("key-%d", n)
	repeats := 1 + rand.New(rand.NewPCG(w.seed, uint64(n)+2)).IntN(3)
	for range repeats {
		id, err := w.start(ctx, n, key)
		if err != nil {
			return err
		}
		if err := w.accept(id, key); err != nil {
			return err
		}
	}
	return nil
}

// accept notes that an invocation with these arguments was accepted.
func (w *world) accept(id, args string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, known := w.accepted[id]
	w.accepted[id] = args
	if known && before != args {
		return fmt.Errorf("invocation %s was the answer to %s and to %s", id, before, args)
	}
	return nil
}

func (w *world) client() *runwith.Client {
	c := &runwith.Client{Server: "http://" + w.invokerAddr}
	if w.push {
		c.Credential = w.pusher.token
	}
	return c
}

func (w *world) start(ctx context.Context, n int, key string) (id string, err error) {
	for {
		i, err := w.client().RunOnce(ctx, w.job(n), key, &runwith.Overrides{Args: []string{key}})
		if err == nil {
			return i.ID, nil
		}
		if code := runwith.CodeOf(err); code != runwith.Unavailable && code != runwith.DeadlineExceeded || ctx.Err() != nil {
			return "", errors.Join(err, context.Cause(ctx))
		}
	}
}

// kill kills servers and starts them again, until serving ends.
func (w *world) kill(ctx, serving context.Context) error {
	for n := range w.kills {
		if err := pause(ctx, 20*time.Millisecond+time.Duration(w.rand.Int64N(int64(500*time.Millisecond)))); err != nil {
			return err
		}
		if err := crash(w.invokerServer); err != nil {
			return err
		}
		if every := max(1, w.kills/max(1, w.engineKills)); w.engineKills > 0 && n%every == 0 && n/every < w.engineKills {
			if err := errors.Join(crash(w.engineServer), w.startEngine(serving)); err != nil {
				return err
			}
		}
		if err := w.startInvoker(serving); err != nil {
			return err
		}
	}
	return nil
}

// crash kills a server.
func crash(s *server) error {
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	s.ended <- <-s.ended // stop reads the end of the server, too
	return nil
}

// settled waits until every invocation has ended, and its end was heard.
func (w *world) settled(ctx context.Context) error {
	for id := range w.accepted {
		end, err := w.client().Wait(ctx, id)
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if end.State != runwith.StateSucceeded {
			return fmt.Errorf("invocation %s is %s, %+v", id, end.State, end.Error)
		}
	}
	return w.ear.wait(ctx, w.accepted)
}

// tally is the result of counting.
type tally struct {
	accepted, ran, executions int
	heard, times              int // invocations whose end was heard, and how often anything was
	faults                    []string
}

// count compares the runs and the executions of the engine with the accepted invocations.
func (w *world) count(ctx context.Context) (t tally, err error) {
	ran, err := w.runs()
	if err != nil {
		return t, err
	}
	t.accepted, t.ran = len(w.accepted), len(ran)
	for id, args := range w.accepted {
		if n := len(ran[id]); n != 1 {
			t.faults = append(t.faults, fmt.Sprintf("invocation %s of %s ran in %d executions", id, args, n))
		}
		for _, got := range ran[id] {
			if got != args {
				t.faults = append(t.faults, fmt.Sprintf("invocation %s of %s ran with %s", id, args, got))
			}
		}
	}
	for id := range ran {
		if _, known := w.accepted[id]; !known {
			t.faults = append(t.faults, fmt.Sprintf("invocation %s ran, and nobody was told of it", id))
		}
	}
	if t.accepted != w.n {
		t.faults = append(t.faults, fmt.Sprintf("%d invocations for %d keys", t.accepted, w.n))
	}
	t.heard, t.times = t.accepted-w.ear.missing(w.accepted), w.ear.times
	t.faults = append(t.faults, w.ear.check(w.accepted)...)
	if err := pause(ctx, w.late()); err != nil { // then lists are complete
		return t, err
	}
	t.executions, err = w.executions(ctx)
	if err == nil && t.executions != t.accepted {
		t.faults = append(t.faults, fmt.Sprintf("the engine has %d executions", t.executions))
	}
	return t, err
}

// runs returns the arguments of each run, by invocation and execution.
func (w *world) runs() (map[string]map[string]string, error) {
	text, err := os.ReadFile(w.ran)
	if err != nil {
		return nil, err
	}
	ran := map[string]map[string]string{}
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		execution, args, ok := strings.Cut(rest, " ")
		if !ok {
			return nil, fmt.Errorf("a run wrote %q", line)
		}
		if ran[id] == nil {
			ran[id] = map[string]string{}
		}
		ran[id][execution] = args
	}
	return ran, nil
}

func (t tally) String() string {
	return fmt.Sprintf("%d accepted, %d ran, %d executions, %d ends heard in %d callbacks: %d faults", t.accepted, t.ran, t.executions, t.heard, t.times, len(t.faults))
}

// err describes lost and doubled invocations.
func (t tally) err(seed uint64) error {
	if len(t.faults) == 0 {
		return nil
	}
	return fmt.Errorf("seed %d: %s", seed, strings.Join(t.faults, "; "))
}

// executions counts the executions of the engine.
func (w *world) executions(ctx context.Context) (n int, err error) {
	engine, err := dial(ctx, w.engineAddr)
	if err != nil {
		return 0, err
	}
	n, err = engine.countExecutions(ctx)
	return n, errors.Join(err, engine.close())
}
