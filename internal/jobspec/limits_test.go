package jobspec_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// edge is a limit of Cloud Run: sizes just inside are accepted, sizes just outside are
// refused.
type edge struct {
	name    string
	check   func(n int) error
	inside  []int
	outside []int
	says    string // the whole message; %d is replaced by n
}

func runEdges(t *testing.T, edges []edge) {
	t.Helper()
	t.Parallel()
	for _, e := range edges {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			for _, n := range e.inside {
				wantViolations(t, fmt.Sprintf("check(%d)", n), e.check(n), "")
			}
			for _, n := range e.outside {
				want := e.says
				if strings.Contains(want, "%d") {
					want = fmt.Sprintf(want, n)
				}
				wantViolations(t, fmt.Sprintf("check(%d)", n), e.check(n), want)
			}
		})
	}
}

// jobEdge returns a check of the minimal job with a change of size n.
func jobEdge(change func(job *runpb.Job, n int)) func(n int) error {
	return func(n int) error {
		job := newJob()
		change(job, n)
		return jobspec.ValidateJob(job)
	}
}

func containerEdge(change func(c *runpb.Container, n int)) func(n int) error {
	return jobEdge(func(job *runpb.Job, n int) { change(job.Template.Template.Containers[0], n) })
}

// overrideEdge returns a check of an override of size n on the minimal job, whose
// container has own variables.
func overrideEdge(own int, change func(o *overrides, c *containerOverride, n int)) func(n int) error {
	return func(n int) error {
		job := newJob()
		job.Template.Template.Containers[0].Env = variables("OWN", own)
		c := &containerOverride{}
		o := &overrides{ContainerOverrides: []*containerOverride{c}}
		change(o, c, n)
		_, err := jobspec.ApplyOverrides(job.Template, o)
		return err
	}
}

// variables returns n variables with different names.
func variables(prefix string, n int) []*runpb.EnvVar {
	env := make([]*runpb.EnvVar, n)
	for i := range env {
		env[i] = envVar(fmt.Sprintf("%s_%d", prefix, i), "x")
	}
	return env
}

func TestLimitsOfTasks(t *testing.T) {
	const overridden = "Violation in RunJobRequest.overrides."
	runEdges(t, []edge{
		{
			"tasks", jobEdge(func(j *runpb.Job, n int) { j.Template.TaskCount = int32(n) }),
			[]int{0, 1, 10_000},
			[]int{-1, 10_001}, "template.task_count: must be between 1 and 10000, not %d",
		},
		{
			"tasks of a run", overrideEdge(0, func(o *overrides, _ *containerOverride, n int) { o.TaskCount = int32(n) }),
			[]int{0, 1, 10_000},
			[]int{-1, 10_001}, overridden + "task_count: must be between 1 and 10000, not %d.",
		},
		{
			"parallelism", jobEdge(func(j *runpb.Job, n int) { j.Template.TaskCount, j.Template.Parallelism = 10_000, int32(n) }),
			[]int{0, 1, 10_001}, // more than there are tasks
			[]int{-1}, "template.parallelism: must not be negative, not %d",
		},
		{
			"retries", jobEdge(func(j *runpb.Job, n int) {
				j.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: int32(n)}
			}),
			[]int{0, 10},
			[]int{-1, 11}, "template.template.max_retries: must be between 0 and 10, not %d",
		},
		{
			"timeout in seconds", jobEdge(func(j *runpb.Job, n int) { j.Template.Template.Timeout = &durationpb.Duration{Seconds: int64(n)} }),
			[]int{1, 168 * 3600},
			[]int{-1, 0, 168*3600 + 1}, "template.template.timeout: must be between 1s and 604800s (168 hours), not %ds",
		},
		{
			"timeout of a run in seconds", overrideEdge(0, func(o *overrides, _ *containerOverride, n int) {
				o.Timeout = &durationpb.Duration{Seconds: int64(n)}
			}),
			[]int{1, 168 * 3600},
			[]int{-1, 0, 168*3600 + 1}, overridden + "timeout: must be between 1s and 604800s (168 hours), not %ds.",
		},
	})
}

