package server

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// gaugeTimeout limits the read of one gauge.
const gaugeTimeout = 5 * time.Second

// Gauge is a metric that a site reports. It has one value for each value of its label.
type Gauge struct {
	// Name and Label follow Prometheus's rules for names.
	Name, Label string
	Help        string
	// Read returns the current values by the value of Label, which must come from a
	// small fixed set.
	Read func(context.Context) (map[string]int, error)
}

// metrics answers in Prometheus's text format.
type metrics struct {
	registry func() *prometheus.Registry // made for the first request
	log      *slog.Logger
}

func newMetrics(c Config, gauges []Gauge) *metrics {
	return &metrics{log: c.Logger, registry: sync.OnceValue(func() *prometheus.Registry {
		registry := prometheus.NewRegistry()
		build := prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "runwith_build_info", Help: "Version of the program; the value is always 1.",
			ConstLabels: prometheus.Labels{"version": cmp.Or(c.Version, "unknown"), "goversion": runtime.Version()},
		})
		build.Set(1)
		registry.MustRegister(build, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		for _, gauge := range gauges {
			registry.MustRegister(&collector{gauge, prometheus.NewDesc(gauge.Name, gauge.Help, []string{gauge.Label}, nil)})
		}
		return registry
	})}
}

// ServeHTTP writes all metrics. If some cannot be read, it writes the others and logs why.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	families, err := m.registry().Gather()
	if err != nil {
		m.log.WarnContext(r.Context(), "some metrics cannot be read", "error", err)
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	w.Header().Set("Content-Type", string(format))
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "process_network_") {
			continue // these count the traffic of all processes on this machine
		}
		if err := encoder.Encode(family); err != nil {
			return // the caller has left
		}
	}
}

// collector reads a gauge when it is asked for.
type collector struct {
	gauge Gauge
	desc  *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect implements [prometheus.Collector].
func (c *collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gaugeTimeout)
	defer cancel()
	values, err := c.gauge.Read(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(c.desc, err)
		return
	}
	for label, value := range values {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(value), label)
	}
}
