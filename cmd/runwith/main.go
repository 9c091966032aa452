// Command runwith starts Cloud Run jobs with runtime overrides, on this machine
// and on Google Cloud. See README.md, or run it without arguments.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // schedules name zones, and many images have none
)

func main() { os.Exit(run()) }

// gcPercent is twice Go's default. The heap of a server is a few MiB, so with the
// default the garbage collector takes a tenth of the processor time of a request.
// Twice the default costs a few MiB.
const gcPercent = 200

// run runs the command line and returns the exit code.
func run() int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	return execute(ctx, newRoot(), os.Args[1:])
}
