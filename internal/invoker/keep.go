package invoker

import (
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

const (
	// keepEvery is how often the keeper looks for old invocations.
	keepEvery = time.Hour
	// keepBatch is how many are removed in one transaction.
	keepBatch = 200
	// keepLease is the lease of the process that does it.
	keepLease = "keep"
)

// keeper removes invocations and refused events that were kept long enough.
type keeper struct{ *base }

func (k *keeper) run() {
	for k.closing.Err() == nil {
		if !k.leases.Hold(k.closing, keepLease) {
			k.sleep(time.Minute)
			continue
		}
		n, err := k.store.Tidy(k.closing, ledger.Stored(k.now()), k.config.Keep, keepBatch)
		if err != nil {
			k.storeFailed("remove old invocations", err)
		}
		events, err := k.store.TidyEvents(k.closing, ledger.Stored(k.now()), keepBatch)
		if err != nil {
			k.storeFailed("remove old events", err)
		}
		if max(n, events) < keepBatch {
			k.sleep(keepEvery)
		}
	}
}
