// Package tracing makes spans of requests and invocations, and sends them by OTLP. It is the
// only package that knows OpenTelemetry.
//
// A trace outlives a process: its context is stored with an invocation as a traceparent
// (https://www.w3.org/TR/trace-context/), and later spans continue it. A nil [Tracer] makes
// no spans, but a caller's traceparent is passed on all the same.
package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/runwith/runwith"
)

// Header is the name of the header that carries a trace context.
const Header = "traceparent"

// Kind is the role of a span.
type Kind = trace.SpanKind

// The roles.
const (
	Internal = trace.SpanKindInternal
	Server   = trace.SpanKindServer
	Client   = trace.SpanKindClient
)

// Continue returns a context that belongs to the trace of a traceparent. It returns ctx if
// that is empty or malformed, as the specification wants.
func Continue(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{Header: traceparent})
}

// Traceparent returns the traceparent of a context: of its span, or of the caller's. It is
// empty if there is none.
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[Header]
}

// IDs returns the trace and the span of a context, in hexadecimal. They are empty if there
// is none.
func IDs(ctx context.Context) (traceID, spanID string, sampled bool) {
	s := trace.SpanContextFromContext(ctx)
	if !s.IsValid() {
		return "", "", false
	}
	return s.TraceID().String(), s.SpanID().String(), s.IsSampled()
}

// Rename gives the span of a context a better name.
func Rename(ctx context.Context, name string) { trace.SpanFromContext(ctx).SetName(name) }

// Span is a part of a trace that took some time. The zero value does nothing.
type Span struct{ span trace.Span }

// Start begins a span. Its attributes are names and values, one after the other. The caller
// ends it. The span is the parent of those that start with the returned context.
func (t *Tracer) Start(ctx context.Context, kind Kind, name string, attributes ...string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(pairs(attributes)...))
	return ctx, Span{span}
}

// Set adds attributes.
func (s Span) Set(attributes ...string) {
	if s.span != nil {
		s.span.SetAttributes(pairs(attributes)...)
	}
}

// End ends the span, which has failed if err is not nil. The span has the code of the error
// and not its text, which may repeat a part of a request.
func (s Span) End(err error) { s.endAt(err, time.Time{}) }

func (s Span) endAt(err error, at time.Time) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, runwith.CodeOf(err).String())
	}
	if at.IsZero() {
		s.span.End()
		return
	}
	s.span.End(trace.WithTimestamp(at))
}

// Past is a span that has ended already.
type Past struct {
	Name     string
	From, To time.Time
	Err      error // why it failed; nil: it did not
}

// Record makes a span of the past in the trace of a traceparent. It makes none without one.
func (t *Tracer) Record(traceparent string, p Past, attributes ...string) {
	if t == nil || traceparent == "" {
		return
	}
	ctx := Continue(context.Background(), traceparent)
	_, span := t.tracer.Start(ctx, p.Name, trace.WithTimestamp(p.From), trace.WithAttributes(pairs(attributes)...))
	Span{span}.endAt(p.Err, p.To)
}

func pairs(names []string) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, len(names)/2)
	for i := 0; i+1 < len(names); i += 2 {
		all = append(all, attribute.String(names[i], names[i+1]))
	}
	return all
}
