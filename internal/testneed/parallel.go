package testneed

import (
	"flag"
	"runtime"
	"strconv"
)

// Parallel makes the tests of a package run n at a time, if the machine has fewer processors and
// the command line does not set -parallel. A TestMain calls it, before it runs the tests of a
// package that wait for processes and clients more than they compute.
func Parallel(n int) {
	const name = "test.parallel"
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	if set || n <= runtime.GOMAXPROCS(0) {
		return
	}
	if err := flag.Set(name, strconv.Itoa(n)); err != nil {
		panic(err) // only outside of a test
	}
}
