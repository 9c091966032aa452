package metrics

import (
	"context"
	"sync/atomic"
)

// Counter counts events, by up to two labels. Its methods may be called concurrently. A nil
// one counts nothing.
type Counter struct {
	name, help string
	labels     []string
	series     series[atomic.Uint64]
}

// NewCounter returns a counter. Its name ends in _total.
func NewCounter(name, help string, labels ...string) *Counter {
	return &Counter{name: name, help: help, labels: labels}
}

// With makes the counter report 0 for label values that are known before their first event,
// so that the first event is an increase. It returns the counter.
func (c *Counter) With(labels ...string) *Counter {
	c.Add(0, labels...)
	return c
}

// Inc counts one event.
func (c *Counter) Inc(labels ...string) { c.Add(1, labels...) }

// Add counts n events.
func (c *Counter) Add(n uint64, labels ...string) {
	if c != nil {
		c.series.at(valuesOf(labels), newNumber).Add(n)
	}
}

// Count returns the number of events so far.
func (c *Counter) Count(labels ...string) uint64 {
	if found := c.series.all()[valuesOf(labels)]; found != nil {
		return found.Load()
	}
	return 0
}

// Metric is what a server reports.
func (c *Counter) Metric() Metric {
	return Metric{Name: c.name, Help: c.help, Kind: CounterKind, Labels: c.labels, Read: func(context.Context) ([]Sample, error) {
		var samples []Sample
		for labels, n := range c.series.all() {
			samples = append(samples, Sample{Labels: labels.named(c.labels), Value: float64(n.Load())})
		}
		return samples, nil
	}}
}

func newNumber() *atomic.Uint64 { return new(atomic.Uint64) }

// named returns one value for each name.
func (v values) named(names []string) []string { return v[:len(names):len(names)] }
