package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/runwith/runwith/internal/kubetest"
)

const (
	// podsTarget bounds an execution, as a multiple of an Indexed Job: 0.9 of its rate.
	podsTarget = 1 / 0.9
	// podStartTarget bounds the start of a Pod, as a multiple of a bare create and watch.
	podStartTarget = 1.1
	// requestsTarget bounds the requests to the API server for one task.
	requestsTarget = 6
	// waitingTarget bounds the engine's memory with 10,000 tasks, in bytes.
	waitingTarget = 150 << 20
	// waitingPods and manyPods are how many Pods wait for a node meanwhile.
	waitingPods, manyPods = 500, 2000

	// podRounds and podStarts are the largest numbers of measurements, because an execution
	// takes about half a minute, and a Pod some seconds.
	podRounds, podStarts = 3, 10
	// countedPods is the largest number of tasks whose requests are counted.
	countedPods = 20
	// podsWidth is how many Pods a Job or an execution runs at once, at most: a node has 110.
	podsWidth = 100

	// removeTimeout bounds the removal of what the bench has made in somebody else's cluster.
	removeTimeout = 20 * time.Minute

	podsJob, podStartJob, waitingJob = "bench-pods", "bench-pod-start", "bench-waiting"
)

// brief is a task whose start can be seen, because it does not end at once.
var brief = []string{"sleep", "1"}

// measureKubernetes measures tasks in a cluster if there is one. It measures nothing with 0 Pods, as
// in the test of all rows: a cluster takes longer to start than that test.
func measureKubernetes(ctx context.Context, b *bench) (_ []row, err error) {
	if b.pods == 0 {
		return nil, nil
	}
	cluster, err := kubetest.Open(kubetest.Options{})
	if errors.Is(err, kubetest.ErrAbsent) {
		fmt.Fprintf(b.progress, "not measured: %v\n", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	k, err := openNamespace(ctx, cluster.Kubeconfig)
	if err != nil {
		return nil, err
	}
	defer func() {
		if !cluster.Own() {
			err = errors.Join(err, k.remove(ctx, b))
		}
	}()
	var rows []row
	for _, measure := range []func(context.Context, *bench, *namespace) ([]row, error){comparePods, countRequests, holdPods} {
		more, err := measure(ctx, b, k)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// comparePods measures executions beside Indexed Jobs, and starts beside bare Pods.
func comparePods(ctx context.Context, b *bench, k *namespace) (_ []row, err error) {
	e, err := k.startEngine(ctx, b, "pods", k.kubeconfig, podPatch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	width := min(b.pods, podsWidth)
	if err := e.createJob(ctx, podsJob, b.pods, width, "true"); err != nil {
		return nil, err
	}
	if err := e.createJob(ctx, podStartJob, 1, 1, brief...); err != nil {
		return nil, err
	}
	rate := func(run func(context.Context) error) probe {
		return func(ctx context.Context) (float64, error) {
			took, err := timed(run)(ctx)
			return float64(b.pods) / took, errors.Join(err, k.settle(ctx))
		}
	}
	rates, err := interleave(ctx, plan{min(podRounds, b.n), 1},
		rate(func(ctx context.Context) error { return k.runJob(ctx, b.pods, width) }),
		rate(func(ctx context.Context) error { return e.run(ctx, podsJob) }))
	if err != nil {
		return nil, err
	}
	starts, err := interleave(ctx, plan{min(podStarts, b.n), 1}, k.startPod, e.startPod)
	if err != nil {
		return nil, err
	}
	return []row{
		newRow(fmt.Sprintf("tasks of `true`, %d in one run, %d at once", b.pods, width), perSecond, rates[1]).
			beside("an Indexed Job of the same image", rates[0]).times(podsTarget),
		newRow("a Pod, RunJob until it runs", seconds, starts[1]).
			beside("create, watch", starts[0]).times(podStartTarget),
	}, nil
}

// startPod measures the time from RunJob until the container of a task runs.
func (e *podEngine) startPod(ctx context.Context) (float64, error) {
	k := e.namespace
	pods := k.in("api/v1", "pods")
	before, err := k.call(ctx, http.MethodGet, pods, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	op, err := e.start(ctx, podStartJob)
	if err != nil {
		return 0, err
	}
	if err := k.follow(ctx, pods, before, begun); err != nil {
		return 0, err
	}
	took := time.Since(began).Seconds()
	return took, errors.Join(e.wait(ctx, op.Name()), k.settle(ctx))
}

// countRequests counts the requests of tasks, through a proxy. Lists, watches and Leases do not
// count: there are as many for one task as for a thousand.
func countRequests(ctx context.Context, b *bench, k *namespace) (_ []row, err error) {
	counter, err := k.startCounter(ctx, b)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, counter.close()) }()
	e, err := k.startEngine(ctx, b, "counted", counter.kubeconfig, podPatch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	counter.requests.Store(0) // what the engine asks when it starts
	tasks := min(b.pods, countedPods)
	if err := e.createJob(ctx, podsJob, tasks, tasks, "true"); err != nil {
		return nil, err
	}
	if err := errors.Join(e.run(ctx, podsJob), k.settle(ctx)); err != nil {
		return nil, err
	}
	each := float64(counter.requests.Load()) / float64(tasks)
	return []row{newRow("requests to the API server for a task", number, []float64{each}).within(requestsTarget)}, nil
}

// holdPods measures the engine's memory while many tasks wait, and some of them as Pods for a node
// that does not exist, so that no kubelet has to run them.
func holdPods(ctx context.Context, b *bench, k *namespace) (_ []row, err error) {
	e, err := k.startEngine(ctx, b, "waiting", k.kubeconfig, `{"spec": {"nodeSelector": {"no-such": "node"}}}`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	usual, most, err := e.hold(ctx, b, waitingJob, waitingPods, waitingPods)
	if err != nil {
		return nil, err
	}
	large, _, err := e.hold(ctx, b, waitingJob+"-more", manyPods-waitingPods, manyPods)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("memory with %d tasks, %d of them Pods that wait for a node", b.waiting, waitingPods)
	return []row{
		newRow(what, bytesHeld, []float64{usual}).within(waitingTarget),
		newRow("the same, at most", bytesHeld, []float64{most}).within(waitingTarget),
		newRow(fmt.Sprintf("memory with twice the tasks, and %d Pods", manyPods), bytesHeld, []float64{large}),
	}, nil
}

// hold starts a job with a width, and returns the engine's memory 2 s after the namespace has so
// many Pods, and the most until then.
func (e *podEngine) hold(ctx context.Context, b *bench, job string, width, pods int) (rest, most float64, err error) {
	if err := e.createJob(ctx, job, b.waiting, width, "true"); err != nil {
		return 0, 0, err
	}
	if _, err := e.start(ctx, job); err != nil {
		return 0, 0, err
	}
	most, err = e.server.most(ctx, func(ctx context.Context) error {
		return errors.Join(e.namespace.await(ctx, pods), pause(ctx, b.rest))
	})
	if err != nil {
		return 0, 0, err
	}
	rest, err = e.server.resident(ctx)
	return rest, most, err
}
