// Package kubernetes runs each attempt of a task as one Pod of a Kubernetes cluster,
// version 1.30 or later. Pods outlive the Runner: the next one adopts those that an
// earlier one left, with their own exit code and complete output.
//
// A Pod is made with a scheduling gate, and with a finalizer. The Runner opens the gate
// once it knows the Pod, so that a request to make a Pod that arrives late starts nothing.
// The finalizer keeps a Pod that something else deletes until the Runner has read how it
// ended. A Pod's name follows from the attempt's ID and is never used again.
//
// Every Pod has a label with the ID of the data folder, its engine. The Runner reads and
// changes no Pod without that label.
package kubernetes

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Defaults of [Config].
const (
	DefaultGrace          = 10 * time.Second
	DefaultImagePatience  = 2 * time.Minute
	DefaultPendingTimeout = time.Hour
	// DefaultCapacity is how many attempts run at once unless the operator says otherwise.
	DefaultCapacity = 1000
)

// Config is what [Open] needs. Dir is required.
type Config struct {
	// Dir is the folder of the runner's own state, which Open creates with mode 0700.
	// Only one server at a time may use it.
	Dir string
	// Kubeconfig is the file that names the cluster. Empty is what kubectl would use:
	// the files of KUBECONFIG or ~/.kube/config or, if there are none, the cluster that
	// this process runs in.
	Kubeconfig string
	// Environ is this process's environment, as NAME=VALUE: it says where the file is, and
	// programs that get credentials receive it.
	Environ []string
	// Context is the context in that file; empty is its current one.
	Context string
	// Namespace is where Pods run; empty is the context's namespace or, in a cluster,
	// the namespace of this process.
	Namespace string
	// Grace is how long a task has between SIGTERM and SIGKILL; 0 is DefaultGrace. It
	// is fixed when a Pod is made, in whole seconds.
	Grace time.Duration
	// Metadata is the HOST:PORT at which Pods reach the metadata server. Empty means
	// that there is none.
	Metadata string
	// MetadataProxy makes that address the tasks' proxy for plain HTTP (see
	// runner.AddMetadataProxy).
	MetadataProxy bool
	// Buckets maps Cloud Storage buckets to PersistentVolumeClaims in the namespace.
	Buckets map[string]string
	// Secrets maps secrets of a task template to Secrets in the namespace. A secret
	// that is not in it has its own name there. Keys of the Secret are versions.
	Secrets map[string]string
	// ServiceAccounts maps the service accounts of task templates to ServiceAccounts in
	// the namespace. Others run as "default", without a token.
	ServiceAccounts map[string]string
	// Accelerators maps accelerators of task templates to the label of nodes that have
	// them, in the form KEY=VALUE. Others have GKE's label.
	Accelerators map[string]string
	// Patch is a strategic merge patch, as JSON, that each Pod gets before it is made,
	// such as tolerations and pull secrets. A container with the name "*" stands for
	// every container of its list. One without an image changes only the Pods that have
	// a container of its name. Empty changes nothing.
	Patch []byte
	// Queue is the Kueue queue that Pods go through; empty is none.
	Queue string
	// ImagePatience is how long an image may fail to be pulled; 0 is
	// DefaultImagePatience.
	ImagePatience time.Duration
	// PendingTimeout is how long a Pod may wait for a node; 0 is
	// DefaultPendingTimeout.
	PendingTimeout time.Duration
	// Logger receives errors that no caller sees. Nil discards them.
	Logger *slog.Logger

	strayPatience time.Duration                             // 0 is strayPatience; for tests
	transport     func(http.RoundTripper) http.RoundTripper // nil changes nothing; for tests
}

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("config.Dir: is required"))
	}
	for name, d := range map[string]time.Duration{"Grace": c.Grace, "ImagePatience": c.ImagePatience, "PendingTimeout": c.PendingTimeout} {
		if d < 0 {
			faults = append(faults, fmt.Errorf("config.%s: is %v, must not be negative", name, d))
		}
	}
	return errors.Join(append(faults, c.checkPods()...)...)
}
