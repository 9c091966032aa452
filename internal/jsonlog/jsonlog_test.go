package jsonlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jsonlog"
)

// written decodes the lines of a log.
func written(t *testing.T, out []byte) (records []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(out) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		records = append(records, record)
	}
	return records
}

func TestRecord(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(jsonlog.New(&out, jsonlog.Options{Level: slog.LevelDebug}))
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		log.Log(t.Context(), level, "two\nlines", "invocation", "0199", "error", errors.New("why"), "wait", 1500*time.Millisecond, "code", runwith.Unavailable, "at", time.Unix(0, 0).UTC())
	}
	var severities []string
	for _, record := range written(t, out.Bytes()) {
		severities = append(severities, record["severity"].(string))
		if _, err := time.Parse(time.RFC3339Nano, record["time"].(string)); err != nil {
			t.Errorf("time = %v: %v", record["time"], err)
		}
		delete(record, "time")
		delete(record, "severity")
		want := map[string]any{"message": "two\nlines", "invocation": "0199", "error": "why", "wait": "1.5s", "code": "UNAVAILABLE", "at": "1970-01-01T00:00:00Z"}
		if diff := cmp.Diff(want, record); diff != "" {
			t.Errorf("record differs (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]string{"DEBUG", "INFO", "WARNING", "ERROR"}, severities); diff != "" {
		t.Errorf("severities differ (-want +got):\n%s", diff)
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(jsonlog.New(&out, jsonlog.Options{Level: slog.LevelWarn}))
	log.Info("no")
	log.Warn("yes")
	if records := written(t, out.Bytes()); len(records) != 1 || records[0]["message"] != "yes" {
		t.Errorf("records = %v, want the warning alone", records)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	in := func(context.Context) jsonlog.Span { return jsonlog.Span{Trace: trace, ID: span, Sampled: true} }
	want := map[string]any{
		"logging.googleapis.com/trace":         "projects/demo/traces/" + trace,
		"logging.googleapis.com/spanId":        span,
		"logging.googleapis.com/trace_sampled": true,
	}
	for name, test := range map[string]struct {
		options jsonlog.Options
		with    func(*slog.Logger) *slog.Logger
		want    map[string]any
	}{
		"a span":        {jsonlog.Options{Project: "demo", Span: in}, nil, want},
		"attributes":    {jsonlog.Options{Project: "demo", Span: in}, func(l *slog.Logger) *slog.Logger { return l.With("a", 1) }, want},
		"a group":       {jsonlog.Options{Project: "demo", Span: in}, func(l *slog.Logger) *slog.Logger { return l.WithGroup("g").With("a", 1) }, want},
		"no project":    {jsonlog.Options{Span: in}, nil, nil},
		"no span":       {jsonlog.Options{Project: "demo", Span: func(context.Context) jsonlog.Span { return jsonlog.Span{} }}, nil, nil},
		"no span known": {jsonlog.Options{Project: "demo"}, nil, nil},
	} {
		var out bytes.Buffer
		log := slog.New(jsonlog.New(&out, test.options))
		if test.with != nil {
			log = test.with(log)
		}
		log.InfoContext(t.Context(), "hello", "b", 2)
		record := written(t, out.Bytes())[0]
		for field := range want {
			if got := record[field]; got != test.want[field] {
				t.Errorf("%s: %s = %v, want %v", name, field, got, test.want[field])
			}
		}
	}
}

// The handler keeps the rules of package slog.
func TestHandler(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	span := func(context.Context) jsonlog.Span { return jsonlog.Span{} }
	err := slogtest.TestHandler(jsonlog.New(&out, jsonlog.Options{Project: "demo", Span: span}), func() []map[string]any {
		records := written(t, out.Bytes())
		for _, r := range records { // slogtest knows slog's names
			r[slog.MessageKey], r[slog.LevelKey] = r["message"], r["severity"]
			delete(r, "message")
			delete(r, "severity")
		}
		return records
	})
	if err != nil {
		t.Error(err)
	}
}
