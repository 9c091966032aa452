package invoker

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Launch is a request of a trigger or a schedule. The configuration asks for it, so no caller
// needs a grant.
type Launch struct {
	// Source is the trigger or the schedule. It owns the invocation and its key.
	Source runwith.Source
	Job    string
	// Key is the identity of the event or slot. The same key starts the job once, whatever else
	// the launch has. Empty is none.
	Key string
	// KeyKeep is how long the key is kept after the acceptance; 0 is
	// [ledger.KeyAfterAcceptance].
	KeyKeep time.Duration
	Asked   runwith.Request
	// Slot limits the active invocations of the source; the zero value leaves that to the job.
	Slot ledger.Slot
}
