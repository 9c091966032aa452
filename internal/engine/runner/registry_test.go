package runner_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// tracked is an attempt of a runner under test.
type tracked struct {
	*runner.Attempt
	name string
}

func track(task int, name string) *tracked {
	return &tracked{runner.NewAttempt(runner.ID{Execution: "e", Task: task}), name}
}

// placed returns a registry with an attempt that is placed.
func placed(t *testing.T) (*runner.Registry[*tracked], *tracked) {
	t.Helper()
	r, a := new(runner.Registry[*tracked]), track(0, "a")
	if err := r.Place(t.Context(), a, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return r, a
}

func TestRegistryPlacesOnce(t *testing.T) {
	t.Parallel()
	var (
		r     runner.Registry[*tracked]
		calls atomic.Int32
		group sync.WaitGroup
	)
	for range 8 {
		a := track(0, "a")
		group.Go(func() {
			err := r.Place(t.Context(), a, func() error {
				calls.Add(1)
				return nil
			})
			if err != nil {
				t.Errorf("Place() = %v, want no error", err)
			}
		})
	}
	group.Wait()
	if got := calls.Load(); got != 1 {
		t.Errorf("8 Starts placed %d attempts, want 1", got)
	}
}

func TestRegistryForgetsFailedPlacing(t *testing.T) {
	t.Parallel()
	var r runner.Registry[*tracked]
	failure, placing, fail := errors.New("no room"), make(chan struct{}), make(chan struct{})
	first := make(chan error)
	go func() {
		first <- r.Place(t.Context(), track(0, "first"), func() error {
			close(placing)
			<-fail
			return failure
		})
	}()
	<-placing
	second, _, err := r.Claim(track(0, "second"))
	if err != nil || second.name != "first" {
		t.Fatalf("Claim() = %s, %v, want the attempt that is being placed", second.name, err)
	}
	close(fail)
	if err := <-first; !errors.Is(err, failure) {
		t.Errorf("Place() = %v, want its own failure", err)
	}
	if err := second.AwaitPlaced(t.Context()); !errors.Is(err, failure) {
		t.Errorf("AwaitPlaced() of who waited = %v, want the failure", err)
	}
	if !r.Empty() {
		t.Error("the registry still has the attempt, want it forgotten")
	}
}

func TestRegistryWait(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	r, a := placed(t)
	if _, err := r.Wait(over, a.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait() of an attempt that runs = %v, want context.Canceled", err)
	}
	a.End(runner.Result{ExitCode: 3}, nil)
	a.End(runner.Result{}, runner.ErrLost) // too late
	if ids := r.List(); len(ids) != 0 {
		t.Errorf("List() = %v, want none: the attempt has ended", ids)
	}
	if got, err := r.Wait(over, a.ID); err != nil || got.ExitCode != 3 {
		t.Errorf("Wait() of an attempt that has ended = %+v, %v, want exit code 3", got, err)
	}
	if _, err := r.Wait(t.Context(), a.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("second Wait() = %v, want ErrLost", err)
	}
}

func TestRegistryRunning(t *testing.T) {
	t.Parallel()
	began, failure := time.Unix(1, 0), errors.New("no such image")
	for name, test := range map[string]struct {
		step func(*tracked)
		want time.Time
		err  error
		gone bool
	}{
		"Runs":        {func(a *tracked) { a.Runs(began) }, began, nil, false},
		"RunsTwice":   {func(a *tracked) { a.Runs(began); a.Runs(time.Unix(2, 0)) }, began, nil, false},
		"EndedUnseen": {func(a *tracked) { a.End(runner.Result{}, nil) }, time.Time{}, nil, false},
		"CannotStart": {func(a *tracked) { a.Fail(failure) }, time.Time{}, failure, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := placed(t)
			test.step(a)
			if got, err := r.Running(t.Context(), a.ID); !got.Equal(test.want) || !errors.Is(err, test.err) {
				t.Errorf("Running() = %v, %v, want %v, %v", got, err, test.want, test.err)
			}
			if got := r.Empty(); got != test.gone {
				t.Errorf("the attempt is forgotten: %t, want %t", got, test.gone)
			}
		})
	}
	r, a := placed(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Running(ctx, a.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("Running() of an attempt that is only placed = %v, want context.Canceled", err)
	}
	if _, err := r.Running(t.Context(), runner.ID{Task: 9}); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Running() of an unknown attempt = %v, want ErrLost", err)
	}
}

