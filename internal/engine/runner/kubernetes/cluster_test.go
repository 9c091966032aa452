//go:build unix

package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/runnertest"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
)

// specOf is an attempt that runs a task of the suite's program.
func specOf(args ...string) runner.Spec {
	return runner.Spec{
		ID: runner.ID{Execution: "projects/p/locations/l/jobs/j/executions/j-abcde"},
		Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{
			Image: kubetest.Suite, Command: runnertest.Task("/program"), Args: args,
		}}},
	}
}

// inNamespace opens a Runner in a namespace of the test.
func inNamespace(t *testing.T, change ...func(*Config)) (*Runner, *kubetest.Namespace) {
	t.Helper()
	n := kubetest.Use(t).Namespace(t)
	c := Config{Dir: t.TempDir(), Kubeconfig: n.Kubeconfig, Patch: []byte(smallPods)}
	for _, f := range change {
		f(&c)
	}
	return open(t, c), n
}

func begin(t *testing.T, r *Runner, spec runner.Spec) {
	t.Helper()
	if err := r.Start(t.Context(), spec, runner.Output{Stdout: io.Discard, Stderr: io.Discard}); err != nil {
		t.Fatalf("Start() = %v, want no error", err)
	}
}

// awaitRunning waits until the attempt runs.
func awaitRunning(t *testing.T, r *Runner, spec runner.Spec) {
	t.Helper()
	if _, err := r.Running(t.Context(), spec.ID); err != nil {
		t.Fatalf("Running() = %v, want no error", err)
	}
}

// noPods waits until the namespace has no Pods.
func noPods(t *testing.T, r *Runner) {
	t.Helper()
	eventually.NoError(t, func() error {
		pods, err := r.client.ListPods(t.Context(), "")
		if err == nil && len(pods) > 0 {
			err = errors.New("there is a Pod " + pods[0].Metadata.Name)
		}
		return err
	})
}

// lateTransport holds requests that make Pods back, and reports that nobody answers.
type lateTransport struct {
	http.RoundTripper
	mu   sync.Mutex
	held []*http.Request
	all  []string // METHOD PATH of an attempt's requests: no lists, watches and Leases
}

func (l *lateTransport) RoundTrip(q *http.Request) (*http.Response, error) {
	l.mu.Lock()
	shared := q.Method == http.MethodGet && strings.HasSuffix(q.URL.Path, "/pods")
	if !shared && !strings.Contains(q.URL.Path, "/leases") {
		l.all = append(l.all, q.Method+" "+q.URL.Path)
	}
	hold := l.held != nil && q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/pods")
	if hold {
		body, err := io.ReadAll(q.Body)
		if err == nil {
			late := q.Clone(context.WithoutCancel(q.Context()))
			late.Body = io.NopCloser(bytes.NewReader(body))
			l.held = append(l.held, late)
		}
	}
	l.mu.Unlock()
	if hold {
		return nil, context.DeadlineExceeded
	}
	return l.RoundTripper.RoundTrip(q)
}

// taken returns the requests that were sent since the last call.
func (l *lateTransport) taken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

// TestLateCreateNeverRuns checks that a Pod which is made after Start has given up stays
// gated, and is removed.
func TestLateCreateNeverRuns(t *testing.T) {
	t.Parallel()
	late := &lateTransport{held: []*http.Request{}}
	r, n := inNamespace(t, func(c *Config) {
		c.strayPatience = 2 * time.Second
		c.transport = func(rt http.RoundTripper) http.RoundTripper { late.RoundTripper = rt; return late }
	})
	err := r.Start(t.Context(), specOf("say", "ran", "0"), runner.Output{})
	if runwith.CodeOf(err) != runwith.Unavailable {
		t.Fatalf("Start() without an answer = %v, want UNAVAILABLE", err)
	}
	answer, err := late.RoundTripper.RoundTrip(late.held[0])
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("the late request = %v, %v, want 201", answer, err)
	}
	_ = answer.Body.Close()
	noPods(t, r)
	if events := n.Kubectl(t, "get", "events", "--output=jsonpath={.items[*].reason}"); strings.Contains(events, "Scheduled") {
		t.Errorf("events = %s, want no Pod that was scheduled", events)
	}
}

