//go:build unix

package container

import (
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

func named(name string, c *runpb.Container, dependsOn ...string) *runpb.Container {
	c.Name, c.DependsOn = name, dependsOn
	return c
}

func tcp(port int32) *runpb.Probe {
	return &runpb.Probe{PeriodSeconds: 1, FailureThreshold: 60, ProbeType: &runpb.Probe_TcpSocket{TcpSocket: &runpb.TCPSocketAction{Port: port}}}
}

// TestTwoContainers checks that the main container starts when its dependency is up, calls it at
// localhost, shares a volume with it, and ends it.
func TestTwoContainers(t *testing.T) {
	t.Parallel()
	for kind, probe := range map[string]*runpb.Probe{
		"tcp": tcp(7001),
		"http": {PeriodSeconds: 1, FailureThreshold: 60, ProbeType: &runpb.Probe_HttpGet{HttpGet: &runpb.HTTPGetAction{
			Port: 7001, Path: "/ready", HttpHeaders: []*runpb.HTTPHeader{{Name: "X-Probe", Value: "yes"}},
		}}},
		"grpc": {PeriodSeconds: 1, FailureThreshold: 60, ProbeType: &runpb.Probe_Grpc{Grpc: &runpb.GRPCAction{Port: 7001}}},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := openTest(t, Config{Buckets: "/"})
			server := self("serve", kind, "7001")
			binary := server.Command[0]
			server.Command = []string{"sh", "-c", fmt.Sprintf("sleep 0.3; echo shared >/both/file; exec %s %s serve %s 7001", binary, program, kind), "x"}
			server.Args = nil
			server.StartupProbe = probe
			main := shell(fmt.Sprintf("cat /both/file; %s %s get http://localhost:7001/ready X-Probe=yes >/dev/null && echo called; exit 3", binary, program))
			spec := hosted(specOf(t, named("main", main, "side"), named("side", server)))
			spec.Template.Volumes = append(spec.Template.Volumes, memoryVolume("both", "1Mi"))
			for _, c := range spec.Template.Containers {
				c.VolumeMounts = append(c.VolumeMounts, &runpb.VolumeMount{Name: "both", MountPath: "/both"})
			}
			stdout, _, result := run(t, r, spec)
			if result != (runner.Result{ExitCode: 3}) || !strings.Contains(stdout, "shared\n") {
				t.Errorf("printed %q and ended with %+v, want \"shared\" in it and exit code 3", stdout, result)
			}
			if kind == "http" && stdout != "shared\ncalled\n" {
				t.Errorf("printed %q, want a line for the call of the server", stdout)
			}
			none(t, r)
		})
	}
}

// TestStartupFails checks that Start fails if a dependency is not up in time, or ends before.
func TestStartupFails(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Buckets: "/"})
	for name, test := range map[string]struct {
		side *runpb.Container
		want string
	}{
		"NeverUp":     {shell("while :; do sleep 1; done"), "containers[1].startup_probe: failed 2 times"},
		"EndsTooSoon": {shell("exit 4"), `container "side" ended with exit code 4 before its startup probe succeeded`},
	} {
		t.Run(name, func(t *testing.T) {
			test.side.StartupProbe = tcp(7002)
			test.side.StartupProbe.FailureThreshold = 2
			if name == "EndsTooSoon" {
				test.side.StartupProbe.FailureThreshold = 60
			}
			spec := hosted(specOf(t, named("main", shell("echo started"), "side"), named("side", test.side)))
			if err := startFails(t, r, spec); !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start = %v, want %q in it", err, test.want)
			}
		})
	}
	none(t, r)
}
