//go:build unix

package runner_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/function"
)

// fake is a runner whose attempts run until Stop or Exit.
type fake struct {
	attempts map[runner.ID]chan struct{}
	code     int
	fails    error
	silent   error // the error of List
	prepared int
	released []runner.ID
}

func newFake(code int, ids ...runner.ID) *fake {
	f := &fake{attempts: map[runner.ID]chan struct{}{}, code: code}
	for _, id := range ids {
		f.attempts[id] = make(chan struct{})
	}
	return f
}

func (f *fake) Check(*runpb.TaskTemplate) error { return f.fails }

func (f *fake) Start(_ context.Context, spec runner.Spec, _ runner.Output) error {
	if f.fails == nil && !spec.Resume {
		f.attempts[spec.ID] = make(chan struct{})
	}
	return f.fails
}

func (f *fake) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	if f.attempts[id] == nil {
		return runner.Result{}, runner.ErrLost
	}
	select {
	case <-f.attempts[id]:
		delete(f.attempts, id)
		return runner.Result{ExitCode: f.code}, nil
	case <-ctx.Done():
		return runner.Result{}, ctx.Err()
	}
}

func (f *fake) Stop(_ context.Context, id runner.ID, _ time.Duration) error {
	if f.attempts[id] != nil {
		close(f.attempts[id])
	}
	return nil
}

func (f *fake) List(context.Context) (ids []runner.ID, err error) {
	for id := range f.attempts {
		ids = append(ids, id)
	}
	return ids, f.silent
}

func (f *fake) String() string { return fmt.Sprint("fake ", f.code) }

func (f *fake) Capabilities(*runpb.TaskTemplate) runner.Capabilities {
	return runner.Capabilities{Prepares: f.code == 2, Outlives: f.code == 2, Capacity: f.code}
}

func (f *fake) Running(context.Context, runner.ID) (time.Time, error) { return time.Now(), nil }

func (f *fake) Waiting(id runner.ID) string {
	if f.attempts[id] == nil {
		return ""
	}
	return fmt.Sprint("waits for fake ", f.code)
}

func (f *fake) Release(id runner.ID) { f.released = append(f.released, id) }

func (f *fake) Detach(_ context.Context, id runner.ID) error {
	delete(f.attempts, id)
	return nil
}

func (f *fake) Prepare(context.Context, *runpb.TaskTemplate) error {
	f.prepared++
	return f.fails
}

func byImage(one, two runner.Runner) func(*runpb.TaskTemplate) runner.Runner {
	return func(t *runpb.TaskTemplate) runner.Runner {
		if t.Containers[0].Image == "one" {
			return one
		}
		return two
	}
}

func imageSpec(task int, image string) runner.Spec {
	return runner.Spec{ID: runner.ID{Execution: "e", Task: task}, Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: image}}}}
}

