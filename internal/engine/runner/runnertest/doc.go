// Package runnertest is the conformance suite of runners: the contract in package runner,
// as tests. A runner's own tests call [Run].
//
// The suite sees an attempt only through the Runner's methods and the attempt's output,
// so that a Runner whose attempts run on another machine can pass it. Its tasks are a
// program: a test binary whose TestMain calls [Main], or the binary of package program,
// which an image can contain. The package needs a Unix machine.
package runnertest
