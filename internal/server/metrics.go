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
	process "github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/runwith/runwith/internal/metrics"
)

// metricTimeout limits the read of one metric.
const metricTimeout = 5 * time.Second

// exposition answers in Prometheus's text format.
type exposition struct {
	registry func() *prometheus.Registry // made for the first request
	log      *slog.Logger
}

func newExposition(c Config, all []metrics.Metric) *exposition {
	return &exposition{log: c.Logger, registry: sync.OnceValue(func() *prometheus.Registry {
		registry := prometheus.NewRegistry()
		build := prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "runwith_build_info", Help: "Version of the program; the value is always 1.",
			ConstLabels: prometheus.Labels{"version": cmp.Or(c.Version, "unknown"), "goversion": runtime.Version()},
		})
		build.Set(1)
		registry.MustRegister(build, process.NewProcessCollector(process.ProcessCollectorOpts{}))
		for _, c := range collectors(all) {
			registry.MustRegister(c)
		}
		return registry
	})}
}

// ServeHTTP writes all metrics. If some cannot be read, it writes the others and logs why.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
func (m *exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// collector reads the metrics of one name when it is asked for them. Several parts may
// report the same name, such as two databases, with other labels.
type collector struct {
	kind metrics.Kind
	desc *prometheus.Desc
	read []func(context.Context) ([]metrics.Sample, error)
}

// collectors returns one collector for each name.
func collectors(all []metrics.Metric) map[string]*collector {
	byName := map[string]*collector{}
	for _, m := range all {
		c := byName[m.Name]
		if c == nil {
			c = &collector{kind: m.Kind, desc: prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)}
			byName[m.Name] = c
		}
		c.read = append(c.read, m.Read)
	}
	return byName
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect implements [prometheus.Collector].
func (c *collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricTimeout)
	defer cancel()
	for _, read := range c.read {
		samples, err := read(ctx)
		if err != nil {
			to <- prometheus.NewInvalidMetric(c.desc, err)
			continue
		}
		for _, s := range samples {
			to <- c.sample(s)
		}
	}
}

func (c *collector) sample(s metrics.Sample) prometheus.Metric {
	switch {
	case s.Distribution != nil:
		return prometheus.MustNewConstHistogram(c.desc, s.Distribution.Count, s.Value, s.Distribution.Buckets, s.Labels...)
	case c.kind == metrics.CounterKind:
		return prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, s.Value, s.Labels...)
	}
	return prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, s.Value, s.Labels...)
}
