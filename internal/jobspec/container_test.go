package jobspec_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

const container0 = "template.template.containers[0]."

func TestValidateContainer(t *testing.T) {
	args := func(n int) func(*runpb.Job) {
		return onContainer(func(c *runpb.Container) { c.Args = make([]string, n) })
	}
	ports := func(ports ...*runpb.ContainerPort) func(*runpb.Job) {
		return onContainer(func(c *runpb.Container) { c.Ports = ports })
	}
	runJobCases(t, []jobCase{
		{"no image", onContainer(func(c *runpb.Container) { c.Image = "" }), container0 + "image: required field not present"},
		{
			"white space in the image", onContainer(func(c *runpb.Container) { c.Image = "test job" }),
			container0 + `image: must be an image path like [host/]repo-path[:tag and/or @digest], not "test job"`,
		},
		{"nil container", onTask(func(t *runpb.TaskTemplate) { t.Containers[0] = nil }), container0 + "image: required field not present"},
		{"too many containers, which are not looked at", onTask(func(t *runpb.TaskTemplate) {
			c := &runpb.Container{
				Image: "i", Name: "same", DependsOn: []string{"none"}, StartupProbe: &runpb.Probe{},
				VolumeMounts: []*runpb.VolumeMount{{Name: "none", MountPath: "/v"}},
			}
			t.Containers = slices.Repeat([]*runpb.Container{c}, 11)
		}), "template.template.containers: at most 10 containers are allowed, not 11"},
		{"1,000 arguments", args(1000), ""},
		{"1,001 arguments", args(1001), container0 + "args: at most 1000 arguments are allowed, not 1001"},
		{
			"NUL in an argument", onContainer(func(c *runpb.Container) { c.Args = []string{"a", "b\x00"} }),
			container0 + "args[1]: cannot contain a NUL character",
		},
		{
			"NUL in the command", onContainer(func(c *runpb.Container) { c.Command = []string{"\x00"} }),
			container0 + "command[0]: cannot contain a NUL character",
		},
		{"a port", ports(&runpb.ContainerPort{Name: "h2c", ContainerPort: 65535}), ""},
		{"two ports", ports(&runpb.ContainerPort{}, &runpb.ContainerPort{}), container0 + "ports: ports should contain 0 or 1 port"},
		{
			"a bad port", ports(&runpb.ContainerPort{Name: "tcp", ContainerPort: 65536}),
			container0 + "ports[0].container_port: must be between 1 and 65535, not 65536; " +
				container0 + `ports[0].name: must be http1 or h2c, not "tcp"`,
		},
		{"a probe", onContainer(func(c *runpb.Container) {
			c.StartupProbe = probing(&runpb.Probe{InitialDelaySeconds: 240, TimeoutSeconds: 10, PeriodSeconds: 10})
		}), ""},
		{"a probe's timeout above its period", onContainer(func(c *runpb.Container) {
			c.StartupProbe = probing(&runpb.Probe{PeriodSeconds: 1, TimeoutSeconds: 5})
		}), ""},
		{
			"a probe out of bounds", onContainer(func(c *runpb.Container) {
				c.StartupProbe = probing(&runpb.Probe{InitialDelaySeconds: 241, PeriodSeconds: -1, TimeoutSeconds: 3601, FailureThreshold: -1})
			}),
			container0 + "startup_probe.initial_delay_seconds: must be between 0 and 240, not 241; " +
				container0 + "startup_probe.period_seconds: must be between 0 and 240, not -1; " +
				container0 + "startup_probe.timeout_seconds: must be between 0 and 3600, not 3601; " +
				container0 + "startup_probe.failure_threshold: must not be negative, not -1",
		},
		{
			"a probe of nothing", onContainer(func(c *runpb.Container) { c.StartupProbe = &runpb.Probe{} }),
			container0 + "startup_probe: must have one of http_get, tcp_socket and grpc",
		},
		{
			"a liveness probe", onContainer(func(c *runpb.Container) { c.LivenessProbe = probing(&runpb.Probe{}) }),
			container0 + "liveness_probe: is not supported for jobs, leave it out",
		},
		{
			"a readiness probe may wait longer",
			onContainer(func(c *runpb.Container) { c.ReadinessProbe = probing(&runpb.Probe{InitialDelaySeconds: 3601}) }),
			container0 + "readiness_probe.initial_delay_seconds: must be between 0 and 3600, not 3601",
		},
		{"CPU only during requests", onContainer(func(c *runpb.Container) {
			c.Resources = &runpb.ResourceRequirements{CpuIdle: true}
		}), container0 + "resources.cpu_idle: must be false or left out, because jobs always have their CPU"},
		{"source code without its object", onContainer(func(c *runpb.Container) {
			c.SourceCode = &runpb.SourceCode{SourceType: &runpb.SourceCode_CloudStorageSource_{
				CloudStorageSource: &runpb.SourceCode_CloudStorageSource{Bucket: "b"},
			}}
		}), container0 + "source_code.cloud_storage_source.object: required field not present"},
	})
}

// probing returns the probe with something to ask.
func probing(p *runpb.Probe) *runpb.Probe {
	p.ProbeType = &runpb.Probe_TcpSocket{TcpSocket: &runpb.TCPSocketAction{Port: 8080}}
	return p
}