// A runner that forgets an attempt late must not forget the next one with its ID.
func TestRegistryForgetsOnlyTheSame(t *testing.T) {
	t.Parallel()
	r, old := placed(t)
	r.Forget(old)
	next := track(0, "next")
	if _, first, err := r.Claim(next); err != nil || !first {
		t.Fatalf("Claim() = %t, %v, want the first", first, err)
	}
	r.Forget(old)
	if got, ok := r.Find(next.ID); !ok || got != next {
		t.Errorf("Find() = %v, %t, want the next attempt", got, ok)
	}
}

func TestRegistryListIsSorted(t *testing.T) {
	t.Parallel()
	var r runner.Registry[*tracked]
	for _, task := range []int{2, 0, 1} {
		if _, _, err := r.Claim(track(task, "")); err != nil {
			t.Fatal(err)
		}
	}
	want := []runner.ID{track(0, "").ID, track(1, "").ID, track(2, "").ID}
	if got := r.List(); !slices.Equal(got, want) {
		t.Errorf("List() = %v, want %v", got, want)
	}
}

func TestRegistryClose(t *testing.T) {
	t.Parallel()
	r, a := placed(t)
	if !r.Close() || r.Close() {
		t.Error("Close() must report once that the registry was open")
	}
	_, _, claim := r.Claim(track(1, "late"))
	begin := r.Begin(func() { t.Error("Begin() calls its function after Close") })
	for name, err := range map[string]error{"Claim": claim, "Begin": begin} {
		if runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("%s() after Close() = %v, want UNAVAILABLE", name, err)
		}
	}
	a.End(runner.Result{}, runner.ErrDetached)
	if _, err := r.Wait(t.Context(), a.ID); !errors.Is(err, runner.ErrDetached) {
		t.Errorf("Wait() after Close() = %v, want how the attempt ended", err)
	}
}

// TestRegistryAdopts checks that an attempt which an earlier Runner left is adopted once, and that a
// closed registry leaves to the next Runner what the engine does not own.
func TestRegistryAdopts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		adopt []bool // by owners or others, in this order
		keeps bool
	}{
		"by nobody":                       {nil, false},
		"to go on with it":                {[]bool{true}, true},
		"to end it":                       {[]bool{false}, false},
		"to go on with it, and to end it": {[]bool{true, false}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := placed(t)
			left := track(1, "left")
			if err := r.ClaimLeft(left); err != nil {
				t.Fatal(err)
			}
			begun := 0
			for _, owned := range test.adopt {
				if err := r.Adopt(left, owned, func() { begun++ }); err != nil {
					t.Errorf("Adopt() = %v, want no error", err)
				}
			}
			if want := min(len(test.adopt), 1); begun != want {
				t.Errorf("it was begun %d times, want %d", begun, want)
			}
			r.Close()
			if _, keeps := r.Find(left.ID); keeps != test.keeps || left.Owned() != test.keeps {
				t.Errorf("after Close() it is there: %t, and owned: %t, want %t", keeps, left.Owned(), test.keeps)
			}
			if _, ok := r.Find(track(0, "").ID); !ok {
				t.Error("after Close() the attempt that was placed is gone")
			}
		})
	}
}

func TestRegistryAdoptsNothingOnceClosed(t *testing.T) {
	t.Parallel()
	var r runner.Registry[*tracked]
	left := track(0, "left")
	if err := r.ClaimLeft(left); err != nil {
		t.Fatal(err)
	}
	r.Close()
	err := r.Adopt(left, true, func() { t.Error("it was begun") })
	if runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("Adopt() = %v, want UNAVAILABLE", err)
	}
}
