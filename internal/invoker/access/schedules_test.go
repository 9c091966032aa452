package access_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/schedule"
	"github.com/runwith/runwith/internal/principal"
)

// schedules have one schedule of each job.
type schedules struct{}

func (s *schedules) List(context.Context) (all []runwith.Schedule, _ error) {
	for _, name := range []string{"reindex", "hidden"} {
		one, _ := s.Schedule(context.Background(), name)
		all = append(all, one)
	}
	return all, nil
}

func (s *schedules) Schedule(_ context.Context, name string) (runwith.Schedule, error) {
	if name == "new" {
		return runwith.Schedule{}, runwith.Errorf(runwith.NotFound, "there is no schedule %q", name)
	}
	return runwith.Schedule{Name: name, ScheduleSpec: runwith.ScheduleSpec{
		Job: name, Parameters: map[string]any{"tenant": "acme"}, Overrides: &runwith.Overrides{Args: []string{"acme"}},
	}}, nil
}

// change returns a schedule that the caller may change.
func (s *schedules) change(name string, may schedule.Permit) (runwith.Schedule, error) {
	found, err := s.Schedule(context.Background(), name)
	if err == nil {
		err = may(found.Job)
	}
	return found, err
}

func (s *schedules) Put(_ context.Context, name string, spec runwith.ScheduleSpec, may schedule.Permit) (runwith.Schedule, bool, error) {
	if spec.Job == "" {
		return runwith.Schedule{}, false, runwith.Errorf(runwith.InvalidArgument, "job is required")
	}
	if _, err := s.change(name, may); err != nil && name != "new" {
		return runwith.Schedule{}, false, err
	}
	return runwith.Schedule{Name: name, ScheduleSpec: spec}, true, nil
}

func (s *schedules) Delete(_ context.Context, name string, may schedule.Permit) error {
	_, err := s.change(name, may)
	return err
}

func (s *schedules) Pause(_ context.Context, name string, may schedule.Permit) (runwith.Schedule, error) {
	return s.change(name, may)
}

func (s *schedules) Resume(_ context.Context, name string, may schedule.Permit) (runwith.Schedule, error) {
	return s.change(name, may)
}

func (s *schedules) Run(_ context.Context, name, _ string, may schedule.Permit) (runwith.Invocation, bool, error) {
	_, err := s.change(name, may)
	return runwith.Invocation{Job: name}, false, err
}

func (s *schedules) Next(_ context.Context, name string, _ int) ([]time.Time, error) {
	_, err := s.Schedule(context.Background(), name)
	return nil, err
}

// TestSchedulesAreSeenByJob lists which callers see which schedules, and what each may do.
func TestSchedulesAreSeenByJob(t *testing.T) {
	t.Parallel()
	p := compile(t, config)
	current := func() *policy.Policy { return p }
	const no, denied = runwith.NotFound, runwith.PermissionDenied
	for who, want := range map[string]struct {
		listed                           int
		reads, pauses, runs, puts, hides runwith.Code
	}{
		"starter":  {1, 0, denied, 0, denied, no},
		"viewer":   {1, 0, denied, denied, denied, no},
		"operator": {2, 0, 0, denied, denied, 0},
		"valued":   {2, 0, denied, denied, denied, 0},
		"stranger": {0, no, no, no, no, no},
		"":         {1, 0, denied, 0, denied, no},
	} {
		next := &schedules{}
		s := access.NewSchedules(next, access.New(&fake{}, current))
		ctx := principal.With(t.Context(), principal.Principal{Name: who})
		all, _ := s.List(ctx)
		if len(all) != want.listed {
			t.Errorf("%q lists %d schedules, want %d", who, len(all), want.listed)
		}
		_, read := s.Schedule(ctx, "reindex")
		_, listed := s.Next(ctx, "reindex", 1)
		_, paused := s.Pause(ctx, "reindex")
		_, resumed := s.Resume(ctx, "reindex")
		_, _, run := s.Run(ctx, "reindex", "")
		_, _, put := s.Put(ctx, "new", runwith.ScheduleSpec{Job: "reindex"})
		_, _, replaced := s.Put(ctx, "reindex", runwith.ScheduleSpec{Job: "reindex"})
		deleted := s.Delete(ctx, "reindex")
		_, hidden := s.Schedule(ctx, "hidden")
		for what, got := range map[string]struct {
			err  error
			want runwith.Code
		}{
			"read": {read, want.reads}, "next": {listed, want.reads}, "pause": {paused, want.pauses}, "resume": {resumed, want.pauses},
			"run": {run, want.runs}, "put": {put, want.puts}, "replace": {replaced, want.puts}, "delete": {deleted, want.puts}, "hidden": {hidden, want.hides},
		} {
			if runwith.CodeOf(got.err) != got.want {
				t.Errorf("%s by %q = %v, want code %v", what, who, got.err, got.want)
			}
		}
	}
}