func TestLimitsOfContainers(t *testing.T) {
	const overridden = "Violation in RunJobRequest.overrides.container_overrides[0]."
	value := func(n int) []*runpb.EnvVar { return []*runpb.EnvVar{envVar("A", strings.Repeat("\u00e9", n))} }
	runEdges(t, []edge{
		{
			"arguments", containerEdge(func(c *runpb.Container, n int) { c.Args = make([]string, n) }),
			[]int{1000},
			[]int{1001}, container0 + "args: at most 1000 arguments are allowed, not %d",
		},
		{
			"arguments of a run", overrideEdge(0, func(_ *overrides, c *containerOverride, n int) { c.Args = make([]string, n) }),
			[]int{1000},
			[]int{1001}, overridden + "args: at most 1000 arguments are allowed, not %d.",
		},
		{
			"variables", containerEdge(func(c *runpb.Container, n int) { c.Env = variables("A", n) }),
			[]int{1000},
			[]int{1001}, container0 + "env: at most 1000 variables are allowed, not %d",
		},
		{
			"variables of a run", overrideEdge(0, func(_ *overrides, c *containerOverride, n int) { c.Env = variables("A", n) }),
			[]int{1000},
			[]int{1001}, overridden + "env: at most 1000 variables are allowed, not %d.",
		},
		{
			"variables of a run beside the job's", overrideEdge(600, func(_ *overrides, c *containerOverride, n int) { c.Env = variables("A", n) }),
			[]int{400},
			[]int{401}, overridden + "env: makes 1001 variables together with the job's, at most 1000 are allowed.",
		},
		{
			"variables of a run in place of the job's", overrideEdge(1000, func(_ *overrides, c *containerOverride, n int) { c.Env = variables("OWN", n) }),
			[]int{1000},
			nil, "",
		},
		{
			"variables of two containers", jobEdge(func(j *runpb.Job, n int) {
				j.Template.Template.Containers = []*runpb.Container{
					{Name: "a", Image: "i", Env: variables("A", n)}, {Name: "b", Image: "i", Env: variables("B", n)},
				}
			}),
			[]int{500},
			[]int{501}, "template.template.containers: at most 1000 variables are allowed in all containers together, not 1002",
		},
		{
			"containers", jobEdge(func(j *runpb.Job, n int) {
				j.Template.Template.Containers = nil
				for i := range n {
					j.Template.Template.Containers = append(j.Template.Template.Containers, &runpb.Container{Name: fmt.Sprintf("c%d", i), Image: "i"})
				}
			}),
			[]int{1, 10},
			[]int{11}, "template.template.containers: at most 10 containers are allowed, not %d",
		},
		{
			"a probe's port", containerEdge(func(c *runpb.Container, n int) {
				c.StartupProbe = &runpb.Probe{ProbeType: &runpb.Probe_Grpc{Grpc: &runpb.GRPCAction{Port: int32(n)}}}
			}),
			[]int{0, 1, 65_535},
			[]int{-1, 65_536}, container0 + "startup_probe.grpc.port: must be between 1 and 65535, not %d",
		},
		{
			"a startup probe's seconds", containerEdge(func(c *runpb.Container, n int) {
				c.StartupProbe = probing(&runpb.Probe{PeriodSeconds: 1, FailureThreshold: int32(n)})
			}),
			[]int{0, 600},
			[]int{601}, container0 + "startup_probe: failure_threshold times period_seconds must be at most 600, not %d",
		},
		{
			"a startup probe's period", containerEdge(func(c *runpb.Container, n int) {
				c.StartupProbe = probing(&runpb.Probe{PeriodSeconds: int32(n), FailureThreshold: 2})
			}),
			[]int{0, 240},
			[]int{241}, container0 + "startup_probe.period_seconds: must be between 0 and 240, not %d",
		},
		{
			"characters of a value", containerEdge(func(c *runpb.Container, n int) { c.Env = value(n) }),
			[]int{32_768},
			[]int{32_769}, container0 + "env[0].value: length cannot exceed 32768",
		},
		{
			"characters of a value of a run", overrideEdge(0, func(_ *overrides, c *containerOverride, n int) { c.Env = value(n) }),
			[]int{32_768},
			[]int{32_769}, overridden + "env[0].value: length cannot exceed 32768.", // Google's text
		},
		{
			"characters of a variable's name", containerEdge(func(c *runpb.Container, n int) {
				c.Env = []*runpb.EnvVar{envVar(strings.Repeat("A", n), "")}
			}),
			[]int{1, 32_768},
			[]int{32_769}, container0 + "env[0].name: length cannot exceed 32768",
		},
		{
			"characters of a container's name", containerEdge(func(c *runpb.Container, n int) { c.Name = strings.Repeat("c", n) }),
			[]int{0, 1, 63},
			[]int{64}, container0 + `name: must be a DNS label, such as worker-1, not "` + strings.Repeat("c", 64) + `"`,
		},
		{
			"ports", containerEdge(func(c *runpb.Container, n int) {
				for range n {
					c.Ports = append(c.Ports, &runpb.ContainerPort{ContainerPort: 8080})
				}
			}),
			[]int{0, 1},
			[]int{2}, container0 + "ports: ports should contain 0 or 1 port", // Google's text
		},
		{
			"a port's number", containerEdge(func(c *runpb.Container, n int) {
				c.Ports = []*runpb.ContainerPort{{ContainerPort: int32(n)}}
			}),
			[]int{0, 1, 65_535},
			[]int{-1, 65_536}, container0 + "ports[0].container_port: must be between 1 and 65535, not %d",
		},
		{
			"a file's mode", jobEdge(func(j *runpb.Job, n int) {
				j.Template.Template.Volumes = []*runpb.Volume{{Name: "v", VolumeType: &runpb.Volume_Secret{
					Secret: &runpb.SecretVolumeSource{Secret: "s", DefaultMode: int32(n)},
				}}}
			}),
			[]int{0, 0o777},
			[]int{-1, 0o1000}, "template.template.volumes[0].secret.default_mode: must be between 0 and 0777 octal (511), not %d",
		},
	})
}

