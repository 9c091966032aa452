package invoker

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/testneed"
)

// oneTask is a page with one task of 90 s, of an execution of any time.
func oneTask(string, string) ([]*runpb.Task, string, error) {
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when the fake clock does
	return []*runpb.Task{{
		Containers: []*runpb.Container{{}}, StartTime: timestamppb.New(began), CompletionTime: timestamppb.New(began.Add(90 * time.Second)),
	}}, "", nil
}

// ninetySeconds is what 90 s of one vCPU and 512 MiB cost in us-east4, which has no known prices.
var ninetySeconds = runwith.Usage{VCPUSeconds: 90, GiBSeconds: 45, USD: 0.00171, Basis: runwith.UsageFromTasks, Prices: "2026-11-28", PricedAs: "us-central1"}

// used returns the usage of an invocation once it is known, for a day of the fake clock at most.
func used(t *testing.T, v *Invoker, id string) runwith.Usage {
	t.Helper()
	for range 24 * 60 {
		if i := now(t, v, id); i.Usage != nil {
			return *i.Usage
		}
		time.Sleep(time.Minute)
	}
	t.Fatalf("usage of %s is still unknown after a day", id)
	return runwith.Usage{}
}

// sumOf returns what the invocations of this month have used.
func sumOf(t *testing.T, v *Invoker) store.UsageSum {
	t.Helper()
	sums, err := v.store.SumUsage(t.Context(), store.UsageQuery{Month: ledger.MonthOf(time.Now())})
	if err != nil || len(sums) != 1 {
		t.Fatalf("SumUsage() = %+v, %v, want one sum", sums, err)
	}
	return sums[0]
}

// TestUsageIsEstimated checks that an end is told before the estimate, and that it costs one
// list of tasks.
func TestUsageIsEstimated(t *testing.T) {
	in(t, func(t *testing.T) {
		var lists atomic.Int32
		v := open(t, &cloud{life: time.Minute, tasks: func(execution, token string) ([]*runpb.Task, string, error) {
			lists.Add(1)
			return oneTask(execution, token)
		}})
		id := invoke(t, v, runwith.Overrides{}).ID
		if i := wait(t, v, id); i.Usage != nil {
			t.Errorf("usage at the end = %+v, want none yet", i.Usage)
		}
		version := record(t, v, id).Version
		if diff := cmp.Diff(ninetySeconds, used(t, v, id)); diff != "" {
			t.Errorf("usage (-want +got):\n%s", diff)
		}
		if got := record(t, v, id).Version; got != version+1 {
			t.Errorf("version after the estimate = %d, want %d", got, version+1)
		}
		time.Sleep(time.Hour)
		if got := lists.Load(); got != 1 {
			t.Errorf("lists of tasks = %d, want 1", got)
		}
	})
}

// TestUsageWithoutTasks checks the estimate of an execution whose tasks are gone, and of one
// that is gone with its job.
func TestUsageWithoutTasks(t *testing.T) {
	in(t, func(t *testing.T) {
		gone := runwith.Errorf(runwith.NotFound, "why")
		c := &cloud{life: time.Minute, tasks: func(string, string) ([]*runpb.Task, string, error) { return nil, "", gone }}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		wait(t, v, id)
		if got := used(t, v, id); got.Basis != runwith.UsageFromNothing || got.VCPUSeconds != 0 { // it has no times
			t.Errorf("usage of an execution without times = %+v, want none", got)
		}
		began := timestamppb.New(time.Now())
		ended := &runpb.Execution{StartTime: began, CompletionTime: timestamppb.New(began.AsTime().Add(90 * time.Second)),
			SucceededCount: 1, Conditions: []*runpb.Condition{{Type: "Completed", State: runpb.Condition_CONDITION_SUCCEEDED}}}
		c.change(func() { c.execution = func(string) (*runpb.Execution, error) { return ended, nil } })
		id = invoke(t, v, runwith.Overrides{}).ID
		wait(t, v, id)
		want := ninetySeconds
		want.Basis = runwith.UsageFromExecution
		if diff := cmp.Diff(want, used(t, v, id)); diff != "" {
			t.Errorf("usage of an execution without tasks (-want +got):\n%s", diff)
		}
	})
}

// TestUsageSurvivesCrashes checks that a failing Cloud Run and a restart delay an estimate, and
// that nothing is counted twice.
func TestUsageSurvivesCrashes(t *testing.T) {
	testneed.Long(t)
	in(t, func(t *testing.T) {
		var failing atomic.Bool
		failing.Store(true)
		c := &cloud{life: time.Minute, tasks: func(execution, token string) ([]*runpb.Task, string, error) {
			if failing.Load() {
				return nil, "", runwith.Errorf(runwith.Unavailable, "why")
			}
			return oneTask(execution, token)
		}}
		path := filepath.Join(t.TempDir(), "invoker.db")
		v := reopen(t, c, path)
		ids := invokeN(t, v, 250)
		for _, id := range ids {
			wait(t, v, id)
		}
		time.Sleep(time.Hour)
		if i := now(t, v, ids[0]); i.Usage != nil {
			t.Errorf("usage while Cloud Run does not answer = %+v, want none", i.Usage)
		}
		for range 3 {
			closeInvoker(t, v)
			v = reopen(t, c, path)
			<-v.Rebuilt()
			failing.Store(false)
			time.Sleep(5 * time.Second) // some of them
		}
		for _, id := range ids {
			if diff := cmp.Diff(ninetySeconds, used(t, v, id)); diff != "" {
				t.Fatalf("usage (-want +got):\n%s", diff)
			}
		}
		want := store.UsageSum{Name: "report", Invocations: 250, Tasks: 250, Cost: ledger.Cost{VCPU: 250 * 90_000, Memory: 250 * 45_000, Money: 250 * 1_710_000}}
		if diff := cmp.Diff(want, sumOf(t, v)); diff != "" {
			t.Errorf("sum (-want +got):\n%s", diff)
		}
	})
}

// TestUsageOfPages checks an execution whose tasks come in pages, and one of whose pages fails
// at first.
func TestUsageOfPages(t *testing.T) {
	in(t, func(t *testing.T) {
		var failed atomic.Bool
		v := open(t, &cloud{life: time.Minute, tasks: func(execution, token string) ([]*runpb.Task, string, error) {
			page, _, err := oneTask(execution, token)
			switch {
			case token == "":
				return page, "next", err
			case failed.CompareAndSwap(false, true):
				return nil, "", runwith.Errorf(runwith.Internal, "why")
			}
			return page, "", err
		}})
		id := invoke(t, v, runwith.Overrides{}).ID
		wait(t, v, id)
		if got := used(t, v, id); got.VCPUSeconds != 180 {
			t.Errorf("vCPU-seconds of two pages = %v, want 180", got.VCPUSeconds)
		}
	})
}

// TestEstimatesLeaveReads checks that estimates use a quarter of the quota of reads at most.
func TestEstimatesLeaveReads(t *testing.T) {
	in(t, func(t *testing.T) {
		var lists atomic.Int32
		c := &cloud{life: time.Minute, tasks: func(execution, token string) ([]*runpb.Task, string, error) {
			lists.Add(1)
			return oneTask(execution, token)
		}}
		v := open(t, c, func(c *Config) { c.Limits.Reads = 60 })
		for _, id := range invokeN(t, v, 100) {
			wait(t, v, id)
		}
		before := lists.Load()
		time.Sleep(4 * time.Minute)
		if n := lists.Load() - before; n == 0 || n > 4*15+1 {
			t.Errorf("estimates in four minutes with a quota of 60 reads a minute = %d, want some, and 61 at most", n)
		}
	})
}
