package access

import (
	"context"
	"iter"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// Logs implements [api.Invocations]. A log can be followed for hours, so each new policy is
// asked again: it may no longer let the caller see the invocation.
func (a *Access) Logs(ctx context.Context, id string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
	return func(yield func(runwith.LogLine, error) bool) {
		s, lost := a.see(ctx, id)
		if lost != nil {
			yield(runwith.LogLine{}, lost)
			return
		}
		for line, err := range a.next.Logs(ctx, id, q) {
			if s.Policy != a.policy() {
				if s, lost = a.see(ctx, id); lost != nil {
					yield(runwith.LogLine{}, lost)
					return
				}
			}
			if !yield(line, err) {
				return
			}
		}
	}
}
