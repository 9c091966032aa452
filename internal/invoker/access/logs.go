package access

import (
	"context"
	"iter"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// Logs implements [api.Invocations].
func (a *Access) Logs(ctx context.Context, id string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
	return func(yield func(runwith.LogLine, error) bool) {
		if _, err := a.see(ctx, id); err != nil {
			yield(runwith.LogLine{}, err)
			return
		}
		for line, err := range a.next.Logs(ctx, id, q) {
			if !yield(line, err) {
				return
			}
		}
	}
}