// TestEndIsKeptUntilRelease checks that the next Runner can read the end of an attempt that
// was waited for, and not released.
func TestEndIsKeptUntilRelease(t *testing.T) {
	t.Parallel()
	r, _ := inNamespace(t)
	spec := specOf("exit", "7")
	begin(t, r, spec)
	want, err := r.Wait(t.Context(), spec.ID)
	if err != nil || want.ExitCode != 7 || want.Ran <= 0 {
		t.Fatalf("Wait() = %+v, %v, want exit code 7 after some time", want, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	next := open(t, r.config)
	spec.Resume = true
	begin(t, next, spec)
	if got, err := next.Wait(t.Context(), spec.ID); err != nil || got != want {
		t.Errorf("Wait() of the next Runner = %+v, %v, want %+v", got, err, want)
	}
	next.Release(spec.ID)
	noPods(t, next)
}

// TestCloseBeforeAdoption checks that a Runner which closes before anybody has adopted an attempt
// leaves it to the next one, and has nothing more to do with it.
func TestCloseBeforeAdoption(t *testing.T) {
	t.Parallel()
	r, _ := inNamespace(t)
	spec := specOf("bow")
	begin(t, r, spec)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	hasty := open(t, r.config)
	if err := hasty.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := hasty.List(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("List() of a closed Runner = %v, %v, want nothing", left, err)
	}
	next := open(t, r.config)
	if left, err := next.List(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("List() of the next Runner = %v, %v, want the attempt", left, err)
	}
	if err := next.Stop(t.Context(), spec.ID, 0); err != nil {
		t.Error(err)
	}
	eventually.True(t, "the Runner has forgotten the attempt", next.attempts.Empty)
	noPods(t, next)
}

// TestRequests checks how many requests one attempt costs.
func TestRequests(t *testing.T) {
	t.Parallel()
	count := &lateTransport{}
	r, _ := inNamespace(t, func(c *Config) {
		c.transport = func(rt http.RoundTripper) http.RoundTripper { count.RoundTripper = rt; return count }
	})
	count.taken() // what opening a Runner costs
	spec := specOf("say", "hello", "0")
	begin(t, r, spec)
	if _, err := r.Wait(t.Context(), spec.ID); err != nil {
		t.Fatal(err)
	}
	r.Release(spec.ID)
	eventually.True(t, "the Pod is forgotten", func() bool { return r.known(podName(r.engine, spec.ID)) == nil })
	if all := count.taken(); len(all) > 6 {
		t.Errorf("%d requests: %q, want at most 6", len(all), all)
	}
}

// cutTransport breaks two of three answers with logs off, each somewhere in its first megabytes.
type cutTransport struct {
	http.RoundTripper
	cuts atomic.Int64
}

func (c *cutTransport) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := c.RoundTripper.RoundTrip(q)
	if err == nil && answer.StatusCode == http.StatusOK && strings.HasSuffix(q.URL.Path, "/log") && rand.IntN(3) > 0 {
		c.cuts.Add(1)
		body := answer.Body
		answer.Body = struct {
			io.Reader
			io.Closer
		}{cut{io.LimitReader(body, rand.Int64N(3<<20))}, body}
	}
	return answer, err
}

// TestLogOverBrokenConnections checks that output with a line of a megabyte is complete, although
// most of the connections that carry it break.
func TestLogOverBrokenConnections(t *testing.T) {
	t.Parallel()
	broken := &cutTransport{}
	r, n := inNamespace(t, func(c *Config) {
		c.transport = func(rt http.RoundTripper) http.RoundTripper { broken.RoundTripper = rt; return broken }
	})
	spec := specOf()
	spec.Template.Containers = []*runpb.Container{{
		Image: kubetest.Shell, Command: []string{"sh", "-c"},
		Args: []string{`seq 1 5000; head -c 1000000 /dev/zero | tr '\0' x; echo; seq 1 20000; printf last`},
	}}
	var got bytes.Buffer
	if err := r.Start(t.Context(), spec, runner.Output{Stdout: &got, Stderr: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if end, err := r.Wait(t.Context(), spec.ID); err != nil || end.ExitCode != 0 {
		t.Errorf("Wait() = %+v, %v, want success", end, err)
	}
	// A node that is too busy loses the end of a container's output itself.
	node := n.Kubectl(t, "logs", podName(r.engine, spec.ID))
	r.Release(spec.ID)
	if !strings.HasPrefix(numbers(5000)+strings.Repeat("x", 1_000_000)+"\n"+numbers(20_000)+"last", node) || len(node) < 1_000_000 {
		t.Errorf("the node has %d bytes of other output", len(node))
	}
	if strings.TrimSpace(got.String()) != node {
		t.Errorf("%d bytes of output over %d broken connections, want the %d of the node", got.Len(), broken.cuts.Load(), len(node))
	}
}

// numbers is what the command seq prints.
func numbers(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintln(&all, i+1)
	}
	return all.String()
}

// TestPodDeletedByHand checks that such an attempt is lost, and not failed.
func TestPodDeletedByHand(t *testing.T) {
	t.Parallel()
	r, n := inNamespace(t)
	spec := specOf("bow")
	begin(t, r, spec)
	awaitRunning(t, r, spec)
	n.Kubectl(t, "delete", "pods", "--all", "--wait=false")
	if got, err := r.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait() = %+v, %v, want ErrLost", got, err)
	}
	r.Release(spec.ID)
	noPods(t, r)
}

// TestEvicted checks that an evicted attempt is lost, and not failed.
func TestEvicted(t *testing.T) {
	t.Parallel()
	r, n := inNamespace(t)
	spec := specOf("bow")
	begin(t, r, spec)
	awaitRunning(t, r, spec)
	n.Evict(t, podName(r.engine, spec.ID))
	if got, err := r.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait() = %+v, %v, want ErrLost", got, err)
	}
	r.Release(spec.ID)
	noPods(t, r)
}

