package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// clusterFlags name a Kubernetes cluster and a namespace in it.
type clusterFlags struct {
	kubeconfig, context, namespace string
}

func (f *clusterFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "`FILE` that names the cluster (default: the cluster that runwith runs in, or what kubectl uses)")
	flags.StringVar(&f.context, "kube-context", "", "`CONTEXT` of the kubeconfig (default: its current one)")
	flags.StringVar(&f.namespace, "namespace", "", "`NAMESPACE` of the Pods (default: the context's, or that of runwith's own Pod)")
}

// namespaceName matches the names of namespaces, which are DNS labels.
var namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// validate reports a mistake that needs no cluster to be seen.
func (f *clusterFlags) validate() error {
	if f.namespace == "" || namespaceName.MatchString(f.namespace) {
		return nil
	}
	return misused("--namespace %q: must be the name of a namespace, at most 63 of a-z, 0-9 and -, such as runwith-tasks", f.namespace)
}

// kubernetesFlags choose how tasks run as Pods.
type kubernetesFlags struct {
	cluster clusterFlags
	buckets, secrets,
	accounts, accelerators []string
	patch, queue, metadata string
	pending                time.Duration

	changed func() []string // names of those that are set; nil is none
}

func (f *kubernetesFlags) add(cmd *cobra.Command) {
	own := pflag.NewFlagSet("kubernetes", pflag.ContinueOnError)
	f.cluster.add(own)
	own.StringArrayVar(&f.buckets, "kubernetes-bucket", nil, "mount a PersistentVolumeClaim where jobs mount a bucket: `BUCKET=pvc/NAME`, such as reports=pvc/reports (repeatable)")
	own.StringArrayVar(&f.secrets, "kubernetes-secret", nil, "take a secret of jobs from a Secret with another name: `NAME=SECRET`, such as DB_PASSWORD=db-password (repeatable)")
	own.StringArrayVar(&f.accounts, "kubernetes-service-account", nil, "run jobs of a service account as a ServiceAccount: `EMAIL=NAME`, such as etl@demo.iam.gserviceaccount.com=etl (repeatable)")
	own.StringArrayVar(&f.accelerators, "kubernetes-accelerator", nil, "run jobs with a GPU on the nodes that have a label: `TYPE=KEY=VALUE`, such as nvidia-l4=nvidia.com/gpu.product=NVIDIA-L4 (repeatable; default GKE's label)")
	own.StringVar(&f.patch, "kubernetes-pod", "", "change every Pod by the strategic merge patch in `FILE`, YAML or JSON, such as {spec: {tolerations: [{operator: Exists}]}}")
	own.StringVar(&f.queue, "kubernetes-queue", "", "let Pods wait in the Kueue queue `NAME`")
	own.DurationVar(&f.pending, "kubernetes-pending", kubernetes.DefaultPendingTimeout, "how long a Pod may wait for a node before its attempt fails")
	own.StringVar(&f.metadata, "kubernetes-metadata", "", "`HOST:PORT` at which Pods reach --metadata-addr, such as runwith-metadata.runwith:8081")
	cmd.Flags().AddFlagSet(own)
	f.changed = func() (names []string) {
		own.VisitAll(func(flag *pflag.Flag) {
			if flag.Changed { // AddFlagSet shares the flag
				names = append(names, flag.Name)
			}
		})
		return names
	}
}

// config returns the runner's configuration, without its folder.
func (f *kubernetesFlags) config() (c kubernetes.Config, err error) {
	c = kubernetes.Config{
		Kubeconfig: f.cluster.kubeconfig, Context: f.cluster.context, Namespace: f.cluster.namespace,
		Environ: os.Environ(), Metadata: f.metadata, Queue: f.queue, PendingTimeout: f.pending,
	}
	var errs [6]error
	object := kubernetes.IsObjectName
	c.Buckets, errs[0] = mapped("kubernetes-bucket", "BUCKET=pvc/NAME, such as reports=pvc/reports", "pvc/", object, f.buckets)
	c.Secrets, errs[1] = mapped("kubernetes-secret", "NAME=SECRET, such as DB_PASSWORD=db-password", "", object, f.secrets)
	c.ServiceAccounts, errs[2] = mapped("kubernetes-service-account", "EMAIL=NAME, such as etl@demo.iam.gserviceaccount.com=etl", "", object, f.accounts)
	c.Accelerators, errs[3] = mapped("kubernetes-accelerator", "TYPE=KEY=VALUE, such as nvidia-l4=nvidia.com/gpu.product=NVIDIA-L4", "", kubernetes.IsNodeLabel, f.accelerators)
	c.Patch, errs[4] = readPatch(f.patch)
	errs[5] = f.validate()
	return c, errors.Join(errs[:]...)
}

// validate reports mistakes in the flags that are no more than their text.
func (f *kubernetesFlags) validate() error {
	errs := []error{f.cluster.validate()}
	if f.queue != "" && !kubernetes.IsObjectName(f.queue) {
		errs = append(errs, misused("--kubernetes-queue %q: must be the name of a LocalQueue, such as batch", f.queue))
	}
	if f.pending <= 0 {
		errs = append(errs, misused("--kubernetes-pending %v: must be more than 0", f.pending))
	}
	if f.metadata != "" && !isHostPort(f.metadata) {
		errs = append(errs, misused("--kubernetes-metadata %q: must be HOST:PORT, such as runwith-metadata.runwith:8081", f.metadata))
	}
	return errors.Join(errs...)
}

// mapped returns what a repeatable flag maps names to, each without a prefix. The right side must
// be good.
func mapped(flag, form, prefix string, good func(string) bool, values []string) (map[string]string, error) {
	all := map[string]string{}
	for _, value := range values {
		name, to, _ := strings.Cut(value, "=")
		target, ok := strings.CutPrefix(to, prefix)
		if !ok || name == "" || !good(target) {
			return nil, misused("--%s %q: must be %s", flag, value, form)
		}
		if _, twice := all[name]; twice {
			return nil, misused("--%s: %s is given twice", flag, name)
		}
		all[name] = target
	}
	return all, nil
}

// readPatch reads the patch of Pods, and returns it as JSON.
func readPatch(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--kubernetes-pod: %w", err)
	}
	patch, err := kube.JSON(text)
	if err != nil {
		return nil, fmt.Errorf("--kubernetes-pod %s: %w", file, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(patch, &fields); err != nil || len(fields) == 0 {
		return nil, fmt.Errorf("--kubernetes-pod %s: must have fields of a Pod, such as {spec: {tolerations: [{operator: Exists}]}}", file)
	}
	return patch, nil
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