// TestPutHidesNames puts a schedule that the caller may not make, or that is refused. The answer
// is the same for an unused name and for the name of a schedule that the caller may not see.
func TestPutHidesNames(t *testing.T) {
	t.Parallel()
	p := compile(t, config)
	for _, who := range []string{"starter", "viewer", "stranger", ""} {
		for _, job := range []string{"reindex", "hidden", "missing", ""} {
			s := access.NewSchedules(&schedules{}, access.New(&fake{}, func() *policy.Policy { return p }))
			ctx := principal.With(t.Context(), principal.Principal{Name: who})
			_, _, unused := s.Put(ctx, "new", runwith.ScheduleSpec{Job: job})
			_, _, hidden := s.Put(ctx, "hidden", runwith.ScheduleSpec{Job: job})
			if unused == nil || fmt.Sprint(unused) != fmt.Sprint(hidden) {
				t.Errorf("Put() for job %q by %q = %v with an unused name, and %v with a hidden one, want the same error", job, who, unused, hidden)
			}
		}
	}
}

func TestSchedulesMaskValues(t *testing.T) {
	t.Parallel()
	p := compile(t, config)
	for who, want := range map[string]string{"viewer": "***", "valued": "acme"} {
		s := access.NewSchedules(&schedules{}, access.New(&fake{}, func() *policy.Policy { return p }))
		one, err := s.Schedule(principal.With(t.Context(), principal.Principal{Name: who}), "reindex")
		if got := fmt.Sprint(one.Parameters["tenant"], one.Overrides.Args); err != nil || got != want+"["+want+"]" {
			t.Errorf("%s sees %s, %v, want %s", who, got, err, want)
		}
	}
}

// TestLaunchRepeats launches for a job that the policy no longer has.
func TestLaunchRepeats(t *testing.T) {
	t.Parallel()
	p := compile(t, "jobs: {other: {}}")
	a := access.New(&fake{}, func() *policy.Policy { return p })
	l := invoker.Launch{Source: runwith.Source{Trigger: "a"}, Job: "gone", Key: "known"}
	if i, repeats, err := a.Launch(t.Context(), l); err != nil || !repeats || i.ID != id {
		t.Errorf("Launch() with a known key = %+v, %v, %v, want the invocation", i, repeats, err)
	}
	if i, found, err := a.Launched(t.Context(), l); err != nil || !found || i.ID != id {
		t.Errorf("Launched() with a known key = %+v, %v, %v, want the invocation", i, found, err)
	}
	for _, key := range []string{"", "new"} {
		l.Key = key
		if _, _, err := a.Launch(t.Context(), l); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("Launch() with key %q = %v, want NOT_FOUND", key, err)
		}
		if _, found, err := a.Launched(t.Context(), l); err != nil || found {
			t.Errorf("Launched() with key %q = %v, %v, want none", key, found, err)
		}
	}
}

// TestLaunchByHand checks that a caller's rates count when it starts a schedule by hand, and not when
// the clock does.
func TestLaunchByHand(t *testing.T) {
	t.Parallel()
	p := compile(t, `
callers: {docs: {oidc: {issuer: google, subject: "1", audience: x}, grants: [start], rate: 10/min}}
jobs: {a: {callerRate: 5/min}}`)
	ctx := principal.With(t.Context(), principal.Principal{Name: "docs", Proof: principal.Token})
	for _, byHand := range []bool{true, false} {
		f := &fake{}
		l := invoker.Launch{Source: runwith.Source{Schedule: "nightly", Slot: time.Now(), Manual: byHand}, Job: "a"}
		if _, _, err := access.New(f, func() *policy.Policy { return p }).Launch(ctx, l); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, bucket := range f.request.Terms.Buckets {
			names = append(names, bucket.Name)
		}
		want := []string{"caller/schedule/nightly/a"}
		if byHand {
			want = append(want, "caller/docs", "caller/docs/a")
		}
		if !slices.Equal(names, want) {
			t.Errorf("by hand %v: rates = %q, want %q", byHand, names, want)
		}
	}
}

// TestLaunchSlot launches for a job with its own concurrency, which decides.
func TestLaunchSlot(t *testing.T) {
	t.Parallel()
	p := compile(t, "jobs: {free: {}, bound: {concurrency: {limit: 3}}}")
	for job, want := range map[string]string{"free": "schedule/a", "bound": "bound"} {
		f := &fake{}
		l := invoker.Launch{Source: runwith.Source{Schedule: "a", Slot: time.Now()}, Job: job}
		l.Slot.Key, l.Slot.Limit = "schedule/a", 1
		if _, _, err := access.New(f, func() *policy.Policy { return p }).Launch(t.Context(), l); err != nil || f.request.Terms.Slot.Key != want {
			t.Errorf("slot of %s = %q, %v, want %q", job, f.request.Terms.Slot.Key, err, want)
		}
	}
}
