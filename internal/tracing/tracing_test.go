package tracing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/tracing"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestContinue(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		parent: parent,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
		"": "",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": "",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01": "",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01": "",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": "",
		parent + "\n": "",
	} {
		if got := tracing.Traceparent(tracing.Continue(t.Context(), given)); got != want {
			t.Errorf("traceparent %q continues as %q, want %q", given, got, want)
		}
	}
	trace, span, sampled := tracing.IDs(tracing.Continue(t.Context(), parent))
	if trace != "4bf92f3577b34da6a3ce929d0e0e4736" || span != "00f067aa0ba902b7" || !sampled {
		t.Errorf("IDs = %s, %s, %v, want those of %s", trace, span, sampled, parent)
	}
}

// Without a tracer there are no spans, and nothing to hand in.
func TestNilTracer(t *testing.T) {
	var tracer *tracing.Tracer
	ctx := tracing.Continue(t.Context(), parent)
	with, span := tracer.Start(ctx, tracing.Server, "name", "a", "b")
	span.Set("c", "d")
	span.End(errors.New("why"))
	tracing.Rename(with, "other")
	tracer.Record(parent, tracing.Past{Name: "name", From: time.Now(), To: time.Now()})
	if with != ctx || tracing.Traceparent(with) != parent {
		t.Error("a nil tracer changes the context")
	}
	if err := tracer.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	if allocs := testing.AllocsPerRun(10, func() { tracing.Continue(context.Background(), "") }); allocs != 0 {
		t.Errorf("a request without a trace makes %v allocations, want none", allocs)
	}
}