// TestLimitsOfResources checks the range of memory for each number of CPUs.
func TestLimitsOfResources(t *testing.T) {
	resources := func(cpu int) func(mebibytes int) error {
		return containerEdge(func(c *runpb.Container, n int) {
			c.Resources = &runpb.ResourceRequirements{Limits: map[string]string{"cpu": fmt.Sprint(cpu), "memory": fmt.Sprintf("%dMi", n)}}
		})
	}
	const fault = container0 + `resources.limits["memory"]: must be between %dMi and %dGi inclusive for %d CPU, set it or change cpu`
	var edges []edge
	for _, r := range []struct{ cpu, leastMi, mostGi int }{{1, 128, 4}, {2, 128, 8}, {4, 2048, 16}, {6, 4096, 24}, {8, 4096, 32}} {
		most := r.mostGi << 10
		edges = append(edges, edge{
			fmt.Sprintf("memory of %d CPU in MiB", r.cpu), resources(r.cpu),
			[]int{r.leastMi, most}, []int{r.leastMi - 1, most + 1}, fmt.Sprintf(fault, r.leastMi, r.mostGi, r.cpu),
		})
	}
	edges = append(edges, edge{
		"CPU in thousandths", containerEdge(func(c *runpb.Container, n int) {
			c.Resources = &runpb.ResourceRequirements{Limits: map[string]string{"cpu": fmt.Sprintf("%dm", n), "memory": "4Gi"}}
		}),
		[]int{1000, 2000, 4000, 6000, 8000},
		[]int{999, 1001, 3000, 5000, 7000, 8001, 16_000}, container0 + `resources.limits["cpu"]: must be 1, 2, 4, 6 or 8, not "%dm"`,
	})
	runEdges(t, edges)
}

