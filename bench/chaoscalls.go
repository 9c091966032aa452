package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/runwith/runwith"
)

// perKill is about the life of a server and the start of the next one.
const perKill = 350 * time.Millisecond

// perCall is a generous time for an invocation, because a busy machine is not a failure.
const perCall = time.Second

// reportEvery is the time between two lines about progress.
const reportEvery = 30 * time.Second

// report writes how many invocations are accepted, until ctx ends.
func (w *world) report(ctx context.Context, out io.Writer) {
	for pause(ctx, reportEvery) == nil {
		w.mu.Lock()
		accepted := len(w.accepted)
		w.mu.Unlock()
		fmt.Fprintf(out, "%d of %d accepted\n", accepted, w.n)
	}
}

// live lets the clients call while servers are killed, until both are done, and then waits
// for the end of every invocation. It writes how far it is to out.
func (w *world) live(serving context.Context, out io.Writer) error {
	limit := 20*time.Minute + time.Duration(w.n)*perCall
	ctx, cancel := context.WithTimeoutCause(serving, limit, fmt.Errorf("it does not come to its end in %v", limit))
	var reports sync.WaitGroup
	reports.Go(func() { w.report(ctx, out) })
	defer reports.Wait()
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
	pace := time.Duration(w.kills*len(w.invokers)) * perKill / time.Duration(w.n) // so that the calls take as long as the kills
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
	if err := w.slots(ctx); err != nil {
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

// client returns a client of some invoker.
func (w *world) client() *runwith.Client {
	c := &runwith.Client{Server: "http://" + w.invokers[rand.IntN(len(w.invokers))].addr}
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
