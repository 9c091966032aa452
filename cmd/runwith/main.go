// Command runwith starts Cloud Run jobs with runtime overrides, on this machine
// and on Google Cloud. See README.md, or run it without arguments.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() { os.Exit(run()) }

// gcPercent is twice Go's default. A server lives in a few MiB, so that collecting
// them at each doubling is a tenth of what it does for a request; it costs some MiB.
const gcPercent = 200

// run is main with an exit code, so that tests can be the binary.
func run() int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	return execute(ctx, newRoot(), os.Args[1:])
}