func TestLimitsOfNames(t *testing.T) {
	job := func(n int) string { return "projects/demo/locations/us-east4/jobs/" + strings.Repeat("j", n) }
	quoted := func(name string) string {
		if len(name) > 80 {
			return fmt.Sprintf("%q...", name[:80])
		}
		return fmt.Sprintf("%q", name)
	}
	const label = "must be at most %s lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen"
	runEdges(t, []edge{
		{
			"characters of a new job's ID", func(n int) error { return jobspec.ValidateJobID(strings.Repeat("j", n)) },
			[]int{1, 63},
			[]int{64}, "job_id: " + fmt.Sprintf(label, "63") + ", not " + quoted(strings.Repeat("j", 64)),
		},
		{
			"characters of a job's ID", func(n int) error { _, err := jobspec.ParseJob(job(n)); return err },
			[]int{1, 63},
			[]int{64}, "resource name " + quoted(job(64)) + ": the job's ID " + fmt.Sprintf(label, "63"),
		},
		{
			"characters of an execution's ID", func(n int) error {
				_, err := jobspec.ParseExecution(job(1) + "/executions/" + strings.Repeat("e", n))
				return err
			},
			[]int{1, 63 + len("-abcde")},
			[]int{70}, "resource name " + quoted(job(1)+"/executions/"+strings.Repeat("e", 70)) + ": the execution's ID " + fmt.Sprintf(label, "69"),
		},
		{
			"a task's index", func(n int) error {
				_, err := jobspec.ParseTask(fmt.Sprintf("%s/executions/e/tasks/e-task%d", job(1), n))
				return err
			},
			[]int{0, 9999},
			[]int{10_000}, "resource name " + quoted(job(1)+"/executions/e/tasks/e-task10000") +
				`: the task's ID must be the execution's and "-task" with a number from 0 to 9999`,
		},
		{
			"a token beside a job's ID of 30 characters", jobEdge(func(j *runpb.Job, n int) {
				j.Name = job(30)
				j.CreateExecution = &runpb.Job_RunExecutionToken{RunExecutionToken: strings.Repeat("t", n)}
			}),
			[]int{1, 32},
			[]int{33}, "run_execution_token: the job's ID and the token must have fewer than 63 characters together",
		},
	})
}

func TestLimitsOfLabels(t *testing.T) {
	labels := func(n int) map[string]string {
		m := make(map[string]string, n)
		for i := range n {
			m[fmt.Sprintf("l%d", i)] = ""
		}
		return m
	}
	long := strings.Repeat("a", 64)
	runEdges(t, []edge{
		{
			"labels", jobEdge(func(j *runpb.Job, n int) { j.Labels = labels(n) }),
			[]int{64},
			[]int{65}, "labels: at most 64 labels are allowed, not %d",
		},
		{
			"characters of a key", jobEdge(func(j *runpb.Job, n int) { j.Template.Labels = map[string]string{strings.Repeat("a", n): ""} }),
			[]int{1, 63},
			[]int{64}, `template.labels["` + long + `"]: the key must be at most 63 lower-case letters, digits, hyphens, underscores and dots, and begin with a letter`,
		},
		{
			"characters of a value", jobEdge(func(j *runpb.Job, n int) { j.Labels = map[string]string{"k": strings.Repeat("a", n)} }),
			[]int{0, 63},
			[]int{64}, `labels["k"]: the value must be at most 63 lower-case letters, digits, hyphens, underscores and dots, not "` + long + `"`,
		},
		{
			"bytes of annotations", jobEdge(func(j *runpb.Job, n int) { j.Annotations = map[string]string{"k": strings.Repeat("a", n-1)} }),
			[]int{256 << 10},
			[]int{256<<10 + 1}, "annotations: all annotations together are %d bytes, at most 262144 are allowed",
		},
	})
}

func TestReservedVariables(t *testing.T) {
	t.Parallel()
	withVariable := func(name string) error {
		job := newJob()
		job.Template.Template.Containers[0].Env = []*runpb.EnvVar{envVar(name, "x")}
		return jobspec.ValidateJob(job)
	}
	withOverride := func(name string) error {
		_, err := jobspec.ApplyOverrides(newJob().Template, &overrides{ContainerOverrides: []*containerOverride{{Env: []*runpb.EnvVar{envVar(name, "x")}}}})
		return err
	}
	for _, name := range []string{
		"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "CLOUD_RUN_TASK_COUNT",
		"CLOUD_RUN_WORKER_POOL", "CLOUD_RUN_REVISION", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "PORT", "X_GOOGLE_", "X_GOOGLE_ANY",
	} {
		wantViolations(t, "job with "+name, withVariable(name), container0+fmt.Sprintf("env[0].name: %q is reserved, Cloud Run sets it", name))
		wantViolations(t, "run with "+name, withOverride(name),
			fmt.Sprintf("Violation in RunJobRequest.overrides.container_overrides[0].env[0].name: %q is reserved, Cloud Run sets it.", name))
	}
	for _, name := range []string{"X_GOOGLE", "MY_X_GOOGLE_", "K_SERVICE_2", "port", "CLOUD_RUN", "CLOUD_RUN_TASK", "GOOGLE_CLOUD_PROJECT"} {
		wantViolations(t, "job with "+name, withVariable(name), "")
		wantViolations(t, "run with "+name, withOverride(name), "")
	}
}
