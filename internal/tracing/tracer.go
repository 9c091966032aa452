package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	// flushTimeout is how long spans may take to leave when the program ends.
	flushTimeout = 5 * time.Second
	// warnEvery is the least time between two warnings about spans that cannot be sent.
	warnEvery = time.Minute
)

// Config configures a [Tracer]. Logger is required. The library takes everything else from
// the variables of OpenTelemetry, which all programs share:
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
type Config struct {
	Version string // of the program
	Logger  *slog.Logger
}

// Tracer makes spans and sends them in the background. Its methods may be called
// concurrently. A nil one makes none.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdk.TracerProvider
}

// Open returns a tracer. It connects when the first spans leave. If the receiver does not
// keep up, spans are dropped. The caller closes the tracer.
func Open(ctx context.Context, c Config) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("open traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "runwith"), attribute.String("service.version", c.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv()) // the last one counts
	if err != nil {
		return nil, fmt.Errorf("open traces: %w", err)
	}
	failures := &failures{log: c.Logger, began: time.Now()}
	otel.SetErrorHandler(failures) // the library's own place for what it does in the background
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracer{tracer: provider.Tracer("github.com/runwith/runwith"), provider: provider}, nil
}

// Close sends the spans that have ended, for a few seconds at most.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// failures logs what the library cannot do in the background.
type failures struct {
	log    *slog.Logger
	began  time.Time
	warned atomic.Int64 // since began; 0 for never
}

// Handle implements [otel.ErrorHandler].
func (f *failures) Handle(err error) {
	now := int64(time.Since(f.began)) + 1
	if last := f.warned.Load(); last != 0 && now-last < int64(warnEvery) {
		return
	}
	f.warned.Store(now)
	f.log.Warn("traces cannot be sent", "error", err)
}
