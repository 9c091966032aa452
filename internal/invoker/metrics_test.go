package invoker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// reported returns what the invoker reports and is not 0, by name and labels. Of a
// histogram it is the number of observations.
func reported(t *testing.T, v *Invoker) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for _, m := range v.Metrics() {
		samples, err := m.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			value := s.Value
			if s.Distribution != nil {
				value = float64(s.Distribution.Count)
			}
			if value != 0 {
				found[m.Name[len("runwith_invoker_"):]+fmt.Sprint(s.Labels)] = value
			}
		}
	}
	return found
}

func wantReported(t *testing.T, v *Invoker, want map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(want, reported(t, v)); diff != "" {
		t.Errorf("metrics differ (-want +got):\n%s", diff)
	}
}

// TestMetrics counts a refused quota, a lost answer and a repeated request on the way to
// three ends.
func TestMetrics(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{life: time.Minute, run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			switch n {
			case 0:
				return nil, &runwith.Error{Code: runwith.ResourceExhausted, Message: "quota", Err: cause.RetryAfter(time.Second)}
			case 1:
				start()
				return nil, errors.New("the answer is lost")
			}
			return start(), nil
		}})
		<-v.Rebuilt()
		for range 2 {
			if _, _, err := v.Invoke(t.Context(), Request{Job: "report", Key: "once"}); err != nil {
				t.Fatal(err)
			}
		}
		ids := invokeN(t, v, 2)
		for _, id := range ids {
			wait(t, v, id)
		}
		time.Sleep(time.Hour)
		wantReported(t, v, map[string]float64{
			"accepted_total[report]": 3, "replayed_total[report]": 1, "quota_waits_total[runs]": 1,
			"start_outcomes_total[not_started]": 1, "start_outcomes_total[unknown]": 1, "start_outcomes_total[started]": 2,
			"started_total[report]": 3, "ended_total[report succeeded]": 3,
			"accept_to_start_seconds[report]": 3, "estimates_total[none]": 3,
		})
	})
}

// TestMetricsOfTheQueue reports how long the oldest invocation has waited.
func TestMetricsOfTheQueue(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{}, bounded(1, ledger.Queueing))
		ids := invokeN(t, v, 3)
		until(t, v, ids[0], runwith.StateRunning)
		time.Sleep(90 * time.Second)
		got := reported(t, v)
		if age := got["oldest_waiting_seconds[]"]; age < 90 || age > 95 {
			t.Errorf("the oldest waits for %v s, want 90", age)
		}
		if got["invocations[queued]"] != 2 || got["invocations[running]"] != 1 {
			t.Errorf("metrics = %v, want two queued and one running", got)
		}
		for _, id := range ids[1:] {
			if _, err := v.Cancel(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		got = reported(t, v)
		if got["ended_total[report cancelled]"] != 2 || got["oldest_waiting_seconds[]"] != 0 {
			t.Errorf("metrics = %v, want two cancelled, and none that waits", got)
		}
	})
}

// TestMetricsOfTwins counts an execution that was started twice.
func TestMetricsOfTwins(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{late: 10 * time.Minute, run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n == 0 {
				start()
				return nil, errors.New("the answer is lost")
			}
			return start(), nil
		}})
		i := invoke(t, v, runwith.Overrides{})
		until(t, v, i.ID, runwith.StateRunning)
		time.Sleep(time.Hour)
		if got := reported(t, v)["twins_total[]"]; got != 1 {
			t.Errorf("twins = %v, want 1", got)
		}
	})
}

// TestMetricsOfReplaced counts the ends of invocations that waited when a newcomer replaced them.
func TestMetricsOfReplaced(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{}, bounded(1, ledger.Replacing))
		first := invoke(t, v, runwith.Overrides{})
		until(t, v, first.ID, runwith.StateRunning)
		ids := invokeN(t, v, 3)
		until(t, v, ids[2], runwith.StateRunning)
		if got := reported(t, v); got["accepted_total[report]"] != 4 || got["ended_total[report cancelled]"] != 3 {
			t.Errorf("metrics = %v, want four accepted, and three cancelled", got)
		}
	})
}
