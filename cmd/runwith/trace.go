package main

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jsonlog"
	"github.com/runwith/runwith/internal/tracing"
)

// openTracer returns the tracer that the variables of OpenTelemetry ask for, or nil if none
// asks. OpenTelemetry's library reads all others itself: those of headers, certificates,
// sampling and resources.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
func openTracer(ctx context.Context, logger *slog.Logger) (*tracing.Tracer, error) {
	const endpointName, exporterName, protocolName = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"
	endpoint := cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""), env(endpointName, ""))
	exporter := env(exporterName, "")
	if env("OTEL_SDK_DISABLED", "") == "true" || exporter == "none" || endpoint == "" && exporter == "" {
		return nil, nil //nolint:nilnil // nil makes no spans
	}
	if exporter != "" && exporter != "otlp" {
		return nil, misused("%s %q: must be otlp or none", exporterName, exporter)
	}
	switch protocol := cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", ""), env(protocolName, "")); protocol {
	case "", "http/protobuf", "http/json":
	default:
		return nil, misused("%s %q: must be http/protobuf or http/json; receivers take it on port 4318", protocolName, protocol)
	}
	return tracing.Open(ctx, tracing.Config{Version: version(), Logger: logger})
}

// closeTracer sends the last spans.
func closeTracer(t *tracing.Tracer, logger *slog.Logger) {
	if err := t.Close(); err != nil {
		logger.Warn("traces are lost", "error", err)
	}
}

// spanOf returns the span of a context for the log.
func spanOf(ctx context.Context) jsonlog.Span {
	trace, id, sampled := tracing.IDs(ctx)
	return jsonlog.Span{Trace: trace, ID: id, Sampled: sampled}
}

// deliverySpans returns a function that makes the span of each attempt to deliver a callback,
// in the trace of its invocation. It is nil without a tracer.
func (s *invokerStack) deliverySpans(t *tracing.Tracer) func(d ledger.Delivery, began, ended time.Time, failure error) {
	if t == nil {
		return nil
	}
	return func(d ledger.Delivery, began, ended time.Time, failure error) {
		r, err := s.store.Find(context.Background(), d.Invocation)
		if err != nil { // it is gone, and so is its trace
			return
		}
		t.Record(r.Trace, tracing.Past{Name: "delivery", From: began, To: ended, Err: failure}, "runwith.invocation", d.Invocation, "runwith.job", d.Job,
			"runwith.delivery", d.ID, "runwith.endpoint", d.Lane(), "runwith.event", string(d.Event))
	}
}
