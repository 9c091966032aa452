package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// world is an engine, a network, invokers, and their callers.
type world struct {
	chaosOptions
	bench  *bench
	cancel context.CancelFunc
	rand   *rand.Rand // for the kills
	proxy  *proxy
	ran    string // the file of the runs: a line for each
	ear    *ear
	config string  // the file of the invoker's configuration
	pusher *pusher // nil without -push

	engineAddr   string
	engineServer *server
	invokers     []*replica
	store        *sharedStore // nil without -replicas

	from    time.Time // since then, every slot of a schedule starts once
	started int       // how many of them have

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
	w.engineAddr = "127.0.0.1:0"
	if err := w.startEngine(ctx); err != nil {
		return nil, err
	}
	if err := w.configure(ctx); err != nil {
		return nil, err
	}
	if w.proxy, err = startProxy(ctx, w.engineAddr, o.seed); err != nil {
		return nil, err
	}
	return w, w.startInvokers(ctx, errs)
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
		w.addSchedules(&text)
	}
	w.config = filepath.Join(w.bench.dir, "runwith.yaml")
	return os.WriteFile(w.config, []byte(text.String()), 0o600)
}

// startEngine starts the engine with its jobs. A run of each appends a line to a file.
func (w *world) startEngine(ctx context.Context) (err error) {
	args := []string{w.bench.binary, "engine", "--runner", "process", "--addr", w.engineAddr, "--data", filepath.Join(w.bench.dir, "engine")}
	for n := 0; n < w.n; n += perJob {
		file, err := w.writeJob(w.job(n), "$*")
		if err != nil {
			return err
		}
		args = append(args, "--job", file)
	}
	file, err := w.writeJob(slotJob, "$RUNWITH_SCHEDULE_TIME")
	if err != nil {
		return err
	}
	w.engineServer, err = start(ctx, w.bench.progress, readyLine, slices.Concat(args, []string{"--job", file}, w.faults(), w.engine)...)
	if err == nil {
		w.engineAddr = w.engineServer.addr // later ones use the same address
	}
	return err
}

// writeJob writes the file of a job that appends a line with the value of a shell word.
func (w *world) writeJob(name, word string) (file string, err error) {
	file = filepath.Join(w.bench.dir, name+".yaml")
	text := fmt.Sprintf(`{"name":%q,"template":{"template":{"maxRetries":0,"containers":[{"image":"mark","command":["sh","-c",`+
		`"echo \"$RUNWITH_INVOCATION $CLOUD_RUN_EXECUTION %s\" >> %s","mark"]}]}}}`, name, word, w.ran)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// close ends all processes and removes the folder.
func (w *world) close() error {
	var errs []error
	for _, i := range w.invokers {
		if i.server != nil {
			errs = append(errs, i.server.stop())
		}
	}
	if w.engineServer != nil {
		errs = append(errs, w.engineServer.stop())
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
	if w.store != nil {
		errs = append(errs, w.store.close())
	}
	return errors.Join(append(errs, w.bench.close())...)
}
