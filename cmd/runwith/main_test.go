package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/runwith/runwith/internal/testneed"
)

// raceOptions is the environment variable with the race detector's options.
const raceOptions = "GORACE"

// noDaemon is the address of a Docker that is not there.
const noDaemon = "unix:///no/docker.sock"

// TestMain puts this very binary into the PATH under the name runwith, so that
// tests and scripts run the program as its users do, race detector included. Beside it
// are the programs that scripts need.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"runwith": main, "request": request, "on-cloud-run": onCloudRun})
}

// tests are those of the package, without what their programs would do slowly.
type tests struct{ *testing.M }

// Run runs the tests, and not the programs.
func (t tests) Run() int {
	// A program with the race detector waits for a second when it ends.
	if err := os.Setenv(raceOptions, "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	// Tasks run as processes, even if this machine has Docker.
	if err := os.Setenv("DOCKER_HOST", noDaemon); err != nil {
		panic(err)
	}
	testneed.Parallel(4)
	return t.M.Run()
}
