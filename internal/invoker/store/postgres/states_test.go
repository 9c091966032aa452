package postgres

import (
	"os"
	"testing"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

// TestStatesAreTheLedgers checks each set of states in SQL against the ledger's.
func TestStatesAreTheLedgers(t *testing.T) {
	t.Parallel()
	for spelled, want := range map[string]string{
		isWaiting: storetest.In(ledger.Waiting()), isHolding: storetest.In(ledger.Holding()),
		isOutstanding: storetest.In(ledger.Outstanding()), isEnded: storetest.In(ledger.Terminal()),
	} {
		if spelled != want {
			t.Errorf("the store spells %q, want %q", spelled, want)
		}
	}
	storetest.RunStates(t, os.DirFS("."), "*.go", "schema/*.sql")
}
