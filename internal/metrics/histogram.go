package metrics

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// Histogram counts durations by bucket, by up to two labels. Its methods may be called
// concurrently. A nil one counts nothing.
type Histogram struct {
	name, help string
	bounds     []time.Duration // ascending
	labels     []string
	series     series[buckets]
}

// buckets are the observations with one set of labels.
type buckets struct {
	counts []atomic.Uint64 // by bound, and those above the last one
	sum    atomic.Int64    // nanoseconds
}

// NewHistogram returns a histogram of durations, reported in seconds. Its name ends in
// _seconds. bounds are the upper bounds of its buckets, in ascending order.
func NewHistogram(name, help string, bounds []time.Duration, labels ...string) *Histogram {
	return &Histogram{name: name, help: help, bounds: bounds, labels: labels}
}

// Observe counts a duration. A negative one, after a change of the clock, counts as 0.
func (h *Histogram) Observe(d time.Duration, labels ...string) {
	if h == nil {
		return
	}
	d = max(0, d)
	b := h.series.at(valuesOf(labels), h.empty)
	i, _ := slices.BinarySearch(h.bounds, d)
	b.counts[i].Add(1)
	b.sum.Add(int64(d))
}

func (h *Histogram) empty() *buckets { return &buckets{counts: make([]atomic.Uint64, len(h.bounds)+1)} }

// Metric is what a server reports.
func (h *Histogram) Metric() Metric {
	return Metric{Name: h.name, Help: h.help, Kind: HistogramKind, Labels: h.labels, Read: func(context.Context) ([]Sample, error) {
		var samples []Sample
		for labels, b := range h.series.all() {
			samples = append(samples, Sample{
				Labels: labels.named(h.labels), Value: time.Duration(b.sum.Load()).Seconds(), Distribution: h.distribution(b),
			})
		}
		return samples, nil
	}}
}

// distribution adds the buckets up, as Prometheus counts them.
func (h *Histogram) distribution(b *buckets) *Distribution {
	d := &Distribution{Buckets: make(map[float64]uint64, len(h.bounds))}
	for i := range b.counts {
		d.Count += b.counts[i].Load()
		if i < len(h.bounds) {
			d.Buckets[h.bounds[i].Seconds()] = d.Count
		}
	}
	return d
}