// containers sets a task's containers, each given as NAME or NAME>DEPENDS,ON.
func containers(specs ...string) func(*runpb.Job) {
	return onTask(func(t *runpb.TaskTemplate) {
		t.Containers = nil
		for _, spec := range specs {
			name, on, found := strings.Cut(spec, ">")
			c := &runpb.Container{Name: name, Image: "test-job"}
			if found {
				c.DependsOn = strings.Split(on, ",")
			}
			t.Containers = append(t.Containers, c)
		}
	})
}

func TestValidateContainers(t *testing.T) {
	const list = "template.template.containers"
	circle := func(i int) string {
		return fmt.Sprintf("%s[%d].depends_on: must not lead into a cycle, because a container starts after its dependencies", list, i)
	}
	runJobCases(t, []jobCase{
		{"one with a name", containers("worker-1"), ""},
		{"several with names", containers("a", "1b"), ""},
		{"several, one without a name", containers("a", ""), ""},
		{"the same name", containers("a", "b", "a"), list + `[2].name: "a" is also the name of [0]`},
		{"names with dots", containers("a.v2", "b"), ""},
		{"a dot at the end", containers("a."), list + `[0].name: must be a DNS label, such as worker-1, not "a."`},
		{"no DNS label", containers("A_1"), list + `[0].name: must be a DNS label, such as worker-1, not "A_1"`},
		{"63 characters", containers(strings.Repeat("c", 63)), ""},
		{"64 characters", containers(strings.Repeat("c", 64)), list + `[0].name: must be a DNS label, such as worker-1, not "` + strings.Repeat("c", 64) + `"`},
		{"a chain", containers("a>b,c", "b>c", "c"), ""},
		{"an unknown dependency", containers("a>b,z", "b"), list + `[0].depends_on[1]: there is no container named "z"`},
		{"on itself", containers("a>a"), circle(0)},
		{"a circle", containers("a>b", "b>c", "c>b", "d"), circle(0) + "; " + circle(1) + "; " + circle(2)},
		{"a dependency on no name", containers("a>"), list + `[0].depends_on[0]: there is no container named ""`},
	})
}

func TestValidateLimits(t *testing.T) {
	limits := func(keysAndValues ...string) func(*runpb.Job) {
		return onContainer(func(c *runpb.Container) {
			c.Resources = &runpb.ResourceRequirements{Limits: map[string]string{}}
			for i := 0; i < len(keysAndValues); i += 2 {
				c.Resources.Limits[keysAndValues[i]] = keysAndValues[i+1]
			}
		})
	}
	beside := func(change func(*runpb.Job)) func(*runpb.Job) {
		return func(job *runpb.Job) {
			containers("a", "b")(job)
			change(job)
		}
	}
	const at = container0 + "resources.limits"
	cpuViolation := func(v string) string { return at + `["cpu"]: must be 1, 2, 4, 6 or 8, not "` + v + `"` }
	memoryViolation := func(cpu int, least, most string) string {
		return fmt.Sprintf(`%s["memory"]: must be between %s and %s inclusive for %d CPU, set it or change cpu`, at, least, most, cpu)
	}
	runJobCases(t, []jobCase{
		{"none", limits(), ""},
		{"1 CPU", limits("cpu", "1"), ""},
		{"1000m", limits("cpu", "1000m", "memory", "512Mi"), ""},
		{"2 CPU", limits("cpu", "2", "memory", "8Gi"), ""},
		{"4 CPU", limits("cpu", "4000m", "memory", "2Gi"), ""},
		{"6 CPU", limits("cpu", "6", "memory", "24Gi"), ""},
		{"8 CPU", limits("cpu", "8", "memory", "32Gi"), ""},
		{"3 CPU", limits("cpu", "3"), cpuViolation("3")},
		{"less than 1 CPU", limits("cpu", "500m"), cpuViolation("500m")},
		{"1.5 CPU", limits("cpu", "1.5"), cpuViolation("1.5")},
		{"16 CPU", limits("cpu", "16"), cpuViolation("16")},
		{"no CPU", limits("cpu", "0"), at + `["cpu"]: must be an amount above zero such as 1000m, not "0"`},
		{"CPU in words", limits("cpu", "two"), at + `["cpu"]: must be an amount above zero such as 1000m, not "two"`},
		{"memory in other units", limits("memory", "1.5G"), ""},
		{"memory in bytes", limits("memory", "536870912"), ""},
		{"the least memory", limits("memory", "128Mi"), ""},
		{"too little memory", limits("memory", "127Mi"), memoryViolation(1, "128Mi", "4Gi")},
		{"too much memory", limits("memory", "4097Mi"), memoryViolation(1, "128Mi", "4Gi")},
		{"4 CPU with the default of memory", limits("cpu", "4"), memoryViolation(4, "2048Mi", "16Gi")},
		{"memory in words", limits("memory", "lots"), at + `["memory"]: must be an amount above zero such as 512Mi, not "lots"`},
		{"an unknown limit", limits("disk", "1Gi"), at + `["disk"]: only cpu, memory and nvidia.com/gpu can be limited`},
		{"beside others, memory is not tied to CPU", beside(limits("cpu", "1", "memory", "64Mi")), ""},
		{"beside others, part of a CPU", beside(limits("cpu", "80m", "memory", "64Mi")), ""},
		{
			"beside others, too small a part", beside(limits("cpu", "79m")),
			at + `["cpu"]: must be 1, 2, 4, 6, 8 or from 80m to 1000m, not "79m"`,
		},
		{
			"beside others, one and a part", beside(limits("cpu", "1001m")),
			at + `["cpu"]: must be 1, 2, 4, 6, 8 or from 80m to 1000m, not "1001m"`,
		},
	})
}
