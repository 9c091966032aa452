//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc/codes"

	"github.com/runwith/runwith/internal/kubetest"
)

const (
	// mainScript succeeds in reading a file of the sidecar only while that serves it.
	mainScript = `trap 'echo main is told to stop' TERM
for i in 1 2; do wget -qO- http://localhost:7001/greeting; done; exit 7`
	// sideScript takes a second until it serves the file.
	sideScript = `trap 'echo side stops; exit 3' TERM
echo side starts; sleep 1; mkdir /tmp/www; echo hello > /tmp/www/greeting
httpd -f -p 7001 -h /tmp/www & wait`
)

// withSidecar runs a task with a sidecar: it is there before the main container starts, and until
// that has ended. The task ends as its main container does.
func withSidecar(t *testing.T, e *podEngine) {
	job := script(mainScript, 1, 0)
	main := job.Template.Template.Containers[0]
	main.Name, main.DependsOn = "main", []string{"side"}
	side := &runpb.Container{
		Name: "side", Image: kubetest.Shell, Command: []string{"sh", "-c"}, Args: []string{sideScript},
		StartupProbe: &runpb.Probe{PeriodSeconds: 1, FailureThreshold: 60, ProbeType: &runpb.Probe_TcpSocket{
			TcpSocket: &runpb.TCPSocketAction{Port: 7001},
		}},
	}
	job.Template.Template.Containers = append(job.Template.Template.Containers, side)
	x := e.execute(t, "sidecar", job, nil)
	if end := e.awaitEnd(t, x); end.GetFailedCount() != 1 {
		t.Errorf("failed tasks = %d, want 1", end.GetFailedCount())
	}
	e.checkAttempt(t, x, 7, codes.Aborted, "The container exited with an error.")
	// Lines of two containers may change places.
	got := strings.Split(strings.TrimSpace(e.output(t, x)), "\n")
	slices.Sort(got)
	if want := []string{"hello", "hello", "side starts", "side stops"}; !slices.Equal(got, want) {
		t.Errorf("lines of both containers = %q, want %q", got, want)
	}
}
