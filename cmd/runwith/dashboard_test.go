package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/model"

	"github.com/runwith/runwith/internal/metrics"
)

// known returns the labels of every metric that a query may name.
func known(t *testing.T) map[string][]string {
	t.Helper()
	names := map[string][]string{
		"runwith_build_info":            {"version", "goversion"},
		"runwith_server_panics_total":   {"protocol"},
		"process_resident_memory_bytes": nil,
	}
	for _, m := range allMetrics(t) {
		names[m.Name] = m.Labels
		if m.Kind == metrics.HistogramKind {
			delete(names, m.Name) // Prometheus has only its parts
			names[m.Name+"_bucket"] = append([]string{"le"}, m.Labels...)
			names[m.Name+"_sum"], names[m.Name+"_count"] = m.Labels, m.Labels
		}
	}
	return names
}

var (
	namePattern     = regexp.MustCompile(`\b(?:runwith|process)_[a-z_]+\b`)
	selectorPattern = regexp.MustCompile(`\b((?:runwith|process)_[a-z_]+)\{([^}]*)\}`)
	matcherPattern  = regexp.MustCompile(`^\s*([a-z_]+)\s*(?:=|!=|=~|!~)\s*"[^"]*"\s*$`)
	groupingPattern = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
	referPattern    = regexp.MustCompile(`(?:\$labels\.|\{\{)([a-z_]+)`)
)

// checkQuery checks the names and labels of a query, and that its brackets are in pairs. It
// is not Prometheus's parser, which would bring a hundred modules along.
func checkQuery(t *testing.T, where, query string, metrics map[string][]string) {
	t.Helper()
	var has []string
	for _, name := range namePattern.FindAllString(query, -1) {
		labels, ok := metrics[name]
		if !ok {
			t.Errorf("%s: there is no metric %s", where, name)
		}
		has = append(has, labels...)
	}
	if len(has) == 0 && !namePattern.MatchString(query) {
		t.Errorf("%s: %q has no metric of runwith", where, query)
	}
	for _, selector := range selectorPattern.FindAllStringSubmatch(query, -1) {
		for matcher := range strings.SplitSeq(selector[2], ",") {
			m := matcherPattern.FindStringSubmatch(matcher)
			if m == nil || m[1] != "instance" && !slices.Contains(metrics[selector[1]], m[1]) {
				t.Errorf("%s: %s has no label as in %s", where, selector[1], matcher)
			}
		}
	}
	for _, grouping := range groupingPattern.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(grouping[1], ",") {
			if label = strings.TrimSpace(label); label != "instance" && !slices.Contains(has, label) {
				t.Errorf("%s: no metric of %q has the label %s", where, query, label)
			}
		}
	}
	var open []rune
	for _, r := range query {
		switch i := strings.IndexRune(")]}", r); {
		case strings.ContainsRune("([{", r):
			open = append(open, r)
		case i < 0:
		case len(open) == 0 || open[len(open)-1] != rune("([{"[i]):
			t.Fatalf("%s: the brackets of %q are not in pairs", where, query)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("%s: the brackets of %q are not in pairs", where, query)
	}
}

// TestAlerts checks deploy/prometheus/alerts.yaml, and that docs/operations.md says what to
// do about each alert.
func TestAlerts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	metrics, alerts := known(t), map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			checkQuery(t, rule.Alert, rule.Expr, metrics)
			if rule.Alert == "" {
				t.Errorf("alert %+v has no name", rule)
			}
			if alerts[rule.Alert] {
				t.Errorf("two alerts have the name %s", rule.Alert)
			}
			if rule.Labels["severity"] == "" {
				t.Errorf("alert %s has no severity", rule.Alert)
			}
			if rule.Annotations["summary"] == "" {
				t.Errorf("alert %s has no summary", rule.Alert)
			}
			alerts[rule.Alert] = true
			if _, err := model.ParseDuration(rule.For); rule.For != "" && err != nil {
				t.Errorf("alert %s: for: %v", rule.Alert, err)
			}
			for _, label := range referPattern.FindAllStringSubmatch(rule.Annotations["summary"], -1) {
				if !strings.Contains(rule.Expr, label[1]) && rule.Alert != "RunwithCallbacksGivenUp" && rule.Alert != "RunwithIssuerDown" {
					t.Errorf("alert %s: its summary names %s, which the expression does not keep", rule.Alert, label[1])
				}
			}
			if !strings.Contains(string(document), "| `"+rule.Alert+"` |") {
				t.Errorf("docs/operations.md has no row about %s", rule.Alert)
			}
		}
	}
	if len(alerts) == 0 {
		t.Error("there are no alerts")
	}
}

// TestDashboard checks deploy/grafana/runwith.json, and that it shows every metric that is
// not in the list.
func TestDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "grafana", "runwith.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Templating struct {
			List []struct{ Name, Query string }
		}
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ RefID, Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	metrics, ids := known(t), map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] {
			t.Errorf("two panels have the ID %d", panel.ID)
		}
		if panel.Title == "" {
			t.Errorf("panel %+v has no title", panel)
		}
		if end := panel.GridPos.X + panel.GridPos.W; end > 24 {
			t.Errorf("panel %s ends in column %d, want at most 24", panel.Title, end)
		}
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %s has no query", panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			checkQuery(t, panel.Title, target.Expr, metrics)
			for _, label := range referPattern.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !strings.Contains(target.Expr, label[1]) {
					t.Errorf("panel %s: its legend names %s, which %q does not keep", panel.Title, label[1], target.Expr)
				}
			}
		}
	}
	unseen := []string{ // seldom of use in a graph
		"runwith_auth_credential_last_used_timestamp_seconds", "runwith_auth_issuer_reads_total", "runwith_auth_issuer_up",
		"runwith_config_up_to_date", "runwith_config_used_timestamp_seconds", "runwith_engine_executions", "runwith_invoker_unresolved_total",
		"runwith_invoker_estimates_total", "runwith_schedule_entries",
	}
	for name := range metrics {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if !strings.Contains(string(text), base) && !slices.Contains(unseen, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}