// TestForeignPods checks that the Runner neither takes over a Pod with an attempt's name, nor
// touches one with its label.
func TestForeignPods(t *testing.T) {
	t.Parallel()
	r, n := inNamespace(t)
	spec := specOf("exit", "0")
	foreign := func(name, labels string) {
		n.Apply(t, "{apiVersion: v1, kind: Pod, metadata: {name: "+name+", labels: {"+labels+"}}, spec: {schedulingGates: [{name: "+claimedGate+"}], containers: [{name: main, image: none}]}}")
	}
	foreign(podName(r.engine, spec.ID), "a: b")
	foreign("labelled", engineLabel+": "+r.engine)
	if err := r.Start(t.Context(), spec, runner.Output{}); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("Start() = %v, want FAILED_PRECONDITION", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	next := open(t, r.config)
	if left, err := next.List(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("List() of the next Runner = %v, %v, want nothing", left, err)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if removed, err := Cleanup(t.Context(), r.config); removed != 0 || err != nil {
		t.Errorf("Cleanup() = %d, %v, want 0", removed, err)
	}
	if got := strings.Fields(n.Kubectl(t, "get", "pods", "--output=name")); len(got) != 2 {
		t.Errorf("pods = %q, want both of somebody else", got)
	}
}

// TestNoRoom checks that an attempt fails with the reason if its Pod finds no node in time.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	r, _ := inNamespace(t, func(c *Config) {
		c.PendingTimeout = 3 * time.Second
		c.Patch = []byte(`{"spec":{"nodeSelector":{"no-such":"node"}}}`)
	})
	spec := specOf("exit", "0")
	begin(t, r, spec)
	if _, err := r.Running(t.Context(), spec.ID); err == nil || !strings.Contains(err.Error(), "Unschedulable: ") {
		t.Errorf("Running() = %v, want the reason Unschedulable", err)
	}
	r.Release(spec.ID)
	noPods(t, r)
}

// TestNoImage checks that an attempt fails with its field if its image cannot be pulled.
func TestNoImage(t *testing.T) {
	t.Parallel()
	r, _ := inNamespace(t, func(c *Config) { c.ImagePatience = time.Second })
	spec := specOf("exit", "0")
	spec.Template.Containers[0].Image = "localhost/no/such:1"
	begin(t, r, spec)
	if _, err := r.Running(t.Context(), spec.ID); err == nil || !strings.Contains(err.Error(), "containers[0].image") {
		t.Errorf("Running() = %v, want one that names containers[0].image", err)
	}
	r.Release(spec.ID)
	noPods(t, r)
}

// TestCleanup checks that nothing of an engine is left.
func TestCleanup(t *testing.T) {
	t.Parallel()
	r, _ := inNamespace(t)
	begin(t, r, specOf("bow"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if removed, err := Cleanup(t.Context(), r.config); removed != 1 || err != nil {
		t.Errorf("Cleanup() = %d, %v, want 1", removed, err)
	}
	noPods(t, r)
}

// TestLeaseOfTheSamePlace checks that of two servers with the same machine and path, as in two
// clusters of containers, only one places Pods.
func TestLeaseOfTheSamePlace(t *testing.T) {
	t.Parallel()
	r, _ := inNamespace(t)
	second, err := newLease(r.client, r.config.Dir, r.engine, r.log)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.acquire(t.Context()); err != nil {
		t.Fatalf("acquire() of a server with the first one's folder = %v, want no error", err)
	}
	eventually.True(t, "the first server knows that it has lost the Lease", func() bool { return r.lease.held() != nil })
	if err := second.renew(t.Context()); err != nil || second.held() != nil {
		t.Errorf("renew() and held() of the second server = %v, %v, want no error", err, second.held())
	}
}

// TestLeaseIsExclusive checks that a copy of the data folder cannot be used beside it.
func TestLeaseIsExclusive(t *testing.T) {
	t.Parallel()
	r, _ := inNamespace(t)
	c := r.config
	c.Dir = t.TempDir()
	text, err := os.ReadFile(filepath.Join(r.config.Dir, "id"))
	if err == nil {
		err = os.WriteFile(filepath.Join(c.Dir, "id"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), r.config.Dir) {
		t.Errorf("Open() with a copy of the folder = %v, want an error that names the other server", err)
	}
}
