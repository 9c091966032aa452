package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/runwith/runwith/internal/engine/runner"
)

// What marks a Pod as an attempt.
const (
	engineLabel    = "runwith.dev/engine"    // the data folder's ID, in lower case
	executionLabel = "runwith.dev/execution" // the execution's name, without its parents
	taskLabel      = "runwith.dev/task"      // index, from 0
	attemptLabel   = "runwith.dev/attempt"   // from 0
	idAnnotation   = "runwith.dev/id"        // runner.ID.String
	claimedGate    = "runwith.dev/claimed"   // the scheduling gate; opened once the Runner knows the Pod
	finalizer      = "runwith.dev/attempt"   // removed once the attempt's end is read
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "runwith"
)

// maxName is the length of the names of Pods and their containers, in bytes.
const maxName = 63

// maxExecution is how much of an execution's name is in the names of its Pods, which may
// have 63 bytes.
const maxExecution = 40

// labels returns the labels of an attempt's Pod.
func labels(engine string, id runner.ID) map[string]string {
	return map[string]string{
		managedByLabel: managedBy, engineLabel: engine, executionLabel: shortExecution(id, 63),
		taskLabel: strconv.Itoa(id.Task), attemptLabel: strconv.Itoa(id.Attempt),
	}
}

// selector selects the Pods of an engine.
func selector(engine string) string { return engineLabel + "=" + engine }

// podName returns the name of an attempt's Pod. It follows from the engine's ID and the
// attempt's alone, and no other attempt of any engine has it.
func podName(engine string, id runner.ID) string {
	sum := sha256.Sum256([]byte(engine + "\x00" + id.String()))
	return fmt.Sprintf("%s-t%d-a%d-i%d-%s", shortExecution(id, maxExecution), id.Task, id.Attempt, id.Incarnation, hex.EncodeToString(sum[:4]))
}

// shortExecution returns an execution's name without its parents, cut to n bytes.
func shortExecution(id runner.ID, n int) string {
	name := path.Base(id.Execution)
	return strings.TrimRight(name[:min(n, len(name))], "-.")
}
