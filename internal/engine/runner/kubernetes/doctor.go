package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// oldestMinor is the oldest version 1.N of Kubernetes that keeps a gated Pod from running
// as the Runner needs it.
const oldestMinor = 30

// maxSkew is how far this machine's clock and the API server's may differ. Timeouts and
// places in logs compare times of both.
const maxSkew = 10 * time.Second

// Finding is the result of one check of [Examine], in one line.
type Finding struct {
	Check   string // name of the check, such as permission
	Problem bool
	Skipped bool   // the check could not run, which need not be a problem
	Text    string // the result; for a problem, also the next step
}

// accesses are the permissions that a Runner needs.
func accesses() []kube.Access {
	all := []kube.Access{{Verb: "get", Resource: "pods", Subresource: "log"}}
	for _, verb := range []string{"create", "get", "list", "watch", "patch", "delete"} {
		all = append(all, kube.Access{Verb: verb, Resource: "pods"})
	}
	for _, verb := range []string{"create", "get", "update"} {
		all = append(all, kube.Access{Verb: verb, Group: "coordination.k8s.io", Resource: "leases"})
	}
	return all
}

// Examine checks whether a cluster can run attempts, and yields the finding of each check.
// It changes nothing, unless image is not empty: then it runs one Pod that pulls that image
// and runs nothing of it. Config.Dir is not used.
func Examine(ctx context.Context, c Config, image string, found func(Finding)) {
	e := &examination{config: c, found: found}
	client, err := kube.Connect(kube.Options{Kubeconfig: c.Kubeconfig, Context: c.Context, Namespace: c.Namespace, Environ: c.Environ})
	if err != nil {
		e.problem("cluster", "%v", err)
		return
	}
	e.client = client
	if !e.version(ctx) {
		return
	}
	e.clock(ctx)
	e.permissions(ctx)
	e.quotas(ctx)
	if !e.pod(ctx) {
		return
	}
	if image == "" {
		e.found(Finding{Check: "image", Skipped: true, Text: "no image was pulled; --pull-image IMAGE pulls one in a Pod"})
		return
	}
	e.pull(ctx, image)
}

type examination struct {
	config Config
	client *kube.Client
	found  func(Finding)
}

func (e *examination) ok(check, format string, args ...any) {
	e.found(Finding{Check: check, Text: fmt.Sprintf(format, args...)})
}

func (e *examination) problem(check, format string, args ...any) {
	e.found(Finding{Check: check, Problem: true, Text: fmt.Sprintf(format, args...)})
}

// version reports whether the cluster answers.
func (e *examination) version(ctx context.Context) bool {
	v, err := e.client.Version(ctx)
	if err != nil {
		e.problem("cluster", "%v; --kubeconfig and --kube-context choose another cluster", err)
		return false
	}
	minor, _ := strconv.Atoi(strings.TrimRight(v.Minor, "+")) // 0 is too old
	if v.Major != "1" || minor < oldestMinor {
		e.problem("cluster", "%v runs Kubernetes %s; runwith needs 1.%d or later", e.client, v.GitVersion, oldestMinor)
		return true
	}
	e.ok("cluster", "%v runs Kubernetes %s", e.client, v.GitVersion)
	return true
}

// clock compares the clocks by the header Date, which has whole seconds.
func (e *examination) clock(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.client.Server+"/version", http.NoBody)
	if err != nil {
		e.problem("clock", "%v", err)
		return
	}
	answer, err := e.client.HTTP.Do(r)
	if err != nil {
		e.problem("clock", "%v", err)
		return
	}
	_ = answer.Body.Close() // nothing is read of it
	there, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		e.found(Finding{Check: "clock", Skipped: true, Text: "the API server states no time"})
		return
	}
	if skew := time.Until(there).Round(time.Second); skew.Abs() > maxSkew {
		e.problem("clock", "the API server's clock differs by %v: synchronize both clocks", skew)
		return
	}
	e.ok("clock", "agrees with the API server's")
}

// permissions names each that is missing.
func (e *examination) permissions(ctx context.Context) {
	missing := 0
	for _, access := range accesses() {
		allowed, reason, err := e.client.CanI(ctx, access)
		switch {
		case err != nil:
			e.problem("permission", "ask for %v: %v", access, err)
			return
		case !allowed:
			missing++
			e.problem("permission", "%v is missing in namespace %q%s: deploy/kubernetes/role.yaml has what is needed", access, e.client.Namespace, inBrackets(reason))
		}
	}
	if missing == 0 {
		e.ok("permission", "all %d are there", len(accesses()))
	}
}

func inBrackets(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

func (e *examination) quotas(ctx context.Context) {
	all, err := e.client.Quotas(ctx)
	switch {
	case kube.IsForbidden(err):
		e.found(Finding{Check: "quota", Skipped: true, Text: "may not be read; that is no problem"})
		return
	case err != nil:
		e.problem("quota", "%v", err)
		return
	case len(all) == 0:
		e.ok("quota", "none")
		return
	}
	for _, q := range all {
		var used []string
		for _, name := range slices.Sorted(maps.Keys(q.Hard)) {
			used = append(used, fmt.Sprintf("%s of %s %s", cmp.Or(q.Used[name], "0"), q.Hard[name], name))
			if strings.HasSuffix(name, "pods") && q.Used[name] == q.Hard[name] {
				e.problem("quota", "%s is used up: %s %s; tasks wait until Pods end", q.Name, q.Hard[name], name)
			}
		}
		e.ok("quota", "%s: %s used", q.Name, strings.Join(used, ", "))
	}
}
