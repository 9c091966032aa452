//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	cloudrun "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
	"github.com/runwith/runwith/internal/testneed"
)

// smallPods is a patch of Pods, so that many run on a small node at once.
const smallPods = `
spec:
  containers: [{name: "*", resources: {requests: {cpu: 10m, memory: 8Mi}}}]
  initContainers: [{name: "*", resources: {requests: {cpu: 10m, memory: 8Mi}}}]
`

// podEngine is an engine whose tasks are Pods, which restarts with the same folder.
type podEngine struct {
	*server
	namespace *kubetest.Namespace
	args      []string
}

// startPods starts an engine whose tasks are Pods, with the permissions of deploy/kubernetes.
// The patch changes its Pods.
func startPods(t *testing.T, n *kubetest.Namespace, patch string) *podEngine {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pod.yaml")
	if err := os.WriteFile(file, []byte(patch), 0o600); err != nil {
		t.Fatal(err)
	}
	return startPodsBy(t, n, "engine", "--kubernetes-pod", file)
}

// startPodsBy starts such an engine by a command with flags.
func startPodsBy(t *testing.T, n *kubetest.Namespace, command string, flags ...string) *podEngine {
	t.Helper()
	e := &podEngine{namespace: n, args: slices.Concat(
		[]string{command, "--addr", "127.0.0.1:0", "--runner", "kubernetes", "--kubeconfig", n.Kubeconfig},
		flags, []string{"--data", filepath.Join(t.TempDir(), "data")},
	)}
	e.restart(t)
	t.Cleanup(func() {
		if err := e.stop(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the engine said:\n%s", e.said())
		}
	})
	return e
}

// restart starts an engine that has ended.
func (e *podEngine) restart(t *testing.T) {
	t.Helper()
	s, err := startServer(exec.Command("runwith", e.args...), e.args[len(e.args)-1])
	if err != nil {
		t.Fatal(err)
	}
	e.server = s
}

// connection are the options of Google's clients.
func (e *podEngine) connection() []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(e.addr()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// script is a job of a shell script.
func script(text string, tasks, parallelism int32) *runpb.Job {
	return &runpb.Job{Template: &runpb.ExecutionTemplate{TaskCount: tasks, Parallelism: parallelism, Template: &runpb.TaskTemplate{
		Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
		Containers: []*runpb.Container{{Image: kubetest.Shell, Command: []string{"sh", "-c"}, Args: []string{text}}},
	}}}
}

// jobs returns Google's client for jobs.
func (e *podEngine) jobs(t *testing.T) *cloudrun.JobsClient {
	t.Helper()
	jobs, err := cloudrun.NewJobsClient(t.Context(), e.connection()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = jobs.Close() })
	return jobs
}

// create creates a job.
func (e *podEngine) create(t *testing.T, id string, job *runpb.Job) {
	t.Helper()
	made, err := e.jobs(t).CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: id, Job: job})
	if err == nil {
		_, err = made.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// execute creates a job, starts it, and returns the name of its execution.
func (e *podEngine) execute(t *testing.T, id string, job *runpb.Job, o *runpb.RunJobRequest_Overrides) (execution string) {
	t.Helper()
	e.create(t, id, job)
	started, err := e.jobs(t).RunJob(t.Context(), &runpb.RunJobRequest{Name: parent + "/jobs/" + id, Overrides: o})
	if err != nil {
		t.Fatal(err)
	}
	x, err := started.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	return x.GetName()
}

// executions returns Google's client for executions.
func (e *podEngine) executions(t *testing.T) *cloudrun.ExecutionsClient {
	t.Helper()
	executions, err := cloudrun.NewExecutionsClient(t.Context(), e.connection()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = executions.Close() })
	return executions
}

