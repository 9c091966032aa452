package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/runwith/runwith/internal/metrics"
)

// read returns the samples of a metric by the values of its labels.
func read(t *testing.T, m metrics.Metric) map[string]metrics.Sample {
	t.Helper()
	samples, err := m.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]metrics.Sample{}
	for _, s := range samples {
		if len(s.Labels) != len(m.Labels) {
			t.Errorf("%s: %d values for the labels %v", m.Name, len(s.Labels), m.Labels)
		}
		found[fmt.Sprint(s.Labels)] = s
	}
	return found
}

func TestCounter(t *testing.T) {
	t.Parallel()
	c := metrics.NewCounter("runwith_things_total", "Things.", "job", "state").With("a", "failed")
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			c.Inc("a", "succeeded")
			c.Add(2, "b", "succeeded")
		})
	}
	all.Wait()
	m := c.Metric()
	if m.Name != "runwith_things_total" || m.Kind != metrics.CounterKind {
		t.Errorf("metric = %s of kind %d, want the counter", m.Name, m.Kind)
	}
	got := map[string]float64{}
	for labels, s := range read(t, m) {
		got[labels] = s.Value
	}
	want := map[string]float64{"[a succeeded]": 100, "[b succeeded]": 200, "[a failed]": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples differ (-want +got):\n%s", diff)
	}
	if n := c.Count("b", "succeeded"); n != 200 {
		t.Errorf("count = %d, want 200", n)
	}
	if n := c.Count("c", "succeeded"); n != 0 {
		t.Errorf("count of unknown labels = %d, want 0", n)
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	h := metrics.NewHistogram("runwith_wait_seconds", "Waits.", []time.Duration{10 * time.Millisecond, time.Second})
	for _, d := range []time.Duration{-time.Hour, 10 * time.Millisecond, 11 * time.Millisecond, time.Second, time.Minute} {
		h.Observe(d)
	}
	want := map[string]metrics.Sample{"[]": {
		Value: 61.021, Distribution: &metrics.Distribution{Count: 5, Buckets: map[float64]uint64{0.01: 2, 1: 4}},
	}}
	if diff := cmp.Diff(want, read(t, h.Metric()), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("samples differ (-want +got):\n%s", diff)
	}
}

func TestNilCountsNothing(t *testing.T) {
	t.Parallel()
	var (
		c *metrics.Counter
		h *metrics.Histogram
	)
	c.Inc()
	h.Observe(time.Second)
}

func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	var n metrics.Names
	for i := range 100 {
		if name := fmt.Sprint("job-", i); n.Label(name) != name {
			t.Fatalf("label of %s = %s, want its name", name, n.Label(name))
		}
	}
	if got := n.Label("one-more"); got != metrics.Other {
		t.Errorf("label of the 101st name = %s, want %s", got, metrics.Other)
	}
	if got := n.Label("job-7"); got != "job-7" {
		t.Errorf("label of an earlier name = %s, want job-7", got)
	}
}

func TestGauges(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	one := metrics.Gauge("runwith_one", "One.", func(context.Context) (float64, error) { return 1.5, nil })
	many := metrics.Gauges("runwith_many", "Many.", "state", func(context.Context) (map[string]int, error) {
		return map[string]int{"a": 1, "b": 2}, nil
	})
	bad := metrics.Gauge("runwith_bad", "Bad.", func(context.Context) (float64, error) { return 0, broken })
	if got := read(t, one)["[]"].Value; got != 1.5 {
		t.Errorf("gauge = %v, want 1.5", got)
	}
	if got := read(t, many); got["[a]"].Value != 1 || got["[b]"].Value != 2 {
		t.Errorf("gauges = %v, want a and b", got)
	}
	if _, err := bad.Read(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error = %v, want that of the gauge", err)
	}
}

// An event on a hot path allocates nothing.
func TestEventsDoNotAllocate(t *testing.T) {
	c := metrics.NewCounter("runwith_things_total", "Things.", "job", "state")
	h := metrics.NewHistogram("runwith_wait_seconds", "Waits.", []time.Duration{time.Second}, "job")
	var n metrics.Names
	event := func() {
		job := n.Label("job-1")
		c.Inc(job, "failed")
		h.Observe(time.Millisecond, job)
	}
	event()
	if allocs := testing.AllocsPerRun(100, event); allocs != 0 {
		t.Errorf("an event makes %v allocations, want none", allocs)
	}
}

func BenchmarkCounter(b *testing.B) {
	c := metrics.NewCounter("runwith_things_total", "Things.", "job", "state")
	for b.Loop() {
		c.Inc("nightly", "failed")
	}
}
