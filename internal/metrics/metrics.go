// Package metrics has the counters of both wings and of the common ground. Each part owns
// its counters and lists them in a method Metrics; package server reports them in
// Prometheus's format. Nothing here knows that format, or keeps a registry.
//
// An event costs one look into a map and one atomic addition, without a lock or an
// allocation. A counter that is nil counts nothing.
//
// Names follow https://prometheus.io/docs/practices/naming/: the prefix runwith_, base
// units, and the suffix _total for counters. Every label has a bounded set of values; see
// [Names] for the one whose values come from outside.
package metrics

import "context"

// Kind is the type of a metric.
type Kind int

// The kinds. The zero value is a gauge.
const (
	GaugeKind Kind = iota
	CounterKind
	HistogramKind
)

// Metric is what a server reports.
type Metric struct {
	Name, Help string
	Kind       Kind
	Labels     []string // their names
	// Read returns the current values. It is called for each request of /metrics.
	Read func(context.Context) ([]Sample, error)
}

// Sample is one value of a metric.
type Sample struct {
	Labels []string // their values
	Value  float64
	// Distribution is that of a histogram, whose Value is the sum.
	Distribution *Distribution
}

// Distribution counts observations.
type Distribution struct {
	Count   uint64
	Buckets map[float64]uint64 // observations up to each bound
}

// Gauge is a metric with one value, which is read when it is reported.
func Gauge(name, help string, read func(context.Context) (float64, error)) Metric {
	return Metric{Name: name, Help: help, Read: func(ctx context.Context) ([]Sample, error) {
		value, err := read(ctx)
		return []Sample{{Value: value}}, err
	}}
}

// Gauges is a metric with a value for each value of one label.
func Gauges(name, help, label string, read func(context.Context) (map[string]int, error)) Metric {
	return Metric{Name: name, Help: help, Labels: []string{label}, Read: func(ctx context.Context) ([]Sample, error) {
		values, err := read(ctx)
		samples := make([]Sample, 0, len(values))
		for of, value := range values {
			samples = append(samples, Sample{Labels: []string{of}, Value: float64(value)})
		}
		return samples, err
	}}
}
