// Command test-job is the sample job. It prints its environment and its arguments.
// SLEEP=2s makes it wait, FAIL=1 makes it exit with code 1.
package main

import (
	"os"
	"time"

	"github.com/runwith/runwith/internal/testjob"
)

func main() {
	os.Exit(testjob.Run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, time.Sleep))
}