// TestSwitch checks that each attempt goes to the runner of its template and stays there.
func TestSwitch(t *testing.T) {
	t.Parallel()
	one, two := newFake(1), newFake(2)
	s := runner.NewSwitch(byImage(one, two), one, two)
	specs := []runner.Spec{imageSpec(0, "two"), imageSpec(1, "one")}
	for _, spec := range specs {
		if err := s.Start(t.Context(), spec, runner.Output{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(one.attempts) != 1 || len(two.attempts) != 1 {
		t.Errorf("the runners have %v and %v, want one each", one.attempts, two.attempts)
	}
	ids, err := s.List(t.Context())
	if want := []runner.ID{specs[0].ID, specs[1].ID}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("List() = %v, %v, want %v", ids, err, want)
	}
	for i, spec := range specs {
		if got, want := s.Waiting(spec.ID), fmt.Sprint("waits for fake ", 2-i); got != want {
			t.Errorf("Waiting(%v) = %q, want %q", spec.ID, got, want)
		}
		if err := s.Stop(t.Context(), spec.ID, 0); err != nil {
			t.Errorf("Stop(%v) = %v, want no error", spec.ID, err)
		}
		if got, err := s.Wait(t.Context(), spec.ID); err != nil || got.ExitCode != 2-i {
			t.Errorf("Wait(%v) = %+v, %v, want that of its runner", spec.ID, got, err)
		}
		if _, err := s.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
			t.Errorf("Wait(%v) again = %v, want ErrLost", spec.ID, err)
		}
	}
}

// TestSwitchResumes checks that an attempt of an earlier process is found at the runner that has
// it, even if another one would be chosen now.
func TestSwitchResumes(t *testing.T) {
	t.Parallel()
	left := imageSpec(0, "one")
	left.Resume = true
	one, two := newFake(1), newFake(2, left.ID)
	s := runner.NewSwitch(byImage(one, two), one, two)
	if err := s.Start(t.Context(), left, runner.Output{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context(), left.ID, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Wait(t.Context(), left.ID); err != nil || got.ExitCode != 2 {
		t.Errorf("Wait = %+v, %v, want the exit code of the runner that has it", got, err)
	}
	never := imageSpec(1, "two")
	never.Resume = true
	if err := s.Start(t.Context(), never, runner.Output{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Wait(t.Context(), never.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait for an attempt that was never placed = %v, want ErrLost", err)
	}
}

func TestSwitchPrepares(t *testing.T) {
	t.Parallel()
	one, two := newFake(1), newFake(2)
	s := runner.NewSwitch(byImage(one, two), one, two)
	for image, want := range map[string]bool{"one": false, "two": true} {
		if got := s.Capabilities(imageSpec(0, image).Template).Prepares; got != want {
			t.Errorf("Capabilities of %s: Prepares = %t, want %t", image, got, want)
		}
	}
	two.fails = errors.New("no image")
	if err := s.Prepare(t.Context(), imageSpec(0, "two").Template); !errors.Is(err, two.fails) || two.prepared != 1 {
		t.Errorf("Prepare = %v after %d calls, want the runner's own error after one", err, two.prepared)
	}
	if err := s.Start(t.Context(), imageSpec(0, "two"), runner.Output{}); !errors.Is(err, two.fails) {
		t.Errorf("Start = %v, want the runner's own error", err)
	}
	if _, err := s.Wait(t.Context(), imageSpec(0, "two").ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait after a Start that failed = %v, want ErrLost", err)
	}
}

// TestWrappersKeepCapabilities checks that a wrapper states the capabilities of its runner.
func TestWrappersKeepCapabilities(t *testing.T) {
	t.Parallel()
	one, two := newFake(1), newFake(2)
	sw := runner.NewSwitch(byImage(one, two), one, two)
	for name, r := range map[string]runner.Runner{
		"Switch": sw, "function.Runner": function.New(function.Config{Next: sw}),
		"both": function.New(function.Config{Next: runner.NewSwitch(func(*runpb.TaskTemplate) runner.Runner { return sw }, sw)}),
	} {
		for image, want := range map[string]runner.Capabilities{
			"one": {Capacity: 1}, "two": {Prepares: true, Outlives: true, Capacity: 2},
		} {
			if got := r.Capabilities(imageSpec(0, image).Template); got != want {
				t.Errorf("%s: Capabilities of image %s = %+v, want %+v", name, image, got, want)
			}
		}
		if got, want := r.Capabilities(nil), (runner.Capabilities{Prepares: true, Outlives: true, Capacity: 2}); got != want {
			t.Errorf("%s: Capabilities of nil = %+v, want those of all runners, %+v", name, got, want)
		}
		two.prepared = 0
		if err := r.Prepare(t.Context(), imageSpec(0, "two").Template); err != nil || two.prepared != 1 {
			t.Errorf("%s: Prepare = %v after %d calls, want it passed on", name, err, two.prepared)
		}
	}
}

// TestSwitchNamesSilentRunner checks that a Switch lists the attempts of the runners that answer,
// and that its error names the other. An attempt that the silent runner may have is unknown.
func TestSwitchNamesSilentRunner(t *testing.T) {
	t.Parallel()
	left := imageSpec(0, "one")
	left.Resume = true
	one, two := newFake(1, left.ID), newFake(2)
	two.silent = errors.New("no route")
	s := runner.NewSwitch(byImage(one, two), one, two)
	ids, err := s.List(t.Context())
	if !slices.Equal(ids, []runner.ID{left.ID}) || !errors.Is(err, two.silent) || err.Error() != "fake 2: no route" {
		t.Errorf("List() = %v, %v, want the other runner's attempt, and the name of the silent one", ids, err)
	}
	if err := s.Start(t.Context(), left, runner.Output{}); err != nil {
		t.Errorf("Start() of an attempt that another runner has = %v, want no error", err)
	}
	unknown := imageSpec(1, "one")
	unknown.Resume = true
	if err := s.Start(t.Context(), unknown, runner.Output{}); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("Start() of an attempt that the silent runner may have = %v, want UNAVAILABLE", err)
	}
}

func TestSwitchDetaches(t *testing.T) {
	t.Parallel()
	one, two := newFake(1), newFake(2)
	s := runner.NewSwitch(byImage(one, two), one, two)
	spec := imageSpec(0, "two")
	if err := s.Start(t.Context(), spec, runner.Output{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Detach(t.Context(), spec.ID); err != nil || len(two.attempts) != 0 {
		t.Errorf("Detach() = %v, and its runner has %d attempts, want none", err, len(two.attempts))
	}
	if err := s.Detach(t.Context(), spec.ID); err == nil {
		t.Error("second Detach() = nil, want an error")
	}
}

// TestSwitchReleases checks that the release of an attempt gets to its runner, and one of an
// earlier process's attempt to every runner.
func TestSwitchReleases(t *testing.T) {
	t.Parallel()
	one, two := newFake(1), newFake(2)
	s := runner.NewSwitch(byImage(one, two), one, two)
	own, left := imageSpec(0, "two").ID, imageSpec(1, "two").ID
	if err := s.Start(t.Context(), imageSpec(0, "two"), runner.Output{}); err != nil {
		t.Fatal(err)
	}
	s.Release(own)
	s.Release(left)
	if !slices.Equal(one.released, []runner.ID{left}) || !slices.Equal(two.released, []runner.ID{own, left}) {
		t.Errorf("released %v and %v, want %v and %v", one.released, two.released, []runner.ID{left}, []runner.ID{own, left})
	}
}

// unstartable is a runner whose attempts are placed and cannot start.
type unstartable struct{ *fake }

func (u unstartable) Running(context.Context, runner.ID) (time.Time, error) {
	return time.Time{}, errors.New("no such image")
}

// TestSwitchForgetsWhatCannotStart checks that nothing is left of an attempt that its runner
// has forgotten: a Stop of it asks every runner.
func TestSwitchForgetsWhatCannotStart(t *testing.T) {
	t.Parallel()
	id := runner.ID{Execution: "e"}
	other := newFake(2, id)
	first := unstartable{newFake(1)}
	s := runner.NewSwitch(func(*runpb.TaskTemplate) runner.Runner { return first }, first, other)
	if err := s.Start(t.Context(), runner.Spec{ID: id}, runner.Output{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Running(t.Context(), id); err == nil {
		t.Error("Running() = nil, want why the attempt cannot start")
	}
	if err := s.Stop(t.Context(), id, time.Second); err != nil {
		t.Fatal(err)
	}
	select {
	case <-other.attempts[id]:
	default:
		t.Error("Stop() asked one runner, want all: the switch still knows who had the attempt")
	}
}

// lost is a runner that has something left of an attempt of an earlier process.
type lost struct{ *fake }

func (l lost) Running(context.Context, runner.ID) (time.Time, error) {
	return time.Time{}, runner.ErrLost
}

// TestSwitchKeepsWhatIsLost checks that the runner that has the rest of a lost attempt, and no
// other, is asked to end it: the others may not answer.
func TestSwitchKeepsWhatIsLost(t *testing.T) {
	t.Parallel()
	id := runner.ID{Execution: "e"}
	other := newFake(2, id)
	first := lost{newFake(1)}
	s := runner.NewSwitch(func(*runpb.TaskTemplate) runner.Runner { return first }, first, other)
	if err := s.Start(t.Context(), runner.Spec{ID: id}, runner.Output{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Running(t.Context(), id); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Running() = %v, want ErrLost", err)
	}
	if err := s.Stop(t.Context(), id, time.Second); err != nil {
		t.Fatal(err)
	}
	select {
	case <-other.attempts[id]:
		t.Error("Stop() asked another runner than the one that has the attempt")
	default:
	}
}