// execution reads an execution.
func (e *podEngine) execution(t *testing.T, name string) *runpb.Execution {
	t.Helper()
	client, err := cloudrun.NewExecutionsClient(t.Context(), e.connection()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	x, err := client.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// awaitEnd waits until an execution has ended.
func (e *podEngine) awaitEnd(t *testing.T, name string) (x *runpb.Execution) {
	t.Helper()
	eventually.True(t, name+" has ended", func() bool {
		x = e.execution(t, name)
		return x.GetCompletionTime() != nil
	})
	return x
}

// tasks reads the tasks of an execution.
func (e *podEngine) tasks(t *testing.T, execution string) (all []*runpb.Task) {
	t.Helper()
	client, err := cloudrun.NewTasksClient(t.Context(), e.connection()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for task, err := range client.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: execution}).All() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, task)
	}
	return all
}

// output returns what the tasks of an execution printed. Lines of an execution with several
// begin with the task and the attempt: "[0.0] ".
func (e *podEngine) output(t *testing.T, execution string) string {
	t.Helper()
	return shell{endpoint: e.url}.ok(t, "executions", "logs", execution)
}

// awaitOutput waits until the tasks of an execution have printed a text.
func (e *podEngine) awaitOutput(t *testing.T, execution, text string) {
	t.Helper()
	eventually.True(t, "the output has "+text, func() bool { return strings.Contains(e.output(t, execution), text) })
}

// checkNoPods waits until nothing of the engine is in the cluster.
func (e *podEngine) checkNoPods(t *testing.T) {
	t.Helper()
	eventually.True(t, "no Pod is left", func() bool { return len(e.namespace.Pods(t)) == 0 })
}

// sequence is what the command seq prints.
func sequence(n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintln(&lines, i+1)
	}
	return lines.String()
}

// untilStop is a script that prints a line, runs until there is a file, and fails with a code.
const untilStop = `trap 'exit 9' TERM; echo begins; until [ -e /tmp/stop ]; do sleep 0.1; done; seq 1 200; printf last; exit 6`

// runUntilStop starts a job of that script, and waits until its only task runs.
func (e *podEngine) runUntilStop(t *testing.T, job string) (execution string) {
	t.Helper()
	execution = e.execute(t, job, script(untilStop, 1, 0), nil)
	e.awaitOutput(t, execution, "begins")
	return execution
}

// pod waits until an attempt has a Pod, and returns the Pod's name. The place of the attempt is
// tTASK-aATTEMPT-iINCARNATION.
func (e *podEngine) pod(t *testing.T, execution, place string) (name string) {
	t.Helper()
	prefix := path.Base(execution) + "-" + place + "-"
	eventually.True(t, "there is a Pod "+prefix, func() bool {
		pods := e.namespace.Pods(t)
		i := slices.IndexFunc(pods, func(pod string) bool { return strings.HasPrefix(pod, prefix) })
		if i >= 0 {
			name = pods[i]
		}
		return i >= 0
	})
	return name
}

// letStop lets the script in the Pod of an attempt end, as soon as the cluster can run a command in
// it.
func (e *podEngine) letStop(t *testing.T, execution, place string) {
	t.Helper()
	pod := e.pod(t, execution, place)
	eventually.NoError(t, func() error { return e.namespace.Try("exec", pod, "--", "touch", "/tmp/stop") })
}

// checkUntilStop checks that the only task of an execution ran that script to its end, once.
func (e *podEngine) checkUntilStop(t *testing.T, execution string) {
	t.Helper()
	e.checkStopped(t, execution, func(output string) string { return output })
}

// begunAgain is the output of a task that was interrupted after its first line, and ran again. Who
// reads the log of a lost Pod does not always get its end.
var begunAgain = regexp.MustCompile(`^begins\n(runwith: output after \S+ may be missing: [^\n]+\n)?begins\n`)

// checkUntilStopAgain checks the same of a task that was interrupted once after its first line.
func (e *podEngine) checkUntilStopAgain(t *testing.T, execution string) {
	t.Helper()
	e.checkStopped(t, execution, func(output string) string {
		if !begunAgain.MatchString(output) {
			t.Errorf("output = %q, want that of a task that began twice", output)
		}
		return begunAgain.ReplaceAllString(output, "begins\n")
	})
}

