//go:build unix

package runnertest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// CrashIn places attempts from a process of its own over the data in dir, and kills that
// process with SIGKILL once they run. The test binary must call [Main].
func CrashIn(t *testing.T, dir string, specs ...runner.Spec) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, crashArg, dir)
	server.Stderr = os.Stderr
	in, inErr := server.StdinPipe()
	out, outErr := server.StdoutPipe()
	if inErr != nil || outErr != nil {
		t.Fatal(inErr, outErr)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	if err := json.NewEncoder(in).Encode(placements(t, specs)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "placed\n" {
		t.Fatalf("the process that is to crash said %q, %v, want \"placed\"", line, err)
	}
}

// placement is a runner.Spec on its way to the process that is to crash.
type placement struct {
	ID       runner.ID
	Template json.RawMessage
	Env      map[string]string
}

func placements(t *testing.T, specs []runner.Spec) (all []placement) {
	t.Helper()
	for _, spec := range specs {
		template, err := protojson.Marshal(spec.Template)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, placement{ID: spec.ID, Template: template, Env: spec.Env})
	}
	return all
}

// crash places the attempts that it reads, reports that, and waits for its death.
func crash(dir string, open func(dir string) (runner.Runner, error)) int {
	var placements []placement
	r, err := open(dir)
	if err == nil {
		err = json.NewDecoder(os.Stdin).Decode(&placements)
	}
	for _, p := range placements {
		if err == nil {
			err = p.place(r)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("placed")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or the test is gone
	return 0
}

// place places an attempt and returns when it runs. Tasks that print that they are ready
// have done so then.
func (p placement) place(r runner.Runner) error {
	template := new(runpb.TaskTemplate)
	if err := protojson.Unmarshal(p.Template, template); err != nil {
		return err
	}
	out := &firstWrite{done: make(chan struct{})}
	spec := runner.Spec{ID: p.ID, Template: template, Env: p.Env}
	if err := r.Start(context.Background(), spec, runner.Output{Stdout: out, Stderr: os.Stderr}); err != nil {
		return err
	}
	if _, err := r.Running(context.Background(), p.ID); err != nil {
		return err
	}
	if args := template.Containers[0].Args; len(args) > 0 && slices.Contains([]string{"bow", "stay"}, args[0]) {
		<-out.done
	}
	return nil
}

// firstWrite closes done at the first write.
type firstWrite struct {
	once sync.Once
	done chan struct{}
}

func (f *firstWrite) Write(b []byte) (int, error) {
	f.once.Do(func() { close(f.done) })
	return os.Stderr.Write(b)
}

// After a crash the next Runner adopts an attempt, or ends it and reports it as lost.
func testCrashWait(t *testing.T, h Harness) {
	before := time.Now()
	spec := h.spec(0, "bow")
	r := h.Crash(t, spec)
	if h.outlives() {
		checkList(t, "after the crash", r, id(0))
	}
	spec.Resume = true
	out := start(t, r, spec)
	if !h.outlives() {
		waitLost(t, r, id(0))
		checkList(t, "after Wait", r)
		return
	}
	began, err := r.Running(t.Context(), id(0))
	if now := time.Now(); err != nil || began.Before(before.Truncate(time.Second)) || began.After(now) {
		t.Errorf("Running() of an adopted attempt = %v, %v, want a time between %v and %v", began, err, before, now)
	}
	finish(t, r)
	if got, want := out.stdout.String(), "ready\nbye\n"; got != want {
		t.Errorf("output of the adopted attempt = %q, want %q", got, want)
	}
	checkList(t, "after Wait", r)
}

// To stop one attempt of an earlier process spares the other.
func testCrashStop(t *testing.T, h Harness) {
	if !h.outlives() {
		t.Skip("attempts do not outlive their Runner here")
	}
	r := h.Crash(t, h.spec(0, "bow"), h.spec(1, "bow"))
	if err := r.Stop(t.Context(), id(0), 0); err != nil {
		t.Errorf("Stop(%v) after the crash = %v, want no error", id(0), err)
	}
	checkList(t, "after Stop", r, id(1))
	stop(t, r, id(1))
}

// A lost attempt is placed again as the next incarnation. To stop one incarnation spares
// the others, also if its ID is the beginning of another's.
func testCrashSparesOthers(t *testing.T, h Harness) {
	first, tenth := id(0), id(0)
	first.Incarnation, tenth.Incarnation = 1, 10
	r := h.Crash(t, h.spec(0, "stay"))
	for id, task := range map[runner.ID]string{first: "stay", tenth: "bow"} {
		spec := h.spec(0, task)
		spec.ID = id
		start(t, r, spec).stdout.await("ready")
	}
	stop(t, r, id(0))
	stop(t, r, first)
	wait(t, r, first, h.killed())
	checkList(t, "after Stop", r, tenth)
	if err := r.Stop(t.Context(), tenth, forever); err != nil {
		t.Errorf("Stop(%v) = %v, want no error", tenth, err)
	}
	wait(t, r, tenth, runner.Result{ExitCode: 3})
}
