// Package jsonlog writes log records as the JSON that Cloud Logging reads from a program's
// output: severity, message, time and trace have the names that it knows, and attributes
// are fields beside them, such as invocation and job.
// https://cloud.google.com/logging/docs/structured-logging#special-payload-fields
package jsonlog

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// The fields that Cloud Logging moves out of the payload.
const (
	traceField   = "logging.googleapis.com/trace"
	spanField    = "logging.googleapis.com/spanId"
	sampledField = "logging.googleapis.com/trace_sampled"
)

// Span is where in a trace a record was written. The zero value is no trace.
type Span struct {
	Trace, ID string // lower case hex, of 32 and 16 digits
	Sampled   bool
}

// Options configure a handler. The zero value works.
type Options struct {
	// Level is the least level that is written; nil is info.
	Level slog.Leveler
	// Project is the Google Cloud project of the traces. Without one, records name no trace.
	Project string
	// Span returns the span of a context. Nil finds none.
	Span func(context.Context) Span
}

// Handler is a [slog.Handler]. Its methods may be called concurrently.
type Handler struct {
	options Options
	plain   slog.Handler // before any group
	grouped slog.Handler // with all groups; nil: there is none
	regroup []func(slog.Handler) slog.Handler
}

// New returns a handler that writes one line for each record to w.
func New(w io.Writer, o Options) *Handler {
	return &Handler{options: o, plain: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level, ReplaceAttr: replace})}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.plain.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	next := h.grouped
	if next == nil {
		next = h.plain
	}
	trace := h.trace(ctx)
	switch {
	case len(trace) == 0:
	case h.grouped == nil:
		r = r.Clone()
		r.AddAttrs(trace...)
	default: // the trace belongs beside the groups
		next = h.plain.WithAttrs(trace)
		for _, again := range h.regroup {
			next = again(next)
		}
	}
	return next.Handle(ctx, r)
}

// trace returns the fields of the context's span.
func (h *Handler) trace(ctx context.Context) []slog.Attr {
	if h.options.Span == nil || h.options.Project == "" {
		return nil
	}
	s := h.options.Span(ctx)
	if s.Trace == "" {
		return nil
	}
	return []slog.Attr{
		slog.String(traceField, "projects/"+h.options.Project+"/traces/"+s.Trace),
		slog.String(spanField, s.ID), slog.Bool(sampledField, s.Sampled),
	}
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if h.grouped != nil {
		return h.with(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) })
	}
	return &Handler{options: h.options, plain: h.plain.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

// with returns a copy of the handler that applies change behind the groups.
func (h *Handler) with(change func(slog.Handler) slog.Handler) *Handler {
	before := h.grouped
	if before == nil {
		before = h.plain
	}
	return &Handler{options: h.options, plain: h.plain, grouped: change(before), regroup: append(slices.Clip(h.regroup), change)}
}

// replace gives a record's own fields Cloud Logging's names, durations a unit, and codes
// their names.
func replace(groups []string, a slog.Attr) slog.Attr {
	if text, ok := named(a.Value); ok {
		return slog.String(a.Key, text)
	}
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("severity", severity(level))
		}
	}
	return a
}

// named returns the text of a value that JSON would show as a number, such as a duration or
// an enum.
func named(v slog.Value) (text string, ok bool) {
	switch v := v.Any().(type) {
	case json.Marshaler, encoding.TextMarshaler, error:
		return "", false
	case fmt.Stringer:
		return v.String(), true
	}
	return "", false
}

// severity returns Cloud Logging's name of a level.
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity
func severity(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARNING"
	}
	return "ERROR"
}