// checkStopped checks the end of a task's only attempt, and the output that clean returns.
func (e *podEngine) checkStopped(t *testing.T, execution string, clean func(output string) string) {
	t.Helper()
	e.awaitEnd(t, execution)
	task := e.tasks(t, execution)[0]
	if code := task.GetLastAttemptResult().GetExitCode(); code != 6 || task.GetRetried() != 0 {
		t.Errorf("exit code and retries = %d, %d, want 6, 0", code, task.GetRetried())
	}
	if got, want := clean(e.output(t, execution)), "begins\n"+sequence(200)+"last\n"; got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
	e.checkNoPods(t)
}

// TestKubernetesByGoClient runs a job with overrides by Google's client, and reads its tasks and
// their output.
func TestKubernetesByGoClient(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	e := startPods(t, kubetest.Use(t).Namespace(t), smallPods)
	job := script(`echo "$0 $NAME $CLOUD_RUN_TASK_INDEX"; exit $CLOUD_RUN_TASK_INDEX`, 1, 0)
	x := e.execute(t, "greet", job, &runpb.RunJobRequest_Overrides{
		TaskCount: 2,
		ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{
			Args: append(job.GetTemplate().GetTemplate().GetContainers()[0].GetArgs(), "hello"),
			Env:  []*runpb.EnvVar{{Name: "NAME", Values: &runpb.EnvVar_Value{Value: "$(HOME) Ann"}}},
		}},
	})
	end := e.awaitEnd(t, x)
	if end.GetSucceededCount() != 1 || end.GetFailedCount() != 1 {
		t.Errorf("tasks succeeded and failed = %d, %d, want 1, 1", end.GetSucceededCount(), end.GetFailedCount())
	}
	for i, task := range e.tasks(t, x) {
		if code := task.GetLastAttemptResult().GetExitCode(); code != task.GetIndex() {
			t.Errorf("task %d: exit code = %d, want %d", i, code, task.GetIndex())
		}
	}
	has(t, e.output(t, x), `\[0.0\] hello \$\(HOME\) Ann 0`, `\[1.0\] hello \$\(HOME\) Ann 1`)
	e.checkNoPods(t)
}

// TestKubernetesByGcloud deploys and executes a job by gcloud, which waits for its end.
func TestKubernetesByGcloud(t *testing.T) {
	t.Parallel()
	testneed.Gcloud(t)
	e := startPods(t, kubetest.Use(t).Namespace(t), smallPods)
	g := newSDK(t, e.url)
	g.steps(t, []step{
		{gcloud: "run jobs deploy fine --image=" + kubetest.Job + " --args=a,b", stderr: "Job [fine] has successfully been deployed."},
		{gcloud: "run jobs execute fine --wait", stderr: "has successfully completed."},
		{gcloud: "run jobs logs read fine --log-filter='textPayload:ARG'", stdout: "   ARG: a\n"},
		{gcloud: "run jobs execute fine --args=again --update-env-vars=FAIL=7 --wait", exit: 1, stderr: "ERROR: (gcloud.run.jobs.execute) The execution failed."},
		{gcloud: "run jobs executions list --job=fine --limit=1 '--format=value(name)'", keep: "x"},
		{gcloud: "run jobs executions tasks describe $x-task0", stdout: "  Exit Code:   7\n"},
	})
	e.checkNoPods(t)
}

// TestKubernetesAdoptsEnded ends an engine before its Pods. The next one learns how they ended, with
// all their output.
func TestKubernetesAdoptsEnded(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	for name, end := range map[string]func(*podEngine) error{
		"Killed":  func(e *podEngine) error { return e.kill() },
		"Stopped": func(e *podEngine) error { return e.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startPods(t, kubetest.Use(t).Namespace(t), smallPods)
			x := e.runUntilStop(t, "stays")
			if err := end(e); err != nil {
				t.Fatal(err)
			}
			pod := e.namespace.Pods(t)[0]
			e.namespace.Kubectl(t, "exec", pod, "--", "touch", "/tmp/stop")
			e.namespace.Kubectl(t, "wait", "--for=jsonpath={.status.phase}=Failed", "--timeout=2m", "pod/"+pod)
			e.restart(t)
			e.checkUntilStop(t, x)
		})
	}
}
