//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
	"github.com/runwith/runwith/internal/testneed"
)

// podWatch counts the Pods of a namespace whose containers began. The attempts' finalizers keep
// a Pod until the watch has seen it.
type podWatch struct {
	mu     sync.Mutex
	events int
	begun  map[string]string // the ID of its attempt, by the Pod's UID
}

// watchPods watches a namespace as administrator until the test ends.
func watchPods(t *testing.T, n *kubetest.Namespace) *podWatch {
	t.Helper()
	client, err := kube.Connect(kube.Options{Kubeconfig: n.Admin, Namespace: n.Name})
	if err != nil {
		t.Fatal(err)
	}
	w := &podWatch{begun: map[string]string{}}
	ctx, end := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { client.WatchPods(ctx, "", w.note) })
	t.Cleanup(func() {
		end()
		watching.Wait()
	})
	return w
}

// note takes note of an event.
func (w *podWatch) note(e kube.PodEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events++
	if e.Pod == nil {
		return
	}
	for _, c := range e.Pod.Status.ContainerStatuses {
		if c.ContainerID != "" {
			w.begun[e.Pod.Metadata.UID] = e.Pod.Metadata.Annotations["runwith.dev/id"]
		}
	}
}

// await waits until there were so many events.
func (w *podWatch) await(t *testing.T, events int) {
	t.Helper()
	eventually.True(t, fmt.Sprint("there were ", events, " changes of Pods"), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.events >= events
	})
}

// attempts returns the IDs of the attempts whose Pods began, sorted.
func (w *podWatch) attempts() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.begun {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

const (
	// restartTasks is the number of tasks of the execution.
	restartTasks = 200
	// restarts is how often the test ends its engine.
	restarts = 20
	// changes is how often a Pod of an execution changes at least: it is made, its gate is opened, it
	// gets a node, it ends.
	changes = 4
)

// chatter prints a token that no other process prints, and then lines.
const chatter = `echo "$HOSTNAME $(cat /proc/sys/kernel/random/uuid)"; seq 1 200; printf last`

// TestKubernetesRestarts kills an engine, or stops it, at random moments of an execution: every
// task's body runs once, all of its output is kept, and nothing is left in the cluster.
//
// A moment is a number of changes of Pods.
func TestKubernetesRestarts(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	moments := make([]int, restarts)
	for i := range moments {
		moments[i] = random.IntN(changes * restartTasks)
	}
	slices.Sort(moments)

	n := kubetest.Use(t).Namespace(t)
	w := watchPods(t, n)
	e := startPods(t, n, smallPods)
	x := e.execute(t, "many", script(chatter, restartTasks, 10), nil)
	for _, moment := range moments {
		w.await(t, moment)
		way, end := "stop", e.stop
		if random.IntN(2) == 0 {
			way, end = "kill", e.kill
		}
		t.Logf("%s the engine after %d changes of Pods", way, moment)
		if err := end(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		e.restart(t)
	}
	for n := 20; n < restartTasks; n += 20 { // all of them may take minutes
		eventually.True(t, fmt.Sprint(n, " tasks have succeeded"), func() bool { return int(e.execution(t, x).GetSucceededCount()) >= n })
	}
	end := e.awaitEnd(t, x)
	if int(end.GetSucceededCount()) != restartTasks || end.GetRetriedCount() != 0 {
		t.Errorf("tasks succeeded and retried = %d, %d, want %d, 0", end.GetSucceededCount(), end.GetRetriedCount(), restartTasks)
	}
	e.checkNoPods(t)
	checkBegunOnce(t, w.attempts(), x)
	checkChatter(t, e.output(t, x))
}

// checkBegunOnce checks that every task of an execution began once, in its first attempt. That may
// be a later incarnation, if an engine ended between the claim of a task and its Pod.
func checkBegunOnce(t *testing.T, attempts []string, execution string) {
	t.Helper()
	var began, want []string
	for _, id := range attempts {
		began = append(began, path.Dir(id))
	}
	for task := range restartTasks {
		want = append(want, fmt.Sprintf("%s/%d/0", execution, task))
	}
	slices.Sort(began)
	slices.Sort(want)
	if !slices.Equal(began, want) {
		t.Errorf("attempts that began = %q\nwant every task once: %q", attempts, want)
	}
}

// checkChatter checks that the output of an execution has every line of every task once, in its
// order.
func checkChatter(t *testing.T, output string) {
	t.Helper()
	printed := map[string]*strings.Builder{}
	for line := range strings.Lines(output) {
		task, text, _ := strings.Cut(line, " ")
		if printed[task] == nil {
			printed[task] = new(strings.Builder)
		}
		printed[task].WriteString(text)
	}
	want := sequence(200) + "last\n"
	for i := range restartTasks {
		task := fmt.Sprintf("[%d.0]", i)
		if printed[task] == nil {
			t.Errorf("%s printed nothing", task)
			continue
		}
		if _, lines, _ := strings.Cut(printed[task].String(), "\n"); lines != want {
			t.Errorf("%s printed %q, want a token and %q", task, printed[task], want)
		}
	}
	if len(printed) != restartTasks {
		t.Errorf("%d tasks printed, want %d", len(printed), restartTasks)
	}
}
