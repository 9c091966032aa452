package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine/emulator"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/metrics"
	"github.com/runwith/runwith/internal/principal"
)

// allMetrics returns what runwith up reports, and a store in PostgreSQL, without what every server
// does.
func allMetrics(t *testing.T) []metrics.Metric {
	t.Helper()
	const addr = "127.0.0.1:1" // nothing is called
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	e, err := emulator.Open(t.Context(), emulator.Config{Dir: t.TempDir(), Addr: addr, Project: "demo", Region: "us-east4", Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	var f invokerFlags
	f.add(&cobra.Command{})
	config := filepath.Join(t.TempDir(), "runwith.yaml")
	if err := os.WriteFile(config, []byte("jobs: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	callers, err := openConfiguration(config, nil, logger, func(*configfile.File) *principal.Principal { return nil })
	if err != nil {
		t.Fatal(err)
	}
	i, err := openInvoker(t.Context(), t.TempDir(), cloudrun.Config{Endpoint: "http://" + addr, Project: "demo", Region: "us-east4", Logger: logger}, f, callers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	all := append(i.addTo(e.Site(), "/api/").Metrics, new(postgres.Store).Metrics()...)
	slices.SortFunc(all, func(a, b metrics.Metric) int { return cmp.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b metrics.Metric) bool { return a.Name == b.Name }) // both databases
}

// metricRow is a metric's row in docs/operations.md.
func metricRow(m metrics.Metric) string {
	kind := [...]string{metrics.GaugeKind: "gauge", metrics.CounterKind: "counter", metrics.HistogramKind: "histogram"}[m.Kind]
	labels := make([]string, len(m.Labels))
	for i, label := range m.Labels {
		labels[i] = "`" + label + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", m.Name, kind, cmp.Or(strings.Join(labels, ", "), "none"), m.Help)
}

// TestOperationsListsEveryMetric compares the table of docs/operations.md with what the
// servers report.
func TestOperationsListsEveryMetric(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range allMetrics(t) {
		want = append(want, metricRow(m))
	}
	got := regexp.MustCompile("(?m)^\\| `runwith_[a-z_]+` \\| (?:gauge|counter|histogram) .*$").FindAllString(string(text), -1)
	if !slices.Equal(got, want) {
		t.Errorf("the metrics in docs/operations.md differ from the program's, which are:\n%s", strings.Join(want, "\n"))
	}
}

// TestMetricNames checks Prometheus's conventions.
// https://prometheus.io/docs/practices/naming/
func TestMetricNames(t *testing.T) {
	t.Parallel()
	for _, m := range allMetrics(t) {
		if !regexp.MustCompile(`^runwith_[a-z]+(_[a-z]+)+$`).MatchString(m.Name) {
			t.Errorf("%s: want words in lower case behind runwith_", m.Name)
		}
		if total := strings.HasSuffix(m.Name, "_total"); total != (m.Kind == metrics.CounterKind) {
			t.Errorf("%s: only counters end in _total", m.Name)
		}
		if m.Kind == metrics.HistogramKind && !strings.HasSuffix(m.Name, "_seconds") {
			t.Errorf("%s: durations end in _seconds", m.Name)
		}
		if !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: help %q is no sentence", m.Name, m.Help)
		}
	}
}
