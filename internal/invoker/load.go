package invoker

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Load counts the invocations that have not ended, by state.
func (v *Invoker) Load(ctx context.Context) (map[string]int, error) {
	left, err := v.store.Outstanding(ctx)
	if err != nil {
		return nil, err
	}
	load := map[string]int{string(store.Later): left[store.Later]}
	for _, state := range []runwith.State{
		runwith.StateAccepted, runwith.StateQueued, runwith.StateStarting, runwith.StateRunning, runwith.StateUnresolved,
	} {
		load[string(state)] = left[state]
	}
	return load, nil
}
