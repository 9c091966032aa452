// Package runnertest is the conformance suite that every runner passes: what
// internal/runner promises, as tests. A runner's own tests call [Run] and, from
// TestMain, [Main], which turns the test binary into the tasks that the suite
// runs. It needs a Unix machine.
package runnertest
