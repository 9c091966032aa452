package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/runwith/runwith/internal/skewtest"
)

// skew is how far ahead the clock of the last replica is.
const skew = 10 * time.Minute

// replica is an invoker, from one kill to the next.
type replica struct {
	binary string
	env    []string
	store  []string // its arguments about the store
	addr   string   // later processes use the same address
	server *server
}

// startInvokers starts the invokers: one with SQLite, or several that share a PostgreSQL.
func (w *world) startInvokers(ctx context.Context, errs io.Writer) error {
	if w.replicas == 0 {
		w.invokers = []*replica{{binary: w.bench.binary, store: []string{"--data", filepath.Join(w.bench.dir, "invoker")}}}
		return w.startInvoker(ctx, w.invokers[0])
	}
	fmt.Fprintln(errs, "building runwith with a wrong clock")
	skewed, err := skewtest.Into(w.bench.dir, "github.com/runwith/runwith/cmd/runwith")
	if err != nil {
		return err
	}
	if w.store, err = openSharedStore(); err != nil {
		return err
	}
	for n := range w.replicas {
		url, err := w.store.through(ctx, w.seed+uint64(n))
		if err != nil {
			return err
		}
		i := &replica{binary: w.bench.binary, env: []string{"RUNWITH_STORE=" + url}}
		if n > 0 && n == w.replicas-1 {
			i.binary, i.env = skewed, append(i.env, skewtest.Variable+"="+skew.String())
		}
		w.invokers = append(w.invokers, i)
		if err := w.startInvoker(ctx, i); err != nil {
			return err
		}
	}
	w.from = time.Now()
	return nil
}

// startInvoker starts the next process of an invoker.
func (w *world) startInvoker(ctx context.Context, i *replica) (err error) {
	addr := i.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	args := append([]string{"env", "CHAOS_SECRET=" + w.ear.secret}, i.env...)
	args = append(args, i.binary, "serve", "--config", w.config, "--callback-allow", "127.0.0.1/32",
		"--addr", addr, "--endpoint", "http://"+w.proxy.addr(), "--call-timeout", "3s", "--settle", w.settle.String())
	args = append(args, i.store...)
	if !w.push {
		args = append(args, "--allow-unauthenticated")
	}
	for {
		i.server, err = start(ctx, w.bench.progress, readyLine, args...)
		if err == nil || w.store == nil || ctx.Err() != nil {
			break
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil { // PostgreSQL may be away, or the connection was cut
			return err
		}
	}
	if err == nil && i.addr == "" { // callers read it while later processes start
		i.addr = i.server.addr
	}
	return err
}

// kill kills servers and starts them again, until serving ends. The invokers take turns.
func (w *world) kill(ctx, serving context.Context) error {
	kills := w.kills * len(w.invokers)
	for n := range kills {
		if err := pause(ctx, 20*time.Millisecond+time.Duration(w.rand.Int64N(int64(500*time.Millisecond)))); err != nil {
			return err
		}
		i := w.invokers[n%len(w.invokers)]
		if err := crash(i.server); err != nil {
			return err
		}
		if due(n, kills, w.engineKills) {
			if err := errors.Join(crash(w.engineServer), w.startEngine(serving)); err != nil {
				return err
			}
		}
		if w.store != nil && due(n+kills/2, kills, w.storeKills) {
			if err := w.store.crash(); err != nil {
				return err
			}
		}
		if err := w.startInvoker(serving, i); err != nil {
			return err
		}
	}
	return nil
}

// due reports whether the nth of many kills is one of the few that take something else along.
func due(n, kills, few int) bool {
	if few == 0 {
		return false
	}
	every := max(1, kills/few)
	return n%kills%every == 0 && n%kills/every < few
}

// crash kills a server.
func crash(s *server) error {
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	s.ended <- <-s.ended // stop reads the end of the server, too
	return nil
}
