package kubernetes

import (
	"fmt"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// phase is how far an attempt's Pod has come.
type phase int

const (
	waits  phase = iota // the main container has not started; the zero value
	runs                // the main container runs
	closes              // the main container has ended, and others still run
	ended               // the Pod has ended; verdict.result has its result
	lost                // the Pod has ended without a known result, or never ran
	broken              // the Pod cannot start; verdict.fault has the reason
)

// verdict is what a Pod's status says about its attempt.
type verdict struct {
	phase      phase
	main       string        // name of the main container
	gated      bool          // the Runner has not opened the gate
	deleting   bool          // somebody has deleted the Pod
	forced     bool          // and does not wait for its node
	killed     bool          // the main container ended after that
	grace      time.Duration // between SIGTERM and SIGKILL
	cut        bool          // something else may have ended the main container: its failure is not the task's
	settled    bool          // the kubelet has finished with the Pod
	gone       bool          // the Pod is not there any more
	over       bool          // nothing of the Pod runs, or ever will
	made       time.Time     // when the Pod was made, by the API server's clock
	scheduled  time.Time     // when the Pod got its node, by the scheduler's clock; zero before that
	began      time.Time     // when the main container started, by the node's clock; zero if unknown
	result     runner.Result
	why        string // the Pod waits, as REASON or REASON: MESSAGE; may be empty
	fault      fault  // of a Pod that is broken, or that may be
	doubtful   bool   // fault may pass
	evicted    string // why a node has ended a Pod that exceeded a limit of its own; may be empty
	queued     bool   // a scheduling gate of somebody else holds the Pod back
	containers []containerState
}

// fault is why a container does not start.
type fault struct{ container, field, message string }

// containerState is what a verdict keeps of a container.
type containerState struct {
	name           string
	started, ended bool
	since          time.Time // when it started, by the node's clock; zero if unknown
}

// refusal is the error of an attempt that cannot start. names are the names of the
// template's containers in their Pod.
func (f fault) refusal(names []string) error {
	field := "containers"
	if i := slices.Index(names, f.container); i >= 0 {
		field = fmt.Sprintf("containers[%d]", i)
		if f.field != "" {
			field += "." + f.field
		}
	}
	return runner.Refuse(field, "the container cannot be started: %s", f.message)
}
