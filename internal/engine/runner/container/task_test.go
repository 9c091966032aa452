//go:build unix

package container

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/eventually"
)

// program is the first argument that turns the test binary into a container's program.
const program = "container-program"

// programs runs the container's program.
func programs(args []string) int {
	switch args[0] {
	case "serve": // KIND PORT, until SIGTERM
		return serve(args[1], args[2])
	case "get": // URL HEADER...
		return get(args[1], args[2:])
	case "lines": // COUNT lines on both streams, the last on stdout without a newline
		n, _ := strconv.Atoi(args[1])
		lines(n)
	case "hog": // BYTES
		n, _ := strconv.Atoi(args[1])
		for b := make([]byte, n); ; time.Sleep(time.Second) {
			copy(b, bytes.Repeat([]byte{1}, n))
		}
	}
	return 0
}

func serve(kind, port string) int {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	switch kind {
	case "http":
		err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/ready" || r.Header.Get("X-Probe") != "yes" {
				http.Error(w, "not this way", http.StatusTeapot)
			}
		}))
	case "grpc":
		server := grpc.NewServer()
		grpc_health_v1.RegisterHealthServer(server, health.NewServer())
		err = server.Serve(listener)
	case "tcp":
		for err == nil {
			var conn net.Conn
			if conn, err = listener.Accept(); err == nil {
				fmt.Println("called")
				_ = conn.Close()
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func get(url string, headers []string) int {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, "=")
		request.Header.Set(name, value)
	}
	client := &http.Client{Timeout: 5 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Printf("%d %s\n", response.StatusCode, bytes.TrimSpace(body))
	return 0
}

// line returns the i-th line of the program lines.
func line(stream string, i int) string {
	return fmt.Sprintf("%s line %d of \xff many %s\n", stream, i, strings.Repeat("x", i%97))
}

func lines(n int) {
	var group sync.WaitGroup
	for name, file := range map[string]*os.File{"stdout": os.Stdout, "stderr": os.Stderr} {
		group.Go(func() {
			var b bytes.Buffer
			for i := range n {
				b.WriteString(line(name, i))
				if b.Len() > 30<<10 || i == n-1 {
					_, _ = b.WriteTo(file)
				}
			}
			_, _ = io.WriteString(file, "the last")
		})
	}
	group.Wait()
}

// limit is the deadline of all waits. Only a defect reaches it.
const limit = 2 * time.Minute

// printed records its writes. It may be used concurrently.
type printed struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// await blocks until text was printed.
func (p *printed) await(t *testing.T, text string) {
	t.Helper()
	eventually.NoError(t, func() error {
		if printed := p.String(); !strings.Contains(printed, text) {
			return fmt.Errorf("printed %q, want %q in it", printed, text)
		}
		return nil
	})
}

// specOf returns an attempt of a template with an ID for this test.
func specOf(t *testing.T, containers ...*runpb.Container) runner.Spec {
	return runner.Spec{
		ID:       runner.ID{Execution: "projects/p/locations/l/jobs/j/executions/" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))},
		Template: &runpb.TaskTemplate{Containers: containers},
	}
}

// self returns a container that runs this test's programs, and a shell if it has a command.
func self(args ...string) *runpb.Container {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return &runpb.Container{Image: hostImage, Command: []string{binary, program}, Args: args}
}

func shell(script string) *runpb.Container {
	return &runpb.Container{Image: hostImage, Command: []string{"sh", "-c", script}}
}

// hosted completes an attempt whose containers see the machine's files.
func hosted(spec runner.Spec) runner.Spec {
	seeHost(spec.Template)
	return spec
}

// start starts an attempt and returns its output. The attempt ends with the test.
func start(t *testing.T, r *Runner, spec runner.Spec) (stdout, stderr *printed) {
	t.Helper()
	stdout, stderr = new(printed), new(printed)
	if err := r.Check(spec.Template); err != nil {
		t.Fatalf("Check = %v, want no error", err)
	}
	if err := r.Start(t.Context(), spec, runner.Output{Stdout: stdout, Stderr: stderr}); err != nil {
		t.Fatalf("Start = %v, want no error", err)
	}
	t.Cleanup(func() { stop(t, r, spec.ID) })
	return stdout, stderr
}

func stop(t *testing.T, r *Runner, id runner.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	defer cancel()
	if err := r.Stop(ctx, id, 0); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
}

// waitStopped waits for the end of an attempt.
func waitStopped(t *testing.T, r *Runner, id runner.ID) runner.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	result, err := r.Wait(ctx, id)
	if err != nil {
		t.Fatalf("Wait = %v, want no error", err)
	}
	return result
}

// wait waits for an attempt that ends by itself. It checks how long the attempt ran, and leaves
// that out of the result.
func wait(t *testing.T, r *Runner, id runner.ID) runner.Result {
	t.Helper()
	result := waitStopped(t, r, id)
	if result.Ran <= 0 || result.Ran > limit {
		t.Errorf("the attempt ran for %v, want more than 0 and less than the test", result.Ran)
	}
	result.Ran = 0
	return result
}

// run runs an attempt to its end.
func run(t *testing.T, r *Runner, spec runner.Spec) (stdout, stderr string, result runner.Result) {
	t.Helper()
	o, e := start(t, r, spec)
	result = wait(t, r, spec.ID)
	return o.String(), e.String(), result
}

// startFails starts an attempt that must fail, and returns the error.
func startFails(t *testing.T, r *Runner, spec runner.Spec) error {
	t.Helper()
	err := r.Start(t.Context(), spec, runner.Output{Stdout: io.Discard, Stderr: io.Discard})
	if err == nil {
		stop(t, r, spec.ID)
		t.Fatalf("Start = no error, want one")
	}
	return err
}

// none waits until no container has the folder's label.
func none(t *testing.T, r *Runner) {
	t.Helper()
	eventually.NoError(t, func() error {
		left, err := r.owned(t.Context())
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d containers are left, such as %v", len(left), left[0].Names)
		}
		return err
	})
}
