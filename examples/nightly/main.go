// Command nightly shows a schedule: a job that starts by the clock, once for each time, also if
// the server was away. A callback reports how it ended.
//
//	go run ./examples/nightly
//
// It takes about a minute. It starts runwith up on this machine, stops it before the next full
// minute, and starts it again after that: the missed slot is caught up. README.md has the parts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/runwith/runwith"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := show
	if len(os.Args) > 1 && os.Args[1] == "job" {
		run = job
	}
	if err := run(ctx); err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatalf("nightly: %v", err)
	}
}

// job is the job. Its day is that of the slot, also if it starts late.
func job(context.Context) error {
	slot, err := time.Parse(time.RFC3339, os.Getenv("RUNWITH_SCHEDULE_TIME"))
	if err != nil {
		return fmt.Errorf("RUNWITH_SCHEDULE_TIME: %w", err)
	}
	fmt.Printf("report of tenant %s for the slot %s\n", os.Getenv("TENANT"), slot.Format("15:04"))
	return nil
}

// settings are the flags.
type settings struct {
	addr, runwith, data string
}

// show shows a slot that was missed.
func show(ctx context.Context) error {
	var s settings
	flags := flag.NewFlagSet("nightly", flag.ContinueOnError)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`HOST:PORT` for runwith up")
	flags.StringVar(&s.runwith, "runwith", "", "runwith's `PROGRAM`; by default, it is built from this module")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	var err error
	if s.data, err = os.MkdirTemp("", "nightly-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.data) //nolint:errcheck // it is a temporary folder
	events, err := receive(filepath.Join(s.data, "secret"))
	if err != nil {
		return err
	}
	defer events.close()
	l, err := newLocal(ctx, s, events.url)
	if err != nil {
		return err
	}
	slot, err := away(ctx, l)
	if err != nil {
		return err
	}
	server, err := l.start(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	return caughtUp(ctx, &runwith.Client{Server: server.URL}, slot, events)
}

// away starts the server, stops it, and waits until the next slot has passed.
func away(ctx context.Context, l local) (slot time.Time, err error) {
	server, err := l.start(ctx)
	if err != nil {
		return slot, err
	}
	next, err := (&runwith.Client{Server: server.URL}).NextSlots(ctx, "nightly", 1)
	server.Stop()
	if err != nil {
		return slot, err
	}
	slot = next[0]
	fmt.Printf("The schedule's next slot is %s. The server is down until then.\n", slot.Format("15:04"))
	select {
	case <-time.After(time.Until(slot) + time.Second):
	case <-ctx.Done():
	}
	return slot, ctx.Err()
}

// caughtUp waits for the callback about the slot, and shows what has run.
func caughtUp(ctx context.Context, client *runwith.Client, slot time.Time, events *receiver) error {
	fmt.Printf("The server is back at %s.\n", time.Now().UTC().Format("15:04:05"))
	select {
	case e := <-events.received:
		fmt.Printf("Callback: %s\n", e)
	case <-ctx.Done():
		return ctx.Err()
	}
	for i, err := range client.Invocations(ctx, &runwith.ListOptions{Source: "schedule/nightly"}) {
		if err != nil {
			return err
		}
		if !i.Source.Slot.Equal(slot) {
			continue // the minute after
		}
		fmt.Printf("Slot %s was caught up once: invocation %s %s\n", slot.Format("15:04"), i.ID, i.State)
		for line, err := range client.Logs(ctx, i.ID, nil) {
			if err != nil {
				return err
			}
			fmt.Printf("  %s\n", line.Text)
		}
	}
	return nil
}
