package invoker

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
)

func TestWait(t *testing.T) {
	in(t, func(t *testing.T) {
		began := time.Now()
		c := &cloud{execution: func(name string) (*runpb.Execution, error) {
			if time.Since(began) < time.Minute {
				return &runpb.Execution{Name: name}, nil
			}
			return success(name), nil
		}}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		got, err := v.Wait(ctx, id)
		if !errors.Is(err, context.DeadlineExceeded) || got.State != runwith.StateRunning {
			t.Errorf("Wait() = %+v, %v, want the invocation as it is and %v", got, err, context.DeadlineExceeded)
		}
		if got := wait(t, v, id); got.State != runwith.StateSucceeded {
			t.Errorf("state = %v, want %v", got.State, runwith.StateSucceeded)
		}
		if took := time.Since(began); took > time.Minute+6*time.Second {
			t.Errorf("the wait took %v, the job a minute", took)
		}
		if n := v.store.(*sqlite.Store).Subscriptions(); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
}

// TestWaitIsWoken checks that a wait ends with the change, and not with a poll, which
// would come much too late.
func TestWaitIsWoken(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) {
			time.Sleep(10 * time.Second)
			return nil, runwith.Errorf(runwith.NotFound, "why")
		}}
		v := open(t, c)
		began := time.Now()
		wait(t, v, invoke(t, v, runwith.Overrides{}).ID)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the wait took %v, want the 10 s of the call and nothing more", took)
		}
	})
}

func TestWaitEndsWithTheInvoker(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		ended := make(chan error)
		go func() {
			_, err := v.Wait(t.Context(), id)
			ended <- err
		}()
		v.close()
		if err := <-ended; runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Wait() = %v, want UNAVAILABLE", err)
		}
		closeInvoker(t, v)
	})
}

func TestInvocationNotFound(t *testing.T) {
	t.Parallel()
	v := open(t, &cloud{})
	if _, err := v.Invocation(t.Context(), "nobody"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("Invocation() = %v, want NOT_FOUND", err)
	}
	if _, err := v.Wait(t.Context(), "nobody"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("Wait() = %v, want NOT_FOUND", err)
	}
	for _, err := range v.Logs(t.Context(), "nobody", LogQuery{Follow: true}) {
		if runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("Logs() = %v, want NOT_FOUND", err)
		}
	}
}

func TestInvocations(t *testing.T) {
	t.Parallel()
	v := open(t, &cloud{})
	var ids []string // newest first
	for n := range 7 {
		job := "report"
		if n%2 == 1 {
			job = "other"
		}
		i, _, err := v.Invoke(t.Context(), Request{Job: job})
		if err != nil {
			t.Fatal(err)
		}
		until(t, v, i.ID, runwith.StateRunning)
		ids = append([]string{i.ID}, ids...)
	}
	if one, err := v.Invocation(t.Context(), ids[0]); err != nil || len(one.History) != 3 || one.History[2].State != runwith.StateRunning {
		t.Errorf("history of one = %+v, %v, want accepted, starting, running", one.History, err)
	}
	// IDs never go back, so they may be ahead of the clock.
	begin, end := acceptedAt(t, ids[6]), acceptedAt(t, ids[0]).Add(time.Millisecond)
	list := func(f Filter) (listed []string, pages int) {
		for {
			page, next, err := v.Invocations(t.Context(), f)
			if err != nil {
				t.Fatalf("Invocations(%+v) = %v", f, err)
			}
			for _, i := range page {
				if listed = append(listed, i.ID); i.History != nil {
					t.Errorf("history in a list = %+v, want none", i.History)
				}
			}
			pages++
			if f.PageToken = next; next == "" {
				return listed, pages
			}
		}
	}
	for name, test := range map[string]struct {
		filter Filter
		want   []string
		pages  int
	}{
		"all":          {Filter{}, ids, 1},
		"pages of 3":   {Filter{PageSize: 3}, ids, 3},
		"pages of 7":   {Filter{PageSize: 7}, ids, 1},
		"a job":        {Filter{Job: "other", PageSize: 2}, []string{ids[1], ids[3], ids[5]}, 2},
		"a state":      {Filter{States: []runwith.State{runwith.StateRunning}}, ids, 1},
		"none such":    {Filter{States: []runwith.State{runwith.StateFailed}}, nil, 1},
		"states":       {Filter{States: []runwith.State{runwith.StateFailed, runwith.StateRunning, runwith.StateRunning}, PageSize: 3}, ids, 3},
		"before all":   {Filter{Before: begin}, nil, 1},
		"after begin":  {Filter{After: begin, Before: end, PageSize: 4}, ids, 2},
		"no reruns":    {Filter{RerunOf: ids[0]}, nil, 1},
		"nobody's":     {Filter{Caller: "nobody"}, nil, 1},
		"job and more": {Filter{Job: "report", States: []runwith.State{runwith.StateRunning}, PageSize: 4}, []string{ids[0], ids[2], ids[4], ids[6]}, 1},
	} {
		got, pages := list(test.filter)
		if diff := cmp.Diff(test.want, got); diff != "" || pages != test.pages {
			t.Errorf("%s: %d pages, want %d (-want +got):\n%s", name, pages, test.pages, diff)
		}
	}
	for _, f := range []Filter{{States: []runwith.State{"asleep"}}, {PageSize: -1}, {PageToken: "x"}} {
		if _, _, err := v.Invocations(t.Context(), f); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Invocations(%+v) = %v, want INVALID_ARGUMENT", f, err)
		}
	}
}

// acceptedAt returns the time in an ID.
func acceptedAt(t *testing.T, id string) time.Time {
	t.Helper()
	parsed, err := uuid.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(parsed.Time().UnixTime())
}

func TestJobs(t *testing.T) {
	t.Parallel()
	v := open(t, &cloud{})
	want := runwith.Job{Name: "report", Resource: "projects/demo/locations/us-east4/jobs/report", TaskCount: 1, Timeout: "0s",
		Containers: []runwith.Container{{Image: "report:1"}}}
	jobs, err := v.Jobs(t.Context())
	if diff := cmp.Diff([]runwith.Job{want}, jobs); diff != "" || err != nil {
		t.Errorf("Jobs() = %v (-want +got):\n%s", err, diff)
	}
	job, err := v.Job(t.Context(), "report")
	if diff := cmp.Diff(want, job); diff != "" || err != nil {
		t.Errorf("Job() = %v (-want +got):\n%s", err, diff)
	}
	if _, err := v.Job(t.Context(), "Bad/Name"); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("Job() = %v, want INVALID_ARGUMENT", err)
	}
}
